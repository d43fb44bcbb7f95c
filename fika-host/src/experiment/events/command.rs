//! Actions as a line: `partition a,b | c,d`, `kill a`, `link a b latency=100ms`.

use super::super::Experiment;
use super::super::reader::Fields;
use super::super::schema;
use super::super::source::{Item, Problems};
use super::action::Action;
use super::reader::{Known, TIMES};
use crate::limits::shortened;

/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 8 << 10;

impl Action {
    /// Reads a line. It is read as the entry of `[[events]]` that it stands for.
    ///
    /// # Errors
    /// In one line, what is wrong.
    pub(crate) fn parse(line: &str, experiment: &Experiment) -> Result<Action, String> {
        if line.len() > LINE_BYTES_MAX {
            return Err(format!("expected at most {LINE_BYTES_MAX} bytes"));
        }
        let problems = Problems::default();
        let table = Item::table(entries(line)?);
        let find = |name: &str| experiment.node(name);
        let known = Known { nodes: &experiment.nodes, links: &experiment.links, find: &find, complete: true };
        let fields = Fields::new(&schema::EVENTS, Some(&table), None, &problems);
        let action = known.action(&fields, &problems);
        match (problems.first(), action) {
            (Some(why), _) => Err(why),
            (None, Some((action, None))) => Ok(action),
            (None, _) => Err(format!("expected one node, found '{}'", shortened(line))),
        }
    }
}

/// The keys of the table that a line stands for.
fn entries(line: &str) -> Result<Vec<(String, Item)>, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let mut words: Vec<&str> = rest.split_whitespace().collect();
    let mut word = word.replace('-', "_");
    // `link down a b`.
    if word == "link" && words.first().is_some_and(|next| ["down", "up"].contains(next)) {
        word = format!("{word}_{}", words.remove(0));
    }
    let mut entries = vec![("do".to_string(), Item::text(word.as_str()))];
    if word == "partition" {
        let names = |group: &str| {
            let names = group.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
            Item::list(names.map(Item::text))
        };
        entries.push(("groups".into(), Item::list(rest.split('|').map(names))));
        return Ok(entries);
    }
    let places: &[&str] = match word.as_str() {
        "link" | "link_down" | "link_up" => &["a", "b"],
        "pay" => &["from", "to", "amount", "fee"],
        "hash_rate" => &["node", "hash_rate"],
        "heal" => &[],
        _ => &["node"],
    };
    let mut places = places.iter();
    while !words.is_empty() {
        let first = words.remove(0);
        let (key, value) = match first.split_once('=') {
            Some((key, value)) => (key, value),
            None => {
                let place = places.next();
                (*place.ok_or_else(|| format!("'{word}': expected nothing more, found '{}'", shortened(first)))?, first)
            }
        };
        // `5 kH/s` is one value.
        let mut value = value.to_string();
        if value.ends_with(|last: char| last.is_ascii_digit())
            && let Some(unit) = words.first().filter(|unit| is_unit(unit))
        {
            value += unit;
            words.remove(0);
        }
        let key = key.replace('-', "_");
        if TIMES.contains(&key.as_str()) {
            return Err(format!("'{key}': what is done by hand happens at once, and once"));
        }
        if entries.iter().any(|(other, _)| *other == key) {
            return Err(format!("'{key}': expected it once"));
        }
        entries.push((key, Item::text(value)));
    }
    Ok(entries)
}

fn is_unit(word: &str) -> bool {
    use crate::quantity::{BITS, BYTES, DRIFT, DURATION, HASH_RATE, SHARE};
    [&BITS, &BYTES, &DRIFT, &DURATION, &HASH_RATE, &SHARE].iter().any(|quantity| quantity.has_unit(word))
}
