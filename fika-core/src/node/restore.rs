//! Making a node: a new one, or one that remembers an earlier run.
//!
//! What a node has on its disk is in the world's store. Where nodes share a world there is none: such a node, killed and
//! started again, keeps what a store would have had.

use super::config::{NodeConfig, Role};
use super::io::Outputs;
use super::lazy_state::Kept;
use super::own_txs::OwnTxs;
use super::state::Node;
use super::turn::Turn;
use crate::agent::Attack;
use crate::codec::Decode;
use crate::hash::{Id, sha256};
use crate::world::{BlockIx, Tree, TxTable, World};

impl Node {
    /// A node that has accepted what the world's store kept for it, or genesis alone.
    pub fn new(config: NodeConfig, world: &mut World, attack: Option<&dyn Attack>) -> Node {
        let mut node = Node::without_memory(config, world, attack);
        if world.has_store() {
            node.restore(world);
        }
        node
    }

    /// Kills the node and starts it again, in a world that it shares with others. It keeps what it would find in a store, all
    /// of it flushed: the blocks that it had accepted, its tip, its own transactions, and what its agent keeps. Its mempool,
    /// its connections and all that was under way are gone. Begins with [`Input::Start`](super::io::Input::Start).
    pub fn restart(&mut self, world: &mut World, attack: Option<&dyn Attack>) {
        self.release_txs(world.txs_mut());
        let new = Node::without_memory(self.config.clone(), world, attack);
        let mut old = std::mem::replace(self, new);
        self.own = old.own.stored();
        if self.config.role != Role::Light {
            // A light node keeps no headers.
            (self.seen, self.tip) = (old.seen, old.tip);
        }
        let kept = std::mem::take(&mut old.seldom.kept);
        self.remember(world, kept.into_values().collect());
    }

    fn without_memory(config: NodeConfig, world: &mut World, attack: Option<&dyn Attack>) -> Node {
        let address = world.rules().env.keys.address(&config.keys.public);
        let honest = world.rules().consensus.agent(address);
        let agent = match attack {
            Some(attack) => attack.agent(honest, address),
            None => honest,
        };
        let mut node = Node::at_genesis(config, address, agent);
        if node.config.role == Role::Light {
            node.light_begin(world);
        }
        node
    }

    /// Holds no transaction any longer.
    fn release_txs(&mut self, txs: &mut TxTable) {
        self.mempool.clear(txs);
        self.tx_status.forget_all(txs);
        self.to_announce.drain(..).for_each(|tx| txs.release(tx));
        self.seldom.tx_orphans.take(|_| true).into_iter().for_each(|orphan| txs.release(orphan.tx));
    }

    /// What the node remembers: its tip, and its own transactions.
    fn restore(&mut self, world: &mut World) {
        let tree = world.tree();
        let sealed = (0..tree.len() as u32).map(BlockIx).filter(|ix| tree[*ix].seal.is_some());
        sealed.for_each(|ix| _ = self.seen.insert(ix));
        let Some(store) = world.store() else { return };
        let kept = store.values("agent/").into_iter();
        let kept: Vec<Kept> = kept.filter_map(|(_, kept)| Decode::from_bytes(&kept).ok()).collect();
        let tip = store.values("tip").first().and_then(|(_, id)| Id::from_bytes(id).ok());
        if let Some(ix) = tip.and_then(|id| world.tree().find(&id)) {
            self.tip = ix;
        }
        self.own = OwnTxs::load(world);
        self.catch_up(world);
        self.remember(world, kept);
    }

    /// Goes on from the tip and the own transactions that it has, and from what its agent kept.
    fn remember(&mut self, world: &mut World, kept: Vec<Kept>) {
        if !kept.is_empty() {
            self.agent.restore(&kept);
        }
        self.seldom.kept = kept.into_iter().map(|(name, value)| (sha256(&[&name]), (name, value))).collect();
        if self.config.role == Role::Light {
            // It has no block yet that could confirm them.
            self.own.all.iter_mut().for_each(|own| own.confirmed = None);
        }
        self.own.find_pending(self.announce_wait());
        if self.config.role == Role::Light {
            return;
        }
        self.seldom.sync.unheard = self.tip != Tree::GENESIS;
        let turn = &mut Turn { world, now: 0, out: &mut Outputs::default() };
        for n in self.own.pending() {
            let tx = turn.world.txs_mut().hold_tx(&self.own.all[n].tx);
            // A full mempool keeps what pays more; the transaction is sent again later.
            if self.accept_to_mempool(turn, tx, None).is_ok() {
                self.own.enter_mempool(n);
            }
            turn.world.txs_mut().release(tx);
        }
    }

    /// The store may have newer blocks than the tip that it names: the run ended between the two.
    fn catch_up(&mut self, world: &World) {
        let (tree, named) = (world.tree(), self.tip);
        let seen = world.seen_tree(&self.seen, self.config.seed);
        for newer in (named.0 + 1..tree.len() as u32).map(BlockIx) {
            let best = world.rules().consensus.choose(&tree.view(self.tip), &tree.view(newer), &seen);
            self.tip = tree.find(&best).filter(|ix| self.seen.contains(*ix)).unwrap_or(self.tip);
        }
        for ix in tree.path(tree.fork_point(named, self.tip), self.tip) {
            let executed = world.executed(ix);
            let own = self.own.all.iter_mut().filter(|own| executed.txs().contains(&own.tx));
            own.for_each(|own| own.confirmed = Some(tree[ix].height));
        }
    }
}
