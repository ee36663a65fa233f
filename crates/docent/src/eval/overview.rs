//! Several sets at once: how each fares as it is, with slips of the finger and with each step of ranking left out, as one
//! table and one page, beside an earlier run.

use std::fmt::Write as _;
use std::path::Path;

use corpus::BookOptions;
use search::{Step, Steps};
use serde::Serialize;
use serde_json::Value;

use super::report::{STYLE, escaped, rank_plot, roc_plot, trust_plot};
use super::{Detail, EvalError, Measurement, Scores, Source, Spelling, Subject, evaluate};
use crate::answer::Generator;
use crate::retrieve::Embedder;

/// How the questions of a set were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// As readers ask them.
    Plainly,
    /// With a slip of the finger in each.
    WithSlips,
    /// With one step of ranking left out.
    Without(Step),
}

impl Asked {
    /// Its name in tables and JSON.
    pub fn name(self) -> String {
        match self {
            Self::Plainly => "as it is".to_owned(),
            Self::WithSlips => "with slips".to_owned(),
            Self::Without(step) => format!("without {}", step.name()),
        }
    }
}

/// One set, asked in one way.
#[derive(Debug)]
pub struct SetRun {
    /// Set and book.
    pub set: String,
    /// `none`, `local`, `gemini` or `openai`.
    pub embedder: &'static str,
    /// How it was asked.
    pub asked: Asked,
    /// What came out.
    pub scores: Scores,
    details: Vec<Detail>,
}

/// The figures of a run that are compared from run to run.
const COMPARED: [&str; 5] = ["ndcg@10", "recall@10", "mrr@10", "refusal_recall", "wrong_refusals"];

/// Asks every set with every embedder: as it is and with slips, and with `ablate` without each step in turn.
///
/// # Errors
/// Those of [`evaluate`].
pub async fn overview(
    sources: &[Source],
    embedders: &[Embedder],
    ablate: bool,
    vectors: &Path,
    mut tell: impl FnMut(&str),
) -> Result<Vec<SetRun>, EvalError> {
    let options = BookOptions::default();
    let mut runs = Vec::new();
    for source in sources {
        for embedder in embedders {
            for asked in ways(embedder, ablate) {
                tell(&format!("{}, {}, {}", source.name(), embedder.name(), asked.name()));
                let (scores, details) = evaluate(Measurement {
                    set: &source.set,
                    book: source.book.as_deref().map(|book| Subject::Folder(book, &options)),
                    level: None,
                    embedder,
                    generator: &Generator::Extractive,
                    all_answers: false,
                    spelling: if asked == Asked::WithSlips { Spelling::Slips } else { Spelling::AsWritten },
                    steps: match asked {
                        Asked::Without(step) => Steps::ALL.without(step),
                        Asked::Plainly | Asked::WithSlips => Steps::ALL,
                    },
                    vectors,
                })
                .await?;
                runs.push(SetRun { set: source.name(), embedder: embedder.name(), asked, scores, details });
            }
        }
    }
    Ok(runs)
}

/// Without vectors there is nothing but words, and nothing that could count for more than they do.
fn ways(embedder: &Embedder, ablate: bool) -> Vec<Asked> {
    let mut ways = vec![Asked::Plainly, Asked::WithSlips];
    if ablate {
        let has_vectors = embedder.fingerprint().is_some();
        let of_vectors = |step: &Step| matches!(step, Step::Words | Step::Meaning | Step::Paraphrase);
        ways.extend(
            Step::ALL.into_iter().filter(|step| has_vectors || !of_vectors(step)).map(Asked::Without),
        );
    }
    ways
}

/// The runs as JSON, for `--before` of a later one.
pub fn as_json(runs: &[SetRun]) -> Value {
    #[derive(Serialize)]
    struct Run<'a> {
        set: &'a str,
        embedder: &'a str,
        asked: String,
        scores: &'a Scores,
    }
    let runs = runs.iter().map(|run| Run {
        set: &run.set,
        embedder: run.embedder,
        asked: run.asked.name(),
        scores: &run.scores,
    });
    serde_json::json!({"runs": runs.collect::<Vec<_>>()})
}

/// What an earlier run gave for the same set, embedder and way of asking.
fn before(earlier: Option<&Value>, run: &SetRun, figure: &str) -> Option<f64> {
    let same = |other: &&Value| {
        other["set"] == run.set.as_str()
            && other["embedder"] == run.embedder
            && other["asked"] == run.asked.name().as_str()
    };
    earlier?["runs"].as_array()?.iter().find(same)?["scores"][figure].as_f64()
}

/// The rows of the table: set, embedder, how it was asked, then the compared figures, each with its change in
/// thousandths where there is something to compare with.
pub fn rows(runs: &[SetRun], earlier: Option<&Value>) -> Vec<Vec<String>> {
    runs.iter()
        .map(|run| {
            let mut row = vec![run.set.clone(), run.embedder.to_owned(), run.asked.name()];
            row.extend(COMPARED.map(|name| shown(run, name, earlier)));
            row
        })
        .collect()
}

/// Heads of the columns of [`rows`].
pub const HEADS: [&str; 8] =
    ["set", "embedder", "asked", "nDCG@10", "recall@10", "MRR@10", "rightly refused", "wrongly refused"];

fn value(run: &SetRun, name: &str) -> Option<f64> {
    run.scores.figures().into_iter().find(|figure| figure.name == name)?.value
}

fn shown(run: &SetRun, name: &str, earlier: Option<&Value>) -> String {
    let Some(value) = value(run, name) else { return "–".to_owned() };
    match before(earlier, run, name) {
        Some(before) => format!("{value:.3} ({:+})", ((value - before) * 1000.0).round() as i64),
        None => format!("{value:.3}"),
    }
}

/// One page about all runs. It loads nothing from anywhere.
pub fn page(runs: &[SetRun], earlier: Option<&Value>) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Evaluation of all sets</title><style>{STYLE}</style>\n<h1>Evaluation of all sets</h1>\n"
    );
    if earlier.is_some() {
        page.push_str("<p>In brackets: the change since the earlier run, in thousandths.</p>\n");
    }
    let whole = |run: &&SetRun| !matches!(run.asked, Asked::Without(_));
    page.push_str(&table(&HEADS, rows_of(runs, earlier, whole).into_iter()));
    let left_out = ablation(runs);
    if !left_out.is_empty() {
        page.push_str(
            "<h2>What each step brings</h2>\n<p>nDCG@10 as it is, and by how many thousandths it changes when one step \
             is left out.</p>\n",
        );
        let heads: Vec<&str> =
            ["set", "embedder", "as it is"].into_iter().chain(Step::ALL.map(Step::name)).collect();
        page.push_str(&table(&heads, left_out.into_iter()));
    }
    page.push_str("<h2>The sets</h2>\n");
    for run in runs.iter().filter(|run| run.asked == Asked::Plainly) {
        let ndcg = value(run, "ndcg@10").map_or(String::new(), |ndcg| format!(", nDCG@10 {ndcg:.3}"));
        let _ = write!(
            page,
            "<details><summary>{}, embedder {}: {} questions{ndcg}</summary>\n{}{}{}</details>\n",
            escaped(&run.set),
            run.embedder,
            run.scores.counts.queries,
            trust_plot(&run.details),
            roc_plot(&run.details),
            rank_plot(&run.details),
        );
    }
    page.push_str("</html>\n");
    page
}

fn rows_of(runs: &[SetRun], earlier: Option<&Value>, wanted: impl Fn(&&SetRun) -> bool) -> Vec<Vec<String>> {
    let rows = rows(runs, earlier);
    runs.iter().zip(rows).filter(|(run, _)| wanted(run)).map(|(_, row)| row).collect()
}

/// A row for each set and embedder: nDCG@10, and what it loses without each step; empty when no step was left out.
pub fn ablation(runs: &[SetRun]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for run in runs.iter().filter(|run| run.asked == Asked::Plainly) {
        let Some(whole) = value(run, "ndcg@10") else { continue };
        let change = |step: Step| {
            let same = |other: &&SetRun| {
                (&other.set, other.embedder, other.asked) == (&run.set, run.embedder, Asked::Without(step))
            };
            let without = value(runs.iter().find(same)?, "ndcg@10")?;
            Some(format!("{:+}", ((without - whole) * 1000.0).round() as i64))
        };
        let changes = Step::ALL.map(change);
        if changes.iter().any(Option::is_some) {
            let mut row = vec![run.set.clone(), run.embedder.to_owned(), format!("{whole:.3}")];
            row.extend(changes.map(|change| change.unwrap_or_else(|| "–".to_owned())));
            rows.push(row);
        }
    }
    rows
}

fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    const WORDS: usize = 2;
    let mut html =
        String::from("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"table\"><table><tr>");
    for (place, head) in heads.iter().enumerate() {
        let class = if place > WORDS { " class=\"n\"" } else { "" };
        let _ = write!(html, "<th{class}>{}", escaped(head));
    }
    html.push_str("</tr>\n");
    for row in rows {
        html.push_str("<tr>");
        for (place, cell) in row.iter().enumerate() {
            let class = if place > WORDS { " class=\"n\"" } else { "" };
            let _ = write!(html, "<td{class}>{}", escaped(cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
    html
}
