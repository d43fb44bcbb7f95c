//! What must hold of a network, each with a message that names the node, the block and its height.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lockstep::Network;
use crate::amount::Amount;
use crate::block::{Block, Head};
use crate::hash::Id;
use crate::header::Time;
use crate::node::Event;

/// What a test says of a network that has run. All of it speaks of the honest nodes alone, and of those that are alive.
///
/// ```
/// use fika_core::consensus::Anyone;
/// use fika_core::header::SECOND;
/// use fika_core::testing::Setup;
///
/// let mut net = Setup::new(|env| Ok(Anyone(env.clone()))).nodes(1).start();
/// net.run(5 * SECOND);
/// net.pay(0, 0, 3);
/// net.run(100 * SECOND);
/// net.assert_healthy();
/// net.assert_agreement(0);
/// net.assert_supply_follows_the_schedule();
/// net.assert_payments_confirmed_once();
/// ```
impl Network {
    /// The nodes without an attack.
    pub fn honest(&self) -> impl Iterator<Item = u32> {
        (0..self.hosts()).filter(|node| self.setup().is_honest(*node))
    }

    fn honest_and_alive(&self) -> Vec<u32> {
        self.honest().filter(|node| self.is_alive(*node)).collect()
    }

    /// The names of a node's chain by height.
    fn names(&self, node: u32) -> Vec<Id> {
        self.chain(node).iter().map(|block| block.id()).collect()
    }

    /// All that holds whatever the rules are: no node or plugin has failed, no valid block was refused, nothing final
    /// was reverted, the ledgers add up, and nobody has signed two blocks for one time.
    pub fn assert_healthy(&self) {
        self.assert_no_faults();
        self.assert_no_valid_block_refused();
        self.assert_final_blocks_stay();
        self.assert_ledgers_add_up();
        self.assert_signed_once();
    }

    /// No plugin or node did what it must not, and nobody blamed an honest neighbour.
    pub fn assert_no_faults(&self) {
        for (at, node, event) in self.events() {
            let wrong = match event {
                Event::Fault { .. } => true,
                Event::Misbehaved { peer, .. } => self.setup().is_honest(self.neighbour(*node, *peer)),
                _ => false,
            };
            let wrong = wrong && self.setup().is_honest(*node);
            assert!(!wrong, "{}at {at} us node {node}: {event:?}", self.context());
        }
    }

    /// No honest node refused a block that an honest node made or accepted.
    pub fn assert_no_valid_block_refused(&self) {
        let valid: BTreeMap<Id, u32> = self
            .honest()
            .flat_map(|node| self.accepted(node).into_iter().map(move |block| (block.id(), node)))
            .collect();
        for (at, node, event) in self.events() {
            let Event::BlockRejected { id, from, why } = event else { continue };
            if !self.setup().is_honest(*node) {
                continue;
            }
            let context = self.context();
            assert!(from.is_some(), "{context}at {at} us node {node} refused its own block {id}: {why}");
            if let Some(other) = valid.get(id) {
                panic!("{context}at {at} us node {node} refused block {id}, which node {other} accepted: {why}");
            }
        }
    }

    /// The nodes' chains are the same up to `blocks` below each tip; 0: all have one tip.
    pub fn assert_agreement(&self, blocks: u64) {
        let nodes = self.honest_and_alive();
        let chains: Vec<(u32, Vec<Id>)> = nodes.into_iter().map(|node| (node, self.names(node))).collect();
        let Some((first, longest)) = chains.iter().max_by_key(|(_, chain)| chain.len()) else { return };
        for (node, chain) in &chains {
            let common = longest.iter().zip(chain).take_while(|(a, b)| a == b).count();
            let apart = longest.len() - common;
            assert!(
                apart as u64 <= blocks,
                "{}node {first} has block {} at height {}, node {node} has {}; node {first} is at height {}, \
                 node {node} at {}",
                self.context(),
                longest[common],
                common,
                chain.get(common).map_or("none".into(), |id| format!("block {id}")),
                longest.len() - 1,
                chain.len() - 1,
            );
        }
    }

    /// Whatever a node has called final, before a restart too, is on the chain of every node that is as high.
    pub fn assert_final_blocks_stay(&self) {
        let context = self.context();
        for (at, node, event) in self.events().iter().filter(|(_, node, _)| self.setup().is_honest(*node)) {
            if let Event::SafetyViolation { finalized, tip } = event {
                panic!("{context}at {at} us node {node} left the final block {finalized} for {tip}");
            }
        }
        let chains: Vec<(u32, Vec<Id>)> =
            self.honest_and_alive().into_iter().map(|node| (node, self.names(node))).collect();
        for node in self.honest() {
            for (height, id) in self.finalized(node) {
                for (other, chain) in &chains {
                    let there = chain.get(*height as usize);
                    assert!(
                        there.is_none_or(|there| there == id),
                        "{context}node {node} called block {id} final, and node {other} has block {} at height \
                         {height}",
                        there.copied().unwrap_or_default(),
                    );
                }
            }
        }
    }

    /// At every tip all balances and deposits add up to the supply that the ledger counts.
    pub fn assert_ledgers_add_up(&self) {
        for node in self.honest_and_alive() {
            let (held, supply) = (self.holdings(node), self.supply(node));
            assert!(
                held == supply,
                "{}node {node} at height {}: balances and deposits are {held} coins, the supply is {supply}",
                self.context(),
                self.height(node),
            );
        }
    }

    /// No coin was made or lost: the supply at every tip is what genesis and the chain's schedule say. Rules that
    /// burn coins, or create other amounts, compare [`supply`](Network::supply) with what they mean it to be.
    pub fn assert_supply_follows_the_schedule(&self) {
        let setup = self.setup();
        for node in self.honest_and_alive() {
            let mut expected = Amount((0..self.hosts()).map(|_| setup.coins.0).sum());
            for height in 1..=self.height(node) {
                expected += setup.chain.subsidy(height, expected);
            }
            let found = self.supply(node);
            assert!(
                found == expected,
                "{}node {node} at height {}: expected {expected} coins by the schedule, found {found}",
                self.context(),
                self.height(node),
            );
        }
    }

    /// Every payment that was ordered of an honest node was made, and is in each node's chain once.
    pub fn assert_payments_confirmed_once(&self) {
        self.check_payments(&BTreeSet::new());
    }

    /// The same, but a payment that its payer has dropped need not be there: a reorganisation can take away the coin
    /// that it spends, if that was a reward.
    pub fn assert_kept_payments_confirmed_once(&self) {
        self.check_payments(self.dropped());
    }

    fn check_payments(&self, may_lack: &BTreeSet<(u32, Id)>) {
        let context = self.context();
        let mut paid = BTreeMap::new();
        for (at, node, event) in self.events().iter().filter(|(_, node, _)| self.setup().is_honest(*node)) {
            match event {
                Event::Paid { hash, .. } => drop(paid.insert(*hash, (*at, *node))),
                Event::PaymentFailed { why, .. } => panic!("{context}at {at} us node {node} could not pay: {why}"),
                _ => {}
            }
        }
        for node in self.honest_and_alive() {
            let mut heights = BTreeMap::<Id, Vec<u64>>::new();
            for (height, block) in (0..).zip(self.chain(node)) {
                block.txs.iter().skip(1).for_each(|tx| heights.entry(tx.hash()).or_default().push(height));
            }
            for (hash, (at, payer)) in &paid {
                let found = heights.get(hash).map_or(&[][..], |heights| heights);
                let fine = found.len() == 1 || (found.is_empty() && may_lack.contains(&(*payer, *hash)));
                assert!(
                    fine,
                    "{context}payment {hash}, made at {at} us by node {payer}, is in blocks at heights {found:?} of \
                     node {node}, which is at height {}",
                    self.height(node),
                );
            }
        }
    }

    /// No honest node has signed two blocks with one header time, before and after a restart. Blocks without a seal are
    /// not counted: who grinds may find two in one tick.
    pub fn assert_signed_once(&self) {
        let context = self.context();
        let mut signed = BTreeMap::<(u32, u32), Id>::new();
        for (at, node, head) in self.kept() {
            let (id, time) = (head.header.id(), head.header.time);
            if let Some(other) = signed.insert((node, time), id).filter(|_| !head.seal.is_empty()) {
                panic!(
                    "{context}at {at} us node {node} signed block {id} for tick {time}, and had signed {other} for it"
                );
            }
        }
    }

    /// No honest node made a block for a time that its clock had left more than `late_us` behind: a producer that has
    /// been away makes none for each slot that it catches up with.
    pub fn assert_nothing_made_late(&self, late_us: Time) {
        let (context, chain) = (self.context(), &self.setup().chain);
        for (at, node, head) in self.kept() {
            let (id, late) = (head.header.id(), self.clock_at(node, at).saturating_sub(chain.time(head.header.time)));
            assert!(late <= late_us, "{context}at {at} us node {node} made block {id} for a time {late} us ago");
        }
    }

    /// What honest nodes have made and some node has accepted, by node and time.
    fn kept(&self) -> Vec<(Time, u32, Head)> {
        let accepted = (0..self.hosts()).flat_map(|node| self.accepted(node));
        let accepted: BTreeMap<Id, Arc<Block>> = accepted.map(|block| (block.id(), block)).collect();
        let made = self.honest().flat_map(|node| self.produced(node).iter().map(move |(at, id)| (*at, node, id)));
        made.filter_map(|(at, node, id)| Some((at, node, accepted.get(id)?.head.clone()))).collect()
    }

    /// The blocks that some honest node has accepted, each once, parents first.
    pub(crate) fn all_accepted(&self) -> Vec<Arc<Block>> {
        let mut known = BTreeSet::new();
        let all = self.honest().flat_map(|node| self.accepted(node));
        all.filter(|block| known.insert(block.id())).collect()
    }
}
