//! What was measured, as a table for people and as JSON for machines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::level::{Arrival, Level, Outcome};
use crate::program::Usage;
use crate::reader::Seen;

/// Three places of a sorted list of times, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half are shorter.
    pub p50: f64,
    /// 95 of 100 are shorter.
    pub p95: f64,
    /// 99 of 100 are shorter.
    pub p99: f64,
}

impl Spread {
    /// Of times in microseconds; zeros when there are none.
    pub fn of(times: impl Iterator<Item = u64>) -> Self {
        let mut times: Vec<u64> = times.collect();
        times.sort_unstable();
        // The nearest rank: the smallest value that so many are not above.
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).map_or(0.0, |micros| *micros as f64 / 1000.0)
        };
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }
}

/// The times that readers saw.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Times {
    /// From the begin of connecting to the head of the response.
    pub head_ms: Spread,
    /// To the first event.
    pub first_event_ms: Spread,
    /// To the first token, the provider's own time taken off.
    pub first_token_added_ms: Spread,
    /// From the provider's sending of a delta to its arrival, for all later tokens.
    pub token_travel_ms: Spread,
    /// The whole answer.
    pub whole_ms: Spread,
}

impl Times {
    fn of(seen: &[Seen]) -> Self {
        let spread = |time: fn(&Seen) -> u64| Spread::of(seen.iter().map(time));
        Self {
            head_ms: spread(|seen| seen.head),
            first_event_ms: spread(|seen| seen.first_event),
            first_token_added_ms: spread(|seen| seen.first_token.saturating_sub(seen.provider)),
            token_travel_ms: Spread::of(
                seen.iter().flat_map(|seen| &seen.travelled).map(|time| u64::from(*time)),
            ),
            whole_ms: spread(|seen| seen.whole),
        }
    }
}

/// One level, measured.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Streams at the same time.
    pub readers: usize,
    /// How they came.
    pub arrival: Arrival,
    /// Milliseconds between two tokens of a stream; 0 for extracts, which come at once.
    pub between_ms: u64,
    /// Whole answers.
    pub answers: usize,
    /// What went wrong, and how often.
    pub errors: BTreeMap<String, usize>,
    /// Tokens that arrived.
    pub tokens: u64,
    /// Through the program.
    pub program: Times,
    /// Straight from the provider, in the same run: what the machine and the readers cost by themselves.
    pub alone: Option<Times>,
    /// CPU seconds of the program.
    pub cpu_s: f64,
    /// The same for every 1,000 tokens, questions and all.
    pub cpu_s_per_1000_tokens: Option<f64>,
    /// CPU milliseconds of the program for one answer.
    pub cpu_ms_per_answer: f64,
    /// Most resident memory of the program during the level.
    pub peak_mib: f64,
    /// Its resident memory after.
    pub resident_mib: f64,
    /// Of that, memory that is no mapped file: neither the binary nor the index.
    pub anonymous_mib: f64,
    /// CPU time of the readers and the provider.
    pub own_cpu_s: f64,
    /// Cores that all other processes of the machine kept busy meanwhile.
    pub others_cores: f64,
}

/// Everything around a level that goes into its row.
pub struct Around {
    /// Of the program, before and after.
    pub usage: (Usage, Usage),
    /// Of this process.
    pub own_cpu: Duration,
    /// Ticks of the machine in use, and of all that passed, with the number of cores.
    pub machine: (u64, u64, usize),
}

impl Row {
    /// Puts a row together.
    pub fn new(
        level: Level,
        between: Duration,
        through: Outcome,
        alone: Option<&Outcome>,
        around: &Around,
    ) -> Self {
        let tokens: u64 = through.seen.iter().map(|seen| seen.travelled.len() as u64 + 1).sum();
        let (before, after) = around.usage;
        let cpu_s = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        let (busy, all, cores) = around.machine;
        // Ticks of all cores together pass `cores` times as fast as the clock.
        let seconds = all as f64 / 100.0 / cores as f64;
        let busy_s = busy as f64 / 100.0;
        let own_cpu_s = around.own_cpu.as_secs_f64();
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        Self {
            readers: level.readers,
            arrival: level.arrival,
            between_ms: between.as_millis() as u64,
            answers: through.seen.len(),
            tokens,
            program: Times::of(&through.seen),
            alone: alone.map(|alone| Times::of(&alone.seen)),
            errors: through.errors,
            cpu_s,
            cpu_s_per_1000_tokens: alone.map(|_| cpu_s * 1000.0 / tokens.max(1) as f64),
            cpu_ms_per_answer: cpu_s * 1000.0 / through.seen.len().max(1) as f64,
            peak_mib: mib(after.peak),
            resident_mib: mib(after.resident),
            anonymous_mib: mib(after.anonymous),
            own_cpu_s,
            others_cores: ((busy_s - own_cpu_s - cpu_s) / seconds.max(0.01)).max(0.0),
        }
    }
}

/// Prints the rows for people, on standard output.
pub fn print(rows: &[Row]) {
    let head = [
        "readers",
        "arrival",
        "answers",
        "errors",
        "head p50/p95",
        "first event p50/p95",
        "first token added p50/p95",
        "alone",
        "token travel p50/p95",
        "alone",
        "CPU s/1,000 tokens",
        "CPU ms/answer",
        "peak MiB",
        "others",
    ];
    let pair = |spread: Spread| format!("{:.1}/{:.1}", spread.p50, spread.p95);
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let alone = |times: fn(&Times) -> Spread| {
                row.alone.as_ref().map_or("-".into(), |alone| pair(times(alone)))
            };
            vec![
                row.readers.to_string(),
                row.arrival.name().to_owned(),
                row.answers.to_string(),
                row.errors.values().sum::<usize>().to_string(),
                pair(row.program.head_ms),
                pair(row.program.first_event_ms),
                pair(row.program.first_token_added_ms),
                alone(|times| times.first_token_added_ms),
                pair(row.program.token_travel_ms),
                alone(|times| times.token_travel_ms),
                row.cpu_s_per_1000_tokens.map_or("-".into(), |cpu| format!("{cpu:.4}")),
                format!("{:.2}", row.cpu_ms_per_answer),
                format!("{:.1}", row.peak_mib),
                format!("{:.1}", row.others_cores),
            ]
        })
        .collect();
    print_table(&head, &lines);
    for row in rows {
        for (error, count) in &row.errors {
            println!("{} readers, {}: {count} × {error}", row.readers, row.arrival.name());
        }
    }
}

/// Columns as wide as their widest cell, two spaces apart.
pub fn print_table(head: &[&str], lines: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        println!("{}", padded.join("  "));
    };
    line(head.to_vec());
    for cells in lines {
        line(cells.iter().map(String::as_str).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_takes_the_nearest_rank() {
        let check = |times: &[u64], expected: (f64, f64, f64)| {
            let spread = Spread::of(times.iter().copied());
            assert_eq!((spread.p50, spread.p95, spread.p99), expected);
        };
        check(&[], (0.0, 0.0, 0.0));
        check(&[3000], (3.0, 3.0, 3.0));
        check(&(1..=100).rev().map(|n| n * 1000).collect::<Vec<_>>(), (50.0, 95.0, 99.0));
    }
}
