use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::fields::for_each_field;
use crate::testing::{chunk, index_in, index_of, number_of};
use crate::{Index, Metadata, Scope};

/// The hits of a query, best first: number, coverage in percent, and the fields that gave something.
fn found(index: &Index, query: &str) -> String {
    let hits = index.lexical(query, Scope::default(), 10);
    let lines = hits.iter().map(|hit| {
        let FieldScores { title, headings, body, code } = hit.fields;
        let parts = [("title", title), ("headings", headings), ("body", body), ("code", code)];
        let fields =
            parts.iter().filter(|(_, score)| *score > 0.0).map(|(name, _)| *name).collect::<Vec<_>>();
        format!("{} {:.0}% {}", number_of(index, hit.ordinal), hit.coverage * 100.0, fields.join("+"))
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn small_book() -> Index {
    index_of(&[
        chunk(1, "Torque", &["Units"], "Torque is measured in newton metres."),
        chunk(2, "Force", &["Units"], "A force is measured in newtons."),
        chunk(
            3,
            "Hooks",
            &["useEffect"],
            "Call it so:\n\n```js\nuseEffect(() => listen());\n```\n\nThen clean up.",
        ),
        chunk(4, "Effects", &[], "What the effect of a hook is. How to use one."),
        chunk(5, "Empty", &[], ""),
    ])
}

#[test]
fn a_hit_says_which_fields_made_it() {
    let book = small_book();
    assert_snapshot!(found(&book, "torque units"), @"1 100% title+headings+body; 2 39% headings");
    assert_snapshot!(found(&book, "listen"), @"3 100% code");
    assert_snapshot!(found(&book, "useEffect"), @"3 100% headings+code; 4 100% title+body");
    assert_snapshot!(found(&book, "empty"), @"5 100% title");
}

#[test]
fn coverage_is_the_share_of_telling_words() {
    let book = small_book();
    assert_snapshot!(found(&book, "what is the torque of a gearbox?"), @"1 36% title+body");
    assert_snapshot!(found(&book, "what is it?"), @"4 58% body; 3 42% body; 1 16% body; 2 16% body");
    assert_snapshot!(found(&book, "gearbox"), @"");
    assert_snapshot!(found(&book, ""), @"");
}

#[test]
fn the_book_says_which_words_it_never_uses() {
    let book = small_book();
    let shown = |query| {
        let terms = book.query_terms(query);
        let terms = terms.iter().map(|term| {
            let stop = if term.stop_word { " stop" } else { "" };
            format!("{}→{} {}{stop}", term.text, term.term.0, term.document_frequency)
        });
        format!("{} | {}", terms.collect::<Vec<_>>().join(", "), book.unknown_words(query).join(", "))
    };
    assert_snapshot!(shown("How is the gearbox measured?"), @"How→how 1 stop, is→is 3 stop, the→the 1 stop, gearbox→gearbox 0, measured→measur 2 | gearbox");
    assert_snapshot!(shown("use-effect useHook useGearbox"), @"use-effect→useeffect 1, use→use 2, effect→effect 2, useHook→usehook 0, Hook→hook 2, useGearbox→usegearbox 0, Gearbox→gearbox 0 | useGearbox");
}

#[test]
fn words_that_no_given_chunk_holds_are_missing() {
    let book = index_of(&[
        chunk(1, "Hooks", &[], "Call useEffect there."),
        chunk(2, "Torque", &[], "The effect of use."),
    ]);
    let missing = |query: &str, chunks: &[u32]| {
        let chunks: Vec<crate::Ordinal> = chunks.iter().copied().map(crate::Ordinal).collect();
        book.missing_words(query, &chunks).join(" ")
    };
    assert_eq!(missing("What is the torque of Atlas?", &[0]), "torque Atlas");
    assert_eq!(missing("What is the torque of Atlas?", &[0, 1]), "Atlas");
    assert_eq!(missing("use-effect", &[1]), "");
    assert_eq!(missing("torque", &[]), "torque");
}

#[test]
fn in_other_languages_a_misspelt_word_finds_what_it_was_meant_to_be() {
    let facts = [("language".to_owned(), "xx".to_owned())].into();
    let book = index_in(
        Metadata { facts, ..Metadata::default() },
        &[
            chunk(1, "Torque", &[], "The gearbox multiplies force."),
            chunk(2, "Wheels", &[], "Rubber tyres grip."),
        ],
    );
    assert_snapshot!(found(&book, "gearbxo"), @"1 100% body");
    assert_snapshot!(found(&book, "rubberr"), @"2 100% body");
    assert_eq!(book.unknown_words("gearbxo tyrse").join(" "), "tyrse", "a slip does not make a word foreign");
    assert_eq!(book.missing_words("gearbxo", &[crate::Ordinal(1)]).join(" "), "gearbxo");
    assert_snapshot!(found(&book, "tyrse"), @"");
}

#[test]
fn an_unseen_term_is_the_most_telling() {
    let book = small_book();
    let idf = |text: &str| book.idf(&crate::analyze(text)[0]);
    assert!(idf("gearbox") > idf("torque") && idf("torque") > idf("measured") && idf("measured") > 0.0);
}

#[test]
fn chunks_of_equal_score_come_by_id() {
    let same = |number| chunk(number, "Same", &[], "the very same words");
    assert_snapshot!(found(&index_of(&[same(9), same(2), same(5), same(1)]), "same words"), @"1 100% title+body; 2 100% title+body; 5 100% title+body; 9 100% title+body");
}

#[test]
fn a_scope_leaves_the_rest_out() {
    let mut chunks: Vec<_> = (1..=5).map(|number| chunk(number, "Page", &[], "word")).collect();
    chunks[0].version = Some("1.0".to_owned());
    chunks[1].version = Some("2.0".to_owned());
    chunks[2].locale = "fr".to_owned();
    chunks[3].version = Some("2.0".to_owned());
    chunks[3].locale = "fr".to_owned();
    let book = index_of(&chunks);
    let check = |version: Option<&str>, locale: Option<&str>, expected: &[u32]| {
        let hits = book.lexical("word", Scope { version, locale }, 10);
        let numbers: Vec<u32> = hits.iter().map(|hit| number_of(&book, hit.ordinal)).collect();
        assert_eq!(numbers, expected, "{version:?} {locale:?}");
    };
    check(None, None, &[1, 2, 3, 4, 5]);
    check(Some("2.0"), None, &[2, 3, 4, 5]);
    check(Some("2.0"), Some("en"), &[2, 5]);
    check(Some("9.9"), Some("fr"), &[3]);
    check(None, Some("de"), &[]);
}

#[test]
fn a_long_query_is_scored_by_its_telling_terms() {
    let words: Vec<String> = (0..200).map(|number| format!("word{number}")).collect();
    // `word7` stands in both chunks and is the least telling of the 200.
    let book = index_of(&[chunk(1, "All", &[], &words.join(" ")), chunk(2, "One", &[], "word7")]);
    assert_eq!(number_of(&book, book.lexical(&words.join(" "), Scope::default(), 10)[0].ordinal), 1);
    assert_eq!(book.lexical(&words.join(" "), Scope::default(), 10).len(), 1);
    assert_eq!(book.lexical(&words[..64].join(" "), Scope::default(), 10).len(), 2);
}

/// The scores of all chunks, straight from the definition: no postings, no norms, no heap.
fn naive_scores(chunks: &[corpus::Chunk], query: &str) -> Vec<f32> {
    let analyzer = Analyzer::default();
    let read = |chunk: &corpus::Chunk| {
        let mut tokens: Vec<(usize, String, bool)> = Vec::new();
        for_each_field(chunk, |field, text| {
            analyzer.for_each_token(text, |token| {
                tokens.push((field, token.term.to_owned(), matches!(token.role, Role::Word | Role::Piece)));
            });
        });
        tokens
    };
    let chunks: Vec<_> = chunks.iter().map(read).collect();
    let length = |chunk: &[(usize, String, bool)], field| {
        chunk.iter().filter(|(other, _, counts)| *other == field && *counts).count() as f64
    };
    let average = |field| {
        let sum: f64 = chunks.iter().map(|chunk| length(chunk, field)).sum();
        (sum / chunks.len() as f64).max(1.0)
    };
    let frequency =
        |term: &str| chunks.iter().filter(|chunk| chunk.iter().any(|token| token.1 == term)).count() as f64;
    let mut asked: Vec<(String, Role, bool)> = Vec::new();
    analyzer.for_each_token(query, |token| {
        if token.role != Role::Inner {
            asked.push((token.term.to_owned(), token.role, token.is_stop_word));
        }
    });
    let only_stop_words = asked.iter().all(|(.., is_stop_word)| *is_stop_word);
    let mut whole_is_known = false;
    let weighed: Vec<(String, f64, bool)> = asked
        .into_iter()
        .map(|(term, role, is_stop_word)| {
            if role != Role::Piece {
                whole_is_known = frequency(&term) > 0.0;
            }
            let of_role = if role == Role::Piece && whole_is_known { f64::from(PIECE_WEIGHT) } else { 1.0 };
            let of_kind = if is_stop_word && !only_stop_words { f64::from(STOP_WORD_WEIGHT) } else { 1.0 };
            (term, of_role * of_kind, only_stop_words || !is_stop_word)
        })
        .collect();
    let score = |chunk: &Vec<(usize, String, bool)>| {
        let of_term = |(term, weight, _): &(String, f64, bool)| {
            let occurrences: f64 = (0..FIELDS)
                .map(|field| {
                    let count =
                        chunk.iter().filter(|token| token.0 == field && token.1 == *term).count() as f64;
                    let part = f64::from(FIELD_LENGTH_PARTS[field]);
                    let norm = 1.0 - part + part * length(chunk, field) / average(field);
                    f64::from(FIELD_WEIGHTS[field]) * count / norm
                })
                .sum();
            let frequency = frequency(term);
            let idf = (1.0 + (chunks.len() as f64 - frequency + 0.5) / (frequency + 0.5)).ln();
            let k1 = f64::from(K1);
            weight * idf * (k1 + 1.0) * occurrences / (k1 + occurrences)
        };
        let holds = |term: &str| chunk.iter().any(|token| token.1 == term);
        let is_hit = weighed.iter().any(|(term, _, tells)| *tells && holds(term));
        if is_hit { weighed.iter().map(of_term).sum::<f64>() as f32 } else { 0.0 }
    };
    chunks.iter().map(score).collect()
}

/// Texts over few words, so that they share them: plain ones, stop words, names, versions, code.
fn text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "torque",
        "force",
        "the",
        "how",
        "is",
        "useEffect",
        "use",
        "effect",
        "2.1",
        "2",
        "日本語",
        "本",
        "\n\n```rs\n",
        "\n```\n",
        "Configuring",
        "configure",
        "a.b",
    ]);
    prop::collection::vec(words, 0..12).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn scores_are_those_of_the_definition(
        texts in prop::collection::vec((text(), text(), text()), 1..12),
        query in text(),
        limit in 0usize..14,
    ) {
        let chunks: Vec<_> = (0..)
            .zip(&texts)
            .map(|(number, (title, heading, content))| {
                let mut chunk = chunk(number, "page", &[heading], content);
                chunk.title.clone_from(title);
                chunk
            })
            .collect();
        let index = index_of(&chunks);
        let naive = naive_scores(&chunks, &query);
        let hits = index.lexical(&query, Scope::default(), limit);
        let expected = naive.iter().filter(|score| **score > 0.0).count().min(limit);
        prop_assert_eq!(hits.len(), expected);
        for hit in &hits {
            // Ids ascend with the numbers here, so ordinals are the places in the list.
            let score = naive[hit.ordinal.0 as usize];
            prop_assert!((hit.score - score).abs() <= 1e-4 * score.max(1.0), "{} for {}", hit.score, score);
            let FieldScores { title, headings, body, code } = hit.fields;
            prop_assert!((title + headings + body + code - score).abs() <= 1e-4 * score.max(1.0));
            prop_assert!((0.0..=1.0).contains(&hit.coverage));
        }
        let in_order = |left: &LexicalHit, right: &LexicalHit| {
            left.score > right.score || left.score == right.score && left.ordinal < right.ordinal
        };
        prop_assert!(hits.is_sorted_by(in_order));
        let worst = hits.last().map_or(f32::INFINITY, |hit| hit.score);
        let better = naive.iter().filter(|score| **score > worst * 1.001).count();
        prop_assert!(better <= hits.len());
    }
}
