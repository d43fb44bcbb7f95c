//! `logs NODE`: what a node says.

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use super::pick::NodeArgs;
use super::print::copy;
use super::{Outcome, Stop};

const POLL: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Go on as the log grows, until the run ends
    #[arg(short, long)]
    follow: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let (_, record, node) = args.node.find()?;
    let Some(path) = node.log else { return Err(Stop::Input(format!("node {} has not been started", node.name))) };
    let failed = |error| Stop::Environment(format!("{}: {error}", path.display()));
    let mut file = File::open(&path).map_err(failed)?;
    let mut bytes = vec![0; 64 << 10];
    loop {
        // Asked before reading: what was written before the end is read after it.
        let over = !args.follow || !record.alive();
        loop {
            let count = file.read(&mut bytes).map_err(failed)?;
            if count == 0 {
                break;
            }
            copy(&bytes[..count])?;
        }
        if over {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(POLL);
    }
}
