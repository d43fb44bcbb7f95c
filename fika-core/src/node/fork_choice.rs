//! Changing the tip: what mempool, wallet and agent are told.

use std::collections::BTreeSet;

use super::io::Event;
use super::mempool::TxReject;
use super::state::Node;
use super::turn::Turn;
use crate::block::Tx;
use crate::hash::Id;
use crate::tx::Outcome;
use crate::world::ledger::Space;
use crate::world::transfer::FormatLedger;
use crate::world::{BlockIx, TxIndex, World};

impl Node {
    /// A block was accepted: the rules choose the tip.
    pub(super) fn choose_tip(&mut self, turn: &mut Turn<'_>, new: BlockIx) {
        let (tree, rules) = (turn.world.tree(), turn.world.rules());
        let seen_tree = turn.world.seen_tree(&self.seen, self.config.seed);
        let best = rules.consensus.choose(&tree.view(self.tip), &tree.view(new), &seen_tree);
        let best_ix = match best == tree[new].id {
            true => Some(new),
            false => tree.find(&best).filter(|ix| self.seen.contains(*ix)),
        };
        match best_ix {
            Some(best) => self.set_tip(turn, best),
            None => turn.fault(format!("fork choice named {best}, which this node has not accepted")),
        }
    }

    /// Makes `new` the tip: mempool and wallet follow, and the agent sets its duties.
    fn set_tip(&mut self, turn: &mut Turn<'_>, new: BlockIx) {
        let old = self.tip;
        if new == old {
            return;
        }
        let tree = turn.world.tree();
        let fork = tree.fork_point(old, new);
        let (left, joined) = (tree.path(fork, old), tree.path(fork, new));
        if tree.is_ancestor(self.finalized, old) && !tree.is_ancestor(self.finalized, new) {
            let (finalized, tip) = (tree[self.finalized].id, tree[new].id);
            turn.out.event(Event::SafetyViolation { finalized, tip });
            if !self.config.leaves_final {
                return;
            }
        }
        self.tip = new;
        turn.out.event(Event::Tip { old, new, reorg_depth: left.len() as u64 });
        for ix in &left {
            for hash in self.own.leave(turn.world, *ix, turn.now, self.announce_wait()) {
                turn.out.event(Event::Unconfirmed { hash });
            }
        }
        self.repair_mempool(turn, &left, &joined);
        for ix in &joined {
            let height = turn.world.tree()[*ix].height;
            for hash in self.own.join(turn.world, *ix) {
                turn.out.event(Event::Confirmed { hash, height });
            }
        }
        self.review_own(turn, &joined);
        let id = turn.world.tree()[new].id;
        if let Some(store) = turn.world.store() {
            store.set("tip", Some(&id.0));
        }
        self.show_block(turn, None, new, |agent, view, ctx| agent.on_tip(view, ctx));
    }

    /// Takes out of the mempool what the new blocks confirm or exclude, and puts back what only the old ones had executed.
    fn repair_mempool(&mut self, turn: &mut Turn<'_>, left: &[BlockIx], joined: &[BlockIx]) {
        // Validated over the old blocks, so that it may no longer be valid.
        let affected = self.take_affected(turn, left);
        for ix in joined {
            let block = turn.world.confirmed(*ix);
            let excluded = self.mempool.confirm(turn.world.txs_mut(), &block);
            for (tx, _) in &block.inside {
                self.tx_status.leave_mempool(turn.world.txs_mut(), *tx);
            }
            self.drop_txs(turn, excluded, &TxReject::SpentByBlock);
        }
        if !left.is_empty() {
            self.put_back(turn, affected, left, joined);
        }
        if !self.seldom.tx_orphans.is_empty() {
            let diffs: Vec<_> = joined.iter().map(|ix| turn.world.diff(*ix)).collect();
            let changes = diffs.iter().flat_map(|diff| diff.iter());
            let changed: BTreeSet<&[u8]> = changes.filter_map(|change| Space::Format.strip(&change.key)).collect();
            let freed = self.seldom.tx_orphans.take(|orphan| orphan.keys.iter().any(|key| changed.contains(&key[..])));
            turn.out.pending.txs.extend(freed);
        }
    }

    /// Takes out of the mempool what has to do with entries that the old blocks changed, in the order of arrival. The list
    /// holds it.
    fn take_affected(&mut self, turn: &mut Turn<'_>, left: &[BlockIx]) -> Vec<TxIndex> {
        if left.is_empty() || self.mempool.is_empty() {
            return Vec::new();
        }
        let diffs: Vec<_> = left.iter().map(|ix| turn.world.diff(*ix)).collect();
        let keys = diffs.iter().flat_map(|diff| diff.iter()).filter_map(|change| Space::Format.strip(&change.key));
        let affected = self.mempool.affected(turn.world.txs(), keys);
        let txs = turn.world.txs_mut();
        for tx in &affected {
            txs.hold_again(*tx);
            self.mempool.remove(txs, *tx);
            self.tx_status.leave_mempool(txs, *tx);
        }
        affected
    }

    /// Accepts what the old blocks had executed and what was affected again, but for what the new blocks confirm. Says
    /// what is refused now, and drops what builds on it.
    #[cold]
    fn put_back(&mut self, turn: &mut Turn<'_>, affected: Vec<TxIndex>, left: &[BlockIx], joined: &[BlockIx]) {
        let executed = |world: &World, blocks: &[BlockIx]| -> Vec<Tx> {
            blocks.iter().flat_map(|ix| world.executed(*ix).txs().to_vec()).collect()
        };
        let confirmed: BTreeSet<Id> = executed(turn.world, joined).iter().map(Tx::hash).collect();
        let mut again = Vec::new();
        for tx in executed(turn.world, left) {
            again.push(turn.world.txs_mut().hold_tx(&tx));
        }
        again.extend(affected);
        let spent = joined.iter().filter_map(|ix| turn.world.tree()[*ix].spent.clone());
        let spent: BTreeSet<Vec<u8>> = spent.flat_map(|keys| keys.to_vec()).collect();
        for tx in again {
            if !confirmed.contains(&turn.world.txs().hash(tx))
                && let Err(mut why) = self.accept_to_mempool(turn, tx, None)
            {
                let outcome = outcome_before(turn.world, tx, left[0]);
                if outcome.spends.iter().any(|spend| spent.contains(&spend.key)) {
                    why = TxReject::SpentByBlock;
                }
                let removed = self.mempool.remove_descendants(turn.world.txs_mut(), tx, &outcome);
                self.drop_txs(turn, removed, &TxReject::Stale);
                self.tell_dropped(turn, tx, why);
            }
            turn.world.txs_mut().release(tx);
        }
    }

    /// The agent decides for a tip, whatever fork choice says.
    pub(super) fn adopt(&mut self, turn: &mut Turn<'_>, id: &Id) {
        match turn.world.tree().find(id).filter(|ix| self.seen.contains(*ix)) {
            Some(ix) => self.set_tip(turn, ix),
            None => turn.fault(format!("the agent adopts {id}, which this node has not accepted")),
        }
    }

    /// The agent calls a block final.
    pub(super) fn finalize(&mut self, turn: &mut Turn<'_>, id: &Id) {
        let tree = turn.world.tree();
        match tree.find(id).filter(|ix| self.seen.contains(*ix)) {
            Some(ix) if tree.is_ancestor(ix, self.finalized) => {}
            Some(ix) if tree.is_ancestor(self.finalized, ix) => {
                self.finalized = ix;
                turn.out.event(Event::Finalized { block: ix });
            }
            Some(_) => {
                turn.out.event(Event::SafetyViolation { finalized: tree[self.finalized].id, tip: *id });
            }
            None => turn.fault(format!("the agent finalizes {id}, which this node has not accepted")),
        }
    }
}

/// What a transaction did before the block `left`, or in a mempool.
fn outcome_before(world: &World, tx: TxIndex, left: BlockIx) -> Outcome {
    if let Some(entry) = world.txs().first(tx) {
        return entry.outcome.clone();
    }
    let parent = world.tree()[left].parent;
    let (context, state) = (world.next_context(parent), world.state(parent));
    let bytes = world.txs().tx(tx).map_or(&[][..], Tx::bytes);
    world.rules().tx.apply(bytes, context, &FormatLedger(&state)).unwrap_or_default()
}
