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

const TOWN: &str = "# The town of Ahlen\n\n## Council\n\nThe first item of business on Mondays is the report of the \
    treasurer. The council of Ahlen bought the old mill in June. Demand for flour grew in 1920. The older bridge was \
    established by Saxon merchants, who are not from Ahlen. The highest tower in all of Ahlen is the Petri tower. The \
    Scottish Parliament has sent a letter in the 19th century.\n\n## Guests\n\nGuests lend bicycles to each other. Most \
    of the visitors of the Danish market come in the autumn. The Danish market opens on the third Sunday.\n";

fn found_in_town(question: &str) -> Option<Mismatch> {
    mismatch(question, &passages(TOWN), &index(TOWN, "en"))
}

#[test]
fn another_word_of_its_kind_in_the_same_place_is_no_answer() {
    for question in [
        "What is the second item of business on Mondays?",
        "Who bought the old mill of Ahlen in July?",
        "What is the highest tower in all of Berlin?",
        "What letter has the Spanish Parliament sent in the 19th century?",
        "What has the Scottish Parliament sent in the 18th century?",
        "Which letter has the Scottish Parliament sent in the 20th century?",
    ] {
        assert_eq!(found_in_town(question), Some(Mismatch::Exchanged), "{question}");
    }
}

#[test]
fn the_same_word_or_one_of_another_kind_in_a_place_is_left_alone() {
    for question in [
        "What is the first item of business on Mondays?",
        "What is the usual item of business on Mondays?",
        "Who bought the old mill in June?",
        "Which council bought the mill of Ahlen?",
        "What has the Scots Parliament sent?",
        "What has the EU Parliament sent in the 19th century?",
        "How do I get the second item of business on Mondays?",
        "Who sends the second letter?",
    ] {
        assert_eq!(found_in_town(question), None, "{question}");
    }
}

#[test]
fn opposites_and_words_that_deny_themselves_are_told() {
    for question in [
        "Which demand for flour declined in 1920?",
        "Who established the younger bridge?",
        "Which merchants unestablished the older bridge?",
    ] {
        assert_eq!(found_in_town(question), Some(Mismatch::Opposite), "{question}");
    }
    for question in [
        "Which demand for flour rose in 1920?",
        "When did the growing demand for flour begin?",
        "Why did the demand for flour decline?",
        // A denied opposite says the same.
        "Which demand for flour did not decline?",
        // One event from its two sides.
        "Who borrows bicycles from other guests?",
        "Who sold the old mill to the council of Ahlen?",
    ] {
        assert_ne!(found_in_town(question), Some(Mismatch::Opposite), "{question}");
    }
}

#[test]
fn a_denial_needs_one_in_the_sentences_unless_it_is_in_a_clause_of_its_own() {
    for question in [
        "Who has no demand for flour?",
        "The council of Ahlen never bought what?",
        "How many visitors of the Danish market do not come in the autumn?",
    ] {
        assert_eq!(found_in_town(question), Some(Mismatch::Denied), "{question}");
    }
    for question in [
        "Which merchants of the older bridge are not from Ahlen?",
        "If the council of Ahlen has not bought the mill, who has?",
        "What happens when the council of Ahlen has not bought the old mill?",
    ] {
        assert_ne!(found_in_town(question), Some(Mismatch::Denied), "{question}");
    }
}

#[test]
fn a_year_wants_a_year() {
    assert_eq!(found_in_town("In what year did the Danish market open?"), Some(Mismatch::NoDate));
    assert_eq!(found_in_town("In what year did the demand for flour grow?"), None);
    assert_eq!(found_in_town("In which century has the Scottish Parliament sent a letter?"), None);
    assert_eq!(found_in_town("In which century has the council bought the mill?"), Some(Mismatch::NoDate));
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
