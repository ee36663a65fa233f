//! `docent doctor`: what is wrong, and what to do about it.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;

use super::load_config;
use crate::doctor::local::examine_here;
use crate::doctor::{Examination, Finding, Report, Status, examine};

#[derive(Args)]
pub(super) struct Arguments {
    /// Address of a running service; without it this machine's configuration is looked at
    url: Option<String>,
    /// Site whose pages ask the service, such as https://book.example
    #[arg(long, value_name = "ORIGIN", requires = "url")]
    origin: Option<String>,
    /// Question to ask; without it one is taken from the book
    #[arg(long, value_name = "QUESTION", requires = "url")]
    question: Option<String>,
    /// Seconds that the service may take to wake up
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u64,
    /// Seconds that one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    limit: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Something is wrong; what it is was printed.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the checks failed")]
pub(super) struct Unwell(usize);

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let json = arguments.json;
    let report = match arguments.url {
        Some(url) => {
            let examination = Examination {
                url,
                origin: arguments.origin,
                question: arguments.question,
                patience: Duration::from_secs(arguments.wait),
                limit: Duration::from_secs(arguments.limit.max(1)),
            };
            examine(&examination, |finding| tell(finding, json)).await
        }
        None => {
            let report = examine_here(load_config(None)).await;
            report.findings.iter().for_each(|finding| tell(finding, json));
            report
        }
    };
    verdict(&report, json)
}

/// Colours of a terminal, and none.
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// Only a terminal shows colours, and `NO_COLOR` turns them off, as in other programs.
fn shows_colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a finding for people as soon as it is there.
pub(super) fn tell(finding: &Finding, json: bool) {
    if json {
        return;
    }
    let (mark, colour) = match finding.status {
        Status::Ok => ("ok  ", GREEN),
        Status::Warning => ("warn", YELLOW),
        Status::Failed => ("FAIL", RED),
        Status::Skipped => ("skip", PLAIN),
    };
    let (colour, plain) = if shows_colours() { (colour, PLAIN) } else { ("", "") };
    println!("{colour}{mark}{plain}  {:<14}  {}", finding.check, finding.detail);
    if let Some(remedy) = &finding.remedy {
        println!("      {:<14}  → {remedy}", "");
    }
}

/// Prints the report for programs, and turns failures into an error.
pub(super) fn verdict(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    }
    let failed = report.findings.iter().filter(|finding| finding.status == Status::Failed).count();
    if failed > 0 { Err(Unwell(failed).into()) } else { Ok(()) }
}
