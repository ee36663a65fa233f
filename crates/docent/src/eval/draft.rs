//! Drafts a question set from a book's headings, for its author to correct.

use std::fmt::Write as _;
use std::path::Path;

use corpus::Page;
use serde_json::json;

use super::corpus::id_of;
use super::{EvalError, Subject};

/// A section with fewer characters than this answers nothing.
const LEAST_TEXT: usize = 40;

/// Questions that hardly any book answers, so that a draft measures refusal as well.
const FOREIGN: [&str; 6] = [
    "What is the capital of Australia?",
    "How do I treat a sprained ankle?",
    "Who won the football World Cup in 2022?",
    "Give me a recipe for sourdough bread.",
    "How do I connect LDAP or Active Directory?",
    "What does the Enterprise plan cost per seat?",
];

const README: &str = "# Questions about this book

A draft by `docent eval init`: one question a section, made from its heading. Correct it: put questions into readers' words,
drop those that nobody asks, add those that readers ask, and add near misses, plausible questions that the book does not
answer.

- `queries.jsonl`: `id`, `text`, `answerable`, `style` (`direct`, `paraphrase` or `out-of-scope`), and optionally `answers`,
  texts of which an answer must contain one.
- `qrels.tsv`: question, place (`path#anchor`), grade: 2 the main place, 1 also fine.
";

/// Writes a set of about `limit` questions into `directory` and returns how many it holds.
///
/// # Errors
/// When the book cannot be read, or `directory` holds a set already.
pub fn draft(book: Subject<'_>, directory: &Path, limit: usize) -> Result<usize, EvalError> {
    if directory.join("queries.jsonl").exists() {
        return Err(EvalError::SetExists(directory.display().to_string()));
    }
    let pages = book.pages()?;
    let candidates: Vec<(String, String)> = pages.iter().flat_map(asked_of).collect();
    let wanted = limit.min(candidates.len());
    let mut queries = String::new();
    let mut judgements = "query-id\tcorpus-id\tgrade\n".to_owned();
    let mut written = 0;
    for number in 0..wanted {
        // Evenly over the book.
        let (place, text) = &candidates[number * candidates.len() / wanted];
        written += 1;
        let line =
            json!({"id": format!("q{written:03}"), "text": text, "answerable": true, "style": "direct"});
        let _ = writeln!(queries, "{line}");
        let _ = writeln!(judgements, "q{written:03}\t{place}\t2");
    }
    for text in FOREIGN {
        written += 1;
        let line = json!({"id": format!("q{written:03}"), "text": text, "answerable": false, "style": "out-of-scope"});
        let _ = writeln!(queries, "{line}");
    }
    fs_err::create_dir_all(directory)?;
    for (name, text) in [("queries.jsonl", &*queries), ("qrels.tsv", &judgements), ("README.md", README)] {
        fs_err::write(directory.join(name), text)?;
    }
    Ok(written)
}

/// A question for each section that says something: its heading, or what it says about it.
fn asked_of(page: &Page) -> Vec<(String, String)> {
    let sections =
        page.sections.iter().filter(|section| section.depth <= 3 && section.text().len() >= LEAST_TEXT);
    sections
        .filter_map(|section| {
            let place = id_of(&page.file, section.anchor.as_deref());
            let heading = section.heading_path.last().map_or(page.title.as_str(), String::as_str).trim();
            if heading.is_empty() || place.contains('\t') {
                return None;
            }
            let text = if heading.ends_with('?') {
                heading.to_owned()
            } else if heading == page.title {
                format!("What does the book say about {heading}?")
            } else {
                format!("What does the book say about {heading} in {}?", page.title)
            };
            Some((place, text))
        })
        .collect()
}
