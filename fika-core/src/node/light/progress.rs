//! What the node knows now, and whom it has found lying.

use crate::hash::Id;
use crate::node::io::Event;
use crate::node::peer::{Peer, PeerId};
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::transport::BAN_SCORE;
use crate::tx::Outline;
use crate::world::BlockIx;

impl Node {
    /// The neighbours that can be asked.
    pub(super) fn light_peers(&self) -> Vec<PeerId> {
        let peers = self.peers.iter().zip(0..).filter(|(peer, _)| Peer::can_be_asked(peer));
        peers.map(|(_, n)| PeerId(n)).collect()
    }

    /// A neighbour has said what is not so.
    #[cold]
    pub(super) fn found_lying(&mut self, turn: &mut Turn<'_>, peer: PeerId, block: BlockIx, why: &str) {
        if self.peer(peer).banned {
            return;
        }
        let id = turn.world.tree()[block].id;
        turn.out.event(Event::LieFound { peer, block: id, why: why.into() });
        self.penalize(turn, Some(peer), BAN_SCORE, &format!("it lied about block {id}: {why}"));
        self.seldom.light.forget(peer);
        self.seldom.light.changed = true;
    }

    /// The filter header of the block after the last one that is agreed on is this.
    pub(super) fn agree(&mut self, turn: &Turn<'_>, block: BlockIx, header: Id) {
        let light = &mut self.seldom.light;
        let before = light.headers.insert(block, header);
        light.agreed = block;
        light.changed = true;
        if before.is_some_and(|before| before != header) {
            // What was agreed on was a lie, and so is all that builds on it: who doubted it was right.
            let (tree, height) = (turn.world.tree(), turn.world.tree()[block].height);
            light.headers.retain(|ix, _| tree[*ix].height <= height);
            if tree[light.scanned].height >= height {
                light.scanned = tree.ancestor(light.scanned, height - 1);
            }
            light.drop_filters();
            light.doubters.clear();
            light.doubted_to = 0;
        }
    }

    /// The block after the last one that was scanned has these transactions of the node.
    pub(super) fn scanned(&mut self, turn: &mut Turn<'_>, block: BlockIx, found: Vec<Outline>) {
        let height = turn.world.tree()[block].height;
        for outline in &found {
            if let Some(hash) = self.own.confirm_id(turn.world, &outline.id, height) {
                turn.out.event(Event::Confirmed { hash, height });
            }
        }
        let light = &mut self.seldom.light;
        if !found.is_empty() {
            light.keep_found(block, found);
        }
        light.scanned = block;
        light.changed = true;
    }
}
