//! Records what all nodes of one process do, as it happens: the same [`Chain`] as from traces, without traces.

use std::collections::HashMap;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use fika_core::world::IdMap;

use super::chain::{BlockFacts, Chain, NodeIndex, PaymentFacts, Publication};

/// Records what happens. Times are in microseconds since the chain's epoch.
pub(crate) struct Record {
    chain: Chain,
    nodes: usize,
    numbers: IdMap<usize>,
    blocks: Vec<(Id, BlockFacts)>,
    /// The number of the block that came last.
    last: usize,
    /// Payments by their transaction, as places in the chain's list.
    payments: IdMap<u32>,
    /// Those that no node but the payer has.
    unheard: IdMap<u32>,
    /// How many transactions the mempool of each node accepted. They are many, and lie close together here.
    txs: Vec<u64>,
}

impl Record {
    /// An empty record of nodes with these addresses.
    pub(crate) fn new(addresses: &[Address]) -> Record {
        let chain = Chain::new(addresses, u64::MAX);
        Record {
            chain,
            nodes: addresses.len(),
            numbers: IdMap::default(),
            blocks: Vec::new(),
            last: 0,
            payments: IdMap::default(),
            unheard: IdMap::default(),
            txs: vec![0; addresses.len()],
        }
    }

    /// A node began.
    pub(crate) fn started(&mut self, node: NodeIndex) {
        self.chain.nodes[node].starts += 1;
    }

    /// A node made a block.
    pub(crate) fn produced(&mut self, node: NodeIndex, id: Id) {
        self.chain.nodes[node].produced += 1;
        self.chain.producers.insert(id, node);
    }

    /// A node keeps a block of its own from its neighbours.
    pub(crate) fn withheld(&mut self, id: Id) {
        self.chain.withheld.insert(id, Publication::Never);
    }

    /// A node announces a block that it has withheld.
    pub(crate) fn published(&mut self, at_us: u64, id: Id) {
        self.chain.withheld.insert(id, Publication::Withheld(at_us));
    }

    /// A node has a block now. `facts` describes it if no node had it before.
    pub(crate) fn block(&mut self, at_us: u64, node: NodeIndex, id: Id, facts: impl FnOnce() -> BlockFacts) {
        let Record { blocks, numbers, nodes, last, .. } = self;
        // Nearly always it is the block of the last call.
        if blocks.get(*last).is_none_or(|(known, _)| *known != id) {
            *last = *numbers.entry(id).or_insert_with(|| {
                blocks.push((id, BlockFacts { arrivals: Vec::with_capacity(*nodes), ..facts() }));
                blocks.len() - 1
            });
        }
        blocks[*last].1.arrivals.push((node, at_us));
    }

    /// A node rejected a block; with the reason if that was its own.
    pub(crate) fn bad_block(&mut self, node: NodeIndex, own: Option<String>) {
        self.chain.nodes[node].bad_block(own);
    }

    /// The tip of a node changed.
    pub(crate) fn tip(&mut self, node: NodeIndex, id: Id, height: u64, reorg_depth: u64) {
        self.chain.nodes[node].new_tip(id, height, reorg_depth);
    }

    /// A node's mempool accepted so many transactions.
    pub(crate) fn txs(&mut self, node: NodeIndex, count: usize) {
        self.txs[node] += count as u64;
    }

    /// A node has this transaction, which may be a payment that only the payer had. Returns whether another node has it.
    pub(crate) fn heard(&mut self, at_us: u64, node: NodeIndex, hash: &Id) -> bool {
        let Some(payment) = self.unheard.get(hash) else { return true };
        let payment = &mut self.chain.payments[*payment as usize];
        let is_heard = payment.from != node;
        if is_heard {
            payment.accepted_us = Some(at_us);
            self.unheard.remove(hash);
        }
        is_heard
    }

    /// A node rejected a transaction, or dropped it.
    pub(crate) fn bad_tx(&mut self, node: NodeIndex) {
        self.chain.nodes[node].bad_txs += 1;
    }

    /// A node made and sent a payment.
    pub(crate) fn paid(&mut self, at_us: u64, node: NodeIndex, hash: Id, amount: Amount, fee: Amount) {
        let payments = &mut self.chain.payments;
        let unheard = &mut self.unheard;
        self.payments.entry(hash).or_insert_with(|| {
            payments.push(PaymentFacts::new(hash, node, amount, fee, at_us));
            let number = payments.len() as u32 - 1;
            unheard.insert(hash, number);
            number
        });
    }

    /// A payment of a node could not be made.
    pub(crate) fn not_paid(&mut self, node: NodeIndex, why: &str) {
        self.chain.nodes[node].not_paid(why);
    }

    /// A payment left its payer's mempool.
    pub(crate) fn payment_dropped(&mut self, hash: &Id, why: String) {
        if let Some(payment) = self.payments.get(hash) {
            self.chain.payments[*payment as usize].dropped = Some(why);
        }
    }

    /// A payment will not be confirmed.
    pub(crate) fn payment_lost(&mut self, hash: &Id, why: &str) {
        if let Some(payment) = self.payments.get(hash) {
            self.chain.payments[*payment as usize].lost = Some(why.into());
        }
    }

    /// The payer's chain has a payment at this height now; `None`: it has it no longer.
    pub(crate) fn confirmed(&mut self, at_us: u64, hash: &Id, height: Option<u64>) {
        if let Some(payment) = self.payments.get(hash) {
            let payment = &mut self.chain.payments[*payment as usize];
            match height {
                Some(height) => payment.confirm(height, at_us),
                None => payment.confirmed = None,
            }
        }
    }

    /// A neighbour of a node misbehaved.
    pub(crate) fn misbehaved(&mut self, node: NodeIndex, score: u32) {
        self.chain.nodes[node].misbehaviour += u64::from(score);
    }

    /// A light node has found a neighbour lying.
    pub(crate) fn lie_found(&mut self, node: NodeIndex) {
        self.chain.nodes[node].lies_found += 1;
    }

    /// A block at this height became final at a node.
    pub(crate) fn finalized(&mut self, node: NodeIndex, height: u64) {
        self.chain.nodes[node].finalized(height);
    }

    /// A node left a final block for this tip.
    pub(crate) fn safety_violation(&mut self, node: NodeIndex, finalized: &Id, tip: &Id) {
        self.chain.nodes[node].safety_violation(finalized, tip);
    }

    /// A node or a plugin had a fault.
    pub(crate) fn fault(&mut self, node: NodeIndex, why: String) {
        self.chain.nodes[node].fault(why);
    }

    /// The chain of everything recorded.
    pub(crate) fn finish(mut self) -> Chain {
        self.chain.nodes.iter_mut().zip(&self.txs).for_each(|(node, txs)| node.txs += txs);
        self.chain.blocks = self.blocks.into_iter().collect::<HashMap<_, _>>();
        self.chain.finish();
        self.chain
    }
}
