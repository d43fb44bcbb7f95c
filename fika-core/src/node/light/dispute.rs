//! Blocks that say which neighbour is right.

use super::state::{About, Dispute, Step};
use crate::block::{Block, Tx, body_root};
use crate::filter::{filter_hash, filter_header};
use crate::hash::Id;
use crate::message::{InvItem, Message};
use crate::node::peer::PeerId;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::transport::BAN_SCORE;
use crate::world::{BlockIx, filter_of, touches};

impl Node {
    /// Asks for a block that ends a dispute.
    pub(super) fn dispute(&mut self, turn: &mut Turn<'_>, block: BlockIx, about: About) {
        self.seldom.light.step = Step::Block(Dispute { block, asked: Vec::new(), about });
        self.ask_disputed_block(turn);
    }

    /// Asks the next neighbour; where there is none, all of it is asked again later.
    fn ask_disputed_block(&mut self, turn: &mut Turn<'_>) {
        let peers = self.light_peers();
        let light = &mut self.seldom.light;
        let Step::Block(dispute) = &mut light.step else { return };
        let Some(peer) = peers.into_iter().find(|peer| !dispute.asked.contains(peer)) else {
            (light.step, light.paused) = (Step::Idle, true);
            return light.drop_filters();
        };
        dispute.asked.push(peer);
        // Each has its time.
        light.timed = false;
        let id = turn.world.tree()[dispute.block].id;
        turn.out.send_other(peer, Message::GetData(vec![InvItem::Block(id)]));
    }

    /// A neighbour does not give the block that it was asked for.
    pub(super) fn light_block_not_found(&mut self, turn: &mut Turn<'_>, from: PeerId) {
        if self.seldom.light.asked_for_block() == Some(from) {
            self.ask_disputed_block(turn);
        }
    }

    /// A block has come.
    pub(super) fn on_light_block(&mut self, turn: &mut Turn<'_>, from: PeerId, block: &Block) {
        let light = &mut self.seldom.light;
        light.heard(from);
        let Step::Block(Dispute { block: ix, .. }) = &light.step else { return };
        let (ix, entry) = (*ix, &turn.world.tree()[*ix]);
        if entry.header != block.head.header {
            return;
        }
        let (root, mutated) = body_root(&block.txs, &block.head.extra);
        if mutated || root != entry.header.root {
            self.penalize(turn, Some(from), BAN_SCORE, "it sent a body that is not the block's");
            return self.light_block_not_found(turn, from);
        }
        let Step::Block(Dispute { about, .. }) = std::mem::take(&mut light.step) else { return };
        // A block that is not valid may have anything in it.
        let outlines = turn.world.outlines(ix, block).unwrap_or_default();
        match about {
            About::Filter(claims) => {
                let parent = turn.world.tree()[ix].parent;
                let previous = light.headers.get(&parent).copied().unwrap_or_default();
                let header = filter_header(&filter_hash(&filter_of(&block.id(), &outlines)), &previous);
                for peer in claims.iter().filter(|(_, said)| *said != header).filter_map(|(peer, _)| *peer) {
                    self.found_lying(turn, peer, ix, "its filter is not that of the block");
                }
                self.agree(turn, ix, header);
            }
            About::Txs { matched, shown } => {
                let touching = block.txs.iter().zip(outlines);
                let touching = touching.filter(|(_, outline)| matched.iter().any(|element| touches(outline, element)));
                let (txs, outlines): (Vec<&Tx>, Vec<_>) = touching.unzip();
                let hashes: Vec<Id> = txs.into_iter().map(Tx::hash).collect();
                let lacks = |(_, said): &&(PeerId, Vec<Id>)| hashes.iter().any(|hash| !said.contains(hash));
                for (peer, _) in shown.iter().filter(lacks) {
                    self.found_lying(turn, *peer, ix, "it leaves out what is in the block");
                }
                self.scanned(turn, ix, outlines);
            }
        }
    }
}
