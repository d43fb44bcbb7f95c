//! What happened at one node at one time. All tables are made of these traces, which are the same from every engine.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::codec::Encode;
use fika_core::hash::{Id, to_hex};
use fika_core::node::{Event, Node, PeerId};
use fika_core::world::{BlockIx, World};
use serde::{Deserialize, Serialize};

use super::payee;

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
        /// How it was made, as the rules name it; empty where they do not.
        #[serde(default)]
        kind: String,
        /// The coin that made it, in hex digits; empty if none did.
        #[serde(default)]
        coin: String,
    },
    /// An own block is kept from the neighbours.
    Withheld {
        /// The block.
        id: Id,
    },
    /// An own block that was withheld is announced.
    Published {
        /// The block.
        id: Id,
    },
    /// A block was rejected.
    BadBlock {
        /// The block.
        id: Id,
        /// Whether this node has made it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        own: bool,
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
    /// A neighbour has caused more lines than are written.
    Repeated {
        /// Of this kind
        of: Repeated,
        /// so many more.
        count: u64,
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
    /// A payment of this node left its mempool without being confirmed. It is tried again after every block.
    PaymentDropped {
        /// The transaction.
        hash: Id,
        /// Why, in one line.
        why: String,
    },
    /// A payment of this node will not be confirmed: its coins are gone for good.
    PaymentLost {
        /// The transaction.
        hash: Id,
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
    /// A light node has found that a neighbour does not tell the truth.
    LieFound {
        /// Which neighbour, by name.
        peer: String,
        /// The block that it lied about.
        block: Id,
        /// How, in one line.
        why: String,
    },
    /// A block became final.
    Final {
        /// The block.
        id: Id,
        /// Its height.
        height: u64,
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

/// Lines that a neighbour can cause as often as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Repeated {
    /// [`TraceEvent::BadTx`].
    BadTx,
    /// [`TraceEvent::BadBlock`].
    BadBlock,
}

impl TraceEvent {
    /// What a node of this world has just done; `None`: traces do not have it. `peer` names a neighbour.
    pub(crate) fn of(event: &Event, world: &World, node: &Node, peer: impl Fn(PeerId) -> String) -> Option<TraceEvent> {
        let tree = world.tree();
        Some(match event {
            Event::TxAccepted { tx, .. } => TraceEvent::Tx { hash: world.txs().hash(*tx) },
            Event::TxRejected { tx, why, .. } | Event::TxDropped { tx, why } => {
                TraceEvent::BadTx { hash: world.txs().hash(*tx), why: why.to_string() }
            }
            Event::Produced { block } => TraceEvent::Produced { id: tree[*block].id },
            Event::BlockAccepted { block, from } => TraceEvent::block(*block, *from, world, node),
            Event::Withheld { block } => TraceEvent::Withheld { id: tree[*block].id },
            Event::Published { block } => TraceEvent::Published { id: tree[*block].id },
            Event::BlockRejected { id, from, why } => {
                TraceEvent::BadBlock { id: *id, own: from.is_none(), why: why.to_string() }
            }
            Event::Tip { new, reorg_depth, .. } => {
                TraceEvent::Tip { id: tree[*new].id, height: tree[*new].height, reorg_depth: *reorg_depth }
            }
            Event::Paid { hash, .. } => {
                let own = node.history().iter().rev().find(|own| own.tx.hash() == *hash)?;
                TraceEvent::Paid { hash: *hash, amount: own.amount, fee: own.fee }
            }
            Event::PaymentFailed { why, .. } => TraceEvent::NotPaid { why: why.clone() },
            Event::PaymentDropped { hash, why } => TraceEvent::PaymentDropped { hash: *hash, why: why.to_string() },
            Event::PaymentLost { hash, why } => TraceEvent::PaymentLost { hash: *hash, why: why.clone() },
            Event::Confirmed { hash, height } => TraceEvent::Confirmed { hash: *hash, height: *height },
            Event::Unconfirmed { hash } => TraceEvent::Unconfirmed { hash: *hash },
            Event::Misbehaved { peer: from, score, why } => {
                TraceEvent::Misbehaved { peer: peer(*from), score: *score, why: why.clone() }
            }
            Event::LieFound { peer: from, block, why } => {
                TraceEvent::LieFound { peer: peer(*from), block: *block, why: why.clone() }
            }
            Event::Finalized { block } => TraceEvent::Final { id: tree[*block].id, height: tree[*block].height },
            Event::SafetyViolation { finalized, tip } => {
                TraceEvent::SafetyViolation { finalized: *finalized, tip: *tip }
            }
            Event::Fault { why } => TraceEvent::Fault { why: why.clone() },
            Event::Forwarded { .. } | Event::Orphan { .. } | Event::Updated { .. } => return None,
        })
    }

    fn block(ix: BlockIx, from: Option<PeerId>, world: &World, node: &Node) -> TraceEvent {
        let entry = &world.tree()[ix];
        let block = world.block(ix);
        let origin = world.origin(ix);
        let me = node.address();
        let own = from.is_none() && payee(world, ix).is_none_or(|payee| payee == me);
        TraceEvent::Block {
            id: entry.id,
            parent: entry.header.parent,
            height: entry.height,
            time: entry.header.time,
            txs: block.as_ref().map_or(0, |block| block.txs.len() as u32),
            bytes: block.as_ref().map_or(0, |block| block.encoded_len() as u64),
            producer: own.then_some(me),
            kind: origin.kind,
            coin: to_hex(&origin.coin),
        }
    }
}
