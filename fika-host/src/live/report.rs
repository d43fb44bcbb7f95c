//! What happened at the node: in words for the log, as [`TraceEvent`]s for the tables.

use std::collections::BTreeSet;

use fika_core::address::Address;
use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::node::{Event, PeerId, PeerMessage};
use fika_core::world::TxIndex;
use tracing::{debug, error, info, warn};

use super::hub::{Hub, Orderer};
use super::repeats::{Kind, LeftOut};
use crate::results::trace::{Repeated, TraceEvent};

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

    pub(super) fn trace(&mut self, now: Time, event: TraceEvent) {
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

    /// A connection does not come from where the neighbour is.
    pub(super) fn refused_connection(&mut self, peer: PeerId, why: &str) {
        if self.repeats.may_write(self.clock.now(), Some(peer), Kind::WrongAddress) {
            warn!("{why}");
        }
    }

    /// Whether a line about what a neighbour does is written, and not only counted.
    fn may_write(&mut self, now: Time, event: &Event) -> bool {
        let (peer, kind) = match event {
            Event::TxRejected { from: Some(peer), .. } => (Some(*peer), Kind::RefusedTx),
            Event::BlockRejected { from: Some(peer), .. } => (Some(*peer), Kind::RefusedBlock),
            Event::Orphan { .. } => (None, Kind::OrphanBlock),
            Event::Forwarded { what: "gossip", .. } => (None, Kind::Gossip),
            Event::Misbehaved { peer, .. } => (Some(*peer), Kind::Misbehaviour),
            _ => return true,
        };
        self.repeats.may_write(now, peer, kind)
    }

    /// Tells how many lines were not written in the periods that are over.
    pub(super) fn report_repeats(&mut self, now: Time) {
        for LeftOut { peer, kind, count } in self.repeats.end(now) {
            warn!("{count} more {} of {}", kind.plural(), peer.map_or("all neighbours", |peer| self.peer(peer)));
            let of = match kind {
                Kind::RefusedTx => Repeated::BadTx,
                Kind::RefusedBlock => Repeated::BadBlock,
                _ => continue,
            };
            self.trace(now.min(self.clock.now()), TraceEvent::Repeated { of, count });
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
    pub(super) fn report(&mut self, now: Time, event: &Event) {
        if !self.may_write(now, event) {
            return;
        }
        // Whoever ordered a payment says what becomes of one that could not be made.
        if !matches!(event, Event::PaymentFailed { .. }) {
            let peer = |peer: PeerId| self.peer(peer).to_owned();
            if let Some(event) = TraceEvent::of(event, &self.world, &self.node, peer) {
                self.trace(now, event);
            }
        }
        let tree = self.world.tree();
        match event {
            Event::TxAccepted { tx, from, fee } => {
                let hash = Short(self.world.txs().hash(*tx));
                if from.is_some() {
                    info!("received transaction {hash} from {}", self.source(*from));
                }
                info!("verified transaction {hash} of {}, fee {fee}: it is in the mempool", self.source(*from));
            }
            Event::TxRejected { tx, from, why } => {
                let hash = Short(self.world.txs().hash(*tx));
                warn!("refused transaction {hash} of {}: {why}", self.source(*from));
            }
            Event::TxDropped { tx, why } => {
                info!("dropped transaction {}: {why}", Short(self.world.txs().hash(*tx)));
            }
            Event::Forwarded { id, what } => info!("forwarded {what} {} to the neighbours", Short(*id)),
            Event::Produced { block } => {
                let entry = &tree[*block];
                info!("produced block {} at height {}", Short(entry.id), entry.height);
            }
            Event::BlockAccepted { block, from } => {
                self.counts.blocks += 1;
                if from.is_some() {
                    let entry = &self.world.tree()[*block];
                    let (id, height) = (Short(entry.id), entry.height);
                    info!("received block {id} from {}", self.source(*from));
                    info!("verified block {id} of {} at height {height}", self.source(*from));
                }
            }
            Event::Withheld { block } => info!("withheld block {}", Short(tree[*block].id)),
            Event::Published { block } => info!("published the withheld block {}", Short(tree[*block].id)),
            Event::BlockRejected { id, from, why } => {
                warn!("refused block {} of {}: {why}", Short(*id), self.source(*from));
            }
            Event::Orphan { id, waits_for } => info!("block {} waits for {}", Short(*id), Short(*waits_for)),
            Event::Tip { old, new, reorg_depth } => {
                let (old, id, height) = (Short(tree[*old].id), Short(tree[*new].id), tree[*new].height);
                if *reorg_depth > 0 {
                    self.counts.reorgs += 1;
                    info!("reorganised: {reorg_depth} blocks up to {old} left, the tip is {id} now");
                }
                info!("the chain has height {height}, its tip is {id}");
            }
            Event::Paid { reference, hash } => self.report_paid(*reference, *hash),
            Event::PaymentFailed { reference, why } => match self.orders.remove(reference) {
                Some(Orderer::Load(load, n)) => self.payment_failed(now, load, n, why),
                Some(Orderer::Owner) => {
                    self.counts.refused += 1;
                    self.not_paid(now, why);
                    self.paid.insert(*reference, Err(why.clone()));
                }
                None => {}
            },
            Event::PaymentDropped { hash, why } => {
                warn!("own transaction {} left the mempool: {why}; it is tried again after every block", Short(*hash));
                self.flush_journal();
            }
            Event::PaymentLost { hash, why } => {
                warn!("own transaction {} is lost for good: {why}", Short(*hash));
                self.flush_journal();
            }
            Event::Confirmed { hash, height } => {
                info!("own transaction {} is confirmed by the block at height {height}", Short(*hash));
                self.flush_journal();
            }
            Event::Unconfirmed { hash } => {
                info!("own transaction {} is no longer confirmed", Short(*hash));
            }
            Event::Updated { height } => {
                debug!("the newest chain is here: height {height}");
                for client in self.updates.drain(..) {
                    // A client that has gone does not mind.
                    let _ = client.send(());
                }
            }
            Event::Misbehaved { peer, score, why } => {
                warn!("{} misbehaved (score +{score}): {why}", self.peer(*peer));
                self.flush_journal();
            }
            Event::LieFound { peer, block, why } => {
                warn!("{} lied about block {}: {why}", self.peer(*peer), Short(*block));
                self.flush_journal();
            }
            Event::Finalized { block } => {
                info!("block {} at height {} is final", Short(tree[*block].id), tree[*block].height);
            }
            Event::SafetyViolation { finalized, tip } => {
                error!("safety violation: the tip {tip} does not descend from the final block {finalized}");
            }
            Event::Fault { why } => {
                error!("fault: {why}");
                self.flush_journal();
            }
        }
    }

    fn report_paid(&mut self, reference: u64, hash: Id) {
        match self.orders.remove(&reference) {
            Some(Orderer::Load(load, n)) => self.payer.made(load, n),
            Some(Orderer::Owner) => {
                self.paid.insert(reference, Ok(hash));
            }
            None => {}
        }
        if let Some(own) = self.node.history().iter().rev().find(|own| own.tx.hash() == hash) {
            let to = own.to.map_or_else(String::new, |to| self.name_of(&to));
            info!("paid {} to {to}, fee {}: transaction {}", own.amount, own.fee, Short(hash));
            self.flush_journal();
        }
    }

    /// A node by its name where it has one.
    pub(super) fn name_of(&self, address: &Address) -> String {
        let member = self.setup.nodes.iter().find(|member| member.address == *address);
        member.map_or_else(|| address.to_string(), |member| member.name.clone())
    }
}
