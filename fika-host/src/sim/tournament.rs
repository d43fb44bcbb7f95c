//! The earliest of one time per node.

use fika_core::header::Time;

/// One time per node, and the earliest of them at hand: a winner tree. Of equal times the lower node's comes first.
pub(crate) struct Tournament {
    /// Leaves from `leaves` on; inner nodes hold the winner of their two children.
    winners: Vec<u32>,
    times: Vec<Time>,
    leaves: usize,
}

/// No time.
pub(crate) const NEVER: Time = Time::MAX;

impl Tournament {
    pub(crate) fn new(nodes: usize) -> Tournament {
        let leaves = nodes.next_power_of_two().max(1);
        let mut winners = vec![0; 2 * leaves];
        for n in 0..leaves {
            winners[leaves + n] = n as u32;
        }
        let mut tournament = Tournament { winners, times: vec![NEVER; leaves], leaves };
        for inner in (1..leaves).rev() {
            tournament.play(inner);
        }
        tournament
    }

    /// Lets two play; gives the winner before and now.
    fn play(&mut self, inner: usize) -> (u32, u32) {
        let (a, b) = (self.winners[2 * inner], self.winners[2 * inner + 1]);
        let earlier = (self.times[b as usize], b) < (self.times[a as usize], a);
        let winner = if earlier { b } else { a };
        (std::mem::replace(&mut self.winners[inner], winner), winner)
    }

    /// Sets the time of a node.
    pub(crate) fn set(&mut self, node: u32, at: Time) {
        if std::mem::replace(&mut self.times[node as usize], at) == at {
            return;
        }
        let mut inner = (self.leaves + node as usize) / 2;
        while inner > 0 {
            let (before, now) = self.play(inner);
            // Who loses here as before changes nothing further up.
            if before == now && now != node {
                return;
            }
            inner /= 2;
        }
    }

    /// The earliest time and its node.
    pub(crate) fn first(&self) -> (Time, u32) {
        let node = self.winners[1.min(self.winners.len() - 1)];
        (self.times[node as usize], node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fika_core::hash::draw;

    #[test]
    fn the_first_is_the_least_after_every_change() {
        for nodes in [1, 2, 3, 5, 64, 100] {
            let mut tournament = Tournament::new(nodes);
            let mut times = vec![NEVER; nodes];
            for n in 0..1_000 {
                let node = (draw(1, 0, n) % nodes as u64) as usize;
                times[node] = draw(1, 1, n) % 50;
                tournament.set(node as u32, times[node]);
                let least = times.iter().enumerate().map(|(node, at)| (*at, node as u32)).min();
                assert_eq!(Some(tournament.first()), least);
            }
        }
    }
}
