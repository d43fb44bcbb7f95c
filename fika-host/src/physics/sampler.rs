//! How long messages and packets take, drawn quickly.

use std::sync::Arc;

use fika_core::header::Time;

use super::latency::Latency;

/// A draw as a number in (0, 1]: its logarithm is finite.
pub(crate) fn unit(drawn: u64) -> f64 {
    ((drawn >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// Draws from one [`Latency`]. Transcendental functions come from `libm`, which gives the same bits on every machine.
#[derive(Clone)]
pub(crate) enum Sampler {
    Fixed { us: Time },
    Normal { mean_us: f64, sd_us: f64 },
    Pareto(Arc<Pareto>),
}

impl Sampler {
    pub(crate) fn new(latency: Latency) -> Sampler {
        match latency {
            Latency::Fixed { us } => Sampler::Fixed { us },
            Latency::Normal { mean_us, sd_us } => Sampler::Normal { mean_us: mean_us as f64, sd_us: sd_us as f64 },
            Latency::Pareto { scale_us, shape_milli, .. } => {
                Sampler::Pareto(Arc::new(Pareto::new(scale_us, shape_milli)))
            }
        }
    }

    /// One way, of one draw.
    #[inline(always)]
    pub(crate) fn sample(&self, drawn: impl FnOnce() -> u64) -> Time {
        match self {
            Sampler::Fixed { us } => *us,
            Sampler::Normal { mean_us, sd_us } => {
                // Box and Muller 1958, with the two halves of one draw.
                let drawn = drawn();
                let radius = libm::sqrt(-2.0 * libm::log(unit(drawn)));
                let angle = (drawn & 0x7ff) as f64 / 2048.0 * std::f64::consts::TAU;
                (mean_us + sd_us * radius * libm::cos(angle)).max(0.0) as Time
            }
            Sampler::Pareto(pareto) => pareto.sample(drawn()) >> FINE_BITS,
        }
    }
}

const STEPS: usize = 256;
/// Binary digits of a draw in (0, 1], as [`unit`] makes it.
const DIGITS: u32 = 53;
/// Binary digits of a microsecond, and of a number up to 1.
const FINE_BITS: u32 = 20;
const MANTISSA_BITS: u32 = 31;

/// `scale / U^(1/shape)`. An exponential and a logarithm for each message were most of what a message costs, so the power
/// is taken apart: with `U = m * 2^-n` and `m` between 1 and 2 it is `m^-(1/shape) * 2^(n/shape)`. The second factor
/// is one of 54; the first lies on a smooth curve, drawn here as 256 straight lines. What comes out is
/// wrong by less than 4 millionths for shapes above 1, and at most 2^44 microseconds.
pub(crate) struct Pareto {
    mantissa: [u32; STEPS + 1],
    exponent: [u64; DIGITS as usize + 1],
}

impl Pareto {
    fn new(scale_us: Time, shape_milli: u64) -> Pareto {
        let power = 1_000.0 / shape_milli.max(1) as f64;
        let one = (1u64 << MANTISSA_BITS) as f64;
        let mantissa = |step: usize| (one * libm::pow(1.0 + step as f64 / STEPS as f64, -power)) as u32;
        let fine_us = scale_us as f64 * f64::from(1 << FINE_BITS);
        let exponent = |n: usize| (fine_us * libm::exp2(n as f64 * power)) as u64;
        Pareto { mantissa: std::array::from_fn(mantissa), exponent: std::array::from_fn(exponent) }
    }

    /// In fractions of a microsecond.
    #[inline(always)]
    fn sample(&self, drawn: u64) -> u64 {
        // The number that `unit` divides by 2^53.
        let number = (drawn >> 11) + 1;
        let zeros = number.leading_zeros();
        // Without its first digit, as a fraction of 64 bits: eight of them are the step, the others lie within it.
        let fraction = (number << zeros) << 1;
        let step = (fraction >> 56) as usize;
        let within = u64::from((fraction >> 24) as u32);
        let (from, to) = (self.mantissa[step], self.mantissa[step + 1]);
        let mantissa = u64::from(from) - ((u64::from(from - to) * within) >> 32);
        let halvings = (zeros + DIGITS - 63) as usize;
        ((u128::from(mantissa) * u128::from(self.exponent[halvings])) >> MANTISSA_BITS) as u64
    }
}

#[cfg(test)]
mod tests {
    use fika_core::hash::draw;

    use super::*;

    #[test]
    fn drawn_by_table_a_pareto_distribution_is_what_its_formula_says() {
        for (scale_us, shape_milli) in [(119_000, 24_800), (7_000, 2_400), (10_000, 1_001), (1_000_000, 200_000)] {
            let table = Pareto::new(scale_us, shape_milli);
            let extremes = [0, 1, (1 << 11) - 1, 1 << 11, 3 << 11, u64::MAX >> 1, (u64::MAX >> 1) + 1, u64::MAX];
            for drawn in (0..10_000).map(|n| draw(1, 2, n)).chain(extremes) {
                let exact = scale_us as f64 / libm::pow(unit(drawn), 1_000.0 / shape_milli as f64);
                let exact = exact.min((u64::MAX >> FINE_BITS) as f64);
                let found = table.sample(drawn) as f64 / f64::from(1 << FINE_BITS);
                assert!(
                    libm::fabs(found / exact - 1.0) < 5e-6,
                    "{scale_us} {shape_milli} {drawn}: {found} for {exact}"
                );
            }
        }
    }
}
