//! Questions that could come next, taken from headings near the answer.

use crate::retrieve::Passage;

/// Suggestions at most.
const LIMIT: usize = 3;

/// Headings of considered sections that were not cited, as questions. Headings that already ask stay as they are.
pub(super) fn suggestions(question: &str, cited: &[usize], passages: &[Passage]) -> Vec<String> {
    let mut suggestions: Vec<String> = Vec::new();
    let asked = question.to_lowercase();
    for passage in passages.iter().filter(|passage| !cited.contains(&passage.n)) {
        let Some(heading) = passage.heading_path.last() else {
            continue;
        };
        let suggestion =
            if heading.ends_with('?') { heading.clone() } else { format!("{}: {heading}", passage.title) };
        if !asked.contains(&heading.to_lowercase()) && !suggestions.contains(&suggestion) {
            suggestions.push(suggestion);
        }
        if suggestions.len() == LIMIT {
            break;
        }
    }
    suggestions
}

/// After an account of the whole: its first parts, by page and section. The one that the account begins with is known.
pub(super) fn parts(passages: &[Passage]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for passage in passages.iter().skip(1) {
        let part = match passage.heading_path.last() {
            Some(heading) if heading.ends_with('?') => heading.clone(),
            Some(heading) => format!("{}: {heading}", passage.title),
            None => passage.title.clone(),
        };
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.truncate(LIMIT);
    parts
}
