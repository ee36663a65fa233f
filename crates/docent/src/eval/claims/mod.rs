//! Whether the check of an answer against its sources sees what is invented.
//!
//! No model is asked: the statements are made from the set's own sentences and known answers, right ones and invented
//! ones, are cited to the passages that retrieval selects for the question, and go through the check that every answer
//! goes through. The same set gives the same statements.

mod alter;
mod chance;
mod kind;
mod made;
mod things;
mod wording;

use serde::Serialize;

use super::corpus::{Corpus, Subject, build, id_of};
use super::metrics::auroc;
use super::scores::Figure;
use super::set::{Set, SetQuery, Style};
use super::{EvalError, Level};
use crate::answer::{Checker, Findings};
use crate::retrieve::{Embedder, PassageLimits, Query, Retrieval, Retriever, SharedIndex, Verdict, retrieve};
pub use kind::{Group, Kind};
use made::{Made, Making, Pool};

/// What is measured, and with what.
#[derive(Debug)]
pub struct ClaimsMeasurement<'a> {
    /// The set's folder.
    pub set: &'a std::path::Path,
    /// The book that is searched instead of the set's own corpus.
    pub book: Option<Subject<'a>>,
    /// What turns texts into vectors.
    pub embedder: &'a Embedder,
    /// A file that keeps embedded texts from run to run.
    pub vectors: &'a std::path::Path,
    /// Only so many questions are asked, spread evenly over the set; 0 for all.
    pub questions: usize,
}

/// One statement and what the check says of it.
#[derive(Debug, Clone, Serialize)]
pub struct Claim {
    /// The question's name.
    pub question: String,
    /// The place that answers it.
    pub place: String,
    /// How the statement was made.
    pub kind: Kind,
    /// The statement as it stands in an answer.
    pub text: String,
    /// How far its sources support its weakest sentence, 0 to 1; null when nothing of it could be checked.
    pub support: Option<f32>,
    /// It would be marked as unsupported.
    pub marked: bool,
    /// What that stands on, sentence by sentence.
    pub findings: Vec<Findings>,
}

/// What became of the statements of one kind.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct KindScore {
    /// The kind.
    pub kind: Kind,
    /// Right, plainly invented, or hard to see.
    pub group: Group,
    /// Statements.
    pub statements: usize,
    /// Of these, those too short to be checked.
    pub unchecked: usize,
    /// Share that was marked as unsupported; null of none.
    pub marked: Option<f64>,
}

/// The figures of one run. A share of nothing is null.
#[derive(Debug, Clone, Serialize)]
pub struct Claims {
    /// Kind by kind; those that the set does not give are left out.
    pub kinds: Vec<KindScore>,
    /// Share of the plain inventions that were marked.
    pub plain_caught: Option<f64>,
    /// Share of the hard ones.
    pub hard_caught: Option<f64>,
    /// Share of the right statements that were marked, those in an author's words aside.
    pub wrongly_marked: Option<f64>,
    /// The same of those that are a passage's own words.
    pub own_words_marked: Option<f64>,
    /// Of the answers in an author's words.
    pub told_marked: Option<f64>,
    /// How well the support tells right statements from plain inventions.
    pub plain_auroc: Option<f64>,
    /// And from hard ones.
    pub hard_auroc: Option<f64>,
    /// Questions that statements were made from.
    pub questions: usize,
    /// The set.
    pub set: String,
    /// The book, when it is not the set's own corpus.
    pub book: Option<String>,
    /// The embedder.
    pub embedder: String,
}

/// Makes the statements of a set and has them checked.
///
/// # Errors
/// When set or book cannot be read, or the embedder fails.
pub async fn claims(measurement: ClaimsMeasurement<'_>) -> Result<(Claims, Vec<Claim>), EvalError> {
    let ClaimsMeasurement { set: directory, book, embedder, vectors, .. } = measurement;
    let set = Set::read(directory)?;
    let corpus = Corpus::open(&set, directory, book)?;
    let level = if book.is_some() { Level::Section } else { Level::Doc };
    let index = build(&corpus.chunks, embedder, vectors).await?;
    let answers = set.queries.iter().filter(|query| query.answerable).flat_map(|query| {
        let place = places(&set, &corpus, level, query).into_iter().next().unwrap_or_default();
        query.answers.iter().min_by_key(|answer| answer.len()).map(|answer| (answer.as_str(), place))
    });
    let pool = Pool::new(&corpus.chunks, answers);
    let retriever = Retriever::File(SharedIndex::new(index));
    let mut all = Vec::new();
    let mut questions = 0;
    for query in chosen(&set.queries, measurement.questions) {
        let text = query.asked_first().to_owned();
        let query_for = Query { text, ..Query::default() };
        let found = retrieve(&retriever, embedder, &query_for, PassageLimits::default()).await;
        // A question that is refused gets to no model.
        if found.verdict != Verdict::Answerable {
            continue;
        }
        let wanted = places(&set, &corpus, level, query);
        let right: Vec<usize> = (0..found.passages.len())
            .filter(|place| {
                let passage = &found.passages[*place];
                wanted.contains(&corpus.unit(&id_of(&passage.file, passage.anchor.as_deref()), level))
            })
            .collect();
        let place = wanted.into_iter().next().unwrap_or_default();
        let making = Making { query, passages: &found.passages, right: &right, place: &place, pool: &pool };
        let made: Vec<Made> = if query.answerable {
            making.statements()
        } else if query.style() == Style::Adversarial {
            making.fallen_for().into_iter().collect()
        } else {
            Vec::new()
        };
        questions += usize::from(!made.is_empty());
        all.extend(checked(made, &found, embedder, query, &place).await);
    }
    let claims = Claims {
        questions,
        set: directory.display().to_string(),
        book: book.map(Subject::name),
        embedder: embedder.fingerprint().unwrap_or("none").to_owned(),
        ..Claims::of(&all)
    };
    Ok((claims, all))
}

/// Some of the questions, evenly spread; all when `most` is 0 or they are few.
fn chosen(queries: &[SetQuery], most: usize) -> impl Iterator<Item = &SetQuery> {
    let step = if most == 0 { 1 } else { queries.len().div_ceil(most).max(1) };
    queries.iter().step_by(step)
}

/// The places that answer a question, as the level knows them.
fn places(set: &Set, corpus: &Corpus, level: Level, query: &SetQuery) -> Vec<String> {
    let judged = set.judgements.get(&query.id).into_iter().flatten();
    judged.filter(|(_, grade)| **grade > 0).map(|(id, _)| corpus.unit(id, level)).collect()
}

async fn checked(
    made: Vec<Made>,
    found: &Retrieval,
    embedder: &Embedder,
    query: &SetQuery,
    place: &str,
) -> Vec<Claim> {
    let mut checker = Checker::new(&found.question, &found.passages, &found.index, embedder);
    let mut claims = Vec::with_capacity(made.len());
    for made in made {
        let text = made.written();
        let weighed = checker.weigh(&text).await;
        let supports = weighed.iter().map(|sentence| sentence.support).min_by(f32::total_cmp);
        claims.push(Claim {
            question: query.id.clone(),
            place: place.to_owned(),
            kind: made.kind,
            text,
            support: supports,
            marked: weighed.iter().any(|sentence| !sentence.is_supported()),
            findings: weighed.into_iter().map(|sentence| sentence.findings).collect(),
        });
    }
    claims
}

fn share(marked: impl Iterator<Item = bool>) -> Option<f64> {
    let (count, hits) =
        marked.fold((0, 0), |(count, hits), is_marked| (count + 1, hits + usize::from(is_marked)));
    (count > 0).then(|| hits as f64 / count as f64)
}

impl Claims {
    /// The figures of these statements.
    fn of(all: &[Claim]) -> Self {
        let kinds = Kind::ALL.into_iter().filter_map(|kind| {
            let own = || all.iter().filter(move |claim| claim.kind == kind);
            (own().count() > 0).then(|| KindScore {
                kind,
                group: kind.group(),
                statements: own().count(),
                unchecked: own().filter(|claim| claim.support.is_none()).count(),
                marked: share(own().map(|claim| claim.marked)),
            })
        });
        let marked = |wanted: fn(Kind) -> bool| {
            share(all.iter().filter(|claim| wanted(claim.kind)).map(|claim| claim.marked))
        };
        let supports = |wanted: fn(Kind) -> bool| -> Vec<f64> {
            all.iter()
                .filter(|claim| wanted(claim.kind))
                .filter_map(|claim| claim.support.map(f64::from))
                .collect()
        };
        let is_right = |kind: Kind| kind.group() == Group::Right && kind != Kind::Told;
        let right = supports(is_right);
        Self {
            kinds: kinds.collect(),
            plain_caught: marked(|kind| kind.group() == Group::Plain),
            hard_caught: marked(|kind| kind.group() == Group::Hard),
            wrongly_marked: marked(is_right),
            own_words_marked: marked(|kind| matches!(kind, Kind::Verbatim | Kind::Shortened | Kind::Joined)),
            told_marked: marked(|kind| kind == Kind::Told),
            plain_auroc: auroc(&right, &supports(|kind| kind.group() == Group::Plain)),
            hard_auroc: auroc(&right, &supports(|kind| kind.group() == Group::Hard)),
            questions: 0,
            set: String::new(),
            book: None,
            embedder: String::new(),
        }
    }

    /// The figures by name, as tables and floors use them.
    pub fn figures(&self) -> Vec<Figure> {
        let figure = |name, people, value| Figure { name, people, value, is_ceiling: false };
        let ceiling = |name, people, value| Figure { name, people, value, is_ceiling: true };
        vec![
            figure("plain_caught", "plain inventions marked", self.plain_caught),
            figure("hard_caught", "inventions that are hard to see marked", self.hard_caught),
            ceiling("wrongly_marked", "right statements marked", self.wrongly_marked),
            ceiling("own_words_marked", "of those in the passage's own words", self.own_words_marked),
            ceiling("told_marked", "sentences of the author's answers marked", self.told_marked),
            figure("plain_auroc", "AUROC against plain inventions", self.plain_auroc),
            figure("hard_auroc", "AUROC against those that are hard to see", self.hard_auroc),
        ]
    }
}

#[cfg(test)]
mod tests;
