//! What a run leaves behind: traces, tables, summary.
//!
//! Every node writes its [`trace`]. At the end [`Chain`] merges them, [`Summary`] takes the numbers out of
//! it, [`Tables`] write what is larger, and each expectation gets a [`Verdict`]. Nothing here knows
//! how the nodes ran, so all engines give the same tables.

mod chain;
mod check;
mod ending;
mod format;
pub(crate) mod json;
mod measure;
mod payee;
mod record;
mod replica;
pub mod report;
mod scale;
mod show;
pub mod simblock;
mod statistics;
mod summarize;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
pub mod trace;
mod verdict;

pub use chain::{BlockFacts, Chain, NodeFacts, NodeIndex, PaymentFacts};
pub use ending::{Ended, Ending, NodeEnding, Simulated};
pub use format::{bytes, duration, share, short, table};
pub use measure::measure;
pub(crate) use payee::payee;
pub use record::Record;
pub use replica::{Replica, write_replicas};
pub use statistics::{Figure, Replicas, Statistics};
pub use summary::{Coins, NodeSummary, Payments, Summary};
pub use tables::{ARRIVAL_ROWS_MAX, PERCENTILES, Tables};
pub use verdict::Verdict;
