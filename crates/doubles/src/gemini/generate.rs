//! `generateContent`, `streamGenerateContent` and `countTokens`: the checks of the real API, an answer, and the ways in
//! which a stream goes wrong.

use std::time::Duration;

use serde_json::{Value, json};

use super::errors::ApiError;
use super::models::{self, Model};
use super::schema::{COUNT, GENERATE, integer, member};
use super::{Call, check_fields, tokens};
use crate::answer::grounded;
use crate::body::{Piece, cut_into_words, split_characters, with_pauses};
use crate::fault::Fault;

/// The answer to be sent, as the model would have decided it.
struct Answer {
    model: String,
    text: String,
    finish: String,
    prompt_tokens: u32,
    thought_tokens: u32,
    /// Gets the rest of the answer, when it stopped at a limit of one request.
    continuation: Option<String>,
    /// Send thoughts before the answer.
    thoughts: bool,
    blocked: Option<String>,
}

/// Answers `generateContent`; true when the reply is to be cut.
pub(super) fn whole(request: &Value, call: &Call) -> Result<(Value, bool), ApiError> {
    let answer = decide(request, call, "generateContent")?;
    if let Some(Fault::RawError { code, .. } | Fault::ErrorEvent { code, .. }) = &call.fault {
        return Err(ApiError::of_status(*code));
    }
    let mut reply = answer.event(&answer.text, true);
    if answer.thoughts
        && let Some(parts) = reply["candidates"][0]["content"]["parts"].as_array_mut()
    {
        parts.insert(0, thought());
    }
    Ok((reply, matches!(call.fault, Some(Fault::Cut { .. } | Fault::HangAfter { .. }))))
}

/// Answers `streamGenerateContent`, as events or as the pieces of a JSON array.
pub(super) fn stream(request: &Value, call: &Call, events: bool) -> Result<Vec<Piece>, ApiError> {
    let answer = decide(request, call, "streamGenerateContent")?;
    let pace = call.control.pace();
    let encode = |place: usize, value: &Value| match (events, place) {
        (true, _) => Piece::text(format!("data: {value}\r\n\r\n")),
        (false, 0) => Piece::text(format!("[{value}\r\n")),
        (false, _) => Piece::text(format!(",\r\n{value}\r\n")),
    };
    let mut pieces: Vec<Piece> =
        answer.events(pace.words).iter().enumerate().map(|(place, value)| encode(place, value)).collect();
    let whole_length = pieces.len();
    let keep = |after: usize| after.min(whole_length.saturating_sub(1));
    let mut end = vec![Piece::text(if events { "" } else { "]" })];
    match &call.fault {
        Some(Fault::Cut { after }) => {
            pieces.truncate(keep(*after));
            end = vec![Piece::Cut];
        }
        Some(Fault::HangAfter { after }) => {
            pieces.truncate(keep(*after));
            end = vec![Piece::Hang];
        }
        Some(Fault::NoFinish { after }) => pieces.truncate(keep(*after)),
        Some(Fault::RawError { after, code }) => {
            pieces.truncate(keep(*after));
            end = vec![Piece::text(ApiError::of_status(*code).pretty())];
        }
        Some(Fault::ErrorEvent { after, code }) => {
            pieces.truncate(keep(*after));
            end.insert(0, encode(pieces.len(), &ApiError::of_status(*code).body));
        }
        Some(Fault::Drip { delay_ms }) => {
            pieces = pieces
                .into_iter()
                .flat_map(|piece| [Piece::Wait(Duration::from_millis(*delay_ms)), piece])
                .collect();
        }
        _ => {}
    }
    // A body that only hangs or is cut still has to have a head.
    let mut pieces = with_pauses(pieces, pace);
    pieces.extend(end.into_iter().filter(|piece| !matches!(piece, Piece::Bytes(bytes) if bytes.is_empty())));
    Ok(if call.fault == Some(Fault::SplitUtf8) { split_characters(pieces) } else { pieces })
}

/// Answers `countTokens`.
pub(super) fn count_tokens(request: &Value, call: &Call) -> Result<Value, ApiError> {
    check_fields(request, COUNT)?;
    chat_model(call, "countTokens")?;
    let inner = member(request, "generateContentRequest").unwrap_or(request);
    check_contents(inner, "CountTokensRequest")?;
    let count = prompt_tokens(inner);
    Ok(json!({ "totalTokens": count, "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": count }] }))
}

/// Checks the request and decides what is answered.
fn decide(request: &Value, call: &Call, method: &str) -> Result<Answer, ApiError> {
    check_fields(request, GENERATE)?;
    let model = chat_model(call, method)?;
    check_contents(request, "GenerateContentRequest")?;
    let config = member(request, "generationConfig").cloned().unwrap_or(Value::Null);
    let (level, include_thoughts) = check_thinking(&config, model)?;
    let limit = member(&config, "maxOutputTokens").and_then(integer).unwrap_or(65_536);
    if !(1..=65_536).contains(&limit) {
        return Err(ApiError::new(
            400,
            format!(
                "Unable to submit request because it has a maxOutputTokens value of {limit} but the supported range is from 1 (inclusive) to 65537 (exclusive). Update the value and try again."
            ),
        ));
    }
    let turns = texts(request);
    let rest = match member(&config, "continuationToken").and_then(Value::as_str) {
        Some(token) => {
            Some(read_token(token).ok_or_else(|| ApiError::new(400, "Invalid continuation token."))?)
        }
        None => None,
    };
    let mut text = rest.unwrap_or_else(|| call.control.take_answer().unwrap_or_else(|| grounded(&turns)));
    let mut continuation = None;
    let mut finish = "STOP".to_owned();
    let mut thought_tokens = model.thought_tokens(level.as_deref());
    let stops = member(&config, "stopSequences").and_then(Value::as_array).cloned().unwrap_or_default();
    for stop in stops.iter().filter_map(Value::as_str).filter(|stop| !stop.is_empty()) {
        if let Some(at) = text.find(stop) {
            text.truncate(at);
        }
    }
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    match &call.fault {
        Some(Fault::EmptyAnswer) => text.clear(),
        Some(Fault::MaxTokensAfterThinking) => thought_tokens = limit,
        Some(Fault::Finish { reason }) => {
            if reason == "CONTINUATION" {
                let rest: String = text.chars().skip(text.chars().count() / 2).collect();
                continuation = Some(write_token(&rest));
            }
            text = text.chars().take(text.chars().count() / 2).collect();
            finish.clone_from(reason);
        }
        _ => {}
    }
    // Thinking counts against the limit: what it leaves is all that the answer gets.
    let left = limit.saturating_sub(thought_tokens);
    if tokens(&text) > left {
        text = text.chars().take(left as usize * 4).collect();
        "MAX_TOKENS".clone_into(&mut finish);
    }
    let blocked = match &call.fault {
        Some(Fault::BlockedPrompt { reason }) => Some(reason.clone()),
        _ => None,
    };
    Ok(Answer {
        model: model.id.to_owned(),
        text,
        finish,
        prompt_tokens: prompt_tokens(request),
        thought_tokens,
        continuation,
        thoughts: include_thoughts || call.fault == Some(Fault::Thoughts),
        blocked,
    })
}

impl Answer {
    /// All events of the stream; the last one carries the finish reason.
    fn events(&self, words: usize) -> Vec<Value> {
        if self.blocked.is_some() {
            return vec![self.event("", true)];
        }
        let mut events = Vec::new();
        if self.thoughts {
            let mut event = self.event("", false);
            event["candidates"][0]["content"]["parts"] = json!([thought()]);
            events.push(event);
        }
        let texts = cut_into_words(&self.text, words);
        let last = texts.len() - 1;
        events.extend(texts.iter().enumerate().map(|(place, text)| self.event(text, place == last)));
        events
    }

    fn event(&self, text: &str, last: bool) -> Value {
        let mut usage = json!({
            "promptTokenCount": self.prompt_tokens,
            "totalTokenCount": self.prompt_tokens,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": self.prompt_tokens }],
            "serviceTier": "standard",
        });
        if let Some(reason) = &self.blocked {
            return json!({
                "promptFeedback": { "blockReason": reason },
                "usageMetadata": usage,
                "modelVersion": self.model,
                "responseId": "double",
            });
        }
        let mut candidate = json!({ "index": 0, "content": { "role": "model" } });
        if !text.is_empty() {
            candidate["content"]["parts"] = json!([{ "text": text }]);
        }
        if last {
            let answer_tokens = tokens(&self.text);
            candidate["finishReason"] = json!(self.finish);
            if let Some(token) = &self.continuation {
                candidate["continuationToken"] = json!(token);
            }
            usage["candidatesTokenCount"] = json!(answer_tokens);
            usage["totalTokenCount"] = json!(self.prompt_tokens + answer_tokens + self.thought_tokens);
            if self.thought_tokens > 0 {
                usage["thoughtsTokenCount"] = json!(self.thought_tokens);
            }
        }
        json!({
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": self.model,
            "responseId": "double",
        })
    }
}

/// The rest of the answer as a token: opaque to clients, and no state for the double to keep.
fn write_token(rest: &str) -> String {
    rest.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read_token(token: &str) -> Option<String> {
    let pairs = token.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}

fn thought() -> Value {
    json!({ "text": "Let me look at the passages first.", "thought": true })
}

fn chat_model(call: &Call, method: &str) -> Result<&'static Model, ApiError> {
    models::find(&call.model, &call.version)
        .filter(|model| !model.embeds)
        .ok_or_else(|| ApiError::no_model(&call.model, &call.version, method))
}

fn check_contents(request: &Value, message: &str) -> Result<(), ApiError> {
    let contents =
        member(request, "contents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if contents.is_empty() {
        return Err(ApiError::new(400, format!("* {message}.contents: contents is not specified\n")));
    }
    for (place, content) in contents.iter().enumerate() {
        if let Some(role) = member(content, "role").and_then(Value::as_str)
            && role != "user"
            && role != "model"
        {
            return Err(ApiError::new(400, "Please use a valid role: user, model."));
        }
        let parts = member(content, "parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if parts.is_empty() {
            return Err(ApiError::new(
                400,
                format!("* {message}.contents[{place}].parts: contents.parts must not be empty.\n"),
            ));
        }
        for (part_place, part) in parts.iter().enumerate() {
            if part.get("text").and_then(Value::as_str) == Some("") {
                return Err(ApiError::new(
                    400,
                    format!(
                        "* {message}.contents[{place}].parts[{part_place}].data: required oneof field 'data' must have \
                         one initialized field\n"
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// The level asked for and whether thoughts are wanted.
fn check_thinking(config: &Value, model: &Model) -> Result<(Option<String>, bool), ApiError> {
    let Some(thinking) = member(config, "thinkingConfig") else { return Ok((None, false)) };
    let level = member(thinking, "thinkingLevel").and_then(Value::as_str).map(str::to_ascii_lowercase);
    if level.is_some() && member(thinking, "thinkingBudget").is_some() {
        return Err(ApiError::new(400, "You can only set only one of thinking budget and thinking level."));
    }
    match (model.minimal, level.as_deref()) {
        (None, _) => return Err(ApiError::new(400, "Thinking is not enabled for this model.")),
        (Some(false), Some("minimal")) => {
            return Err(ApiError::new(
                400,
                "Thinking level MINIMAL is not supported for this model. Please retry with other thinking level.",
            ));
        }
        _ => {}
    }
    Ok((level, member(thinking, "includeThoughts") == Some(&Value::Bool(true))))
}

fn texts(request: &Value) -> Vec<String> {
    let contents = member(request, "contents").and_then(Value::as_array);
    contents.into_iter().flatten().map(content_text).collect()
}

fn content_text(content: &Value) -> String {
    let parts = member(content, "parts").and_then(Value::as_array);
    parts.into_iter().flatten().filter_map(|part| part.get("text")?.as_str()).collect()
}

fn prompt_tokens(request: &Value) -> u32 {
    let system = member(request, "systemInstruction").map(content_text).unwrap_or_default();
    texts(request).iter().map(|text| tokens(text)).sum::<u32>() + tokens(&system)
}
