//! The rules one by one. `tests/it` compares whole corpora with the reference.

use crate::Encoder;

/// Cuts `text` with the built-in vocabulary; ids as in the reference's `vocab.txt`, without begin and end.
fn check(text: &str, expected: &[u32]) {
    let encoder = Encoder::builtin().expect("the built-in weights are sound");
    let ids = encoder.token_ids(text, usize::MAX);
    assert_eq!(&ids[1..ids.len() - 1], expected, "{text:?}");
    assert_eq!((ids[0], ids[ids.len() - 1]), (101, 102));
    assert_eq!(encoder.count_tokens(text), ids.len());
}

#[test]
fn words_are_lowered_and_cut_into_longest_pieces() {
    check("Hello, WORLD!", &[7592, 1010, 2088, 999]);
    check("tokenization", &[19204, 3989]);
}

#[test]
fn accents_are_stripped() {
    check("Café", &[7668]);
    check("Cafe\u{301}", &[7668]);
}

#[test]
fn empty_and_blank_texts_have_only_begin_and_end() {
    check("", &[]);
    check(" \t\r\n\u{a0}\u{3000}", &[]);
}

#[test]
fn control_characters_vanish_without_cutting_a_word() {
    check("he\u{0}l\u{200b}l\u{fffd}o\u{ad}", &[7592]);
}

#[test]
fn each_ideograph_is_a_word() {
    check("中文", &[1746, 1861]);
}

#[test]
fn a_word_over_a_hundred_characters_is_unknown() {
    check(&"a".repeat(101), &[100]);
    check("🙂", &[100]);
}

#[test]
fn special_tokens_in_the_text_are_recognised_as_in_the_reference() {
    check("a [SEP]b [MASK", &[1037, 102, 1038, 1031, 7308]);
    check("[sep]", &[1031, 19802, 1033]);
}

#[test]
fn a_limit_cuts_the_end_and_keeps_the_end_mark() {
    let encoder = Encoder::builtin().expect("the built-in weights are sound");
    assert_eq!(encoder.token_ids("hello world hello world", 4), [101, 7592, 2088, 102]);
    assert_eq!(encoder.token_ids(&"tokenization ".repeat(1000), 256).len(), 256);
}
