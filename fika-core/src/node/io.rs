//! What goes into a node and what comes out of it.

use std::collections::VecDeque;

use super::bulletin::Bulletins;
use super::chain::Arrival;
use super::numbered::Numbered;
use crate::address::Address;
use crate::agent::{Duty, Effect};
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::message::{Item, MAX_ITEMS, Message};
use crate::world::{BlockIx, TxNo, World};

/// A neighbour, numbered by the runtime from 0 on. The number stays when the connection breaks and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// What happens to a node.
#[derive(Debug)]
pub enum Input {
    /// The node begins, or begins again after a stop.
    Start,
    /// A neighbour can be talked to.
    Connected(PeerId),
    /// A neighbour is gone; it had misbehaved by this many points on the way.
    Disconnected(PeerId, u32),
    /// A neighbour says something.
    Message(PeerId, Message),
    /// A neighbour says something of transactions, by their numbers; of several that it sends, one comes right after the
    /// other.
    Numbered(PeerId, Numbered),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A transaction went into the mempool.
    TxAccepted {
        /// Its hash.
        hash: Id,
        /// Where it came from; `None`: this node's own.
        from: Option<PeerId>,
        /// Its fee.
        fee: Amount,
    },
    /// A transaction was turned down.
    TxRejected {
        /// Its hash.
        hash: Id,
        /// Where it came from; `None`: this node's own.
        from: Option<PeerId>,
        /// Why, in one line.
        why: String,
    },
    /// A transaction left the mempool without being confirmed.
    TxDropped {
        /// Its hash.
        hash: Id,
        /// Why, in one line.
        why: String,
    },
    /// A transaction or block was announced or sent on to the neighbours.
    Forwarded {
        /// Its hash or id.
        id: Id,
        /// What it is: `tx`, `block` or `candidate`.
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
    /// A block was turned down.
    BlockRejected {
        /// Its id.
        id: Id,
        /// Where it came from; `None`: this node's own.
        from: Option<PeerId>,
        /// Why, in one line.
        why: String,
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
        /// Its points for this.
        points: u32,
        /// What it did, in one line.
        why: String,
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
    pub messages: Vec<(Dest, Message)>,
    /// The work to be done from now on, in place of all earlier work.
    pub work: Option<Vec<Work>>,
    /// When to call again with [`Input::Wake`]; set by every call.
    pub wake_at: Option<Time>,
    /// What happened.
    pub events: Vec<Event>,
    /// Transactions that have come from neighbours, went into the mempool and were passed on, with their fees, in the
    /// order of coming: where [`by_number`](Outputs::by_number) is set this stands for a [`TxAccepted`](Event::TxAccepted)
    /// and a [`Forwarded`](Event::Forwarded) of each.
    pub taken_in: Vec<(TxNo, Amount)>,
    /// Neighbours to be disconnected and kept away.
    pub bans: Vec<PeerId>,
    /// Whether all neighbours are nodes of the same world: then a node may name transactions by their numbers. It is set
    /// by the runtime.
    pub by_number: bool,
    /// To be sent as well, each to one neighbour and before the message of this place in `messages`.
    pub numbered: Vec<(usize, PeerId, Numbered)>,
    /// Empty lists of messages that were read: the next ones need no memory of their own.
    lists: Vec<Vec<Item>>,
    numbers: Vec<Vec<TxNo>>,
    pub(super) bulletins: Bulletins,
    /// The same for work and duties.
    work_list: Vec<Work>,
    pub(super) duty_list: Vec<Duty>,
    /// Blocks that the node can take in now; none when the call is over.
    pub(super) arrived: VecDeque<Arrival>,
    /// What the node's agent has asked for and where its call came from; nothing when the call is over.
    pub(super) effects: VecDeque<(Effect, Option<PeerId>)>,
}

/// So many empty lists are kept.
const LISTS_KEPT: usize = 16;
const NUMBERS_KEPT: usize = 256;

/// Empties a list and keeps it beside `most - 1` others, if it has memory and not too much.
fn keep<T>(lists: &mut Vec<Vec<T>>, most: usize, mut list: Vec<T>) {
    if lists.len() < most && (1..=2 * MAX_ITEMS).contains(&list.capacity()) {
        list.clear();
        lists.push(list);
    }
}

impl Outputs {
    /// A list to be filled and sent.
    pub fn list(&mut self) -> Vec<Item> {
        self.lists.pop().unwrap_or_default()
    }

    /// Keeps a list that has been read, for the next that is needed.
    pub fn give_back(&mut self, list: Vec<Item>) {
        keep(&mut self.lists, LISTS_KEPT, list);
    }

    /// The same, for transactions by their numbers.
    pub fn numbers(&mut self) -> Vec<TxNo> {
        self.numbers.pop().unwrap_or_default()
    }

    /// Keeps a list that has been read, for the next that is needed.
    pub fn give_back_numbers(&mut self, list: Vec<TxNo>) {
        keep(&mut self.numbers, NUMBERS_KEPT, list);
    }

    /// Keeps a list of work that was begun, for the next that is needed.
    pub fn give_back_work(&mut self, mut list: Vec<Work>) {
        list.clear();
        self.work_list = list;
    }

    pub(super) fn list_of_work(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.work_list)
    }

    /// Empties everything but keeps the memory, and what the runtime has set.
    pub fn clear(&mut self) {
        debug_assert!(self.numbered.is_empty(), "what is said by numbers is sent or lost");
        self.messages.clear();
        self.events.clear();
        self.taken_in.clear();
        self.bans.clear();
        self.work = None;
        self.wake_at = None;
    }

    #[inline(always)]
    pub(super) fn send(&mut self, to: PeerId, message: Message) {
        self.messages.push((Dest::Peer(to), message));
    }

    /// Sends something of transactions whose numbers are held; nothing where there are none.
    pub(super) fn send_numbered(&mut self, to: PeerId, txs: Vec<TxNo>, message: fn(Vec<TxNo>) -> Numbered) {
        match txs.is_empty() {
            true => self.give_back_numbers(txs),
            false => self.numbered.push((self.messages.len(), to, message(txs))),
        }
    }

    /// A message gets lost: the numbers that it holds are released. Each that is not given to a node comes here, with the world
    /// that its sender was called with; or its numbers would never be used again.
    pub fn lose(&mut self, message: Numbered, world: &mut World) {
        match message {
            Numbered::Inv(news) => self.bulletins.end(news, world.txs_mut()),
            Numbered::GetData(txs) | Numbered::Txs(txs) => {
                txs.iter().for_each(|no| world.release(*no));
                self.give_back_numbers(txs);
            }
        }
    }

    #[inline(always)]
    pub(super) fn send_all(&mut self, but: Option<PeerId>, message: Message) {
        self.messages.push((Dest::AllBut(but), message));
    }

    #[inline(always)]
    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}
