//! The chain as wallets find it when the run is over.

use std::sync::Arc;

use fika_core::block::Block;
use fika_core::node::{Input, Role};
use fika_core::world::BlockIx;

use super::super::observer::{Observer, Seen};
use super::Engine;

impl Engine<'_> {
    /// Gives a wallet the best chain of its neighbours as it is now. Nothing else moves: no time passes, nobody is told,
    /// and nothing of it is part of the trace, which is over.
    pub(crate) fn show_chain(&mut self, wallet: u32, observer: &mut dyn Observer) {
        let Some(blocks) = self.lacking(wallet).filter(|blocks| !blocks.is_empty()) else { return };
        let n = wallet as usize;
        let clock = self.clocks.get(n).copied().unwrap_or_default();
        let place = self.place(wallet);
        let Engine { nodes, worlds, out, now, .. } = self;
        nodes[n].handle(&mut worlds[place], clock.shows(*now), Input::Blocks(blocks), out);
        for event in std::mem::take(&mut self.out.events) {
            let seen = Seen { world: &self.worlds[place], node: &self.nodes[n] };
            observer.event(self.now, wallet, &event, seen);
        }
        for (_, message) in std::mem::take(&mut self.out.messages) {
            self.lose(wallet, message);
        }
        self.out.clear();
    }

    /// The blocks that a wallet lacks of the heaviest chain among those of its neighbours, parents first.
    fn lacking(&self, wallet: u32) -> Option<Vec<Arc<Block>>> {
        let (neighbour, tip) = self.heaviest_neighbour(wallet)?;
        let (node, own, other) = (&self.nodes[wallet as usize], self.world(wallet), self.world(neighbour));
        let known = |ix: BlockIx| node.has_block(own, &other.tree()[ix].id);
        Some(other.ancestry_beyond(tip, known).into_iter().filter_map(|ix| other.block(ix)).collect())
    }

    fn heaviest_neighbour(&self, node: u32) -> Option<(u32, BlockIx)> {
        let peers = (0..self.links.degree(node)).filter(|peer| self.links.is_up(node, *peer));
        let neighbours = peers.map(|peer| self.links.neighbour(node, peer).0);
        let full = neighbours.filter(|other| self.nodes[*other as usize].role() == Role::Full);
        let with_tip = full.map(|other| (other, self.nodes[other as usize].public_tip(self.world(other).tree())));
        let weight = |(other, tip): &(u32, BlockIx)| self.world(*other).tree()[*tip].weight;
        // Of equally heavy ones the first.
        with_tip.reduce(|best, next| if weight(&next) > weight(&best) { next } else { best })
    }
}
