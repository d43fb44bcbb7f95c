//! Axes of charts: what they measure, whether they are logarithmic, and where their ticks are.

use std::ops::Range;

use plotters::coord::ranged1d::{BoldPoints, KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

use super::text::{clean, short};

/// What an axis measures, in the unit of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Microseconds.
    Time,
    Count,
    Percent,
}

/// One axis of a chart.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Without its unit.
    pub(super) label: String,
    /// The head of its column in the data.
    pub(super) column: &'static str,
    measure: Measure,
    /// Begins at the least value and not at zero.
    tight: bool,
    /// May be logarithmic. Places are not, and amounts are: twice as late is not twice as long.
    amounts: bool,
    /// Is in the range, whatever the data are.
    up_to: f64,
    /// Things and no numbers, from the top down.
    pub(super) names: Vec<String>,
}

impl Axis {
    /// An amount of what is measured.
    pub(super) fn of(measure: Measure, label: &str, column: &'static str) -> Axis {
        let (label, amounts) = (label.into(), measure != Measure::Percent);
        Axis { label, column, measure, tight: false, amounts, up_to: 0.0, names: vec![] }
    }

    /// Time since the start of a run.
    pub(super) fn since_start() -> Axis {
        Axis { amounts: false, ..Axis::of(Measure::Time, "time since the start", "at_us") }
    }

    /// The height of blocks, where it is a place and no amount.
    pub(super) fn height() -> Axis {
        Axis { amounts: false, ..Axis::of(Measure::Count, "height", "height") }
    }

    /// Shares from 0 to 100 %.
    pub(super) fn shares(label: &str, column: &'static str) -> Axis {
        Axis { up_to: 100.0, ..Axis::of(Measure::Percent, label, column) }
    }

    /// Things by their names.
    pub(super) fn names(label: &str, column: &'static str, names: Vec<String>) -> Axis {
        Axis { names, amounts: false, tight: true, ..Axis::of(Measure::Count, label, column) }
    }

    /// From the least value on.
    pub(super) fn tight(self) -> Axis {
        Axis { tight: true, amounts: false, ..self }
    }
}

/// The ends and ticks of an axis for its data, on an even line of its own.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    /// Whether steps are factors.
    pub(super) log: bool,
    /// The ends of the line.
    ends: [f64; 2],
    /// Where ticks with names are.
    ticks: Vec<f64>,
    /// Where ticks without names are.
    light: Vec<f64>,
    /// With the unit.
    pub(super) label: String,
    /// On a logarithmic axis: where zero is, left of all that is more.
    zero: f64,
    /// One of the unit that ticks are named in.
    unit: f64,
    measure: Measure,
    names: Vec<String>,
}

/// The span from which on an axis is logarithmic: two decades.
const SPAN: f64 = 100.0;
/// Letters of a thing that have room beside its tick.
const NAME_CHARS: usize = 26;
/// How far left of the least value zero is, in decades.
const ZERO_GAP: f64 = 0.5;

impl Scale {
    /// For these values, of which those count that are numbers; about so many ticks if it is linear.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64> + Clone, ticks: usize) -> Scale {
        let finite = values.filter(|value| value.is_finite());
        let positive = finite.clone().filter(|value| *value > 0.0);
        let (low, high) = (positive.clone().fold(f64::MAX, f64::min), positive.fold(0.0, f64::max));
        if axis.amounts && high >= low * SPAN {
            return Scale::logarithmic(axis, [low, high], finite.fold(high, f64::min) <= 0.0, ticks);
        }
        let least = finite.clone().fold(f64::MAX, f64::min);
        let (low, high) = (if axis.tight { least } else { least.min(0.0) }, finite.fold(axis.up_to, f64::max));
        Scale::linear(axis, low, high, ticks)
    }

    /// From 0 to 1, without ticks.
    pub(super) fn bare() -> Scale {
        Scale { ticks: vec![], ..Scale::linear(&Axis::of(Measure::Percent, "", ""), 0.0, 1.0, 1) }
    }

    fn linear(axis: &Axis, low: f64, high: f64, ticks: usize) -> Scale {
        let (suffix, unit) = match axis.measure {
            Measure::Time => time_unit(high),
            Measure::Percent => ("%", 1.0),
            Measure::Count => ("", 1.0),
        };
        let label = if suffix.is_empty() { axis.label.clone() } else { format!("{} ({suffix})", axis.label) };
        let mut scale = Scale {
            log: false,
            ends: [low / unit, high / unit],
            ticks: vec![],
            light: vec![],
            label,
            zero: 0.0,
            unit,
            measure: axis.measure,
            names: axis.names.clone(),
        };
        if !axis.names.is_empty() {
            let last = axis.names.len() as f64 - 1.0;
            scale.ends = [-0.5, last + 0.5];
            scale.ticks = (0..axis.names.len()).map(|at| at as f64).collect();
            return scale;
        }
        let [low, high] = scale.ends;
        // One value alone, or none at all.
        if high - low <= high.abs().max(low.abs()) * 1e-9 {
            let room = (high.abs() / 20.0).max(0.5);
            scale.ends = if axis.tight && low == high { [low - room, high + room] } else { [0.0, 1.0] };
        }
        let [low, high] = scale.ends;
        scale.ticks = RangedCoordf64::from(low..high).key_points(BoldPoints(ticks));
        if axis.measure == Measure::Count && high - low >= 1.0 {
            scale.ticks.retain(|tick| (tick - tick.round()).abs() < 1e-6);
        }
        // Amounts end at a tick, so that the largest is read as easily as the others.
        if let ([first, second, ..], true) = (&scale.ticks[..], axis.amounts || axis.measure == Measure::Percent) {
            let step = second - first;
            let end = first + ((high - first) / step - 1e-6).ceil() * step;
            if end > high * (1.0 + 1e-9) {
                scale.ticks.push(end);
            }
            scale.ends[1] = end;
        }
        scale
    }

    fn logarithmic(axis: &Axis, [low, high]: [f64; 2], has_zero: bool, ticks: usize) -> Scale {
        // From 3 ms to 45 s: ends at 3 ms and 50 s, ticks at 10 ms to 10 s.
        let digits = |value: f64| (value / power(exponent(value)), power(exponent(value)));
        let (low, high) = (digits(low), digits(high));
        let (low, high) = ((low.0 + 1e-9).floor() * low.1, (high.0 - 1e-9).ceil() * high.1);
        let (first, last) = (exponent(low), exponent(high));
        // Where decades are many, every second has a tick, and so on.
        let step = (last - first) as usize / ticks.max(1) + 1;
        let inside = |value: &f64| (low * 0.999..=high * 1.001).contains(value);
        let ticks = (first..=last).step_by(step).map(power).filter(inside);
        let light = (first..=last).flat_map(|decade| (2..10).map(move |digit| f64::from(digit) * power(decade)));
        let light = if step > 1 { vec![] } else { light.filter(inside).map(f64::log10).collect() };
        let zero = low.log10() - ZERO_GAP;
        let mut scale = Scale {
            log: true,
            ends: [if has_zero { zero } else { low.log10() }, high.log10()],
            ticks: ticks.map(f64::log10).collect(),
            light,
            label: axis.label.clone(),
            zero,
            unit: 1.0,
            measure: axis.measure,
            names: vec![],
        };
        if has_zero {
            scale.ticks.insert(0, zero);
        }
        scale
    }

    /// Where a value is on the line: within its ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let [low, high] = self.ends;
        let at = match self.log {
            _ if !self.names.is_empty() => high - 0.5 - value,
            true if value > 0.0 => value.log10(),
            true => self.zero,
            false => value / self.unit,
        };
        at.clamp(low, high)
    }

    /// What is said beside a tick.
    pub(super) fn name(&self, tick: f64) -> String {
        if !self.names.is_empty() {
            let at = self.ends[1] - 0.5 - tick;
            return self
                .names
                .get(at.round() as usize)
                .map_or_else(String::new, |name| short(&clean(name), NAME_CHARS));
        }
        if !self.log {
            let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(1.0, f64::min);
            let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
            return grouped(&format!("{:.decimals$}", if tick.abs() < step * 1e-6 { 0.0 } else { tick }));
        }
        if tick == self.zero {
            return "0".into();
        }
        let decade = tick.round() as i32;
        match (self.measure, decade) {
            (Measure::Time, ..3) => format!("{} µs", power(decade)),
            (Measure::Time, 3..6) => format!("{} ms", power(decade - 3)),
            (Measure::Time, 6..12) => format!("{} s", grouped(&power(decade - 6).to_string())),
            (Measure::Time, _) => format!("{} s", superscript(decade - 6)),
            (_, ..6) => grouped(&power(decade).to_string()),
            _ => superscript(decade),
        }
    }
}

/// To the library an axis is its even line.
impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, pixels)
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        if hint.weight().allow_light_points() { self.light.clone() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.ends[0]..self.ends[1]
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(tick: &f64) -> String {
        tick.to_string()
    }

    fn format_ext(&self, tick: &f64) -> String {
        self.name(*tick)
    }
}

/// The decade of a value.
fn exponent(value: f64) -> i32 {
    (value.log10() + 1e-9).floor() as i32
}

fn power(exponent: i32) -> f64 {
    10_f64.powi(exponent)
}

/// `10⁷`.
fn superscript(exponent: i32) -> String {
    let digit = |digit: char| {
        digit.to_digit(10).map_or('⁻', |digit| ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize])
    };
    "10".to_string() + &exponent.to_string().chars().map(digit).collect::<String>()
}

/// `12,000`.
fn grouped(number: &str) -> String {
    let (whole, part) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len() - at;
        if left % 3 == 0 && grouped.ends_with(|last: char| last.is_ascii_digit()) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + part
}

/// The unit for times up to `max_us`: its name and its microseconds.
fn time_unit(max_us: f64) -> (&'static str, f64) {
    match max_us {
        us if us < 2e3 => ("µs", 1.0),
        us if us < 2e6 => ("ms", 1e3),
        us if us < 180e6 => ("s", 1e6),
        us if us < 3.0 * 3600e6 => ("min", 60e6),
        us if us < 4.0 * 86_400e6 => ("h", 3600e6),
        _ => ("days", 86_400e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(axis: &Axis, values: &[f64]) -> Scale {
        Scale::new(axis, values.iter().copied(), 6)
    }

    fn names(scale: &Scale) -> Vec<String> {
        scale.ticks.iter().map(|tick| scale.name(*tick)).collect()
    }

    #[test]
    fn two_decades_of_time_or_counts_are_logarithmic_with_ticks_at_powers_of_ten() {
        let time = Axis::of(Measure::Time, "delay", "delay_us");
        let wide = scale(&time, &[3_000.0, 45e6, f64::NAN]);
        assert!(wide.log && wide.label == "delay", "{wide:?}");
        assert_eq!(names(&wide), ["10 ms", "100 ms", "1 s", "10 s"]);
        let ends = wide.ends.map(|end| power(0) * 10_f64.powf(end));
        assert!((ends[0] - 3_000.0).abs() < 1e-6 && (ends[1] - 50e6).abs() < 1e-3, "{ends:?}");
        assert_eq!(wide.light.first().map(|at| 10_f64.powf(*at).round()), Some(3_000.0));
        let count = Axis::of(Measure::Count, "payments", "payments");
        assert_eq!(names(&scale(&count, &[0.0, 1.0, 2e5])), ["0", "1", "10", "100", "1,000", "10,000", "100,000"]);
        assert_eq!(names(&scale(&count, &[1.0, 2e8])), ["1", "100", "10,000", "10⁶", "10⁸"]);
        assert!(!scale(&count, &[1.0, 99.0]).log && scale(&count, &[1.0, 100.0]).log, "two decades decide");
        assert!(scale(&count, &[1.0, 1e18]).ticks.len() < 10, "so many decades do not have a tick each");
        for axis in [Axis::since_start(), Axis::height(), Axis::shares("share", "share"), count.tight()] {
            assert!(!scale(&axis, &[0.001, 100.0]).log, "{axis:?}");
        }
    }

    #[test]
    fn zero_lies_before_all_others_on_a_logarithmic_axis() {
        let count = scale(&Axis::of(Measure::Count, "n", "n"), &[0.0, 5.0, 5_000.0]);
        assert_eq!((count.at(0.0), count.name(count.ends[0])), (count.ends[0], "0".into()));
        assert!(count.at(0.0) < count.at(5.0) && count.at(5.0) < count.at(5_000.0), "{count:?}");
        assert_eq!(count.at(f64::MAX), count.ends[1]);
    }

    #[test]
    fn linear_axes_have_round_ticks_and_one_unit() {
        let time = scale(&Axis::of(Measure::Time, "interval", "us"), &[2e6, 97e6]);
        assert_eq!((time.label.as_str(), time.ends), ("interval (s)", [0.0, 100.0]));
        assert_eq!(names(&time), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(time.at(50e6), 50.0);
        assert_eq!(names(&scale(&Axis::height(), &[1.0, 3.0])), ["0", "1", "2", "3"]);
        let shares = scale(&Axis::shares("share", "share"), &[0.2]);
        assert_eq!((shares.ends, shares.label.as_str()), ([0.0, 100.0], "share (%)"));
        let tight = scale(&Axis::of(Measure::Percent, "rate", "rate").tight(), &[32.5, 33.0]);
        assert_eq!(names(&tight), ["32.5", "32.6", "32.7", "32.8", "32.9", "33.0"]);
        assert_eq!(grouped("-1234567.25"), "-1,234,567.25");
    }

    #[test]
    fn names_go_from_the_top_down() {
        let axis = Axis::names("producer", "producer", ["a", "b", "c"].map(String::from).to_vec());
        let names_of = scale(&axis, &[]);
        assert_eq!(names_of.ends, [-0.5, 2.5]);
        assert_eq!((names_of.at(0.0), names_of.at(2.0)), (2.0, 0.0));
        assert_eq!(names(&names_of), ["c", "b", "a"]);
    }

    #[test]
    fn nonsense_gives_a_scale_all_the_same() {
        // More than any field of a table can have.
        let most = 1e19;
        for values in
            [&[][..], &[0.0], &[7.0], &[-3.0], &[f64::NAN, f64::INFINITY], &[most], &[-most, most], &[1e-9, most]]
        {
            for measure in [Measure::Time, Measure::Count, Measure::Percent] {
                let axis = Axis::of(measure, "x", "x");
                for axis in [axis.clone(), axis.tight(), Axis::height()] {
                    let scale = scale(&axis, values);
                    let [low, high] = scale.ends;
                    assert!(low < high && (high - low).is_finite(), "{values:?} {scale:?}");
                    assert!(scale.ticks.len() < 60 && scale.light.len() < 6_000, "{values:?} {scale:?}");
                    assert!(names(&scale).iter().all(|name| name.len() < 40));
                }
            }
        }
    }
}
