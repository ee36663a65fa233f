//! The answer that a double gives when nothing is scripted: one that looks grounded. It finds the passages in the prompt,
//! takes the one nearest to the question, and cites its best sentence. The same prompt gives the same answer.

use crate::embedding::words;

/// An answer to a prompt given as the texts of its turns, oldest first.
pub(crate) fn grounded(turns: &[String]) -> String {
    let Some(last) = turns.last() else { return "Hello.".to_owned() };
    let question = words(between(last, "<question>", "</question>").unwrap_or_else(|| last_line(last)));
    let overlap = |text: &str| {
        let found = words(text);
        question.iter().filter(|word| found.contains(word)).count()
    };
    // The first of equals is best: passages come in the order of their rank.
    let best = passages(last).into_iter().rev().max_by_key(|(_, text)| overlap(text));
    match best {
        Some((number, text)) => {
            let sentence =
                sentences(text).into_iter().rev().max_by_key(|sentence| overlap(sentence)).unwrap_or(text);
            format!(
                "According to the book: {sentence} [{number}].",
                sentence = sentence.trim_end_matches('.')
            )
        }
        None => format!("You said: {}", last_line(last)),
    }
}

/// Passages as `<passage n="1" …>…</passage>`, or as paragraphs that begin with `[1]`.
fn passages(text: &str) -> Vec<(u32, &str)> {
    let tagged = text.split("<passage ").skip(1).filter_map(|rest| {
        let (head, rest) = rest.split_once('>')?;
        let number = between(head, "n=\"", "\"")?.parse().ok()?;
        Some((number, rest.split("</passage>").next().unwrap_or(rest).trim()))
    });
    let tagged: Vec<(u32, &str)> = tagged.collect();
    if !tagged.is_empty() {
        return tagged;
    }
    text.split("\n\n")
        .filter_map(|paragraph| {
            let (number, rest) = paragraph.trim().strip_prefix('[')?.split_once(']')?;
            Some((number.parse().ok()?, rest.trim()))
        })
        .collect()
}

fn sentences(text: &str) -> Vec<&str> {
    text.split_inclusive(['.', '!', '?', '\n']).map(str::trim).filter(|sentence| sentence.len() > 3).collect()
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split(close).next().unwrap_or(rest).trim())
}

fn last_line(text: &str) -> &str {
    text.trim().lines().last().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, expected: &str) {
        assert_eq!(grounded(&[prompt.to_owned()]), expected, "{prompt}");
    }

    #[test]
    fn the_nearest_passage_is_cited() {
        check(
            "<passage n=\"1\" page=\"A\">\nMotors turn. They hum.\n</passage>\n\
             <passage n=\"2\" page=\"B\">\nWheels roll. Torque is measured in newton metres.\n</passage>\n\
             <question>\nHow is torque measured?\n</question>",
            "According to the book: Torque is measured in newton metres [2].",
        );
        check(
            "[1] Motors turn.\n\n[2] Wheels roll.\n\nWhat do wheels do?",
            "According to the book: Wheels roll [2].",
        );
    }

    #[test]
    fn without_passages_the_question_is_repeated() {
        check("Say hi", "You said: Say hi");
        assert_eq!(grounded(&[]), "Hello.");
    }
}
