//! How the mean of a metric is written: the unit by its size, the digits by its scatter.

/// Unit and digits for one figure and what belongs to it.
pub(super) struct Scale {
    /// Empty where there is none.
    pub(super) unit: &'static str,
    /// One of the unit, in the base unit.
    pub(super) base: f64,
    decimals: usize,
}

/// The most digits after the point: base units of coins are shown.
const DECIMALS_MAX: usize = 8;

impl Scale {
    /// For a value of this metric in its base unit that is known up to `error`: two digits of it are shown.
    pub(super) fn new(metric: &str, value: f64, error: f64) -> Scale {
        let (unit, base) = match metric {
            "stale_rate" | "reward_share" | "concentration" => ("%", 1e4),
            "balance" | "supply" | "supply_gap" => ("", 1e8),
            "memory" => ("MiB", 1_048_576.0),
            _ if metric == "payment_latency" || metric == "block_interval" || metric.contains("propagation_") => {
                match value {
                    ..1e3 => ("us", 1.0),
                    ..1e6 => ("ms", 1e3),
                    _ => ("s", 1e6),
                }
            }
            _ => ("", 1.0),
        };
        let (mut decimals, mut digits) = (0, error / base);
        while digits < 9.95 && decimals < DECIMALS_MAX {
            digits *= 10.0;
            decimals += 1;
        }
        Scale { unit, base, decimals }
    }

    /// Without its unit.
    pub(super) fn number(&self, value: f64) -> String {
        let text = format!("{:.*}", self.decimals, value / self.base);
        // All digits of what does not scatter are zeros at the end, or mean something.
        match text.contains('.') && self.decimals == DECIMALS_MAX {
            true => text.trim_end_matches('0').trim_end_matches('.').into(),
            false => text,
        }
    }

    /// The value of one run: a count has no digits after the point.
    pub(super) fn whole(&self, value: u64) -> String {
        if self.base == 1.0 { value.to_string() } else { self.number(value as f64) }
    }

    /// `1.23 s`.
    pub(super) fn with_unit(&self, value: f64) -> String {
        let text = self.number(value);
        if self.unit.is_empty() { text } else { format!("{text} {}", self.unit) }
    }
}
