//! `docent ingest`: a book becomes an index.

use anyhow::Context;
use clap::Args;
use search::Index;

use super::embedding::{borrow_if_possible, borrow_vectors, pace};
use super::source::BookSource;
use super::{BookArguments, load_config, log};
use crate::config::Config;
use crate::ingest::qdrant::{self, QdrantReport};
use crate::ingest::{FREE_TIER_DAY, IngestError, Plan, Progress, Report, Watch};
use crate::parts::Providers;
use crate::retrieve::Embedder;
use crate::status::Services;

/// More texts than an edit changes: the book is new to this machine, or another branch of it was checked out. Then it is
/// worth reading through the collection for vectors that are there already.
pub(super) const WORTH_ASKING: usize = 4;

/// Warnings printed for people; the rest is counted.
const SHOWN_WARNINGS: usize = 20;

#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the book, or address of a built site
    book: BookSource,
    /// Only say what would change
    #[arg(long)]
    plan: bool,
    /// Go on watching the book, and ingest it anew whenever its files change
    #[arg(long, conflicts_with = "plan")]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    how: BookArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = load_config(arguments.book.folder())?;
    log::start(&config);
    let providers = Providers::new(&config, &Services::default());
    let (embedder, _) = providers.embedder(&config)?;
    let index_file = config.index_file();
    let pace = pace(&config, &embedder);
    if arguments.watch {
        let watch = Watch::new(arguments.book.watched_folder()?, arguments.how.options(), &index_file);
        let watch = watch.paced(pace);
        let outside = Outside { config: &config, providers: &providers };
        return keep_current(watch, &embedder, &outside, &arguments).await;
    }
    let planning = arguments.book.plan(&arguments.how, &embedder, &index_file);
    let plan = tokio::select! {
        plan = planning => plan.with_context(|| format!("cannot ingest {}", arguments.book))?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; what was fetched is kept, run it again to go on"),
    };
    let plan = plan.paced(pace);
    let report = if arguments.plan {
        planned(&config, &providers, &embedder, plan).await?
    } else {
        let progress = Progress::on_stderr();
        tokio::select! {
            report = ingest(&config, &providers, &embedder, plan, &progress) => report?,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; what was embedded is kept, run it again to go on"),
        }
    };
    show(&report, &arguments)
}

/// Ingests at every change until Ctrl-C. After the first reading, no error ends it: a page that is half written
/// will be whole in a moment.
async fn keep_current(
    mut watch: Watch,
    embedder: &Embedder,
    outside: &Outside<'_>,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let mut first = true;
    let work = async {
        loop {
            match outside.follow(&mut watch, embedder).await {
                Ok(report) if first || !report.unchanged => match outside.copy(report).await {
                    Ok(report) => show(&report, arguments)?,
                    Err(error) => eprintln!("error: {error:#}; the next change is another try"),
                },
                Ok(_) => {}
                Err(error) if first && !matches!(error, IngestError::Embedding { .. }) => {
                    let context = format!("cannot ingest {}", arguments.book);
                    return Err(anyhow::Error::from(error).context(context));
                }
                Err(error) => eprintln!("error: {error}; the index stays as it was"),
            }
            if first {
                eprintln!("watching {}; Ctrl-C ends it", arguments.book);
            }
            first = false;
            watch.changed().await;
        }
    };
    tokio::select! {
        ended = work => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn show(report: &Report, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.json && arguments.watch {
        // One object a line, so that a program can read on while the book is watched.
        println!("{}", serde_json::to_string(report)?);
    } else if arguments.json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        print_warnings(report);
        println!("{}", summary(report, arguments.plan));
    }
    Ok(())
}

/// Where an index is copied to, when a copy is configured.
struct Outside<'a> {
    config: &'a Config,
    providers: &'a Providers,
}

impl Outside<'_> {
    /// One reading of a watched book.
    async fn follow(&self, watch: &mut Watch, embedder: &Embedder) -> Result<Report, IngestError> {
        let mut plan = watch.plan(embedder).await?;
        if plan.report().embedded > WORTH_ASKING {
            borrow_if_possible(self.config, self.providers, embedder, &mut plan).await;
        }
        watch.run(plan, embedder, &Progress::on_stderr()).await
    }

    /// Makes Qdrant's copy equal to the index file that was written.
    async fn copy(&self, report: Report) -> anyhow::Result<Report> {
        let Some((client, settings)) = self.providers.qdrant().zip(self.config.qdrant.as_ref()) else {
            return Ok(report);
        };
        let index = Index::open(&self.config.index_file())?;
        let written = qdrant::sync(client, &settings.collection, &index, &Progress::on_stderr()).await;
        let written = written.context("the index file is written, its copy in Qdrant is not")?;
        Ok(Report { qdrant: Some(written), ..report })
    }
}

/// What running `plan` would do, here and in Qdrant.
async fn planned(
    config: &Config,
    providers: &Providers,
    embedder: &Embedder,
    mut plan: Plan,
) -> anyhow::Result<Report> {
    let Some((client, settings)) = providers.qdrant().zip(config.qdrant.as_ref()) else {
        return Ok(plan.report().clone());
    };
    let facts = plan.facts(embedder.dimensions().unwrap_or_default());
    let survey = qdrant::survey(client, &settings.collection, &facts).await?;
    plan.count_missing(&survey.texts());
    Ok(Report { qdrant: Some(survey.plan(&plan.chunks()?)), ..plan.report().clone() })
}

/// Writes the index file, with the vectors that Qdrant has already, and then makes Qdrant's copy equal to it.
async fn ingest(
    config: &Config,
    providers: &Providers,
    embedder: &Embedder,
    mut plan: Plan,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let Some((client, settings)) = providers.qdrant().zip(config.qdrant.as_ref()) else {
        return Ok(plan.run(embedder, progress).await?);
    };
    borrow_vectors(client, settings, embedder, &mut plan).await?;
    let report = plan.run(embedder, progress).await?;
    Outside { config, providers }.copy(report).await
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
    let elsewhere = report.qdrant.as_ref().map(in_qdrant).unwrap_or_default();
    if planned {
        return format!(
            "{read}; {added} chunks would be added, {removed} removed, {embedded} texts embedded (about {embedded_tokens} tokens){}{elsewhere}",
            pace_in_words(report)
        );
    }
    if report.unchanged {
        return format!("{read}; nothing has changed ({took:.2} s){elsewhere}");
    }
    let kilobytes = report.index_bytes / 1024;
    format!(
        "{read}; {added} added, {removed} removed, {embedded} embedded; index of {kilobytes} KiB in {took:.2} s{elsewhere}"
    )
}

/// What concerns Qdrant, on lines of its own.
fn in_qdrant(report: &QdrantReport) -> String {
    let QdrantReport { collection, alias, written, removed, unchanged, .. } = report;
    let mut lines =
        format!("\nQdrant: {collection}, {written} written, {removed} removed, {unchanged} unchanged");
    if report.created {
        lines.push_str("; a new collection");
    }
    if report.switched {
        lines.push_str(&format!("; the alias {alias} leads there"));
    }
    for dropped in &report.dropped {
        lines.push_str(&format!("; {dropped} dropped"));
    }
    for note in &report.notes {
        lines.push_str(&format!("\nnote: {note}"));
    }
    lines
}
