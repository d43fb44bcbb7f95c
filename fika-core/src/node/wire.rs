//! The door between sockets and nodes: messages as transports carry them, with hashes and bytes, and as nodes take them,
//! with indexes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::io::PeerMessage;
use super::tx_inv::TxInv;
use crate::message::{InvItem, Message};
use crate::world::{TxIndex, TxTable};

/// Whoever names a thing twice in one message has named it once: it is not answered twice.
pub(super) fn name_once(items: &mut Vec<InvItem>) {
    if items.len() > 1 {
        let mut named = BTreeSet::new();
        items.retain(|item| named.insert(*item));
    }
}

/// Takes the transactions out of a list of items, and holds them.
fn split(mut items: Vec<InvItem>, txs: &mut TxTable) -> (Vec<TxIndex>, Vec<InvItem>) {
    let mut held = Vec::new();
    name_once(&mut items);
    items.retain(|item| match item {
        InvItem::Tx(hash) => {
            held.push(txs.hold(*hash));
            false
        }
        _ => true,
    });
    (held, items)
}

impl PeerMessage {
    /// A message that has come from a neighbour, for the node whose world has this table.
    ///
    /// A list that names transactions and other things becomes two messages. A hash that nobody knows has an index for
    /// as long as the message, or a request that follows from it, holds it.
    pub fn from_wire(message: Message, txs: &mut TxTable) -> Vec<PeerMessage> {
        type Lists = (fn(Vec<TxIndex>) -> PeerMessage, fn(Vec<InvItem>) -> Message);
        let inv =
            |list| PeerMessage::TxInv(TxInv::new(&Arc::new(list), |_| true).expect("a list that names something"));
        let (items, (of_txs, of_others)): (_, Lists) = match message {
            Message::Tx(tx) => return vec![PeerMessage::Txs(vec![txs.hold_tx(&tx)])],
            Message::Inv(items) => (items, (inv, Message::Inv)),
            Message::GetData(items) => (items, (PeerMessage::GetTxs, Message::GetData)),
            Message::NotFound(items) => (items, (PeerMessage::TxsNotFound, Message::NotFound)),
            other => return vec![PeerMessage::Other(other)],
        };
        let (held, others) = split(items, txs);
        let other = (!others.is_empty() || held.is_empty()).then(|| PeerMessage::Other(of_others(others)));
        let txs = (!held.is_empty()).then(|| of_txs(held));
        txs.into_iter().chain(other).collect()
    }

    /// Whether the answer may be much longer than the message.
    pub fn is_request(&self) -> bool {
        use Message::{GetBlockTxn, GetCFilters, GetCfHeaders, GetData, GetHeaders, GetMerkle};
        let is_request = |message: &Message| {
            matches!(message, GetData(_) | GetHeaders(_) | GetBlockTxn(_))
                || matches!(message, GetCfHeaders(_) | GetCFilters(_) | GetMerkle(_))
        };
        match self {
            PeerMessage::GetTxs(_) => true,
            PeerMessage::Other(message) => is_request(message),
            _ => false,
        }
    }

    /// A long list of what somebody asks for in parts of at most so many things, each of which can be answered by itself.
    pub fn in_parts(self, most: usize) -> Vec<PeerMessage> {
        fn parts<T>(mut list: Vec<T>, most: usize, message: impl Fn(Vec<T>) -> PeerMessage) -> Vec<PeerMessage> {
            let mut parts = Vec::with_capacity(list.len() / most + 1);
            while list.len() > most {
                let rest = list.split_off(most);
                parts.push(message(std::mem::replace(&mut list, rest)));
            }
            parts.push(message(list));
            parts
        }
        match self {
            PeerMessage::GetTxs(list) => parts(list, most, PeerMessage::GetTxs),
            PeerMessage::Other(Message::GetData(items)) => {
                parts(items, most, |items| PeerMessage::Other(Message::GetData(items)))
            }
            other => vec![other],
        }
    }

    /// The message that [`to_wire`](PeerMessage::to_wire) has split, for the node whose world has this table. `None`: there
    /// are no parts.
    pub fn from_wire_parts(parts: impl IntoIterator<Item = Message>, txs: &mut TxTable) -> Option<PeerMessage> {
        let mut whole = None;
        for part in parts {
            for part in PeerMessage::from_wire(part, txs) {
                match (&mut whole, part) {
                    (Some(PeerMessage::Txs(all)), PeerMessage::Txs(more)) => all.extend(more),
                    (whole, part) => *whole = Some(part),
                }
            }
        }
        whole
    }

    /// The messages that a transport carries for this one, whose indexes are of this table. It still holds them.
    pub fn to_wire(&self, txs: &TxTable) -> Vec<Message> {
        let items = |list: &mut dyn Iterator<Item = TxIndex>| list.map(|tx| InvItem::Tx(txs.hash(tx))).collect();
        match self {
            PeerMessage::TxInv(inv) => vec![Message::Inv(items(&mut inv.txs()))],
            PeerMessage::GetTxs(list) => vec![Message::GetData(items(&mut list.iter().copied()))],
            PeerMessage::TxsNotFound(list) => vec![Message::NotFound(items(&mut list.iter().copied()))],
            PeerMessage::Txs(list) => list.iter().filter_map(|tx| txs.tx(*tx).cloned().map(Message::Tx)).collect(),
            PeerMessage::Other(message) => vec![message.clone()],
        }
    }
}
