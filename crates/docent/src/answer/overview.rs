//! Questions about the book or the page as a whole: "What is this book about?", "Summarise this page", "Where should I
//! start?". No passage holds their words, and every reader asks them first.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::conversations::Exchange;
use crate::retrieve::Whole;

/// What a word says in such a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    /// The book.
    Book,
    /// A part of it that is a page of its own.
    Page,
    /// This one: what a reader points at.
    This,
    /// Asks for a short account of what is read now.
    Summary,
    /// Asks for a short account of all of it.
    Overview,
    /// Asks what it deals with.
    About,
    /// Asks what it consists of.
    Parts,
    /// Asks for the beginning.
    Start,
    /// Asks for a place or a way.
    Way,
    /// Stands for something that was named before.
    Pointer,
    /// Says nothing by itself.
    Filler,
}

/// The words of such questions by language and role, one line each: `role: word word …`. A language without spaces is read
/// as pieces, longest first.
const WORDS: &str = include_str!("overview/words.txt");

/// Words that make a question about the whole, in a language with spaces and without.
struct Table {
    words: Vec<(&'static str, Role)>,
    pieces: Vec<(&'static str, Role)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let lines = WORDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once(": ")).flat_map(|(role, words)| {
        let role = role_named(role);
        words.split_whitespace().filter_map(move |word| Some((word, role?)))
    });
    let (mut pieces, words): (Vec<_>, Vec<_>) =
        entries.partition(|(word, _)| word.chars().any(has_no_spaces));
    pieces.sort_by_key(|(piece, _)| std::cmp::Reverse(piece.len()));
    Table { words, pieces }
});

fn role_named(name: &str) -> Option<Role> {
    Some(match name {
        "book" => Role::Book,
        "page" => Role::Page,
        "this" => Role::This,
        "summary" => Role::Summary,
        "overview" => Role::Overview,
        "about" => Role::About,
        "parts" => Role::Parts,
        "start" => Role::Start,
        "way" => Role::Way,
        "pointer" => Role::Pointer,
        "filler" => Role::Filler,
        _ => return None,
    })
}

/// What a question asks for as a whole, if all of its words do nothing else. `page` is the URL of the page that the reader
/// looks at. In the middle of a conversation the book or the page must be named: a bare "summary" means what was said.
pub(super) fn whole(question: &str, history: &[Exchange], page: Option<&str>) -> Option<Whole> {
    let roles = roles(question)?;
    let has = |role: Role| roles.contains(&role);
    let this_page = || page.map(|page| Whole::Page(page.to_owned()));
    if has(Role::Page) && (has(Role::This) || has(Role::Summary) || has(Role::About)) {
        return this_page();
    }
    let starts = has(Role::Start) && has(Role::Way) && !has(Role::Pointer);
    if has(Role::Book) {
        return Some(if starts { Whole::Beginning } else { Whole::Book });
    }
    if !history.is_empty() {
        return None;
    }
    if has(Role::Summary) || (has(Role::About) && has(Role::This)) {
        return this_page().or(Some(Whole::Book));
    }
    if starts && !has(Role::This) {
        return Some(Whole::Beginning);
    }
    let lists = has(Role::Parts) && !has(Role::Page) && !has(Role::Start);
    (has(Role::Overview) || lists || (has(Role::About) && has(Role::Pointer))).then_some(Whole::Book)
}

/// The question without the words that name the page which the reader looks at, when it says more than that: "What does
/// this page say about quotes?".
pub(super) fn beside_the_page(question: &str) -> Option<String> {
    let words: Vec<&str> = question.split_whitespace().collect();
    let role = |word: &str| role_of(&bare(word));
    let named =
        |pair: &[&str]| matches!((role(pair[0]), role(pair[1])), (Some(Role::This), Some(Role::Page)));
    if let Some(at) = words.windows(2).position(named) {
        return Some([&words[..at], &words[at + 2..]].concat().join(" "));
    }
    let of =
        |wanted: Role| TABLE.pieces.iter().filter(move |(_, role)| *role == wanted).map(|(piece, _)| *piece);
    of(Role::This).flat_map(|this| of(Role::Page).map(move |page| format!("{this}{page}"))).find_map(
        |named| {
            let (before, after) = question.split_once(&named)?;
            Some(format!("{before} {after}"))
        },
    )
}

/// The roles of all words; `None` when one has none, or there is none.
fn roles(question: &str) -> Option<HashSet<Role>> {
    let mut roles = HashSet::new();
    for word in question.split(|character: char| !(character.is_alphanumeric() || "'’".contains(character)))
    {
        let word = bare(word);
        if word.is_empty() {
            continue;
        }
        match role_of(&word) {
            Some(role) => drop(roles.insert(role)),
            None => roles.extend(pieces(&word)?),
        }
    }
    Some(roles).filter(|roles| !roles.is_empty())
}

fn role_of(word: &str) -> Option<Role> {
    TABLE.words.iter().find(|(known, _)| *known == word).map(|(_, role)| *role)
}

/// The roles of the pieces that make up a text without spaces; `None` when they do not make up all of it.
fn pieces(mut text: &str) -> Option<Vec<Role>> {
    let mut roles = Vec::new();
    while !text.is_empty() {
        let (piece, role) = TABLE.pieces.iter().find(|(piece, _)| text.starts_with(piece))?;
        roles.push(*role);
        text = &text[piece.len()..];
    }
    Some(roles)
}

/// Whether a character belongs to a script that is written without spaces: Han, Hiragana, Katakana.
fn has_no_spaces(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

fn bare(word: &str) -> String {
    word.trim_matches(|character: char| !character.is_alphanumeric()).replace('’', "'").to_lowercase()
}

#[cfg(test)]
mod tests;
