//! What a soak has seen, and how it is printed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::Plan;
use crate::{Common, report};

/// Memory may grow by this much after the first quarter, in MiB: what is remembered of delivered messages fills up to its
/// 4 MiB, and the allocator keeps a little.
const GROWTH: f64 = 8.0;

/// What was seen.
#[derive(Debug, Default, Serialize)]
pub struct Seen {
    /// The store was a real Postgres; else the file.
    pub postgres: bool,
    /// Answers by how they ended: an outcome, `error CODE`, or what became of the reader.
    pub endings: BTreeMap<String, u64>,
    /// Notices by code.
    pub notices: BTreeMap<String, u64>,
    /// Answers that were marked as degraded.
    pub degraded: u64,
    /// How often each fault was switched on.
    pub faults: BTreeMap<String, u64>,
    /// Statuses of `/api/health`, and how many services were away.
    pub health: BTreeMap<String, u64>,
    /// Exchanges that were shown by their conversation right after their end.
    pub shown: u64,
    /// Exchanges that were accepted, and compared with the store in the end.
    pub accepted: u64,
    /// From the end of the last fault until health was well again.
    pub recovery_seconds: f64,
    /// What must not happen, in words.
    pub wrong: Vec<String>,
    /// Resident memory of the last life, in MiB.
    resident_mib: Vec<f64>,
    /// The most in any life.
    highest_mib: f64,
}

impl Seen {
    /// Docent has been started: its memory begins anew.
    pub fn begin_life(&mut self) {
        self.resident_mib.clear();
    }

    /// Notes resident memory.
    pub fn resident(&mut self, bytes: u64) {
        let mib = bytes as f64 / f64::from(1 << 20);
        self.resident_mib.push(mib);
        self.highest_mib = self.highest_mib.max(mib);
    }

    /// Notes a health report.
    pub fn count_health(&mut self, status: &str, away: usize) {
        *self.health.entry(format!("{status}, {away} away")).or_default() += 1;
    }

    /// Compares the last quarter of the last life with its second one; the first warms up.
    pub fn check_memory(&mut self) {
        let [_, before, _, after] = self.quarters();
        if after - before > GROWTH {
            self.wrong.push(format!("memory grew from {before:.1} to {after:.1} MiB"));
        }
    }

    /// Mean resident memory in each quarter of the last life, in MiB; zeros when it was too short.
    fn quarters(&self) -> [f64; 4] {
        let length = self.resident_mib.len() / 4;
        if length == 0 {
            return [0.0; 4];
        }
        let from_the_end = &self.resident_mib[self.resident_mib.len() % 4..];
        std::array::from_fn(|quarter| {
            from_the_end[quarter * length..][..length].iter().sum::<f64>() / length as f64
        })
    }
}

/// Prints a table, or one JSON object.
pub fn print(common: &Common, plan: Plan, seen: &Seen) {
    if common.json {
        println!("{}", json!({ "seconds": plan.takes.as_secs(), "seed": plan.seed, "seen": seen }));
        return;
    }
    let mut lines = Vec::new();
    for (what, counts) in [
        ("ended", &seen.endings),
        ("notice", &seen.notices),
        ("fault", &seen.faults),
        ("health", &seen.health),
    ] {
        lines.extend(
            counts.iter().map(|(name, count)| vec![what.to_owned(), name.clone(), count.to_string()]),
        );
    }
    let store = if seen.postgres { "a real Postgres" } else { "SQLite: no Postgres is installed" };
    for (what, which, count) in [
        ("degraded", "answers", seen.degraded),
        ("shown", "exchanges, right after their end", seen.shown),
        ("accepted", "exchanges, each looked for in the store", seen.accepted),
    ] {
        lines.push(vec![what.to_owned(), which.to_owned(), count.to_string()]);
    }
    report::print_table(&["what", "which", "count"], &lines);
    let memory = |place: Option<&f64>| place.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.1}"));
    let highest = seen.resident_mib.iter().copied().fold(0.0, f64::max);
    println!("store: {store}; well again {:.1} s after the last fault", seen.recovery_seconds);
    println!(
        "resident in the last life: {} MiB at first, {highest:.1} at most, {} at last; in any life {:.1} at most",
        memory(seen.resident_mib.first()),
        memory(seen.resident_mib.last()),
        seen.highest_mib,
    );
    let [first, second, third, last] = seen.quarters();
    println!("by quarters of that life: {first:.1}, {second:.1}, {third:.1}, {last:.1} MiB");
    println!("{} s with seed {}; wrong: {}", plan.takes.as_secs(), plan.seed, seen.wrong.len());
    for wrong in seen.wrong.iter().take(20) {
        println!("  {wrong}");
    }
}
