//! `new KIND NAME`: a plugin crate that works from the first minute.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fika_core::plugin::Kind;

use super::print::print;
use super::{Outcome, Stop};
use crate::scaffold;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What it is: consensus, script, keys, tx, transport, attack
    #[arg(value_name = "KIND")]
    kind: Kind,
    /// Its name, and that of its folder
    #[arg(value_name = "NAME")]
    name: String,
    /// Where the folder is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let made = scaffold::create(args.kind, &args.name, &args.dir).map_err(Stop::Input)?;
    // A path without a slash would be taken for the name of a built-in plugin.
    let made = if made.is_relative() && !made.starts_with(".") { Path::new(".").join(made) } else { made };
    let (kind, folder) = (args.kind, made.display());
    let chosen = match kind {
        Kind::Attack => format!("--set nodes.attacker.agent={folder}"),
        _ => format!("--{kind} {folder}"),
    };
    print(format_args!(
        "made {folder}: a working plugin ({kind}); the rules are in {folder}/src/lib.rs\n  \
        cargo test --manifest-path {folder}/Cargo.toml\n  \
        fika-host plugins {folder}\n  \
        fika-host {chosen} {folder}/experiment.toml\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}
