//! Where sentences begin and end, in any script. A quote is a sentence, so a cut in the wrong place is seen
//! by the reader: when in doubt the text is left in one piece.

use std::ops::Range;

/// Words after which a full stop does not end a sentence, lower case, without their last stop.
const ABBREVIATIONS: [&str; 46] = [
    "e.g", "i.e", "etc", "vs", "cf", "viz", "ca", "approx", "incl", "excl", "resp", "fig", "figs", "eq",
    "eqs", "sec", "ch", "chap", "vol", "no", "nos", "pp", "ed", "eds", "al", "dr", "mr", "mrs", "ms", "prof",
    "st", "jr", "sr", "inc", "ltd", "co", "dept", "est", "min", "max", "z.b", "d.h", "u.a", "bzw", "p.ej",
    "usw",
];
/// Of these, the ones that often end a sentence: they do so before a capital letter.
const OFTEN_LAST: [&str; 8] = ["etc", "inc", "ltd", "co", "usw", "al", "no", "min"];

/// Cuts running text into sentences: ranges in bytes, in order, trimmed, together covering every visible
/// character.
///
/// A sentence ends after `.`, `!`, `?`, `…`, the full stops of CJK, Devanagari, Arabic, Armenian, Ethiopic,
/// Khmer and Burmese, and the quotes and brackets that close behind them, when white space follows (CJK needs
/// none). Not after abbreviations, initials and numbers such as `v1.2`, nor inside `inline code`. O(n).
pub(crate) fn split_sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut in_code: Option<usize> = None;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(character) = text[at..].chars().next() {
        let next = at + character.len_utf8();
        if character == '`' {
            let run = bytes[at..].iter().take_while(|&&byte| byte == b'`').count();
            in_code = match in_code {
                None if has_run(&text[at + run..], run) => Some(run),
                Some(open) if open == run => None,
                other => other,
            };
            at += run;
            continue;
        }
        at = next;
        if in_code.is_some() {
            continue;
        }
        let wide = is_wide_stop(character);
        if !wide && !is_stop(character) {
            continue;
        }
        let mut end = next;
        while let Some(after) =
            text[end..].chars().next().filter(|&c| is_stop(c) || is_wide_stop(c) || is_closing(c))
        {
            end += after.len_utf8();
        }
        let rest = &text[end..];
        let ends = rest.is_empty()
            || wide
            || (rest.starts_with(char::is_whitespace)
                && !(character == '.' && end == next && goes_on(&text[start..next - 1], rest)));
        at = end;
        if ends {
            push(&mut sentences, text, start..end);
            start = end;
        }
    }
    push(&mut sentences, text, start..text.len());
    sentences
}

fn push(sentences: &mut Vec<Range<usize>>, text: &str, range: Range<usize>) {
    let piece = &text[range.clone()];
    let trimmed = piece.trim();
    if !trimmed.is_empty() {
        let start = range.start + (piece.len() - piece.trim_start().len());
        sentences.push(start..start + trimmed.len());
    }
}

/// Inline code never spans far; an unpaired backtick is a sign.
fn has_run(text: &str, run: usize) -> bool {
    let mut end = text.len().min(1000);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut rest = &text[..end];
    while let Some(at) = rest.find('`') {
        let found = rest[at..].bytes().take_while(|&byte| byte == b'`').count();
        if found == run {
            return true;
        }
        rest = &rest[at + found..];
    }
    false
}

/// Whether the sentence goes on behind the full stop that follows `before`.
fn goes_on(before: &str, rest: &str) -> bool {
    let next = rest.trim_start().chars().next();
    if next.is_some_and(char::is_lowercase) {
        return true;
    }
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '“' | '*')).next();
    let word = word.unwrap_or_default();
    let mut letters = word.chars();
    // An initial: `J. Doe`. The pronoun `I` ends sentences more often than it starts names.
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_alphabetic()
        && letter.is_uppercase()
        && letter != 'I'
    {
        return next.is_some_and(char::is_uppercase);
    }
    let lower = word.to_lowercase();
    if OFTEN_LAST.contains(&lower.as_str()) {
        return !next.is_some_and(char::is_uppercase);
    }
    ABBREVIATIONS.contains(&lower.as_str())
}

fn is_stop(character: char) -> bool {
    matches!(
        character,
        '.' | '!'
            | '?'
            | '…'
            | '‽'
            | '।'
            | '॥'
            | '؟'
            | '۔'
            | '։'
            | '።'
            | '፧'
            | '។'
            | '៕'
            | '။'
            | '⁇'
            | '⁈'
            | '⁉'
    )
}

fn is_wide_stop(character: char) -> bool {
    matches!(character, '。' | '！' | '？' | '｡' | '．')
}

fn is_closing(character: char) -> bool {
    matches!(
        character,
        ')' | ']' | '"' | '\'' | '”' | '’' | '»' | '」' | '』' | '）' | '】' | '〉' | '》' | '*' | '_'
    )
}

#[cfg(test)]
mod tests {
    use super::split_sentences;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = split_sentences(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn full_stops_end_sentences() {
        check("One. Two! Three? Four", &["One.", "Two!", "Three?", "Four"]);
        check("He said “No.” Then left.", &["He said “No.”", "Then left."]);
        check("Wait... What?!", &["Wait...", "What?!"]);
        check("", &[]);
    }

    #[test]
    fn abbreviations_numbers_and_code_do_not() {
        check("Use a map, e.g. a B-tree. Done.", &["Use a map, e.g. a B-tree.", "Done."]);
        check("See Fig. 3 for v1.2.3 of it.", &["See Fig. 3 for v1.2.3 of it."]);
        check("Pi is 3.14. Good.", &["Pi is 3.14.", "Good."]);
        check("By J. Doe and K. Roe.", &["By J. Doe and K. Roe."]);
        check("Call `a. B()` now. Go.", &["Call `a. B()` now.", "Go."]);
        check("Nuts, bolts, etc. Then stop.", &["Nuts, bolts, etc.", "Then stop."]);
        check("Edit `main.rs. It", &["Edit `main.rs.", "It"]);
        check("Use node.js. and others", &["Use node.js. and others"]);
    }

    #[test]
    fn other_scripts_have_their_own_stops() {
        check("これは本です。あれも「本」です！", &["これは本です。", "あれも「本」です！"]);
        check("यह एक किताब है। वह भी।", &["यह एक किताब है।", "वह भी।"]);
        check("یہ کتاب ہے۔ وہ کیا ہے؟ اچھا", &["یہ کتاب ہے۔", "وہ کیا ہے؟", "اچھا"]);
    }

    #[test]
    fn every_visible_character_belongs_to_a_sentence() {
        let text = "  A.  B。C ` d. E” (f). \n G ";
        let joined: String =
            split_sentences(text).into_iter().map(|r| text[r].replace(char::is_whitespace, "")).collect();
        assert_eq!(joined, text.replace(char::is_whitespace, ""));
    }
}
