//! The chain of headers.

use crate::block::Head;
use crate::hash::Id;
use crate::node::io::Event;
use crate::node::peer::PeerId;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::transport::BAN_SCORE;
use crate::world::{BadHeader, BlockIx};

impl Node {
    /// A neighbour sends headers: `is_answer` if it was asked for them.
    pub(super) fn on_light_headers(&mut self, turn: &mut Turn<'_>, from: PeerId, heads: &[Head], is_answer: bool) {
        let (mut tip, mut is_new, mut last) = (self.tip, false, None);
        for head in heads {
            let parent = head.header.parent;
            if last.is_some_and(|last: Id| last != parent) {
                self.penalize(turn, Some(from), BAN_SCORE, "its headers are not linked");
                break;
            }
            let accepted = match self.has_block(turn.world, &parent) {
                true => turn.world.accept_header(head, turn.now),
                false => Err(BadHeader::Orphan),
            };
            match accepted {
                Ok(ix) if self.seen.insert(ix) => {
                    is_new = true;
                    tip = self.light_choice(turn, tip, ix);
                }
                Ok(_) => {}
                Err(BadHeader::Orphan) => {
                    if !is_answer {
                        self.ask_headers(turn, from);
                    }
                    break;
                }
                Err(BadHeader::Early) => {
                    self.seldom.light.wants_headers = true;
                    break;
                }
                Err(BadHeader::Invalid(why)) => {
                    let why = format!("it sent a header that is not accepted: {why}");
                    self.penalize(turn, Some(from), BAN_SCORE, &why);
                    break;
                }
                Err(BadHeader::Undecided(why)) => {
                    turn.fault(format!("header {} is undecided: {why}", head.header.id()));
                    break;
                }
            }
            last = Some(head.header.id());
        }
        if tip != self.tip {
            self.set_light_tip(turn, tip);
        }
        // A long answer may have been cut.
        if is_new && heads.len() > 1 {
            self.ask_headers(turn, from);
        }
        self.seldom.light.paused = false;
        self.seldom.light.changed = true;
    }

    /// The tip that the rules choose.
    fn light_choice(&self, turn: &mut Turn<'_>, current: BlockIx, new: BlockIx) -> BlockIx {
        let (tree, rules) = (turn.world.tree(), turn.world.rules());
        let seen_tree = turn.world.seen_tree(&self.seen, self.config.seed);
        let best = rules.consensus.choose(&tree.view(current), &tree.view(new), &seen_tree);
        match tree.find(&best).filter(|ix| self.seen.contains(*ix)) {
            Some(ix) => ix,
            None => {
                turn.fault(format!("fork choice named {best}, of which this node has no header"));
                current
            }
        }
    }

    /// Follows another header. What was confirmed on the branch that is left is unconfirmed again.
    fn set_light_tip(&mut self, turn: &mut Turn<'_>, new: BlockIx) {
        let old = self.tip;
        let tree = turn.world.tree();
        let fork = tree.fork_point(old, new);
        let left = tree.path(fork, old);
        if !left.is_empty() {
            self.seldom.light.leave(fork, |ix| !tree.is_ancestor(ix, new));
        }
        self.tip = new;
        turn.out.event(Event::Tip { old, new, reorg_depth: left.len() as u64 });
        for ix in left {
            for hash in self.own.leave(turn.world, ix, turn.now, self.announce_wait()) {
                turn.out.event(Event::Unconfirmed { hash });
            }
        }
        self.time_own_announcements(turn);
    }
}
