//! The bodies that Gemini accepts, and what differs between its models: thinking, task hints, prefixes. The API refuses
//! unknown fields, so nothing is sent that is not needed.

use serde_json::{Value, json};

use super::super::{EmbedRole, Prompt, PromptRole, Provider, ProviderError, tidy_turns};

/// How much a model may think before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingLevel {
    /// What suits the model: `Minimal` for the light ones, whose own default it is, `Low` for all others. Passages lie
    /// before the model already; thinking longer mostly delays the first word.
    Auto,
    /// As little as the model can; models without it get `Low`.
    Minimal,
    /// A little.
    Low,
    /// The default of the larger models.
    Medium,
    /// Much; the first word may take ten seconds and more.
    High,
}

impl ThinkingLevel {
    /// Reads the configured word: `auto`, `minimal`, `low`, `medium` or `high`, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            "minimal" => Some(Self::Minimal),
            "low" => Some(Self::Low),
            "medium" => Some(Self::Medium),
            "high" => Some(Self::High),
            _ => None,
        }
    }

    /// The level that this model gets for it.
    fn suited_to(self, model: &str) -> Self {
        let level = match self {
            Self::Auto if model.contains("-lite") => Self::Minimal,
            Self::Auto => Self::Low,
            level => level,
        };
        if level == Self::Minimal && !knows_minimal(model) { Self::Low } else { level }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Auto | Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The budget in tokens by which the 2.5 models are told the same.
    fn budget(self) -> u32 {
        match self {
            Self::Minimal => 0,
            Self::Auto | Self::Low => 1024,
            Self::Medium => 8192,
            Self::High => 24_576,
        }
    }

    /// Thinking counts against the output limit: below this many tokens an answer may come out empty.
    fn least_output(self) -> u32 {
        match self {
            Self::Minimal => 1024,
            Self::Auto | Self::Low => 2048,
            Self::Medium => 8192,
            Self::High => 16_384,
        }
    }
}

/// The body of `generateContent` and `streamGenerateContent`.
///
/// The output limit is raised where thinking alone could use it up. Sampling settings are left out: the newer models
/// deprecate them.
pub(super) fn generate(
    model: &str,
    prompt: &Prompt,
    thinking: Option<ThinkingLevel>,
) -> Result<Value, ProviderError> {
    let turns = tidy_turns(&prompt.turns);
    if turns.is_empty() {
        return Err(ProviderError::BadRequest {
            provider: Provider::Gemini,
            detail: "the prompt has no question".to_owned(),
        });
    }
    let contents: Vec<Value> = turns
        .iter()
        .map(|turn| {
            let role = match turn.role {
                PromptRole::User => "user",
                PromptRole::Model => "model",
            };
            json!({ "role": role, "parts": [{ "text": turn.text }] })
        })
        .collect();
    let thinking = thinking.filter(|_| thinks(model)).map(|level| level.suited_to(model));
    let least = thinking.map_or(0, ThinkingLevel::least_output);
    let mut config = json!({ "maxOutputTokens": prompt.max_tokens.max(least), "candidateCount": 1 });
    if let Some(thinking) = thinking {
        config["thinkingConfig"] = thinking_config(model, thinking);
    }
    let mut body = json!({ "contents": contents, "generationConfig": config });
    if !prompt.system.trim().is_empty() {
        body["systemInstruction"] = json!({ "parts": [{ "text": prompt.system }] });
    }
    Ok(body)
}

/// Gemma and the models before 2.5 know no thinking settings.
fn thinks(model: &str) -> bool {
    model.starts_with("gemini-") && !["gemini-1", "gemini-2.0"].iter().any(|old| model.starts_with(old))
}

/// Models that accept the level `minimal`; the others answer it with 400. The 2.5 models are told a budget.
fn knows_minimal(model: &str) -> bool {
    model.contains("-lite")
        || ["gemini-2.5", "gemini-3.5-flash", "gemini-3.6-flash"].iter().any(|known| model.starts_with(known))
}

fn thinking_config(model: &str, level: ThinkingLevel) -> Value {
    // Sending both a level and a budget is refused; each generation knows one of them.
    if model.starts_with("gemini-2.5") {
        // The pro model cannot switch thinking off.
        let least = if model.starts_with("gemini-2.5-pro") { 128 } else { 0 };
        return json!({ "thinkingBudget": level.budget().max(least) });
    }
    json!({ "thinkingLevel": level.word() })
}

/// Whether the embedding model reads `taskType`; later ones ignore it in silence and want a prefix in the text.
pub(super) fn uses_task_type(model: &str) -> bool {
    model == "gemini-embedding-001" || model == "embedding-001" || model.starts_with("text-embedding-")
}

/// One text to embed, as the body of `embedContent` or an item of `batchEmbedContents`.
pub(super) fn embed(model: &str, text: &str, role: EmbedRole, dimensions: usize) -> Value {
    let mut request = json!({ "model": format!("models/{model}"), "outputDimensionality": dimensions });
    if uses_task_type(model) {
        request["taskType"] = json!(match role {
            EmbedRole::Query => "RETRIEVAL_QUERY",
            EmbedRole::Passage => "RETRIEVAL_DOCUMENT",
        });
        request["content"] = json!({ "parts": [{ "text": text }] });
    } else {
        // Passages carry their title and headings in the text already.
        let prefixed = match role {
            EmbedRole::Query => format!("task: question answering | query: {text}"),
            EmbedRole::Passage => format!("title: none | text: {text}"),
        };
        request["content"] = json!({ "parts": [{ "text": prefixed }] });
    }
    request
}

#[cfg(test)]
mod tests {
    use super::super::super::PromptTurn;
    use super::*;

    fn prompt(system: &str, turns: &[(PromptRole, &str)], max_tokens: u32) -> Prompt {
        let turns = turns.iter().map(|&(role, text)| PromptTurn { role, text: text.to_owned() }).collect();
        Prompt { system: system.to_owned(), turns, max_tokens }
    }

    #[test]
    fn body_has_only_what_is_needed() {
        let prompt = prompt(
            "be brief",
            &[(PromptRole::User, "q"), (PromptRole::Model, "a"), (PromptRole::User, "r")],
            3000,
        );
        let body = generate("gemini-3.5-flash-lite", &prompt, Some(ThinkingLevel::Low)).expect("a question");
        let expected = json!({
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "q"}]},
                {"role": "model", "parts": [{"text": "a"}]},
                {"role": "user", "parts": [{"text": "r"}]},
            ],
            "generationConfig": {
                "maxOutputTokens": 3000, "candidateCount": 1, "thinkingConfig": {"thinkingLevel": "low"}
            },
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_prompt_without_a_question_is_not_sent() {
        let error = generate("gemini-3.5-flash", &prompt("s", &[(PromptRole::Model, "a")], 9), None)
            .expect_err("no question");
        assert!(error.ours(), "{error}");
    }

    #[test]
    fn thinking_fits_the_model() {
        let check = |model: &str, level: Option<ThinkingLevel>, expected: Value, tokens: u32| {
            let body =
                generate(model, &prompt("", &[(PromptRole::User, "q")], 100), level).expect("a question");
            let config = &body["generationConfig"];
            assert_eq!(config["thinkingConfig"], expected, "{model} {level:?}");
            assert_eq!(config["maxOutputTokens"], tokens, "{model} {level:?}");
            assert!(body.get("systemInstruction").is_none());
        };
        use ThinkingLevel::{Auto, High, Low, Minimal};
        check("gemini-3.5-flash-lite", Some(Auto), json!({"thinkingLevel": "minimal"}), 1024);
        check("gemini-3.1-flash-lite", Some(Auto), json!({"thinkingLevel": "minimal"}), 1024);
        check("gemini-3.7-flash", Some(Auto), json!({"thinkingLevel": "low"}), 2048);
        check("gemini-3.8-flash", Some(Auto), json!({"thinkingLevel": "low"}), 2048);
        check("gemini-3.1-pro-preview", Some(Minimal), json!({"thinkingLevel": "low"}), 2048);
        check("gemma-4-31b-it", Some(Auto), Value::Null, 100);
        check("gemini-3.5-flash-lite", Some(Minimal), json!({"thinkingLevel": "minimal"}), 1024);
        check("gemini-3.6-flash", Some(Minimal), json!({"thinkingLevel": "minimal"}), 1024);
        check("gemini-3.8-flash", Some(Minimal), json!({"thinkingLevel": "low"}), 2048);
        check("gemini-3.8-flash", Some(High), json!({"thinkingLevel": "high"}), 16_384);
        check("gemini-2.5-flash-lite", Some(Minimal), json!({"thinkingBudget": 0}), 1024);
        check("gemini-2.5-pro", Some(Minimal), json!({"thinkingBudget": 128}), 1024);
        check("gemma-4-31b-it", Some(Low), Value::Null, 100);
        check("gemini-2.0-flash", Some(Low), Value::Null, 100);
        check("gemini-3.8-flash", None, Value::Null, 100);
    }

    #[test]
    fn embedding_hints_fit_the_model() {
        let check = |model: &str, role, expected: Value| {
            assert_eq!(embed(model, "x", role, 768), expected, "{model}");
        };
        check(
            "gemini-embedding-2",
            EmbedRole::Query,
            json!({"model": "models/gemini-embedding-2", "outputDimensionality": 768,
                   "content": {"parts": [{"text": "task: question answering | query: x"}]}}),
        );
        check(
            "gemini-embedding-2",
            EmbedRole::Passage,
            json!({"model": "models/gemini-embedding-2", "outputDimensionality": 768,
                   "content": {"parts": [{"text": "title: none | text: x"}]}}),
        );
        check(
            "gemini-embedding-001",
            EmbedRole::Passage,
            json!({"model": "models/gemini-embedding-001", "outputDimensionality": 768,
                   "taskType": "RETRIEVAL_DOCUMENT", "content": {"parts": [{"text": "x"}]}}),
        );
    }
}
