//! Every call of a node as a line of the log at level `trace`.
//!
//! What goes in is written so that another node can be given the same; what comes out is written without indexes, for
//! these differ from world to world. [`testing::replay`](crate::testing::replay) reads the lines.

use super::io::{Event, Input, Outputs, PeerMessage};
use crate::block::Tx;
use crate::codec::Encode;
use crate::hash::{sha256, to_hex};
use crate::message::Message;
use crate::world::{BlockIx, TxIndex, TxTable, World};

/// The target of the lines.
pub(crate) const TARGET: &str = "fika_core::node";

fn hex(what: &impl Encode) -> String {
    to_hex(&what.to_bytes())
}

fn joined<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(",")
}

fn wire(message: &PeerMessage, txs: &TxTable) -> String {
    joined(message.to_wire(txs).iter().map(hex))
}

/// What happens to a node, in words and hexadecimal numbers.
pub(super) fn input(input: &Input, txs: &TxTable) -> String {
    match input {
        Input::Start => "start".into(),
        Input::Connected(peer) => format!("connected {}", peer.0),
        Input::Disconnected(peer, score) => format!("disconnected {} {score}", peer.0),
        Input::Message(peer, message) => format!("message {} {}", peer.0, wire(message, txs)),
        Input::AlsoAnnounced { block, peers } => {
            format!("also_announced {block} {}", joined(peers.iter().map(|peer| peer.0)))
        }
        Input::ControlFrames(peer, count) => format!("control_frames {} {count}", peer.0),
        Input::Attempt(peer) => format!("attempt {}", peer.0),
        Input::Wake => "wake".into(),
        Input::Found { ticket, header } => format!("found {ticket} {}", hex(header)),
        Input::Exhausted { ticket } => format!("exhausted {ticket}"),
        Input::Drawn { ticket } => format!("drawn {ticket}"),
        Input::Pay(order) => format!("pay {} {} {} {}", order.reference, order.to, order.amount.0, order.fee.0),
        Input::Submit(tx) => format!("submit {}", to_hex(Tx::bytes(tx))),
        Input::UpdateChain => "update_chain".into(),
        Input::Blocks(blocks) => format!("blocks {}", joined(blocks.iter().map(|block| hex(&**block)))),
    }
}

/// What a node answers; messages are written as their kinds and hashes.
pub(crate) fn outputs(out: &Outputs, world: &World) -> String {
    let hashed = |message: &Message| format!("{} {}", message.kind_name(), sha256(&[&message.to_bytes()]));
    let sent = out
        .messages
        .iter()
        .map(|(dest, message)| format!("{dest:?}: {}", joined(message.to_wire(world.txs()).iter().map(hashed))));
    let events = out.events.iter().map(|event| happened(event, world));
    let rest = format!("{:?} {:?} {:?} {:?}", out.work, out.wake_at, out.ended_requests, out.bans);
    sent.chain(events).chain([rest]).collect::<Vec<_>>().join("; ")
}

/// An event in words that do not depend on where a block lies in a world.
pub(crate) fn happened(event: &Event, world: &World) -> String {
    let tree = world.tree();
    let block = |ix: &BlockIx| (tree[*ix].id, tree[*ix].state_root);
    let hash = |tx: &TxIndex| world.txs().hash(*tx);
    match event {
        Event::TxAccepted { tx, from, fee } => format!("tx accepted {} {from:?} {fee}", hash(tx)),
        Event::TxRejected { tx, from, why } => format!("tx rejected {} {from:?} {why}", hash(tx)),
        Event::TxDropped { tx, why } => format!("tx dropped {} {why}", hash(tx)),
        Event::Produced { block: ix } => format!("produced {:?}", block(ix)),
        Event::Withheld { block: ix } => format!("withheld {:?}", block(ix)),
        Event::Published { block: ix } => format!("published {:?}", block(ix)),
        Event::Finalized { block: ix } => format!("finalized {:?}", block(ix)),
        Event::BlockAccepted { block: ix, from } => format!("accepted {:?} {from:?}", block(ix)),
        Event::Tip { old, new, reorg_depth } => format!("tip {:?} {:?} {reorg_depth}", block(old), block(new)),
        other => format!("{other:?}"),
    }
}
