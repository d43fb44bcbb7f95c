//! Neighbours that come and go.

use super::config::Role;
use super::peer::PeerId;
use super::state::Node;
use super::turn::Turn;

impl Node {
    /// A neighbour can be talked to.
    #[inline(never)]
    pub(super) fn on_connected(&mut self, turn: &mut Turn<'_>, id: PeerId) {
        let peer = self.peer(id);
        (peer.ready, peer.is_light) = (true, false);
        // The runtime keeps a banned neighbour away for as long as the ban lasts; then it starts anew.
        if peer.banned {
            peer.forgive();
        }
        match self.config.role {
            Role::Light => self.light_greet(turn, id),
            Role::Full | Role::Wallet => self.greet(turn, id),
        }
        match self.config.role {
            Role::Full => self.announce_mempool(turn, id),
            Role::Wallet | Role::Light => {
                // This neighbour has heard of none.
                self.own.announce_all(turn.now);
                self.announce_own(turn);
            }
        }
    }

    /// A neighbour is gone; its misbehaviour on the way scored this much.
    #[cold]
    pub(super) fn on_disconnected(&mut self, turn: &mut Turn<'_>, id: PeerId, score: u32) {
        self.peer(id).ready = false;
        if score > 0 {
            self.penalize(turn, Some(id), score, "it broke the rules of the transport");
        }
        self.request_all_elsewhere(turn, id);
        self.sync_lost(turn, id);
        if self.config.role == Role::Light {
            self.light_forget(turn, id);
        }
    }
}
