//! What stands around the best passages: one more call brings the pages that they are pieces of, so that small sections
//! are shown whole, passages grow to their neighbours, and links tell a sentence from its like further up, as over the
//! index file.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::opened::Opened;
use super::scheme;
use crate::providers::qdrant::{Patience, Qdrant, QdrantError};
use crate::retrieve::Passage;

/// Chunks that are fetched before a passage. Passages need a few of them; the others are the text in which the sentence of
/// a link must not occur once more.
const BEFORE: u32 = 40;

/// Chunks that are fetched after a passage: more than a section has that is shown whole.
const AFTER: u32 = 8;

/// Points of that call at most; six pages of forty chunks are fewer.
const MOST: usize = 320;

/// Fetches what stands around `passages`. Nothing when the collection does not tell pages and places; one call otherwise.
///
/// # Errors
/// When Qdrant does not answer within `limit`.
pub(super) async fn fetch(
    client: &Qdrant,
    opened: &Opened,
    passages: &[Passage],
    limit: Duration,
) -> Result<Vec<Value>, QdrantError> {
    let Some(filter) = around(passages, &opened.indexed).filter(|_| opened.has_words) else {
        return Ok(Vec::new());
    };
    let request = json!({"filter": filter, "limit": MOST, "with_payload": true, "with_vector": false});
    Ok(client.scroll(&opened.collection, &request, Patience::Reader(limit)).await?.points)
}

/// The filter of the pages around some passages, over fields that have an index; `None` when pages cannot be asked for.
fn around(passages: &[Passage], indexed: &[String]) -> Option<Value> {
    let has = |name: &str| indexed.iter().any(|field| field == name);
    if passages.is_empty() || !has(scheme::FILE) {
        return None;
    }
    let mut pages: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for passage in passages {
        let (first, last) = (passage.position.saturating_sub(BEFORE), passage.position.saturating_add(AFTER));
        let page = pages.entry(&passage.file).or_insert((first, last));
        *page = (page.0.min(first), page.1.max(last));
    }
    // A collection of an older program has no index on positions until the next ingest: then whole pages come.
    let page = |(file, (first, last)): (&str, (u32, u32))| {
        let mut must = vec![json!({"key": scheme::FILE, "match": {"value": file}})];
        if has(scheme::POSITION) {
            must.push(json!({"key": scheme::POSITION, "range": {"gte": first, "lte": last}}));
        }
        json!({ "must": must })
    };
    Some(json!({"should": pages.into_iter().map(page).collect::<Vec<_>>()}))
}

/// Those of `points` that are not in `known` yet.
pub(super) fn unknown(points: Vec<Value>, known: &[Value]) -> Vec<Value> {
    let known: HashSet<String> = known.iter().map(|point| point["id"].to_string()).collect();
    points.into_iter().filter(|point| !known.contains(&point["id"].to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(file: &str, position: u32) -> Passage {
        Passage {
            n: 1,
            file: file.to_owned(),
            title: String::new(),
            heading_path: Vec::new(),
            url: String::new(),
            anchor: None,
            position,
            content: String::new(),
            sentences: Vec::new(),
            page_before: String::new(),
            score: 0.0,
            similarity: 0.0,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_page_is_asked_for_once_and_a_long_one_not_whole() {
        let passages = [passage("a.md", 100), passage("b.md", 3), passage("a.md", 60)];
        let filter = around(&passages, &names(&["file_path", "position"])).expect("a filter");
        let ranges: Vec<&Value> = filter["should"]
            .as_array()
            .expect("pages")
            .iter()
            .map(|page| &page["must"][1]["range"])
            .collect();
        assert_eq!(ranges, [&json!({"gte": 20, "lte": 108}), &json!({"gte": 0, "lte": 11})]);
        let older = around(&passages, &names(&["file_path"])).expect("a filter");
        assert_eq!(older["should"][1], json!({"must": [{"key": "file_path", "match": {"value": "b.md"}}]}));
    }

    #[test]
    fn nothing_is_asked_that_cannot_be_answered() {
        assert_eq!(around(&[], &names(&["file_path", "position"])), None);
        assert_eq!(around(&[passage("a.md", 0)], &names(&["version"])), None);
    }
}
