//! What a statement and its sources have in common, and where they part.

use std::collections::HashSet;

use search::{QueryTerm, Term};
use serde::Serialize;

use super::source::{Said, Source};
use super::things::{Name, Number};
use super::turned::Turned;

/// Neighbouring sentences that may say a statement together.
const WINDOW: usize = 3;

/// What a further sentence costs, so that one that says it alone is preferred.
const FURTHER_SENTENCE: f32 = 0.03;

/// When one sentence holds this share of the statement's other words, its names and numbers must stand there as well; else
/// in two neighbouring ones.
const ONE_SENTENCE: f32 = 0.8;

/// A word weighs at least this, so that in a small book the frequent ones count too.
const LEAST_WEIGHT: f32 = 0.5;

/// A statement, read.
pub(super) struct Statement<'a> {
    pub(super) telling: Vec<QueryTerm>,
    pub(super) names: Vec<Name>,
    /// Each as the ways in which it may be written.
    pub(super) numbers: Vec<Vec<Number>>,
    pub(super) turned: Turned,
    /// Terms and numbers of the question: what an answer may repeat from it.
    pub(super) asked: &'a HashSet<Term>,
    /// Words that open a sentence without being names are known: it is English.
    pub(super) knows_openers: bool,
    /// It says itself where it stands.
    pub(super) cites: bool,
    /// Sources that it may stand on.
    pub(super) sources: usize,
}

/// What was found for one statement in one of its sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Share of the statement's telling words, by their rarity, that a few neighbouring sentences hold.
    pub words: f32,
    /// The same share of words that stand neither in any cited source nor in the question.
    pub new_words: f32,
    /// Names that no cited source holds, nor the question.
    pub foreign_names: usize,
    /// Names that the question holds and no cited source.
    pub asked_names: usize,
    /// The statement opens with a word that no source holds: it may be a name.
    pub foreign_opener: bool,
    /// Numbers that no cited source holds.
    pub foreign_numbers: usize,
    /// How much more of the words is held by sentences without the statement's names than by sentences with them.
    pub far_names: f32,
    /// The same of its numbers.
    pub far_numbers: f32,
    /// The statement denies what the sentences say.
    pub denies: bool,
    /// The sentences deny what the statement says.
    pub is_denied: bool,
    /// It names the opposite of what they say.
    pub opposite: bool,
    /// The nearest of the sentences in meaning, as a cosine; null when that was not looked at.
    pub meaning: Option<f32>,
}

/// What a word costs that stands in the question or elsewhere in the sources, against one that stands nowhere: models say
/// back what they were asked, in the reader's words.
const KNOWN_WORD: f32 = 0.3;

/// What meaning adds, and the cosine at which it adds nothing.
const MEANING: f32 = 0.3;
const USUAL_MEANING: f32 = 0.6;

/// How much a name or number that stands far from the rest may lose of it.
const FAR: f32 = 0.15;

/// A statement is supported from here on. Between 0.5 and 0.65 little changes on the measured sets.
pub(super) const SUPPORTED: f32 = 0.55;

/// The part of its weight that a word keeps which the book never uses.
const UNKNOWN: f32 = 0.6;

impl Findings {
    /// What speaks against the statement whatever its words are.
    fn faults(&self) -> i32 {
        let faults = [
            self.foreign_names > 0,
            self.foreign_opener,
            self.foreign_numbers > 0,
            self.far_names > FAR,
            self.far_numbers > FAR,
            self.denies,
            self.is_denied,
            self.opposite,
        ];
        faults.into_iter().map(i32::from).sum()
    }

    /// How far the source supports the statement, 0 to 1. One fault is enough to leave it without support.
    pub(super) fn support(&self) -> f32 {
        let known = (1.0 - self.words - self.new_words).max(0.0);
        let words = 1.0 - self.new_words - KNOWN_WORD * known;
        let meaning = self.meaning.map_or(0.0, |cosine| MEANING * (cosine - USUAL_MEANING));
        (words + meaning).clamp(0.0, 1.0) * 0.5_f32.powi(self.faults())
    }

    /// Whether the meaning of the sentences could decide.
    pub(super) fn is_open(&self) -> bool {
        let most = MEANING * USUAL_MEANING;
        self.faults() == 0 && (self.support() - SUPPORTED).abs() < most
    }
}

/// How much a word weighs. One that the book never uses is another way to say it more often than an invention, so it does
/// not weigh more than the rarest word of the book would.
fn weight(term: &QueryTerm) -> f32 {
    let idf = if term.document_frequency == 0 { term.idf * UNKNOWN } else { term.idf };
    idf.max(LEAST_WEIGHT)
}

/// Whether a source names it: by one of its terms, by another form of the word, or by its initials.
pub(super) fn is_named(name: &Name, terms: &HashSet<Term>, source: &Source) -> bool {
    name.terms.iter().any(|term| terms.contains(term))
        || source.initials.contains(name.text.trim_end_matches('s'))
        || name.terms.first().is_some_and(|term| terms.iter().any(|other| are_kin(&term.0, &other.0)))
}

/// A word that leads over to a sentence, or an adverb or the verb of an instruction at its start.
fn is_linking(word: &str) -> bool {
    let lower = word.to_lowercase();
    ["ly", "ing", "ed"].iter().any(|ending| lower.ends_with(ending)) || LINKING.contains(&lower.as_str())
}

const LINKING: &[&str] = &[
    "according",
    "although",
    "also",
    "another",
    "because",
    "besides",
    "both",
    "many",
    "most",
    "despite",
    "each",
    "even",
    "first",
    "furthermore",
    "hence",
    "however",
    "instead",
    "later",
    "like",
    "meanwhile",
    "moreover",
    "multiple",
    "nevertheless",
    "next",
    "note",
    "once",
    "one",
    "other",
    "otherwise",
    "overall",
    "rather",
    "second",
    "see",
    "several",
    "similar",
    "since",
    "some",
    "still",
    "such",
    "then",
    "therefore",
    "third",
    "though",
    "thus",
    "together",
    "two",
    "unless",
    "unlike",
    "until",
    "upon",
    "use",
    "whereas",
    "whether",
    "while",
    "within",
    "without",
    "yes",
    "yet",
    "people",
    "readers",
    "users",
    "here",
    "there",
    "example",
    "sure",
    "no",
    "every",
    "either",
    "neither",
    "given",
    "today",
    "please",
    "add",
    "allow",
    "apply",
    "ask",
    "avoid",
    "build",
    "call",
    "change",
    "check",
    "choose",
    "click",
    "close",
    "configure",
    "connect",
    "convert",
    "copy",
    "create",
    "define",
    "delete",
    "deploy",
    "disable",
    "download",
    "edit",
    "enable",
    "enter",
    "export",
    "fill",
    "find",
    "follow",
    "generate",
    "get",
    "give",
    "go",
    "import",
    "include",
    "install",
    "keep",
    "launch",
    "leave",
    "let",
    "list",
    "log",
    "look",
    "make",
    "mark",
    "merge",
    "move",
    "name",
    "open",
    "pass",
    "paste",
    "pick",
    "place",
    "point",
    "press",
    "provide",
    "publish",
    "pull",
    "push",
    "put",
    "read",
    "rebuild",
    "reload",
    "remove",
    "rename",
    "repeat",
    "replace",
    "restart",
    "return",
    "run",
    "save",
    "search",
    "select",
    "send",
    "set",
    "show",
    "sign",
    "specify",
    "start",
    "stop",
    "store",
    "submit",
    "switch",
    "take",
    "tell",
    "test",
    "try",
    "turn",
    "type",
    "update",
    "upgrade",
    "upload",
    "verify",
    "view",
    "visit",
    "wait",
    "watch",
    "write",
];

/// `normandi` and `norman`, `scotland` and `scottish`.
fn are_kin(one: &str, other: &str) -> bool {
    let shared = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let shorter = one.chars().count().min(other.chars().count());
    shared >= 4 && shared * 5 >= shorter * 3
}

impl Statement<'_> {
    /// Holds it against each of the sources that it cites. A name or number may stand in any of them, and several may say
    /// it together.
    pub(super) fn held_against(&self, cited: &[&Source]) -> Vec<Findings> {
        let mut found: Vec<Findings> = Vec::with_capacity(cited.len());
        let mut windows = Vec::new();
        for source in cited {
            let (findings, window) = self.held_against_one(source, cited);
            found.push(findings);
            windows.extend(window.map(|window| (*source, window)));
        }
        if self.cites && windows.len() > 1 {
            let all: Vec<&QueryTerm> = self.telling.iter().collect();
            let together =
                share(&all, |term| windows.iter().any(|(source, window)| holds(source, window, term)));
            found.iter_mut().for_each(|findings| findings.words = findings.words.max(together));
        }
        found
    }

    fn held_against_one<'s>(&self, source: &'s Source, cited: &[&Source]) -> (Findings, Option<&'s [Said]>) {
        let mut found = Findings::default();
        let is_foreign = |name: &&Name| !cited.iter().any(|source| is_named(name, &source.terms, source));
        for name in self.names.iter().filter(is_foreign) {
            if name.terms.iter().all(|term| self.asked.contains(term)) {
                found.asked_names += 1;
            } else if name.opens {
                found.foreign_opener |= self.knows_openers && !is_linking(&name.text);
            } else {
                found.foreign_names += 1;
            }
        }
        let holds = |ways: &Vec<Number>, source: &Source| ways.iter().any(|way| source.numbers.contains(way));
        found.foreign_numbers =
            self.numbers.iter().filter(|ways| !cited.iter().any(|source| holds(ways, source))).count();
        let is_new = |term: &&QueryTerm| {
            !self.asked.contains(&term.term)
                && !cited
                    .iter()
                    .any(|source| source.terms.contains(&term.term) || self.is_other_form(&term.term, source))
        };
        let mass: f32 = self.telling.iter().map(weight).sum();
        found.new_words =
            self.telling.iter().filter(is_new).map(weight).sum::<f32>() / mass.max(f32::MIN_POSITIVE);
        let Some(window) = self.best_window(source, &mut found) else { return (found, None) };
        let said = window.iter().fold(Turned::default(), |all, said| all.and(&said.turned));
        found.denies = self.turned.denies
            && !said.denies
            && !said.denies_softly
            && self.turned.denied.iter().any(|term| window.iter().any(|said| said.terms.contains(term)));
        let own: HashSet<&Term> = self.telling.iter().map(|term| &term.term).collect();
        found.is_denied = !self.turned.denies
            && !self.turned.denies_softly
            && said.denied.iter().any(|term| own.contains(term));
        found.opposite = self.turned.names_the_opposite_of(&said);
        (found, Some(window))
    }

    /// Whether a term is that of a name which the source writes in another form.
    fn is_other_form(&self, term: &Term, source: &Source) -> bool {
        !source.terms.contains(term)
            && self
                .names
                .iter()
                .any(|name| name.terms.contains(term) && is_named(name, &source.terms, source))
    }

    /// The few neighbouring sentences that hold most of the statement; notes how much, and what is far from it.
    fn best_window<'s>(&self, source: &'s Source, found: &mut Findings) -> Option<&'s [Said]> {
        let is_named = |term: &Term| self.names.iter().any(|name| name.terms.contains(term));
        let is_number = |term: &QueryTerm| term.text.starts_with(|c: char| c.is_ascii_digit());
        let plain: Vec<&QueryTerm> =
            self.telling.iter().filter(|term| !is_named(&term.term) && !is_number(term)).collect();
        let all: Vec<&QueryTerm> = self.telling.iter().collect();
        let mut best: Option<(f32, &[Said])> = None;
        // By the size of the window: the best of all, of those with the names, of those with the numbers.
        let mut near = [[0.0_f32; 3]; 2];
        for size in 1..=WINDOW.min(source.sentences.len()) {
            for (start, window) in source.sentences.windows(size).enumerate() {
                let before =
                    start.checked_sub(1).filter(|_| window[0].leans).map(|place| &source.sentences[place]);
                let share =
                    share(&all, |term| holds(source, window, term) || self.is_other_form(term, source));
                let score = share - FURTHER_SENTENCE * (size - 1) as f32;
                if best.is_none_or(|(highest, _)| score > highest) {
                    best = Some((score, window));
                    found.words = found.words.max(share);
                }
                let Some(near) = near.get_mut(size - 1).filter(|_| plain.len() > 1) else { continue };
                let share = self::share(&plain, |term| holds(source, window, term));
                near[0] = near[0].max(share);
                if self.names_stand_in(source, window, before) {
                    near[1] = near[1].max(share);
                }
                if self.numbers_stand_in(source, window) {
                    near[2] = near[2].max(share);
                }
            }
        }
        let of_two: [f32; 3] = std::array::from_fn(|what| near[0][what].max(near[1][what]));
        // Of several sources each may say a part.
        if self.sources > 1 {
            return best.map(|(_, window)| window);
        }
        let is_one = near[0][0] >= ONE_SENTENCE && of_two[0] - near[0][0] < FURTHER_SENTENCE;
        let [free, with_names, with_numbers] = if is_one { near[0] } else { of_two };
        found.far_names = free - with_names;
        found.far_numbers = free - with_numbers;
        best.map(|(_, window)| window)
    }

    /// Names that the source holds stand in these sentences, or in the one before if they lean on it; those of the question
    /// may stand elsewhere.
    fn names_stand_in(&self, source: &Source, window: &[Said], before: Option<&Said>) -> bool {
        let said = window.iter().chain(before);
        let near: HashSet<Term> = said.flat_map(|said| &said.terms).chain(&source.above).cloned().collect();
        let is_loose = |name: &&Name| {
            !name.opens
                && !name.terms.iter().all(|term| self.asked.contains(term))
                && is_named(name, &source.terms, source)
        };
        self.names.iter().filter(is_loose).all(|name| is_named(name, &near, source))
    }

    fn numbers_stand_in(&self, source: &Source, window: &[Said]) -> bool {
        let is_near = |way: &Number| {
            source.above_numbers.contains(way) || window.iter().any(|said| said.numbers.contains(way))
        };
        let is_held = |ways: &&Vec<Number>| ways.iter().any(|way| source.numbers.contains(way));
        self.numbers.iter().filter(is_held).all(|ways| ways.iter().any(is_near))
    }
}

fn holds(source: &Source, window: &[Said], term: &Term) -> bool {
    source.above.contains(term) || window.iter().any(|said| said.terms.contains(term))
}

/// The part of the words' weight that is held.
fn share(terms: &[&QueryTerm], holds: impl Fn(&Term) -> bool) -> f32 {
    let mass: f32 = terms.iter().map(|term| weight(term)).sum();
    let held: f32 = terms.iter().filter(|term| holds(&term.term)).map(|term| weight(term)).sum();
    held / mass.max(f32::MIN_POSITIVE)
}
