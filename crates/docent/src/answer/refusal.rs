//! Saying in plain words that the book does not answer a question, or may not, and what comes nearest.

use super::links::markdown_text;
use super::support::spoken;
use crate::retrieve::{Passage, Verdict};

/// How many places a refusal names: the first passages.
pub(super) const NEAREST: usize = 3;

/// Said before the sentences of a marked text that come nearest.
pub(super) const UNCERTAIN_SELECTION: &str =
    "The marked text may not answer this. What comes nearest in it:\n\n";

/// Said of a marked text without a sentence that could be shown.
pub(super) const SILENT_SELECTION: &str = "The marked text does not answer this.";

/// The refusal and the first [`NEAREST`] of `passages`, cited by number. When the book may answer the question after
/// all, each says what comes nearest to what is `asked`.
pub(super) fn refusal(verdict: Verdict, asked: &str, passages: &[Passage]) -> String {
    let (words, nearest) = match verdict {
        Verdict::OutOfScope => (
            "This question seems outside the scope of this book. I can only answer questions based on the book's content.",
            " If you meant something in the book, these places come nearest:\n",
        ),
        Verdict::Uncertain | Verdict::Answerable => {
            ("The book may not answer this.", " These passages come nearest:\n")
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
        let quote = Some(passage).filter(|_| verdict != Verdict::OutOfScope);
        let quote = quote.and_then(|passage| spoken(passage, asked));
        let quote = quote.map(|quote| format!(": “{}”", markdown_text(&quote))).unwrap_or_default();
        text.push_str(&format!("\n- {}{quote} [{}]", markdown_text(&name), passage.n));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::testing::passages;

    const PAGE: &str = "# Motors\n\n## Torque\n\nThe motor turns. Its torque is *12* newton metres, see [1].\n\n## Example\n\n\
                        ```\nlet torque = 12;\n```\n";

    #[test]
    fn what_comes_nearest_is_quoted_when_the_book_may_answer() {
        assert_eq!(
            refusal(Verdict::Uncertain, "torque pump", &passages(PAGE)),
            "The book may not answer this. These passages come nearest:\n\n\
             - Motors: Torque: “Its torque is 12 newton metres, see \\[1\\].” [1]\n- Motors: Example [2]"
        );
    }

    #[test]
    fn what_is_foreign_gets_places_only() {
        let text = refusal(Verdict::OutOfScope, "torque pump", &passages(PAGE));
        assert!(text.ends_with(":\n\n- Motors: Torque [1]\n- Motors: Example [2]"), "{text}");
    }

    #[test]
    fn without_passages_nothing_is_promised() {
        assert_eq!(refusal(Verdict::Uncertain, "why", &[]), "The book may not answer this.");
    }
}
