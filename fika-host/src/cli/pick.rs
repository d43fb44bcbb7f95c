//! Which run and which node a command means.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::Stop;
use crate::isolation::{NodeRecord, ProcessId, Record, runs, runtime_dir};
use crate::live::control::Client;

/// How long a node that has just been started may take until it listens.
const START_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Which run; the newest that is up unless given
    #[arg(long, value_name = "NAME")]
    pub(super) run: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct NodeArgs {
    /// The node's name
    #[arg(value_name = "NODE")]
    pub(super) node: String,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// The runs that are up, oldest first, with their directories.
pub(super) fn living() -> Result<Vec<(PathBuf, Record)>, Stop> {
    let mut found = runs(&runtime_dir()?)?;
    found.retain(|(_, record)| record.alive());
    found.sort_by_key(|(_, record)| record.host.start_time);
    Ok(found)
}

/// The run of this name, or else the newest.
pub(super) fn run(name: Option<&str>) -> Result<(PathBuf, Record), Stop> {
    let mut living = living()?;
    let names = living.iter().map(|(_, record)| record.name.as_str()).collect::<Vec<_>>().join(", ");
    match name {
        _ if living.is_empty() => Err(Stop::Input("no run is up (fika-host --detach EXPERIMENT.toml)".into())),
        None => Ok(living.pop().expect("it is not empty")),
        Some(name) => living
            .into_iter()
            .find(|(_, record)| record.name == name)
            .ok_or_else(|| Stop::Input(format!("expected a run that is up ({names}), found '{name}'"))),
    }
}

impl NodeArgs {
    /// The run's directory, its record, and the node.
    pub(super) fn find(&self) -> Result<(PathBuf, Record, NodeRecord), Stop> {
        let (directory, record) = run(self.run.run.as_deref())?;
        let Some(node) = record.node(&self.node).cloned() else {
            let names: Vec<&str> = record.nodes.iter().take(20).map(|node| node.name.as_str()).collect();
            let more = if record.nodes.len() > 20 { ", ..." } else { "" };
            let (name, names) = (&record.name, names.join(", "));
            return Err(Stop::Input(format!("expected a node of {name} ({names}{more}), found '{}'", self.node)));
        };
        Ok((directory, record, node))
    }

    /// The node's process.
    pub(super) fn process(&self) -> Result<ProcessId, Stop> {
        let (_, _, node) = self.find()?;
        node.process.filter(ProcessId::alive).ok_or_else(|| self.not_running())
    }

    /// A connection with the node's control socket.
    pub(super) fn connect(&self) -> Result<Client, Stop> {
        let (_, _, node) = self.find()?;
        let process = self.process()?;
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            match Client::connect(&node.control) {
                Ok(client) => return Ok(client),
                // It has just been started and does not listen yet.
                Err(_) if process.alive() && Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
                Err(_) if !process.alive() => return Err(self.not_running()),
                Err(error) => return Err(Stop::Environment(format!("node {}: {error}", self.node))),
            }
        }
    }

    fn not_running(&self) -> Stop {
        let node = &self.node;
        Stop::Input(format!("node {node} does not run (fika-host restart {node} starts it again)"))
    }
}
