//! What every embedding must satisfy before it leaves this room, whoever made it: the agreed length, finite values,
//! unit norm.

use serde_json::Value;

use super::{Provider, ProviderError};

/// Largest embedding reply that is read: a hundred vectors of 3,072 numbers in pretty-printed JSON, twice over.
pub(crate) const REPLY_BYTES: usize = 32 * 1024 * 1024;

/// Reads one vector from JSON, checks its length (when `dimensions` says one) and values, and scales it to unit length.
pub(crate) fn read_vector(
    provider: Provider,
    values: Option<&Value>,
    dimensions: Option<usize>,
) -> Result<Vec<f32>, ProviderError> {
    let bad = |detail: String| ProviderError::BadResponse { provider, detail };
    let values = values
        .and_then(Value::as_array)
        .ok_or_else(|| bad("an embedding has no list of values".to_owned()))?;
    if dimensions.is_some_and(|dimensions| dimensions != values.len()) || values.is_empty() {
        let expected = dimensions.map_or_else(|| "some".to_owned(), |dimensions| dimensions.to_string());
        return Err(bad(format!("an embedding has {} values, expected {expected}", values.len())));
    }
    let mut vector = Vec::with_capacity(values.len());
    for value in values {
        // A number that f64 holds may still overflow f32.
        let value = value.as_f64().map(|value| value as f32).filter(|value| value.is_finite());
        vector.push(
            value.ok_or_else(|| bad("an embedding holds a value that is no finite number".to_owned()))?,
        );
    }
    let norm = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if norm < 1e-12 {
        return Err(bad("an embedding is all zeros".to_owned()));
    }
    for value in &mut vector {
        *value = (f64::from(*value) / norm) as f32;
    }
    Ok(vector)
}

/// All texts must say something: providers refuse empty ones, and the vector of nothing is no use.
pub(crate) fn refuse_empty(provider: Provider, texts: &[&str]) -> Result<(), ProviderError> {
    match texts.iter().position(|text| text.trim().is_empty()) {
        Some(place) => {
            Err(ProviderError::BadRequest { provider, detail: format!("text {place} to embed is empty") })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn vectors_are_checked_and_normalised() {
        let check = |values: Value, dimensions: Option<usize>, expected: Result<Vec<f32>, &str>| {
            let found = read_vector(Provider::Gemini, Some(&values), dimensions);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{values}"),
                (Err(found), Err(part)) => assert!(found.to_string().contains(part), "{found}"),
                (found, expected) => panic!("{values}: {found:?}, expected {expected:?}"),
            }
        };
        check(json!([3.0, 4.0]), Some(2), Ok(vec![0.6, 0.8]));
        check(json!([0, -2]), None, Ok(vec![0.0, -1.0]));
        check(json!([1.0]), Some(2), Err("has 1 values, expected 2"));
        check(json!([]), None, Err("has 0 values"));
        check(json!([1.0, null]), Some(2), Err("no finite number"));
        check(json!([1.0, 1e300]), Some(2), Err("no finite number"));
        check(json!([0.0, 0.0]), Some(2), Err("all zeros"));
        check(json!("x"), None, Err("no list of values"));
    }
}
