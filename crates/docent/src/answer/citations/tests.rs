use proptest::prelude::*;

use super::*;

/// What a reader sees of `text`, and the numbers that it cites, with three known passages.
fn filtered(text: &str) -> (String, Vec<usize>) {
    let mut filter = CitationFilter::new(3);
    let mut shown = filter.push(text);
    shown.push_str(&filter.finish());
    (shown, filter.cited())
}

fn check(text: &str, expected: &str, cited: &[usize]) {
    assert_eq!(filtered(text), (expected.to_owned(), cited.to_vec()), "{text}");
}

#[test]
fn known_markers_pass() {
    check("Torque turns [1]. Force pushes [2][3].", "Torque turns [1]. Force pushes [2][3].", &[1, 2, 3]);
}

#[test]
fn spellings_of_a_marker_become_one() {
    for marker in [
        "[1, 2]",
        "[1,2]",
        "[1; 2]",
        "[Source 1, Source 2]",
        "[source 1, 2]",
        "【1, 2】",
        "[^1, ^2]",
        "[1-2]",
        "[#1, #2]",
    ] {
        check(&format!("a {marker}."), "a [1][2].", &[1, 2]);
    }
    check("a 【1†source】.", "a [1].", &[1]);
}

#[test]
fn an_unknown_number_leaves_no_trace() {
    check("So it is [9].", "So it is.", &[]);
    check("So it is [9] and more.", "So it is and more.", &[]);
    check("So [1, 9] it is", "So [1] it is", &[1]);
    check("At the end [7]", "At the end", &[]);
}

#[test]
fn a_refusal_is_noticed_and_its_marker_dropped() {
    let mut filter = CitationFilter::new(2);
    let shown = filter.push("[0] The book does not say.") + &filter.finish();
    assert_eq!(shown, "The book does not say.");
    assert!(filter.refused());
}

#[test]
fn brackets_that_are_no_markers_stay() {
    check("an [array] of a[i] and [x", "an [array] of a[i] and [x", &[]);
    check("[ ] open, [x] done", "[ ] open, [x] done", &[]);
    check("see [sources of light] there", "see [sources of light] there", &[]);
}

#[test]
fn an_unfinished_marker_tells_nothing() {
    check("cut here [1", "cut here", &[]);
}

#[test]
fn links_and_images_lose_their_target() {
    check("[click](https://evil.example/x) me", "[click] me", &[]);
    check("![pixel](https://evil.example/?q=secret)", "![pixel]", &[]);
    check("[a](b(c)d) e", "[a] e", &[]);
    check("[a]: https://evil.example", "[a] : https://evil.example", &[]);
    check("[1](https://evil.example)", "[1](https://evil.example)".split('(').next().expect("a part"), &[1]);
}

#[test]
fn code_is_left_alone() {
    check("use `a[9]` and\n```\nx[7](y)\n```\nthen [1]", "use `a[9]` and\n```\nx[7](y)\n```\nthen [1]", &[1]);
    check("an open ` tick [9]\nnext [9] line", "an open ` tick [9]\nnext line", &[]);
}

/// Text rich in what the filter looks at.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z ]{0,6}",
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("](".to_owned()),
        Just(")".to_owned()),
        Just("(".to_owned()),
        Just("[1]".to_owned()),
        Just("[2, 9]".to_owned()),
        Just("[Source 3]".to_owned()),
        Just("【1】".to_owned()),
        Just("[99]".to_owned()),
        Just("`".to_owned()),
        Just("```\n".to_owned()),
        Just("\n".to_owned()),
        Just(" .".to_owned()),
        Just("é日🚀".to_owned()),
        "\\PC{0,3}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_cut_of_the_stream_does_not_matter(text in pieces(), cuts in proptest::collection::vec(1usize..5, 0..60)) {
        let mut filter = CitationFilter::new(3);
        let mut shown = String::new();
        let characters: Vec<char> = text.chars().collect();
        let mut rest = characters.as_slice();
        for cut in cuts {
            let (piece, others) = rest.split_at(cut.min(rest.len()));
            shown.push_str(&filter.push(&piece.iter().collect::<String>()));
            rest = others;
        }
        shown.push_str(&filter.push(&rest.iter().collect::<String>()));
        shown.push_str(&filter.finish());
        let (expected, cited) = filtered(&text);
        prop_assert_eq!(shown, expected);
        prop_assert_eq!(filter.cited(), cited);
    }

    #[test]
    fn outside_code_only_known_markers_and_no_links_remain(text in pieces()) {
        let text = text.replace('`', "'");
        let (shown, cited) = filtered(&text);
        prop_assert!(!shown.contains("]("), "{}", shown);
        let mut rest = shown.as_str();
        while let Some(open) = rest.find('[') {
            rest = &rest[open + 1..];
            if let Some((inner, _)) = rest.split_once(']')
                && let Ok(n) = inner.parse::<usize>()
            {
                prop_assert!((1..=3).contains(&n), "{} in {}", n, shown);
                prop_assert!(cited.contains(&n));
            }
        }
    }

    #[test]
    fn text_without_brackets_and_spaces_at_its_end_passes_unchanged(text in "[^\\[\\]【】`]{0,60}[a-z]") {
        prop_assert_eq!(filtered(&text).0, text);
    }
}
