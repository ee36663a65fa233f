//! Scores that a set must reach, as data: a file of one table an embedder.
//!
//! ```toml
//! [local]
//! "ndcg@10" = 0.65
//! wrong_refusals = 0.3   # a ceiling: less is better
//! ```

use std::path::Path;

use super::Figure;

/// Checks `figures` against a table in `file` and returns what falls short, one line a measure. `table` is the name of an
/// embedder, with a prefix such as `claims.` for a table inside another one.
///
/// # Errors
/// When the file cannot be read or names something that is not measured; the message says which.
pub fn shortfalls(file: &Path, table: &str, figures: &[Figure]) -> Result<Vec<String>, String> {
    let text = fs_err::read_to_string(file).map_err(|error| error.to_string())?;
    let wrong = |what: String| format!("{}: {what}", file.display());
    let tables: toml::Table =
        text.parse().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    let floors = table.split('.').try_fold(&tables, |inside, name| inside.get(name)?.as_table());
    let Some(floors) = floors else {
        return Err(wrong(format!("has no table [{table}]")));
    };
    let mut short = Vec::new();
    for (name, limit) in floors {
        let limit = match limit {
            toml::Value::Float(limit) => *limit,
            toml::Value::Integer(limit) => *limit as f64,
            other => return Err(wrong(format!("{name} is a {}; expected a number", other.type_str()))),
        };
        let figure = figures
            .iter()
            .find(|figure| figure.name == name)
            .ok_or_else(|| wrong(format!("{name} is not measured")))?;
        let measured = figure.value.ok_or_else(|| wrong(format!("this set does not measure {name}")))?;
        let is_ceiling = figure.is_ceiling;
        if is_ceiling && measured > limit {
            short.push(format!("{name} is {measured:.3}, above its ceiling of {limit}"));
        } else if !is_ceiling && measured < limit {
            short.push(format!("{name} is {measured:.3}, below its floor of {limit}"));
        }
    }
    Ok(short)
}
