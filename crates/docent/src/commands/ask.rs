//! `docent ask`: one question in the terminal, streamed, with numbered citations.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use clap::Args;
use search::Index;
use serde_json::json;

use super::embedding::{borrow_if_possible, pace};
use super::source::BookSource;
use super::{IndexArguments, NoIndex, load_config, log};
use crate::answer::{AnswerEvent, Answerer, Question, Subject, answer};
use crate::config::Config;
use crate::ingest::{Progress, title_of};
use crate::parts::{Providers, answerer};
use crate::retrieve::SharedIndex;
use crate::status::Services;

#[derive(Args)]
pub(super) struct Arguments {
    /// The question
    question: String,
    /// Ask about this text instead of the book
    #[arg(long, value_name = "TEXT")]
    selection: Option<String>,
    /// Only this docs version
    #[arg(long)]
    version: Option<String>,
    /// Only this locale
    #[arg(long)]
    locale: Option<String>,
    /// The page that the question is asked on
    #[arg(long, value_name = "URL")]
    page: Option<String>,
    /// Print one JSON object at the end instead of streaming
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    index: IndexArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = load_config(arguments.index.book.as_ref().and_then(BookSource::folder))?;
    log::start(&config);
    let answerer = open(&config, &arguments.index).await?;
    let question = Question {
        text: arguments.question,
        subject: arguments.selection.map_or(Subject::Book, Subject::Selection),
        version: arguments.version,
        locale: arguments.locale,
        page: arguments.page,
        ..Question::default()
    };
    let mut events = answer(&answerer, question);
    let mut out = std::io::stdout();
    let colour = out.is_terminal();
    let mut text = String::new();
    let mut notices = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            AnswerEvent::Sources(_) => {}
            AnswerEvent::Delta(piece) => {
                if !arguments.json {
                    write!(out, "{piece}")?;
                    out.flush()?;
                }
                text.push_str(&piece);
            }
            AnswerEvent::Notice(notice) => {
                if !arguments.json {
                    eprintln!("note: {}", notice.message);
                }
                notices.push(notice);
            }
            AnswerEvent::End(ending) if arguments.json => {
                let whole = json!({
                    "answer": text,
                    "sources": ending.sources,
                    "outcome": ending.outcome,
                    "degraded": ending.degraded,
                    "notices": notices,
                    "usage": ending.usage,
                    "suggestions": ending.suggestions,
                    "error": ending.failure.as_ref().map(|failure| &failure.message),
                });
                writeln!(out, "{}", serde_json::to_string_pretty(&whole)?)?;
            }
            AnswerEvent::End(ending) => {
                writeln!(out)?;
                for source in &ending.sources {
                    let (dim, plain) = if colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
                    writeln!(
                        out,
                        "\n[{}] {} | {}\n    {}",
                        source.n, source.title, source.heading, source.href
                    )?;
                    writeln!(out, "    {dim}“{}”{plain}", source.quote)?;
                }
                if let Some(failure) = &ending.failure {
                    anyhow::bail!("{}", failure.message);
                }
            }
        }
    }
    Ok(())
}

/// Opens everything that answering needs: the index of a book, brought up to date, or that of the last ingest.
pub(super) async fn open(config: &Config, arguments: &IndexArguments) -> anyhow::Result<Answerer> {
    let providers = Providers::new(config, &Services::default());
    let (embedder, _) = providers.embedder(config)?;
    let (generator, _) = providers.generator(config);
    let path = config.index_file();
    if let Some(book) = &arguments.book {
        let planned = book.plan(&arguments.how, &embedder, &path).await;
        let mut plan = planned.with_context(|| format!("cannot read the book in {book}"))?;
        borrow_if_possible(config, &providers, &embedder, &mut plan).await;
        plan.paced(pace(config, &embedder)).run(&embedder, &Progress::on_stderr()).await?;
    }
    let index = if path.exists() || config.qdrant.is_none() { Some(open_index(&path)?) } else { None };
    let title = index.as_ref().map(title_of);
    let found = providers.searching(config, &embedder, index.map(SharedIndex::new)).await;
    let searching = found.ok_or(NoIndex(path))?;
    let title = title.or(searching.title).unwrap_or_else(|| "this book".to_owned());
    Ok(answerer(config, title, searching.retriever, embedder, generator))
}

fn open_index(path: &std::path::Path) -> anyhow::Result<Index> {
    if !path.exists() {
        return Err(NoIndex(path.to_owned()).into());
    }
    Ok(Index::open(path)?)
}
