//! Makes a follow-up stand on its own: with the words of the conversation, or written out by a model.

mod model;

use std::collections::HashSet;

use super::language::language;
use super::overview::{beside_the_page, whole};
use crate::conversations::Exchange;
use crate::retrieve::Query;
pub(super) use model::write_out;

/// Words that point back at what was said before.
const POINTERS: &[&str] = &[
    "it", "its", "it's", "they", "them", "their", "this", "that", "these", "those", "he", "she", "his",
    "her", "one", "ones", "same", "former", "latter", "above", "previous", "earlier", "there", "instead",
    "else", "other", "another",
];

/// Openings that carry on from what was said before.
const OPENINGS: &[&str] =
    &["and", "but", "or", "so", "then", "also", "what about", "how about", "why", "why not", "how so"];

/// A question of at most this many words leans on what came before when it points back or opens like it.
const SHORT: usize = 12;

/// At most this many words are no question of their own.
const FRAGMENT: usize = 2;

/// What is looked for when a reader asks `question`, anywhere in the book. `page` is the URL of the page that the reader
/// looks at: it is meant where the question names it ("this page"), or points at something that nobody has named.
pub fn query(question: &str, history: &[Exchange], page: Option<&str>) -> Query {
    // What stands behind the path is not what the page is.
    let page =
        page.map(|page| page.split(['?', '#']).next().unwrap_or_default()).filter(|page| !page.is_empty());
    if let Some(whole) = whole(question, history, page) {
        return Query { text: question.to_owned(), whole: Some(whole), ..Query::default() };
    }
    let page = page.map(str::to_owned);
    if let Some(text) = beside_the_page(question).filter(|_| page.is_some()) {
        return Query { text: stand_alone(&text, history), page, ..Query::default() };
    }
    let leans = leans_back(question);
    let page = page.filter(|_| history.is_empty() && leans);
    let earlier = history.last().filter(|_| leans).and_then(|last| last.page.clone());
    Query { text: stand_alone(question, history), page, earlier, ..Query::default() }
}

/// The question as it would be asked first in a conversation.
///
/// A follow-up ("and in version 2?", "how do I install it?") gets the words of the questions it leans on
/// behind it, nearest first; a question that stands alone is returned as it is. Retrieval weighs words by
/// how rare they are, so order and repetition do not matter.
pub fn stand_alone(question: &str, history: &[Exchange]) -> String {
    if history.is_empty() || !leans_back(question) {
        return question.to_owned();
    }
    let mut text = question.trim().to_owned();
    let mut seen: HashSet<String> = words(question).collect();
    // Follow-ups of follow-ups: go back to the question that stood alone.
    for exchange in history.iter().rev() {
        for word in exchange.question.split_whitespace() {
            let bare = bare(word);
            if !bare.is_empty() && !POINTERS.contains(&bare.as_str()) && seen.insert(bare) {
                text.push(' ');
                text.push_str(word.trim_end_matches(['?', '.', '!', ',']));
            }
        }
        if !leans_back(&exchange.question) {
            break;
        }
    }
    text
}

/// Whether a question may mean something that only the conversation says, in whatever language. A model knows more
/// languages than [`stand_alone`].
pub(super) fn may_lean_back(question: &str) -> bool {
    let short = words(question).count() <= SHORT;
    leans_back(question) || (short && language(question) != Some("en"))
}

fn leans_back(question: &str) -> bool {
    let words: Vec<String> = words(question).collect();
    let lowered = question.trim().to_lowercase();
    let opens = OPENINGS.iter().any(|opening| {
        lowered.strip_prefix(opening).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',', '?']))
    });
    let points = words.iter().any(|word| POINTERS.contains(&word.as_str()));
    words.len() <= FRAGMENT || (words.len() <= SHORT && (opens || points))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(bare).filter(|word| !word.is_empty())
}

fn bare(word: &str) -> String {
    word.trim_matches(|character: char| !character.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests;
