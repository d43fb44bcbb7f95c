//! Follows what the nodes do: for the tables, and to know when the run is over.

use std::collections::BTreeSet;

use fika_core::address::Address;
use fika_core::codec::Encode;
use fika_core::hash::{Id, to_hex};
use fika_core::header::Time;
use fika_core::node::Event;
use fika_core::world::{BlockIx, TxIndex, World};

use super::agreed_chain::AgreedChain;
use super::engine::Engine;
use super::observer::{Observer, Seen};
use super::payments::{DuePayment, Payments};
use super::stall::{Stall, State};
use crate::experiment::{Experiment, Role};
use crate::results::{BlockFacts, Record};

/// What is known of the run.
pub(super) struct RunObserver<'a> {
    pub(super) record: Record,
    pub(super) payments: Payments<'a>,
    /// Payments that have come due by a height.
    pub(super) begun: Vec<DuePayment>,
    /// Own transactions made, and those of them confirmed.
    pub(super) made: u64,
    /// Payments that no node but the payer may have. An index may since stand for another transaction.
    unheard: TxSet,
    pub(super) confirmed: u64,
    /// Those of them that their payers have given up.
    lost: BTreeSet<Id>,
    /// How many full nodes have which tip; there are few, the newest last.
    tips: Vec<(Id, u32)>,
    full: Vec<bool>,
    /// Which nodes learn of their payments when they ask.
    wallets: Vec<bool>,
    full_count: u32,
    stop_height: Option<u64>,
    /// All full nodes had one tip at the stop height or above after the last event.
    pub(super) agreed: bool,
    /// The height of the highest tip.
    pub(super) height: u64,
    scheduled: u64,
    endless: bool,
    /// What wallets have paid and do not know confirmed.
    agreed_chain: AgreedChain,
    pub(super) stall: Stall,
    /// Which node's plugin failed first, and how.
    pub(super) plugin_fault: Option<String>,
}

impl<'a> RunObserver<'a> {
    pub(super) fn new(experiment: &'a Experiment, addresses: &[Address], genesis: Id) -> RunObserver<'a> {
        let full: Vec<bool> = experiment.nodes.iter().map(|node| node.role == Role::Full).collect();
        let wallets = experiment.nodes.iter().map(|node| node.role == Role::Wallet).collect();
        let full_count = full.iter().filter(|full| **full).count() as u32;
        RunObserver {
            record: Record::new(addresses),
            payments: Payments::new(experiment),
            begun: Vec::new(),
            made: 0,
            unheard: TxSet::default(),
            confirmed: 0,
            lost: BTreeSet::new(),
            tips: vec![(genesis, full_count)],
            full,
            wallets,
            full_count,
            stop_height: experiment.stop.height,
            agreed: false,
            height: 0,
            scheduled: experiment.payments_scheduled(),
            endless: experiment.load.iter().any(|load| load.count().is_none()),
            agreed_chain: AgreedChain::default(),
            stall: Stall::new(experiment),
            plugin_fault: None,
        }
    }

    /// The full nodes agree: looks which payments of wallets their chain has.
    pub(super) fn follow(&mut self, engine: &Engine<'_>) {
        self.stall.agreed_at = engine.now();
        if let Some(node) = self.full.iter().position(|full| *full) {
            self.agreed_chain.follow(engine.world(node as u32), engine.nodes[node].tip());
        }
    }

    /// Why the run does not get on, if it does not.
    pub(super) fn stalled(&self, engine: &Engine<'_>) -> Option<String> {
        self.stall.why(engine.now(), || State {
            unconfirmed: match self.payments.outstanding() {
                0 => self.made.saturating_sub(self.settled()),
                _ => 0,
            },
            tips: self.tips.len(),
            works: engine.works(),
        })
    }

    /// Payments that are confirmed or lost.
    fn settled(&self) -> u64 {
        self.confirmed + self.lost() + self.agreed_chain.count()
    }

    /// Payments that their payers have given up.
    pub(super) fn lost(&self) -> u64 {
        self.lost.len() as u64
    }

    /// Whether every payment that the run waits for is confirmed, lost or given up.
    pub(super) fn payments_done(&self) -> bool {
        match self.endless {
            true => self.settled() + self.payments.given_up() >= self.scheduled,
            false => self.payments.outstanding() == 0 && self.settled() >= self.made,
        }
    }

    /// Whether wallets have paid what the full nodes' chain does not have.
    pub(super) fn wallets_wait(&self) -> bool {
        self.agreed_chain.waits()
    }

    /// How many different tips the full nodes have.
    pub(super) fn tips(&self) -> usize {
        self.tips.len()
    }

    /// A full node takes part from now on, with this tip, or no longer.
    pub(super) fn takes_part(&mut self, node: u32, tip: Id, height: u64, is_full: bool) {
        if self.full[node as usize] == is_full {
            return;
        }
        self.full[node as usize] = is_full;
        if is_full {
            self.full_count += 1;
            self.add_tip(tip);
        } else {
            self.full_count -= 1;
            self.remove_tip(tip);
        }
        let most = self.tips.iter().map(|(_, count)| *count).max().unwrap_or(0);
        self.agreed = self.full_count > 0 && most == self.full_count && self.is_high_enough(height);
    }

    fn is_high_enough(&self, height: u64) -> bool {
        self.stop_height.is_some_and(|stop| height >= stop)
    }

    fn remove_tip(&mut self, old: Id) {
        let tips = &mut self.tips;
        if let Some(at) = tips.iter().rposition(|(tip, _)| *tip == old) {
            tips[at].1 -= 1;
            if tips[at].1 == 0 {
                tips.remove(at);
            }
        }
    }

    /// Gives how many have it now.
    fn add_tip(&mut self, new: Id) -> u32 {
        let tips = &mut self.tips;
        let at = tips.iter().rposition(|(tip, _)| *tip == new).unwrap_or_else(|| {
            tips.push((new, 0));
            tips.len() - 1
        });
        tips[at].1 += 1;
        tips[at].1
    }

    fn tip(&mut self, now: Time, node: u32, (old, new): (Id, Id), height: u64) {
        self.height = self.height.max(height);
        if self.stall.reached_at.is_none() && self.stop_height.is_some_and(|stop| height >= stop) {
            self.stall.reached_at = Some(now);
        }
        self.begun.extend(self.payments.reached(node, height));
        if !self.full[node as usize] {
            return;
        }
        self.remove_tip(old);
        self.agreed = self.add_tip(new) == self.full_count && self.is_high_enough(height);
    }
}

impl RunObserver<'_> {
    /// An event of another kind than nearly all events of blocks are.
    #[inline(never)]
    fn other(&mut self, now: Time, node: u32, event: &Event, seen: Seen<'_>) {
        let n = node as usize;
        match event {
            Event::Produced { block } => self.record.produced(n, seen.world.tree()[*block].id),
            Event::Withheld { block } => self.record.withheld(seen.world.tree()[*block].id),
            Event::Published { block } => self.record.published(now, seen.world.tree()[*block].id),
            Event::BlockRejected { from, why, .. } => {
                if from.is_none() {
                    self.stall.own_refused = Some(why.to_string());
                }
                self.record.bad_block(n, from.is_none().then(|| why.to_string()));
            }
            Event::TxRejected { .. } | Event::TxDropped { .. } => self.record.bad_tx(n),
            Event::Paid { reference, hash } => {
                self.payments.made(*reference);
                self.made += 1;
                self.stall.payment_at = now;
                if self.wallets[n] {
                    self.agreed_chain.unconfirmed(*hash);
                }
                if let Some(own) = seen.node.history().iter().rev().find(|own| own.tx.hash() == *hash) {
                    self.record.paid(now, n, *hash, own.amount, own.fee);
                    self.unheard.extend(seen.world.txs().find(hash));
                }
            }
            Event::PaymentFailed { reference, why } => {
                if !self.payments.failed(*reference, now) {
                    self.stall.payment_at = now;
                    self.record.not_paid(n, why);
                }
            }
            Event::PaymentDropped { hash, why } => self.record.payment_dropped(hash, why.to_string()),
            Event::PaymentLost { hash, why } => {
                self.lost.insert(*hash);
                self.stall.payment_at = now;
                self.agreed_chain.confirmed(hash);
                self.record.payment_lost(hash, why);
            }
            Event::Confirmed { hash, height } => {
                self.lost.remove(hash);
                self.confirmed += 1;
                self.stall.payment_at = now;
                self.agreed_chain.confirmed(hash);
                self.record.confirmed(now, hash, Some(*height));
            }
            Event::Unconfirmed { hash } => {
                self.confirmed = self.confirmed.saturating_sub(1);
                if self.wallets[n] {
                    self.agreed_chain.unconfirmed(*hash);
                }
                self.record.confirmed(now, hash, None);
            }
            Event::Misbehaved { score, .. } => self.record.misbehaved(n, *score),
            Event::LieFound { .. } => self.record.lie_found(n),
            Event::Finalized { block } => self.record.finalized(n, seen.world.tree()[*block].height),
            Event::SafetyViolation { finalized, tip } => {
                self.record.safety_violation(n, finalized, tip);
            }
            Event::Fault { why } => self.record.fault(n, why.clone()),
            Event::BlockAccepted { .. } | Event::Tip { .. } | Event::TxAccepted { .. } => {}
            Event::Forwarded { .. } | Event::Orphan { .. } | Event::Updated { .. } => {}
        }
    }
}

impl Observer for RunObserver<'_> {
    fn event(&mut self, now: Time, node: u32, event: &Event, seen: Seen<'_>) {
        let n = node as usize;
        let tree = seen.world.tree();
        match event {
            Event::BlockAccepted { block, from } => {
                if from.is_none() {
                    self.stall.block_at = now;
                }
                self.record.block(now, n, tree[*block].id, || facts(seen.world, *block));
            }
            Event::Tip { old, new, reorg_depth } => {
                let (old, new) = (&tree[*old], &tree[*new]);
                // Which tip a node has is asked at the end: to write it down each time would be to fetch its facts.
                if *reorg_depth > 0 {
                    self.record.tip(n, new.id, new.height, *reorg_depth);
                }
                self.tip(now, node, (old.id, new.id), new.height);
            }
            Event::TxAccepted { tx, .. } => {
                self.record.txs(n, 1);
                if self.unheard.has(*tx) && self.record.heard(now, n, &seen.world.txs().hash(*tx)) {
                    self.unheard.remove(*tx);
                }
            }
            Event::Forwarded { .. } => {}
            _ => self.other(now, node, event, seen),
        }
    }
}

/// Transactions by index, as bits.
#[derive(Default)]
struct TxSet(Vec<u64>);

impl TxSet {
    fn has(&self, tx: TxIndex) -> bool {
        self.0.get(tx.0 as usize / 64).is_some_and(|word| word >> (tx.0 % 64) & 1 == 1)
    }

    fn remove(&mut self, tx: TxIndex) {
        self.0[tx.0 as usize / 64] &= !(1 << (tx.0 % 64));
    }
}

impl Extend<TxIndex> for TxSet {
    fn extend<T: IntoIterator<Item = TxIndex>>(&mut self, txs: T) {
        for tx in txs {
            let word = tx.0 as usize / 64;
            if self.0.len() <= word {
                self.0.resize(word + 1, 0);
            }
            self.0[word] |= 1 << (tx.0 % 64);
        }
    }
}

/// What the tables say of a block, but for who made it and who has it.
pub(super) fn facts(world: &World, ix: BlockIx) -> BlockFacts {
    let entry = &world.tree()[ix];
    let block = world.block(ix);
    let origin = world.origin(ix);
    BlockFacts {
        parent: entry.header.parent,
        height: entry.height,
        time: entry.header.time,
        txs: block.as_ref().map_or(0, |block| block.txs.len() as u32),
        bytes: block.as_ref().map_or(0, |block| block.encoded_len() as u64),
        kind: origin.kind,
        coin: to_hex(&origin.coin),
        ..BlockFacts::default()
    }
}
