//! Proofs that transactions are in blocks.

use super::state::{About, Step};
use crate::block::Tx;
use crate::hash::Id;
use crate::light::MerkleBlock;
use crate::node::peer::PeerId;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::tx::Outline;
use crate::world::{BlockIx, World, touches};

/// What a transaction of a block says, if it touches any of these.
fn touching(world: &World, block: BlockIx, (place, tx): &(u32, Tx), matched: &[Vec<u8>]) -> Option<Outline> {
    let outline = world.rules().tx.outline(tx.bytes(), world.context_in(block, *place)).ok()?;
    matched.iter().any(|element| touches(&outline, element)).then_some(outline)
}

impl Node {
    /// A neighbour proves that transactions are in a block.
    pub(super) fn on_merkle_block(&mut self, turn: &mut Turn<'_>, from: PeerId, answer: MerkleBlock) {
        let light = &mut self.seldom.light;
        light.heard(from);
        let tree = turn.world.tree();
        let Step::Proofs { block, matched, open, shown, txs } = &mut light.step else { return };
        let Some(at) = open.iter().position(|peer| *peer == from).filter(|_| tree[*block].id == answer.block) else {
            return;
        };
        open.remove(at);
        if answer.count == 0 {
            return;
        }
        if !answer.proves(&tree[*block].header) {
            let block = *block;
            return self.found_lying(turn, from, block, "it claims what is not in the block");
        }
        let mut hashes = Vec::new();
        for placed in answer.txs {
            if touching(turn.world, *block, &placed, matched).is_some() {
                hashes.push(placed.1.hash());
                txs.insert(placed.1.hash(), placed);
            }
        }
        shown.push((from, hashes));
    }

    /// All have answered: what one has proven nobody may have left out, and the filter must be explained.
    pub(super) fn compare_proofs(&mut self, turn: &mut Turn<'_>) {
        let light = &mut self.seldom.light;
        light.changed = true;
        let Step::Proofs { block, matched, shown, txs, .. } = std::mem::take(&mut light.step) else { return };
        let lacks = |(_, hashes): &&(PeerId, Vec<Id>)| txs.keys().any(|proven| !hashes.contains(proven));
        for (peer, _) in shown.iter().filter(lacks) {
            self.found_lying(turn, *peer, block, "it leaves out what is in the block");
        }
        let mut placed: Vec<(u32, Tx)> = txs.into_values().collect();
        placed.sort_unstable_by_key(|(place, _)| *place);
        let outlines = placed.iter().filter_map(|placed| touching(turn.world, block, placed, &matched));
        let outlines: Vec<Outline> = outlines.collect();
        let is_explained = |element: &Vec<u8>| outlines.iter().any(|outline| touches(outline, element));
        if matched.iter().all(is_explained) {
            self.scanned(turn, block, outlines);
        } else {
            self.dispute(turn, block, About::Txs { matched, shown });
        }
    }
}
