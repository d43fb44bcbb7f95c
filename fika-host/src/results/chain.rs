//! The traces of all nodes together: blocks, tips, payments.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Read};

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;

use super::reasons::Reasons;
use super::trace::{Repeated, Trace, TraceEvent};

/// A node as its index in the experiment.
pub(crate) type NodeIndex = usize;

/// Lines of a trace beyond this length are skipped: a node never writes one.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// When the neighbours of its producer could have a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Publication {
    /// When it was made.
    #[default]
    AtOnce,
    /// It was withheld until then, in microseconds since the chain's epoch.
    Withheld(u64),
    /// It was withheld to the end.
    Never,
}

/// A block that some node had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlockFacts {
    /// The block that it extends.
    pub parent: Id,
    /// Distance from genesis.
    pub height: u64,
    /// Header time, in ticks.
    pub time: u32,
    /// Transactions, the coinbase included.
    pub txs: u32,
    /// Its length in bytes.
    pub bytes: u64,
    /// The node that made it.
    pub producer: Option<NodeIndex>,
    /// How it was made, as the rules name it.
    pub kind: String,
    /// The coin that made it, in hex digits; empty if none did.
    pub coin: String,
    /// Whether it was withheld.
    pub publication: Publication,
    /// When each node first had it, in microseconds since the chain's epoch, ascending.
    pub arrivals: Vec<(NodeIndex, u64)>,
}

impl BlockFacts {
    /// When the first node had it, in microseconds since the chain's epoch.
    pub(crate) fn first_seen_us(&self) -> u64 {
        self.arrivals.first().map_or(0, |(_, at_us)| *at_us)
    }

    /// When its way through the network began; `None`: it never did.
    pub(crate) fn published_us(&self) -> Option<u64> {
        match self.publication {
            Publication::AtOnce => Some(self.first_seen_us()),
            Publication::Withheld(until_us) => Some(until_us),
            Publication::Never => None,
        }
    }
}

/// A payment that a node has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaymentFacts {
    /// The transaction.
    pub hash: Id,
    /// Who pays.
    pub from: NodeIndex,
    /// How much.
    pub amount: Amount,
    /// For the producer of the block.
    pub fee: Amount,
    /// When it was sent, in microseconds since the chain's epoch.
    pub submitted_us: u64,
    /// When the first mempool other than the payer's accepted it.
    pub accepted_us: Option<u64>,
    /// Height of its block and when the payer noticed.
    pub confirmed: Option<(u64, u64)>,
    /// Why it last left the payer's mempool without being confirmed, if it ever did.
    pub dropped: Option<String>,
    /// Why it will not be confirmed, if the payer has given it up.
    pub lost: Option<String>,
}

impl PaymentFacts {
    /// A payment that was sent just now.
    pub(super) fn new(hash: Id, from: NodeIndex, amount: Amount, fee: Amount, submitted_us: u64) -> PaymentFacts {
        let (accepted_us, confirmed, dropped, lost) = (None, None, None, None);
        PaymentFacts { hash, from, amount, fee, submitted_us, accepted_us, confirmed, dropped, lost }
    }

    /// The payer's chain has it at this height since then.
    pub(super) fn confirm(&mut self, height: u64, at_us: u64) {
        (self.confirmed, self.lost) = (Some((height, at_us)), None);
    }
}

/// What one node's trace says of the node itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    /// How often it began.
    pub starts: u64,
    /// Its last tip and the height of that; `None`: genesis.
    pub tip: Option<(Id, u64)>,
    /// The height of the newest block that its agent has called final.
    pub final_height: u64,
    /// Blocks that it made.
    pub produced: u64,
    /// Blocks that it rejected.
    pub bad_blocks: u64,
    /// Transactions that its mempool accepted.
    pub txs: u64,
    /// Transactions that it rejected or dropped.
    pub bad_txs: u64,
    /// Its reorganisations, by depth: the number of blocks that left its chain.
    pub reorgs: BTreeMap<u64, u64>,
    /// Why it refused its own blocks, or could not make its payments, the first few reasons.
    pub refused: Vec<String>,
    /// Payments that it could not make, and why.
    pub not_paid: Reasons,
    /// The misbehaviour scores that it gave its neighbours, in all.
    pub misbehaviour: u64,
    /// Lies of neighbours that it has found out.
    pub lies_found: u64,
    /// Its faults and those of its plugins, the first few.
    pub faults: Vec<String>,
    /// Lines of the trace that cannot be read: the last one before the node was killed.
    pub unreadable: u64,
}

/// Faults that are kept of one node.
const FAULTS_KEPT: usize = 5;

/// The traces of all nodes, merged. Memory grows with blocks times nodes and with transactions, not with
/// the length of the traces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// All blocks but genesis.
    pub blocks: HashMap<Id, BlockFacts>,
    /// In the order of submission.
    pub payments: Vec<PaymentFacts>,
    /// By node.
    pub nodes: Vec<NodeFacts>,
    /// When the first mempool other than the payer's accepted a transaction.
    accepted: HashMap<Id, u64>,
    pub(super) producers: HashMap<Id, NodeIndex>,
    pub(super) withheld: HashMap<Id, Publication>,
    addresses: HashMap<Address, NodeIndex>,
    until_us: u64,
}

impl Chain {
    /// An empty chain of nodes with these addresses. What happened after `until_us`, in microseconds since the
    /// chain's epoch, is left out: nodes run on for a moment after the run is over.
    pub(crate) fn new(addresses: &[Address], until_us: u64) -> Chain {
        Chain {
            until_us,
            nodes: vec![NodeFacts::default(); addresses.len()],
            addresses: addresses.iter().enumerate().map(|(index, address)| (*address, index)).collect(),
            ..Chain::default()
        }
    }

    /// Adds the trace of one node, a JSON object per line. A line that does not parse is counted and skipped: the last
    /// line of a node that was killed may be torn.
    ///
    /// # Errors
    /// When the trace cannot be read.
    pub(crate) fn add_trace(&mut self, node: NodeIndex, mut trace: impl BufRead) -> io::Result<()> {
        let mut own = Own::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            if trace.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.last() != Some(&b'\n') {
                trace.skip_until(b'\n')?;
            }
            match serde_json::from_slice::<Trace>(&line) {
                Ok(trace) if trace.at_us > self.until_us => {}
                Ok(trace) => self.add(node, trace, &mut own),
                Err(_) => self.nodes[node].unreadable += 1,
            }
        }
        for (hash, at_us) in own.txs {
            if !own.payments.contains_key(&hash) {
                let first = self.accepted.entry(hash).or_insert(at_us);
                *first = (*first).min(at_us);
            }
        }
        self.payments.extend(own.payments.into_values());
        Ok(())
    }

    /// Call it after the last trace.
    pub(crate) fn finish(&mut self) {
        for payment in &mut self.payments {
            payment.accepted_us = payment.accepted_us.or(self.accepted.get(&payment.hash).copied());
        }
        self.accepted.clear();
        self.payments.sort_by_key(|payment| (payment.submitted_us, payment.hash));
        for (id, block) in &mut self.blocks {
            block.producer = self.producers.get(id).copied().or(block.producer);
            block.publication = self.withheld.get(id).copied().unwrap_or_default();
            // A simulated run records them in this order, or nearly so, and this sort is quick.
            block.arrivals.sort_by_key(|(node, at_us)| (*at_us, *node));
        }
    }

    /// The blocks from `tip` back to the first after genesis, by id.
    pub(crate) fn ancestry(&self, tip: Id) -> Vec<Id> {
        let block = |id: &Id| self.blocks.get(id).map(|block| (*id, block.parent));
        let chain = std::iter::successors(block(&tip), |(_, parent)| block(parent));
        chain.map(|(id, _)| id).collect()
    }

    fn add(&mut self, node: NodeIndex, trace: Trace, own: &mut Own) {
        let facts = &mut self.nodes[node];
        let at_us = trace.at_us;
        match trace.event {
            TraceEvent::Started { .. } => facts.starts += 1,
            TraceEvent::Produced { id } => {
                facts.produced += 1;
                self.producers.insert(id, node);
            }
            TraceEvent::Withheld { id } => {
                self.withheld.insert(id, Publication::Never);
            }
            TraceEvent::Published { id } => {
                self.withheld.insert(id, Publication::Withheld(at_us));
            }
            TraceEvent::Block { id, parent, height, time, txs, bytes, producer, kind, coin } => {
                let producer = producer.and_then(|address| self.addresses.get(&address).copied());
                let new = BlockFacts { parent, height, time, txs, bytes, producer, kind, coin, ..Default::default() };
                let block = self.blocks.entry(id).or_insert(new);
                block.producer = block.producer.or(producer);
                // A node that was killed may fetch a block again: the first time counts.
                if block.arrivals.last().is_none_or(|(had, _)| *had != node) {
                    block.arrivals.push((node, at_us));
                }
            }
            TraceEvent::BadBlock { own, why, .. } => facts.bad_block(own.then_some(why)),
            TraceEvent::Tip { id, height, reorg_depth } => {
                facts.new_tip(id, height, reorg_depth);
            }
            TraceEvent::Tx { hash } => {
                facts.txs += 1;
                own.txs.push((hash, at_us));
            }
            TraceEvent::BadTx { .. } => facts.bad_txs += 1,
            TraceEvent::Repeated { of: Repeated::BadTx, count } => facts.bad_txs += count,
            TraceEvent::Repeated { of: Repeated::BadBlock, count } => facts.bad_blocks += count,
            TraceEvent::Paid { hash, amount, fee } => {
                let payment = PaymentFacts::new(hash, node, amount, fee, at_us);
                own.payments.entry(hash).or_insert(payment);
            }
            TraceEvent::NotPaid { why } => facts.not_paid(&why),
            TraceEvent::PaymentDropped { hash, why } => {
                if let Some(payment) = own.payments.get_mut(&hash) {
                    payment.dropped = Some(why);
                }
            }
            TraceEvent::PaymentLost { hash, why } => {
                if let Some(payment) = own.payments.get_mut(&hash) {
                    payment.lost = Some(why);
                }
            }
            TraceEvent::Confirmed { hash, height } => {
                if let Some(payment) = own.payments.get_mut(&hash) {
                    payment.confirm(height, at_us);
                }
            }
            TraceEvent::Unconfirmed { hash } => {
                if let Some(payment) = own.payments.get_mut(&hash) {
                    payment.confirmed = None;
                }
            }
            TraceEvent::Misbehaved { score, .. } => facts.misbehaviour += u64::from(score),
            TraceEvent::LieFound { .. } => facts.lies_found += 1,
            TraceEvent::Final { height, .. } => facts.finalized(height),
            TraceEvent::SafetyViolation { finalized, tip } => {
                facts.safety_violation(&finalized, &tip);
            }
            TraceEvent::Fault { why } => facts.fault(why),
        }
    }
}

impl NodeFacts {
    pub(super) fn new_tip(&mut self, id: Id, height: u64, reorg_depth: u64) {
        self.tip = Some((id, height));
        if reorg_depth > 0 {
            *self.reorgs.entry(reorg_depth).or_default() += 1;
        }
    }

    /// A restarted node begins anew, so the height may be lower than before.
    pub(super) fn finalized(&mut self, height: u64) {
        self.final_height = self.final_height.max(height);
    }

    pub(super) fn safety_violation(&mut self, finalized: &Id, tip: &Id) {
        self.fault(format!("safety violation: the final block {finalized} was left for {tip}"));
    }

    pub(super) fn fault(&mut self, why: String) {
        note(&mut self.faults, why);
    }

    /// It rejected a block; with the reason if that was its own.
    pub(super) fn bad_block(&mut self, own: Option<String>) {
        self.bad_blocks += 1;
        own.into_iter().for_each(|why| note(&mut self.refused, format!("a block of its own is refused: {why}")));
    }

    pub(super) fn not_paid(&mut self, why: &str) {
        self.not_paid.add(why.into());
        note(&mut self.refused, format!("a payment could not be made: {why}"));
    }
}

/// Keeps what is new, up to a few.
fn note(kept: &mut Vec<String>, why: String) {
    if kept.len() < FAULTS_KEPT && !kept.contains(&why) {
        kept.push(why);
    }
}

/// What is needed of a node while its own trace is read.
#[derive(Default)]
struct Own {
    payments: HashMap<Id, PaymentFacts>,
    txs: Vec<(Id, u64)>,
}
