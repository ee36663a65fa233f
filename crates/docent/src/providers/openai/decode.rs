//! What the events of a streamed `chat/completions` mean. Reasoning is left out, unknown fields are tolerated, and an
//! error is recognised wherever a server puts it after HTTP 200.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::super::delta_reader::Decoder;
use super::super::sse::{Item, StrayJson};
use super::super::{Delta, FinishReason, ProviderError, Usage};
use super::errors::Failure;
use super::{MODEL_VARIABLE, PROVIDER};
use crate::secret::Secret;

/// Usage comes in an event of its own after the finish reason, also from a server on a busy machine.
const USAGE_GRACE: Duration = Duration::from_secs(2);

/// After `[DONE]` only the end of the body comes; reading it lets the connection be used again.
const END_GRACE: Duration = Duration::from_millis(50);

/// Decoder of one streamed answer.
pub(super) struct OpenAiDecoder {
    model: String,
    key: Secret,
    stray: StrayJson,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    refused: bool,
    done: bool,
    seen_event: bool,
}

impl OpenAiDecoder {
    /// For an answer of `model`; `key` is only there to be kept out of errors.
    pub(super) fn new(model: &str, key: Secret) -> Self {
        Self {
            model: model.to_owned(),
            key,
            stray: StrayJson::default(),
            usage: None,
            finish: None,
            refused: false,
            done: false,
            seen_event: false,
        }
    }

    fn event(&mut self, text: &str, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        if text.trim() == "[DONE]" {
            self.done = true;
            self.seen_event = true;
            return Ok(());
        }
        let chunk: Value = serde_json::from_str(text).map_err(|error| ProviderError::BadResponse {
            provider: PROVIDER,
            detail: format!("an event is no JSON: {error}"),
        })?;
        self.seen_event = true;
        if let Some(error) = error_of(&chunk) {
            return Err(self.failure(error));
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(read_usage(usage));
        }
        let Some(choice) = chunk.get("choices").and_then(|choices| choices.get(0)) else { return Ok(()) };
        // A gateway that does not stream sends the whole answer as `message`.
        let delta = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
        let field = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default();
        if !field("content").is_empty() {
            deltas.push_back(Delta::Text(field("content").to_owned()));
        }
        self.refused |= !field("refusal").is_empty();
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(match reason {
                _ if self.refused => FinishReason::Withheld("refusal".to_owned()),
                "stop" => FinishReason::Stop,
                "length" => FinishReason::MaxTokens,
                "content_filter" => FinishReason::Withheld(reason.to_owned()),
                other => FinishReason::Other(other.to_owned()),
            });
        }
        Ok(())
    }

    fn failure(&self, error: &Value) -> ProviderError {
        let failure = Failure { model: &self.model, model_variable: MODEL_VARIABLE, key: Some(&self.key) };
        failure.classify_error(500, error, None)
    }
}

impl Decoder for OpenAiDecoder {
    fn item(&mut self, item: Item, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        match item {
            Item::Event(event) if event.name == "error" => {
                let error = serde_json::from_str(&event.data).unwrap_or(Value::String(event.data));
                Err(self.failure(&error))
            }
            Item::Event(event) => self.event(&event.data, deltas),
            // llama.cpp has put its errors into a field of that name.
            Item::Stray(line) if line.starts_with("error:") => {
                let text = line["error:".len()..].trim();
                let error = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
                Err(self.failure(&error))
            }
            Item::Stray(line) => match self.stray.push(&line) {
                Some(text) => self.event(&text, deltas),
                None => Ok(()),
            },
        }
    }

    fn grace(&self) -> Option<Duration> {
        if self.done { Some(END_GRACE) } else { self.finish.as_ref().map(|_| USAGE_GRACE) }
    }

    fn end(&mut self, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        let finish = match self.finish.take() {
            Some(finish) => finish,
            // The end was marked, only its reason was left out.
            None if self.done => FinishReason::Stop,
            None if self.seen_event || self.stray.is_open() => {
                return Err(ProviderError::Interrupted { provider: PROVIDER });
            }
            None => {
                return Err(ProviderError::BadResponse {
                    provider: PROVIDER,
                    detail: "the reply holds no event of an answer".to_owned(),
                });
            }
        };
        deltas.extend(self.usage.take().map(Delta::Usage));
        deltas.push_back(Delta::Finished(finish));
        Ok(())
    }
}

/// The reply itself when it is, or holds, an error.
fn error_of(chunk: &Value) -> Option<&Value> {
    let chunk = chunk.get(0).unwrap_or(chunk);
    let is_error = chunk.get("error").is_some_and(|error| !error.is_null())
        || chunk.get("object").and_then(Value::as_str) == Some("error");
    is_error.then_some(chunk)
}

fn read_usage(usage: &Value) -> Usage {
    let count = |pointer: &str| {
        let count = usage.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let thought_tokens = count("/completion_tokens_details/reasoning_tokens");
    Usage {
        prompt_tokens: count("/prompt_tokens"),
        answer_tokens: count("/completion_tokens").saturating_sub(thought_tokens),
        thought_tokens,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sse::SseParser;
    use super::*;

    /// Decodes a whole body and shows the deltas and the failure, one a line.
    fn check(body: &str, expected: &str) {
        let mut parser = SseParser::default();
        let mut items = Vec::new();
        let mut decoder = OpenAiDecoder::new("m", Secret::new("k"));
        let mut deltas = VecDeque::new();
        parser.push(body.as_bytes(), &mut items).expect("within the limit");
        parser.finish(&mut items).expect("within the limit");
        let outcome = items
            .into_iter()
            .try_for_each(|item| decoder.item(item, &mut deltas))
            .and_then(|()| decoder.end(&mut deltas));
        let mut lines: Vec<String> = deltas
            .iter()
            .map(|delta| match delta {
                Delta::Text(text) => format!("text {text}"),
                Delta::Usage(usage) => {
                    format!("usage {} {} {}", usage.prompt_tokens, usage.answer_tokens, usage.thought_tokens)
                }
                Delta::Finished(reason) => format!("finished {reason:?}"),
            })
            .collect();
        if let Err(error) = outcome {
            lines.push(format!("{}: {error}", error.kind()));
        }
        assert_eq!(lines.join("\n"), expected, "{body}");
    }

    #[test]
    fn text_usage_and_finish_come_in_order() {
        check(
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
             data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hmm\"}}]}\n\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n\
             data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
             data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n\
             data: [DONE]\n\n",
            "text Hi\nusage 7 2 3\nfinished Stop",
        );
    }

    #[test]
    fn reasons_are_mapped() {
        let finish = |delta: &str, reason: &str, expected: &str| {
            let body = format!(
                "data: {{\"choices\":[{{\"delta\":{delta},\"finish_reason\":\"{reason}\"}}]}}\n\ndata: [DONE]\n\n"
            );
            check(&body, expected);
        };
        finish("{}", "length", "finished MaxTokens");
        finish("{}", "content_filter", "finished Withheld(\"content_filter\")");
        finish("{\"refusal\":\"No.\"}", "stop", "finished Withheld(\"refusal\")");
        finish("{}", "tool_calls", "finished Other(\"tool_calls\")");
    }

    #[test]
    fn an_unstreamed_answer_is_read() {
        check(
            "{\"choices\":[{\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}",
            "text Hi\nusage 1 1 0\nfinished Stop",
        );
    }

    #[test]
    fn errors_after_the_head_are_found_in_every_form() {
        let overloaded = "unavailable: OpenAI-compatible server is unavailable: HTTP 500: overloaded";
        check("data: {\"error\":{\"message\":\"overloaded\"}}\n\n", overloaded);
        check("event: error\ndata: {\"message\":\"overloaded\"}\n\n", overloaded);
        check("error: {\"code\":500,\"message\":\"overloaded\"}\n\n", overloaded);
        check("{\n  \"error\": {\n \"message\": \"overloaded\" }\n}\n", overloaded);
        check(
            "data: {\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}\n\n",
            "rate_limited: OpenAI-compatible server is rate limiting",
        );
    }

    #[test]
    fn an_end_without_a_mark_is_an_interruption() {
        check(
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n",
            "text Hi\ninterrupted: OpenAI-compatible server broke off in the middle of the answer",
        );
        check(
            "",
            "bad_response: OpenAI-compatible server sent an unusable reply: the reply holds no event of an answer",
        );
    }
}
