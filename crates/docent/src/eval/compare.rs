//! Two runs of one set, question by question, with a significance test.
//!
//! Reads what `--details` wrote. The test is a paired permutation test: under the null hypothesis each question's
//! difference might as well have the other sign, so signs are drawn at random, from a fixed seed, and the share of
//! draws that differ at least as much as the runs is the p-value.
//!
//! # Source
//! Smucker, Allan, Carterette: "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation",
//! CIKM 2007.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Draws of signs; the p-value is exact to about 0.005 at 0.05.
const DRAWS: u32 = 10_000;

/// Seed of the draws: the same files give the same p-value.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Below this a difference counts as more than chance.
pub const SIGNIFICANT: f64 = 0.05;

/// One measure in two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The measure.
    pub measure: &'static str,
    /// Questions that both runs measured.
    pub questions: usize,
    /// Mean of the first run.
    pub before: f64,
    /// Mean of the second run.
    pub after: f64,
    /// Questions that got better, and worse.
    pub better: usize,
    /// Questions that got worse.
    pub worse: usize,
    /// How likely such a difference is by chance.
    pub p: f64,
}

impl Comparison {
    /// The second run is worse, by more than chance.
    pub fn is_worse(&self) -> bool {
        self.after < self.before && self.p < SIGNIFICANT
    }
}

/// Takes one measure from a line; `None` when the run did not measure it.
type Measure = fn(&Line) -> Option<f64>;

#[derive(Deserialize)]
struct Line {
    id: String,
    answerable: bool,
    refused: bool,
    #[serde(rename = "ndcg@10")]
    ndcg_10: Option<f64>,
    #[serde(rename = "recall@10")]
    recall_10: Option<f64>,
    answer: Option<AnswerLine>,
}

#[derive(Deserialize)]
struct AnswerLine {
    holds_known: Option<bool>,
}

/// Compares two files of `--details`.
///
/// # Errors
/// When a file cannot be read, or they have no question in common.
pub fn compare(before: &Path, after: &Path) -> Result<Vec<Comparison>, String> {
    let (before, after) = (read(before)?, read(after)?);
    let measures: [(&'static str, Measure); 4] = [
        ("ndcg@10", |line| line.ndcg_10),
        ("recall@10", |line| line.recall_10),
        ("right refusals", |line| Some(f64::from(u8::from(line.refused != line.answerable)))),
        ("answer_recall", |line| {
            line.answer.as_ref().and_then(|answer| answer.holds_known).map(|holds| f64::from(u8::from(holds)))
        }),
    ];
    let compared: Vec<Comparison> = measures
        .into_iter()
        .filter_map(|(measure, of)| {
            let pairs: Vec<(f64, f64)> =
                before.iter().filter_map(|(id, line)| Some((of(line)?, of(after.get(id)?)?))).collect();
            (!pairs.is_empty()).then(|| paired(measure, &pairs))
        })
        .collect();
    if compared.is_empty() {
        Err("the two files have no question in common".to_owned())
    } else {
        Ok(compared)
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Line>, String> {
    let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let line: Line = serde_json::from_str(line).map_err(|error| {
                format!(
                    "{}:{}: {error}; expected a file of `docent eval --details`",
                    path.display(),
                    number + 1
                )
            })?;
            Ok((line.id.clone(), line))
        })
        .collect()
}

fn paired(measure: &'static str, pairs: &[(f64, f64)]) -> Comparison {
    let count = pairs.len() as f64;
    let differences: Vec<f64> = pairs.iter().map(|(before, after)| after - before).collect();
    let observed = differences.iter().sum::<f64>().abs();
    let mut state = SEED;
    let mut as_far = 0u32;
    for _ in 0..DRAWS {
        let mut sum = 0.0;
        for differences in differences.chunks(64) {
            let mut signs = draw(&mut state);
            for difference in differences {
                sum += if signs & 1 == 1 { *difference } else { -difference };
                signs >>= 1;
            }
        }
        as_far += u32::from(sum.abs() >= observed - 1e-12);
    }
    Comparison {
        measure,
        questions: pairs.len(),
        before: pairs.iter().map(|(before, _)| before).sum::<f64>() / count,
        after: pairs.iter().map(|(_, after)| after).sum::<f64>() / count,
        better: differences.iter().filter(|difference| **difference > 1e-9).count(),
        worse: differences.iter().filter(|difference| **difference < -1e-9).count(),
        p: f64::from(as_far + 1) / f64::from(DRAWS + 1),
    }
}

/// Splitmix64: 64 independent bits.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p_of(differences: &[f64]) -> f64 {
        paired("x", &differences.iter().map(|difference| (0.5, 0.5 + difference)).collect::<Vec<_>>()).p
    }

    #[test]
    fn equal_runs_differ_by_chance() {
        assert_eq!(p_of(&[0.0; 50]), 1.0);
    }

    #[test]
    fn ten_changes_in_one_direction_are_no_chance() {
        // Two of 1,024 draws of ten signs are as extreme.
        let p = p_of(&[-0.2; 10]);
        assert!((p - 2.0 / 1024.0).abs() < 0.001, "{p}");
        assert!(paired("x", &[(0.5, 0.3); 10]).is_worse());
        assert!(!paired("x", &[(0.3, 0.5); 10]).is_worse());
    }

    #[test]
    fn changes_in_both_directions_are_chance() {
        assert!(p_of(&[0.3, -0.3, 0.2, -0.25, 0.1, -0.1]) > 0.5);
    }
}
