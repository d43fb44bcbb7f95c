//! `plugins`: what there is, what it is, and its parameters.

use std::process::ExitCode;

use fika_core::plugin::{Descriptor, Kind};

use super::print::print;
use super::{Outcome, Stop};
use crate::{Host, plugins};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fika-host plugins                       all that is compiled in
  fika-host plugins pos                   one of them, or all of one kind: fika-host plugins consensus
  fika-host plugins ./roundrobin          a crate folder, or a library (.so)")]
pub(super) struct Args {
    /// Only these: a name, a kind, a library or a crate folder
    #[arg(value_name = "PLUGIN")]
    which: Vec<String>,
}

pub(super) fn run(args: &Args, host: &Host) -> Outcome {
    let mut shown: Vec<Descriptor> = vec![];
    for which in &args.which {
        let compiled = host.registry().iter().filter(|plugin| plugin.name == which || plugin.kind.name() == which);
        let compiled: Vec<Descriptor> = compiled.copied().collect();
        if compiled.is_empty() {
            shown.push(plugins::describe(which).map_err(|why| Stop::Input(format!("{which}: {why}")))?);
        }
        shown.extend(compiled);
    }
    if args.which.is_empty() {
        shown.extend(host.registry().iter());
        if shown.is_empty() {
            print("no plugin is compiled in; name libraries or crate folders: --consensus plugins/pos.so\n")?;
        }
    }
    let mut kind: Option<Kind> = None;
    for plugin in &shown {
        if kind != Some(plugin.kind) {
            print(format_args!("{}{}\n", if kind.is_some() { "\n" } else { "" }, plugin.kind))?;
            kind = Some(plugin.kind);
        }
        print(text(plugin))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The column of keys and defaults.
const WIDTH: usize = 32;

fn text(plugin: &Descriptor) -> String {
    let mut text = format!("  {:<12}  {} ({})\n", plugin.name, plugin.about, plugin.origin);
    let parameters = plugin.params();
    for parameter in &parameters {
        let default = if parameter.default.is_empty() { "none" } else { &parameter.default };
        let assignment = format!("{} = {default}", parameter.key);
        text += &match assignment.chars().count() {
            0..=WIDTH => format!("      {assignment:<WIDTH$}  {}\n", parameter.doc),
            _ => format!("      {assignment}\n      {:<WIDTH$}  {}\n", "", parameter.doc),
        };
    }
    if !plugin.needs.is_empty() {
        text += &format!("      needs {}\n", plugin.needs.join(", "));
    }
    if !plugin.provides.is_empty() {
        text += &format!("      provides {}\n", plugin.provides.join(", "));
    }
    text
}
