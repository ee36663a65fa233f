//! Which sentence of a passage supports what an answer says.

use std::collections::HashSet;

use corpus::{Sentence, SentenceKind, visible_cells, visible_text};
use search::{Term, analyze};

use super::Source;
use super::links::{Around, href, row_href, section_href};
use crate::retrieve::Passage;

/// Longest quote in characters; a longer sentence is cut at a word.
const LONGEST_QUOTE: usize = 400;

/// The source of a passage, quoting the sentence that fits `claim` best.
pub(super) fn source(passage: &Passage, claim: &str) -> Source {
    let sentence = best_sentence(passage, claim);
    let quote = sentence.map(|sentence| quote(passage, sentence)).unwrap_or_default();
    // The lines of a code block are no text that a link can select.
    let selectable =
        sentence.is_some_and(|sentence| sentence.kind != SentenceKind::Code && !quote.ends_with('…'));
    let heading = if passage.heading_path.is_empty() {
        passage.title.clone()
    } else {
        passage.heading_path.join(" > ")
    };
    Source {
        n: passage.n,
        file: passage.file.clone(),
        heading,
        similarity: (passage.similarity * 1000.0).round() / 1000.0,
        title: passage.title.clone(),
        url: passage.url.clone(),
        anchor: passage.anchor.clone(),
        href: match sentence.filter(|_| selectable) {
            Some(sentence) => link(passage, sentence, &quote),
            None => section_href(&passage.url, passage.anchor.as_deref()),
        },
        quote,
    }
}

/// The sentence of a passage that fits `claim` best, as a reader sees it, in one line; `None` when it is code.
pub(super) fn spoken(passage: &Passage, claim: &str) -> Option<String> {
    let sentence = best_sentence(passage, claim).filter(|sentence| sentence.kind != SentenceKind::Code)?;
    Some(quote(passage, sentence)).filter(|quote| !quote.is_empty())
}

/// The link that opens the page at this sentence.
fn link(passage: &Passage, sentence: &Sentence, quote: &str) -> String {
    let content = passage.content.as_str();
    let earlier = content.get(..sentence.start as usize).unwrap_or_default();
    let later = content.get(sentence.end as usize..).unwrap_or_default();
    let before = visible_text(earlier);
    let after = visible_text(later);
    let mut page_before = passage.page_before.clone();
    page_before.extend(before.split_whitespace().flat_map(|word| [word, " "]));
    // The words next to it must stand in one block, which is one line here, or the last cell of a row.
    let is_told = |line: &&str| !line.trim().is_empty();
    let row_before = earlier.lines().rfind(is_told).and_then(visible_cells);
    let last_cell = row_before.as_ref().and_then(|cells| cells.last()).map(String::as_str);
    let around = Around {
        page_before: &page_before,
        before: last_cell.or_else(|| before.lines().rfind(is_told)).unwrap_or_default(),
        after: after.lines().find(is_told).unwrap_or_default(),
    };
    if let Some(cells) = visible_cells(text_of(passage, sentence)) {
        return row_href(&passage.url, passage.anchor.as_deref(), &cells, around);
    }
    href(&passage.url, passage.anchor.as_deref(), quote, around)
}

/// The sources that `text` cites, each with the sentence that supports the first citing one best.
pub(super) fn cited_sources(text: &str, cited: &[usize], passages: &[Passage]) -> Vec<Source> {
    let claims = claims(text);
    cited
        .iter()
        .filter_map(|n| passages.iter().find(|passage| passage.n == *n))
        .map(|passage| {
            // The first claim is where a reader meets the citation first.
            let claim = claims.iter().find(|(_, markers)| markers.contains(&passage.n));
            source(passage, claim.map_or("", |(claim, _)| claim))
        })
        .collect()
}

/// Sentences of an answer with the numbers they cite. A marker belongs to the text before it.
fn claims(text: &str) -> Vec<(String, Vec<usize>)> {
    let mut claims: Vec<(String, Vec<usize>)> = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, after) = rest.split_at(open);
        let Some((number, tail)) = after[1..].split_once(']') else {
            break;
        };
        let Ok(n) = number.parse::<usize>() else {
            rest = &after[1..];
            continue;
        };
        let claim = before.trim();
        match claims.last_mut() {
            // [1][2]: the second marker cites for the same text.
            Some((_, markers)) if claim.is_empty() => markers.push(n),
            _ => {
                let last_sentence = claim.rsplit(['\n']).next().unwrap_or(claim);
                claims.push((last_sentence.to_owned(), vec![n]));
            }
        }
        rest = tail;
    }
    claims
}

/// The sentence that shares the most words with `claim`, weighted against its own length; the first of equals.
fn best_sentence<'a>(passage: &'a Passage, claim: &str) -> Option<&'a Sentence> {
    let wanted: HashSet<Term> = analyze(claim).into_iter().collect();
    let mut best: Option<(f32, &Sentence)> = None;
    for sentence in &passage.sentences {
        let text = text_of(passage, sentence);
        let words: HashSet<Term> = analyze(text).into_iter().collect();
        let shared = words.intersection(&wanted).count() as f32;
        let score = shared / (words.len() as f32 + 8.0).sqrt() * weight(sentence.kind);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, sentence));
        }
    }
    best.map(|(_, sentence)| sentence)
}

/// Prose explains; code and rows only when they clearly say more.
fn weight(kind: SentenceKind) -> f32 {
    match kind {
        SentenceKind::Prose | SentenceKind::ListItem => 1.0,
        SentenceKind::TableRow => 0.8,
        SentenceKind::Code => 0.4,
    }
}

/// The words of a sentence as they stand in `passage.content`.
pub(super) fn text_of<'a>(passage: &'a Passage, sentence: &Sentence) -> &'a str {
    passage.content.get(sentence.start as usize..sentence.end as usize).unwrap_or_default()
}

fn quote(passage: &Passage, sentence: &Sentence) -> String {
    let text = visible_text(text_of(passage, sentence));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST_QUOTE) {
        None => text,
        Some((end, _)) => {
            let cut = text[..end].rfind(' ').unwrap_or(end);
            format!("{}…", &text[..cut])
        }
    }
}

#[cfg(test)]
mod tests;
