//! Draws charts as SVG with plotters.

use std::io;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::axis::Scale;
use super::chart::{Chart, Datum, Layer, Look, Mark, Panel};
use super::text::{clean, short};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Frame<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Scale, Scale>>;
type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// Pixels of the library for one of the page: it knows whole ones only.
const FINE: u32 = 2;
/// The width of a chart on the page,
const WIDTH: u32 = 900;
/// and of an entry of its legend: beside one panel, above several.
const ENTRY: [u32; 2] = [262, WIDTH / 3];
const ENTRY_HEIGHT: u32 = 28;
const ENTRY_CHARS: usize = 32;
const SAMPLE: u32 = 44;
/// Heights of one panel, alone and among others, and of a row of one thing.
const ALONE: u32 = 330;
const AMONG: u32 = 240;
const ROW: u32 = 24;
const TITLE_CHARS: usize = 36;
const MOMENT_CHARS: usize = 20;
/// The room for ticks and labels below and beside a panel.
const BELOW: u32 = 54;
const BESIDE: u32 = 84;
const BESIDE_NAMES: u32 = 210;
const TEXT: u32 = 17;

const GRID: RGBColor = RGBColor(222, 222, 222);
const FINE_GRID: RGBColor = RGBColor(243, 243, 243);

impl Look {
    /// After Okabe and Ito: told apart by colour-blind readers and in grey.
    pub(super) fn colour(self) -> RGBColor {
        match self {
            Look::First => RGBColor(0, 90, 160),
            Look::Second => RGBColor(213, 94, 0),
            Look::Wanted => BLACK,
            Look::Ghost => RGBColor(175, 175, 175),
        }
    }

    /// The length of its dashes and of what is between them.
    fn dashes(self) -> Option<(u32, u32)> {
        match self {
            Look::First | Look::Ghost => None,
            Look::Second => Some((10, 5)),
            Look::Wanted => Some((3, 5)),
        }
    }
}

/// A part of a chart: left, top, width, height, in pixels of the page.
type Part = [u32; 4];

/// Where everything of a chart is: nothing is upon anything else.
#[derive(Debug)]
struct Layout {
    columns: usize,
    rows: usize,
    panels: Part,
    /// An entry each.
    legend: Vec<Part>,
}

impl Layout {
    fn new(chart: &Chart) -> Layout {
        let several = chart.panels.len() > 1;
        let columns = match chart.panels.len() {
            0 | 1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let rows = chart.panels.len().div_ceil(columns).max(1);
        let row = match (chart.y.names.len() as u32, several) {
            (1.., _) => chart.y.names.len() as u32 * ROW + BELOW + 20,
            (0, false) => ALONE,
            (0, true) => AMONG,
        };
        let (entries, width) = (chart.legend().len() as u32, ENTRY[usize::from(several)]);
        let height = row * rows as u32;
        if several {
            let entry = |at: u32| [at % 3 * width, at / 3 * ENTRY_HEIGHT, width, ENTRY_HEIGHT];
            let panels = [0, entries.div_ceil(3) * ENTRY_HEIGHT, WIDTH, height];
            return Layout { columns, rows, panels, legend: (0..entries).map(entry).collect() };
        }
        let panels = [0, 0, if entries > 0 { WIDTH - width } else { WIDTH }, height];
        let entry = |at: u32| [WIDTH - width, at * ENTRY_HEIGHT, width, ENTRY_HEIGHT];
        Layout { columns, rows, panels, legend: (0..entries).map(entry).collect() }
    }

    fn height(&self) -> u32 {
        self.legend.iter().chain([&self.panels]).map(|part| part[1] + part[3]).max().unwrap_or(ALONE)
    }
}

fn part<'a>(root: &Area<'a>, [left, top, width, height]: Part) -> Area<'a> {
    root.clone().shrink((left * FINE, top * FINE), (width * FINE, height * FINE))
}

/// The picture.
///
/// # Errors
/// The library's, in one line.
pub(super) fn svg(chart: &Chart) -> Result<String, String> {
    let mut svg = String::new();
    let layout = Layout::new(chart);
    let root = SVGBackend::with_string(&mut svg, (WIDTH * FINE, layout.height() * FINE)).into_drawing_area();
    let drawn = draw(chart, &layout, &root);
    drop(root);
    drawn.map_err(|error| format!("it cannot be drawn: {error}"))?;
    Ok(svg)
}

fn draw(chart: &Chart, layout: &Layout, root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    let ticks = if layout.columns == 1 { (8, 6) } else { (4, 6) };
    let (x, y) = chart.scales(ticks);
    let panels = part(root, layout.panels).split_evenly((layout.rows, layout.columns));
    for (at, (area, of)) in panels.iter().zip(&chart.panels).enumerate() {
        // A label at each edge is enough for all.
        let (below, beside) = (at + layout.columns >= chart.panels.len(), at % layout.columns == 0);
        panel(chart, of, area, (&x, &y), (below, beside))?;
    }
    for (layer, [left, top, width, height]) in chart.legend().into_iter().zip(&layout.legend) {
        sample(layer, &part(root, [left + 14, top + 7, SAMPLE, height - 12]))?;
        let words = part(root, [left + SAMPLE + 22, top + 6, width - SAMPLE - 22, height - 6]);
        words.draw_text(&short(&clean(&layer.name), ENTRY_CHARS), &text(TEXT, &BLACK), (0, 0))?;
    }
    root.present()
}

fn text(size: u32, colour: &RGBColor) -> TextStyle<'static> {
    ("sans-serif", size * FINE).into_font().color(colour)
}

fn panel(
    chart: &Chart,
    panel: &Panel,
    area: &Area<'_>,
    (x, y): (&Scale, &Scale),
    (below, beside): (bool, bool),
) -> Drawn {
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(10 * FINE).margin_right(16 * FINE).x_label_area_size(BELOW * FINE);
    builder.y_label_area_size(FINE * if chart.y.names.is_empty() { BESIDE } else { BESIDE_NAMES });
    if !panel.title.is_empty() {
        builder.caption(short(&clean(&panel.title), TITLE_CHARS), text(TEXT, &BLACK));
    }
    let mut frame = builder.build_cartesian_2d(x.clone(), y.clone())?;
    let said = |said: bool, scale: &Scale| if said { clean(&scale.label) } else { String::new() };
    let style = text(TEXT, &BLACK);
    frame
        .configure_mesh()
        .x_desc(said(below, x))
        .y_desc(said(beside, y))
        .label_style(text(TEXT - 1, &BLACK))
        .axis_desc_style(style)
        .axis_style(BLACK.stroke_width(FINE))
        .bold_line_style(GRID.stroke_width(FINE))
        .light_line_style(FINE_GRID.stroke_width(FINE))
        .draw()?;
    moments(&mut frame, chart, x)?;
    // Areas first, so that no line is behind one.
    let (areas, others): (Vec<_>, Vec<_>) = panel.layers.iter().partition(|layer| layer.mark == Mark::Band);
    for layer in areas.into_iter().chain(others) {
        let place = |datum: &Datum| Datum { x: datum.x.map(|value| x.at(value)), y: datum.y.map(|value| y.at(value)) };
        mark(&mut frame, layer, &layer.data.iter().map(place).collect::<Vec<_>>())?;
    }
    if panel.layers.iter().all(|layer| layer.data.is_empty()) {
        let (width, height) = frame.plotting_area().dim_in_pixel();
        let at = (width as i32 / 2 - 40 * FINE as i32, height as i32 / 2);
        frame.plotting_area().strip_coord_spec().draw_text("no data", &text(TEXT, &BLACK), at)?;
    }
    Ok(())
}

/// Draws a line for each moment, with its name where that has room.
fn moments(frame: &mut Frame<'_>, chart: &Chart, x: &Scale) -> Drawn {
    let [low, high] = [frame.y_range().start, frame.y_range().end];
    let stroke = Look::Ghost.colour().stroke_width(FINE);
    let (width, _) = frame.plotting_area().dim_in_pixel();
    let range = frame.x_range().end - frame.x_range().start;
    let mut free_from = f64::MIN;
    for (at, name) in &chart.moments {
        let at = x.at(*at);
        frame.draw_series([DashedPathElement::new([(at, low), (at, high)], 2 * FINE, 3 * FINE, stroke)])?;
        if at >= free_from {
            let style = text(TEXT - 4, &BLACK).transform(FontTransform::Rotate90);
            frame.draw_series([Text::new(short(&clean(name), MOMENT_CHARS), (at, high), style)])?;
            free_from = at + range * f64::from((TEXT - 2) * FINE) / f64::from(width.max(1));
        }
    }
    Ok(())
}

/// What a layer looks like, for the legend.
fn sample(layer: &Layer, area: &Area<'_>) -> Drawn {
    let mut frame = ChartBuilder::on(area).build_cartesian_2d(Scale::bare(), Scale::bare())?;
    let data: Vec<Datum> = match layer.mark {
        Mark::Points => vec![(0.5, 0.5).into()],
        Mark::Band => vec![(0.0, [0.0, 1.0]).into(), (1.0, [0.0, 1.0]).into()],
        Mark::Bars => vec![([0.2, 0.8], 1.0).into()],
        Mark::Line | Mark::Steps => vec![(0.0, 0.5).into(), (1.0, 0.5).into()],
        Mark::Intervals => vec![([0.0, 1.0], 0.5).into()],
    };
    mark(&mut frame, layer, &data)
}

/// Draws a layer whose data are places of the frame.
fn mark(frame: &mut Frame<'_>, layer: &Layer, data: &[Datum]) -> Drawn {
    let (colour, foot) = (layer.look.colour(), frame.y_range().start);
    let lows = || data.iter().map(|datum| (datum.x[0], datum.y[0]));
    let highs = || data.iter().map(|datum| (datum.x[1], datum.y[1]));
    match layer.mark {
        // One point has no line.
        Mark::Line if data.len() == 1 => points(frame, layer.look, lows()),
        Mark::Points => points(frame, layer.look, lows()),
        Mark::Line => line(frame, layer.look, lows().collect()),
        Mark::Steps => {
            let next = data.iter().skip(1).map(|datum| datum.x[0]).chain(data.last().map(|datum| datum.x[1]));
            let ends = data.iter().zip(next).flat_map(|(datum, next)| [(datum.x[0], datum.y[0]), (next, datum.y[0])]);
            line(frame, layer.look, ends.collect())
        }
        Mark::Band if data.len() > 1 => {
            let around: Vec<_> = lows().chain(highs().rev()).collect();
            frame.draw_series([Polygon::new(around, colour.mix(0.22).filled())]).map(drop)
        }
        Mark::Band | Mark::Intervals => {
            let stroke = colour.stroke_width(FINE * 2);
            frame.draw_series(lows().zip(highs()).map(|(low, high)| PathElement::new([low, high], stroke))).map(drop)
        }
        Mark::Bars => {
            let bar = |datum: &Datum| {
                let mut bar = Rectangle::new([(datum.x[0], foot), (datum.x[1], datum.y[1])], colour.mix(0.75).filled());
                bar.set_margin(0, 0, FINE / 2, FINE / 2);
                bar
            };
            frame.draw_series(data.iter().map(bar)).map(drop)
        }
    }
}

fn line(frame: &mut Frame<'_>, look: Look, points: Vec<(f64, f64)>) -> Drawn {
    let stroke = look.colour().stroke_width(FINE * 2);
    match look.dashes() {
        None => frame.draw_series([PathElement::new(points, stroke)]).map(drop),
        Some((dash, gap)) => {
            let dashed = DashedPathElement::new(points, dash * FINE, gap * FINE, stroke);
            frame.draw_series([dashed]).map(drop)
        }
    }
}

fn points(frame: &mut Frame<'_>, look: Look, points: impl Iterator<Item = (f64, f64)>) -> Drawn {
    let (colour, size) = (look.colour(), 4 * FINE);
    match look {
        Look::First | Look::Ghost => {
            frame.draw_series(points.map(|at| Circle::new(at, size, colour.filled()))).map(drop)
        }
        Look::Second => {
            frame.draw_series(points.map(|at| TriangleMarker::new(at, size + 2, colour.filled()))).map(drop)
        }
        Look::Wanted => {
            frame.draw_series(points.map(|at| Cross::new(at, size, colour.stroke_width(FINE * 2)))).map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::{Axis, Measure};
    use super::*;

    fn chart(panels: usize, layers: usize) -> Chart {
        let (x, y) = (Axis::of(Measure::Time, "delay", "delay_us"), Axis::of(Measure::Count, "blocks", "blocks"));
        let marks = [Mark::Line, Mark::Steps, Mark::Band, Mark::Bars, Mark::Points, Mark::Intervals];
        let looks = [Look::First, Look::Second, Look::Wanted, Look::Ghost];
        let data = || [([1.0, 5.0], 3.0), ([9.0, 5_000.0], 700.0)];
        let layer = |at: usize| Layer::new(marks[at % 6], looks[at % 4], &format!("<series> & {at}\u{1}"), data());
        let panel = |at: usize| Panel { title: format!("\"<{at}>\""), layers: (0..layers).map(layer).collect() };
        Chart { panels: (0..panels).map(panel).collect(), ..Chart::new("x", "X", x, y, vec![]) }
    }

    #[test]
    fn no_part_of_a_chart_lies_over_another() {
        for (panels, layers) in [(1, 1), (1, 2), (1, 6), (2, 3), (4, 6), (10, 5)] {
            let layout = Layout::new(&chart(panels, layers));
            assert_eq!(layout.legend.len(), if layers > 1 { layers } else { 0 });
            let parts: Vec<Part> = layout.legend.iter().copied().chain([layout.panels]).collect();
            for (at, [left, top, width, height]) in parts.iter().enumerate() {
                assert!(left + width <= WIDTH && top + height <= layout.height(), "{layout:?}");
                for [l, t, w, h] in &parts[..at] {
                    let apart = l + w <= *left || left + width <= *l || t + h <= *top || top + height <= *t;
                    assert!(apart, "{panels} {layers}: {layout:?}");
                }
            }
            assert!(layout.rows * layout.columns >= panels);
        }
    }

    #[test]
    fn what_is_drawn_stays_in_the_part_of_its_panel() {
        let mut chart = chart(1, 2);
        let data = (0..1_000).map(|at| (f64::from(at), 1e9 * f64::from(at % 7)));
        chart.panels[0].layers[0] = Layer::new(Mark::Line, Look::First, "a", data);
        let svg = svg(&chart).expect("a picture");
        let line = svg.lines().filter(|line| line.contains("points=\"")).max_by_key(|line| line.len()).expect("a line");
        let points = line.split("points=\"").nth(1).and_then(|points| points.split('"').next()).expect("points");
        let [left, top, width, height] = Layout::new(&chart).panels.map(|pixels| pixels * FINE);
        for point in points.split_whitespace() {
            let (x, y) = point.split_once(',').expect("two numbers");
            let (x, y): (u32, u32) = (x.parse().expect("a number"), y.parse().expect("a number"));
            assert!((left..=left + width).contains(&x) && (top..=top + height).contains(&y), "{point}");
        }
    }

    #[test]
    fn pictures_are_sound_xml_and_the_same_twice() {
        for (panels, layers) in [(0, 0), (1, 0), (1, 6), (10, 6)] {
            let chart = chart(panels, layers);
            let svg = svg(&chart).expect("a picture");
            assert_eq!(Ok(&svg), super::svg(&chart).as_ref());
            let mut reader = quick_xml::Reader::from_str(&svg);
            while !matches!(reader.read_event().expect("well-formed"), quick_xml::events::Event::Eof) {}
            assert!(!svg.contains("<series>") && !svg.contains("<0>") && !svg.contains('\u{1}'), "{svg}");
            assert_eq!(svg.contains("&lt;series&gt; &amp; 1\u{fffd}"), layers > 0, "{svg}");
            assert_eq!(svg.contains("no data"), panels > 0 && layers == 0);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn looks_are_told_apart_without_colours() {
        let one = |mark, look| {
            let layer = Layer::new(mark, look, "a", [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]);
            let svg = svg(&Chart { panels: vec![Panel { title: String::new(), layers: vec![layer] }], ..chart(1, 0) });
            let svg = svg.expect("a picture");
            let colour = look.colour();
            svg.replace(&format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2), "")
        };
        for mark in [Mark::Line, Mark::Points] {
            let all = [Look::First, Look::Second, Look::Wanted].map(|look| one(mark, look));
            assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{mark:?}");
        }
    }
}
