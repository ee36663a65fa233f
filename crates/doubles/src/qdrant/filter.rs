//! Filters: which points match, and which fields a filter touches (strict mode wants an index for each).

use serde_json::{Map, Value};

use super::errors::ApiError;
use super::points::{Point, PointId};

/// Clauses of a filter.
const CLAUSES: [&str; 3] = ["must", "should", "must_not"];

/// Refuses what is no filter, and with strict mode one that touches a field without index.
pub(super) fn check(filter: &Value, is_indexed: Option<&dyn Fn(&str) -> bool>) -> Result<(), ApiError> {
    let Some(clauses) = filter.as_object() else {
        return if filter.is_null() { Ok(()) } else { Err(ApiError::json_body("expected a filter")) };
    };
    for (name, clause) in clauses {
        if !CLAUSES.contains(&name.as_str()) {
            return Err(ApiError::json_body(format!(
                "unknown field `{name}`, expected one of `should`, `min_should`, `must`, `must_not`"
            )));
        }
        for condition in conditions(clause) {
            check_condition(condition, is_indexed)?;
        }
    }
    Ok(())
}

fn check_condition(condition: &Value, is_indexed: Option<&dyn Fn(&str) -> bool>) -> Result<(), ApiError> {
    let key = match condition.as_object() {
        Some(fields) if CLAUSES.iter().any(|clause| fields.contains_key(*clause)) => {
            return check(condition, is_indexed);
        }
        Some(fields) if fields.contains_key("has_id") || fields.contains_key("has_vector") => return Ok(()),
        Some(fields) => ["is_empty", "is_null"]
            .iter()
            .find_map(|name| fields.get(*name)?["key"].as_str())
            .or(condition["key"].as_str()),
        None => None,
    };
    let Some(key) = key else {
        return Err(ApiError::json_body("data did not match any variant of untagged enum Condition"));
    };
    match is_indexed {
        Some(is_indexed) if !is_indexed(key) => Err(ApiError::unindexed(key)),
        _ => Ok(()),
    }
}

/// Whether a point matches; a filter that is null matches all.
pub(super) fn matches(filter: &Value, id: PointId, point: &Point) -> bool {
    let holds = |condition: &Value| condition_holds(condition, id, point);
    let must = conditions(&filter["must"]).all(holds);
    let must_not = conditions(&filter["must_not"]).any(holds);
    let mut should = conditions(&filter["should"]).peekable();
    must && !must_not && (should.peek().is_none() || should.any(holds))
}

/// A clause is a list of conditions or a single one.
fn conditions(clause: &Value) -> impl Iterator<Item = &Value> {
    let (list, single) = match clause {
        Value::Array(list) => (list.as_slice(), None),
        Value::Null => (&[][..], None),
        single => (&[][..], Some(single)),
    };
    list.iter().chain(single)
}

fn condition_holds(condition: &Value, id: PointId, point: &Point) -> bool {
    if let Some(ids) = condition["has_id"].as_array() {
        return ids.iter().any(|wanted| PointId::parse(wanted).is_ok_and(|wanted| wanted == id));
    }
    if let Some(name) = condition["has_vector"].as_str() {
        return point.dense.contains_key(name) || point.sparse.contains_key(name);
    }
    if let Some(key) = condition["is_empty"]["key"].as_str() {
        return values(&point.payload, key).is_empty();
    }
    if let Some(key) = condition["is_null"]["key"].as_str() {
        return point.payload.get(key).is_some_and(Value::is_null);
    }
    let Some(key) = condition["key"].as_str() else { return matches(condition, id, point) };
    let found = values(&point.payload, key);
    let wanted = &condition["match"];
    if let Some(value) = wanted.get("value") {
        return found.contains(&value);
    }
    if let Some(any) = wanted["any"].as_array() {
        return found.iter().any(|found| any.contains(found));
    }
    if let Some(except) = wanted["except"].as_array() {
        return found.iter().any(|found| !except.contains(found));
    }
    if let Some(text) = wanted["text"].as_str() {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let holds = |found: &&Value| {
            let found = found.as_str().unwrap_or_default().to_lowercase();
            words.iter().all(|word| found.contains(word))
        };
        return found.iter().any(holds);
    }
    let range = &condition["range"];
    let bound = |name: &str| range[name].as_f64();
    found.iter().filter_map(|value| value.as_f64()).any(|value| {
        range.is_object()
            && bound("gte").is_none_or(|least| value >= least)
            && bound("gt").is_none_or(|least| value > least)
            && bound("lte").is_none_or(|most| value <= most)
            && bound("lt").is_none_or(|most| value < most)
    })
}

/// The values under a key; a list stands for its items, null for nothing.
pub(super) fn values<'a>(payload: &'a Map<String, Value>, key: &str) -> Vec<&'a Value> {
    let mut found = payload.get(key);
    if found.is_none()
        && let Some((outer, inner)) = key.split_once('.')
    {
        found = payload.get(outer).and_then(|value| value.get(inner));
    }
    match found {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
    }
}
