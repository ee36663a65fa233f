//! The request messages of the Gemini API as tables, and the check that refuses what the real API refuses: unknown names
//! and values of the wrong kind, in its words. Names are accepted in camelCase and snake_case, as there.

use serde_json::Value;

/// The kind of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A number with or without fraction.
    Number,
    /// A whole number; as a string too, as protobuf's JSON allows.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A message that is not looked into.
    Any,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A message.
    Message(&'static [Field]),
    /// A list of messages, or of strings.
    List(&'static Kind),
}

/// A field's camelCase name and kind.
pub(super) type Field = (&'static str, Kind);

const PART: &[Field] = &[
    ("text", Kind::Text),
    ("thought", Kind::Boolean),
    ("thoughtSignature", Kind::Text),
    ("inlineData", Kind::Any),
    ("fileData", Kind::Any),
    ("functionCall", Kind::Any),
    ("functionResponse", Kind::Any),
    ("executableCode", Kind::Any),
    ("codeExecutionResult", Kind::Any),
    ("videoMetadata", Kind::Any),
    ("mediaResolution", Kind::Any),
    ("partMetadata", Kind::Any),
];

const CONTENT: &[Field] = &[("role", Kind::Text), ("parts", Kind::List(&Kind::Message(PART)))];

const THINKING: &[Field] = &[
    ("includeThoughts", Kind::Boolean),
    ("thinkingBudget", Kind::Integer),
    ("thinkingLevel", Kind::Choice(&["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"])),
];

const GENERATION: &[Field] = &[
    ("stopSequences", Kind::List(&Kind::Text)),
    ("responseMimeType", Kind::Text),
    ("responseSchema", Kind::Any),
    ("responseJsonSchema", Kind::Any),
    ("responseModalities", Kind::List(&Kind::Text)),
    ("candidateCount", Kind::Integer),
    ("maxOutputTokens", Kind::Integer),
    ("temperature", Kind::Number),
    ("topP", Kind::Number),
    ("topK", Kind::Number),
    ("seed", Kind::Integer),
    ("presencePenalty", Kind::Number),
    ("frequencyPenalty", Kind::Number),
    ("responseLogprobs", Kind::Boolean),
    ("logprobs", Kind::Integer),
    ("enableEnhancedCivicAnswers", Kind::Boolean),
    ("speechConfig", Kind::Any),
    ("imageConfig", Kind::Any),
    ("mediaResolution", Kind::Text),
    ("thinkingConfig", Kind::Message(THINKING)),
    ("continuationToken", Kind::Text),
];

const SAFETY: &[Field] = &[
    (
        "category",
        Kind::Choice(&[
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
            "HARM_CATEGORY_CIVIC_INTEGRITY",
        ]),
    ),
    (
        "threshold",
        Kind::Choice(&[
            "BLOCK_LOW_AND_ABOVE",
            "BLOCK_MEDIUM_AND_ABOVE",
            "BLOCK_ONLY_HIGH",
            "BLOCK_NONE",
            "OFF",
        ]),
    ),
];

/// `GenerateContentRequest`.
pub(super) const GENERATE: &[Field] = &[
    ("model", Kind::Text),
    ("contents", Kind::List(&Kind::Message(CONTENT))),
    ("systemInstruction", Kind::Message(CONTENT)),
    ("tools", Kind::List(&Kind::Any)),
    ("toolConfig", Kind::Any),
    ("safetySettings", Kind::List(&Kind::Message(SAFETY))),
    ("generationConfig", Kind::Message(GENERATION)),
    ("cachedContent", Kind::Text),
    ("labels", Kind::Any),
    ("serviceTier", Kind::Text),
    ("store", Kind::Boolean),
];

/// `EmbedContentRequest`.
pub(super) const EMBED: &[Field] = &[
    ("model", Kind::Text),
    ("content", Kind::Message(CONTENT)),
    (
        "taskType",
        Kind::Choice(&[
            "RETRIEVAL_QUERY",
            "RETRIEVAL_DOCUMENT",
            "SEMANTIC_SIMILARITY",
            "CLASSIFICATION",
            "CLUSTERING",
            "QUESTION_ANSWERING",
            "FACT_VERIFICATION",
            "CODE_RETRIEVAL_QUERY",
        ]),
    ),
    ("title", Kind::Text),
    ("outputDimensionality", Kind::Integer),
    ("embedContentConfig", Kind::Any),
];

/// `BatchEmbedContentsRequest`.
pub(super) const BATCH_EMBED: &[Field] = &[("requests", Kind::List(&Kind::Message(EMBED)))];

/// `CountTokensRequest`.
pub(super) const COUNT: &[Field] =
    &[("contents", Kind::List(&Kind::Message(CONTENT))), ("generateContentRequest", Kind::Message(GENERATE))];

/// One thing that is wrong: where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// Path in snake_case; empty at the top.
    pub(super) field: String,
    /// The API's words.
    pub(super) description: String,
}

/// All that is wrong with `body` as a message of `fields`.
pub(super) fn violations(body: &Value, fields: &'static [Field]) -> Vec<Violation> {
    let mut found = Vec::new();
    check(body, Kind::Message(fields), "", &mut found);
    found
}

fn check(value: &Value, kind: Kind, path: &str, found: &mut Vec<Violation>) {
    if value.is_null() {
        return;
    }
    let fits = match kind {
        Kind::Text => value.is_string(),
        Kind::Number => value.is_number(),
        Kind::Integer => {
            value.as_f64().is_some_and(|number| number.fract() == 0.0)
                || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok())
        }
        Kind::Boolean => value.is_boolean(),
        Kind::Any => true,
        Kind::Choice(words) => {
            value.as_str().is_some_and(|word| words.iter().any(|known| known.eq_ignore_ascii_case(word)))
        }
        Kind::List(of) => match value.as_array() {
            Some(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(place, item)| check(item, *of, &format!("{path}[{place}]"), found));
                true
            }
            None => false,
        },
        Kind::Message(fields) => match value.as_object() {
            Some(members) => {
                for (name, member) in members {
                    check_member(name, member, fields, path, found);
                }
                true
            }
            None => false,
        },
    };
    if !fits {
        found.push(Violation {
            field: path.to_owned(),
            description: format!("Invalid value at '{path}' ({}), {value}", type_name(kind)),
        });
    }
}

fn check_member(name: &str, member: &Value, fields: &[Field], path: &str, found: &mut Vec<Violation>) {
    match fields.iter().find(|(known, _)| *known == name || snake_case(known) == name) {
        Some((known, kind)) => {
            let dot = if path.is_empty() { "" } else { "." };
            check(member, *kind, &format!("{path}{dot}{}", snake_case(known)), found);
        }
        None => {
            let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
            found.push(Violation {
                field: path.to_owned(),
                description: format!(
                    "Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."
                ),
            });
        }
    }
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "TYPE_STRING",
        Kind::Number => "TYPE_FLOAT",
        Kind::Integer => "TYPE_INT32",
        Kind::Boolean => "TYPE_BOOL",
        Kind::Choice(_) => "TYPE_ENUM",
        Kind::Any | Kind::Message(_) | Kind::List(_) => "TYPE_MESSAGE",
    }
}

/// `maxOutputTokens` → `max_output_tokens`
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// A member by its camelCase name, in either spelling; null counts as absent.
pub(super) fn member<'a>(message: &'a Value, name: &str) -> Option<&'a Value> {
    message.get(name).or_else(|| message.get(snake_case(name))).filter(|value| !value.is_null())
}

/// A whole number, also one written as a string.
pub(super) fn integer(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
        .or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wrong_requests_are_named_in_the_apis_words() {
        let check = |body: Value, expected: &[&str]| {
            let found: Vec<String> =
                violations(&body, GENERATE).into_iter().map(|violation| violation.description).collect();
            assert_eq!(found, expected, "{body}");
        };
        check(json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}), &[]);
        check(json!({"system_instruction": null, "generation_config": {"max_output_tokens": "12"}}), &[]);
        check(
            json!({"message": "hi"}),
            &["Invalid JSON payload received. Unknown name \"message\": Cannot find field."],
        );
        check(
            json!({"contents": [{"parts": [{"txt": "hi"}]}]}),
            &[
                "Invalid JSON payload received. Unknown name \"txt\" at 'contents[0].parts[0]': Cannot find field.",
            ],
        );
        check(
            json!({"generationConfig": {"maxOutputTokens": 1.5, "thinkingConfig": {"thinkingLevel": "much"}}}),
            &[
                "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 1.5",
                "Invalid value at 'generation_config.thinking_config.thinking_level' (TYPE_ENUM), \"much\"",
            ],
        );
        check(json!({"contents": "hi"}), &["Invalid value at 'contents' (TYPE_MESSAGE), \"hi\""]);
    }
}
