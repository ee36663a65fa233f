//! The sentences of an answer and what each cites.

/// A sentence of an answer and the passages it cites.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) cited: Vec<usize>,
}

/// The sentences of an answer outside code, each with the markers that follow it. A marker speaks for all that was said
/// on its line since the marker before.
pub(super) fn statements(answer: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut in_code = false;
    for line in answer.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        // A heading claims nothing, and a row of a table is no sentence.
        if in_code || line.trim_start().starts_with(['#', '|']) {
            continue;
        }
        let mut open = statements.len();
        let mut rest = without_number(line);
        let mut fresh = true;
        while !rest.is_empty() {
            let (before, marker, after) = split_at_marker(rest);
            if !before.trim().is_empty() {
                if !fresh {
                    open = statements.len();
                }
                statements.extend(sentences(before).map(|text| Statement { text, cited: Vec::new() }));
                fresh = true;
            }
            if let Some(marker) = marker {
                statements[open..].iter_mut().for_each(|statement| statement.cited.push(marker));
                fresh = false;
            }
            rest = after;
        }
    }
    statements
}

/// A line without the number of its list item: `2. ` or `2) `.
fn without_number(line: &str) -> &str {
    let text = line.trim_start();
    let behind = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let item = behind.strip_prefix(['.', ')']).filter(|item| item.starts_with(' '));
    item.filter(|_| (1..=2).contains(&(text.len() - behind.len()))).unwrap_or(line)
}

/// What stands before the first marker `[n]`, its number, and what stands behind it.
fn split_at_marker(text: &str) -> (&str, Option<usize>, &str) {
    for (open, _) in text.match_indices('[') {
        let Some((number, after)) = text[open + 1..].split_once(']') else {
            break;
        };
        if let Ok(number) = number.parse() {
            return (&text[..open], Some(number), after);
        }
    }
    (text, None, "")
}

/// Cuts behind an end mark that white space follows, and takes list markers off.
fn sentences(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = text.trim_start_matches(|character: char| " -*|>".contains(character));
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest
                .char_indices()
                .find(|(place, character)| {
                    let behind = &rest[place + character.len_utf8()..];
                    matches!(character, '.' | '!' | '?') && behind.starts_with(char::is_whitespace)
                        || matches!(character, '。' | '！' | '？')
                })
                .map_or(rest.len(), |(place, character)| place + character.len_utf8());
            let (sentence, behind) = rest.split_at(end);
            rest = behind.trim_start();
            // What is left of an end mark behind the marker.
            if sentence.chars().any(char::is_alphanumeric) {
                return Some(sentence.trim().to_owned());
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn a_marker_speaks_for_all_before_it() {
        let found = statements("- One is here. Two is there [1][2]. Three is free.\n4) Four [3].");
        let shown: Vec<String> =
            found.iter().map(|statement| format!("{} {:?}", statement.text, statement.cited)).collect();
        assert_eq!(shown, ["One is here. [1, 2]", "Two is there [1, 2]", "Three is free. []", "Four [3]"]);
    }
}
