//! `docent config`: the effective configuration, and `docent openapi`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::table::table;
use crate::config::{Config, ConfigError, VARIABLES, Values, redact_url};

#[derive(Args)]
pub(super) struct Arguments {
    /// Book whose docent.toml is read too
    book: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (values, problems) = Values::gather(arguments.book.as_deref());
    let checked = Config::from_values(&values, problems);
    if arguments.json {
        let settings: Vec<_> = VARIABLES
            .iter()
            .map(|variable| {
                json!({
                    "name": variable.name,
                    "value": shown(&values, variable.name, variable.secret),
                    "origin": values.origin(variable.name).name(),
                    "about": variable.about,
                })
            })
            .collect();
        let problems: Vec<_> = match &checked {
            Ok(_) => Vec::new(),
            Err(ConfigError(problems)) => problems
                .iter()
                .map(|problem| json!({"variable": problem.variable, "message": problem.message}))
                .collect(),
        };
        println!("{}", serde_json::to_string_pretty(&json!({"settings": settings, "problems": problems}))?);
    } else {
        let mut table = table(&["variable", "value", "from", "what it does"]);
        for variable in VARIABLES {
            let value = shown(&values, variable.name, variable.secret);
            table.add_row([
                variable.name,
                value.as_str(),
                values.origin(variable.name).name(),
                variable.about,
            ]);
        }
        println!("{table}");
    }
    checked.map(drop).map_err(Into::into)
}

fn shown(values: &Values, name: &str, secret: bool) -> String {
    let value = values.get(name);
    match (value.is_empty(), secret) {
        (true, _) => String::new(),
        (false, true) => "***".to_owned(),
        (false, false) if name.ends_with("_URL") => redact_url(value),
        (false, false) => value.to_owned(),
    }
}

pub(super) fn openapi() -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(&crate::http::openapi_document())?);
    Ok(())
}
