//! `embedContent` and `batchEmbedContents`.

use serde_json::{Value, json};

use super::errors::ApiError;
use super::models::{self, Model};
use super::schema::{BATCH_EMBED, EMBED, integer, member};
use super::{Call, check_fields, tokens};
use crate::fault::Fault;

/// Length of a vector when none is asked for, and the longest one.
const DEFAULT_DIMENSIONS: i64 = 3072;

/// Most texts in one batch.
const MAX_BATCH: usize = 100;

/// Answers `embedContent`.
pub(super) fn single(request: &Value, call: &Call) -> Result<Value, ApiError> {
    check_fields(request, EMBED)?;
    let model = embedder(call, "embedContent")?;
    let text = text_of(request, "EmbedContentRequest")?;
    let mut embeddings = vec![embedding(request, model, &text, "EmbedContentRequest")?];
    spoil(&mut embeddings, call.fault.as_ref());
    let usage = json!({ "promptTokenCount": tokens(&text) });
    Ok(match embeddings.pop() {
        Some(embedding) => json!({ "embedding": embedding, "usageMetadata": usage }),
        None => json!({}),
    })
}

/// Answers `batchEmbedContents`.
pub(super) fn batch(request: &Value, call: &Call) -> Result<Value, ApiError> {
    check_fields(request, BATCH_EMBED)?;
    let model = embedder(call, "batchEmbedContents")?;
    let requests =
        member(request, "requests").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if requests.is_empty() {
        return Err(ApiError::new(400, "* BatchEmbedContentsRequest.requests: requests is not specified\n"));
    }
    if requests.len() > MAX_BATCH {
        return Err(ApiError::new(
            400,
            format!(
                "* BatchEmbedContentsRequest.requests: at most {MAX_BATCH} requests can be in one batch\n"
            ),
        ));
    }
    let mut embeddings = Vec::with_capacity(requests.len());
    let mut count = 0;
    for (place, item) in requests.iter().enumerate() {
        let path = format!("BatchEmbedContentsRequest.requests[{place}]");
        let named = member(item, "model").and_then(Value::as_str).unwrap_or_default();
        if named != format!("models/{}", call.model) {
            return Err(ApiError::new(
                400,
                format!(
                    "* {path}.model: the model must be the same as in the batch request: models/{}\n",
                    call.model
                ),
            ));
        }
        let text = text_of(item, &path)?;
        count += tokens(&text);
        embeddings.push(embedding(item, model, &text, &path)?);
    }
    spoil(&mut embeddings, call.fault.as_ref());
    Ok(json!({ "embeddings": embeddings, "usageMetadata": { "promptTokenCount": count } }))
}

fn embedder(call: &Call, method: &str) -> Result<&'static Model, ApiError> {
    models::find(&call.model, &call.version)
        .filter(|model| model.embeds)
        .ok_or_else(|| ApiError::no_model(&call.model, &call.version, method))
}

/// All parts of the content become one text, and one vector.
fn text_of(request: &Value, path: &str) -> Result<String, ApiError> {
    let parts =
        member(request, "content").and_then(|content| member(content, "parts")).and_then(Value::as_array);
    let text: String = parts
        .into_iter()
        .flatten()
        .filter_map(|part| part.get("text")?.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    if text.is_empty() {
        return Err(ApiError::new(400, format!("* {path}.content: contents is not specified\n")));
    }
    Ok(text)
}

fn embedding(request: &Value, model: &Model, text: &str, path: &str) -> Result<Value, ApiError> {
    let dimensions = member(request, "outputDimensionality").and_then(integer).unwrap_or(DEFAULT_DIMENSIONS);
    if !(1..=DEFAULT_DIMENSIONS).contains(&dimensions) {
        return Err(ApiError::new(
            400,
            format!(
                "* {path}.output_dimensionality: output_dimensionality must be between 1 and {DEFAULT_DIMENSIONS}\n"
            ),
        ));
    }
    let retrieval = member(request, "taskType").and_then(Value::as_str) == Some("RETRIEVAL_DOCUMENT");
    if member(request, "title").is_some() && !retrieval {
        return Err(ApiError::new(
            400,
            format!("* {path}.title: title is only applicable when task_type is RETRIEVAL_DOCUMENT\n"),
        ));
    }
    let mut values = crate::embed(text, usize::try_from(dimensions).unwrap_or(1));
    // The older model normalises only its full length.
    if model.id == "gemini-embedding-001" && dimensions < DEFAULT_DIMENSIONS {
        values.iter_mut().for_each(|value| *value *= 0.7);
    }
    Ok(json!({ "values": values }))
}

fn spoil(embeddings: &mut Vec<Value>, fault: Option<&Fault>) {
    match fault {
        Some(Fault::WrongDimensions) => {
            for embedding in embeddings {
                if let Some(values) = embedding["values"].as_array_mut() {
                    values.pop();
                }
            }
        }
        Some(Fault::MissingVector) => {
            embeddings.pop();
        }
        Some(Fault::BadVector) => {
            if let Some(embedding) = embeddings.first_mut() {
                embedding["values"][0] = json!("NaN");
            }
        }
        _ => {}
    }
}
