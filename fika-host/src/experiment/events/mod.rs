//! What happens to a network from outside: partitions, crashes, changes.
//!
//! An entry of `[[events]]` is a [`Scheduled`] action. A [`Plan`] says which [`Action`]s are due at a time and a height; it is
//! a pure function of the experiment. What of a network is up, down or away is in its [`Conditions`], which also say what an
//! action changes, and why there is nothing to do. So both worlds do the same: they ask the plan, let the conditions take
//! the action, and carry out what has changed with the means that they have. Commands by hand are [`Action`]s that were read
//! from a line.
//!
//! ```text
//! Plan::take(time, height) -> Action --+
//!                                      +--> Conditions::apply -> links that go down or up --> the world carries it out
//! fika-host do ... -> Action ----------+                    \--> why there is nothing to do
//! ```
//!
//! - Times with a fixed place (`at`, `every`) are checked before the run: by the same conditions.
//! - Drawn times are exponential gaps, the `n`-th of an event from (seed, event, n). So is the node, where several are named.
//! - `for` lets the opposite action follow. At one time ends come before beginnings, then comes the order of the file.
//! - An action that finds nothing to do (a node that is dead is to be killed) is noted and changes nothing.

mod action;
mod check;
mod command;
mod conditions;
mod describe;
mod plan;
mod reader;
mod schedule;

pub(crate) use action::{Action, LinkAction, NodeAction};
pub(super) use check::check;
pub(crate) use conditions::{Conditions, NodeState};
pub(crate) use plan::Plan;
pub(super) use reader::events;
pub(super) use schedule::Scheduled;
