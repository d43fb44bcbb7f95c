//! Plots as SVG: scales with round ticks, lines, bands, bars.

use std::fmt::Write;
use std::ops::Range;

use super::page::escape;

/// The picture in its own units; the page stretches it.
pub(super) const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 48.0;

/// A range of values that lies on a range of pixels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    step: f64,
    pixels: Range<f64>,
}

impl Scale {
    /// From `low` to `high` with about `ticks` round values between, at steps of 1, 2 or 5 times a power of
    /// ten. Nonsense gives the scale from 0 to 1.
    pub(super) fn new(low: f64, high: f64, ticks: u32, pixels: Range<f64>) -> Scale {
        let sound = low.is_finite() && high.is_finite() && high - low > f64::EPSILON * high.abs().max(low.abs());
        let (low, high) = if sound { (low, high) } else { (0.0, 1.0) };
        let rough = (high - low) / f64::from(ticks.max(1));
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough * 0.999);
        Scale { low, high, step: step.unwrap_or(10.0 * power), pixels }
    }

    /// The same, widened to end on ticks.
    fn rounded(self) -> Scale {
        let low = (self.low / self.step + 1e-9).floor() * self.step;
        let high = (self.high / self.step - 1e-9).ceil() * self.step;
        Scale { low, high, ..self }
    }

    /// Where a value lies; what is outside lies at the edge.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let share = if share.is_nan() { 0.0 } else { share };
        self.pixels.start + share * (self.pixels.end - self.pixels.start)
    }

    /// The round values that are named beside it.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step - 1e-9).ceil();
        let count = ((self.high / self.step + 1e-9).floor() - first).clamp(0.0, 50.0) as u32;
        (0..=count).map(|tick| (first + f64::from(tick)) * self.step).collect()
    }

    /// A tick's name, with the decimals that the step has.
    fn name(&self, tick: f64) -> String {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        let text = format!("{tick:.decimals$}");
        if text.trim_start_matches('-').parse() == Ok(0.0) { "0".into() } else { text }
    }
}

/// The unit for times up to `max_us`: its name and its microseconds.
pub(super) fn time_unit(max_us: f64) -> (&'static str, f64) {
    match max_us {
        us if us < 2e3 => ("µs", 1.0),
        us if us < 2e6 => ("ms", 1e3),
        us if us < 180e6 => ("s", 1e6),
        us if us < 3.0 * 3600e6 => ("min", 60e6),
        us if us < 4.0 * 86_400e6 => ("h", 3600e6),
        _ => ("days", 86_400e6),
    }
}

/// One axis: what it says, from where to where.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// With its unit.
    pub(super) label: String,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Axis {
    pub(super) fn new(label: impl Into<String>, low: f64, high: f64) -> Axis {
        Axis { label: label.into(), low, high }
    }
}

/// A picture with two axes.
#[derive(Debug)]
pub(super) struct Plot {
    x: Scale,
    y: Scale,
    x_label: String,
    y_label: String,
    marks: String,
}

impl Plot {
    pub(super) fn new(x: Axis, y: Axis) -> Plot {
        let across = LEFT..WIDTH - RIGHT;
        let up = HEIGHT - BOTTOM..TOP;
        Plot {
            x: Scale::new(x.low, x.high, 8, across),
            y: Scale::new(y.low, y.high, 5, up).rounded(),
            x_label: x.label,
            y_label: y.label,
            marks: String::new(),
        }
    }

    /// A line through points; `title` appears under the pointer.
    pub(super) fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>, title: &str) {
        let points: Vec<_> = points.into_iter().collect();
        let (path, title) = (self.path(points.iter().copied()), escape(title));
        if !path.is_empty() {
            self.mark(format_args!("<path class=\"line {class}\" d=\"{path}\"><title>{title}</title></path>"));
        }
    }

    /// The area between two lines of x by y: both are given as points from one end to the other.
    pub(super) fn band(&mut self, class: &str, one: &[(f64, f64)], other: &[(f64, f64)]) {
        let path = self.path(one.iter().chain(other.iter().rev()).copied());
        if !path.is_empty() {
            self.mark(format_args!("<path class=\"band {class}\" d=\"{path}Z\"/>"));
        }
    }

    /// A bar from 0 to `height` over a range of x.
    pub(super) fn bar(&mut self, class: &str, over: Range<f64>, height: f64, title: &str) {
        let (left, right) = (self.x.at(over.start), self.x.at(over.end));
        let (top, foot) = (self.y.at(height), self.y.at(0.0));
        // A gap between neighbours, as long as something is left.
        let gap = if right - left > 4.0 { 1.0 } else { 0.0 };
        let (left, width, tall, title) = (left + gap, right - left - gap, foot - top, escape(title));
        self.mark(format_args!(
            "<rect class=\"bar {class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{tall:.1}\">\
             <title>{title}</title></rect>"
        ));
    }

    /// A dot at a point; `title` appears under the pointer.
    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), title: &str) {
        let (x, y, title) = (self.x.at(x), self.y.at(y), escape(title));
        self.mark(format_args!(
            "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{title}</title></circle>"
        ));
    }

    /// A dashed line at a value of y, with its name at the right end.
    pub(super) fn rule(&mut self, value: f64, name: &str) {
        let (y, left, right, name) = (self.y.at(value), LEFT, WIDTH - RIGHT, escape(name));
        self.mark(format_args!("<path class=\"rule\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>"));
        let above = if y < TOP + 16.0 { y + 14.0 } else { y - 5.0 };
        self.mark(format_args!(
            "<text class=\"over\" x=\"{:.1}\" y=\"{above:.1}\" text-anchor=\"end\">{name}</text>",
            right - 4.0
        ));
    }

    /// The picture; `about` is read out where it cannot be seen.
    pub(super) fn svg(self, about: &str) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n<path class=\"grid\" d=\"",
            escape(about)
        );
        let (left, right, foot) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut names = String::new();
        // Writing to a string does not fail.
        for tick in self.y.ticks() {
            let y = self.y.at(tick);
            let _ = write!(svg, "M{left:.1} {y:.1}H{right:.1}");
            let (x, y) = (left - 8.0, y + 4.0);
            let name = self.y.name(tick);
            let _ = writeln!(names, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{name}</text>");
        }
        let _ = writeln!(svg, "\"/>");
        svg += &self.marks;
        let _ = write!(svg, "<path class=\"axis\" d=\"M{left:.1} {foot:.1}H{right:.1}");
        for tick in self.x.ticks() {
            let (x, y) = (self.x.at(tick), foot + 18.0);
            let _ = write!(svg, "M{x:.1} {foot:.1}v4");
            let _ =
                writeln!(names, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", self.x.name(tick));
        }
        let _ = writeln!(svg, "\"/>");
        svg += &names;
        let (middle, low, half) = ((left + right) / 2.0, HEIGHT - 8.0, (TOP + foot) / 2.0);
        let (x_label, y_label) = (escape(&self.x_label), escape(&self.y_label));
        let _ = writeln!(svg, "<text x=\"{middle:.1}\" y=\"{low:.1}\" text-anchor=\"middle\">{x_label}</text>");
        let _ = writeln!(
            svg,
            "<text transform=\"translate(14 {half:.1}) rotate(-90)\" text-anchor=\"middle\">{y_label}</text>\n</svg>"
        );
        svg
    }

    fn path(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in points {
            let (x, y) = (self.x.at(x), self.y.at(y));
            // Writing to a string does not fail.
            let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
        }
        path
    }

    fn mark(&mut self, mark: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.marks, "{mark}");
    }
}

/// At most `most` of the points, the first and the last among them.
pub(super) fn thin<T: Copy>(points: &[T], most: usize) -> Vec<T> {
    if points.len() <= most || most < 2 {
        return points.to_vec();
    }
    (0..most).map(|at| points[at * (points.len() - 1) / (most - 1)]).collect()
}

/// The value that a share of the values, from 0 to 1, does not exceed; they are in order. None of none.
pub(super) fn quantile(sorted: &[u64], share: f64) -> Option<u64> {
    let at = (share * sorted.len().checked_sub(1)? as f64).round() as usize;
    sorted.get(at).copied()
}
