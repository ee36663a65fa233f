//! The logistic model itself: weights by Newton's method, lines by quantiles of what was asked of books that the model
//! has not seen.

use std::collections::BTreeSet;

use super::{Example, N};
use crate::retrieve::Calibration;

/// Pulls weights of scaled signals towards zero.
const RIDGE: f64 = 1.0;

/// Rounds of Newton's method: it stands still after a dozen.
const ROUNDS: usize = 20;

/// Share of a book's own questions that may fall below each line, on average over books that were left out.
const UNCERTAIN: f64 = 0.045;
const OUT_OF_SCOPE: f64 = 0.01;

/// Weights fitted on all `examples`. The lines are drawn where the wanted shares of a book's own questions stand when
/// they are asked with what was fitted on the other books, each book counting the same: what a model says of the
/// questions that it was fitted on flatters it, and its line would be too low for a new book.
pub(super) fn calibrate(examples: &[&Example]) -> Calibration {
    let mut fitted = weights(examples);
    let corpora: BTreeSet<usize> = examples.iter().map(|example| example.corpus).collect();
    let mut own: Vec<(f64, f64)> = Vec::new();
    for left_out in &corpora {
        let (held, others): (Vec<&Example>, Vec<&Example>) =
            examples.iter().copied().partition(|example| example.corpus == *left_out);
        let model = if others.is_empty() { fitted } else { weights(&others) };
        let held: Vec<&Example> = held.into_iter().filter(|example| example.is_answerable()).collect();
        own.extend(held.iter().map(|example| (trust(&model, example), 1.0 / held.len() as f64)));
    }
    own.sort_by(|one, other| one.0.total_cmp(&other.0));
    fitted.uncertain_below = round(quantile(&own, UNCERTAIN));
    fitted.out_of_scope_below = round(quantile(&own, OUT_OF_SCOPE)).min(fitted.uncertain_below);
    fitted
}

/// Newton's method for a ridge-penalised logistic model over signals scaled to unit deviation.
fn weights(examples: &[&Example]) -> Calibration {
    let count = examples.len() as f64;
    let mean = |of: usize| examples.iter().map(|example| example.signals[of]).sum::<f64>() / count;
    let means: [f64; N] = std::array::from_fn(mean);
    let deviations: [f64; N] = std::array::from_fn(|of| {
        let squares: f64 = examples.iter().map(|example| (example.signals[of] - means[of]).powi(2)).sum();
        let deviation = (squares / count).sqrt();
        if deviation > 1e-9 { deviation } else { f64::INFINITY }
    });
    let scaled =
        |example: &Example| -> [f64; N + 1] {
            std::array::from_fn(|of| {
                if of == N { 1.0 } else { (example.signals[of] - means[of]) / deviations[of] }
            })
        };
    let mut beta = [0.0; N + 1];
    for _ in 0..ROUNDS {
        let mut gradient = [0.0; N + 1];
        let mut hessian = [[0.0; N + 1]; N + 1];
        for (of, row) in hessian.iter_mut().enumerate() {
            row[of] = if of == N { 1e-6 } else { RIDGE };
            gradient[of] = row[of] * beta[of];
        }
        for example in examples {
            let x = scaled(example);
            let sum: f64 = x.iter().zip(beta).map(|(one, other)| one * other).sum();
            let likely = 1.0 / (1.0 + (-sum).exp());
            let wanted = f64::from(u8::from(example.is_answerable()));
            for one in 0..=N {
                gradient[one] += example.weight * (likely - wanted) * x[one];
                for other in 0..=N {
                    hessian[one][other] += example.weight * likely * (1.0 - likely) * x[one] * x[other];
                }
            }
        }
        let step = solve(hessian, gradient);
        for (value, change) in beta.iter_mut().zip(step) {
            *value -= change;
        }
    }
    let scaled_back: [f64; N] = std::array::from_fn(|of| beta[of] / deviations[of]);
    let bias = beta[N] - (0..N).map(|of| scaled_back[of] * means[of]).sum::<f64>();
    Calibration {
        bias: round(bias),
        weights: scaled_back.map(round),
        uncertain_below: 0.0,
        out_of_scope_below: 0.0,
    }
}

/// Three digits are enough and can be read.
fn round(value: f64) -> f32 {
    ((value * 1000.0).round() / 1000.0) as f32
}

/// How likely an example is answered, by a calibration.
pub(super) fn trust(calibration: &Calibration, example: &Example) -> f64 {
    let weighed = example.signals.iter().zip(calibration.weights);
    let sum =
        f64::from(calibration.bias) + weighed.map(|(signal, weight)| signal * f64::from(weight)).sum::<f64>();
    1.0 / (1.0 + (-sum).exp())
}

/// The value below which `share` of the weight of the ascending `values` lies.
pub(super) fn quantile(values: &[(f64, f64)], share: f64) -> f64 {
    let whole: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0.0;
    for (value, weight) in values {
        sum += weight;
        if sum > share * whole {
            return *value;
        }
    }
    0.0
}

/// Gaussian elimination with partial pivoting; the matrix is positive definite.
fn solve(mut matrix: [[f64; N + 1]; N + 1], mut right: [f64; N + 1]) -> [f64; N + 1] {
    for column in 0..=N {
        let pivot = (column..=N)
            .max_by(|one, other| matrix[*one][column].abs().total_cmp(&matrix[*other][column].abs()))
            .unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..=N {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            for (value, above) in matrix[row].iter_mut().zip(above).skip(column) {
                *value -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    for column in (0..=N).rev() {
        for place in column + 1..=N {
            right[column] -= matrix[column][place] * right[place];
        }
        right[column] /= matrix[column][column];
    }
    right
}

#[cfg(test)]
mod tests;
