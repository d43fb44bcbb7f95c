//! What happened at the node: in words for the log, as [`TraceEvent`]s for the tables.

use std::collections::BTreeSet;

use fika_core::address::Address;
use fika_core::codec::Encode;
use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::message::Message;
use fika_core::node::{Event, PeerId, PeerMessage};
use fika_core::world::{BlockIx, TxIndex};
use tracing::{debug, error, info, warn};

use super::hub::{Hub, Orderer};
use crate::results::payee;
use crate::results::trace::TraceEvent;

/// The last digits of an identifier as it is shown elsewhere: enough to tell those of one log apart.
struct Short(Id);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A block's id begins with zeros, for its bytes are shown in reverse.
        self.0.0[..6].iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Hub {
    fn peer(&self, peer: PeerId) -> &str {
        self.links.get(peer.0 as usize).map_or("an unknown neighbour", |link| &link.name)
    }

    fn source(&self, from: Option<PeerId>) -> &str {
        from.map_or("this node", |peer| self.peer(peer))
    }

    fn trace(&mut self, now: Time, event: TraceEvent) {
        if let Err(error) = self.journal.add(now, event) {
            self.fail(format!("{}: {error}", self.setup.events.display()));
        }
    }

    /// The node, or a plugin, did what it must not.
    pub(super) fn fault(&mut self, why: String) {
        error!("fault: {why}");
        self.trace(self.clock.now(), TraceEvent::Fault { why });
        self.flush_journal();
    }

    /// A payment is given up.
    pub(super) fn not_paid(&mut self, now: Time, why: &str) {
        warn!("a payment could not be made: {why}");
        self.trace(now, TraceEvent::NotPaid { why: why.to_owned() });
        self.flush_journal();
    }

    pub(super) fn log_message(&self, from: PeerId, message: &Message) {
        let from = self.peer(from);
        match message {
            Message::Tx(tx) => info!("received transaction {} from {from}", Short(tx.hash())),
            Message::Block(block) => {
                info!("received block {} with {} transactions from {from}", Short(block.id()), block.txs.len());
            }
            Message::CompactBlock(block) => {
                let txs = block.tx_count();
                info!("received the compact form of block {} with {txs} transactions from {from}", Short(block.id()));
            }
            Message::Proposal(block) => info!("received a proposal of block {} from {from}", Short(block.id())),
            other => debug!("received {} from {from}", other.kind_name()),
        }
    }

    /// Notes which transactions the neighbours are told of, each once for all of them.
    pub(super) fn log_forwarded(&self, message: &PeerMessage, logged: &mut BTreeSet<TxIndex>) {
        let PeerMessage::TxInv(inv) = message else { return };
        for tx in inv.txs().filter(|tx| logged.insert(*tx)) {
            info!("forwarded transaction {} to the neighbours", Short(self.world.txs().hash(tx)));
        }
    }

    /// Notes one thing that the node did.
    pub(super) fn report(&mut self, now: Time, event: Event) {
        match event {
            Event::TxAccepted { tx, from, fee } => {
                let hash = self.world.txs().hash(tx);
                info!("verified transaction {} of {}, fee {fee}: it is in the mempool", Short(hash), self.source(from));
                self.trace(now, TraceEvent::Tx { hash });
            }
            Event::TxRejected { tx, from, why } => {
                let hash = self.world.txs().hash(tx);
                warn!("refused transaction {} of {}: {why}", Short(hash), self.source(from));
                self.trace(now, TraceEvent::BadTx { hash, why: why.to_string() });
            }
            Event::TxDropped { tx, why } => {
                let hash = self.world.txs().hash(tx);
                info!("dropped transaction {}: {why}", Short(hash));
                self.trace(now, TraceEvent::BadTx { hash, why: why.to_string() });
            }
            Event::Forwarded { id, what } => {
                info!("forwarded {what} {} to the neighbours", Short(id));
            }
            Event::Produced { block } => {
                let entry = &self.world.tree()[block];
                let id = entry.id;
                info!("produced block {} at height {}", Short(id), entry.height);
                self.trace(now, TraceEvent::Produced { id });
            }
            Event::BlockAccepted { block, from } => self.report_block(now, block, from),
            Event::BlockRejected { id, from, why } => {
                warn!("refused block {} of {}: {why}", Short(id), self.source(from));
                self.trace(now, TraceEvent::BadBlock { id, why: why.text });
            }
            Event::Orphan { id, waits_for } => {
                info!("block {} waits for {}", Short(id), Short(waits_for));
            }
            Event::Tip { old, new, reorg_depth } => {
                let (id, height) = (self.world.tree()[new].id, self.world.tree()[new].height);
                if reorg_depth > 0 {
                    self.counts.reorgs += 1;
                    let old = self.world.tree()[old].id;
                    info!("reorganised: {reorg_depth} blocks up to {} left, the tip is {} now", Short(old), Short(id));
                }
                info!("the chain has height {height}, its tip is {}", Short(id));
                self.trace(now, TraceEvent::Tip { id, height, reorg_depth });
            }
            Event::Paid { reference, hash } => self.report_paid(now, reference, hash),
            Event::PaymentFailed { reference, why } => match self.orders.remove(&reference) {
                Some(Orderer::Load(load, n)) => self.payment_failed(now, load, n, &why),
                Some(Orderer::Owner) => {
                    self.counts.refused += 1;
                    self.not_paid(now, &why);
                    self.paid.insert(reference, Err(why));
                }
                None => {}
            },
            Event::Confirmed { hash, height } => {
                info!("own transaction {} is confirmed by the block at height {height}", Short(hash));
                self.note_unsettled();
                self.trace(now, TraceEvent::Confirmed { hash, height });
                self.flush_journal();
            }
            Event::Unconfirmed { hash } => {
                info!("own transaction {} is no longer confirmed", Short(hash));
                self.note_unsettled();
                self.trace(now, TraceEvent::Unconfirmed { hash });
            }
            Event::Updated { height } => {
                debug!("the newest chain is here: height {height}");
                for client in self.updates.drain(..) {
                    // A client that has gone does not mind.
                    let _ = client.send(());
                }
            }
            Event::Misbehaved { peer, score, why } => {
                let peer = self.peer(peer).to_owned();
                warn!("{peer} misbehaved (score +{score}): {why}");
                self.trace(now, TraceEvent::Misbehaved { peer, score, why });
                self.flush_journal();
            }
            Event::SafetyViolation { finalized, tip } => {
                error!("safety violation: the tip {tip} does not descend from the final block {finalized}");
                self.trace(now, TraceEvent::SafetyViolation { finalized, tip });
            }
            Event::Fault { why } => self.fault(why),
        }
    }

    fn report_block(&mut self, now: Time, ix: BlockIx, from: Option<PeerId>) {
        self.counts.blocks += 1;
        let Some(block) = self.world.block(ix) else { return };
        let entry = &self.world.tree()[ix];
        let (id, height) = (entry.id, entry.height);
        if from.is_some() {
            info!("verified block {} of {} at height {height}", Short(id), self.source(from));
        }
        let me = self.node.address();
        let own = from.is_none() && payee(&self.world, ix).is_none_or(|payee| payee == me);
        let event = TraceEvent::Block {
            id,
            parent: block.head.header.parent,
            height,
            time: block.head.header.time,
            txs: block.txs.len() as u32,
            bytes: block.encoded_len() as u64,
            producer: own.then_some(me),
        };
        self.trace(now, event);
    }

    fn report_paid(&mut self, now: Time, reference: u64, hash: Id) {
        match self.orders.remove(&reference) {
            Some(Orderer::Load(load, n)) => self.payer.made(load, n),
            Some(Orderer::Owner) => {
                self.paid.insert(reference, Ok(hash));
            }
            None => {}
        }
        self.note_unsettled();
        if let Some(own) = self.node.history().iter().rev().find(|own| own.tx.hash() == hash) {
            let (amount, fee) = (own.amount, own.fee);
            let to = own.to.map_or_else(String::new, |to| self.name_of(&to));
            info!("paid {amount} to {to}, fee {fee}: transaction {}", Short(hash));
            self.trace(now, TraceEvent::Paid { hash, amount, fee });
            self.flush_journal();
        }
    }

    /// A node by its name where it has one.
    pub(super) fn name_of(&self, address: &Address) -> String {
        let member = self.setup.nodes.iter().find(|member| member.address == *address);
        member.map_or_else(|| address.to_string(), |member| member.name.clone())
    }
}
