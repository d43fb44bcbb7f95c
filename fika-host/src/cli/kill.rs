//! `kill NODE`: ends a node as a crash would.

use super::Outcome;
use super::act::act;
use super::pick::NodeArgs;

pub(super) fn run(args: &NodeArgs) -> Outcome {
    // Whose name is wrong is told with those that are right.
    args.process()?;
    act(args.run.run.as_deref(), &format!("kill {}", args.node))
}
