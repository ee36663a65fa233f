//! The built-in vocabulary as a list of common English words: what stands in it whole is a word, not a slip of the
//! finger. About 20,000 words of four letters and more; asking needs no encoder and touches no weights.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::weights::Weights;

static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let tokens = Weights::builtin_vocabulary().unwrap_or_default().split(|byte| *byte == b'\n');
    tokens
        .filter_map(|token| std::str::from_utf8(token).ok())
        .filter(|token| !token.starts_with("##"))
        .collect()
});

/// Endings of forms that are words when what they are added to is one.
const ENDINGS: [&str; 9] = ["s", "es", "d", "ed", "ing", "r", "er", "ers", "ly"];

/// Shorter stems are no proof: `thing` is no form of `th`.
const LEAST_STEM: usize = 4;

/// Whether `word`, in lower case, is a common word of English or a regular form of one: `quits`, `splitter`,
/// `scraping`. The first call reads the list, some 2 ms.
pub fn is_word(word: &str) -> bool {
    let is_form = |ending: &&str| {
        let stem = word.strip_suffix(*ending).filter(|stem| stem.len() >= LEAST_STEM && stem.is_ascii());
        stem.is_some_and(|stem| {
            let (bytes, last) = (stem.as_bytes(), stem.len() - 1);
            WORDS.contains(stem)
                || (bytes[last] == bytes[last - 1] && WORDS.contains(&stem[..last]))
                || (*ending == "ing" && WORDS.contains(format!("{stem}e").as_str()))
        })
    };
    WORDS.contains(word) || ENDINGS.iter().any(is_form)
}

#[cfg(test)]
mod tests {
    use super::{WORDS, is_word};

    #[test]
    fn common_words_are_known_and_slips_are_not() {
        for word in
            ["configuration", "quickly", "knob", "berlin", "quits", "splitter", "scraping", "tallying"]
        {
            assert!(is_word(word), "{word}");
        }
        for word in ["configuraiton", "quikcly", "runnning", "Configuration", "##ing", "", "ééééing"] {
            assert!(!is_word(word), "{word}");
        }
        assert!(WORDS.len() > 20_000);
    }
}
