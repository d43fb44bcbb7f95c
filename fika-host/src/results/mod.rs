//! What a run leaves behind: traces, tables, summary.
//!
//! Every node writes its [`trace`]. At the end [`Chain`] merges them, [`Summary`] takes the numbers out of
//! it, [`Tables`] write what is larger, and each expectation gets a [`Verdict`]. Nothing here knows
//! how the nodes ran, so all engines give the same tables.

mod chain;
mod check;
mod ending;
mod events;
mod format;
pub(crate) mod json;
mod measure;
mod payee;
mod reasons;
mod record;
mod replica;
pub(crate) mod report;
mod runs_tables;
#[cfg(test)]
mod runs_tests;
mod scale;
mod show;
pub(crate) mod simblock;
mod statistics;
mod student;
mod summarize;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
pub(crate) mod trace;
mod verdict;

pub(crate) use chain::{BlockFacts, Chain};
pub use ending::{Ended, Simulated};
pub(crate) use ending::{Ending, NodeEnding};
pub(crate) use events::EventFacts;
pub(crate) use format::{bytes, duration, share, short, table};
pub(crate) use payee::payee;
pub use reasons::Reasons;
pub(crate) use record::Record;
pub(crate) use replica::{Replica, next_look, write_replicas};
pub(crate) use statistics::Figure;
pub use statistics::{ReplicaRun, Replicas, Statistics};
pub use summary::{Coins, NodeSummary, Payments, Summary};
pub(crate) use tables::{ARRIVAL_ROWS_MAX, PERCENTILES, Tables};
pub use verdict::Verdict;
