//! `load` opens many streams against the real program and measures what the program adds to its model.
//!
//! It starts a paced provider on loopback and the release binary as a child process with a fresh data folder and a real
//! book, lets readers ask, and prints times, CPU time and memory. `cargo run --release -p load -- streams` is the usual
//! call; `docs/development/benches.md` says what the figures mean. Everything is bounded in number and time; the exit code
//! is 1 when any answer was not whole.

mod clock;
mod level;
mod program;
mod provider;
mod reader;
mod report;
mod soak;
mod stamp;
mod strain;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use tokio::sync::watch;

use crate::level::{Arrival, Level};
use crate::program::{Program, Setup, machine_ticks, own_cpu};
use crate::provider::Pace;
use crate::reader::Call;
use crate::report::{Around, Row, Spread};

/// All streams together get no more tokens a second than this: more would measure how two cores saturate, and no model
/// sends so many. 200 readers get a token every 20 ms, 1,000 readers every 100 ms.
const TOKENS_PER_SECOND: u64 = 10_000;

/// Questions that the manual answers.
const QUESTIONS: [&str; 6] = [
    "How do I change the port that Docent listens on?",
    "Where are conversations stored?",
    "How long can a finished stream be resumed?",
    "What happens when the Gemini model does not answer?",
    "Which events does the answer stream have?",
    "How do I run Docent in a container?",
];

/// Opens many streams against the program and measures what it adds.
#[derive(Parser)]
#[command(name = "load", max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// The program under test; left out, the one that was built beside this one
    #[arg(long, global = true, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The book to serve
    #[arg(long, global = true, default_value = "docs", value_name = "FOLDER")]
    book: PathBuf,
    /// Value of DOCENT_EMBEDDER
    #[arg(long, global = true, default_value = "none", value_name = "NAME")]
    embedder: String,
    /// A further setting of the program, such as LOG_LEVEL=warn; may be repeated
    #[arg(long = "set", global = true, value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Answers of a paced provider at several numbers of readers
    Streams {
        /// Numbers of readers
        #[arg(long, value_delimiter = ',', default_value = "1,50,200,1000")]
        readers: Vec<usize>,
        /// Answers that each reader asks for when readers come steadily
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Tokens of an answer
        #[arg(long, default_value_t = 100)]
        tokens: u64,
        /// Milliseconds until the provider's first token
        #[arg(long, default_value_t = 200)]
        first_ms: u64,
        /// Milliseconds between two tokens; left out, 20 or as many as keep all streams within 10,000 tokens a second
        #[arg(long)]
        between_ms: Option<u64>,
    },
    /// Answers without a model: the best sentences of the book
    Extracts {
        /// Numbers of readers
        #[arg(long, value_delimiter = ',', default_value = "1,50,200")]
        readers: Vec<usize>,
        /// Answers that each reader asks for
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// From the start of the process to the first healthy answer
    Start {
        /// Starts of each kind
        #[arg(long, default_value_t = 10)]
        runs: usize,
    },
    /// Memory under readers that do not behave: that never read, send nothing, or send a byte now and then
    Strain {
        /// Answers that are finished and kept for resuming
        #[arg(long, default_value_t = 5000)]
        finished: usize,
        /// Readers that never read
        #[arg(long, default_value_t = 200)]
        silent: usize,
        /// Connections that send nothing
        #[arg(long, default_value_t = 2000)]
        idle: usize,
        /// Seconds that idle and half-sent connections are watched
        #[arg(long, default_value_t = 45)]
        watch_seconds: u64,
    },
    /// Mixed questions while services fail and Docent is killed at random: nothing undocumented, nothing lost, flat memory
    Soak {
        /// How long
        #[arg(long, default_value_t = 5.0)]
        minutes: f64,
        /// Readers that ask one question after the other
        #[arg(long, default_value_t = 8)]
        readers: usize,
        /// Decides faults and questions
        #[arg(long, default_value_t = 20_261_125)]
        seed: u64,
    },
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    program::raise_file_limit();
    clock::now();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("load: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(line)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Result<bool, String> {
    let common = &line.common;
    match line.command {
        Command::Streams { readers, rounds, tokens, first_ms, between_ms } => {
            let first = Duration::from_millis(first_ms);
            let levels = readers.into_iter().map(|readers| {
                let least = (readers as u64 * 1000).div_ceil(TOKENS_PER_SECOND).max(20);
                let between = Duration::from_millis(between_ms.unwrap_or(least));
                (readers, Pace { first, between, deltas: tokens })
            });
            streams(common, levels.collect(), rounds).await
        }
        Command::Extracts { readers, rounds } => extracts(common, &readers, rounds).await,
        Command::Start { runs } => start(common, runs),
        Command::Strain { finished, silent, idle, watch_seconds } => {
            let plan = strain::Plan { finished, silent, idle, watch: Duration::from_secs(watch_seconds) };
            strain::run(common, plan).await
        }
        Command::Soak { minutes, readers, seed } => {
            let takes = Duration::from_secs_f64(minutes.clamp(0.1, 24.0 * 60.0) * 60.0);
            soak::run(common, soak::Plan { takes, readers, seed }).await
        }
    }
}

impl Common {
    /// A setup on the data folder `data`.
    fn setup(&self, data: PathBuf) -> Setup {
        Setup {
            program: self.program.clone().unwrap_or_else(program::beside_us),
            book: Some(self.book.clone()),
            data,
            embedder: self.embedder.clone(),
            provider: None,
            more: self.settings.clone(),
        }
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn temporary_folder() -> Result<tempfile::TempDir, String> {
    tempfile::Builder::new().prefix("docent-load-").tempdir().map_err(|error| error.to_string())
}

/// The paced provider on a thread of its own, so that readers do not delay it.
fn start_provider(pace: Pace) -> Result<(std::net::SocketAddr, watch::Sender<Pace>), String> {
    let (set_pace, pace) = watch::channel(pace);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(listener) = provider::listen() else { return };
            let Ok(address) = listener.local_addr() else { return };
            let _ = tell.send(address);
            provider::serve(listener, pace).await;
        });
    });
    let address = told.recv().map_err(|_| "the paced provider cannot listen".to_owned())?;
    Ok((address, set_pace))
}

async fn streams(common: &Common, levels: Vec<(usize, Pace)>, rounds: usize) -> Result<bool, String> {
    let folder = temporary_folder()?;
    let Some((_, pace)) = levels.first() else { return Ok(true) };
    let (provider, set_pace) = start_provider(*pace)?;
    let setup = Setup { provider: Some(provider), ..common.setup(folder.path().join("data")) };
    let program = Program::start(&setup)?;
    warm_up(&program, &set_pace).await?;
    let mut rows = Vec::new();
    for (readers, pace) in levels {
        set_pace.send_replace(pace);
        let answer_takes = pace.first + pace.between * u32::try_from(pace.deltas).unwrap_or(u32::MAX);
        for arrival in [Arrival::Together, Arrival::Steady] {
            let rounds = if arrival == Arrival::Together { 1 } else { rounds };
            let level = Level { readers, arrival, rounds, answer_takes };
            let straight = [Call::straight(provider, pace.deltas)];
            let alone = level::run(Level { rounds: 1, ..level }, &straight).await;
            let (outcome, around) = measured(&program, level, &questions(&program, pace.deltas)).await;
            rows.push(Row::new(level, pace.between, outcome, Some(&alone), &around));
        }
    }
    finish(common, program, &rows)
}

async fn extracts(common: &Common, readers: &[usize], rounds: usize) -> Result<bool, String> {
    let folder = temporary_folder()?;
    let program = Program::start(&common.setup(folder.path().join("data")))?;
    let calls = questions(&program, 0);
    let once =
        Level { readers: 1, arrival: Arrival::Together, rounds: calls.len(), answer_takes: Duration::ZERO };
    level::run(once, &calls).await;
    let mut rows = Vec::new();
    for readers in readers {
        let level = Level { readers: *readers, rounds, ..once };
        let (outcome, around) = measured(&program, level, &calls).await;
        rows.push(Row::new(level, Duration::ZERO, outcome, None, &around));
    }
    finish(common, program, &rows)
}

fn questions(program: &Program, deltas: u64) -> Vec<Call> {
    QUESTIONS.iter().map(|question| Call::question(program.address, question, deltas)).collect()
}

/// A few short answers, so that what happens once does not count.
async fn warm_up(program: &Program, set_pace: &watch::Sender<Pace>) -> Result<(), String> {
    let pace = Pace { first: Duration::ZERO, between: Duration::from_millis(1), deltas: 3 };
    set_pace.send_replace(pace);
    for call in questions(program, pace.deltas) {
        reader::read(&call).await.map_err(|error| format!("the warm-up failed: {error}"))?;
    }
    Ok(())
}

async fn measured(program: &Program, level: Level, calls: &[Call]) -> (level::Outcome, Around) {
    program.forget_peak();
    let (before, own_before, (busy_before, all_before)) = (program.usage(), own_cpu(), machine_ticks());
    let outcome = level::run(level, calls).await;
    let (after, own_after, (busy_after, all_after)) = (program.usage(), own_cpu(), machine_ticks());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let around = Around {
        usage: (before, after),
        own_cpu: own_after.saturating_sub(own_before),
        machine: (busy_after - busy_before, all_after - all_before, cores),
    };
    (outcome, around)
}

fn finish(common: &Common, program: Program, rows: &[Row]) -> Result<bool, String> {
    let complaints = program.complaints();
    let threads = program.usage().threads;
    program.stop()?;
    let whole = rows.iter().all(|row| row.errors.is_empty());
    if common.json {
        let report = json!({ "rows": rows, "threads": threads, "complaints": complaints.len() });
        println!("{report}");
    } else {
        report::print(rows);
        println!("threads of the program: {threads}; warnings and errors in its log: {}", complaints.len());
        for complaint in complaints.iter().take(5) {
            println!("  {complaint}");
        }
    }
    Ok(whole)
}

/// Starts with the book never read, unchanged, and not named (the index is there).
fn start(common: &Common, runs: usize) -> Result<bool, String> {
    let mut kinds = Vec::new();
    for kind in ["first", "unchanged book", "index only"] {
        let mut times = Vec::new();
        let mut cpu = Vec::new();
        let mut resident = 0;
        let folder = temporary_folder()?;
        for run in 0..=runs {
            let data = if kind == "first" { format!("data-{run}") } else { "data".to_owned() };
            let mut setup = common.setup(folder.path().join(data));
            if kind == "index only" && run > 0 {
                setup.book = None;
            }
            let program = Program::start(&setup)?;
            let usage = program.usage();
            // The first start makes the index, and warms the files.
            if run > 0 {
                times.push(program.healthy_after.as_micros() as u64);
                cpu.push(usage.cpu.as_micros() as u64);
                resident = usage.resident;
            }
            program.stop()?;
        }
        kinds.push((kind, Spread::of(times.into_iter()), Spread::of(cpu.into_iter()), resident));
    }
    if common.json {
        let rows: Vec<_> = kinds
            .iter()
            .map(|(kind, times, cpu, resident)| {
                json!({ "start": kind, "healthy_ms": times, "cpu_ms": cpu, "resident_mib": *resident >> 20 })
            })
            .collect();
        println!("{}", json!({ "embedder": common.embedder, "runs": runs, "rows": rows }));
    } else {
        let lines: Vec<Vec<String>> = kinds
            .iter()
            .map(|(kind, times, cpu, resident)| {
                vec![
                    (*kind).to_owned(),
                    format!("{:.1}", times.p50),
                    format!("{:.1}", times.p95),
                    format!("{:.0}", cpu.p50),
                    format!("{}", resident >> 20),
                ]
            })
            .collect();
        report::print_table(&["start", "healthy p50 ms", "p95 ms", "CPU ms", "resident MiB"], &lines);
    }
    Ok(true)
}
