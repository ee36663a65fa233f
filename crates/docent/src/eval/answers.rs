//! What answers are worth: whether they hold the known one, cite what exists, and say what their sources say.

use std::time::Duration;

use super::scores::AnswerDetail;
use super::set::SetQuery;
use crate::answer::{AnswerCache, AnswerEvent, Answerer, Generator, Outcome, Question, answer, language};
use crate::retrieve::{Embedder, PassageLimits, Retriever};

/// Longest answer of a model.
const MAX_ANSWER_TOKENS: u32 = 1024;

/// Someone who answers the questions of a set.
pub(super) fn answerer(retriever: &Retriever, embedder: &Embedder, generator: &Generator) -> Answerer {
    Answerer {
        book: String::new(),
        retriever: retriever.clone(),
        embedder: embedder.clone(),
        generator: generator.clone(),
        limits: PassageLimits::default(),
        max_answer_tokens: MAX_ANSWER_TOKENS,
        timeout: Duration::from_secs(60),
        // Each question is asked once.
        cache: AnswerCache::new(0),
        writes_out: true,
    }
}

/// Asks as a reader would and looks at what comes back.
pub(super) async fn judged(answerer: &Answerer, query: &SetQuery) -> AnswerDetail {
    let mut events =
        answer(answerer, Question { text: query.asked_first().to_owned(), ..Question::default() });
    let mut detail = AnswerDetail {
        text: String::new(),
        holds_known: None,
        markers: 0,
        valid_markers: 0,
        sentences: 0,
        unsupported: 0,
        same_language: None,
        tokens: (0, 0),
    };
    let mut answered = false;
    while let Some(event) = events.next().await {
        match event {
            AnswerEvent::Delta(piece) => detail.text.push_str(&piece),
            AnswerEvent::End(ending) => {
                let markers = markers(&detail.text);
                detail.markers = markers.len();
                let is_known = |n: &&usize| ending.sources.iter().any(|source| source.n == **n);
                detail.valid_markers = markers.iter().filter(is_known).count();
                detail.sentences = ending.support.sentences;
                detail.unsupported = ending.support.unsupported.len();
                answered = ending.outcome == Outcome::Answered;
                detail.tokens = (ending.usage.prompt_tokens, ending.usage.answer_tokens);
            }
            AnswerEvent::Sources(_) | AnswerEvent::Notice(_) => {}
        }
    }
    if !query.answers.is_empty() {
        let text = plain(&detail.text);
        // What a refusal quotes is no answer.
        detail.holds_known =
            Some(answered && query.answers.iter().any(|answer| text.contains(&plain(answer))));
    }
    detail.same_language = match (language(&query.text), language(&detail.text)) {
        (Some(asked), Some(answered)) => Some(asked == answered),
        _ => None,
    };
    detail
}

/// The numbers of all markers `[n]` outside code.
fn markers(text: &str) -> Vec<usize> {
    // Code stands between an odd and an even run of backticks; of three or one makes no difference here.
    let prose: String = text.split('`').step_by(2).collect();
    let inside = prose.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    inside.filter_map(|(number, _)| number.parse().ok()).collect()
}

/// Letters and digits only, in lower case: markup and punctuation do not make an answer wrong.
fn plain(text: &str) -> String {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_numbers_in_brackets() {
        assert_eq!(markers("One [1][2], see [note] and [3 sic, [4]."), [1, 2, 4]);
        assert_eq!(markers("Take `list[7]` of\n```\nx[8]\n```\nas said [1]."), [1]);
    }
}
