//! The experiment: all that a run needs to know, from a file, the command line or a program.
//!
//! [`Experiment::load`] reads a file and applies [`Override`]s to it; [`Network::builder`] makes the
//! same in code. In both cases every name is resolved, every default filled in and every number in base
//! units. So the rest of the program (and `run.json`, and a node's process) reads plain data.
//!
//! `docs/experiment-file.md` lists the keys; `schema.rs` defines them.

mod builder;
#[cfg(test)]
mod error_tests;
mod event_keys;
mod events;
mod expect;
mod graph;
mod graph_file;
#[cfg(test)]
mod graph_file_tests;
mod key;
mod links;
mod load;
mod medium;
mod medium_reader;
mod metrics;
mod network_keys;
#[cfg(test)]
mod network_tests;
mod node_config;
mod node_spec;
mod nodes;
mod presets;
mod reach;
mod reader;
mod resolve;
mod run_keys;
mod schema;
mod shares;
mod source;
mod spec;
#[cfg(test)]
mod tests;
mod topology;

use std::io::Read;
use std::path::Path;

pub use builder::{Network, NetworkBuilder, Node};
pub(crate) use event_keys::WORDS as EVENT_WORDS;
pub(crate) use events::{Action, Conditions, LinkAction, NodeAction, NodeState, Plan};
pub(crate) use expect::{By, Expect, Op};
#[cfg(test)]
pub(crate) use load::When;
pub(crate) use load::{Due, Load, Parties, Payment, TRIES_MAX, retry_us};
pub(crate) use medium::{Charge, CompactFailure, Medium, Region};
pub(crate) use metrics::measured;
pub(crate) use node_config::node_seed;
pub use node_spec::Role;
pub(crate) use node_spec::{Durability, NodeIndex, NodeSpec};
pub(crate) use resolve::plugin_table;
use source::Source;
pub use source::{ExperimentErrors, Override};
pub use spec::Experiment;
pub(crate) use spec::{Announce, Engine, Mempool, PATIENCE_INTERVALS, PluginChoice, Plugins, Relay, TraceFormat};

use crate::limits::utf8;
pub(crate) use crate::physics::{Cable, CableChange, Latency, unit};

impl Experiment {
    /// Reads an experiment file, and the file of its graph if it names one, and applies the overrides in their order.
    ///
    /// # Errors
    /// One line for each thing that is wrong, with its place.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Experiment, ExperimentErrors> {
        let file = path.display().to_string();
        let wrong = |why: String| ExperimentErrors(vec![format!("{file}: {why}")]);
        let mut bytes = vec![];
        let limit = source::FILE_BYTES_MAX as u64 + 1;
        let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        read.map_err(|why| wrong(format!("cannot read it: {why}")))?;
        if bytes.len() > source::FILE_BYTES_MAX {
            return Err(wrong(source::too_large()));
        }
        let text = utf8(bytes).map_err(|why| ExperimentErrors(vec![format!("{file}:{why}")]))?;
        Experiment::parse(&file, &text, overrides)
    }

    /// The same with the text of the file. `file` is its name in errors; without folder and ending it names the
    /// experiment. The path of a graph's file starts in its folder.
    ///
    /// # Errors
    /// One line for each thing that is wrong, with its place.
    pub fn parse(file: &str, text: &str, overrides: &[Override]) -> Result<Experiment, ExperimentErrors> {
        if text.len() > source::FILE_BYTES_MAX {
            return Err(ExperimentErrors(vec![format!("{file}: {}", source::too_large())]));
        }
        let stem = Path::new(file).file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
        resolve::resolve(&stem, Source::parse(file, text, overrides)?)
    }

    /// Every table and key with its form, default and meaning, and every metric, in Markdown: the tables of
    /// `docs/experiment-file.md`.
    pub fn reference() -> String {
        schema::reference()
    }

    /// The same experiment as if it had been written with another seed: whatever is drawn of its nodes and links is
    /// drawn again. They stay as they are if the experiment has no `repeat`, or comes neither from a file nor from a
    /// builder.
    ///
    /// # Errors
    /// One line for each thing that is wrong with this seed: no such graph exists, or the file of a graph is gone.
    pub(crate) fn with_seed(&self, seed: u64) -> Result<Experiment, ExperimentErrors> {
        let mut other = Experiment { seed, ..self.clone() };
        if let Some((stem, source)) = self.origin.0.as_deref() {
            let drawn = resolve::resolve_with(stem, source, Some(seed))?;
            (other.nodes, other.links, other.medium) = (drawn.nodes, drawn.links, drawn.medium);
            other.events = drawn.events;
            other.chain.hash_rate = drawn.chain.hash_rate;
        }
        Ok(other)
    }
}
