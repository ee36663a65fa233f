//! What vectors promise: unit length, the same whatever the threads, the processor and the company.

use encoder::{Encoder, Level, Role};

const TEXTS: [&str; 9] = [
    "How do I install the tool?",
    "Installation: download the archive and unpack it.",
    "The cat sat on the mat and looked at the rain.",
    "",
    "?",
    "🙂 émoji 中文",
    "a b",
    "[SEP] [CLS] [PAD]",
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen",
];

fn builtin() -> Encoder {
    Encoder::builtin().expect("the built-in weights are sound")
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[test]
fn rows_have_unit_length() {
    let vectors = builtin().encode(&TEXTS, Role::Passage, 2);
    assert_eq!(vectors.len(), TEXTS.len() * 384);
    for row in vectors.chunks_exact(384) {
        assert!((cosine(row, row) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn related_texts_are_closer_than_unrelated_ones() {
    let vectors = builtin().encode(&TEXTS, Role::Query, 1);
    let row = |i: usize| &vectors[i * 384..(i + 1) * 384];
    assert!(cosine(row(0), row(1)) > 0.4 && cosine(row(0), row(2)) < 0.2);
}

#[test]
fn vectors_do_not_depend_on_threads_company_or_earlier_calls() {
    let encoder = builtin();
    let long = "A long passage that fills the window of the model. ".repeat(60);
    let mut texts = TEXTS.to_vec();
    texts.extend([long.as_str(); 3]);
    let together = encoder.encode(&texts, Role::Passage, 3);
    assert_eq!(together, encoder.encode(&texts, Role::Passage, 1));
    for (text, row) in texts.iter().zip(together.chunks_exact(384)) {
        assert_eq!(encoder.encode(&[*text], Role::Passage, 1), row, "{text:?}");
        assert_eq!(encoder.encode(&[*text], Role::Passage, 4), row, "{text:?}");
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let long = "Each level sums whole numbers, so none may differ. ".repeat(12);
    let texts = [&TEXTS[..], &[long.as_str()]].concat();
    let expected = builtin().with_level(Level::Portable).encode(&texts, Role::Passage, 2);
    for level in Level::available() {
        assert_eq!(builtin().with_level(level).encode(&texts, Role::Passage, 2), expected, "{level:?}");
    }
}

#[test]
fn no_texts_give_no_vectors() {
    assert!(builtin().encode(&[], Role::Query, 4).is_empty());
    assert_eq!(builtin().encode(&["x"], Role::Query, 0).len(), 384);
}

/// The windows of a body of `words` words under a heading.
fn check_windows(words: usize, expected: usize) {
    let encoder = builtin();
    let body: String = (0..words).map(|i| format!("word{} number {i}.\n", i % 7)).collect();
    let windows = encoder.windows("Guide > Words", &body, Role::Passage);
    assert_eq!(windows.len(), expected);
    assert!(windows.iter().all(|window| encoder.count_tokens(window) <= encoder.max_tokens()));
    let parts =
        windows.iter().map(|window| window.strip_prefix("Guide > Words\n").expect("the heading is in front"));
    let words: Vec<&str> = parts.flat_map(str::split_whitespace).collect();
    assert_eq!(words, body.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn windows_cover_a_long_section_and_fit() {
    check_windows(0, 1);
    check_windows(10, 1);
    check_windows(60, 2);
    check_windows(400, 9);
}

#[test]
fn a_window_of_one_endless_word_is_given_all_the_same() {
    let encoder = builtin();
    let word = "x-".repeat(2000);
    assert_eq!(encoder.windows("", &word, Role::Query), [word.as_str()]);
    assert_eq!(encoder.windows("", "short and  plain", Role::Query), ["short and  plain"]);
}
