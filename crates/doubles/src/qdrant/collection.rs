//! One collection: what it was created with, its points, and what can be done with them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::errors::ApiError;
use super::filter;
use super::points::{self, Point, PointId};

/// A page without `limit`.
const DEFAULT_PAGE: usize = 10;

/// Largest `limit` with strict mode, as Cloud sets it.
const MOST_RESULTS: usize = 1000;

/// A collection in memory.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    /// Minor version of the server, 1.x.
    minor: u32,
    /// Length by vector name; the unnamed one has the empty name.
    pub(super) dense: BTreeMap<String, usize>,
    /// Whether a sparse vector has the modifier `idf`, by name.
    pub(super) sparse: BTreeMap<String, bool>,
    pub(super) points: BTreeMap<PointId, Point>,
    /// Type by indexed field.
    schema: BTreeMap<String, String>,
    strict: bool,
    /// As it was created, for `config`.
    params: Value,
    metadata: Value,
    operations: u64,
}

impl Collection {
    pub(super) fn create(request: &Value, minor: u32, strict: bool) -> Result<Self, ApiError> {
        let mut dense = BTreeMap::new();
        let vectors = &request["vectors"];
        let size = |vector: &Value| {
            let size = vector["size"].as_u64().ok_or_else(|| ApiError::json_body("missing field `size`"))?;
            match vector["distance"].as_str() {
                Some("Cosine") => Ok(size as usize),
                Some("Dot" | "Euclid" | "Manhattan") => Err(ApiError::new(
                    501,
                    "Service internal error: the double only knows the distance Cosine",
                )),
                _ => Err(ApiError::json_body("missing field `distance`")),
            }
        };
        match vectors {
            Value::Null => {}
            Value::Object(fields) if fields.contains_key("size") => {
                dense.insert(String::new(), size(vectors)?);
            }
            Value::Object(named) => {
                for (name, vector) in named {
                    dense.insert(name.clone(), size(vector)?);
                }
            }
            _ => {
                return Err(ApiError::json_body(
                    "data did not match any variant of untagged enum VectorsConfig",
                ));
            }
        }
        let mut sparse = BTreeMap::new();
        for (name, vector) in request["sparse_vectors"].as_object().into_iter().flatten() {
            match vector["modifier"].as_str() {
                Some("idf") => sparse.insert(name.clone(), true),
                None | Some("none") => sparse.insert(name.clone(), false),
                Some(other) => {
                    return Err(ApiError::json_body(format!(
                        "unknown variant `{other}`, expected `none` or `idf`"
                    )));
                }
            };
        }
        let mut params = json!({
            "vectors": if vectors.is_null() { json!({}) } else { vectors.clone() },
            "shard_number": 1,
            "replication_factor": 1,
            "write_consistency_factor": 1,
            "on_disk_payload": true,
        });
        if !sparse.is_empty() {
            params["sparse_vectors"] = request["sparse_vectors"].clone();
        }
        let strict = request["strict_mode_config"]["enabled"].as_bool().unwrap_or(strict);
        // An older server passes over fields that it does not know.
        let metadata = if minor >= 16 { request["metadata"].clone() } else { Value::Null };
        Ok(Self {
            minor,
            dense,
            sparse,
            points: BTreeMap::new(),
            schema: BTreeMap::new(),
            strict,
            params,
            metadata,
            operations: 0,
        })
    }

    pub(super) fn update(&mut self, request: &Value) {
        if let (true, Some(facts)) = (self.minor >= 16, request["metadata"].as_object()) {
            let mut merged = self.metadata.as_object().cloned().unwrap_or_default();
            merged.extend(facts.clone());
            self.metadata = Value::Object(merged);
        }
        if let Some(enabled) = request["strict_mode_config"]["enabled"].as_bool() {
            self.strict = enabled;
        }
    }

    pub(super) fn describe(&self) -> Value {
        let schema: Map<String, Value> = self
            .schema
            .iter()
            .map(|(field, kind)| {
                let holds = |point: &&Point| !filter::values(&point.payload, field).is_empty();
                let points = self.points.values().filter(holds).count();
                (field.clone(), json!({"data_type": kind, "points": points}))
            })
            .collect();
        let mut config = json!({
            "params": self.params,
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0, "on_disk": false},
            "optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0,
                "max_segment_size": null, "memmap_threshold": null, "indexing_threshold": 10000, "flush_interval_sec": 5,
                "max_optimization_threads": null},
            "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
            "quantization_config": null,
        });
        if self.strict {
            config["strict_mode_config"] = json!({"enabled": true, "max_query_limit": MOST_RESULTS,
                "unindexed_filtering_retrieve": false, "unindexed_filtering_update": false});
        }
        if !self.metadata.is_null() {
            config["metadata"] = self.metadata.clone();
        }
        json!({
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": 0,
            "points_count": self.points.len(),
            "segments_count": 2,
            "config": config,
            "payload_schema": schema,
        })
    }

    pub(super) fn create_index(&mut self, request: &Value) -> Result<Value, ApiError> {
        let field = request["field_name"]
            .as_str()
            .ok_or_else(|| ApiError::json_body("missing field `field_name`"))?;
        let schema = &request["field_schema"];
        let kind = schema.as_str().or(schema["type"].as_str()).unwrap_or("keyword");
        if !["keyword", "integer", "float", "bool", "geo", "datetime", "text", "uuid"].contains(&kind) {
            return Err(ApiError::json_body(
                "data did not match any variant of untagged enum PayloadFieldSchema",
            ));
        }
        self.schema.insert(field.to_owned(), kind.to_owned());
        Ok(self.done())
    }

    pub(super) fn drop_index(&mut self, field: &str) -> Value {
        self.schema.remove(field);
        self.done()
    }

    pub(super) fn upsert(&mut self, request: &Value) -> Result<Value, ApiError> {
        let mut taken = Vec::new();
        if let Some(list) = request["points"].as_array() {
            for point in list {
                taken.push((
                    PointId::parse(&point["id"])?,
                    self.read_point(&point["vector"], &point["payload"])?,
                ));
            }
        } else if let Some(ids) = request["batch"]["ids"].as_array() {
            let batch = &request["batch"];
            for (number, id) in ids.iter().enumerate() {
                let vector = match &batch["vectors"] {
                    Value::Object(named) => Value::Object(
                        named.iter().map(|(name, list)| (name.clone(), list[number].clone())).collect(),
                    ),
                    list => list[number].clone(),
                };
                taken.push((PointId::parse(id)?, self.read_point(&vector, &batch["payloads"][number])?));
            }
        } else {
            return Err(ApiError::json_body(
                "data did not match any variant of untagged enum PointInsertOperations",
            ));
        }
        self.points.extend(taken);
        Ok(self.done())
    }

    fn read_point(&self, vector: &Value, payload: &Value) -> Result<Point, ApiError> {
        let mut point = Point::default();
        match payload {
            Value::Null => {}
            Value::Object(fields) => point.payload = fields.clone(),
            _ => return Err(ApiError::json_body("expected a map for the payload")),
        }
        match vector {
            Value::Null => return Err(ApiError::json_body("missing field `vector`")),
            Value::Object(named) => {
                for (name, value) in named {
                    self.take_vector(&mut point, name, value)?;
                }
            }
            value => self.take_vector(&mut point, "", value)?,
        }
        Ok(point)
    }

    fn take_vector(&self, point: &mut Point, name: &str, value: &Value) -> Result<(), ApiError> {
        if let Some(size) = self.dense.get(name) {
            let mut vector = points::dense(value)?;
            if vector.len() != *size {
                return Err(ApiError::dimensions(*size, vector.len()));
            }
            points::normalise(&mut vector);
            point.dense.insert(name.to_owned(), vector);
        } else if self.sparse.contains_key(name) {
            point.sparse.insert(name.to_owned(), points::sparse(value)?);
        } else {
            return Err(ApiError::no_vector(name));
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, request: &Value) -> Result<Value, ApiError> {
        let ids = self.chosen(request)?;
        for id in ids {
            self.points.remove(&id);
        }
        Ok(self.done())
    }

    pub(super) fn set_payload(&mut self, request: &Value, overwrite: bool) -> Result<Value, ApiError> {
        let payload =
            request["payload"].as_object().ok_or_else(|| ApiError::json_body("missing field `payload`"))?;
        for id in self.chosen(request)? {
            let Some(point) = self.points.get_mut(&id) else { continue };
            if overwrite {
                point.payload.clear();
            }
            point.payload.extend(payload.clone());
        }
        Ok(self.done())
    }

    pub(super) fn delete_payload(&mut self, request: &Value) -> Result<Value, ApiError> {
        let keys = request["keys"].as_array().ok_or_else(|| ApiError::json_body("missing field `keys`"))?;
        let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
        for id in self.chosen(request)? {
            let Some(point) = self.points.get_mut(&id) else { continue };
            point.payload.retain(|key, _| !keys.contains(&key.as_str()));
        }
        Ok(self.done())
    }

    /// Ids that a request names, or whose points its filter matches.
    fn chosen(&self, request: &Value) -> Result<Vec<PointId>, ApiError> {
        if let Some(ids) = request["points"].as_array() {
            return ids.iter().map(PointId::parse).collect();
        }
        if request["filter"].is_null() {
            return Err(ApiError::json_body(
                "data did not match any variant of untagged enum PointsSelector",
            ));
        }
        self.check_filter(&request["filter"])?;
        Ok(self.matching(&request["filter"]).map(|(id, _)| id).collect())
    }

    fn matching<'a>(&'a self, filter: &'a Value) -> impl Iterator<Item = (PointId, &'a Point)> {
        self.points
            .iter()
            .map(|(id, point)| (*id, point))
            .filter(|(id, point)| filter::matches(filter, *id, point))
    }

    pub(super) fn scroll(&self, request: &Value) -> Result<Value, ApiError> {
        let limit = request["limit"].as_u64().map_or(DEFAULT_PAGE, |limit| limit as usize);
        self.check_limit(limit)?;
        self.check_filter(&request["filter"])?;
        let from = match &request["offset"] {
            Value::Null => None,
            offset => Some(PointId::parse(offset)?),
        };
        let mut found =
            self.matching(&request["filter"]).filter(|(id, _)| from.is_none_or(|from| *id >= from));
        let page: Vec<Value> =
            found.by_ref().take(limit).map(|(id, point)| shown(id, point, request, true)).collect();
        let next = found.next().map_or(Value::Null, |(id, _)| id.json());
        Ok(json!({"points": page, "next_page_offset": next}))
    }

    pub(super) fn retrieve(&self, request: &Value) -> Result<Value, ApiError> {
        let ids = request["ids"].as_array().ok_or_else(|| ApiError::json_body("missing field `ids`"))?;
        let ids = ids.iter().map(PointId::parse).collect::<Result<Vec<_>, _>>()?;
        let found = ids.into_iter().filter_map(|id| Some(shown(id, self.points.get(&id)?, request, true)));
        Ok(Value::Array(found.collect()))
    }

    pub(super) fn count(&self, request: &Value) -> Result<Value, ApiError> {
        self.check_filter(&request["filter"])?;
        Ok(json!({"count": self.matching(&request["filter"]).count()}))
    }

    pub(super) fn facet(&self, request: &Value) -> Result<Value, ApiError> {
        let key = request["key"].as_str().ok_or_else(|| ApiError::json_body("missing field `key`"))?;
        if !self.schema.contains_key(key) {
            return Err(ApiError::new(
                400,
                format!(
                    "Bad request: Index required but not found for \"{key}\". Help: Create an index supporting `match` for this key."
                ),
            ));
        }
        self.check_filter(&request["filter"])?;
        let mut counts: BTreeMap<String, (Value, u64)> = BTreeMap::new();
        for (_, point) in self.matching(&request["filter"]) {
            let values: BTreeSet<String> =
                filter::values(&point.payload, key).into_iter().map(Value::to_string).collect();
            for value in values {
                let own = serde_json::from_str(&value).unwrap_or_default();
                counts.entry(value).or_insert((own, 0)).1 += 1;
            }
        }
        let mut hits: Vec<(Value, u64)> = counts.into_values().collect();
        hits.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        hits.truncate(request["limit"].as_u64().unwrap_or(10) as usize);
        let hits: Vec<Value> =
            hits.into_iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
        Ok(json!({"hits": hits}))
    }

    pub(super) fn check_limit(&self, limit: usize) -> Result<(), ApiError> {
        if self.strict && limit > MOST_RESULTS {
            return Err(ApiError::over_limit(limit, MOST_RESULTS, "limit"));
        }
        Ok(())
    }

    pub(super) fn check_filter(&self, filter: &Value) -> Result<(), ApiError> {
        let is_indexed = |key: &str| self.schema.contains_key(key);
        filter::check(filter, if self.strict { Some(&is_indexed) } else { None })
    }

    /// Refuses what a server before 1.`minor` does not know.
    pub(super) fn check_version(&self, minor: u32, what: &str) -> Result<(), ApiError> {
        if self.minor < minor {
            return Err(ApiError::json_body(format!(
                "data did not match any variant of untagged enum QueryInterface ({what})"
            )));
        }
        Ok(())
    }

    fn done(&mut self) -> Value {
        self.operations += 1;
        json!({"operation_id": self.operations, "status": "completed"})
    }
}

fn shown(id: PointId, point: &Point, request: &Value, with_payload: bool) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), id.json());
    let selector = match &request["with_payload"] {
        // Scroll and retrieve show the payload unless told otherwise.
        Value::Null => &Value::Bool(with_payload),
        selector => selector,
    };
    if let Some(payload) = points::selected(&point.payload, selector) {
        shown.insert("payload".to_owned(), payload);
    }
    if let Some(vector) = points::shown_vectors(point, &request["with_vector"]) {
        shown.insert("vector".to_owned(), vector);
    }
    Value::Object(shown)
}
