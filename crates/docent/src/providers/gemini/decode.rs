//! What the events of `streamGenerateContent` mean. Thinking is left out, unknown fields and values are tolerated, usage
//! is the last one seen, and an error is recognised wherever Gemini puts it.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::super::delta_reader::Decoder;
use super::super::sse::{Item, StrayJson};
use super::super::{Delta, FinishReason, ProviderError, Usage};
use super::errors::{Failure, unwrap_error};
use super::{MODEL_VARIABLE, PROVIDER};
use crate::secret::Secret;

/// After the finish reason only usage and the end of the body can come; they come at once or not at all.
const GRACE: Duration = Duration::from_millis(250);

/// Finish reasons that mean: policy withheld (the rest of) the answer.
const WITHHELD: &[&str] =
    &["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "LANGUAGE"];

/// Decoder of one streamed answer.
pub(super) struct GeminiDecoder {
    model: String,
    key: Secret,
    stray: StrayJson,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    seen_event: bool,
}

impl GeminiDecoder {
    /// For an answer of `model`; `key` is only there to be kept out of errors.
    pub(super) fn new(model: &str, key: Secret) -> Self {
        Self {
            model: model.to_owned(),
            key,
            stray: StrayJson::default(),
            usage: None,
            finish: None,
            seen_event: false,
        }
    }

    fn chunk(&mut self, chunk: &Value, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        self.seen_event = true;
        if let Some(error) = unwrap_error(chunk) {
            let failure = Failure { model: &self.model, model_variable: MODEL_VARIABLE, key: &self.key };
            return Err(failure.classify_error(500, error, None));
        }
        if let Some(usage) = chunk.get("usageMetadata").filter(|usage| usage.is_object()) {
            self.usage = Some(read_usage(usage));
        }
        let Some(candidate) = chunk.get("candidates").and_then(|candidates| candidates.get(0)) else {
            return match chunk.pointer("/promptFeedback/blockReason").and_then(Value::as_str) {
                Some(reason) => Err(ProviderError::Blocked { provider: PROVIDER, reason: reason.to_owned() }),
                None => Ok(()),
            };
        };
        let text = read_text(candidate);
        if !text.is_empty() {
            deltas.push_back(Delta::Text(text));
        }
        if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
            let token = candidate.get("continuationToken").and_then(Value::as_str);
            self.finish = match (reason, token) {
                ("CONTINUATION", Some(token)) => Some(FinishReason::Continue(token.to_owned())),
                // Nobody can ask for the rest: it is cut.
                ("CONTINUATION", None) => Some(FinishReason::MaxTokens),
                _ => read_finish(reason).or(self.finish.take()),
            };
        }
        Ok(())
    }
}

impl Decoder for GeminiDecoder {
    fn item(&mut self, item: Item, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        let text = match item {
            Item::Event(event) => event.data,
            Item::Stray(line) => match self.stray.push(&line) {
                Some(text) => text,
                None => return Ok(()),
            },
        };
        let value: Value = serde_json::from_str(&text).map_err(|error| ProviderError::BadResponse {
            provider: PROVIDER,
            detail: format!("an event is no JSON: {error}"),
        })?;
        // Without `alt=sse`, and behind some gateways, the whole answer is one array of chunks.
        match value.as_array() {
            Some(chunks) => chunks.iter().try_for_each(|chunk| self.chunk(chunk, deltas)),
            None => self.chunk(&value, deltas),
        }
    }

    fn grace(&self) -> Option<Duration> {
        self.finish.as_ref().map(|_| GRACE)
    }

    fn end(&mut self, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        let Some(finish) = self.finish.take() else {
            return Err(if self.seen_event || self.stray.is_open() {
                ProviderError::Interrupted { provider: PROVIDER }
            } else {
                ProviderError::BadResponse {
                    provider: PROVIDER,
                    detail: "the reply holds no event of an answer".to_owned(),
                }
            });
        };
        deltas.extend(self.usage.take().map(Delta::Usage));
        deltas.push_back(Delta::Finished(finish));
        Ok(())
    }
}

/// The text of all parts that are no thoughts.
fn read_text(candidate: &Value) -> String {
    let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
    parts
        .into_iter()
        .flatten()
        .filter(|part| part.get("thought").and_then(Value::as_bool) != Some(true))
        .filter_map(|part| part.get("text")?.as_str())
        .collect()
}

/// `None` for the value that says nothing.
fn read_finish(reason: &str) -> Option<FinishReason> {
    match reason {
        "" | "FINISH_REASON_UNSPECIFIED" => None,
        "STOP" => Some(FinishReason::Stop),
        "MAX_TOKENS" => Some(FinishReason::MaxTokens),
        withheld if WITHHELD.contains(&withheld) => Some(FinishReason::Withheld(withheld.to_owned())),
        other => Some(FinishReason::Other(other.to_owned())),
    }
}

fn read_usage(usage: &Value) -> Usage {
    let count = |field: &str| {
        let count = usage.get(field).and_then(Value::as_u64).unwrap_or_default();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    Usage {
        prompt_tokens: count("promptTokenCount"),
        answer_tokens: count("candidatesTokenCount"),
        thought_tokens: count("thoughtsTokenCount"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sse::SseParser;
    use super::*;

    /// Decodes a whole body and shows the deltas and the failure, one a line.
    fn decode(body: &str) -> String {
        let mut parser = SseParser::default();
        let mut items = Vec::new();
        let mut decoder = GeminiDecoder::new("gemini-x", Secret::new("k"));
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
        lines.join("\n")
    }

    fn check(body: &str, expected: &str) {
        assert_eq!(decode(body), expected, "{body}");
    }

    #[test]
    fn text_usage_and_finish_come_in_order() {
        check(
            "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hel\"}]}}],\"usageMetadata\":{\"promptTokenCount\":8}}\r\n\r\n\
             data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"lo\"},{\"text\":\"!\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":5}}\r\n\r\n",
            "text Hel\ntext lo!\nusage 8 2 5\nfinished Stop",
        );
    }

    #[test]
    fn thoughts_and_unknown_parts_are_left_out() {
        check(
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hmm\",\"thought\":true},{\"thoughtSignature\":\"x\"},{\"text\":\"Yes\",\"new\":1}]}}]}\n\n\
             data: {\"candidates\":[{\"content\":{},\"finishReason\":\"NEW_REASON\"}]}\n\n",
            "text Yes\nfinished Other(\"NEW_REASON\")",
        );
    }

    #[test]
    fn a_continuation_brings_its_token() {
        check(
            "data: {\"candidates\":[{\"finishReason\":\"CONTINUATION\",\"continuationToken\":\"dG9r\"}]}\n\n",
            "finished Continue(\"dG9r\")",
        );
        check("data: {\"candidates\":[{\"finishReason\":\"CONTINUATION\"}]}\n\n", "finished MaxTokens");
    }

    #[test]
    fn withheld_and_cut_answers_say_so() {
        check("data: {\"candidates\":[{\"finishReason\":\"SAFETY\"}]}\n\n", "finished Withheld(\"SAFETY\")");
        check("data: {\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}]}", "finished MaxTokens");
    }

    #[test]
    fn a_blocked_prompt_is_an_error() {
        check(
            "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{}}\n\n",
            "blocked: Gemini blocked the prompt: PROHIBITED_CONTENT",
        );
    }

    #[test]
    fn errors_after_the_head_are_found_in_every_form() {
        let begun = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n";
        let error = "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"overloaded\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n";
        let expected = "text Hi\nunavailable: Gemini is unavailable: HTTP 503: overloaded";
        check(&format!("{begun}{error}"), expected);
        check(&format!("{begun}[{error}]\n"), expected);
        check(&format!("{begun}data: {}\n\n", error.replace('\n', "")), expected);
        check(&format!("{begun}data: [{}]\n\n", error.replace('\n', "")), expected);
    }

    #[test]
    fn an_end_without_a_reason_is_an_interruption() {
        check(
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n",
            "text Hi\ninterrupted: Gemini broke off in the middle of the answer",
        );
        check("{\n  \"error\": {\n", "interrupted: Gemini broke off in the middle of the answer");
        check("", "bad_response: Gemini sent an unusable reply: the reply holds no event of an answer");
        check(
            "<html>\n</html>\n",
            "bad_response: Gemini sent an unusable reply: the reply holds no event of an answer",
        );
    }

    #[test]
    fn json_array_form_is_understood() {
        check(
            "[{\n\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"A\"}]}}]\n}\n,\n{\"candidates\": [{\"finishReason\": \"STOP\"}]}\n]\n",
            "text A\nfinished Stop",
        );
    }

    #[test]
    fn what_is_no_json_is_a_bad_response() {
        assert!(decode("data: {oops\n\n").starts_with("bad_response: "));
    }
}
