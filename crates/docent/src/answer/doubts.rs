//! What a reader is told when sentences of an answer stand in no passage. The text has been shown by then.

use super::{Notice, NoticeCode, Support};

/// Sentences that are named; of more, only the number is told.
const NAMED: usize = 3;

/// Longest piece of a sentence that is repeated, in characters.
const LONGEST: usize = 160;

/// The notice about what no passage supports; `None` when there is nothing of it.
pub(super) fn doubts(support: &Support) -> Option<Notice> {
    if support.unsupported.is_empty() {
        return None;
    }
    if support.is_mostly_missing() {
        let message = "Most of this answer was not found in the passages that it cites. Please check it against the book.";
        return Some(Notice { code: NoticeCode::AnswerUnsupported, message: message.into() });
    }
    let named: Vec<String> =
        support.unsupported.iter().take(NAMED).map(|sentence| format!("“{}”", cut(sentence))).collect();
    let more = match support.unsupported.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!("Please check this; it was not found in the passages: {}{more}", named.join(" "));
    Some(Notice { code: NoticeCode::SentencesUnsupported, message })
}

fn cut(sentence: &str) -> String {
    match sentence.char_indices().nth(LONGEST) {
        None => sentence.to_owned(),
        Some((end, _)) => format!("{}…", &sentence[..sentence[..end].rfind(' ').unwrap_or(end)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_found_is_named() {
        let long = "word ".repeat(50);
        let told = |sentences, unsupported: &[&str]| {
            let unsupported = unsupported.iter().map(|&sentence| sentence.to_owned()).collect();
            doubts(&Support { sentences, unsupported }).map(|notice| (notice.code, notice.message))
        };
        assert_eq!(told(4, &[]), None);
        let (code, message) = told(4, &["It has 900."]).expect("a notice");
        assert_eq!(code, NoticeCode::SentencesUnsupported);
        assert_eq!(message, "Please check this; it was not found in the passages: “It has 900.”");
        let (_, message) = told(9, &["A.", &long, "B.", "C."]).expect("a notice");
        assert!(message.ends_with("word…” “B.” and 1 more"), "{message}");
        assert_eq!(told(1, &["A."]).map(|(code, _)| code), Some(NoticeCode::AnswerUnsupported));
    }
}
