//! The figures of `summary.json` by name, as people read them.

use fika_core::amount::Amount;
use serde_json::{Map, Value};

use crate::results::{Replicas, Statistics, bytes, duration, share};

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// `propagation 90`, `payments confirmed`.
    pub(super) name: String,
    /// With its unit.
    pub(super) text: String,
    /// In its base unit, if it is a number.
    pub(super) value: Option<f64>,
}

/// All numbers, truth values and words of a summary, whatever they are named, so that figures that are added
/// later show up by themselves.
pub(super) fn figures(summary: &Map<String, Value>) -> Vec<Figure> {
    let mut figures = Vec::new();
    collect(summary, "", &mut figures);
    figures.sort_by_cached_key(|figure| natural(&figure.name));
    figures
}

/// The means of several runs with their standard errors.
pub(super) fn means(replicas: &Replicas) -> Vec<Figure> {
    let figure = |figure: &Statistics| {
        let on = figure.on.as_ref().map_or(String::new(), |node| format!(" on {node}"));
        Figure { name: figure.metric.replace('_', " ") + &on, text: figure.show(), value: Some(figure.mean) }
    };
    replicas.figures.iter().map(figure).collect()
}

/// A key that sorts numbers within names by their size: 50 before 100.
fn natural(name: &str) -> String {
    let word = |word: &str| word.parse::<u64>().map_or_else(|_| word.to_string(), |number| format!("{number:020}"));
    name.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What is said elsewhere on the page.
const ELSEWHERE: [&str; 6] = ["name", "seed", "engine", "proof", "results", "tip"];

fn collect(map: &Map<String, Value>, within: &str, figures: &mut Vec<Figure>) {
    for (key, value) in map {
        if within.is_empty() && ELSEWHERE.contains(&key.as_str()) {
            continue;
        }
        let path = match within {
            "" => key.clone(),
            // The keys are depths.
            "reorgs" => format!("reorganisations of depth {key}"),
            _ => format!("{within} {key}"),
        };
        match value {
            Value::Object(inner) if within.matches(' ').count() < 3 => collect(inner, &path, figures),
            Value::Number(number) => figures.push(figure(&path, number)),
            Value::Bool(truth) => figures.push(word(&path, if *truth { "yes" } else { "no" })),
            Value::String(text) => figures.push(word(&path, &text.replace('_', " "))),
            _ => {}
        }
    }
}

/// Shows a whole number with its unit.
type Show = fn(u64) -> String;

/// How a name tells the unit.
const UNITS: [(&str, Show); 3] = [("_us", duration), ("_ppm", share), ("_bytes", bytes)];

fn word(path: &str, text: &str) -> Figure {
    Figure { name: path.replace('_', " "), text: text.into(), value: None }
}

fn figure(path: &str, number: &serde_json::Number) -> Figure {
    let value = number.as_f64();
    let unit = UNITS.into_iter().find_map(|(ending, show)| path.strip_suffix(ending).map(|name| (name, show)));
    // The mean of replicas may lie between the units.
    let whole = number.as_u64().or_else(|| value.filter(|value| *value >= 0.0).map(|value| value.round() as u64));
    let (name, text) = match (unit, whole) {
        (Some((name, show)), Some(whole)) => (name, show(whole)),
        (None, Some(whole)) if path.starts_with("coins ") => (path, Amount(whole).to_string()),
        (None, Some(whole)) if path.ends_with(" bytes") => (path, bytes(whole)),
        _ => (path, number.to_string()),
    };
    Figure { name: name.replace('_', " "), text, value }
}

/// How far one figure is from another: `+12.5 %`. None where nothing can be divided.
pub(super) fn difference(of: &Figure, from: &Figure) -> Option<String> {
    let (of, from) = (of.value?, from.value?);
    match (of - from) / from * 100.0 {
        0.0 => Some("0 %".into()),
        percent if percent.is_finite() => Some(format!("{percent:+.1} %")),
        _ if of == from => Some("0 %".into()),
        _ => None,
    }
}
