//! Heading text to the fragment that the site's generator gives it. Docusaurus uses `github-slugger`,
//! mdBook its own rule; both number repeats, each in its own way.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// Characters above ASCII that `github-slugger` 1.5 keeps, as gap and length in base 36 ("gap+length").
///
/// Derived by asking its published expression about each code point; the set is that of Unicode 13's
/// alphabetic characters, marks, decimal digits and connector punctuation.
const KEPT: &str = include_str!("slug_ranges.txt");

/// Gives anchors to the headings of one file as Docusaurus does.
#[derive(Default)]
pub(crate) struct GithubSlugger {
    occurrences: HashMap<String, usize>,
}

impl GithubSlugger {
    /// The anchor of the next heading with this text.
    pub(crate) fn slug(&mut self, text: &str, maintain_case: bool) -> String {
        let base = github_slug(text, maintain_case);
        let mut slug = base.clone();
        while self.occurrences.contains_key(&slug) {
            let count = self.occurrences.entry(base.clone()).or_default();
            *count += 1;
            slug = format!("{base}-{count}");
        }
        self.occurrences.insert(slug.clone(), 0);
        slug
    }
}

/// `github-slugger` without its memory of repeats.
pub(crate) fn github_slug(text: &str, maintain_case: bool) -> String {
    let lower;
    let text = if maintain_case {
        text
    } else {
        lower = text.to_lowercase();
        &lower
    };
    text.chars()
        .filter(|&character| is_kept(character))
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}

fn is_kept(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || matches!(character, ' ' | '-' | '_');
    }
    static RANGES: OnceLock<Vec<(u32, u32)>> = OnceLock::new();
    let ranges = RANGES.get_or_init(kept_ranges);
    let code = u32::from(character);
    let after = ranges.partition_point(|&(first, _)| first <= code);
    after > 0 && ranges[after - 1].1 >= code
}

fn kept_ranges() -> Vec<(u32, u32)> {
    let mut end = 0;
    let number = |digits: &str| u32::from_str_radix(digits, 36).unwrap_or(0);
    KEPT.split_whitespace()
        .map(|range| {
            let (gap, length) = range.split_once('+').unwrap_or((range, "0"));
            let first = end + number(gap);
            end = first + number(length);
            (first, end)
        })
        .collect()
}

/// Gives ids to the headings of one chapter as mdBook 0.5 does.
#[derive(Default)]
pub(crate) struct MdBookSlugger {
    used: HashSet<String>,
    /// Where the search for a free number begins, so that ten thousand equal headings stay linear.
    next: HashMap<String, usize>,
}

impl MdBookSlugger {
    /// The id of the next heading with this text.
    pub(crate) fn slug(&mut self, text: &str) -> String {
        let base = mdbook_slug(text);
        if self.used.insert(base.clone()) {
            return base;
        }
        let next = self.next.entry(base.clone()).or_insert(1);
        loop {
            let candidate = format!("{base}-{next}");
            *next += 1;
            if self.used.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

fn mdbook_slug(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    lower
        .chars()
        .filter_map(|character| {
            if character.is_alphanumeric() || character == '_' || character == '-' {
                Some(character)
            } else {
                character.is_whitespace().then_some('-')
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{GithubSlugger, MdBookSlugger};

    fn github(headings: &[&str], expected: &[&str]) {
        let mut slugger = GithubSlugger::default();
        let slugs: Vec<String> = headings.iter().map(|text| slugger.slug(text, false)).collect();
        assert_eq!(slugs, expected);
    }

    #[test]
    fn docusaurus_anchors_of_a_real_build() {
        github(
            &["Hello, World!", "Hello, World!", "Hello, World!"],
            &["hello-world", "hello-world-1", "hello-world-2"],
        );
        github(&["Café déjà vu", "日本語 見出し"], &["café-déjà-vu", "日本語-見出し"]);
        github(&["C++ & C# — notes", "1. First step"], &["c--c--notes", "1-first-step"]);
        github(&["snake_case_name", "v1.2.3 (beta)"], &["snake_case_name", "v123-beta"]);
        github(&["Emoji :rocket: 🚀 here", "-dash-"], &["emoji-rocket--here", "-dash-"]);
        github(&["ALL   spaces   here", "<Tag> & more"], &["all---spaces---here", "tag--more"]);
    }

    #[test]
    fn a_repeat_skips_a_number_that_is_taken() {
        github(&["a", "a-1", "a", "a"], &["a", "a-1", "a-2", "a-3"]);
    }

    #[test]
    fn mdbook_ids_of_its_own_tests() {
        let mut slugger = MdBookSlugger::default();
        assert_eq!(slugger.slug("`--passes`: add more rustdoc passes"), "--passes-add-more-rustdoc-passes");
        assert_eq!(slugger.slug("Method-call 🐙 expressions \u{1f47c}"), "method-call--expressions-");
        assert_eq!(slugger.slug("中文標題 CJK title"), "中文標題-cjk-title");
        assert_eq!(slugger.slug("Über"), "über");
        assert_eq!(slugger.slug("Über"), "über-1");
    }

    #[test]
    fn ten_thousand_equal_headings_are_quick() {
        let (mut github, mut mdbook) = (GithubSlugger::default(), MdBookSlugger::default());
        for _ in 0..10_000 {
            github.slug("same", false);
            mdbook.slug("same");
        }
        assert_eq!(github.slug("same", false), "same-10000");
        assert_eq!(mdbook.slug("same"), "same-10000");
    }
}
