//! A node's log, given to another node.
//!
//! At level `trace` the log has every call of a node: what went in, and what came out. A node made alike that is given
//! the same answers the same, whichever runtime the first one ran in. So a live node's run can be looked into as often
//! as one likes, and a difference shows that something beside the inputs decided.

use std::str::FromStr;
use std::sync::Arc;

use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::codec::{Decode, Reader};
use crate::hash::parse_hex;
use crate::header::Time;
use crate::node::{Input, Node, Outputs, PaymentOrder, PeerId, PeerMessage, recording};
use crate::world::{TxTable, World};

/// One call of a node, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The node's address.
    pub node: Address,
    /// When, by the node's clock.
    pub at: Time,
    /// What happened to it.
    pub input: String,
    /// What it answered.
    pub outputs: String,
}

impl Call {
    /// The call that a line of a log has, whatever stands before it; `None`: another line.
    pub fn parse(line: &str) -> Option<Call> {
        let (_, call) = line.split_once("call of ")?;
        let (node, rest) = call.split_once(" at ")?;
        let (at, rest) = rest.split_once(": ")?;
        let (input, outputs) = rest.split_once(" -> ")?;
        let (node, at) = (node.parse().ok()?, at.parse().ok()?);
        Some(Call { node, at, input: input.into(), outputs: outputs.into() })
    }

    fn read(&self, txs: &mut TxTable) -> Option<Input> {
        let mut words = self.input.split(' ');
        let kind = words.next()?;
        let mut word = || words.next();
        Some(match kind {
            "start" => Input::Start,
            "connected" => Input::Connected(PeerId(number(word()?)?)),
            "disconnected" => Input::Disconnected(PeerId(number(word()?)?), number(word()?)?),
            "message" => {
                let peer = PeerId(number(word()?)?);
                Input::Message(peer, PeerMessage::from_wire_parts(decoded_list(word()?)?, txs)?)
            }
            "blocks" => Input::Blocks(decoded_list(word()?)?.into_iter().map(Arc::new).collect()),
            "also_announced" => {
                let block = number(word()?)?;
                let peers = word()?.split(',').map(|peer| number(peer).map(PeerId));
                Input::AlsoAnnounced { block, peers: peers.collect::<Option<_>>()? }
            }
            "control_frames" => Input::ControlFrames(PeerId(number(word()?)?), number(word()?)?),
            "attempt" => Input::Attempt(PeerId(number(word()?)?)),
            "wake" => Input::Wake,
            "found" => Input::Found { ticket: number(word()?)?, header: decoded(word()?)? },
            "exhausted" => Input::Exhausted { ticket: number(word()?)? },
            "drawn" => Input::Drawn { ticket: number(word()?)? },
            "pay" => Input::Pay(PaymentOrder {
                reference: number(word()?)?,
                to: number(word()?)?,
                amount: Amount(number(word()?)?),
                fee: Amount(number(word()?)?),
            }),
            "submit" => Input::Submit(Tx::new(parse_hex(word()?).ok()?)),
            "update_chain" => Input::UpdateChain,
            _ => return None,
        })
    }
}

fn number<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

fn decoded<T: Decode>(word: &str) -> Option<T> {
    T::decode(&mut Reader::new(&parse_hex(word).ok()?)).ok()
}

fn decoded_list<T: Decode>(word: &str) -> Option<Vec<T>> {
    word.split(',').map(decoded).collect()
}

/// Gives a new node what the log says that one of this address was given, from its start on.
///
/// # Errors
/// The first call that cannot be read, or whose answer is another one.
pub fn replay<'a>(
    log: impl IntoIterator<Item = &'a Call>,
    node: &mut Node,
    world: &mut World,
) -> Result<usize, String> {
    let mut out = Outputs::default();
    let mut count = 0;
    let address = node.address();
    for call in log.into_iter().filter(|call| call.node == address) {
        let input = call.read(world.txs_mut()).ok_or_else(|| format!("call {count}: cannot read {:?}", call.input))?;
        node.handle(world, call.at, input, &mut out);
        let outputs = recording::outputs(&out, world);
        if outputs != call.outputs {
            let Call { at, input, outputs: expected, .. } = call;
            return Err(format!("call {count} at {at}, {input}: expected {expected}, found {outputs}"));
        }
        for (_, message) in out.messages.drain(..) {
            message.release(world.txs_mut());
        }
        out.clear();
        count += 1;
    }
    Ok(count)
}
