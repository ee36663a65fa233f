//! The statements that a model could make about one question: right ones, and ones with something invented in them.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use corpus::{Chunk, SentenceKind, visible_text};

use super::alter::{altered, denied, opposite};
use super::chance::Chance;
use super::kind::Kind;
use super::things::{Sort, names, numbers, sort_of, words};
use super::wording::statement;
use crate::eval::set::SetQuery;
use crate::retrieve::Passage;

/// A sentence with fewer words says too little to be changed.
const LEAST_WORDS: usize = 6;

/// What a statement is made of is no longer than this; models do not write such sentences.
const MOST_WORDS: usize = 60;

/// One statement, without markers, and the numbers of the passages that it cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) cited: Vec<usize>,
}

impl Made {
    /// As it stands in an answer.
    pub(super) fn written(&self) -> String {
        let markers: String = self.cited.iter().map(|n| format!("[{n}]")).collect();
        format!("{} {markers}.", self.text.trim().trim_end_matches(['.', '!', '?', ':', ';', ' ']))
    }
}

/// What of the whole corpus can be put in the place of something.
pub(super) struct Pool {
    names: Vec<String>,
    numbers: Vec<String>,
    /// Known answers by their sort, each with the place that it answers from.
    answers: BTreeMap<Sort, Vec<(String, String)>>,
    /// Sentences, each with its file.
    sentences: Vec<(String, String)>,
}

impl Pool {
    pub(super) fn new<'a>(chunks: &[Chunk], answers: impl Iterator<Item = (&'a str, String)>) -> Self {
        let mut pool = Self { names: vec![], numbers: vec![], answers: BTreeMap::new(), sentences: vec![] };
        for chunk in chunks {
            for sentence in &chunk.sentences {
                let text =
                    chunk.content.get(sentence.start as usize..sentence.end as usize).unwrap_or_default();
                let text = line(text);
                pool.names.extend(names(&text).into_iter().map(|range| text[range].to_owned()));
                pool.numbers.extend(numbers(&text).into_iter().map(|range| text[range].to_owned()));
                if sentence.kind == SentenceKind::Prose && is_usable(&text) {
                    pool.sentences.push((chunk.file_path.clone(), text));
                }
            }
        }
        for (answer, place) in answers {
            pool.answers.entry(sort_of(answer)).or_default().push((answer.to_owned(), place));
        }
        pool
    }
}

/// What is known when statements are made.
pub(super) struct Making<'a> {
    pub(super) query: &'a SetQuery,
    pub(super) passages: &'a [Passage],
    /// Which passages answer, by their index; none when nothing does.
    pub(super) right: &'a [usize],
    /// The place that answers.
    pub(super) place: &'a str,
    pub(super) pool: &'a Pool,
}

/// The words of a text as readers see them, in one line.
fn line(text: &str) -> String {
    visible_text(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_usable(sentence: &str) -> bool {
    // What looks like a marker would be read as one.
    !sentence.contains('[') && (LEAST_WORDS..=MOST_WORDS).contains(&sentence.split_whitespace().count())
}

fn lower_words(text: &str) -> HashSet<String> {
    words(text).map(|(_, word)| word.to_lowercase()).collect()
}

/// Where `part` stands in `text`, whatever its case, at the bounds of words.
fn find(text: &str, part: &str) -> Option<Range<usize>> {
    let is_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(part).map(|(at, part)| at..at + part.len()).find(|range| {
        !is_inside(text[..range.start].chars().next_back()) && !is_inside(text[range.end..].chars().next())
    })
}

fn put(text: &str, range: Range<usize>, other: &str) -> String {
    format!("{}{other}{}", &text[..range.start], &text[range.end..])
}

impl Making<'_> {
    /// All statements of an answerable question.
    pub(super) fn statements(&self) -> Vec<Made> {
        let mut made = Vec::new();
        let Some((passage, at)) = self.base() else { return made };
        let sentences = sentences(passage);
        let base = sentences[at].as_str();
        let cited = vec![passage.n];
        let answer = self
            .query
            .answers
            .iter()
            .filter(|answer| find(base, answer).is_some())
            .min_by_key(|answer| answer.len());
        let mut add = |kind, text: Option<String>| {
            made.extend(text.map(|text| Made { kind, text, cited: cited.clone() }));
        };
        add(Kind::Verbatim, Some(base.to_owned()));
        add(Kind::Shortened, self.shortened(base, answer.map(String::as_str)));
        add(Kind::Joined, joined(&sentences, at));
        let reworded = answer.and_then(|answer| statement(&self.query.text, answer));
        add(Kind::Reworded, reworded.clone());
        let elsewhere = Elsewhere { making: self, passage, base };
        if let Some(answer) = answer {
            let (kind, same) = match sort_of(answer) {
                Sort::Name => (Kind::OtherName, Kind::SameName),
                Sort::Number | Sort::Date => (Kind::OtherNumber, Kind::SameNumber),
                Sort::Phrase => (Kind::OtherPhrase, Kind::SamePhrase),
            };
            let range = find(base, answer).unwrap_or_default();
            let other = elsewhere.other(answer);
            add(kind, other.as_deref().map(|other| put(base, range.clone(), other)));
            add(kind, other.and_then(|other| statement(&self.query.text, &other)));
            let near = elsewhere.same(answer);
            add(same, near.as_deref().map(|near| put(base, range, near)));
            add(same, near.and_then(|near| statement(&self.query.text, &near)));
        } else {
            add(Kind::SameName, elsewhere.same_name());
            add(Kind::SameNumber, elsewhere.same_number());
        }
        let mut chance = self.chance("altered");
        add(Kind::OtherName, elsewhere.swapped_name(answer.map(String::as_str)));
        add(Kind::AlteredNumber, altered(base, &passage.content, &mut chance));
        for text in [Some(base), reworded.as_deref()].into_iter().flatten() {
            add(Kind::Denied, denied(text));
            add(Kind::Opposite, opposite(text));
        }
        add(Kind::OtherPage, elsewhere.other_page());
        let wrong: Vec<usize> =
            (0..self.passages.len()).filter(|place| !self.right.contains(place)).collect();
        if let Some(wrong) = self.chance("wrong passage").pick(&wrong, |_| true) {
            let cited = vec![self.passages[*wrong].n];
            made.push(Made { kind: Kind::WrongPassage, text: base.to_owned(), cited });
        }
        made.extend(self.told());
        made
    }

    /// What somebody says who falls for a question that the best passage does not answer.
    pub(super) fn fallen_for(&self) -> Option<Made> {
        let passage = self.passages.first()?;
        let asked = lower_words(&self.query.text);
        let sentences = sentences(passage);
        let shared = |sentence: &&String| lower_words(sentence).intersection(&asked).count();
        let best = sentences.iter().rev().max_by_key(shared)?;
        let wants_number =
            ["when", "many", "much", "year", "date", "century"].iter().any(|word| asked.contains(*word));
        let fitting = if wants_number { numbers(best) } else { names(best) };
        let is_new = |range: &Range<usize>| find(&self.query.text, &best[range.clone()]).is_none();
        let mut chance = self.chance("fallen for");
        let range = chance.pick(&fitting, is_new)?;
        let text = statement(&self.query.text, &best[range.clone()])?;
        Some(Made { kind: Kind::FallenFor, text, cited: vec![passage.n] })
    }

    fn chance(&self, what: &str) -> Chance {
        Chance::of(&format!("{} {what}", self.query.id))
    }

    /// The sentence that answers: of those that hold a known answer, when the set knows one, the one that shares most with
    /// the question.
    fn base(&self) -> Option<(&Passage, usize)> {
        let asked = lower_words(&self.query.text);
        let mut best: Option<(usize, (&Passage, usize))> = None;
        for passage in self.right.iter().map(|place| &self.passages[*place]) {
            for (at, sentence) in
                sentences(passage).iter().enumerate().filter(|(_, sentence)| is_usable(sentence))
            {
                let answers = &self.query.answers;
                if !answers.is_empty() && !answers.iter().any(|answer| find(sentence, answer).is_some()) {
                    continue;
                }
                let shared = lower_words(sentence).intersection(&asked).count();
                if best.as_ref().is_none_or(|(most, _)| shared > *most) {
                    best = Some((shared, (passage, at)));
                }
            }
        }
        best.map(|(_, base)| base)
    }

    /// The clauses of a sentence that hold the answer, or the question's words.
    fn shortened(&self, base: &str, answer: Option<&str>) -> Option<String> {
        let asked = lower_words(&self.query.text);
        let clauses: Vec<&str> = base.split_inclusive([',', ';', '(', ')', '–']).collect();
        let holds = |text: &str| match answer {
            Some(answer) => find(text, answer).is_some(),
            None => lower_words(text).intersection(&asked).count() >= 2,
        };
        let runs = (1..clauses.len()).flat_map(|length| clauses.windows(length));
        let trim = |c: char| " ,;()–".contains(c);
        runs.map(|run| run.concat().trim_matches(trim).to_owned())
            .find(|text| text.split_whitespace().count() >= LEAST_WORDS && holds(text))
    }

    /// The sentences of the answer that the set's author wrote, when all that it stands on is shown.
    fn told(&self) -> Vec<Made> {
        let Some(answer) = self.query.answer.as_deref() else { return Vec::new() };
        let cited: Vec<usize> = self.right.iter().map(|place| self.passages[*place].n).collect();
        let is_statement = |text: &&str| text.split_whitespace().count() >= LEAST_WORDS;
        let sentences = answer.split(". ").map(str::trim).filter(is_statement);
        sentences.map(|text| Made { kind: Kind::Told, text: text.to_owned(), cited: cited.clone() }).collect()
    }
}

fn sentences(passage: &Passage) -> Vec<String> {
    let told = passage
        .sentences
        .iter()
        .filter(|sentence| matches!(sentence.kind, SentenceKind::Prose | SentenceKind::ListItem));
    told.map(|sentence| {
        line(passage.content.get(sentence.start as usize..sentence.end as usize).unwrap_or_default())
    })
    .collect()
}

/// A sentence and its neighbour as one.
fn joined(sentences: &[String], at: usize) -> Option<String> {
    let other = sentences.get(at + 1).filter(|other| is_usable(other))?;
    let base = sentences[at].trim_end_matches(['.', '!', '?', ':', ';', ' ']);
    let is_one = base.split_whitespace().count() + other.split_whitespace().count() <= MOST_WORDS;
    is_one.then(|| format!("{base}, and {other}"))
}

/// What can stand in a sentence in the place of what it says.
struct Elsewhere<'a> {
    making: &'a Making<'a>,
    passage: &'a Passage,
    base: &'a str,
}

impl Elsewhere<'_> {
    /// The passage does not hold it.
    fn is_foreign(&self, text: &str) -> bool {
        let Passage { content, title, heading_path, .. } = self.passage;
        let around = format!("{content} {title} {}", heading_path.join(" ")).to_lowercase();
        let text = text.to_lowercase();
        !around.contains(&text) && !self.making.query.text.to_lowercase().contains(&text)
    }

    /// Something of the answer's sort from another place of the corpus.
    fn other(&self, answer: &str) -> Option<String> {
        let mut chance = self.making.chance("other");
        let Pool { answers, names, numbers, .. } = self.making.pool;
        let sort = sort_of(answer);
        let known = answers.get(&sort).map(Vec::as_slice).unwrap_or_default();
        let found = chance.pick(known, |(text, place)| place != self.making.place && self.is_foreign(text));
        match (found, sort) {
            (Some((text, _)), _) => Some(text.clone()),
            (None, Sort::Name) => chance.pick(names, |text| self.is_foreign(text)).cloned(),
            (None, Sort::Number | Sort::Date) => chance.pick(numbers, |text| self.is_foreign(text)).cloned(),
            (None, Sort::Phrase) => None,
        }
    }

    /// Something of the answer's sort that stands elsewhere in the passage.
    fn same(&self, answer: &str) -> Option<String> {
        let mut chance = self.making.chance("same");
        let sort = sort_of(answer);
        let (Pool { answers, .. }, place) = (self.making.pool, self.making.place);
        let known = answers.get(&sort).map(Vec::as_slice).unwrap_or_default();
        let own: Vec<String> = known
            .iter()
            .filter(|(_, at)| at == place)
            .map(|(text, _)| text.clone())
            .chain(self.things(sort))
            .collect();
        let is_other = |text: &String| self.is_elsewhere(text) && !answer.contains(text.as_str());
        chance.pick(&own, is_other).cloned()
    }

    /// Names or numbers of the passage.
    fn things(&self, sort: Sort) -> Vec<String> {
        let ranges = |text: &str| match sort {
            Sort::Name => names(text),
            Sort::Number | Sort::Date => numbers(text),
            Sort::Phrase => Vec::new(),
        };
        let is_of_sort = |text: &String| sort == Sort::Phrase || sort_of(text) == sort;
        let all = sentences(self.passage).into_iter().flat_map(|sentence| {
            ranges(&sentence).into_iter().map(|range| sentence[range].to_owned()).collect::<Vec<_>>()
        });
        all.filter(is_of_sort).collect()
    }

    /// It stands in the passage, but neither in the sentence nor in the question.
    fn is_elsewhere(&self, text: &str) -> bool {
        let asked = &self.making.query.text;
        find(&self.passage.content, text).is_some()
            && !self.base.to_lowercase().contains(&text.to_lowercase())
            && !asked.to_lowercase().contains(&text.to_lowercase())
    }

    /// The sentence with one of its names, but the answer, changed into one of another passage.
    fn swapped_name(&self, answer: Option<&str>) -> Option<String> {
        let mut chance = self.making.chance("swapped name");
        let own = names(self.base);
        let is_free =
            |range: &Range<usize>| answer.is_none_or(|answer| !answer.contains(&self.base[range.clone()]));
        let range = chance.pick(&own, is_free)?.clone();
        let other = chance.pick(&self.making.pool.names, |text| self.is_foreign(text))?;
        Some(put(self.base, range, other))
    }

    fn same_name(&self) -> Option<String> {
        self.swapped(&names(self.base), Sort::Name)
    }

    fn same_number(&self) -> Option<String> {
        self.swapped(&numbers(self.base), Sort::Number)
    }

    fn swapped(&self, own: &[Range<usize>], sort: Sort) -> Option<String> {
        let mut chance = self.making.chance("same");
        let range = chance.pick(own, |_| true)?.clone();
        let near = self.things(sort);
        let other = chance.pick(&near, |text| self.is_elsewhere(text))?;
        Some(put(self.base, range, other))
    }

    /// A sentence of a page that is not among the passages.
    fn other_page(&self) -> Option<String> {
        let shown: Vec<&str> = self.making.passages.iter().map(|passage| passage.file.as_str()).collect();
        let mut chance = self.making.chance("other page");
        let found = chance.pick(&self.making.pool.sentences, |(file, _)| !shown.contains(&file.as_str()))?;
        Some(found.1.clone())
    }
}
