//! Making a node: a new one, or one that remembers an earlier run.

use super::config::{NodeConfig, Role};
use super::io::Outputs;
use super::own_txs::OwnTxs;
use super::state::Node;
use super::turn::Turn;
use crate::agent::Attack;
use crate::codec::Decode;
use crate::hash::{Id, sha256};
use crate::world::{BlockIx, Tree, World};

impl Node {
    /// A node that has accepted what the world's store kept for it, or genesis alone.
    pub fn new(config: NodeConfig, world: &mut World, attack: Option<&dyn Attack>) -> Node {
        let address = world.rules().env.keys.address(&config.keys.public);
        let honest = world.rules().consensus.agent(address);
        let agent = match attack {
            Some(attack) => attack.agent(honest, address),
            None => honest,
        };
        let mut node = Node::at_genesis(config, address, agent);
        if world.has_store() {
            node.restore(world);
        }
        if node.config.role == Role::Light {
            node.light_begin(world);
        }
        node
    }

    /// What the node remembers: its tip, and its own transactions.
    fn restore(&mut self, world: &mut World) {
        let tree = world.tree();
        let sealed = (0..tree.len() as u32).map(BlockIx).filter(|ix| tree[*ix].seal.is_some());
        sealed.for_each(|ix| _ = self.seen.insert(ix));
        let Some(store) = world.store() else { return };
        let kept = store.values("agent/").into_iter();
        let kept: Vec<(Vec<u8>, Vec<u8>)> = kept.filter_map(|(_, kept)| Decode::from_bytes(&kept).ok()).collect();
        let tip = store.values("tip").first().and_then(|(_, id)| Id::from_bytes(id).ok());
        if let Some(ix) = tip.and_then(|id| world.tree().find(&id)) {
            self.tip = ix;
        }
        self.seldom.kept = kept.iter().map(|(name, _)| sha256(&[name])).collect();
        if !kept.is_empty() {
            self.agent.restore(&kept);
        }
        self.own = OwnTxs::load(world);
        if self.config.role == Role::Light {
            // It has no block yet that could confirm them.
            self.own.all.iter_mut().for_each(|own| own.confirmed = None);
            return self.own.find_pending(self.announce_wait());
        }
        self.catch_up(world);
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
        self.own.find_pending(self.announce_wait());
    }
}
