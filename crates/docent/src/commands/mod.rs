//! The command line: what each command takes, and how its end becomes an exit code.

mod ask;
mod config;
mod doctor;
mod embedding;
mod eval;
mod ingest;
mod inspect;
mod log;
mod search;
mod serve;
mod source;
mod space;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use corpus::BookOptions;

use crate::config::{Config, ConfigError};
use crate::eval::EvalError;
use crate::ingest::{IngestError, SiteError};
use source::BookSource;

/// Wrong use of the command line, as `sysexits.h` numbers it.
const EXIT_INPUT: u8 = 66;

/// Wrong configuration, as `sysexits.h` numbers it.
const EXIT_CONFIG: u8 = 78;

/// Ask a book a question: streamed, cited answers from a Docusaurus site, an mdBook or a folder of Markdown.
#[derive(Parser)]
#[command(name = "docent", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a book's chat page and API; with BOOK, bring its index up to date first
    Serve(serve::Arguments),
    /// Read a book and write its index
    Ingest(ingest::Arguments),
    /// Ask one question in the terminal
    Ask(ask::Arguments),
    /// Search and show why each hit was found
    Search(search::Arguments),
    /// Show what is read from a book: one line a section
    Inspect(inspect::Arguments),
    /// Measure retrieval and refusal on a question set
    Eval(Box<eval::Arguments>),
    /// Print the effective configuration, without secrets
    Config(config::Arguments),
    /// Find out what is wrong with this machine's configuration, or with a running service
    Doctor(doctor::Arguments),
    /// Bring the book to a Hugging Face Space
    Space(space::Arguments),
    /// Print the OpenAPI document
    Openapi,
}

/// How the book is served, when it cannot be read from its configuration.
#[derive(Args, Clone)]
struct BookArguments {
    /// Address of the site without path, such as https://example.org
    #[arg(long, value_name = "URL")]
    site_url: Option<String>,
    /// Path under which the site is served, such as / or /project/
    #[arg(long, value_name = "PATH")]
    base_url: Option<String>,
    /// Path of the docs under the base URL, such as docs or /
    #[arg(long, value_name = "PATH")]
    route_base_path: Option<String>,
    /// Docusaurus' trailingSlash
    #[arg(long, value_name = "BOOL")]
    trailing_slash: Option<bool>,
    /// Of a site on the web: take the pages that its sitemap lists, instead of following links
    #[arg(long)]
    sitemap: bool,
    /// Of a site on the web: requests a second, at most
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = source::pages_per_second)]
    pages_per_second: f64,
}

impl BookArguments {
    fn options(&self) -> BookOptions {
        BookOptions {
            site_url: self.site_url.clone(),
            base_url: self.base_url.clone(),
            route_base_path: self.route_base_path.clone(),
            trailing_slash: self.trailing_slash,
            ..BookOptions::default()
        }
    }
}

/// Where the index comes from: a book, or the file of an earlier ingest.
#[derive(Args, Clone)]
struct IndexArguments {
    /// Book to read; without it the index of the last ingest is used
    #[arg(long, value_name = "BOOK")]
    book: Option<BookSource>,
    #[command(flatten)]
    how: BookArguments,
}

/// Runs the program and turns its end into an exit code.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match line.command {
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Ingest(arguments) => ingest::run(arguments).await,
            Command::Ask(arguments) => ask::run(arguments).await,
            Command::Search(arguments) => search::run(arguments).await,
            Command::Inspect(arguments) => inspect::run(&arguments).await,
            Command::Eval(arguments) => eval::run(*arguments).await,
            Command::Config(arguments) => config::run(&arguments),
            Command::Doctor(arguments) => doctor::run(arguments).await,
            Command::Space(arguments) => space::run(arguments).await,
            Command::Openapi => config::openapi(),
        }
    });
    // A blocking task may still run after Ctrl-C; nobody waits for it.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code(&error)
        }
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<ConfigError>() {
        ExitCode::from(EXIT_CONFIG)
    } else if error.chain().any(is_missing_input) {
        ExitCode::from(EXIT_INPUT)
    } else {
        ExitCode::FAILURE
    }
}

/// A transparent error hides its cause from the chain, so those that carry a [`corpus::BookError`] are looked into.
fn is_missing_input(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<corpus::BookError>()
        || cause.is::<NoIndex>()
        || cause.is::<SiteError>()
        || matches!(cause.downcast_ref(), Some(IngestError::Book(_) | IngestError::Site(_)))
        || matches!(
            cause.downcast_ref(),
            Some(EvalError::Book(_) | EvalError::Set(_) | EvalError::NoCorpus(_))
        )
}

/// `docent … | head` closes our output early; that is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// There is neither a book nor an index.
#[derive(Debug, thiserror::Error)]
#[error("there is no index at {}; name a book, or run `docent ingest BOOK` first", .0.display())]
struct NoIndex(PathBuf);

fn load_config(book: Option<&std::path::Path>) -> Result<Config, ConfigError> {
    Config::load(book).map(|(config, _)| config)
}
