//! `docent eval claims`: whether the check of answers against their sources sees what is invented.

use std::path::PathBuf;

use clap::Args;

use super::{EmbedderName, Opened, embedder, share};
use crate::commands::source::BookSource;
use crate::commands::table::table;
use crate::commands::{BookArguments, load_config, log};
use crate::eval::{Claims, ClaimsMeasurement, Group, claims, shortfalls};

#[derive(Args)]
pub(super) struct ClaimsArguments {
    /// Folder of the set: queries.jsonl, qrels.tsv and, optionally, corpus.jsonl
    #[arg(long, value_name = "DIR")]
    set: PathBuf,
    /// The book that is searched, when the set has no corpus of its own
    #[arg(long, value_name = "BOOK")]
    book: Option<BookSource>,
    /// Embedder to measure with instead of the configured one
    #[arg(long)]
    embedder: Option<EmbedderName>,
    /// Make statements from so many questions only, spread evenly over the set; 0 for all
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    questions: usize,
    /// Fail when a figure falls short of the table [claims.EMBEDDER] of this file
    #[arg(long, value_name = "FILE")]
    floors: Option<PathBuf>,
    /// Write one JSON object a statement into this file
    #[arg(long, value_name = "FILE")]
    details: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    how: BookArguments,
}

pub(super) async fn run(arguments: ClaimsArguments) -> anyhow::Result<()> {
    let mut config = load_config(arguments.book.as_ref().and_then(BookSource::folder))?;
    log::start(&config);
    let (embedder, vectors) = embedder(&mut config, arguments.embedder)?;
    let book = match &arguments.book {
        Some(book) => Some(Opened::new(book, &arguments.how).await?),
        None => None,
    };
    let measurement = ClaimsMeasurement {
        set: &arguments.set,
        book: book.as_ref().map(Opened::subject),
        embedder: &embedder,
        vectors: &vectors,
        questions: arguments.questions,
    };
    let (figures, all) = claims(measurement).await?;
    if let Some(path) = &arguments.details {
        let lines: Result<Vec<String>, _> = all.iter().map(serde_json::to_string).collect();
        fs_err::write(path, lines?.join("\n") + "\n")?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print(&figures);
    }
    anyhow::ensure!(
        !all.is_empty(),
        "no statement could be made: no question of {} has a relevant place among its passages",
        figures.set
    );
    if let Some(floors) = &arguments.floors {
        let table = format!("claims.{}", embedder.name());
        let short = shortfalls(floors, &table, &figures.figures()).map_err(anyhow::Error::msg)?;
        anyhow::ensure!(short.is_empty(), "{}", short.join("; "));
    }
    Ok(())
}

fn print(claims: &Claims) {
    let mut people = table(&["statement", "", "number", "not checked", "marked"]);
    for score in &claims.kinds {
        let group = match score.group {
            Group::Right => "right",
            Group::Plain => "invented",
            Group::Hard => "invented, hard to see",
        };
        people.add_row([
            score.kind.people().to_owned(),
            group.to_owned(),
            score.statements.to_string(),
            score.unchecked.to_string(),
            share(score.marked),
        ]);
    }
    println!("{people}");
    let mut people = table(&["measure", "value"]);
    for figure in claims.figures().iter().filter(|figure| figure.value.is_some()) {
        people.add_row([figure.people.to_owned(), share(figure.value)]);
    }
    println!("{people}");
    let number: usize = claims.kinds.iter().map(|score| score.statements).sum();
    println!("{number} statements from {} questions, embedder {}", claims.questions, claims.embedder);
}
