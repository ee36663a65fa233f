//! `docent eval`: retrieval and refusal on a question set.

mod claims;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Table;
use corpus::{Book, BookOptions};

use super::source::BookSource;
use super::table::table;
use super::{BookArguments, load_config, log};
use crate::answer::Generator;
use crate::config::{Config, EmbedderChoice};
use crate::eval::{
    HEADS, Level, Measurement, Scores, Source, Spelling, Subject, Unseen, ablation, as_json, compare, draft,
    evaluate, fit, html, junit, overview, page, rows, shortfalls,
};
use crate::ingest::{Progress, read_site};
use crate::parts::Providers;
use crate::retrieve::Embedder;
use crate::status::Services;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// Folder of the set: queries.jsonl, qrels.tsv and, optionally, corpus.jsonl
    #[arg(long, value_name = "DIR", required_unless_present = "compare")]
    set: Option<PathBuf>,
    /// The book that is searched, when the set has no corpus of its own
    #[arg(long, value_name = "BOOK")]
    book: Option<BookSource>,
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
    /// Write a report for build servers into this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a page with figures, plots and every question into this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Ask for an answer to every answerable question and judge it; without it only where the set knows the answer
    #[arg(long)]
    answers: bool,
    /// Let the configured model write the answers, which may cost money; the book's own sentences otherwise
    #[arg(long)]
    model: bool,
    /// How the questions are spelled
    #[arg(long, default_value = "as-written")]
    spelling: Spelling,
    /// Compare two files of --details, question by question, and fail when the second is worse by more than chance
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], exclusive = true)]
    compare: Vec<PathBuf>,
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
    /// Measure several sets at once, as one table and one page
    Report(ReportArguments),
    /// Measure whether the check of answers against their sources sees what is invented
    Claims(claims::ClaimsArguments),
    /// Draft a set from a book's headings, for its author to correct
    Init(InitArguments),
}

#[derive(Args)]
struct FitArguments {
    /// A set of questions and what they are about: a book, or a folder with corpus.jsonl; at least two
    #[arg(long, value_name = "SET[=BOOK]", required = true)]
    corpus: Vec<String>,
    /// A set of questions that no corpus answers, asked of each
    #[arg(long, value_name = "SET")]
    foreign: Vec<PathBuf>,
    /// Embedder to fit for instead of the configured one
    #[arg(long)]
    embedder: Option<EmbedderName>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ReportArguments {
    /// A set of questions and what they are about: a book, or a folder with corpus.jsonl
    #[arg(long, value_name = "SET[=BOOK]", required = true)]
    corpus: Vec<String>,
    /// Embedders to measure; may be given several times
    #[arg(long, default_values = ["none", "local"])]
    embedder: Vec<EmbedderName>,
    /// Leave out each step of ranking in turn, to see what it brings
    #[arg(long)]
    ablate: bool,
    /// An earlier report's --json, to compare with
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Write a page with all figures and plots into this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct InitArguments {
    /// The book
    #[arg(value_name = "BOOK")]
    book: BookSource,
    /// Folder for the set; it must not hold one
    #[arg(long, value_name = "DIR", default_value = "evals/book")]
    set: PathBuf,
    /// Sections that are asked about, spread evenly over the book
    #[arg(long, value_name = "NUMBER", default_value_t = 40)]
    questions: usize,
    #[command(flatten)]
    how: BookArguments,
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
        Some(Other::Report(report)) => run_report(report).await,
        Some(Other::Claims(arguments)) => claims::run(arguments).await,
        Some(Other::Init(init)) => {
            let book = Opened::new(&init.book, &init.how).await?;
            let written = draft(book.subject(), &init.set, init.questions)?;
            println!("{written} questions in {}; correct them, then run:", init.set.display());
            println!("docent eval --set {} --book {}", init.set.display(), init.book);
            Ok(())
        }
        None => match &arguments.compare[..] {
            [before, after] => run_compare(before, after, arguments.json),
            _ => measure(arguments).await,
        },
    }
}

/// The book of a measurement. A folder is read where it is measured; a site is fetched once, before.
enum Opened {
    Folder(PathBuf, BookOptions),
    Site(String, Book),
}

impl Opened {
    async fn new(book: &BookSource, how: &BookArguments) -> anyhow::Result<Self> {
        Ok(match book {
            BookSource::Folder(folder) => Self::Folder(folder.clone(), how.options()),
            BookSource::Site(start) => {
                let read = read_site(start, &how.site_options(), &Progress::on_stderr()).await;
                Self::Site(
                    start.to_string(),
                    read.with_context(|| format!("cannot read the book in {start}"))?,
                )
            }
        })
    }

    fn subject(&self) -> Subject<'_> {
        match self {
            Self::Folder(folder, options) => Subject::Folder(folder, options),
            Self::Site(address, book) => Subject::Site(address, book),
        }
    }
}

fn run_compare(before: &Path, after: &Path, json: bool) -> anyhow::Result<()> {
    let compared = compare(before, after).map_err(anyhow::Error::msg)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&compared)?);
    } else {
        let mut people = table(&["measure", "questions", "before", "after", "better", "worse", "p"]);
        for line in &compared {
            people.add_row([
                line.measure.to_owned(),
                line.questions.to_string(),
                format!("{:.3}", line.before),
                format!("{:.3}", line.after),
                line.better.to_string(),
                line.worse.to_string(),
                format!("{:.4}", line.p),
            ]);
        }
        println!("{people}");
    }
    let worse: Vec<&str> = compared.iter().filter(|line| line.is_worse()).map(|line| line.measure).collect();
    anyhow::ensure!(worse.is_empty(), "worse by more than chance: {}", worse.join(", "));
    Ok(())
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
    let sources = sources(&arguments.corpus);
    let fitted = fit(&sources, &arguments.foreign, &embedder, &vectors).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&fitted)?);
        return Ok(());
    }
    println!("Each corpus, asked with what was fitted on the others:\n{}", unseen(&fitted.unseen_books));
    println!(
        "A tenth of the questions, asked with what was fitted on the rest:\n{}",
        unseen(&fitted.unseen_questions)
    );
    println!("embedder {}\n{:#?}", fitted.embedder, fitted.calibration);
    Ok(())
}

fn unseen(judged: &[Unseen]) -> Table {
    let mut people = table(&[
        "corpus",
        "answerable",
        "not",
        "AUROC",
        "wrongly refused",
        "of the paraphrased",
        "refused",
        "of the near misses",
        "refused at 5 % wrongly",
    ]);
    for unseen in judged {
        people.add_row([
            unseen.set.clone(),
            unseen.answerable.to_string(),
            unseen.unanswerable.to_string(),
            share(unseen.auroc),
            share(unseen.wrong_refusals),
            share(unseen.wrong_refusals_paraphrased),
            share(unseen.refusal_recall),
            share(unseen.refusal_recall_near_misses),
            share(unseen.refusal_recall_at_5),
        ]);
    }
    people
}

fn sources(corpora: &[String]) -> Vec<Source> {
    corpora
        .iter()
        .map(|corpus| match corpus.split_once('=') {
            Some((set, book)) => Source { set: set.into(), book: Some(book.into()) },
            None => Source { set: corpus.into(), book: None },
        })
        .collect()
}

async fn run_report(arguments: ReportArguments) -> anyhow::Result<()> {
    let mut config = load_config(None)?;
    log::start(&config);
    let earlier: Option<serde_json::Value> = match &arguments.before {
        Some(path) => {
            let text = fs_err::read_to_string(path)?;
            let read = serde_json::from_str(&text);
            Some(read.with_context(|| format!("{} is not what --json printed", path.display()))?)
        }
        None => None,
    };
    let mut embedders = Vec::new();
    let mut kept = PathBuf::new();
    for name in arguments.embedder {
        let (embedder, vectors) = embedder(&mut config, Some(name))?;
        embedders.push(embedder);
        kept = vectors;
    }
    let tell = |what: &str| eprintln!("{what} …");
    let runs = overview(&sources(&arguments.corpus), &embedders, arguments.ablate, &kept, tell).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&as_json(&runs))?);
    } else {
        let mut people = table(&HEADS);
        for row in rows(&runs, earlier.as_ref()) {
            people.add_row(row);
        }
        println!("{people}");
        let left_out = ablation(&runs);
        if !left_out.is_empty() {
            let steps = search::Step::ALL.map(search::Step::name);
            let heads: Vec<&str> = ["set", "embedder", "nDCG@10"].into_iter().chain(steps).collect();
            let mut people = table(&heads);
            for row in left_out {
                people.add_row(row);
            }
            println!("nDCG@10, and by how many thousandths it changes without each step:\n{people}");
        }
    }
    if let Some(path) = &arguments.html {
        fs_err::write(path, page(&runs, earlier.as_ref()))?;
    }
    Ok(())
}

async fn measure(arguments: Arguments) -> anyhow::Result<()> {
    let Some(set) = &arguments.set else {
        anyhow::bail!("--set names the folder with the questions");
    };
    let mut config = load_config(arguments.book.as_ref().and_then(BookSource::folder))?;
    log::start(&config);
    let (embedder, vectors) = embedder(&mut config, arguments.embedder)?;
    let book = match &arguments.book {
        Some(book) => Some(Opened::new(book, &arguments.how).await?),
        None => None,
    };
    let generator = if arguments.model {
        Providers::new(&config, &Services::default()).generator(&config).0
    } else {
        Generator::Extractive
    };
    let (scores, details) = evaluate(Measurement {
        set,
        book: book.as_ref().map(Opened::subject),
        level: arguments.level,
        embedder: &embedder,
        generator: &generator,
        all_answers: arguments.answers || arguments.model,
        spelling: arguments.spelling,
        steps: search::Steps::ALL,
        vectors: &vectors,
    })
    .await?;
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
    let short = match &arguments.floors {
        Some(floors) => shortfalls(floors, embedder.name(), &scores.figures()).map_err(anyhow::Error::msg)?,
        None => Vec::new(),
    };
    if let Some(path) = &arguments.junit {
        fs_err::write(path, junit(&scores, &details, &short))?;
    }
    if let Some(path) = &arguments.html {
        fs_err::write(path, html(&scores, &details))?;
    }
    anyhow::ensure!(short.is_empty(), "{}", short.join("; "));
    Ok(())
}

fn share(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

fn print(scores: &Scores) {
    let mut people = table(&["measure", "value"]);
    for figure in scores.figures() {
        let Some(value) = figure.value else { continue };
        let digits = if value > 2.0 { 0 } else { 3 };
        people.add_row([figure.people.to_owned(), format!("{value:.digits$}")]);
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
