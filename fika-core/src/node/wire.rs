//! The door between sockets and nodes: messages as transports carry them, with hashes and bytes, and as nodes take them,
//! with indexes.

use smallvec::{SmallVec, smallvec};

use super::io::{Outputs, PeerMessage};
use super::peer::PeerId;
use super::tx_inv::TxInv;
use crate::message::{Item, Message};
use crate::world::{TxIndex, TxTable};

/// What one message becomes: as a rule one.
type One<T> = SmallVec<[T; 1]>;

/// Takes the transactions out of a list of items, and holds them.
fn split(mut items: Vec<Item>, txs: &mut TxTable) -> (Vec<TxIndex>, Vec<Item>) {
    let mut held = Vec::new();
    items.retain(|item| match item {
        Item::Tx(hash) => {
            held.push(txs.hold(*hash));
            false
        }
        _ => true,
    });
    (held, items)
}

/// The items of transactions.
fn items(list: &[TxIndex], txs: &TxTable) -> Vec<Item> {
    list.iter().map(|tx| Item::Tx(txs.hash(*tx))).collect()
}

impl PeerMessage {
    /// A message that has come from a neighbour, for the node whose world has this table.
    ///
    /// A list that names transactions and other things becomes two messages. A hash that nobody knows gets an index for
    /// as long as the message, or a request that follows from it, holds it.
    pub fn from_wire(message: Message, txs: &mut TxTable, out: &mut Outputs) -> One<PeerMessage> {
        let mut all = One::new();
        let other = match message {
            Message::Tx(tx) => {
                all.push(PeerMessage::Txs(vec![txs.hold_tx(&tx)]));
                return all;
            }
            Message::Inv(items) => {
                let (held, other) = split(items, txs);
                all.extend(TxInv::to_one(held, txs, out).map(PeerMessage::TxInv));
                Message::Inv(other)
            }
            Message::GetData(items) => {
                let (held, other) = split(items, txs);
                all.extend((!held.is_empty()).then_some(PeerMessage::GetTxs(held)));
                Message::GetData(other)
            }
            Message::NotFound(items) => {
                let (held, other) = split(items, txs);
                all.extend((!held.is_empty()).then_some(PeerMessage::TxsNotFound(held)));
                Message::NotFound(other)
            }
            other => other,
        };
        let is_empty_rest =
            matches!(&other, Message::Inv(rest) | Message::GetData(rest) | Message::NotFound(rest) if rest.is_empty());
        if all.is_empty() || !is_empty_rest {
            all.push(PeerMessage::Other(other));
        }
        all
    }

    /// The messages that a transport carries for this one, whose indexes are of this table. It still holds them.
    pub fn to_wire(&self, txs: &TxTable) -> One<Message> {
        match self {
            PeerMessage::TxInv(inv) => smallvec![Message::Inv(items(&inv.txs(), txs))],
            PeerMessage::GetTxs(list) => smallvec![Message::GetData(items(list, txs))],
            PeerMessage::Txs(list) => list.iter().filter_map(|tx| txs.tx(*tx).cloned().map(Message::Tx)).collect(),
            PeerMessage::TxsNotFound(list) => smallvec![Message::NotFound(items(list, txs))],
            PeerMessage::Other(message) => smallvec![message.clone()],
        }
    }
}

impl TxInv {
    /// An announcement of held transactions to one node; nothing where there are none.
    fn to_one(held: Vec<TxIndex>, txs: &mut TxTable, out: &mut Outputs) -> Option<TxInv> {
        let mut list = out.inv_lists.new_list();
        // The list holds each once.
        for tx in held {
            if list.is_full() || !list.add(tx) {
                txs.release(tx);
            }
        }
        let mut made = None;
        list.tell(PeerId(0), |_, which| which);
        list.publish(txs, &mut out.inv_lists, |_, inv| made = Some(inv));
        made
    }
}
