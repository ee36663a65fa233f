//! `docent ingest`: a book becomes an index.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::{BookArguments, load_config, log};
use crate::ingest::{FREE_TIER_DAY, Pace, Progress, Report, plan};
use crate::parts::Providers;
use crate::status::Services;

/// Warnings printed for people; the rest is counted.
const SHOWN_WARNINGS: usize = 20;

#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the book
    book: PathBuf,
    /// Only say what would change
    #[arg(long)]
    plan: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    how: BookArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = load_config(Some(&arguments.book))?;
    log::start(&config);
    let (embedder, _) = Providers::new(&config, &Services::default()).embedder(&config)?;
    let index_file = config.index_file();
    let plan = plan(&arguments.book, &arguments.how.options(), &embedder, &index_file)
        .await
        .with_context(|| format!("cannot ingest {}", arguments.book.display()))?
        .paced(Pace::of(&embedder, config.embeddings_per_minute));
    let report = if arguments.plan {
        plan.report().clone()
    } else {
        let progress = Progress::on_stderr();
        tokio::select! {
            report = plan.run(&embedder, &progress) => report?,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; what was embedded is kept, run it again to go on"),
        }
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_warnings(&report);
        println!("{}", summary(&report, arguments.plan));
    }
    Ok(())
}

/// Prints the first warnings of a report to standard error.
pub(super) fn print_warnings(report: &Report) {
    for warning in report.warnings.iter().take(SHOWN_WARNINGS) {
        eprintln!("warning: {warning}");
    }
    let more = report.warnings.len().saturating_sub(SHOWN_WARNINGS);
    if more > 0 {
        eprintln!("… and {more} more warnings; `docent inspect BOOK` shows all of them");
    }
}

/// How long a plan will wait for the provider's quota.
fn pace_in_words(report: &Report) -> String {
    let Some(seconds) = report.paced_seconds else { return String::new() };
    let minutes = seconds.div_ceil(60);
    let days = report.embedded.div_ceil(FREE_TIER_DAY);
    let day = if days > 1 {
        format!("; a free project embeds {FREE_TIER_DAY} texts a day, so it takes {days} days there")
    } else {
        String::new()
    };
    format!(", at the pace of the quota about {minutes} min{day}")
}

/// A report in one line.
pub(super) fn summary(report: &Report, planned: bool) -> String {
    let Report { title, pages, sections, chunks, added, removed, embedded, embedded_tokens, .. } = report;
    let read = format!("{title}: {pages} pages, {sections} sections, {chunks} chunks");
    let took = report.took.as_secs_f64();
    if planned {
        return format!(
            "{read}; {added} chunks would be added, {removed} removed, {embedded} texts embedded (about {embedded_tokens} tokens){}",
            pace_in_words(report)
        );
    }
    if report.unchanged {
        return format!("{read}; nothing has changed ({took:.2} s)");
    }
    let kilobytes = report.index_bytes / 1024;
    format!(
        "{read}; {added} added, {removed} removed, {embedded} embedded; index of {kilobytes} KiB in {took:.2} s"
    )
}
