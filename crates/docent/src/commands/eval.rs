//! `docent eval`: retrieval and refusal on a question set.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::table::table;
use super::{BookArguments, load_config, log};
use crate::config::{Config, EmbedderChoice};
use crate::eval::{Level, Scores, Source, evaluate, fit, shortfalls};
use crate::parts::Providers;
use crate::retrieve::Embedder;
use crate::status::Services;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// Folder of the set: queries.jsonl, qrels.tsv and, optionally, corpus.jsonl
    #[arg(long, value_name = "DIR", required = true)]
    set: Option<PathBuf>,
    /// The book that is searched, when the set has no corpus of its own
    #[arg(long, value_name = "BOOK")]
    book: Option<PathBuf>,
    /// What counts as one result; doc for a set's own corpus, section for a book
    #[arg(long)]
    level: Option<Level>,
    /// Embedder to measure instead of the configured one
    #[arg(long)]
    embedder: Option<EmbedderName>,
    /// Fail when a score falls short of this file's table for the embedder
    #[arg(long, value_name = "FILE")]
    floors: Option<PathBuf>,
    /// Write one JSON object a question into this file
    #[arg(long, value_name = "FILE")]
    details: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    how: BookArguments,
}

#[derive(Subcommand)]
enum Other {
    /// Fit the model that decides what is refused, over several corpora
    Fit(FitArguments),
}

#[derive(Args)]
struct FitArguments {
    /// A set of questions and what they are about: a book, or a folder with corpus.jsonl; at least two
    #[arg(long, value_name = "SET[=BOOK]", required = true)]
    corpus: Vec<String>,
    /// Embedder to fit for instead of the configured one
    #[arg(long)]
    embedder: Option<EmbedderName>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum EmbedderName {
    Local,
    Gemini,
    Openai,
    None,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.other {
        Some(Other::Fit(fit)) => run_fit(fit).await,
        None => measure(arguments).await,
    }
}

/// The embedder that was named, or the configured one, and the file that keeps its vectors.
fn embedder(config: &mut Config, name: Option<EmbedderName>) -> anyhow::Result<(Embedder, PathBuf)> {
    if let Some(name) = name {
        config.embedder = match name {
            EmbedderName::Local => EmbedderChoice::Local,
            EmbedderName::Gemini => EmbedderChoice::Gemini,
            EmbedderName::Openai => EmbedderChoice::OpenAi,
            EmbedderName::None => EmbedderChoice::None,
        };
    }
    if config.embedder == EmbedderChoice::Gemini && config.gemini.is_none() {
        anyhow::bail!("--embedder gemini needs GEMINI_API_KEY");
    }
    if config.embedder == EmbedderChoice::OpenAi && config.openai.is_none() {
        anyhow::bail!("--embedder openai needs OPENAI_BASE_URL and OPENAI_EMBEDDING_MODEL");
    }
    let (embedder, _) = Providers::new(config, &Services::default()).embedder(config)?;
    Ok((embedder, config.data_dir.join("eval.vectors")))
}

async fn run_fit(arguments: FitArguments) -> anyhow::Result<()> {
    let mut config = load_config(None)?;
    log::start(&config);
    let (embedder, vectors) = embedder(&mut config, arguments.embedder)?;
    let sources: Vec<Source> = arguments
        .corpus
        .iter()
        .map(|corpus| match corpus.split_once('=') {
            Some((set, book)) => Source { set: set.into(), book: Some(book.into()) },
            None => Source { set: corpus.into(), book: None },
        })
        .collect();
    let fitted = fit(&sources, &embedder, &vectors).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&fitted)?);
        return Ok(());
    }
    let mut people = table(&[
        "left out",
        "answerable",
        "not",
        "AUROC",
        "wrongly refused",
        "of the paraphrased",
        "refused",
        "of the near misses",
    ]);
    for unseen in &fitted.unseen {
        people.add_row([
            unseen.set.clone(),
            unseen.answerable.to_string(),
            unseen.unanswerable.to_string(),
            share(unseen.auroc),
            share(unseen.wrong_refusals),
            share(unseen.wrong_refusals_paraphrased),
            share(unseen.refusal_recall),
            share(unseen.refusal_recall_near_misses),
        ]);
    }
    println!("{people}\nembedder {}\n{:#?}", fitted.embedder, fitted.calibration);
    Ok(())
}

async fn measure(arguments: Arguments) -> anyhow::Result<()> {
    let Some(set) = &arguments.set else {
        anyhow::bail!("--set names the folder with the questions");
    };
    let mut config = load_config(arguments.book.as_deref())?;
    log::start(&config);
    let (embedder, vectors) = embedder(&mut config, arguments.embedder)?;
    let options = arguments.how.options();
    let book = arguments.book.as_deref().map(|book| (book, &options));
    let (scores, details) = evaluate(set, book, arguments.level, &embedder, &vectors).await?;
    if let Some(path) = &arguments.details {
        let mut lines = String::new();
        for detail in &details {
            lines.push_str(&serde_json::to_string(detail)?);
            lines.push('\n');
        }
        fs_err::write(path, lines)?;
    }
    if scores.counts.missing_ids > 0 {
        eprintln!(
            "warning: {} of {} judged ids are not in the corpus; is this the right book?",
            scores.counts.missing_ids, scores.counts.judgements
        );
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&scores)?);
    } else {
        print(&scores);
    }
    if let Some(floors) = &arguments.floors {
        let short = shortfalls(floors, embedder.name(), &scores).map_err(anyhow::Error::msg)?;
        anyhow::ensure!(short.is_empty(), "{}", short.join("; "));
    }
    Ok(())
}

fn share(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

fn print(scores: &Scores) {
    let mut people = table(&["measure", "value"]);
    for (name, value) in [
        ("nDCG@10", scores.ndcg_10),
        ("recall@5", scores.recall_5),
        ("recall@10", scores.recall_10),
        ("MRR@10", scores.mrr_10),
        ("refused of the unanswerable", scores.refusal_recall),
        ("refused of the answerable", scores.wrong_refusals),
    ] {
        people.add_row([name.to_owned(), share(value)]);
    }
    if let Some(words) = scores.answer_words {
        people.add_row(["answers that hold the known one".to_owned(), share(scores.answer_recall)]);
        people.add_row(["words of an answer".to_owned(), format!("{words:.0}")]);
    }
    people.add_row(["query p50".to_owned(), format!("{:.2} ms", scores.latency_ms.p50)]);
    people.add_row(["query p95".to_owned(), format!("{:.2} ms", scores.latency_ms.p95)]);
    println!("{people}");
    println!(
        "{} questions, {} answerable, {} chunks, level {:?}, embedder {}",
        scores.counts.queries,
        scores.counts.answerable,
        scores.counts.chunks,
        scores.settings.level,
        scores.settings.embedder
    );
}
