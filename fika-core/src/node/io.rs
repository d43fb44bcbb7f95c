//! What goes into a node and what comes out of it.

use std::sync::Arc;

use super::mempool::TxReject;
use super::peer::PeerId;
use super::pending::Pending;
use super::tx_inv::TxInv;
use crate::address::Address;
use crate::amount::Amount;
use crate::block::{Block, Tx};
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::message::{InvItem, Message};
use crate::reject::Reason;
use crate::world::{BlockIx, TxIndex, TxTable};

/// A message between neighbours, as a node takes and gives it: transactions by their indexes in the world's
/// [`TxTable`].
///
/// It holds every index that it names. The node that takes it releases them; a message that no node gets must be
/// [released](PeerMessage::release). [`from_wire`](PeerMessage::from_wire) and [`to_wire`](PeerMessage::to_wire)
/// translate at a socket.
#[derive(Debug)]
pub enum PeerMessage {
    /// I have these transactions: an `inv`.
    TxInv(TxInv),
    /// Send me these transactions: a `getdata`.
    GetTxs(Vec<TxIndex>),
    /// Transactions that you asked for: a `tx` for each.
    Txs(Vec<TxIndex>),
    /// I do not have these transactions: a `notfound`.
    TxsNotFound(Vec<TxIndex>),
    /// What names no transaction of a mempool.
    Other(Message),
}

/// What happens to a node.
#[derive(Debug)]
pub enum Input {
    /// The node begins, or begins again after a stop.
    Start,
    /// A neighbour can be talked to.
    Connected(PeerId),
    /// A neighbour is gone; its misbehaviour on the way scored this much.
    Disconnected(PeerId, u32),
    /// A neighbour says something.
    Message(PeerId, PeerMessage),
    /// The transport has dealt with so many frames of a neighbour alone, such as pings.
    ControlFrames(PeerId, u32),
    /// A neighbour has opened a connection, over which nothing was said yet.
    Attempt(PeerId),
    /// Neighbours have announced this block too, for which the node waits: what an `inv` of each would have said. A runtime
    /// that keeps such announcements back tells them before the node may look for somebody else to ask.
    AlsoAnnounced {
        /// The block.
        block: Id,
        /// Who has announced it, in the order of the announcements.
        peers: Vec<PeerId>,
    },
    /// The time asked for by [`Outputs::wake_at`] has come.
    Wake,
    /// A nonce has been found for this piece of work.
    Found {
        /// Which piece of work.
        ticket: u64,
        /// The header with the nonce in place.
        header: Header,
    },
    /// All nonces of this piece of work have been tried.
    Exhausted {
        /// Which piece of work.
        ticket: u64,
    },
    /// On a chain with sampled proofs: the drawn time of success has come.
    Drawn {
        /// Which piece of work.
        ticket: u64,
    },
    /// The owner pays.
    Pay(PaymentOrder),
    /// The owner submits a finished transaction.
    Submit(Tx),
    /// The owner of a wallet asks for the newest chain (`upbc`).
    UpdateChain,
    /// Blocks from no neighbour, parents first, as if they had been asked for: how a runtime shows the chain to a wallet
    /// without letting anybody else move. What the rules refuse stays out.
    Blocks(Vec<Arc<Block>>),
}

/// A payment that the owner of a node asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOrder {
    /// Comes back in [`Event::Paid`] or [`Event::PaymentFailed`].
    pub reference: u64,
    /// Who receives it.
    pub to: Address,
    /// How much.
    pub amount: Amount,
    /// What the block's producer gets.
    pub fee: Amount,
}

/// For whom a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dest {
    /// One neighbour.
    Peer(PeerId),
    /// All neighbours that can be talked to, but for one.
    AllBut(Option<PeerId>),
}

/// A nonce to be searched, or a time to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Comes back in [`Input::Found`], [`Input::Exhausted`] or [`Input::Drawn`].
    pub ticket: u64,
    /// The header to be ground; `None` on a chain with sampled proofs.
    pub header: Option<Header>,
    /// Mean number of hashes for one success.
    pub expected_tries: u128,
}

/// What a node did, for logs and tables.
///
/// An index can be read in the world's [`TxTable`] until the next call of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A transaction went into the mempool.
    TxAccepted {
        /// Which one.
        tx: TxIndex,
        /// Where it came from; `None`: this node's own.
        from: Option<PeerId>,
        /// Its fee.
        fee: Amount,
    },
    /// A transaction was refused.
    TxRejected {
        /// Which one.
        tx: TxIndex,
        /// Where it came from; `None`: this node's own.
        from: Option<PeerId>,
        /// Why.
        why: TxReject,
    },
    /// A transaction left the mempool without being confirmed.
    TxDropped {
        /// Which one.
        tx: TxIndex,
        /// Why.
        why: TxReject,
    },
    /// A block, proposal or consensus message was announced or sent on to the neighbours.
    Forwarded {
        /// Its id.
        id: Id,
        /// What it is: `block`, `proposal` or `gossip`.
        what: &'static str,
    },
    /// This node made a block.
    Produced {
        /// Where it is.
        block: BlockIx,
    },
    /// A block is valid and known here now.
    BlockAccepted {
        /// Where it is.
        block: BlockIx,
        /// Where it came from; `None`: this node's own.
        from: Option<PeerId>,
    },
    /// A block of this node is kept from its neighbours.
    Withheld {
        /// Where it is.
        block: BlockIx,
    },
    /// A block that was withheld is announced.
    Published {
        /// Where it is.
        block: BlockIx,
    },
    /// A block was refused.
    BlockRejected {
        /// Its id.
        id: Id,
        /// Where it came from; `None`: this node's own.
        from: Option<PeerId>,
        /// The broken rule.
        why: Box<Reason>,
    },
    /// A block waits for another one.
    Orphan {
        /// Its id.
        id: Id,
        /// What it waits for.
        waits_for: Id,
    },
    /// The tip has changed.
    Tip {
        /// The tip before.
        old: BlockIx,
        /// The tip now.
        new: BlockIx,
        /// How many blocks of the old chain are no longer part of it.
        reorg_depth: u64,
    },
    /// A payment was made and sent.
    Paid {
        /// The order's reference.
        reference: u64,
        /// The transaction.
        hash: Id,
    },
    /// A payment could not be made.
    PaymentFailed {
        /// The order's reference.
        reference: u64,
        /// Why, in one line.
        why: String,
    },
    /// One of this node's own transactions left its mempool without being confirmed. It is tried again after every block.
    PaymentDropped {
        /// The transaction.
        hash: Id,
        /// Why.
        why: TxReject,
    },
    /// One of this node's own transactions will not be confirmed: its coins are gone for good.
    PaymentLost {
        /// The transaction.
        hash: Id,
        /// Why, in one line.
        why: String,
    },
    /// One of this node's own transactions is in a block of its chain.
    Confirmed {
        /// The transaction.
        hash: Id,
        /// The block's height.
        height: u64,
    },
    /// One of this node's own transactions is no longer in a block of its chain.
    Unconfirmed {
        /// The transaction.
        hash: Id,
    },
    /// What [`Input::UpdateChain`] asked for is done.
    Updated {
        /// Height of the tip.
        height: u64,
    },
    /// A neighbour broke the rules of conversation.
    Misbehaved {
        /// Which one.
        peer: PeerId,
        /// What this adds to its score.
        score: u32,
        /// What it did, in one line.
        why: String,
    },
    /// This light node has found that a neighbour does not tell the truth.
    LieFound {
        /// Which one.
        peer: PeerId,
        /// The block that it lied about.
        block: Id,
        /// How, in one line.
        why: String,
    },
    /// The agent has called a block final that was not final yet.
    Finalized {
        /// Where it is.
        block: BlockIx,
    },
    /// A block below a final one was left: consensus has failed.
    SafetyViolation {
        /// The block that was final.
        finalized: Id,
        /// The tip that does not descend from it.
        tip: Id,
    },
    /// A plugin or this node did what it must not.
    Fault {
        /// In one line.
        why: String,
    },
}

/// What a node answers. Every call adds to it; the runtime carries it out and empties it.
#[derive(Debug, Default)]
pub struct Outputs {
    /// To be sent, in this order.
    pub messages: Vec<(Dest, PeerMessage)>,
    /// The work to be done from now on, in place of all earlier work.
    pub work: Option<Vec<Work>>,
    /// When to call again with [`Input::Wake`]; set by every call.
    pub wake_at: Option<Time>,
    /// What happened.
    pub events: Vec<Event>,
    /// Blocks that the node does not wait for any longer: each was asked for, and has come or will not come.
    pub ended_requests: Vec<Id>,
    /// Neighbours to be disconnected and kept away.
    pub bans: Vec<PeerId>,
    /// Neighbours that have used up their budgets, and until when: the runtime takes nothing from them before. What has come
    /// from them keeps, and stays in order.
    pub waits: Vec<(PeerId, Time)>,
    /// Empty lists, for their memory.
    item_lists: Vec<Vec<InvItem>>,
    pub(super) work_list: Vec<Work>,
    pub(super) pending: Pending,
}

/// So many empty lists are kept.
const LISTS_KEPT: usize = 16;

impl Outputs {
    /// An empty list of items.
    pub fn item_list(&mut self) -> Vec<InvItem> {
        self.item_lists.pop().unwrap_or_default()
    }

    /// Keeps the memory of a list that was read, beside a few others.
    pub fn reuse_items(&mut self, mut list: Vec<InvItem>) {
        if self.item_lists.len() < LISTS_KEPT {
            list.clear();
            self.item_lists.push(list);
        }
    }

    /// Keeps the memory of a list of work that was begun.
    pub fn reuse_work(&mut self, list: Vec<Work>) {
        self.work_list = list;
    }

    /// Empties everything but keeps the memory. The messages must have been taken out.
    pub fn clear(&mut self) {
        debug_assert!(self.messages.is_empty(), "messages hold indexes: they are sent or released");
        self.events.clear();
        self.ended_requests.clear();
        self.bans.clear();
        self.waits.clear();
        self.work = None;
        self.wake_at = None;
    }

    /// Takes everything back but the faults: a call in which a plugin failed has answered nothing.
    #[cold]
    pub(super) fn withhold(&mut self, txs: &mut TxTable) {
        self.messages.drain(..).for_each(|(_, message)| message.release(txs));
        self.events.retain(|event| matches!(event, Event::Fault { .. }));
        self.ended_requests.clear();
        self.bans.clear();
        self.work = None;
        self.wake_at = None;
    }

    #[inline(always)]
    pub(super) fn send(&mut self, to: PeerId, message: PeerMessage) {
        self.messages.push((Dest::Peer(to), message));
    }

    /// Sends what names no transaction.
    #[inline(always)]
    pub(super) fn send_other(&mut self, to: PeerId, message: Message) {
        self.send(to, PeerMessage::Other(message));
    }

    /// Sends it to all neighbours but one.
    #[inline(always)]
    pub(super) fn send_all(&mut self, but: Option<PeerId>, message: Message) {
        self.messages.push((Dest::AllBut(but), PeerMessage::Other(message)));
    }

    /// Sends something about held transactions; nothing where there are none.
    pub(super) fn send_txs(&mut self, to: PeerId, txs: Vec<TxIndex>, message: fn(Vec<TxIndex>) -> PeerMessage) {
        if !txs.is_empty() {
            self.send(to, message(txs));
        }
    }

    #[inline(always)]
    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl PeerMessage {
    /// The message was read, or reaches nobody: what it holds is released. `txs` is the table that its indexes are of.
    pub fn release(self, txs: &mut TxTable) {
        match self {
            PeerMessage::TxInv(inv) => inv.release(txs),
            PeerMessage::GetTxs(list) | PeerMessage::Txs(list) | PeerMessage::TxsNotFound(list) => {
                list.into_iter().for_each(|tx| txs.release(tx));
            }
            PeerMessage::Other(_) => {}
        }
    }
}
