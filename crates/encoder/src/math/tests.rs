//! The approximations against double precision, and the rounding against its definition.

use super::*;

fn check_close(got: f32, expected: f64, tolerance: f64) {
    assert!((f64::from(got) - expected).abs() <= tolerance, "{got} is not within {tolerance} of {expected}");
}

/// Complementary error function by its continued fraction and series, in double precision.
fn erf(x: f64) -> f64 {
    if x.abs() < 3.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..60).rev().fold(0.0, |rest, n| f64::from(n) / 2.0 / (x.abs() + rest));
        x.signum() * (1.0 - (-x * x).exp() / (x.abs() + fraction) / std::f64::consts::PI.sqrt())
    }
}

#[test]
fn exp2_is_close_from_the_smallest_shares_to_one() {
    for step in 0..=126_000 {
        let x = -(step as f32) / 1000.0;
        let exact = f64::from(x).exp2();
        check_close(exp2(x), exact, exact * 4e-6);
    }
}

#[test]
fn gelu_is_close_everywhere() {
    for step in -12_000..=12_000 {
        let x = step as f32 / 1000.0;
        let wide = f64::from(x);
        check_close(gelu(x), wide * 0.5 * (1.0 + erf(wide / 2_f64.sqrt())), 4e-5);
    }
}

#[test]
fn a_rounded_row_is_within_half_a_step_and_knows_its_sum() {
    for length in [0, 1, 15, 16, 17, 384, 389] {
        let row: Vec<f32> = (0..length).map(|i| ((i * 37 % 101) as f32 - 50.0) / 7.0).collect();
        let factors: Vec<f32> = (0..length).map(|i| 0.5 + (i % 3) as f32).collect();
        let mut out = vec![9; length + 5];
        let (scale, sum) = round_row(&row, &factors, &mut out);
        for ((x, f), value) in row.iter().zip(&factors).zip(&out) {
            assert!((x * f - f32::from(*value) * scale).abs() <= scale * 0.501);
        }
        assert_eq!(sum, out.iter().map(|value| i32::from(*value)).sum::<i32>());
        assert_eq!(out[length..], [0; 5], "the rest is zero");
    }
}

#[test]
fn a_row_of_zeros_rounds_to_zeros() {
    let mut out = [1; 4];
    assert_eq!(round_row(&[0.0; 4], &[1.0; 4], &mut out), (0.0, 0));
    assert_eq!(out, [0; 4]);
}

#[test]
fn shares_add_up_to_one() {
    for count in [1, 2, 15, 16, 33, 256] {
        let mut scores: Vec<f32> = (0..count).map(|i| (i * 29 % 17) as f32 - 40.0).collect();
        let mut shares = vec![-1; count + 1];
        softmax_rows(&mut scores, count, count, &mut shares, count + 1);
        let total: i32 = shares.iter().map(|share| i32::from(*share)).sum();
        assert!((total - 32_767).unsigned_abs() as usize <= count, "{count} shares add up to {total}");
        assert_eq!(shares[count], 0);
    }
}

#[test]
fn a_normalised_row_has_mean_zero_and_variance_one() {
    let mut row: Vec<f32> = (0..37).map(|i| (i * i % 23) as f32).collect();
    normalise_row(&mut row, &[1.0; 37], &[0.0; 37], 1e-12);
    check_close(row.iter().sum::<f32>() / 37.0, 0.0, 1e-6);
    check_close(row.iter().map(|x| x * x).sum::<f32>() / 37.0, 1.0, 1e-5);
}
