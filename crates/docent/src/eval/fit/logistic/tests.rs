use super::super::{Example, Style};
use super::*;

/// Telling is the signal at place 4.
fn example(corpus: usize, style: Style, value: f64) -> Example {
    let mut signals = [0.5; N];
    signals[4] = value;
    Example { corpus, fold: 0, style, foreign: false, signals, weight: 1.0 }
}

/// 100 answerable questions above 0.5, 100 others below 0.4, in books that take turns.
fn two_heaps(corpora: usize) -> Vec<Example> {
    (0..100)
        .flat_map(|place| {
            let noise = place as f64 / 500.0;
            let corpus = place % corpora;
            [example(corpus, Style::Direct, 0.5 + noise), example(corpus, Style::NearMiss, 0.4 - noise)]
        })
        .collect()
}

fn calibrated(examples: &[Example]) -> Calibration {
    calibrate(&examples.iter().collect::<Vec<_>>())
}

fn wrongly_refused(calibration: &Calibration, examples: &[Example]) -> usize {
    let line = f64::from(calibration.uncertain_below);
    let own = examples.iter().filter(|example| example.is_answerable());
    own.filter(|example| trust(calibration, example) < line).count()
}

#[test]
fn a_telling_signal_gets_a_weight_and_a_silent_one_none() {
    let examples = two_heaps(2);
    let fitted = calibrated(&examples);
    assert!(fitted.weights[4] > 5.0, "{fitted:?}");
    assert_eq!(fitted.weights[0], 0.0);
    assert!(fitted.out_of_scope_below < fitted.uncertain_below, "{fitted:?}");
    // Each half was fitted a little apart from the whole, so the share is not exact.
    let wrong = wrongly_refused(&fitted, &examples);
    assert!(wrong <= 6, "{wrong} of 100 below the line of 4.5 %");
}

#[test]
fn a_single_book_draws_the_lines_itself() {
    let examples = two_heaps(1);
    let wrong = wrongly_refused(&calibrated(&examples), &examples);
    assert!((3..=6).contains(&wrong), "{wrong} of 100");
}

#[test]
fn a_small_book_counts_as_much_as_a_large_one_for_the_lines() {
    // The small book's own questions all stand lower than the large one's.
    let mut examples = two_heaps(1);
    examples.extend((0..10).map(|place| example(1, Style::Direct, 0.45 + f64::from(place) / 1000.0)));
    examples.extend((0..10).map(|place| example(1, Style::NearMiss, 0.2 + f64::from(place) / 1000.0)));
    let fitted = calibrated(&examples);
    let line = f64::from(fitted.uncertain_below);
    let below = |corpus: usize| {
        let own = examples.iter().filter(|example| example.corpus == corpus && example.is_answerable());
        own.filter(|example| trust(&fitted, example) < line).count()
    };
    assert_eq!(below(0), 0, "{fitted:?}");
    assert!(below(1) <= 1, "{} of 10: {fitted:?}", below(1));
}

#[test]
fn linear_equations_are_solved() {
    let mut matrix = [[0.0; N + 1]; N + 1];
    for (place, row) in matrix.iter_mut().enumerate() {
        row[place] = 2.0;
        row[(place + 1) % (N + 1)] += 1.0;
    }
    let solution = solve(matrix, [3.0; N + 1]);
    assert!(solution.iter().all(|value| (value - 1.0).abs() < 1e-9), "{solution:?}");
}
