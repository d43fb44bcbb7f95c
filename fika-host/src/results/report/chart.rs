//! A chart as data: panels with layers over shared axes, and its table.

use std::fmt::Write;

use super::axis::{Axis, Scale};

/// Points of a layer: of more, the lowest and the highest of each stretch are kept.
pub(super) const POINTS: usize = 600;

/// The most moments of a chart.
const MOMENTS: usize = 200;

/// Two axes, and one panel or several.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// Of its files.
    pub(super) name: String,
    /// Above it, and read out where it cannot be seen.
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) panels: Vec<Panel>,
    /// Places across that have a name: a line from the bottom to the top in each panel.
    pub(super) moments: Vec<(f64, String)>,
}

/// What shares one frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Panel {
    /// Empty if it is the only one.
    pub(super) title: String,
    pub(super) layers: Vec<Layer>,
}

/// One series.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// What the legend says.
    pub(super) name: String,
    pub(super) mark: Mark,
    /// Which colour, dashes and markers.
    pub(super) look: Look,
    pub(super) data: Vec<Datum>,
}

/// How a datum is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A line through all.
    Line,
    /// A line that keeps its height until the next one.
    Steps,
    /// The area between their lower and their upper ends.
    Band,
    /// From the foot up.
    Bars,
    /// A marker for each.
    Points,
    /// A line from one end to the other, for each.
    Intervals,
}

/// Told apart by dashes and markers as well as by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// What the chart is about: solid, discs.
    First,
    /// What is set beside it: dashed, crosses.
    Second,
    /// What is wanted or expected: black dots.
    Wanted,
    /// Grey: others, for comparison.
    Ghost,
}

/// A place, or a stretch in one direction or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Datum {
    pub(super) x: [f64; 2],
    pub(super) y: [f64; 2],
}

impl From<(f64, f64)> for Datum {
    fn from((x, y): (f64, f64)) -> Datum {
        Datum { x: [x; 2], y: [y; 2] }
    }
}

impl From<([f64; 2], f64)> for Datum {
    fn from((x, y): ([f64; 2], f64)) -> Datum {
        Datum { x, y: [y; 2] }
    }
}

impl From<(f64, [f64; 2])> for Datum {
    fn from((x, y): (f64, [f64; 2])) -> Datum {
        Datum { x: [x; 2], y }
    }
}

impl Layer {
    /// What is no number is left out.
    pub(super) fn new<D: Into<Datum>>(mark: Mark, look: Look, name: &str, data: impl IntoIterator<Item = D>) -> Layer {
        let finite = |datum: &Datum| datum.x.iter().chain(&datum.y).all(|value| value.is_finite());
        let data = thin(data.into_iter().map(Into::into).filter(finite));
        Layer { name: name.into(), mark, look, data }
    }
}

/// At most [`POINTS`], peaks among them, in little memory however many there are.
fn thin(data: impl Iterator<Item = Datum>) -> Vec<Datum> {
    // The lowest and the highest of each stretch of `length`, with their numbers.
    let mut stretches: Vec<[(usize, Datum); 2]> = vec![];
    let mut length = 1;
    let join = |[low, high]: [(usize, Datum); 2], [other_low, other_high]: [(usize, Datum); 2]| {
        let low = if other_low.1.y[1] < low.1.y[1] { other_low } else { low };
        [low, if other_high.1.y[1] >= high.1.y[1] { other_high } else { high }]
    };
    for point in data.enumerate() {
        if point.0 % length > 0 {
            stretches.last_mut().into_iter().for_each(|last| *last = join(*last, [point; 2]));
            continue;
        }
        if stretches.len() == POINTS / 2 {
            stretches = stretches.as_chunks().0.iter().map(|[one, next]| join(*one, *next)).collect();
            length *= 2;
        }
        stretches.push([point; 2]);
    }
    let ends = stretches.into_iter().flat_map(|[low, high]| if low.0 < high.0 { [low, high] } else { [high, low] });
    let mut ends: Vec<(usize, Datum)> = ends.collect();
    ends.dedup_by_key(|(number, _)| *number);
    ends.into_iter().map(|(_, datum)| datum).collect()
}

impl Chart {
    /// With one panel.
    pub(super) fn new(name: &str, title: &str, x: Axis, y: Axis, layers: Vec<Layer>) -> Chart {
        let panels = vec![Panel { title: String::new(), layers }];
        Chart { name: name.into(), title: title.into(), x, y, panels, moments: vec![] }
    }

    /// The same with moments, where time goes across.
    pub(super) fn marked(self, moments: impl Iterator<Item = (f64, String)>) -> Chart {
        Chart { moments: moments.take(MOMENTS).collect(), ..self }
    }

    /// The layers that a legend names: each name once. None if there is nothing to tell apart.
    pub(super) fn legend(&self) -> Vec<&Layer> {
        let mut named: Vec<&Layer> = vec![];
        for layer in self.panels.iter().flat_map(|panel| &panel.layers) {
            if !named.iter().any(|known| known.name == layer.name) {
                named.push(layer);
            }
        }
        if named.len() < 2 { vec![] } else { named }
    }

    /// The scales that all panels share, with about so many ticks.
    pub(super) fn scales(&self, (across, up): (usize, usize)) -> (Scale, Scale) {
        let layers = || self.panels.iter().flat_map(|panel| &panel.layers);
        // Bars stand on zero.
        let foot = layers().any(|layer| layer.mark == Mark::Bars).then_some(0.0);
        let moments = self.moments.iter().map(|(at, _)| *at);
        let x = layers().flat_map(|layer| &layer.data).flat_map(|datum| datum.x).chain(moments);
        let y = layers().flat_map(|layer| &layer.data).flat_map(|datum| datum.y).chain(foot);
        (Scale::new(&self.x, x, across), Scale::new(&self.y, y, up))
    }

    /// What is drawn, as a table: times in microseconds.
    pub(super) fn csv(&self) -> String {
        let panels = self.panels.len() > 1;
        let all = || self.panels.iter().flat_map(|panel| panel.layers.iter().flat_map(|layer| &layer.data));
        let wide = [all().any(|datum| datum.x[0] != datum.x[1]), all().any(|datum| datum.y[0] != datum.y[1])];
        let mut csv = if panels { "panel,series".to_string() } else { "series".to_string() };
        // Writing to a string does not fail.
        for (axis, wide) in [&self.x, &self.y].into_iter().zip(wide) {
            let column = axis.column;
            let _ = if wide { write!(csv, ",{column}_from,{column}_to") } else { write!(csv, ",{column}") };
        }
        csv.push('\n');
        for (panel, layer) in self.panels.iter().flat_map(|panel| panel.layers.iter().map(move |layer| (panel, layer)))
        {
            for datum in &layer.data {
                if panels {
                    csv += &format!("{},", field(&panel.title));
                }
                csv += &field(&layer.name);
                for ((axis, wide), ends) in [&self.x, &self.y].into_iter().zip(wide).zip([datum.x, datum.y]) {
                    for value in &ends[..1 + usize::from(wide)] {
                        let _ = match axis.names.get(*value as usize) {
                            Some(name) => write!(csv, ",{}", field(name)),
                            None => write!(csv, ",{value}"),
                        };
                    }
                }
                csv.push('\n');
            }
        }
        csv
    }
}

/// A field of CSV: in quotes if it has to be.
pub(super) fn field(text: &str) -> String {
    let bare = !text.contains([',', '"', '\n', '\r']);
    if bare { text.into() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Measure;
    use super::*;

    fn axes() -> (Axis, Axis) {
        (Axis::of(Measure::Time, "delay", "delay_us"), Axis::of(Measure::Count, "blocks", "blocks"))
    }

    #[test]
    fn the_table_is_what_is_drawn() {
        let (x, y) = axes();
        let line = Layer::new(
            Mark::Line,
            Look::First,
            "a, \"b\"",
            [(1.0, 2.0), (f64::NAN, 1.0), (2.5, f64::INFINITY), (3.0, 4.0)],
        );
        let mut chart = Chart::new("x", "X", x, y, vec![line]);
        assert_eq!(chart.csv(), "series,delay_us,blocks\n\"a, \"\"b\"\"\",1,2\n\"a, \"\"b\"\"\",3,4\n");
        let band = Layer::new(Mark::Band, Look::First, "band", [([1.0, 2.0], 50.0)]);
        chart.panels.push(Panel { title: "p".into(), layers: vec![band] });
        assert!(
            chart.csv().starts_with("panel,series,delay_us_from,delay_us_to,blocks\n,\"a, \"\"b\"\"\",1,1,2\n"),
            "{}",
            chart.csv()
        );
        assert!(chart.csv().ends_with("\np,band,1,2,50\n"), "{}", chart.csv());
        chart.y = Axis::names("producer", "producer", vec!["n0".into(), "n1".into()]);
        chart.panels[0].layers = vec![Layer::new(Mark::Points, Look::First, "s", [(7.0, 1.0)])];
        assert!(chart.csv().contains("\n,s,7,7,n1\n"), "{}", chart.csv());
    }

    #[test]
    fn a_million_points_are_thinned_and_peaks_stay() {
        let data = (0..1_000_000).map(|at| (f64::from(at), if at == 777_777 { 1e6 } else { f64::from(at % 7) }));
        let layer = Layer::new(Mark::Line, Look::First, "", data);
        assert!(layer.data.len() <= POINTS && layer.data.is_sorted_by(|a, b| a.x[0] < b.x[0]));
        assert!(layer.data.contains(&Datum::from((777_777.0, 1e6))));
        let few = || (0..POINTS as u32).map(|at| (f64::from(at), f64::from(at % 7)));
        assert!(Layer::new(Mark::Line, Look::First, "", few()).data.into_iter().eq(few().map(Datum::from)));
    }

    #[test]
    fn one_series_alone_needs_no_legend() {
        let (x, y) = axes();
        let layer = |name: &str| Layer::new(Mark::Line, Look::First, name, [(1.0, 2.0)]);
        let chart = |layers| Chart::new("x", "X", x.clone(), y.clone(), layers);
        assert_eq!(chart(vec![layer("a"), layer("a")]).legend().len(), 0);
        assert_eq!(chart(vec![layer("a"), layer("b"), layer("a")]).legend().len(), 2);
    }
}
