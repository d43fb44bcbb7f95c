//! What it costs a neighbour's [budget](super::budget) to say or ask something, in microseconds.
//!
//! The prices are about ten times what a machine of today needs, so that one neighbour gets about a tenth of a processor. They
//! count what a node does for it, not whether it was of use; what turns out to be of none costs more on top.

use super::io::PeerMessage;
use crate::header::{SECOND, Time};
use crate::message::Message;

/// Any message, and any frame with which the transport has dealt alone.
const MESSAGE: Time = 10;
/// Each thing that a list names.
const ITEM: Time = 2;
/// Each header that is checked.
const HEADER: Time = 20;

/// Looking for the place from which headers are asked for.
pub(super) const GET_HEADERS: Time = 1_000;
/// Each header that is sent.
pub(super) const SENT_HEADER: Time = 20;
/// A transaction that is refused, or waits for what it spends.
pub(super) const REFUSED_TX: Time = 1_000;
/// A transaction that was here.
pub(super) const KNOWN_TX: Time = 50;
/// A block that is not accepted, or not yet, or was here.
pub(super) const USELESS_BLOCK: Time = 10_000;
/// A consensus message of which the agent wants to know nothing.
pub(super) const IGNORED_GOSSIP: Time = 100;
/// Pings and the like, each.
pub(super) const CONTROL_FRAME: Time = 500;
/// A connection.
pub(super) const CONNECTION: Time = 50_000;

/// Of traffic: a block or proposal that is looked for.
pub(super) const SENT_BLOCK: Time = 100;
/// Of traffic: so many bytes cost a microsecond.
pub(super) const BYTES: usize = 64;
/// Of traffic: a message of another agent to a third one, which nobody has checked.
pub(super) const FORWARDED_GOSSIP: Time = 200;

/// Of traffic: a proposal. Nobody has signed it, but it has a place in the tree from then on. Rules that have proposals
/// need one or a few in a block interval.
pub(super) fn of_proposal(block_interval: Time) -> Time {
    (block_interval / 8).clamp(USELESS_BLOCK / 10, SECOND / 4)
}

/// What a message costs before anybody knows what comes of it.
#[inline]
pub(super) fn of_message(message: &PeerMessage) -> Time {
    let listed = |count: usize| MESSAGE + ITEM * count as Time;
    match message {
        PeerMessage::TxInv(inv) => listed(inv.count()),
        PeerMessage::GetTxs(list) | PeerMessage::Txs(list) | PeerMessage::TxsNotFound(list) => listed(list.len()),
        PeerMessage::Other(Message::Inv(items) | Message::GetData(items) | Message::NotFound(items)) => {
            listed(items.len())
        }
        PeerMessage::Other(Message::Headers(heads)) => MESSAGE + HEADER * heads.len() as Time,
        PeerMessage::Other(_) => MESSAGE,
    }
}
