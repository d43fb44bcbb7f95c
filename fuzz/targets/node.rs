//! A node, full or light, among neighbours that say whatever they like, beside an honest one that makes blocks.

#![no_main]

use std::num::NonZero;
use std::sync::Arc;

use arbitrary::Arbitrary;
use fika_core::codec::{Decode, Encode};
use fika_core::consensus::Anyone;
use fika_core::env::{ChainParams, Env, Proof};
use fika_core::header::{SECOND, Time};
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::message::Message;
use fika_core::node::{Dest, Input, Node, NodeConfig, Outputs, PeerId, PeerMessage, Role};
use fika_core::plugin::{Faults, Plugin};
use fika_core::script::PayToAddress;
use fika_core::world::{Genesis, Rules, World};
use fika_utxo::{Params, Utxo};
use libfuzzer_sys::fuzz_target;

/// The honest neighbour's place among the node's neighbours.
const HONEST: u32 = 0;
const NEIGHBOURS: u32 = 3;

#[derive(Arbitrary, Debug)]
enum Step {
    Connect(u8),
    Disconnect(u8, u8),
    /// A message of any bytes.
    Say(u8, u8, Vec<u8>),
    /// What somebody has said before, with one byte changed, if it can still be read then.
    Repeat {
        by: u8,
        which: u16,
        at: u16,
        xor: u8,
    },
    Wait(u16),
    /// The honest neighbour finds a block.
    Find,
}

struct Party {
    node: Node,
    world: World,
    out: Outputs,
    tickets: Vec<u64>,
}

impl Party {
    fn new(number: u64, role: Role) -> Party {
        let chain = ChainParams { tick_us: 1_000, proof: Proof::Sampled, ..ChainParams::default() };
        let env = Env { chain, keys: Arc::new(NoKeys) };
        let rules = Rules {
            consensus: Arc::new(Anyone(env.clone())),
            script: Box::new(PayToAddress),
            tx: Box::new(Utxo::new(Params::default(), &env).expect("a format")),
            workers: NonZero::<usize>::MIN,
            faults: Faults::new(),
            env,
        };
        let mut world = World::open(rules, &Genesis::default(), None).expect("a world");
        let keys = NoKeys.generate_many(1, number as u32, 1).remove(0);
        let config = NodeConfig { role, mines: number == 1, ..NodeConfig::new(keys, number) };
        let node = Node::new(config, &mut world, None);
        Party { node, world, out: Outputs::default(), tickets: Vec::new() }
    }

    /// Gives the node an input and what it says to neighbours.
    fn handle(&mut self, now: Time, input: Input) -> Vec<(Option<u32>, Message)> {
        self.out.clear();
        self.node.handle(&mut self.world, now, input, &mut self.out);
        if let Some(work) = self.out.work.take() {
            self.tickets = work.iter().map(|work| work.ticket).collect();
        }
        let mut said = Vec::new();
        for (to, message) in self.out.messages.drain(..) {
            let to = match to {
                Dest::Peer(peer) => Some(peer.0),
                Dest::AllBut(_) => None,
            };
            said.extend(message.to_wire(self.world.txs()).into_iter().map(|message| (to, message.clone())));
            message.release(self.world.txs_mut());
        }
        said
    }

    fn hear(&mut self, now: Time, from: u32, message: Message) -> Vec<(Option<u32>, Message)> {
        let mut said = Vec::new();
        for message in PeerMessage::from_wire(message, self.world.txs_mut()) {
            said.extend(self.handle(now, Input::Message(PeerId(from), message)));
        }
        said
    }
}

fuzz_target!(|input: (bool, Vec<Step>)| {
    let (is_light, steps) = input;
    let role = if is_light { Role::Light } else { Role::Full };
    let (mut node, mut honest) = (Party::new(0, role), Party::new(1, Role::Full));
    let mut now = SECOND;
    let mut known: Vec<Message> = Vec::new();
    let mut connected = [false; NEIGHBOURS as usize];
    node.handle(now, Input::Start);
    honest.handle(now, Input::Start);
    for step in steps.into_iter().take(64) {
        let mut answers = Vec::new();
        match step {
            Step::Connect(peer) => {
                let peer = u32::from(peer) % NEIGHBOURS;
                if !std::mem::replace(&mut connected[peer as usize], true) {
                    answers = node.handle(now, Input::Connected(PeerId(peer)));
                    if peer == HONEST {
                        let said = honest.handle(now, Input::Connected(PeerId(0)));
                        answers.extend(said.into_iter().flat_map(|(_, message)| node.hear(now, HONEST, message)));
                    }
                }
            }
            Step::Disconnect(peer, score) => {
                let peer = u32::from(peer) % NEIGHBOURS;
                if std::mem::replace(&mut connected[peer as usize], false) {
                    answers = node.handle(now, Input::Disconnected(PeerId(peer), score.into()));
                    if peer == HONEST {
                        honest.handle(now, Input::Disconnected(PeerId(0), 0));
                    }
                }
            }
            Step::Say(by, kind, payload) => {
                let by = u32::from(by) % NEIGHBOURS;
                if let (true, Ok(message)) = (connected[by as usize], Message::decode_payload(kind, &payload)) {
                    answers = node.hear(now, by, message);
                }
            }
            Step::Repeat { by, which, at, xor } => {
                let by = u32::from(by) % NEIGHBOURS;
                let Some(message) = known.get(usize::from(which) % known.len().max(1)) else { continue };
                let mut bytes = message.to_bytes();
                let at = usize::from(at) % bytes.len();
                bytes[at] ^= xor;
                if let (true, Ok(message)) = (connected[by as usize], Message::from_bytes(&bytes)) {
                    answers = node.hear(now, by, message);
                }
            }
            Step::Wait(millis) => {
                now += Time::from(millis) * 1_000;
                honest.handle(now, Input::Wake);
                answers = node.handle(now, Input::Wake);
            }
            Step::Find => {
                let Some(ticket) = honest.tickets.first().copied() else { continue };
                for (_, message) in honest.handle(now, Input::Drawn { ticket }) {
                    known.push(message.clone());
                    if connected[HONEST as usize] {
                        answers.extend(node.hear(now, HONEST, message));
                    }
                }
            }
        }
        // The honest neighbour answers what it is asked, a few times back and forth.
        for _ in 0..8 {
            let mut next = Vec::new();
            for (to, message) in answers.drain(..) {
                known.push(message.clone());
                if connected[HONEST as usize] && to.is_none_or(|to| to == HONEST) {
                    for (_, answer) in honest.hear(now, 0, message) {
                        known.push(answer.clone());
                        next.extend(node.hear(now, HONEST, answer));
                    }
                }
            }
            answers = next;
        }
        known.truncate(256);
    }
});
