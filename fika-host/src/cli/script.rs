//! `script 'ASM'`: the stack after each step.

use std::process::ExitCode;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::hash::{Id, domain_hash, to_hex};
use fika_core::keys::KeyScheme;
use fika_core::script::{InputFacts, SpendContext, Step};

use super::experiment::PluginArgs;
use super::print::print;
use super::{Outcome, Stop};
use crate::Host;
use crate::experiment::Experiment;
use crate::run::ResolvedPlugins;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fika-host script '2 3 ADD 5 EQUAL'
  fika-host script --unlock '2' 'DUP ADD 4 EQUAL'
The words are those of the script plugin. There is no transaction, so signatures hold for nothing.")]
pub(super) struct Args {
    /// The locking script, in the notation of the script plugin
    #[arg(value_name = "ASM")]
    asm: String,
    /// An unlocking script that runs first
    #[arg(long, default_value = "", value_name = "ASM")]
    unlock: String,
    #[command(flatten)]
    plugins: PluginArgs,
}

pub(super) fn run(args: &Args, host: &Host) -> Outcome {
    let experiment = Experiment::parse("script.toml", "[network]\nnodes = 1\n", &args.plugins.overrides()?);
    let experiment = experiment.map_err(|errors| Stop::Input(errors.lines().join("\nerror: ")))?;
    let ResolvedPlugins { script, keys, .. } = ResolvedPlugins::new(&experiment, host.registry())?;
    let lock = script.assemble(&args.asm).map_err(Stop::Input)?;
    let unlock = script.assemble(&args.unlock).map_err(Stop::Input)?;
    let mut printed = Ok(());
    let mut show = |step: Step| {
        let stack = step.stack.iter().map(|element| if element.is_empty() { "0".into() } else { to_hex(element) });
        let stack = stack.collect::<Vec<_>>().join(" ");
        if printed.is_ok() {
            printed = print(format_args!("{:<24}  {stack}\n", step.operation));
        }
    };
    let outcome = script.trace(&lock, &unlock, 0, &mut NoSpend(keys), &mut show);
    printed?;
    match outcome {
        Ok(()) => {
            print("the script holds\n")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reject) => Err(Stop::Input(format!("the script does not hold: {reject}"))),
    }
}

/// A spend without a transaction: keys have addresses, digests are of what is asked for alone.
struct NoSpend(Arc<dyn KeyScheme>);

impl SpendContext for NoSpend {
    fn digest(&mut self, request: &[u8]) -> Id {
        domain_hash("no transaction", &[request])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.0.verify(kind, key, digest, signature)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.0.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        self.0.address(key)
    }

    fn facts(&self) -> InputFacts {
        InputFacts::default()
    }
}
