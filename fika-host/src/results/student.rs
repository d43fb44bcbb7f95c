//! Student's t distribution.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// From here on another degree of freedom changes no digit that is shown.
const FREEDOM_MAX: u32 = 10_000;

/// How many standard errors to each side of the mean the interval reaches that misses the true value with this
/// probability, which is above 0 and below 1.
pub(super) fn quantile(freedom: u32, miss: f64) -> f64 {
    let freedom = freedom.clamp(1, FREEDOM_MAX);
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    // The angle is bounded, which t is not. Each step halves the error.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if 1.0 - within(freedom, middle) > miss { low = middle } else { high = middle }
    }
    f64::from(freedom).sqrt() * low.tan()
}

/// The probability of less than t to each side, where t is the tangent of the angle times the root of the degrees of
/// freedom. A finite sum: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.
fn within(freedom: u32, angle: f64) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let is_odd = freedom % 2 == 1;
    let (mut term, mut sum) = (if is_odd { cos } else { 1.0 }, 0.0);
    for n in (if is_odd { 3 } else { 2 }..=freedom).step_by(2) {
        sum += term;
        term *= cos * cos * f64::from(n - 1) / f64::from(n);
    }
    if is_odd { FRAC_2_PI * (angle + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_those_of_students_table() {
        let two_sided_5 = [
            (1, 12.7062),
            (2, 4.30265),
            (3, 3.18245),
            (5, 2.57058),
            (10, 2.22814),
            (11, 2.20099),
            (29, 2.04523),
            (30, 2.04227),
            (120, 1.97993),
            (9_999, 1.96020),
        ];
        let more = [(1, 0.01, 63.6567), (4, 0.01, 4.60409), (20, 0.1, 1.72472), (60, 0.001, 3.46020)];
        for (freedom, miss, expected) in two_sided_5.map(|(freedom, t)| (freedom, 0.05, t)).into_iter().chain(more) {
            let found = quantile(freedom, miss);
            assert!((found - expected).abs() < 6e-5, "{freedom} {miss}: {found}");
        }
    }
}
