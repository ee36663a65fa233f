//! How far the found passages can be trusted to hold an answer.

use search::{Index, Ordinal, Term};
use serde::Serialize;

use super::retriever::names_a_heading;
use super::{Query, ScoredChunk};

/// What speaks for an answer being in the book. Computed before any paid call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Best share of the question's weight whose words stand together in one of the first chunks, 0 to 1.
    pub coverage: f32,
    /// Share of the question's weight whose words occur nowhere in the book, 0 to 1.
    pub unknown: f32,
    /// Names in the question that the book never uses. A reader's own word for a thing ("knob") says little about
    /// the subject; a name ("Kubernetes") says much.
    pub unknown_names: usize,
    /// Identifiers in the question (`createSlice`, `max_tokens`) that the book never uses as such, though it may use
    /// their pieces.
    pub unknown_identifiers: usize,
    /// Names in the question that the first chunks do not use, those that the book never uses among them.
    pub missing_names: usize,
    /// Telling words of the question that the book uses.
    pub known: usize,
    /// How rare the question's words are in the book on average, 0 to 1: 1 when it uses none of them.
    pub rarity: f32,
    /// BM25 of the best chunk over what a single word weighs that the book never uses.
    pub strength: f32,
    /// Best cosine; `None` without vectors.
    pub cosine: Option<f32>,
    /// How far the best cosine stands above the mean of ranks 11 to 50; 0 without vectors.
    pub margin: f32,
    /// Cosine with the nearest of the topics that people ask about in general; `None` when the embedder is not the
    /// built-in one.
    pub elsewhere: Option<f32>,
    /// The question says nothing but the heading of one of the first chunks.
    pub heading: bool,
    /// The question has no word with a meaning of its own ("what is it?").
    pub empty: bool,
}

/// What the evidence allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Answer from the passages.
    Answerable,
    /// The book's subject, but no passage is good enough.
    Uncertain,
    /// Not the book's subject.
    OutOfScope,
}

/// How many of the best chunks are looked at for coverage and names.
const LOOKED_AT: usize = 5;

/// More names or known words than this say nothing more.
const MOST_NAMES: usize = 2;
const MOST_KNOWN: usize = 7;

pub(super) fn weigh(index: &Index, query: &Query, hits: &[ScoredChunk]) -> Evidence {
    let terms = index.query_terms(&query.text);
    let meaningful = || terms.iter().filter(|term| !term.stop_word);
    let mass: f32 = meaningful().map(|term| term.idf).sum();
    let unknown: f32 = meaningful().filter(|term| term.document_frequency == 0).map(|term| term.idf).sum();
    let coverage = hits
        .iter()
        .take(LOOKED_AT)
        .filter_map(|hit| hit.lexical)
        .map(|lexical| lexical.coverage)
        .fold(0.0, f32::max);
    let strongest =
        hits.iter().filter_map(|hit| hit.lexical).map(|lexical| lexical.score).fold(0.0, f32::max);
    // No term is empty, so no book uses it.
    let rarest = index.idf(&Term(String::new())).max(f32::MIN_POSITIVE);
    let first: Vec<Ordinal> = hits.iter().take(LOOKED_AT).map(|hit| hit.ordinal).collect();
    let language = index.metadata().facts.get("language").map_or("en", String::as_str);
    let names = |words: Vec<String>| words.iter().filter(|word| is_name(&query.text, word, language)).count();
    let mut cosines: Vec<f32> = hits.iter().filter_map(|hit| hit.cosine).collect();
    cosines.sort_unstable_by(|one, other| other.total_cmp(one));
    let cosine = cosines.first().copied();
    let margin =
        cosine.map_or(0.0, |best| best - average(cosines.get(10..50.min(cosines.len())).unwrap_or(&[])));
    Evidence {
        coverage,
        unknown: if mass > 0.0 { unknown / mass } else { 0.0 },
        unknown_names: names(index.unknown_words(&query.text)),
        unknown_identifiers: meaningful()
            .filter(|term| term.document_frequency == 0 && is_identifier(&term.text))
            .count(),
        missing_names: names(index.missing_words(&query.text, &first)),
        known: meaningful().filter(|term| term.document_frequency > 0).count(),
        rarity: mass / meaningful().count().max(1) as f32 / rarest,
        strength: strongest / rarest,
        cosine,
        margin,
        elsewhere: None,
        heading: names_a_heading(index, &query.text, hits.iter().map(|hit| hit.ordinal)),
        empty: mass == 0.0,
    }
}

/// Whether `word` is written like a name in `text`: a capital or a digit inside (`gRPC`, `ESP32`), or a capital at its
/// start where no sentence begins. In German every noun is written so, and only the first kind counts.
fn is_name(text: &str, word: &str, language: &str) -> bool {
    let bare = word.split(['\'', '’']).next().unwrap_or(word);
    let mut characters = bare.chars();
    let Some(first) = characters.next() else {
        return false;
    };
    if bare.chars().nth(1).is_none() || !bare.chars().any(char::is_alphabetic) {
        return false;
    }
    if characters.clone().any(char::is_uppercase) || bare.chars().any(char::is_numeric) {
        return true;
    }
    if !first.is_uppercase() || language.starts_with("de") {
        return false;
    }
    let before = text.find(word).map_or("", |place| text[..place].trim_end());
    !(before.is_empty() || before.ends_with(['.', '?', '!', ':', '"', '“', '\n']))
}

/// Whether a word is one of a program: with a capital behind a small letter, or with pieces joined by `_` or `::`.
fn is_identifier(word: &str) -> bool {
    let mut neighbours = word.chars().zip(word.chars().skip(1));
    neighbours.any(|(one, next)| one.is_lowercase() && next.is_uppercase())
        || word.trim_matches('_').contains('_')
        || word.contains("::")
}

fn average(values: &[f32]) -> f32 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f32>() / values.len() as f32 }
}

impl Evidence {
    /// What the evidence allows, by the calibration of the embedder that found it.
    pub fn verdict(&self, calibration: &Calibration) -> Verdict {
        let trust = self.trust(calibration);
        if self.heading || trust >= calibration.uncertain_below {
            Verdict::Answerable
        } else if trust >= calibration.out_of_scope_below {
            Verdict::Uncertain
        } else {
            Verdict::OutOfScope
        }
    }

    /// How likely it is that the passages answer the question, 0 to 1.
    pub fn trust(&self, calibration: &Calibration) -> f32 {
        let weighed = self.signals().into_iter().zip(calibration.weights);
        let sum = calibration.bias + weighed.map(|(signal, weight)| signal * weight).sum::<f32>();
        1.0 / (1.0 + (-sum).exp())
    }

    /// What a [`Calibration`] weighs, in the order of [`SIGNALS`].
    pub fn signals(&self) -> [f32; SIGNALS.len()] {
        [
            self.coverage,
            self.unknown_names.min(MOST_NAMES) as f32,
            self.unknown_identifiers.min(MOST_NAMES) as f32,
            self.missing_names.min(MOST_NAMES) as f32,
            (1.0 + self.known.min(MOST_KNOWN) as f32).ln(),
            self.rarity,
            self.strength,
            self.cosine.unwrap_or(0.0),
            self.margin,
            self.elsewhere.unwrap_or(0.0),
        ]
    }
}

impl Evidence {
    /// The signals that a fit may learn from, in the order of [`SIGNALS`]: beside cosines, rarity and strength say
    /// nothing new, and what was fitted with them does worse on books that it has not seen.
    pub fn signals_to_fit(&self) -> [f32; SIGNALS.len()] {
        let words = Self { rarity: 0.0, strength: 0.0, ..*self };
        if self.cosine.is_some() { words.signals() } else { self.signals() }
    }
}

/// Names of what a [`Calibration`] weighs.
pub const SIGNALS: [&str; 10] = [
    "coverage",
    "unknown_names",
    "unknown_identifiers",
    "missing_names",
    "known",
    "rarity",
    "strength",
    "cosine",
    "margin",
    "elsewhere",
];

/// Weights of a logistic model over [`Evidence`], and where it draws its lines. Cosines of different embedders mean
/// different things, so each embedder has its own.
///
/// # Source
/// Fitted by logistic regression with `docent eval fit` over five corpora, each with its own questions and with
/// questions of the others; `evals/scope/README.md` has the command, the corpora and what it measures when it leaves
/// one corpus out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    /// The sum without any signal.
    pub bias: f32,
    /// A weight for each of [`SIGNALS`].
    pub weights: [f32; SIGNALS.len()],
    /// Below this trust, passages are not good enough: one of twenty-five of a book's own questions stands below it.
    pub uncertain_below: f32,
    /// Below this trust, the question is not about the book: one of a hundred of its own stands below it.
    pub out_of_scope_below: f32,
}

/// For words alone, and for embedders that nobody has calibrated. Identifiers are left out: with them the manual's own
/// questions were refused twice as often.
const WORDS: Calibration = Calibration {
    bias: -6.113,
    weights: [4.574, -1.42, 0.0, -3.03, 3.091, 0.0, 0.0, 0.0, 0.0, 0.0],
    uncertain_below: 0.34,
    out_of_scope_below: 0.21,
};

/// For the built-in encoder.
const MINILM: Calibration = Calibration {
    bias: -6.403,
    weights: [2.386, -2.323, -4.233, -2.248, 2.0, 0.0, 0.0, 15.092, 2.253, -9.355],
    uncertain_below: 0.439,
    out_of_scope_below: 0.229,
};

impl Calibration {
    /// The calibration for what actually searched: `fingerprint` is `None` when only words did.
    pub fn of(fingerprint: Option<&str>) -> &'static Self {
        match fingerprint {
            Some(fingerprint) if is_minilm(fingerprint) => &MINILM,
            _ => &WORDS,
        }
    }
}

/// Whether a fingerprint is that of the built-in encoder.
pub(super) fn is_minilm(fingerprint: &str) -> bool {
    fingerprint.starts_with("local:all-MiniLM-L6-v2")
}

#[cfg(test)]
mod tests {
    use super::{Calibration, Evidence, Verdict, is_identifier, is_name};

    #[test]
    fn beside_cosines_a_fit_learns_nothing_from_rarity_and_strength() {
        let words = Evidence { rarity: 0.5, strength: 2.0, coverage: 0.7, ..Evidence::default() };
        let both = Evidence { cosine: Some(0.4), ..words };
        assert_eq!(words.signals_to_fit(), words.signals());
        assert_eq!(both.signals_to_fit(), Evidence { rarity: 0.0, strength: 0.0, ..both }.signals());
    }

    #[test]
    fn an_embedder_that_nobody_has_calibrated_is_judged_by_its_words() {
        let strong = Evidence { coverage: 1.0, known: 5, rarity: 0.5, strength: 3.0, ..Evidence::default() };
        let weak = Evidence { coverage: 0.1, known: 1, rarity: 0.9, strength: 0.3, ..strong };
        for evidence in [strong, weak] {
            let unknown = Evidence { cosine: Some(0.9), ..evidence };
            let calibration = Calibration::of(Some("gemini:text-embedding-004/768d"));
            assert_eq!(unknown.verdict(calibration), evidence.verdict(Calibration::of(None)));
        }
        assert_eq!(strong.verdict(Calibration::of(None)), Verdict::Answerable);
        assert_ne!(weak.verdict(Calibration::of(None)), Verdict::Answerable);
    }

    #[test]
    fn a_heading_of_the_book_is_never_refused() {
        let weak = Evidence { coverage: 0.1, known: 1, ..Evidence::default() };
        for fingerprint in [None, Some("local:all-MiniLM-L6-v2/384d/int8")] {
            let calibration = Calibration::of(fingerprint);
            assert_eq!(weak.verdict(calibration), Verdict::OutOfScope);
            assert_eq!(Evidence { heading: true, ..weak }.verdict(calibration), Verdict::Answerable);
        }
    }

    fn check(text: &str, expected: &[&str]) {
        let names: Vec<&str> = text
            .split(|character: char| character.is_whitespace() || ",?!.".contains(character))
            .filter(|word| !word.is_empty() && is_name(text, word, "en"))
            .collect();
        assert_eq!(names, expected, "{text}");
    }

    #[test]
    fn capitals_and_digits_inside_a_sentence_make_names() {
        check("How do I set up micro-ROS on an ESP32 board?", &["micro-ROS", "ESP32"]);
        check("Homebrew works. Does the Helm chart?", &["Helm"]);
        check("what did gRPC bring", &["gRPC"]);
    }

    #[test]
    fn humps_and_joints_make_identifiers() {
        for word in ["createSlice", "max_tokens", "std::fmt", "useID"] {
            assert!(is_identifier(word), "{word}");
        }
        for word in ["Slice", "follow-up", "ESP32", "_", "__init", "API", "e.g"] {
            assert!(!is_identifier(word), "{word}");
        }
    }

    #[test]
    fn numbers_and_single_letters_are_none() {
        check("In 1880, how did A/B tests and I'm fare?", &["A/B"]);
        check("What is plan B?", &[]);
    }

    #[test]
    fn german_nouns_are_none() {
        assert!(!is_name("Wie misst man das Drehmoment?", "Drehmoment", "de"));
        assert!(is_name("Wie nutzt man ESP32?", "ESP32", "de"));
    }
}
