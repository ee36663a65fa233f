//! `POST /v1/embeddings`.

use serde_json::{Value, json};

use super::errors::ApiError;
use super::{OpenAiDouble, check_names, tokens};
use crate::fault::Fault;

/// Length of a vector when none is asked for, and the longest one.
const DIMENSIONS: u64 = 256;

/// Most texts in one call.
const MAX_INPUTS: usize = 2048;

/// Checks the request and embeds its texts.
pub(super) fn answer(request: &Value, fault: Option<&Fault>) -> Result<Value, ApiError> {
    check_names(request, &["model", "input", "encoding_format", "dimensions", "user"])?;
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    if model != OpenAiDouble::EMBEDDING_MODEL {
        return Err(ApiError::no_model(model));
    }
    let input = match request.get("input") {
        Some(Value::String(text)) => vec![text.as_str()],
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let given = request.get("input").and_then(Value::as_array).map_or(1, Vec::len);
    if input.is_empty() || input.len() != given || input.iter().any(|text| text.is_empty()) {
        return Err(ApiError::bad_field(
            "input",
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
        ));
    }
    if input.len() > MAX_INPUTS {
        return Err(ApiError::bad_field("input", "'input' has too many items"));
    }
    let dimensions = request.get("dimensions").map_or(Some(DIMENSIONS), Value::as_u64);
    let Some(dimensions) = dimensions.filter(|dimensions| (1..=DIMENSIONS).contains(dimensions)) else {
        return Err(ApiError::bad_field(
            "dimensions",
            "Invalid value for 'dimensions': must be from 1 to 256.",
        ));
    };
    let base64 = match request.get("encoding_format").and_then(Value::as_str) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            return Err(ApiError::bad_field(
                "encoding_format",
                &format!("'{other}' is not one of ['float', 'base64']"),
            ));
        }
    };
    let mut dimensions = usize::try_from(dimensions).unwrap_or(1);
    if fault == Some(&Fault::WrongDimensions) {
        dimensions += 1;
    }
    let mut data: Vec<Value> = input
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = crate::embed(text, dimensions);
            let embedding = if base64 { json!(encode(&vector)) } else { json!(vector) };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    match fault {
        Some(Fault::MissingVector) => {
            data.pop();
        }
        Some(Fault::BadVector) => data[0]["embedding"] = json!([null]),
        // Order is told by `index` alone.
        _ => data.reverse(),
    }
    let count: u32 = input.iter().map(|text| tokens(text)).sum();
    Ok(json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": count, "total_tokens": count },
    }))
}

/// The vector as little-endian `f32`s in base64, as the API's own client asks for it.
fn encode(vector: &[f32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_right() {
        // Reference values from RFC 4648 are bytes, not floats: check the groups through known floats.
        assert_eq!(encode(&[1.0]), "AACAPw==");
        assert_eq!(encode(&[1.0, -2.0]), "AACAPwAAAMA=");
        assert_eq!(encode(&[1.0, -2.0, 0.5]), "AACAPwAAAMAAAAA/");
    }
}
