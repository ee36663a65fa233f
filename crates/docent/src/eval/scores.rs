//! What a run of a question set comes to: the figures, and what happened to each question.

use serde::{Deserialize, Serialize};

use super::Level;
use super::metrics::{auroc, mean, percentile};
use super::set::Style;
use crate::answer::Mismatch;
use crate::retrieve::{Evidence, Verdict};

/// What happened to one question.
#[derive(Debug, Clone, Serialize)]
pub struct Detail {
    /// The question's name.
    pub id: String,
    /// The question.
    pub text: String,
    /// What was searched for: differs from the question when it leans on earlier ones.
    pub searched: String,
    /// What it tests.
    pub style: Style,
    /// Whether the corpus answers it.
    pub answerable: bool,
    /// Whether Docent would refuse it.
    pub refused: bool,
    /// What was decided.
    pub verdict: Verdict,
    /// Why the best sentences answer something else; null when they do not, or when a model would see it.
    pub mismatch: Option<Mismatch>,
    /// How likely an answer is in the book, 0 to 1.
    pub trust: f32,
    /// What that was decided on.
    pub evidence: Evidence,
    /// The first ten results.
    pub results: Vec<String>,
    /// How well the best passage fits, 0 to 1.
    pub similarity: Option<f32>,
    /// Share of the relevant places that the passages hold; null without judgement.
    pub passage_recall: Option<f64>,
    /// Tokens of all passages.
    pub passage_tokens: usize,
    /// Milliseconds from question to hits.
    pub milliseconds: f64,
    /// How the results are ranked; null without judgement.
    #[serde(flatten)]
    pub ranking: Option<Ranking>,
    /// nDCG@10 of the written-out question; null unless it is a follow-up.
    #[serde(rename = "written_out_ndcg@10")]
    pub written_out: Option<f64>,
    /// What the answer is worth; null when none was asked for.
    pub answer: Option<AnswerDetail>,
}

/// One question's ranking measures.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs, reason = "the measures are those of `Scores`")]
pub struct Ranking {
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
    #[serde(rename = "recall@5")]
    pub recall_5: f64,
    #[serde(rename = "recall@10")]
    pub recall_10: f64,
    #[serde(rename = "precision@5")]
    pub precision_5: f64,
    #[serde(rename = "mrr@10")]
    pub mrr_10: f64,
}

/// One answer's measures.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerDetail {
    /// Its text.
    pub text: String,
    /// It contains a known answer; null when the set knows none.
    pub holds_known: Option<bool>,
    /// Markers in it.
    pub markers: usize,
    /// Markers whose number is that of a source.
    pub valid_markers: usize,
    /// Sentences in it that state something.
    pub sentences: usize,
    /// Sentences that its sources do not support.
    pub unsupported: usize,
    /// It is in the question's language; null when that cannot be told.
    pub same_language: Option<bool>,
    /// Tokens of the prompt and of the answer, as a model counted them.
    pub tokens: (u32, u32),
}

/// The figures of one run. Shares are between 0 and 1; a share of nothing is null.
#[derive(Debug, Clone, Serialize)]
pub struct Scores {
    /// Normalised discounted cumulative gain of the first ten, gain `2^grade - 1`.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: Option<f64>,
    /// Share of the relevant results among the first five.
    #[serde(rename = "recall@5")]
    pub recall_5: Option<f64>,
    /// Share of the relevant results among the first ten.
    #[serde(rename = "recall@10")]
    pub recall_10: Option<f64>,
    /// Share of the first five that is relevant.
    #[serde(rename = "precision@5")]
    pub precision_5: Option<f64>,
    /// Reciprocal rank of the first relevant result among the first ten.
    #[serde(rename = "mrr@10")]
    pub mrr_10: Option<f64>,
    /// How well the best passage of an answerable question fits, on average.
    pub similarity: Option<f64>,
    /// Share of the relevant places that the passages hold, which is what a generator gets to see.
    pub passage_recall: Option<f64>,
    /// Tokens of the passages of an answerable question, on average.
    pub passage_tokens: Option<f64>,
    /// Share of the unanswerable questions that were refused.
    pub refusal_recall: Option<f64>,
    /// Share of the answerable questions that were refused.
    pub wrong_refusals: Option<f64>,
    /// Share of the questions out of scope that were refused.
    pub out_of_scope_recall: Option<f64>,
    /// Share of the questions out of scope among all that were refused, adversarial ones aside.
    pub out_of_scope_precision: Option<f64>,
    /// Share of the adversarial questions that were refused.
    pub adversarial_recall: Option<f64>,
    /// Share of the adversarial questions among all that were refused, those out of scope aside.
    pub adversarial_precision: Option<f64>,
    /// How well the trust in the evidence tells answerable questions from those out of scope: area under the ROC curve.
    pub auroc: Option<f64>,
    /// Share of the questions with known answers whose answer contains one, refusals counting as misses.
    pub answer_recall: Option<f64>,
    /// Words of an answer, on average.
    pub answer_words: Option<f64>,
    /// Share of the markers in answers whose number is that of a source.
    pub citation_validity: Option<f64>,
    /// Share of the sentences in answers that their sources support.
    pub citation_support: Option<f64>,
    /// Share of the answers that are in the question's language, of those where it can be told.
    pub language_match: Option<f64>,
    /// Tokens of a prompt, on average, as a model counted them.
    pub prompt_tokens: Option<f64>,
    /// Tokens of a model's answer, on average.
    pub answer_tokens: Option<f64>,
    /// nDCG@10 of follow-ups over that of the same questions written out.
    pub followup_quality: Option<f64>,
    /// Time from question to hits, embedding included.
    pub latency_ms: Latency,
    /// How much was measured.
    pub counts: Counts,
    /// With what.
    pub settings: Settings,
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Half of the questions took less.
    pub p50: f64,
    /// 95 of 100 questions took less.
    pub p95: f64,
}

/// How much was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Counts {
    /// All questions.
    pub queries: usize,
    /// Questions that the book answers.
    pub answerable: usize,
    /// Questions that lean on earlier ones.
    pub followups: usize,
    /// Judgements.
    pub judgements: usize,
    /// Judged ids that the corpus does not hold.
    pub missing_ids: usize,
    /// Chunks of the index.
    pub chunks: usize,
}

/// With what was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// The set's folder.
    pub set: String,
    /// The book's folder; null when the set carries its own corpus.
    pub book: Option<String>,
    /// What counts as one result.
    pub level: Level,
    /// The embedder's fingerprint; `none` without vectors.
    pub embedder: String,
    /// What wrote the answers.
    pub generator: String,
    /// How the questions were spelled.
    pub spelling: Spelling,
}

/// How the questions are spelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// As the set spells them.
    #[default]
    AsWritten,
    /// With one slip of the finger in every question: two letters of its longest word change places.
    Slips,
    /// With a space too many in every question: its longest word is torn in two.
    Torn,
    /// With a space too few in every question: its two longest neighbouring words are run together.
    Joined,
}

impl Scores {
    /// The figures over all questions.
    pub(super) fn of(details: &[Detail], counts: Counts, settings: Settings) -> Self {
        let ranked = |of: fn(&Ranking) -> f64| {
            mean(&details.iter().filter_map(|detail| detail.ranking.as_ref()).map(of).collect::<Vec<_>>())
        };
        let refused = |wanted: &dyn Fn(&Detail) -> bool| -> (f64, Option<f64>) {
            let asked: Vec<f64> =
                details.iter().filter(|detail| wanted(detail)).map(|detail| number(detail.refused)).collect();
            (asked.iter().sum(), mean(&asked))
        };
        let (_, refusal_recall) = refused(&|detail| !detail.answerable);
        let (wrong, wrong_refusals) = refused(&|detail| detail.answerable);
        let (outside, out_of_scope_recall) = refused(&is_out_of_scope);
        let (caught, adversarial_recall) = refused(&|detail| detail.style == Style::Adversarial);
        let precision = |right: f64, measured: Option<f64>| {
            measured.and((right + wrong > 0.0).then(|| right / (right + wrong)))
        };
        let trusts = |wanted: &dyn Fn(&Detail) -> bool| -> Vec<f64> {
            details.iter().filter(|detail| wanted(detail)).map(|detail| f64::from(detail.trust)).collect()
        };
        let similarities: Vec<f64> = details
            .iter()
            .filter(|detail| detail.answerable)
            .filter_map(|detail| detail.similarity.map(f64::from))
            .collect();
        let answerable = || details.iter().filter(|detail| detail.answerable);
        let passage_tokens: Vec<f64> = answerable().map(|detail| detail.passage_tokens as f64).collect();
        let answers: Vec<&AnswerDetail> =
            details.iter().filter_map(|detail| detail.answer.as_ref()).collect();
        let over = |of: &dyn Fn(&AnswerDetail) -> Option<f64>| {
            mean(&answers.iter().filter_map(|answer| of(answer)).collect::<Vec<_>>())
        };
        let share = |part: fn(&AnswerDetail) -> usize, whole: fn(&AnswerDetail) -> usize| {
            let sum = |of: fn(&AnswerDetail) -> usize| answers.iter().map(|answer| of(answer)).sum::<usize>();
            (sum(whole) > 0).then(|| sum(part) as f64 / sum(whole) as f64)
        };
        let with_model = |tokens: u32| (tokens > 0).then_some(f64::from(tokens));
        let followups: Vec<(f64, f64)> = details
            .iter()
            .filter_map(|detail| Some((detail.ranking?.ndcg_10, detail.written_out?)))
            .collect();
        let written_out: f64 = followups.iter().map(|(_, written_out)| written_out).sum();
        let mut milliseconds: Vec<f64> = details.iter().map(|detail| detail.milliseconds).collect();
        milliseconds.sort_by(f64::total_cmp);
        Self {
            ndcg_10: ranked(|ranking| ranking.ndcg_10),
            recall_5: ranked(|ranking| ranking.recall_5),
            recall_10: ranked(|ranking| ranking.recall_10),
            precision_5: ranked(|ranking| ranking.precision_5),
            mrr_10: ranked(|ranking| ranking.mrr_10),
            similarity: mean(&similarities),
            passage_recall: mean(
                &details.iter().filter_map(|detail| detail.passage_recall).collect::<Vec<_>>(),
            ),
            passage_tokens: mean(&passage_tokens),
            refusal_recall,
            wrong_refusals,
            out_of_scope_recall,
            out_of_scope_precision: precision(outside, out_of_scope_recall),
            adversarial_recall,
            adversarial_precision: precision(caught, adversarial_recall),
            auroc: auroc(&trusts(&|detail| detail.answerable), &trusts(&is_out_of_scope)),
            answer_recall: over(&|answer| answer.holds_known.map(number)),
            answer_words: over(&|answer| Some(answer.text.split_whitespace().count() as f64)),
            citation_validity: share(|answer| answer.valid_markers, |answer| answer.markers),
            citation_support: share(
                |answer| answer.sentences - answer.unsupported.min(answer.sentences),
                |answer| answer.sentences,
            ),
            language_match: over(&|answer| answer.same_language.map(number)),
            prompt_tokens: over(&|answer| with_model(answer.tokens.0)),
            answer_tokens: over(&|answer| with_model(answer.tokens.1)),
            followup_quality: (written_out > 0.0)
                .then(|| followups.iter().map(|(asked, _)| asked).sum::<f64>() / written_out),
            latency_ms: Latency { p50: percentile(&milliseconds, 0.5), p95: percentile(&milliseconds, 0.95) },
            counts,
            settings,
        }
    }

    /// Every figure with its name on the wire, a name for people, and whether more is worse.
    pub fn figures(&self) -> Vec<Figure> {
        let figure = |name, people, value| Figure { name, people, value, is_ceiling: false };
        vec![
            figure("ndcg@10", "nDCG@10", self.ndcg_10),
            figure("recall@5", "recall@5", self.recall_5),
            figure("recall@10", "recall@10", self.recall_10),
            figure("precision@5", "precision@5", self.precision_5),
            figure("mrr@10", "MRR@10", self.mrr_10),
            figure("similarity", "similarity of the best passage", self.similarity),
            figure("passage_recall", "relevant places among the passages", self.passage_recall),
            Figure {
                is_ceiling: true,
                ..figure("passage_tokens", "tokens of the passages", self.passage_tokens)
            },
            figure("refusal_recall", "refused of the unanswerable", self.refusal_recall),
            Figure {
                is_ceiling: true,
                ..figure("wrong_refusals", "refused of the answerable", self.wrong_refusals)
            },
            figure("out_of_scope_recall", "out of scope: recall", self.out_of_scope_recall),
            figure("out_of_scope_precision", "out of scope: precision", self.out_of_scope_precision),
            figure("adversarial_recall", "adversarial: recall", self.adversarial_recall),
            figure("adversarial_precision", "adversarial: precision", self.adversarial_precision),
            figure("auroc", "AUROC of the refusal", self.auroc),
            figure("answer_recall", "answers that hold the known one", self.answer_recall),
            Figure { is_ceiling: true, ..figure("answer_words", "words of an answer", self.answer_words) },
            figure("citation_validity", "valid citations", self.citation_validity),
            figure("citation_support", "supported sentences", self.citation_support),
            figure("language_match", "answers in the question's language", self.language_match),
            Figure { is_ceiling: true, ..figure("prompt_tokens", "tokens of a prompt", self.prompt_tokens) },
            Figure { is_ceiling: true, ..figure("answer_tokens", "tokens of an answer", self.answer_tokens) },
            figure("followup_quality", "follow-ups against written-out questions", self.followup_quality),
        ]
    }
}

/// One figure of [`Scores`].
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its name in JSON and in floors.
    pub name: &'static str,
    /// Its name in tables.
    pub people: &'static str,
    /// What was measured; `None` when the set does not measure it.
    pub value: Option<f64>,
    /// Less is better.
    pub is_ceiling: bool,
}

fn is_out_of_scope(detail: &Detail) -> bool {
    matches!(detail.style, Style::NearMiss | Style::OffTopic)
}

fn number(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}
