//! What can be asked of a running node through its control socket: one JSON value per line each way.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use serde::{Deserialize, Serialize};

pub(crate) use super::client::Client;

/// The longest request, in bytes, its line's end included.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 10;

/// What a node can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub(crate) enum Request {
    /// How the node is: [`Reply::Status`].
    Status,
    /// What an address has by the node's tip; the node itself when there is none: [`Reply::Balance`].
    Balance {
        /// Whose.
        address: Option<Address>,
    },
    /// The coins that exist: [`Reply::Coins`].
    Coins,
    /// The last blocks of the node's chain, newest first: [`Reply::Chain`].
    Chain {
        /// At most this many.
        count: u32,
    },
    /// The node's own transactions, oldest first: [`Reply::History`].
    History,
    /// Pays: [`Reply::Paid`].
    Pay {
        /// The name of a node, or an address in hexadecimal.
        to: String,
        /// How much.
        amount: Amount,
        /// What the block's producer gets.
        fee: Amount,
    },
    /// Asks the neighbours for the newest chain and answers when it is here (`upbc`): [`Reply::Status`].
    Update,
    /// The node grinds at most so many hashes a second from now on: [`Reply::Done`].
    HashRate {
        /// 0: it rests. No machine reaches what 64 bits do not hold.
        rate: u64,
    },
    /// The network is complete: the node may produce, pay and talk: [`Reply::Done`]. Only the first one counts.
    Begin {
        /// What the machine's monotonic clock shows, or would have shown, when the chain's time is 0, in microseconds.
        epoch_us: i64,
    },
    /// Makes everything durable and ends the node: [`Reply::Done`].
    Stop,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(crate) enum Reply {
    /// How the node is.
    Status(Status),
    /// What an address has.
    Balance {
        /// In coins of the chain.
        confirmed: Amount,
        /// In coins once this node's mempool is confirmed.
        spendable: Amount,
        /// In deposits.
        locked: Amount,
    },
    /// The coins that exist after the node's tip.
    Coins {
        /// What the rules have created, less what they have destroyed.
        issued: Amount,
        /// What all owners have, and what nobody owns.
        counted: Amount,
    },
    /// Blocks, newest first.
    Chain {
        /// The blocks.
        blocks: Vec<BlockLine>,
    },
    /// The node's own transactions, oldest first.
    History {
        /// The transactions.
        payments: Vec<PaymentLine>,
    },
    /// A payment was made and sent.
    Paid {
        /// The transaction.
        hash: Id,
        /// What the block's producer gets: change too small for an output included.
        fee: Amount,
    },
    /// It is done.
    Done,
    /// It cannot be done.
    Error {
        /// Why, in one line.
        why: String,
    },
}

/// How a node is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The node's name.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// Height of its tip.
    pub height: u64,
    /// Its tip.
    pub tip: Id,
    /// The ledger state after the tip, as one number.
    pub state_root: Id,
    /// What the node has in coins, confirmed.
    pub balance: Amount,
    /// Whether the node has still to be told to begin.
    pub waits: bool,
    /// Neighbours that can be talked to.
    pub peers: u32,
    /// Transactions in its mempool.
    pub mempool: u64,
    /// Blocks that the node has accepted, on its chain or not, genesis apart.
    pub blocks: u64,
    /// How often it has left blocks of its chain for others.
    pub reorgs: u64,
    /// Payments that its owner or its load has made and sent.
    pub payments_submitted: u64,
    /// Of these, confirmed on its chain.
    pub payments_confirmed: u64,
    /// Of these, lost: their coins are gone for good.
    pub payments_lost: u64,
    /// Payments that could not be made and were given up.
    pub payments_failed: u64,
    /// Payments that its load will still make.
    pub payments_to_come: u64,
    /// Hashes computed for proofs of work.
    pub hashes: u64,
    /// Bytes that it has written to its neighbours.
    pub sent_bytes: u64,
    /// Bytes that have come from them.
    pub received_bytes: u64,
}

/// One block in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BlockLine {
    /// Distance from genesis.
    pub height: u64,
    /// Its id.
    pub id: Id,
    /// Header time, in ticks.
    pub time: u32,
    /// Who the coinbase pays, if it is one of the network's nodes by name, else an address or nothing.
    pub producer: String,
    /// Transactions, the coinbase included.
    pub txs: u32,
    /// Its length in bytes.
    pub bytes: u64,
}

/// One of the node's own transactions in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PaymentLine {
    /// The transaction.
    pub hash: Id,
    /// Who receives it, by name where it is known.
    pub to: String,
    /// How much.
    pub amount: Amount,
    /// What the block's producer gets.
    pub fee: Amount,
    /// When it was made, in microseconds since the chain's epoch.
    pub made_at_us: u64,
    /// Height of the block that confirms it.
    pub confirmed: Option<u64>,
    /// Its coins are gone for good.
    pub lost: bool,
    /// It is in the node's mempool.
    pub waits: bool,
}
