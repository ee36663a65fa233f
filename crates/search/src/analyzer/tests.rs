use insta::assert_snapshot;
use proptest::prelude::*;

use super::{Analyzer, analyze, highlight};

fn terms(text: &str) -> String {
    shown(&Analyzer::default(), text)
}

fn shown(analyzer: &Analyzer, text: &str) -> String {
    analyzer.analyze(text).into_iter().map(|term| term.0).collect::<Vec<_>>().join(" ")
}

/// The text with its highlights in brackets.
fn marked(text: &str, query: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    for range in highlight(text, query) {
        out += &format!("{}[{}]", &text[at..range.start], &text[range.clone()]);
        at = range.end;
    }
    out + &text[at..]
}

#[test]
fn words_are_folded_and_stemmed() {
    assert_snapshot!(terms("Configuring the Résumé's naïve CAFÉS"), @"configur the resum naiv cafe");
    assert_snapshot!(terms("don’t the book's users' e-mails"), @"dont the book user email e mail");
    assert_snapshot!(terms("Straße ﬁle Ωμέγα ΩΜΕΓΑ Ёлка"), @"strass file ωμεγα ωμεγα елка");
}

#[test]
fn names_give_the_whole_and_the_pieces() {
    assert_snapshot!(terms("useEffect use_effect use-effect UseEffect"), @"useeffect use effect useeffect use effect useeffect use effect useeffect use effect");
    assert_snapshot!(terms("HTMLParser parseHTML base64Url OAuth2Client utf-8 utf8"), @"htmlparser html parser parsehtml pars html base64url oauth2client o auth2 client utf8 utf 8 utf8");
    assert_snapshot!(terms("std::io::Error foo.bar() __init__ --dry-run @scope/pkg"), @"stdioerror std io error foobar foo bar init dryrun dri run scope pkg");
    assert_snapshot!(terms("C++ and C# and F#, a+b, #tag"), @"c++ c and c# c and f# f a b tag");
}

#[test]
fn numbers_and_versions_are_kept() {
    assert_snapshot!(terms("v1.2.3 18.2 3.14 1,000,000 1,2 2024 x86_64"), @"1.2.3 1.2 1 18.2 18 3.14 3 1000000 1 2 2024 x8664 x86 64");
    assert_snapshot!(terms("end.Next 1.0.0-rc.1"), @"endnext end next 1.0.0 1.0 1 rc1 rc 1");
}

#[test]
fn unspaced_scripts_give_pairs() {
    assert_snapshot!(terms("日本語 猫 한국어 ｶﾞｲﾄﾞ"), @"日本 本語 猫 한국 국어 ガイ イド");
    assert_snapshot!(terms("ภาษาไทย Docusaurus入門"), @"ภา าษ ษา าไ ไท ทย docusaurus 入門");
}

#[test]
fn other_languages_have_their_stemmers() {
    assert_snapshot!(shown(&Analyzer::for_locale("de"), "Häuser Hausern Straßen"), @"haus haus strass");
    assert_snapshot!(shown(&Analyzer::for_locale("fr-FR"), "l'eau réservés reserves"), @"l eau reserv reserv");
    assert_snapshot!(shown(&Analyzer::for_locale("ru"), "русский русского книги книга"), @"русск русск книг книг");
    assert_snapshot!(shown(&Analyzer::for_locale("xx"), "running Éa"), @"running ea");
    assert_snapshot!(shown(&Analyzer::for_locale("hi"), "किताबें हिन्दी"), @"किताब हिन्दी");
}

#[test]
fn highlights_are_the_words_asked_for() {
    assert_snapshot!(marked("Configure it. The configured useEffect hook.", "configuring the effect"), @"[Configure] it. The [configured] use[Effect] hook.");
    assert_snapshot!(marked("useEffect and use_effect and effects", "useEffect"), @"[useEffect] and [use_effect] and [effects]");
    assert_snapshot!(marked("黒猫と日本語", "日本語 猫"), @"黒[猫]と[日本語]");
    assert_snapshot!(marked("to be or not", "to be"), @"[to] [be] or not");
    assert_snapshot!(marked("nothing here", ""), @"nothing here");
}

#[test]
fn long_runs_are_read_once() {
    // Each of these would take minutes if any step went back over what was read.
    for piece in [
        "1,111",
        ",111",
        "a_",
        "_",
        "a.",
        "aB",
        "é",
        "日本",
        "\u{301}",
        "1.",
        "'a",
        "c++",
        "a-\u{2011}",
        "a::",
    ] {
        let text = piece.repeat(200_000);
        let terms = analyze(&text);
        assert!(terms.iter().all(|term| term.0.len() <= super::MAX_TERM_BYTES), "{piece}");
        assert_eq!(highlight(&text, "zebra"), []);
    }
}

#[test]
fn stop_words_are_sorted_and_folded() {
    let words = crate::language::ENGLISH.stop_words;
    assert!(words.is_sorted_by(|left, right| left < right));
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
}

const LOCALES: &[&str] = &[
    "en", "ar", "hy", "eu", "ca", "cs", "da", "nl", "eo", "et", "fi", "fr", "de", "el", "hi", "hu", "id",
    "ga", "it", "lt", "ne", "no", "fa", "pl", "pt", "ro", "ru", "sr", "es", "sv", "ta", "tr", "uk", "xx",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_gives_terms_in_range(text in "\\PC{0,60}|[a-zA-Z0-9_.:'’ -]{0,60}|[\\u{0}-\\u{10ffff}]{0,40}", locale in 0..LOCALES.len()) {
        let mut last = 0;
        Analyzer::for_locale(LOCALES[locale]).for_each_token(&text, |token| {
            assert!(text.get(token.range.clone()).is_some_and(|word| !word.is_empty()));
            assert!(!token.term.is_empty() && token.term.len() <= super::MAX_TERM_BYTES);
            assert!(!token.term.contains(char::is_whitespace));
            assert!(token.range.start >= last);
            last = token.range.start;
        });
    }

    #[test]
    fn letters_of_every_script_can_be_stemmed(
        text in "[\\u{370}-\\u{3ff}]{1,20}|[\\u{400}-\\u{52f}]{1,20}|[\\u{530}-\\u{58f}]{1,20}|[\\u{600}-\\u{6ff}]{1,20}|[\\u{900}-\\u{97f}]{1,20}|[\\u{b80}-\\u{bff}]{1,20}|[a-zà-ÿā-ſ]{1,20}",
        locale in 0..LOCALES.len(),
    ) {
        Analyzer::for_locale(LOCALES[locale]).analyze(&text);
    }

    #[test]
    fn case_makes_no_difference_to_a_plain_word(word in "[a-z]{1,12}") {
        prop_assert_eq!(analyze(&word), analyze(&word.to_uppercase()));
    }

    #[test]
    fn highlights_do_not_overlap(text in "\\PC{0,60}", query in "\\PC{0,30}") {
        let ranges = highlight(&text, &query);
        prop_assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert!(ranges.iter().all(|range| text.get(range.clone()).is_some()));
    }
}
