use super::*;

fn example(corpus: usize, text: &str, answerable: bool, value: f64) -> Example {
    let style = if answerable { Style::Direct } else { Style::NearMiss };
    let mut signals = [0.5; N];
    signals[0] = value;
    Example { corpus, fold: fold_of(text), style, foreign: !answerable, signals, weight: 1.0 }
}

/// Two books that are asked the same foreign questions.
fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for corpus in 0..2 {
        for place in 0..60 {
            let noise = f64::from(place) / 200.0;
            examples.push(example(corpus, &format!("own {corpus} {place}"), true, 0.5 + noise));
            examples.push(example(corpus, &format!("foreign {place}"), false, 0.4 - noise));
        }
    }
    examples
}

#[test]
fn each_question_is_asked_once_by_a_fit_that_has_not_seen_it() {
    let examples = examples();
    for asked in
        [left_out(&examples, |example| example.corpus as u64), left_out(&examples, |example| example.fold)]
    {
        assert_eq!(asked.len(), examples.len());
        let judged = by_corpus(&asked, &["one".into(), "two".into()]);
        let sets: Vec<&str> = judged.iter().map(|unseen| unseen.set.as_str()).collect();
        assert_eq!(sets, ["one", "two", "all"]);
        assert_eq!((judged[2].answerable, judged[2].unanswerable), (120, 120));
        assert_eq!((judged[2].auroc, judged[2].refusal_recall_at_5), (Some(1.0), Some(1.0)));
        assert!(judged[2].refusal_recall > Some(0.95), "{judged:?}");
        assert!(judged[2].wrong_refusals < Some(0.1), "{judged:?}");
    }
}

#[test]
fn the_same_question_falls_into_the_same_part_of_every_corpus() {
    let examples = examples();
    let folds: BTreeSet<u64> = examples.iter().map(|example| example.fold).collect();
    assert_eq!(folds, (0..FOLDS).collect(), "every part is used");
    assert_eq!(fold_of("How long do I boil an egg?"), fold_of("How long do I boil an egg?"));
}
