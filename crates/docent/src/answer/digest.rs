//! What the parts of a book or a page begin with, one sentence each: the answer to "What is this about?" without a model.

use corpus::{Sentence, SentenceKind};

use super::extractive::Extract;
use super::links::markdown_text;
use super::support::text_of;
use crate::retrieve::Passage;

/// Sentences of the first part, which says what the whole is.
const LEAD: usize = 2;

/// Other parts that are named.
const PARTS: usize = 8;

/// A sentence with fewer words says nothing on its own.
const LEAST_WORDS: usize = 4;

/// The first passage's opening, then a list of the other parts: each by its title and the sentence that it begins with, or by
/// its title alone. Empty when no passage begins with a sentence.
pub(super) fn digest(passages: &[Passage]) -> Vec<Extract> {
    let Some(place) = passages.iter().position(|passage| !openings(passage).is_empty()) else {
        return Vec::new();
    };
    let first = &passages[place];
    let of_lead = |(place, text): (usize, String)| {
        let joint = if place == 0 { "" } else { " " };
        Extract { n: first.n, text, cite: true, joint }
    };
    let mut extracts: Vec<Extract> = openings(first).into_iter().enumerate().map(of_lead).collect();
    let mut named: Vec<&str> = vec![name(first, first)];
    for passage in &passages[place + 1..] {
        let name = name(passage, first);
        if named.len() > PARTS {
            break;
        }
        if named.contains(&name) {
            continue;
        }
        let joint = if named.len() == 1 { "\n\n" } else { "\n" };
        named.push(name);
        let text = match openings(passage).first() {
            Some(opening) => format!("- {}: {opening}", markdown_text(name)),
            None => format!("- {}", markdown_text(name)),
        };
        extracts.push(Extract { n: passage.n, text, cite: true, joint });
    }
    extracts
}

/// What a part is called beside the first one: its page, or, on the same page, its section.
fn name<'a>(passage: &'a Passage, first: &Passage) -> &'a str {
    let is_same_page = passage.url == first.url;
    passage.heading_path.last().filter(|_| is_same_page).unwrap_or(&passage.title)
}

/// The sentences that a passage begins with, as Markdown: whole ones of its text, or, where it has none, of its lists.
fn openings(passage: &Passage) -> Vec<String> {
    let of = |kind: SentenceKind| {
        let speaks = move |sentence: &&Sentence| {
            let text = text_of(passage, sentence).trim();
            sentence.kind == kind
                && text.split_whitespace().count() >= LEAST_WORDS
                && !text.ends_with(':')
                && !text.starts_with(char::is_lowercase)
                && !text.starts_with("Note:")
        };
        let told = passage.sentences.iter().filter(speaks);
        told.map(|sentence| markdown_text(text_of(passage, sentence).trim().trim_start_matches("- ")))
    };
    let prose: Vec<String> = of(SentenceKind::Prose).take(LEAD).collect();
    if prose.is_empty() { of(SentenceKind::ListItem).take(1).collect() } else { prose }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::testing;

    fn check(page: &str, expected: &str) {
        let extracts = digest(&testing::passages(page));
        let shown: Vec<String> = extracts
            .iter()
            .map(|extract| format!("{}{} [{}]", extract.joint, extract.text, extract.n))
            .collect();
        assert_eq!(shown.concat(), expected);
    }

    /// Long enough to be a chunk of its own.
    fn filled(text: &str) -> String {
        format!(
            "{text}\n\n{}",
            "Motors turn electric power into motion, and sensors tell how far it went. ".repeat(12)
        )
    }

    #[test]
    fn the_opening_comes_first_and_then_each_part_by_its_name() {
        let sections = ["Every joint has a motor.", "`Torque` is what a joint must hold."].map(filled);
        let page = format!(
            "# Robots\n\n{}\n\n## Motors\n\n{}\n\n## Torque\n\n{}",
            filled("Robots have joints and sensors. Joints move them about. Sensors see."),
            sections[0],
            sections[1]
        );
        check(
            &page,
            "Robots have joints and sensors. [1] Joints move them about. [1]\n\n\
             - Motors: Every joint has a motor. [2]\n- Torque: `Torque` is what a joint must hold. [3]",
        );
    }

    #[test]
    fn what_announces_or_is_too_short_is_no_opening() {
        check(
            "# Robots\n\nThe parts are:\n\nMotors.\n\nA robot has joints and sensors.",
            "A robot has joints and sensors. [1]",
        );
        check("# Robots\n\n- A robot has some joints\n- and it has a sensor", "A robot has some joints [1]");
        check("# Robots\n\n```sh\nrun the robot now please\n```", "");
    }
}
