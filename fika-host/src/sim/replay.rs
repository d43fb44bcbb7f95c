//! The chains of some nodes, validated again from genesis.

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::block::Block;
use fika_core::hash::{Id, draw};
use fika_core::node::Role;
use fika_core::tx::Ledger;
use fika_core::world::ledger::{Entries, Space};
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{BlockIx, Tree, World};

use super::engine::Engine;

/// What a node's chain is and what it has come to.
pub(crate) struct Replay {
    node: u32,
    /// From the one after genesis on, the blocks that they name included.
    blocks: Vec<Arc<Block>>,
    after: After,
}

/// What a ledger says.
#[derive(PartialEq, Eq)]
struct After {
    /// Of all entries.
    root: Id,
    supply: Amount,
    /// By node: what it has in coins, and in deposits.
    balances: Vec<(Amount, Amount)>,
}

impl After {
    fn new(world: &World, tip: BlockIx, addresses: &[Address]) -> After {
        let balances = holdings(world, tip, addresses);
        After { root: world.tree()[tip].state_root, supply: world.supply(tip), balances }
    }
}

/// What each has in coins, and in deposits, after a block.
pub(super) fn holdings(world: &World, tip: BlockIx, addresses: &[Address]) -> Vec<(Amount, Amount)> {
    let state = world.state(tip);
    let ledger = FormatLedger(&state);
    let has = |who: &Address| (ledger.balance(who), state.amount(&Space::Locked.key(&[&who.0])));
    addresses.iter().map(has).collect()
}

/// The purpose of the draw of nodes.
const DRAW: u64 = u64::from_be_bytes(*b"replayed");

impl Replay {
    /// The chains of `count` nodes, drawn.
    pub(super) fn collect(engine: &Engine<'_>, addresses: &[Address], count: u32, seed: u64) -> Vec<Replay> {
        // A light node has no chain that could be validated.
        let has_chain = |node: &u32| engine.nodes[*node as usize].role() != Role::Light;
        let mut order: Vec<u32> = (0..engine.nodes.len() as u32).filter(has_chain).collect();
        order.sort_unstable_by_key(|node| (draw(seed, DRAW, u64::from(*node)), *node));
        order.truncate(count as usize);
        let replay = |node: u32| {
            let (world, tip) = (engine.world(node), engine.nodes[node as usize].tip());
            let blocks = world.ancestry(tip).into_iter().filter_map(|ix| world.block(ix)).collect();
            Replay { node, blocks, after: After::new(world, tip, addresses) }
        };
        order.into_iter().map(replay).collect()
    }

    /// Validates the chain in a world that has nothing but genesis, or other replayed chains.
    ///
    /// # Errors
    /// Names the block that is not valid there, or what is not the same after the last one.
    pub(crate) fn check(&self, world: &mut World, addresses: &[Address]) -> Result<(), String> {
        let mut tip = Tree::GENESIS;
        for (n, block) in self.blocks.iter().enumerate() {
            let bad = |why: String| format!("replaying the chain of node {}: block {}: {why}", self.node, n + 1);
            tip = world.insert(block.clone()).map_err(|why| bad(why.to_string()))?;
            world.validate(tip).map_err(|why| bad(why.to_string()))?;
            world.seal(tip, &block.head.seal).map_err(|why| bad(why.to_string()))?;
        }
        if After::new(world, tip, addresses) == self.after {
            return Ok(());
        }
        Err(format!("replaying the chain of node {}: its balances or the supply are not the same", self.node))
    }
}
