//! The options that name an experiment and change it.

use std::path::PathBuf;

use super::Stop;
use super::print::say;
use crate::experiment::{Experiment, Override};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The experiment file
    #[arg(value_name = "EXPERIMENT.toml")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) changes: Changes,
}

#[derive(Debug, Default, clap::Args)]
pub(super) struct Changes {
    #[command(flatten)]
    pub(super) plugins: PluginArgs,
    /// What runs the nodes: auto, netns, process, sim
    #[arg(long, value_name = "ENGINE")]
    pub(super) engine: Option<String>,
    /// Set any key of the file: --set chain.tick='1 ms'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// The folder for results
    #[arg(long, value_name = "DIR")]
    pub(super) results: Option<String>,
}

/// A plugin is a built-in name, a library (plugins/pos.so) or a crate folder (./roundrobin).
#[derive(Debug, Default, clap::Args)]
pub(super) struct PluginArgs {
    /// Consensus: a built-in name, a library (.so) or a crate folder
    #[arg(long, value_name = "PLUGIN")]
    pub(super) consensus: Option<String>,
    /// Script language, alike
    #[arg(long, value_name = "PLUGIN")]
    pub(super) script: Option<String>,
    /// Key scheme, alike
    #[arg(long, value_name = "PLUGIN")]
    pub(super) keys: Option<String>,
    /// Transaction format, alike
    #[arg(long, value_name = "PLUGIN")]
    pub(super) tx: Option<String>,
    /// Transport, alike
    #[arg(long, value_name = "PLUGIN")]
    pub(super) transport: Option<String>,
}

impl PluginArgs {
    pub(super) fn overrides(&self) -> Result<Vec<Override>, Stop> {
        let options = [
            ("consensus", &self.consensus),
            ("script", &self.script),
            ("keys", &self.keys),
            ("tx", &self.tx),
            ("transport", &self.transport),
        ];
        let given = options.iter().filter_map(|(kind, plugin)| Some((kind, plugin.as_ref()?)));
        let overrides = given.map(|(kind, plugin)| text(&format!("--{kind}"), &format!("{kind}.plugin"), plugin));
        overrides.collect()
    }
}

fn text(option: &str, path: &str, text: &str) -> Result<Override, Stop> {
    Override::text(&format!("{option} {text}"), path, text).map_err(Stop::Input)
}

impl Changes {
    /// All of them, those of `--set` last, so that they win.
    pub(super) fn overrides(&self) -> Result<Vec<Override>, Stop> {
        let mut overrides = self.plugins.overrides()?;
        for (option, path, value) in
            [("--engine", "experiment.engine", &self.engine), ("--results", "output.dir", &self.results)]
        {
            if let Some(value) = value {
                overrides.push(text(option, path, value)?);
            }
        }
        for assignment in &self.set {
            overrides.push(Override::set(assignment).map_err(Stop::Input)?);
        }
        Ok(overrides)
    }
}

/// Reads the file and applies the options to it.
pub(super) fn load(file: &std::path::Path, changes: &Changes) -> Result<Experiment, Stop> {
    if !file.exists() {
        let file = file.display();
        return Err(Stop::Input(format!("{file}: expected an experiment file or a command, found neither (--help)")));
    }
    let experiment = Experiment::load(file, &changes.overrides()?);
    let experiment = experiment.map_err(|errors| Stop::Input(errors.lines().join("\nerror: ")))?;
    experiment.notes.iter().for_each(|note| say(&format!("note: {note}")));
    Ok(experiment)
}
