//! What a run leaves behind: traces, tables, summary.
//!
//! Every node writes its [`trace`]. At the end [`Chain`] merges them, [`Summary`] takes the numbers out of
//! it, [`Tables`] write what is larger, and a [`Judgement`] is made of every expectation. Nothing here knows
//! how the nodes ran, so all engines give the same tables.

mod chain;
pub(crate) mod json;
mod judgement;
mod record;
pub mod report;
mod scale;
mod show;
pub mod simblock;
mod statistics;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
pub mod trace;

pub use chain::{BlockFacts, Chain, NodeFacts, NodeIndex, PaymentFacts};
pub use judgement::{Judgement, measure};
pub use record::Record;
pub use show::{bytes, duration, share, short, table};
pub use statistics::{Figure, Replica, Replicas, Statistics, write_replicas};
pub use summary::{Coins, Ended, Ending, NodeEnding, NodeSummary, Payments, Simulated, Summary};
pub use tables::{ARRIVAL_ROWS_MAX, PERCENTILES, Tables};
