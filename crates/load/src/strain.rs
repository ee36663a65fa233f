//! Readers that do not behave, in great number: what do they cost in memory, how long are they borne, and does a good
//! reader still get an answer meanwhile? Each step begins with a fresh program.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::level::{self, Arrival, Level};
use crate::program::Program;
use crate::provider::Pace;
use crate::reader::{Call, read};
use crate::{Common, QUESTIONS, questions, report, start_provider, temporary_folder, warm_up};

/// The head of a request that never ends.
const HALF_A_HEAD: &[u8] = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

/// Between two bytes of a half-sent head.
const DRIP: Duration = Duration::from_secs(2);

/// Tokens of an answer that nobody reads: more than the buffers between two sockets hold.
const LONG_ANSWER: u64 = 20_000;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Answers that are finished and kept for resuming.
    pub finished: usize,
    /// Readers that never read.
    pub silent: usize,
    /// Connections that send nothing.
    pub idle: usize,
    /// How long connections are watched.
    pub watch: Duration,
}

/// What one kind of strain did.
#[derive(Debug, Serialize)]
struct Row {
    strain: &'static str,
    count: usize,
    /// Resident memory of the program before, at most during, and after.
    before_mib: f64,
    peak_mib: f64,
    after_mib: f64,
    /// Growth at the peak for each of `count`.
    kib_each: f64,
    /// Connections that were still open at the end of the watch, on our side.
    still_open: Option<usize>,
    /// A good reader's first token meanwhile, the provider's time taken off; none when there was no answer.
    good_reader_ms: Option<f64>,
}

/// Runs every kind; true when the good reader always got an answer.
pub async fn run(common: &Common, plan: Plan) -> Result<bool, String> {
    let pace = Pace { first: Duration::ZERO, between: Duration::ZERO, deltas: 100 };
    let (provider, set_pace) = start_provider(pace)?;
    let mut rows = Vec::new();
    for strain in ["finished answers", "silent readers", "idle connections", "half-sent heads"] {
        let folder = temporary_folder()?;
        let mut setup = common.setup(folder.path().join("data"));
        setup.provider = Some(provider);
        let program = Program::start(&setup)?;
        warm_up(&program, &set_pace).await?;
        set_pace.send_replace(pace);
        program.forget_peak();
        let before = program.usage();
        let (count, still_open) = match strain {
            "finished answers" => {
                finish_many(&program, plan.finished, pace.deltas).await?;
                (plan.finished, None)
            }
            "silent readers" => {
                set_pace.send_replace(Pace { deltas: LONG_ANSWER, ..pace });
                let open = never_read(&program, plan.silent, plan.watch).await?;
                set_pace.send_replace(pace);
                (plan.silent, Some(open))
            }
            "idle connections" => (plan.idle, Some(watch_open(&program, plan.idle, b"", plan.watch).await?)),
            _ => (plan.idle, Some(watch_open(&program, plan.idle, HALF_A_HEAD, plan.watch).await?)),
        };
        let good = read(&Call::question(program.address, QUESTIONS[0], pace.deltas)).await;
        if let Err(error) = &good {
            eprintln!("load: with {count} {strain}, a good reader saw: {error}");
        }
        let after = program.usage();
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        rows.push(Row {
            strain,
            count,
            before_mib: mib(before.resident),
            peak_mib: mib(after.peak),
            after_mib: mib(after.resident),
            kib_each: after.peak.saturating_sub(before.resident) as f64 / 1024.0 / count.max(1) as f64,
            still_open,
            good_reader_ms: good.ok().map(|seen| (seen.first_token - seen.provider) as f64 / 1000.0),
        });
        program.stop()?;
    }
    print(common, &rows);
    Ok(rows.iter().all(|row| row.good_reader_ms.is_some()))
}

fn print(common: &Common, rows: &[Row]) {
    if common.json {
        println!("{}", serde_json::json!({ "rows": rows }));
        return;
    }
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.strain.to_owned(),
                row.count.to_string(),
                format!("{:.1}", row.before_mib),
                format!("{:.1}", row.peak_mib),
                format!("{:.1}", row.after_mib),
                format!("{:.1}", row.kib_each),
                row.still_open.map_or("-".into(), |open| open.to_string()),
                row.good_reader_ms.map_or("none".into(), |time| format!("{time:.1}")),
            ]
        })
        .collect();
    let head = [
        "strain",
        "count",
        "before MiB",
        "peak MiB",
        "after MiB",
        "KiB each",
        "still open",
        "good reader ms",
    ];
    report::print_table(&head, &lines);
}

/// Lets 20 readers ask until so many answers are finished.
async fn finish_many(program: &Program, count: usize, deltas: u64) -> Result<(), String> {
    let level = Level {
        readers: 20.min(count),
        arrival: Arrival::Together,
        rounds: count.div_ceil(20),
        answer_takes: Duration::ZERO,
    };
    let outcome = level::run(level, &questions(program, deltas)).await;
    match outcome.errors.first_key_value() {
        None => Ok(()),
        Some((error, count)) => Err(format!("{count} × {error}")),
    }
}

/// Asks with a small receive window and never reads; returns how many connections the program still keeps at the end.
async fn never_read(program: &Program, count: usize, watch: Duration) -> Result<usize, String> {
    let mut connections = Vec::with_capacity(count);
    for number in 0..count {
        let socket = TcpSocket::new_v4().map_err(|error| error.to_string())?;
        socket.set_recv_buffer_size(4096).map_err(|error| error.to_string())?;
        let mut connection =
            socket.connect(program.address).await.map_err(|error| format!("connection {number}: {error}"))?;
        let call = Call::question(program.address, QUESTIONS[number % QUESTIONS.len()], 0);
        connection.write_all(call.request.as_bytes()).await.map_err(|error| error.to_string())?;
        connections.push(connection);
    }
    sleep(watch).await;
    let established = sockets_of(program);
    drop(connections);
    // The program needs a moment to notice, or the good reader would be measured among the leaving.
    sleep(Duration::from_secs(1)).await;
    Ok(established)
}

/// Opens connections that send `begin` and then, when it is not empty, a byte now and then; returns how many the program
/// has not closed at the end.
async fn watch_open(program: &Program, count: usize, begin: &[u8], watch: Duration) -> Result<usize, String> {
    let mut connections: Vec<TcpStream> = Vec::with_capacity(count);
    for number in 0..count {
        connections.push(
            open(program.address, begin).await.map_err(|error| format!("connection {number}: {error}"))?,
        );
    }
    let until = Instant::now() + watch;
    while Instant::now() < until {
        sleep(DRIP.min(watch)).await;
        if !begin.is_empty() {
            for connection in &mut connections {
                // A closed one is found below.
                let _ = connection.write_all(b"x").await;
            }
        }
    }
    let mut still_open = 0;
    for connection in &mut connections {
        let mut byte = [0];
        let silent = timeout(Duration::from_micros(50), connection.read(&mut byte)).await.is_err();
        still_open += usize::from(silent);
    }
    Ok(still_open)
}

async fn open(address: SocketAddr, begin: &[u8]) -> std::io::Result<TcpStream> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(begin).await?;
    Ok(connection)
}

/// Connections to its port that the program keeps, by `/proc/net/tcp` (state 01 is established).
fn sockets_of(program: &Program) -> usize {
    let port = format!(":{:04X}", program.address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table
        .lines()
        .filter(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().is_some_and(|local| local.ends_with(&port));
            local && fields.nth(1) == Some("01")
        })
        .count()
}
