//! Which language a short text is in, told by its most frequent words.

use search::Index;

/// The most frequent words of some languages; none that is frequent in two of them.
const FREQUENT: [(&str, &[&str]); 6] = [
    ("en", &["the", "of", "and", "is", "what", "how", "which", "are", "with", "for", "that", "does", "can"]),
    (
        "de",
        &["der", "das", "und", "ist", "wie", "nicht", "mit", "für", "eine", "ein", "welche", "auf", "wird"],
    ),
    ("fr", &["le", "les", "est", "dans", "pour", "quel", "quelle", "une", "des", "avec", "sur", "qui"]),
    ("es", &["el", "los", "qué", "cómo", "para", "cuál", "las", "del", "está", "por", "con"]),
    ("it", &["il", "che", "di", "gli", "perché", "sono", "della", "nel", "quale", "questo", "è"]),
    ("pt", &["não", "uma", "são", "em", "os", "qual", "ao", "pelo", "dos", "você"]),
];

/// The language whose frequent words a text holds most of; `None` when it holds none, or equally many of two.
pub fn language(text: &str) -> Option<&'static str> {
    let words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let count = |frequent: &[&str]| words.iter().filter(|word| frequent.contains(&word.as_str())).count();
    let mut counts: Vec<(usize, &'static str)> =
        FREQUENT.iter().map(|(name, frequent)| (count(frequent), *name)).collect();
    counts.sort_by(|one, other| other.cmp(one));
    (counts[0].0 > counts[1].0).then_some(counts[0].1)
}

/// The language that a book was read in: the first part of its locale, English without one.
pub fn book_language(index: &Index) -> &str {
    let locale = index.metadata().facts.get("language").map_or("en", String::as_str);
    locale.split(['-', '_']).next().unwrap_or(locale)
}

#[cfg(test)]
mod tests {
    use super::language;

    #[test]
    fn a_language_is_told_by_its_frequent_words() {
        assert_eq!(language("How does the gearbox work?"), Some("en"));
        assert_eq!(language("Wie wird das Drehmoment gemessen?"), Some("de"));
        assert_eq!(language("Quelle est la tension?"), Some("fr"));
        assert_eq!(language("Torque?"), None);
    }
}
