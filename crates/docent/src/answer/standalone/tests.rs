use super::*;

fn check(history: &[&str], question: &str, expected: &str) {
    let history: Vec<Exchange> = history
        .iter()
        .map(|question| Exchange { question: (*question).to_owned(), answer: "…".to_owned(), page: None })
        .collect();
    assert_eq!(stand_alone(question, &history), expected);
}

#[test]
fn a_first_question_stays_as_it_is() {
    check(&[], "And why is it so?", "And why is it so?");
}

#[test]
fn a_question_of_its_own_stays_as_it_is() {
    let question = "How do I configure the reverse proxy for streaming answers?";
    check(&["What is torque?"], question, question);
    check(&["What is torque?"], "What is friction?", "What is friction?");
}

#[test]
fn a_pronoun_brings_the_earlier_question_along() {
    check(
        &["What is the lidar driver?"],
        "How do I install it?",
        "How do I install it? What is the lidar driver",
    );
}

#[test]
fn an_opening_that_carries_on_brings_it_along() {
    check(
        &["How do I install the driver on Linux?"],
        "And on Windows?",
        "And on Windows? How do I install the driver Linux",
    );
}

#[test]
fn follow_ups_of_follow_ups_reach_the_question_that_stood_alone() {
    check(
        &["How do I calibrate the lidar?", "And the camera?"],
        "Why?",
        "Why? And the camera How do I calibrate lidar",
    );
}

#[test]
fn a_follow_up_comes_from_the_page_of_the_answer_before() {
    let said = |page: Option<&str>| {
        vec![Exchange {
            question: "What is torque?".into(),
            answer: "…".into(),
            page: page.map(str::to_owned),
        }]
    };
    let earlier = |question: &str, page| query(question, &said(page), Some("/docs/other")).earlier;
    assert_eq!(earlier("And its unit?", Some("/docs/motors")).as_deref(), Some("/docs/motors"));
    assert_eq!(earlier("And its unit?", None), None);
    assert_eq!(earlier("Which tyres grip wet concrete?", Some("/docs/motors")), None, "another subject");
    assert_eq!(query("And its unit?", &said(Some("/docs/motors")), Some("/docs/other")).page, None);
}
