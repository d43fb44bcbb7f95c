//! Changing the tip: what mempool, wallet and agent are told.

use std::collections::BTreeSet;

use super::io::Event;
use super::mempool::TxReject;
use super::state::Node;
use super::turn::Turn;
use crate::block::Tx;
use crate::hash::Id;
use crate::world::transfer::FormatLedger;
use crate::world::{BlockIx, TxIndex};

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
        }
        self.tip = new;
        turn.out.event(Event::Tip { old, new, reorg_depth: left.len() as u64 });
        for ix in &left {
            let event = |hash, _| turn.out.event(Event::Unconfirmed { hash });
            self.own.follow(turn.world, *ix, false, event);
        }
        self.repair_mempool(turn, &left, &joined);
        for ix in &joined {
            let event = |hash, height| turn.out.event(Event::Confirmed { hash, height });
            self.own.follow(turn.world, *ix, true, event);
        }
        let id = turn.world.tree()[new].id;
        if let Some(store) = turn.world.store() {
            store.set("tip", Some(&id.0));
        }
        self.show_block(turn, None, new, |agent, view, ctx| agent.on_tip(view, ctx));
    }

    /// Takes out of the mempool what the new blocks confirm or exclude, and puts back what the old ones had confirmed.
    fn repair_mempool(&mut self, turn: &mut Turn<'_>, left: &[BlockIx], joined: &[BlockIx]) {
        let again = if left.is_empty() { Vec::new() } else { self.take_back(turn, left) };
        for ix in joined {
            let block = turn.world.confirmed(*ix);
            if !block.is_empty() {
                let excluded = self.mempool.confirm(turn.world.txs_mut(), &block);
                for (tx, _) in &block.inside {
                    self.tx_status.leave_mempool(turn.world.txs_mut(), *tx);
                }
                self.drop_txs(turn, excluded, &TxReject::SpentByBlock);
            }
        }
        if !again.is_empty() {
            self.pool_again(turn, again, left, joined);
        }
    }

    /// Empties the mempool. Gives what the blocks had executed, and then what was there; all are held.
    #[cold]
    fn take_back(&mut self, turn: &mut Turn<'_>, left: &[BlockIx]) -> Vec<TxIndex> {
        let mut again = Vec::new();
        for ix in left {
            let executed = turn.world.executed(*ix);
            again.extend(executed.txs().iter().map(|tx| turn.world.txs_mut().hold_tx(tx)));
        }
        let txs = turn.world.txs_mut();
        for (tx, body) in self.mempool.take_all(txs) {
            again.push(txs.hold_tx(&body));
            self.tx_status.leave_mempool(txs, tx);
        }
        again
    }

    /// Puts transactions into the mempool but for those that the new blocks confirm, and says which it takes no longer.
    #[cold]
    fn pool_again(&mut self, turn: &mut Turn<'_>, again: Vec<TxIndex>, left: &[BlockIx], joined: &[BlockIx]) {
        let mut confirmed = BTreeSet::new();
        for ix in joined {
            confirmed.extend(turn.world.executed(*ix).txs().iter().map(Tx::hash));
        }
        let mut refused = Vec::new();
        for tx in &again {
            if !confirmed.contains(&turn.world.txs().hash(*tx))
                && let Err(why) = self.accept_to_mempool(turn, *tx, None)
            {
                refused.push((*tx, why));
            }
        }
        if let Some(parent) = left.first().map(|ix| turn.world.tree()[*ix].parent) {
            self.say_refused(turn, refused, parent, joined);
        }
        again.into_iter().for_each(|tx| turn.world.txs_mut().release(tx));
    }

    /// Says why transactions do not come back. Who could spend before these blocks what they have spent has lost to them.
    fn say_refused(
        &mut self,
        turn: &mut Turn<'_>,
        refused: Vec<(TxIndex, TxReject)>,
        parent: BlockIx,
        joined: &[BlockIx],
    ) {
        if refused.is_empty() {
            return;
        }
        let (world, state) = (&*turn.world, turn.world.state(parent));
        let spent = joined.iter().filter_map(|ix| world.tree()[*ix].spent.as_ref()).flat_map(|keys| keys.iter());
        let spent: BTreeSet<&Vec<u8>> = spent.collect();
        let place = world.next_place(parent);
        for (tx, why) in refused {
            let bytes = world.txs().tx(tx).map_or(&[][..], Tx::bytes);
            let outcome = world.rules().tx.apply(bytes, place, &FormatLedger(&state)).unwrap_or_default();
            let excluded = outcome.spends.iter().any(|spend| spent.contains(&spend.key));
            turn.out.event(Event::TxDropped { tx, why: if excluded { TxReject::SpentByBlock } else { why } });
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
            Some(ix) if tree.is_ancestor(self.finalized, ix) => self.finalized = ix,
            Some(ix) if tree.is_ancestor(ix, self.finalized) => {}
            Some(_) => {
                turn.out.event(Event::SafetyViolation { finalized: tree[self.finalized].id, tip: *id });
            }
            None => turn.fault(format!("the agent finalizes {id}, which this node has not accepted")),
        }
    }
}
