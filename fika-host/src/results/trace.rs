//! What happened at one node at one time. All tables are made of these traces, which are the same from every engine.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use serde::{Deserialize, Serialize};

/// One line of a node's `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trace {
    /// When, by the node's clock, in microseconds since the chain's epoch.
    pub at_us: u64,
    /// What.
    #[serde(flatten)]
    pub event: TraceEvent,
}

/// What happened at a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub(crate) enum TraceEvent {
    /// The node began, or began again.
    Started {
        /// Height of its tip.
        height: u64,
    },
    /// It made a block.
    Produced {
        /// The block.
        id: Id,
    },
    /// A block is valid and known here now.
    Block {
        /// The block.
        id: Id,
        /// The block that it extends.
        parent: Id,
        /// Distance from genesis.
        height: u64,
        /// Header time, in ticks.
        time: u32,
        /// Transactions, the coinbase included.
        txs: u32,
        /// Its length in bytes.
        bytes: u64,
        /// Who made it, when that is this node.
        producer: Option<Address>,
    },
    /// A block was rejected.
    BadBlock {
        /// The block.
        id: Id,
        /// Why, in one line.
        why: String,
    },
    /// The tip changed.
    Tip {
        /// The tip now.
        id: Id,
        /// Its height.
        height: u64,
        /// How many blocks of the old chain were left.
        reorg_depth: u64,
    },
    /// The mempool accepted a transaction.
    Tx {
        /// The transaction.
        hash: Id,
    },
    /// A transaction was rejected or dropped.
    BadTx {
        /// The transaction.
        hash: Id,
        /// Why, in one line.
        why: String,
    },
    /// A payment of this node was made and sent.
    Paid {
        /// The transaction.
        hash: Id,
        /// How much.
        amount: Amount,
        /// What the block's producer gets.
        fee: Amount,
    },
    /// A payment of this node could not be made.
    NotPaid {
        /// Why, in one line.
        why: String,
    },
    /// One of the node's own transactions is in a block of its chain.
    Confirmed {
        /// The transaction.
        hash: Id,
        /// Height of the block.
        height: u64,
    },
    /// One of the node's own transactions left its chain again.
    Unconfirmed {
        /// The transaction.
        hash: Id,
    },
    /// A neighbour broke the rules of the protocol.
    Misbehaved {
        /// Which neighbour, by name.
        peer: String,
        /// What this adds to its misbehaviour score.
        score: u32,
        /// What it did, in one line.
        why: String,
    },
    /// Consensus failed: a final block was left.
    SafetyViolation {
        /// The block that was final.
        finalized: Id,
        /// The tip that does not descend from it.
        tip: Id,
    },
    /// A plugin or the node had a fault.
    Fault {
        /// In one line.
        why: String,
    },
}
