//! Saying in plain words that the book does not answer a question.

use super::links::markdown_text;
use crate::retrieve::{Passage, Verdict};

/// How many pages a refusal names.
const NEAREST: usize = 3;

/// The refusal and the passages it points to, cited by number.
pub(super) fn refusal(verdict: Verdict, passages: &[Passage]) -> String {
    let (words, nearest) = match verdict {
        Verdict::OutOfScope => (
            "This question seems outside the scope of this book. I can only answer questions based on the book's content.",
            " If you meant something in the book, these places come nearest:\n",
        ),
        Verdict::Uncertain | Verdict::Answerable => {
            ("I couldn't find a passage in the book that answers this.", " These places come nearest:\n")
        }
    };
    let mut text = words.to_owned();
    if passages.is_empty() {
        return text;
    }
    text.push_str(nearest);
    for passage in passages.iter().take(NEAREST) {
        let place = passage.heading_path.last().filter(|heading| **heading != passage.title);
        let name = match place {
            Some(heading) => format!("{}: {}", passage.title, heading),
            None => passage.title.clone(),
        };
        text.push_str(&format!("\n- {} [{}]", markdown_text(&name), passage.n));
    }
    text
}
