//! Points and their ids as Qdrant takes them.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use super::errors::ApiError;

/// A point's id; numbers come before UUIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum PointId {
    Number(u64),
    Uuid(u128),
}

/// A point: payload and vectors by name; the unnamed one has the empty name.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    pub(super) payload: Map<String, Value>,
    pub(super) dense: BTreeMap<String, Vec<f32>>,
    pub(super) sparse: BTreeMap<String, Vec<(u32, f32)>>,
}

impl PointId {
    pub(super) fn parse(value: &Value) -> Result<Self, ApiError> {
        if let Some(number) = value.as_u64() {
            return Ok(Self::Number(number));
        }
        let refused = || {
            ApiError::json_body(format!(
                "value {value} is not a valid point ID, valid values are either an unsigned integer or a UUID"
            ))
        };
        let text = value.as_str().ok_or_else(refused)?;
        let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        let shaped = text.len() == 32 || (text.len() == 36 && text.matches('-').count() == 4);
        match (hex.len(), shaped) {
            (32, true) => u128::from_str_radix(&hex, 16).map(Self::Uuid).map_err(|_| refused()),
            _ => Err(refused()),
        }
    }

    pub(super) fn json(self) -> Value {
        match self {
            Self::Number(number) => json!(number),
            Self::Uuid(_) => json!(self.to_string()),
        }
    }
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Uuid(uuid) => {
                let hex = format!("{uuid:032x}");
                write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
            }
        }
    }
}

/// A dense vector.
pub(super) fn dense(value: &Value) -> Result<Vec<f32>, ApiError> {
    let numbers = value.as_array().ok_or_else(|| ApiError::json_body("expected a vector"))?;
    let number = |value: &Value| value.as_f64().map(|value| value as f32);
    numbers
        .iter()
        .map(number)
        .collect::<Option<Vec<f32>>>()
        .ok_or_else(|| ApiError::json_body("invalid type in a vector, expected f32"))
}

/// A sparse vector, by ascending place.
pub(super) fn sparse(value: &Value) -> Result<Vec<(u32, f32)>, ApiError> {
    let list = |name: &str| {
        value[name].as_array().ok_or_else(|| ApiError::json_body(format!("missing field `{name}`")))
    };
    let (indices, values) = (list("indices")?, list("values")?);
    if indices.len() != values.len() {
        return Err(ApiError::new(
            422,
            "Validation error in JSON body: [values: must be the same length as indices]",
        ));
    }
    let mut pairs = Vec::with_capacity(indices.len());
    for (index, value) in indices.iter().zip(values) {
        let index = index.as_u64().and_then(|index| u32::try_from(index).ok());
        match (index, value.as_f64()) {
            (Some(index), Some(value)) => pairs.push((index, value as f32)),
            _ => return Err(ApiError::json_body("invalid value in a sparse vector, expected u32 and f32")),
        }
    }
    pairs.sort_unstable_by_key(|(index, _)| *index);
    if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(ApiError::new(422, "Validation error in JSON body: [indices: must be unique]"));
    }
    Ok(pairs)
}

/// Scaled to unit length, as a collection of distance Cosine keeps its vectors.
pub(super) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > f32::EPSILON {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// The fields of a payload that are asked for: all, none, a list, or `include`/`exclude`.
pub(super) fn selected(payload: &Map<String, Value>, selector: &Value) -> Option<Value> {
    let names = |value: &Value| -> Vec<String> {
        let names = value.as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let only = |wanted: &dyn Fn(&str) -> bool| {
        let fields = payload.iter().filter(|(name, _)| wanted(name));
        Some(Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect()))
    };
    match selector {
        Value::Bool(false) | Value::Null => None,
        Value::Array(_) => {
            let wanted = names(selector);
            only(&|name| wanted.iter().any(|wanted| wanted == name))
        }
        Value::Object(object) if object.contains_key("exclude") => {
            let unwanted = names(&selector["exclude"]);
            only(&|name| !unwanted.iter().any(|unwanted| unwanted == name))
        }
        Value::Object(_) => {
            let wanted = names(&selector["include"]);
            only(&|name| wanted.iter().any(|wanted| wanted == name))
        }
        _ => Some(Value::Object(payload.clone())),
    }
}

/// The vectors that are asked for: all, none or a list of names.
pub(super) fn shown_vectors(point: &Point, selector: &Value) -> Option<Value> {
    let wanted: Option<Vec<&str>> = match selector {
        Value::Bool(true) => None,
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => return None,
    };
    if let (None, Some(unnamed)) = (&wanted, point.dense.get("")) {
        return Some(json!(unnamed));
    }
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(&name));
    let mut shown = Map::new();
    for (name, vector) in point.dense.iter().filter(|(name, _)| is_wanted(name)) {
        shown.insert(name.clone(), json!(vector));
    }
    for (name, vector) in point.sparse.iter().filter(|(name, _)| is_wanted(name)) {
        let (indices, values): (Vec<u32>, Vec<f32>) = vector.iter().copied().unzip();
        shown.insert(name.clone(), json!({"indices": indices, "values": values}));
    }
    Some(Value::Object(shown))
}
