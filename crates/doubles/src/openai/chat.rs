//! `POST /v1/chat/completions`.

use std::time::Duration;

use serde_json::{Value, json};

use super::errors::ApiError;
use super::{CREATED, Call, OpenAiDouble, check_names, is_chat, tokens};
use crate::answer::grounded;
use crate::body::{Piece, cut_into_words, split_characters, with_pauses};
use crate::fault::Fault;

const NAMES: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "user",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "metadata",
    "store",
    "service_tier",
];

/// Tokens that the reasoning model pretends to think with.
const REASONING_TOKENS: u32 = 64;

/// What the call gets.
pub(super) enum Reply {
    Whole(Value),
    Pieces(Vec<Piece>),
}

/// The answer, as the model would have decided it.
struct Answer {
    model: String,
    text: String,
    finish: String,
    prompt_tokens: u32,
    thought_tokens: u32,
    thoughts: bool,
}

/// Checks the request and answers it.
pub(super) fn answer(request: &Value, call: &Call) -> Result<Reply, ApiError> {
    let answer = decide(request, call)?;
    let is_set = |value: Option<&Value>| value == Some(&Value::Bool(true));
    if !is_set(request.get("stream")) {
        if request.get("stream_options").is_some() {
            return Err(ApiError::bad_field(
                "stream_options",
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            ));
        }
        return Ok(Reply::Whole(answer.whole()));
    }
    let with_usage = is_set(request.pointer("/stream_options/include_usage"));
    Ok(Reply::Pieces(answer.pieces(call, with_usage)))
}

fn decide(request: &Value, call: &Call) -> Result<Answer, ApiError> {
    check_names(request, NAMES)?;
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    if model.is_empty() {
        return Err(ApiError::bad_field("model", "you must provide a model parameter"));
    }
    if !is_chat(model) {
        return Err(ApiError::no_model(model));
    }
    let turns = texts(request)?;
    let reasons = model == OpenAiDouble::REASONING_MODEL;
    if reasons && request.get("max_tokens").is_some() {
        return Err(ApiError::new(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            Some("max_tokens"),
            Some("unsupported_parameter"),
        ));
    }
    let limit = request.get("max_completion_tokens").or_else(|| request.get("max_tokens"));
    let limit = match limit.map(Value::as_u64) {
        None => u32::MAX,
        Some(Some(limit)) if limit >= 1 => u32::try_from(limit).unwrap_or(u32::MAX),
        Some(_) => {
            return Err(ApiError::bad_field(
                "max_tokens",
                "Invalid 'max_tokens': expected an integer of at least 1.",
            ));
        }
    };
    if let Some(Fault::BlockedPrompt { reason }) = &call.fault {
        let message = format!("Invalid prompt: your prompt was flagged ({reason}).");
        return Err(ApiError::new(400, message, None, Some("invalid_prompt")));
    }
    let mut text = call.control.take_answer().unwrap_or_else(|| grounded(&turns));
    let mut finish = "stop".to_owned();
    let mut thought_tokens = if reasons { REASONING_TOKENS } else { 0 };
    match &call.fault {
        Some(Fault::EmptyAnswer) => text.clear(),
        Some(Fault::MaxTokensAfterThinking) => thought_tokens = limit,
        Some(Fault::Finish { reason }) => {
            text = text.chars().take(text.chars().count() / 2).collect();
            finish.clone_from(reason);
        }
        _ => {}
    }
    let left = limit.saturating_sub(thought_tokens);
    if tokens(&text) > left {
        text = text.chars().take(left as usize * 4).collect();
        "length".clone_into(&mut finish);
    }
    Ok(Answer {
        model: model.to_owned(),
        text,
        finish,
        prompt_tokens: turns.iter().map(|turn| tokens(turn)).sum(),
        thought_tokens,
        thoughts: call.fault == Some(Fault::Thoughts),
    })
}

/// Texts of all messages, oldest first.
fn texts(request: &Value) -> Result<Vec<String>, ApiError> {
    let messages = request.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if messages.is_empty() {
        return Err(ApiError::bad_field(
            "messages",
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        ));
    }
    let mut texts = Vec::with_capacity(messages.len());
    for (place, message) in messages.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
            return Err(ApiError::bad_field(
                &format!("messages[{place}].role"),
                &format!(
                    "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'."
                ),
            ));
        }
        texts.push(match message.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
            }
            _ => {
                return Err(ApiError::bad_field(
                    &format!("messages[{place}].content"),
                    "Invalid type for content: expected one of a string or array of objects.",
                ));
            }
        });
    }
    Ok(texts)
}

impl Answer {
    fn usage(&self) -> Value {
        let completion = tokens(&self.text) + self.thought_tokens;
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "completion_tokens_details": { "reasoning_tokens": self.thought_tokens },
        })
    }

    fn whole(&self) -> Value {
        json!({
            "id": "chatcmpl-double",
            "object": "chat.completion",
            "created": CREATED,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": self.text, "refusal": null },
                "finish_reason": self.finish,
            }],
            "usage": self.usage(),
        })
    }

    fn chunk(&self, choices: &Value) -> Value {
        json!({
            "id": "chatcmpl-double",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.model,
            "choices": choices,
        })
    }

    fn pieces(&self, call: &Call, with_usage: bool) -> Vec<Piece> {
        let pace = call.control.pace();
        let choice = |delta: Value, finish: Value| {
            self.chunk(&json!([{ "index": 0, "delta": delta, "finish_reason": finish }]))
        };
        let encode = |value: &Value| Piece::text(format!("data: {value}\n\n"));
        // The role goes with the first text, so that `after` counts events with text.
        let mut events = Vec::new();
        if self.thoughts {
            events.push(choice(
                json!({ "role": "assistant", "reasoning_content": "Let me look." }),
                Value::Null,
            ));
        }
        for text in cut_into_words(&self.text, pace.words) {
            events.push(choice(json!({ "role": "assistant", "content": text }), Value::Null));
        }
        let mut end = vec![encode(&choice(json!({}), json!(self.finish)))];
        if with_usage {
            let mut usage = self.chunk(&json!([]));
            usage["usage"] = self.usage();
            end.push(encode(&usage));
        }
        end.push(Piece::text("data: [DONE]\n\n"));
        let mut pieces: Vec<Piece> = events.iter().map(encode).collect();
        match &call.fault {
            Some(Fault::Cut { after }) => {
                pieces.truncate(*after);
                end = vec![Piece::Cut];
            }
            Some(Fault::HangAfter { after }) => {
                pieces.truncate(*after);
                end = vec![Piece::Hang];
            }
            Some(Fault::NoFinish { after }) => {
                pieces.truncate(*after);
                end.clear();
            }
            Some(Fault::RawError { after, code }) => {
                pieces.truncate(*after);
                let error =
                    serde_json::to_string_pretty(&ApiError::of_status(*code).body).unwrap_or_default();
                end = vec![Piece::text(error + "\n")];
            }
            Some(Fault::ErrorEvent { after, code }) => {
                pieces.truncate(*after);
                end = vec![encode(&ApiError::of_status(*code).body)];
            }
            Some(Fault::Drip { delay_ms }) => {
                let pause = Piece::Wait(Duration::from_millis(*delay_ms));
                pieces = pieces.into_iter().flat_map(|piece| [pause.clone(), piece]).collect();
            }
            _ => {}
        }
        let mut pieces = with_pauses(pieces, pace);
        pieces.extend(end);
        if call.fault == Some(Fault::SplitUtf8) { split_characters(pieces) } else { pieces }
    }
}
