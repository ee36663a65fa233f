use super::*;
use crate::answer::testing::{index, passages};

const PAGE: &str = "# Motors\n\n## Torque\n\nThe large motor of the mill was built in 1912 by Ida Lorenz. It increased the \
    output of the mill rapidly. The small pump was added by her brother. The mill has four gauges. Visitors must not \
    touch the flywheel.\n\n## News of 1950\n\nThe canteen opened its doors.\n";

fn found(language: &str, question: &str) -> Option<Mismatch> {
    mismatch(question, &passages(PAGE), &index(PAGE, language))
}

#[test]
fn what_the_sentences_answer_fits() {
    for question in [
        "Who built the large motor of the mill in 1912?",
        "When was the large motor of the mill built?",
        "How many gauges has the mill?",
        "What must visitors not touch?",
        "When did the canteen open its doors?",
        "What increased the output of the mill?",
        "Why did the motor not increase the output of the mill?",
        "What happens to the mill if the pump is not added?",
        "How do I build the motor without the mill?",
        "Which motor does the mill have, so that the output is not low?",
        "flywheel",
        "",
        "???",
    ] {
        assert_eq!(found("en", question), None, "{question}");
    }
}

#[test]
fn what_they_do_not_answer_is_told_with_the_reason() {
    for (question, expected) in [
        ("Who did not build the large motor of the mill?", Mismatch::Denied),
        ("What didn’t increase the output of the mill?", Mismatch::Denied),
        ("What decreased the output of the mill?", Mismatch::Opposite),
        ("Who built the motor of the mill in 1913?", Mismatch::OtherNumber),
        ("In what year was the small pump added by her brother?", Mismatch::NoDate),
        ("How many visitors touch the flywheel?", Mismatch::NoNumber),
    ] {
        assert_eq!(found("en", question), Some(expected), "{question}");
    }
}

#[test]
fn nothing_is_told_of_other_languages() {
    assert_eq!(found("de", "Who did not build the large motor of the mill?"), None);
    assert_eq!(found("en", "Wie wird das output of mill motor nicht mit 1913 und gauges?"), None);
}

#[test]
fn sentences_that_were_found_by_meaning_are_left_alone() {
    assert_eq!(found("en", "Which apparatus did not ever produce electricity in 1999?"), None);
}
