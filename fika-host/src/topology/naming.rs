//! Names for the nodes of a file. Its ids are unique but may be any text; its labels are text that may repeat.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{NAME_BYTES_MAX, is_name, shortened};

/// Nodes that a line names.
const TOLD: usize = 3;

/// A name for each node, and what is to be told of them. A label that is a name names its node, else the id, or a
/// name made from it; if names repeat so, ids name all.
pub(super) fn names(ids: &[String], labels: &[Option<String>]) -> (Vec<String>, Vec<String>) {
    let made = made_names(ids);
    let chosen = |index: usize| labels[index].as_ref().filter(|label| fits(label)).unwrap_or(&made[index]);
    let mut seen = BTreeSet::new();
    let repeated = (0..ids.len()).map(chosen).find(|name| !seen.insert(*name)).cloned();
    let mut notes = vec![];
    let names: Vec<String> = match &repeated {
        Some(name) => {
            notes.push(format!("labels repeat, as '{name}' does, so that ids name the nodes"));
            made.clone()
        }
        None => (0..ids.len()).map(|index| chosen(index).clone()).collect(),
    };
    let mut other = (0..ids.len()).filter(|index| !fits(&ids[*index]) && names[*index] == made[*index]).peekable();
    if other.peek().is_some() {
        let told = |index: &usize| format!("'{}' is {}", shortened(&ids[*index]), names[*index]);
        let others: Vec<usize> = other.collect();
        let told: Vec<String> = others.iter().take(TOLD).map(told).collect();
        let more = if others.len() > TOLD { ", ..." } else { "" };
        let (count, s) = (others.len(), if others.len() == 1 { "" } else { "s" });
        notes.push(format!(
            "{count} node{s} got a name, as the id is none: {}{more}; all are in run.json",
            told.join(", ")
        ));
    }
    (names, notes)
}

/// Whether a node can have this name. `any` stands for all nodes.
fn fits(text: &str) -> bool {
    is_name(text) && text != "any"
}

/// The ids, and for those that are no names: their letters and digits, with a number where that is taken.
pub(crate) fn made_names(ids: &[String]) -> Vec<String> {
    let mut taken: BTreeSet<String> = ids.iter().filter(|id| fits(id)).cloned().collect();
    let mut next: BTreeMap<String, u32> = BTreeMap::new();
    let mut name = |id: &String| {
        if fits(id) {
            return id.clone();
        }
        let base = plain(id);
        let number = next.entry(base.clone()).or_insert(1);
        loop {
            let ending = if *number == 1 { String::new() } else { format!("-{number}") };
            *number += 1;
            let name = format!("{}{ending}", &base[..base.len().min(NAME_BYTES_MAX - ending.len())]);
            if fits(&name) && taken.insert(name.clone()) {
                return name;
            }
        }
    };
    ids.iter().map(&mut name).collect()
}

/// Letters and digits of ASCII, with `-` for each run of others between them; `node` if there are none.
fn plain(id: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<&str> = id.split(|c| !kept(c)).filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").trim_start_matches(['_', '-']).chars().take(NAME_BYTES_MAX).collect();
    if name.is_empty() { "node".into() } else { name }
}
