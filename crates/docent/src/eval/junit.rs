//! A run as JUnit's XML, which build servers show: floors fail, missed questions are told as skipped.

use std::fmt::Write as _;

use super::report::escaped;
use super::scores::{Detail, Scores};

/// The file's text. `shortfalls` are the floors that were missed, one line each.
pub fn junit(scores: &Scores, details: &[Detail], shortfalls: &[String]) -> String {
    let missed: Vec<(&Detail, &'static str)> =
        details.iter().filter_map(|detail| Some((detail, miss(detail)?))).collect();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{} {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
        escaped(&scores.settings.set),
        escaped(&scores.settings.embedder),
        details.len() + shortfalls.len().max(1),
        shortfalls.len(),
        missed.len()
    );
    if shortfalls.is_empty() {
        xml.push_str("  <testcase classname=\"floors\" name=\"all\"/>\n");
    }
    for line in shortfalls {
        let name = line.split(' ').next().unwrap_or(line);
        let _ = writeln!(
            xml,
            "  <testcase classname=\"floors\" name=\"{}\"><failure message=\"{}\"/></testcase>",
            escaped(name),
            escaped(line)
        );
    }
    for detail in details {
        let name = escaped(&format!("{}: {}", detail.id, detail.text)).replace('\n', " ");
        let seconds = detail.milliseconds / 1000.0;
        let _ = match miss(detail) {
            None => {
                writeln!(xml, "  <testcase classname=\"questions\" name=\"{name}\" time=\"{seconds:.4}\"/>")
            }
            Some(why) => writeln!(
                xml,
                "  <testcase classname=\"questions\" name=\"{name}\" time=\"{seconds:.4}\"><skipped message=\"{why}\"/></testcase>"
            ),
        };
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// What went wrong with a question. One question is no reason to fail a build; the floors are.
fn miss(detail: &Detail) -> Option<&'static str> {
    match (detail.answerable, detail.refused) {
        (true, true) => Some("refused although the corpus answers it"),
        (false, false) => Some("answered although the corpus does not"),
        _ if detail.ranking.is_some_and(|ranking| ranking.recall_10 == 0.0) => {
            Some("nothing relevant among the first ten")
        }
        _ => None,
    }
}
