//! Answers without a model: the book's own sentences, in reading order, each with its citation.

use std::collections::{HashMap, HashSet};

use corpus::{Sentence, SentenceKind};
use search::{Index, Term, analyze};

use super::links::markdown_text;
use super::support::text_of;
use crate::retrieve::Passage;

/// Sentences at most.
const SENTENCES: usize = 4;

/// Passages that sentences are taken from.
const PASSAGES: usize = 3;

/// A sentence must reach this share of the best one's score.
const FLOOR: f32 = 0.55;

/// Below this share of the question's weight in the best sentence, the opening of the best passage is
/// shown instead: it was found by meaning, not by words.
const LEAD_BELOW: f32 = 0.2;

/// What a sentence that says what something is counts more when that was asked.
const DEFINITION_BONUS: f32 = 1.3;

/// Part of the meaning in a sentence's score; the rest are its words.
const MEANING: f32 = 0.5;

/// Sentences whose meaning is compared with the question: the local encoder needs about a millisecond for each.
const COMPARED: usize = 20;

/// Longest code block, in lines, that comes along with the sentence that announces it.
const CODE_LINES: usize = 40;

/// One piece of an extractive answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extract {
    /// Number of the passage it comes from.
    pub n: usize,
    /// Markdown, without its citation.
    pub text: String,
    /// Code comes after a sentence that has been cited already.
    pub cite: bool,
    /// White space that joins it to what came before.
    pub joint: &'static str,
}

struct Candidate<'a> {
    passage: usize,
    place: usize,
    sentence: &'a Sentence,
    score: f32,
    terms: HashSet<Term>,
}

/// Cosine between the question and a sentence, by passage and place.
pub(super) type Closeness = HashMap<(usize, usize), f32>;

/// Texts whose meaning is worth comparing with the question: prose, items and rows of the passages that are quoted
/// from, with their passage and place. At most [`COMPARED`], the best passage's first.
pub(super) fn comparable(passages: &[Passage]) -> Vec<((usize, usize), String)> {
    let mut texts = Vec::new();
    for (passage_place, passage) in passages.iter().take(PASSAGES).enumerate() {
        for (place, sentence) in passage.sentences.iter().enumerate() {
            if sentence.kind == SentenceKind::Code || header_place(passage, place) == Some(place) {
                continue;
            }
            let heading = passage.heading_path.last().unwrap_or(&passage.title);
            // A row or an item says less of what it is about than a sentence does.
            let text = match sentence.kind {
                SentenceKind::Prose => text_of(passage, sentence).to_owned(),
                _ => format!("{heading}: {}", text_of(passage, sentence)),
            };
            texts.push(((passage_place, place), text));
        }
    }
    texts.truncate(COMPARED);
    texts
}

/// A passage that retrieval thinks half as good counts three quarters.
fn discount(passages: &[Passage], place: usize) -> f32 {
    let best = passages[0].score;
    if best > 0.0 { 0.5 + 0.5 * passages[place].score / best } else { 1.0 }
}

/// Chooses the sentences of `passages` that answer `question` best, in reading order.
///
/// Empty when the passages hold no sentence. The weight of a word is its rarity in `index`.
///
/// `closeness` tells how near the meaning of a sentence, by passage and place, is to the question; a sentence that
/// it does not hold is judged by its words alone.
pub(super) fn compose(
    question: &str,
    passages: &[Passage],
    index: &Index,
    closeness: &Closeness,
) -> Vec<Extract> {
    let weights: HashMap<Term, f32> = index
        .query_terms(question)
        .into_iter()
        .filter(|term| !term.stop_word)
        .map(|term| (term.term, term.idf))
        .collect();
    let mut candidates = candidates(question, passages, &weights);
    for candidate in &mut candidates {
        if let Some(cosine) = closeness.get(&(candidate.passage, candidate.place)) {
            let passage = &passages[candidate.passage];
            let meaning = cosine.max(0.0)
                * discount(passages, candidate.passage)
                * fitness(passage, candidate.sentence);
            candidate.score = (1.0 - MEANING) * candidate.score + MEANING * meaning;
        }
    }
    let chosen = choose(candidates, passages);
    extracts(&chosen, passages)
}

fn candidates<'a>(
    question: &str,
    passages: &'a [Passage],
    weights: &HashMap<Term, f32>,
) -> Vec<Candidate<'a>> {
    let definition_wanted = asks_what(question);
    let mass: f32 = weights.values().sum::<f32>().max(f32::MIN_POSITIVE);
    let mut candidates = Vec::new();
    for (passage_place, passage) in passages.iter().take(PASSAGES).enumerate() {
        // Headings speak for each of their sentences, but less than the sentence itself.
        let heading_terms: HashSet<Term> = analyze(&passage.heading_path.join(" ")).into_iter().collect();
        let discount = discount(passages, passage_place);
        for (place, sentence) in passage.sentences.iter().enumerate() {
            if header_place(passage, place) == Some(place) || is_code_title(passage, place) {
                continue;
            }
            let terms: HashSet<Term> = analyze(text_of(passage, sentence)).into_iter().collect();
            // A row or an item says less of what it is about than a sentence does; its heading says it.
            let heading_part = if sentence.kind == SentenceKind::Prose { 0.4 } else { 0.7 };
            let share: f32 = weights
                .iter()
                .map(|(term, weight)| match (terms.contains(term), heading_terms.contains(term)) {
                    (true, _) => *weight,
                    (false, true) => heading_part * weight,
                    (false, false) => 0.0,
                })
                .sum();
            let mut score = share / mass * discount * fitness(passage, sentence);
            if definition_wanted && defines(text_of(passage, sentence), weights) {
                score *= DEFINITION_BONUS;
            }
            candidates.push(Candidate { passage: passage_place, place, sentence, score, terms });
        }
    }
    candidates
}

/// Whether the question wants to know what something is.
fn asks_what(question: &str) -> bool {
    let lowered = question.trim().to_lowercase();
    ["what is ", "what are ", "what's ", "what does ", "define ", "explain "]
        .iter()
        .any(|start| lowered.starts_with(start))
}

/// Whether a sentence begins with an asked word and goes on to say what that is.
fn defines(text: &str, weights: &HashMap<Term, f32>) -> bool {
    let words: Vec<&str> = text.split_whitespace().take(8).collect();
    let Some(verb) = words.iter().position(|word| matches!(*word, "is" | "are" | "means" | "refers")) else {
        return false;
    };
    let conditional = ["Because", "If", "When", "While", "Although", "Since", "As", "But"];
    if words.first().is_some_and(|word| conditional.contains(word)) {
        return false;
    }
    let subject = analyze(&words[..verb].join(" "));
    subject.len() <= 4 && subject.iter().any(|term| weights.contains_key(term))
}

/// How well a sentence reads on its own.
fn fitness(passage: &Passage, sentence: &Sentence) -> f32 {
    let text = text_of(passage, sentence);
    let words = text.split_whitespace().count();
    match sentence.kind {
        SentenceKind::Code => 0.3,
        SentenceKind::TableRow => 0.9,
        _ if words < 4 => 0.4,
        // The rest of a sentence whose beginning was code.
        _ if text.starts_with(|first: char| first.is_lowercase()) => 0.6,
        // Announces what follows; it comes along with that, see `with_company`.
        _ if text.ends_with(':') => 0.8,
        _ if text.ends_with('?') => 0.6,
        _ => 1.0,
    }
}

fn choose<'a>(mut candidates: Vec<Candidate<'a>>, passages: &[Passage]) -> Vec<Candidate<'a>> {
    candidates.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then((one.passage, one.place).cmp(&(other.passage, other.place)))
    });
    let best = candidates.first().map_or(0.0, |candidate| candidate.score);
    let mut chosen: Vec<Candidate<'a>> = Vec::new();
    if best < LEAD_BELOW {
        // Found by meaning: the passage as a whole answers, so its opening is shown.
        candidates
            .retain(|candidate| candidate.passage == 0 && candidate.sentence.kind != SentenceKind::Code);
        candidates.sort_by_key(|candidate| candidate.place);
        candidates.truncate(SENTENCES - 1);
        return candidates;
    }
    let mut wanted_next: Option<(usize, usize)> = None;
    let mut remaining = candidates;
    while chosen.len() < SENTENCES && !remaining.is_empty() {
        let next = match wanted_next.take().and_then(|place| position(&remaining, place)) {
            Some(index) => remaining.remove(index),
            None if remaining[0].score < FLOOR * best => break,
            None => remaining.remove(0),
        };
        let repeats = chosen.iter().any(|other| overlap(&other.terms, &next.terms) > 0.8);
        if repeats {
            continue;
        }
        let announces = text_of(&passages[next.passage], next.sentence).ends_with(':');
        if announces || chosen.is_empty() {
            wanted_next =
                follower(&passages[next.passage], next.place, announces).map(|place| (next.passage, place));
        }
        chosen.push(next);
    }
    chosen.sort_by_key(|candidate| (candidate.passage, candidate.place));
    chosen
}

/// The sentence that belongs to the one at `place`: what it announces, or the next one of its paragraph.
fn follower(passage: &Passage, place: usize, announces: bool) -> Option<usize> {
    let after = passage.sentences.get(place + 1)?;
    match (announces, after.kind) {
        // The title of a code block.
        (true, SentenceKind::Prose) if is_code_title(passage, place + 1) => Some(place + 2),
        (true, _) => Some(place + 1),
        (false, SentenceKind::Prose) if is_one_paragraph(passage, place) => Some(place + 1),
        (false, _) => None,
    }
}

/// Whether the sentence at `place` is the title of the code block behind it: no end mark, code next.
fn is_code_title(passage: &Passage, place: usize) -> bool {
    let (Some(title), Some(next)) = (passage.sentences.get(place), passage.sentences.get(place + 1)) else {
        return false;
    };
    title.kind == SentenceKind::Prose
        && next.kind == SentenceKind::Code
        && !text_of(passage, title).trim_end().ends_with(['.', ':', '!', '?', '。', '…', ')'])
}

/// Whether no blank line stands between a sentence and the next.
fn is_one_paragraph(passage: &Passage, place: usize) -> bool {
    let (Some(one), Some(next)) = (passage.sentences.get(place), passage.sentences.get(place + 1)) else {
        return false;
    };
    !passage.content.get(one.end as usize..next.start as usize).unwrap_or("\n\n").contains("\n\n")
}

/// The place of the header row of the table that holds the row at `place`.
fn header_place(passage: &Passage, place: usize) -> Option<usize> {
    if passage.sentences.get(place)?.kind != SentenceKind::TableRow {
        return None;
    }
    let mut first = place;
    while first > 0
        && passage.sentences[first - 1].kind == SentenceKind::TableRow
        && is_one_paragraph(passage, first - 1)
    {
        first -= 1;
    }
    Some(first)
}

fn position(candidates: &[Candidate<'_>], (passage, place): (usize, usize)) -> Option<usize> {
    candidates.iter().position(|candidate| (candidate.passage, candidate.place) == (passage, place))
}

fn overlap(one: &HashSet<Term>, other: &HashSet<Term>) -> f32 {
    let smaller = one.len().min(other.len());
    if smaller == 0 { 0.0 } else { one.intersection(other).count() as f32 / smaller as f32 }
}

fn extracts(chosen: &[Candidate<'_>], passages: &[Passage]) -> Vec<Extract> {
    let mut extracts: Vec<Extract> = Vec::new();
    let mut previous: Option<(&Candidate<'_>, bool)> = None;
    for candidate in chosen {
        let passage = &passages[candidate.passage];
        let text = text_of(passage, candidate.sentence).trim();
        let (markdown, block) = match candidate.sentence.kind {
            SentenceKind::Code if text.lines().count() > CODE_LINES => continue,
            SentenceKind::Code => (text.to_owned(), true),
            SentenceKind::ListItem => (list_item(text), true),
            SentenceKind::TableRow => (row(passage, candidate.place), true),
            SentenceKind::Prose => (markdown_text(text), false),
        };
        let joint = match previous {
            None => "",
            Some((before, before_block)) => {
                let tight_list = block
                    && before_block
                    && candidate.sentence.kind != SentenceKind::Code
                    && before.sentence.kind != SentenceKind::Code
                    && before.passage == candidate.passage;
                let same_flow = !block && !before_block && before.passage == candidate.passage;
                if tight_list {
                    "\n"
                } else if same_flow {
                    " "
                } else {
                    "\n\n"
                }
            }
        };
        let cite = candidate.sentence.kind != SentenceKind::Code;
        extracts.push(Extract { n: passage.n, text: markdown, cite, joint });
        previous = Some((candidate, block));
    }
    extracts
}

/// A list item keeps its marker; a sentence from inside a long item gets one.
fn list_item(text: &str) -> String {
    let (marker, rest) = match text.split_once(' ') {
        Some((marker, rest))
            if marker == "-" || marker.trim_end_matches(['.', ')']).parse::<u32>().is_ok() =>
        {
            (marker, rest)
        }
        _ => ("-", text),
    };
    format!("{marker} {}", markdown_text(rest))
}

/// A row as a list item: its first cell, then the others with their column's name.
fn row(passage: &Passage, place: usize) -> String {
    let header = header_place(passage, place).map(|header| cells(passage, header)).unwrap_or_default();
    let cells = cells(passage, place);
    let mut parts = cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
    let Some((_, first)) = parts.next() else {
        return "-".to_owned();
    };
    let others: Vec<String> = parts
        .map(|(column, cell)| match header.get(column).filter(|name| !name.is_empty()) {
            // With two columns the second says what the first is; its name adds nothing.
            Some(name) if header.len() > 2 => format!("{}: {}", markdown_text(name), markdown_text(cell)),
            _ => markdown_text(cell),
        })
        .collect();
    format!("- {}: {}", markdown_text(first), others.join("; ")).trim_end_matches(": ").to_owned()
}

fn cells(passage: &Passage, place: usize) -> Vec<&str> {
    let text = passage.sentences.get(place).map(|sentence| text_of(passage, sentence)).unwrap_or_default();
    text.trim().trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
}

#[cfg(test)]
mod tests;
