//! The models that the Gemini double knows, with what differs between them.

use serde_json::{Value, json};

/// One model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    /// Id without `models/`.
    pub(super) id: &'static str,
    /// Embeds instead of writing.
    pub(super) embeds: bool,
    /// Knows the thinking level `minimal`; `None` for a model that does not think.
    pub(super) minimal: Option<bool>,
    /// Level used when none is asked for.
    pub(super) level: &'static str,
}

const fn chat(id: &'static str, minimal: bool, level: &'static str) -> Model {
    Model { id, embeds: false, minimal: Some(minimal), level }
}

const fn embedder(id: &'static str) -> Model {
    Model { id, embeds: true, minimal: None, level: "" }
}

const MODELS: &[Model] = &[
    chat("gemini-3.8-flash", false, "medium"),
    chat("gemini-3.7-flash", false, "medium"),
    chat("gemini-3.6-flash", true, "medium"),
    chat("gemini-3.5-flash", true, "medium"),
    chat("gemini-3.5-flash-lite", true, "minimal"),
    chat("gemini-3.1-flash-lite", true, "minimal"),
    Model { id: "gemma-4-31b-it", embeds: false, minimal: None, level: "" },
    embedder("gemini-embedding-2"),
    embedder("gemini-embedding-001"),
];

/// Moving names, on `v1beta` only.
const ALIASES: &[(&str, &str)] =
    &[("gemini-flash-latest", "gemini-3.8-flash"), ("gemini-flash-lite-latest", "gemini-3.5-flash-lite")];

/// Finds a model by id.
pub(super) fn find(id: &str, version: &str) -> Option<&'static Model> {
    let alias = ALIASES.iter().find(|(alias, _)| version == "v1beta" && *alias == id);
    let id = alias.map_or(id, |(_, id)| id);
    MODELS.iter().find(|model| model.id == id)
}

/// All models, in the order in which they are listed.
pub(super) fn all() -> &'static [Model] {
    MODELS
}

impl Model {
    /// The description that `models.get` returns.
    pub(super) fn describe(&self) -> Value {
        let methods: &[&str] = if self.embeds {
            &["embedContent", "countTextTokens"]
        } else {
            &["generateContent", "countTokens"]
        };
        json!({
            "name": format!("models/{}", self.id),
            "version": "001",
            "displayName": self.id,
            "description": format!("Double of {}", self.id),
            "inputTokenLimit": if self.embeds { 8192 } else { 1_048_576 },
            "outputTokenLimit": if self.embeds { 1 } else { 65_536 },
            "supportedGenerationMethods": methods,
            "thinking": self.minimal.is_some(),
        })
    }

    /// Tokens that the double pretends to think with at this level.
    pub(super) fn thought_tokens(&self, level: Option<&str>) -> u32 {
        if self.minimal.is_none() {
            return 0;
        }
        match level.unwrap_or(self.level).to_ascii_lowercase().as_str() {
            "minimal" => 0,
            "low" => 64,
            "medium" => 512,
            _ => 4096,
        }
    }
}
