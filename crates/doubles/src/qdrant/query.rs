//! The query API: nearest by dense or sparse vector, and fusion of prefetched lists.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::collection::Collection;
use super::errors::ApiError;
use super::filter;
use super::points::{self, PointId};

/// Results without `limit`.
const DEFAULT_LIMIT: usize = 10;

/// Qdrant's own; not the 60 of the paper.
const DEFAULT_RRF_K: usize = 2;

/// A point with its score; best first in every list.
type Scored = (PointId, f32);

/// The answer to one query: scored points, as they are asked for.
pub(super) fn answer(collection: &Collection, request: &Value) -> Result<Value, ApiError> {
    let scored = run(collection, request, &Value::Null)?;
    let offset = request["offset"].as_u64().unwrap_or_default() as usize;
    let shown = scored.into_iter().skip(offset).map(|(id, score)| {
        let point = &collection.points[&id];
        let mut shown = Map::new();
        shown.insert("id".to_owned(), id.json());
        shown.insert("version".to_owned(), json!(0));
        shown.insert("score".to_owned(), json!(score));
        if let Some(payload) = points::selected(&point.payload, &request["with_payload"]) {
            shown.insert("payload".to_owned(), payload);
        }
        if let Some(vector) = points::shown_vectors(point, &request["with_vector"]) {
            shown.insert("vector".to_owned(), vector);
        }
        Value::Object(shown)
    });
    Ok(json!({"points": shown.collect::<Vec<_>>()}))
}

/// Runs a query or a prefetch; the filter of what stands above is passed down.
fn run(collection: &Collection, request: &Value, outer: &Value) -> Result<Vec<Scored>, ApiError> {
    let limit = request["limit"].as_u64().map_or(DEFAULT_LIMIT, |limit| limit as usize);
    if limit == 0 {
        return Err(ApiError::new(
            422,
            "Validation error in JSON body: [limit: value 0 invalid, must be 1 or larger]",
        ));
    }
    collection.check_limit(limit)?;
    collection.check_filter(&request["filter"])?;
    let filters = [outer.clone(), request["filter"].clone()];
    let filter = json!({"must": filters.iter().filter(|filter| !filter.is_null()).collect::<Vec<_>>()});
    let prefetches: Vec<&Value> = match &request["prefetch"] {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        single => vec![single],
    };
    let lists = prefetches
        .iter()
        .map(|prefetch| run(collection, prefetch, &filter))
        .collect::<Result<Vec<_>, _>>()?;
    let using = request["using"].as_str().unwrap_or_default();
    let query = &request["query"];
    let mut scored = if let Some(fusion) = query["fusion"].as_str() {
        fused(collection, fusion, &lists)?
    } else if query["rrf"].is_object() {
        collection.check_version(16, "rrf")?;
        rrf(&lists, &query["rrf"])?
    } else {
        let candidates: Option<Vec<PointId>> =
            (!lists.is_empty()).then(|| lists.concat().into_iter().map(|(id, _)| id).collect());
        nearest(collection, query, using, &filter, candidates.as_deref())?
    };
    if let Some(least) = request["score_threshold"].as_f64() {
        scored.retain(|(_, score)| f64::from(*score) >= least);
    }
    let offset = request["offset"].as_u64().unwrap_or_default() as usize;
    scored.truncate(limit + offset);
    Ok(scored)
}

fn nearest(
    collection: &Collection,
    query: &Value,
    using: &str,
    filter: &Value,
    candidates: Option<&[PointId]>,
) -> Result<Vec<Scored>, ApiError> {
    let query = query.get("nearest").unwrap_or(query);
    let points = || {
        collection.points.iter().filter(|(id, point)| {
            filter::matches(filter, **id, point)
                && candidates.is_none_or(|candidates| candidates.contains(id))
        })
    };
    let mut scored: Vec<Scored> = if query.is_null() {
        points().map(|(id, _)| (*id, 0.0)).collect()
    } else if query.is_array() || query.is_string() || query.is_u64() {
        let size = collection.dense.get(using).ok_or_else(|| ApiError::no_vector(using))?;
        let mut vector = if query.is_array() {
            points::dense(query)?
        } else {
            let id = PointId::parse(query)?;
            let point = collection.points.get(&id);
            let known = point.and_then(|point| point.dense.get(using));
            known
                .cloned()
                .ok_or_else(|| ApiError::new(404, format!("Not found: No point with id {id} found")))?
        };
        if vector.len() != *size {
            return Err(ApiError::dimensions(*size, vector.len()));
        }
        points::normalise(&mut vector);
        let score = |own: &Vec<f32>| own.iter().zip(&vector).map(|(one, other)| one * other).sum();
        points().filter_map(|(id, point)| Some((*id, score(point.dense.get(using)?)))).collect()
    } else if query["indices"].is_array() {
        let has_idf = collection.sparse.get(using).ok_or_else(|| ApiError::no_vector(using))?;
        let query = points::sparse(query)?;
        let idf = idf_of(collection, using, &query, *has_idf);
        let weighed: BTreeMap<u32, f32> =
            query.iter().map(|(place, value)| (*place, value * idf.get(place).unwrap_or(&1.0))).collect();
        let score = |own: &Vec<(u32, f32)>| -> Option<f32> {
            let parts = own.iter().filter_map(|(place, value)| Some(weighed.get(place)? * value));
            parts.fold(None, |sum: Option<f32>, part| Some(sum.unwrap_or(0.0) + part))
        };
        points().filter_map(|(id, point)| Some((*id, score(point.sparse.get(using)?)?))).collect()
    } else {
        return Err(ApiError::json_body("data did not match any variant of untagged enum QueryInterface"));
    };
    sort(&mut scored);
    Ok(scored)
}

/// `ln(1 + (n - df + ½) / (df + ½))` over the points that have this vector.
fn idf_of(collection: &Collection, using: &str, query: &[(u32, f32)], has_idf: bool) -> HashMap<u32, f32> {
    if !has_idf {
        return HashMap::new();
    }
    let own = || collection.points.values().filter_map(|point| point.sparse.get(using));
    let count = own().count() as f32;
    let of = |place: u32| {
        let frequency =
            own().filter(|own| own.binary_search_by_key(&place, |(place, _)| *place).is_ok()).count();
        let frequency = frequency as f32;
        (1.0 + (count - frequency + 0.5) / (frequency + 0.5)).ln()
    };
    query.iter().map(|(place, _)| (*place, of(*place))).collect()
}

fn fused(collection: &Collection, fusion: &str, lists: &[Vec<Scored>]) -> Result<Vec<Scored>, ApiError> {
    if lists.is_empty() {
        return Err(ApiError::new(400, "Bad request: Cannot apply fusion without prefetches"));
    }
    match fusion {
        "rrf" => rrf(lists, &Value::Null),
        "dbsf" => {
            collection.check_version(11, "dbsf")?;
            Ok(dbsf(lists))
        }
        _ => Err(ApiError::json_body(format!("unknown variant `{fusion}`, expected `rrf` or `dbsf`"))),
    }
}

fn rrf(lists: &[Vec<Scored>], options: &Value) -> Result<Vec<Scored>, ApiError> {
    let k = options["k"].as_u64().map_or(DEFAULT_RRF_K, |k| k as usize);
    let weights: Option<Vec<f32>> = options["weights"]
        .as_array()
        .map(|weights| weights.iter().map(|weight| weight.as_f64().unwrap_or(1.0) as f32).collect());
    if let Some(weights) = &weights
        && weights.len() != lists.len()
    {
        return Err(ApiError::input(format!(
            "Number of weights in RRF should match number of pre-fetches: got {}, expected {}",
            weights.len(),
            lists.len()
        )));
    }
    let mut sums: BTreeMap<PointId, f32> = BTreeMap::new();
    for (number, list) in lists.iter().enumerate() {
        let weight = weights.as_ref().map_or(1.0, |weights| weights[number]);
        for (position, (id, _)) in list.iter().enumerate() {
            let part =
                if weight > 0.0 { 1.0 / ((position + 1) as f32 / weight + k as f32 - 1.0) } else { 0.0 };
            *sums.entry(*id).or_default() += part;
        }
    }
    let mut scored: Vec<Scored> = sums.into_iter().collect();
    sort(&mut scored);
    Ok(scored)
}

/// Each list scaled by its mean and three standard deviations, then added.
fn dbsf(lists: &[Vec<Scored>]) -> Vec<Scored> {
    let mut sums: BTreeMap<PointId, f32> = BTreeMap::new();
    for list in lists {
        let count = list.len().max(1) as f32;
        let mean = list.iter().map(|(_, score)| score).sum::<f32>() / count;
        let spread = list.iter().map(|(_, score)| (score - mean).powi(2)).sum::<f32>();
        let deviation = (spread / (count - 1.0).max(1.0)).sqrt();
        for (id, score) in list {
            let scaled =
                if deviation > 0.0 { (score - mean + 3.0 * deviation) / (6.0 * deviation) } else { 0.5 };
            *sums.entry(*id).or_default() += scaled;
        }
    }
    let mut scored: Vec<Scored> = sums.into_iter().collect();
    sort(&mut scored);
    scored
}

/// Best first; ties by id, so that the double says the same every time.
fn sort(scored: &mut [Scored]) {
    scored.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
}
