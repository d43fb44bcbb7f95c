//! `run.json`: everything that is needed to repeat the run.

use std::time::SystemTime;

use serde::Serialize;

use super::resolved_plugins::PluginLine;
use super::write_results::write_file;
use super::{Folder, ResolvedPlugins, RunError, folder};
use crate::experiment::Experiment;
use crate::isolation::CableKinds;
use crate::results::json;

/// The file.
#[derive(Serialize)]
struct RunFile<'a> {
    experiment: &'a Experiment,
    engine: String,
    /// What the links are made of, where they are cables.
    #[serde(skip_serializing_if = "Option::is_none")]
    cables: Option<CableKinds>,
    /// Whether the work was done, or its time was drawn.
    proof: &'static str,
    started_utc: String,
    fika_host: &'static str,
    plugins: Vec<PluginLine>,
    command: Vec<String>,
}

/// Writes `run.json`.
pub(super) fn write_run(
    experiment: &Experiment,
    plugins: &ResolvedPlugins,
    (engine, cables): (impl ToString, Option<CableKinds>),
    start: SystemTime,
    folder: &Folder,
) -> Result<(), RunError> {
    let run = RunFile {
        experiment,
        engine: engine.to_string(),
        cables,
        proof: match experiment.chain.proof {
            fika_core::env::Proof::Real => "real",
            fika_core::env::Proof::Sampled => "sampled: simulated, no work was done",
        },
        started_utc: folder::stamp(start),
        fika_host: env!("CARGO_PKG_VERSION"),
        plugins: plugins.lines(),
        command: std::env::args().collect(),
    };
    write_file(folder, "run.json", |out| json::write(&run, out))
}
