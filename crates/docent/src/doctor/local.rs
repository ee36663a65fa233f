//! This machine: is the configuration right, can the data folder be written, does the index open and fit the embedder, do
//! the models exist, are Qdrant and Postgres reached. Nothing is asked that costs money.

use std::net::TcpListener;
use std::path::Path;

use search::Index;

use super::{Finding, Report, services};
use crate::config::{Config, ConfigError};
use crate::parts::Providers;
use crate::providers::ModelUse;
use crate::retrieve::Embedder;
use crate::status::Services;

/// Looks at the configuration of this machine and what it names.
pub async fn examine_here(config: Result<Config, ConfigError>) -> Report {
    let config = match config {
        Ok(config) => config,
        Err(ConfigError(problems)) => {
            let findings = problems.into_iter().map(|problem| {
                let remedy = format!("correct {}; `docent config` shows who set it", problem.variable);
                Finding::failed("configuration", format!("{} {}", problem.variable, problem.message), remedy)
            });
            return Report::new(None, findings.collect());
        }
    };
    let mut findings =
        vec![Finding::ok("configuration", "every variable is understood"), data_folder(&config.data_dir)];
    let providers = Providers::new(&config, &Services::default());
    let embedder = match providers.embedder(&config) {
        Ok((embedder, row)) => {
            findings.push(Finding::ok("embedder", format!("{}: {}", row.using, row.why)));
            Some(embedder)
        }
        Err(error) => {
            let remedy = "correct DOCENT_ENCODER_FILE, or remove it to use the weights in the program";
            findings.push(Finding::failed("embedder", error.to_string(), remedy));
            None
        }
    };
    findings.push(index(&config.index_file(), embedder.as_ref()));
    let (generator, row) = providers.generator(&config);
    findings.push(Finding::ok("generator", format!("{}: {}", row.using, row.why)));
    if let Some(embedder) = &embedder {
        for check in providers.checks(embedder, &generator).await.into_iter().flat_map(|(_, checks)| checks) {
            let used_for = match check.used_for {
                ModelUse::Chat => "writes answers",
                ModelUse::Embedding => "embeds",
            };
            findings.push(match (&check.problem, &check.warning) {
                (Some(problem), _) => Finding::failed(
                    "model",
                    format!("{}, which {used_for}: {problem}", check.model),
                    "correct the key or the model's name; answers fall back to the book's own words meanwhile",
                ),
                (None, Some(warning)) => {
                    Finding::warning("model", format!("{}: {warning}", check.model), "choose another model in time")
                }
                (None, None) => Finding::ok("model", format!("{} {used_for}: {} ms", check.model, check.took.as_millis())),
            });
        }
    }
    findings.extend(services::qdrant(&config, &providers, embedder.as_ref()).await);
    findings.extend(services::postgres(&config).await);
    findings.push(port(&config));
    Report::new(None, findings)
}

fn data_folder(folder: &Path) -> Finding {
    const CHECK: &str = "data-folder";
    let probe = folder.join(".docent-doctor");
    let tried = fs_err::create_dir_all(folder)
        .and_then(|()| fs_err::write(&probe, ""))
        .and_then(|()| fs_err::remove_file(&probe));
    match tried {
        Ok(()) => Finding::ok(CHECK, format!("{} can be written", folder.display())),
        Err(error) => Finding::failed(
            CHECK,
            error.to_string(),
            "set DOCENT_DATA_DIR to a folder that this user can write; /tmp/docent works in most containers",
        ),
    }
}

fn index(path: &Path, embedder: Option<&Embedder>) -> Finding {
    const CHECK: &str = "index";
    if !path.exists() {
        return Finding::warning(
            CHECK,
            format!("there is none at {}", path.display()),
            "run `docent ingest BOOK`, or name the book in `docent serve BOOK`",
        );
    }
    let index = match Index::open(path) {
        Ok(index) => index,
        Err(error) => return Finding::failed(CHECK, error.to_string(), "run `docent ingest BOOK` again"),
    };
    let detail = format!("{} with {} chunks", path.display(), index.len());
    let wanted = embedder.and_then(Embedder::fingerprint);
    let found = index.metadata().embedder.as_str();
    match wanted {
        Some(wanted) if found != wanted && index.metadata().dimensions > 0 => Finding::failed(
            CHECK,
            format!("{detail} holds vectors of {found}, the embedder is {wanted}"),
            "run `docent ingest BOOK` again, or set DOCENT_EMBEDDER to what the index was made with",
        ),
        Some(_) if index.metadata().dimensions == 0 => Finding::warning(
            CHECK,
            format!("{detail} holds no vectors: it is searched by words only"),
            "run `docent ingest BOOK` again to search by meaning too",
        ),
        _ => Finding::ok(CHECK, detail),
    }
}

fn port(config: &Config) -> Finding {
    const CHECK: &str = "port";
    match TcpListener::bind((config.host, config.port)) {
        Ok(_) => Finding::ok(CHECK, format!("{} is free", config.port)),
        Err(error) => Finding::warning(
            CHECK,
            format!("{} cannot be listened on: {error}", config.port),
            "if Docent runs there, all is well: `docent doctor http://localhost:7860` looks at it; else set PORT",
        ),
    }
}
