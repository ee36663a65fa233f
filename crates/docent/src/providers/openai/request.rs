//! The bodies of the compatible chat and embedding calls: the few fields that every server knows.

use serde_json::{Value, json};

use super::super::{Prompt, PromptRole, ProviderError, tidy_turns};
use super::PROVIDER;

/// In which of the known ways a server wants a chat request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// `max_completion_tokens` (OpenAI's newer models insist) instead of `max_tokens` (all others know only that).
    pub(super) completion_tokens: bool,
    /// Ask for usage at the end of the stream.
    pub(super) stream_options: bool,
}

/// The body of a streamed `chat/completions`.
pub(super) fn chat(model: &str, prompt: &Prompt, dialect: Dialect) -> Result<Value, ProviderError> {
    let turns = tidy_turns(&prompt.turns);
    if turns.is_empty() {
        return Err(ProviderError::BadRequest {
            provider: PROVIDER,
            detail: "the prompt has no question".to_owned(),
        });
    }
    let mut messages = Vec::with_capacity(turns.len() + 1);
    if !prompt.system.trim().is_empty() {
        messages.push(json!({ "role": "system", "content": prompt.system }));
    }
    for turn in &turns {
        let role = match turn.role {
            PromptRole::User => "user",
            PromptRole::Model => "assistant",
        };
        messages.push(json!({ "role": role, "content": turn.text }));
    }
    let limit = if dialect.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({ "model": model, "messages": messages, "stream": true, limit: prompt.max_tokens });
    if dialect.stream_options {
        body["stream_options"] = json!({ "include_usage": true });
    }
    Ok(body)
}

/// The body of `embeddings`. Numbers are asked for as JSON, which every server has.
pub(super) fn embeddings(model: &str, texts: &[&str], prefix: &str, dimensions: Option<usize>) -> Value {
    let input: Vec<String> = texts.iter().map(|text| format!("{prefix}{text}")).collect();
    let mut body = json!({ "model": model, "input": input, "encoding_format": "float" });
    if let Some(dimensions) = dimensions {
        body["dimensions"] = json!(dimensions);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::super::super::PromptTurn;
    use super::*;

    #[test]
    fn chat_body_follows_the_dialect() {
        let prompt = Prompt {
            system: "be brief".to_owned(),
            turns: vec![PromptTurn { role: PromptRole::User, text: "q".to_owned() }],
            max_tokens: 9,
        };
        let check = |completion_tokens, stream_options, expected: Value| {
            let body = chat("m", &prompt, Dialect { completion_tokens, stream_options }).expect("a question");
            assert_eq!(body, expected);
        };
        let messages = json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "q"}]);
        check(
            false,
            true,
            json!({"model": "m", "stream": true, "max_tokens": 9, "messages": messages,
                   "stream_options": {"include_usage": true}}),
        );
        check(
            true,
            false,
            json!({"model": "m", "stream": true, "max_completion_tokens": 9, "messages": messages}),
        );
    }

    #[test]
    fn embedding_body_carries_prefix_and_length() {
        let expected =
            json!({"model": "m", "input": ["query: a"], "encoding_format": "float", "dimensions": 256});
        assert_eq!(embeddings("m", &["a"], "query: ", Some(256)), expected);
        assert!(embeddings("m", &["a"], "", None).get("dimensions").is_none());
    }
}
