//! The earliest of one time per node.

use fika_core::header::Time;
use fika_core::prefetch::fetch;

/// So many times have one least among them.
const GROUP: usize = 16;

/// One time per node, and the earliest of them at hand: groups of times, groups of their least times, and so on. Of
/// equal times the lower node's comes first.
pub(crate) struct Tournament {
    /// The times of the nodes, then for each level the least times of the groups below. Groups are full.
    levels: Vec<Vec<Time>>,
    first: (Time, u32),
}

/// No time.
pub(crate) const NEVER: Time = Time::MAX;

fn least(group: &[Time]) -> Time {
    group.iter().copied().fold(NEVER, Time::min)
}

impl Tournament {
    pub(crate) fn new(nodes: usize) -> Tournament {
        let mut levels = vec![vec![NEVER; nodes.next_multiple_of(GROUP).max(GROUP)]];
        while let Some(below) = levels.last().map(Vec::len).filter(|below| *below > GROUP) {
            levels.push(vec![NEVER; (below / GROUP).next_multiple_of(GROUP)]);
        }
        Tournament { levels, first: (NEVER, 0) }
    }

    /// Has the machine fetch the time of a node.
    pub(crate) fn fetch(&self, node: u32) {
        fetch(&self.levels[0][node as usize], 1);
    }

    /// Sets the time of a node.
    pub(crate) fn set(&mut self, node: u32, at: Time) {
        if self.levels[0][node as usize] == at {
            return;
        }
        let (mut place, mut now) = (node as usize, at);
        for level in 0..self.levels.len() {
            let before = std::mem::replace(&mut self.levels[level][place], now);
            if before == now {
                break;
            }
            let group = place / GROUP;
            // Only who was the least, or is now, changes what is further up.
            let above = self.levels.get(level + 1).map_or(self.first.0, |above| above[group]);
            if before > above && now > above {
                return;
            }
            now = least(&self.levels[level][group * GROUP..][..GROUP]);
            place = group;
        }
        // Nobody comes before the first but who does so now.
        if node == self.first.1 || at <= self.first.0 {
            self.find_first();
        }
    }

    fn find_first(&mut self) {
        let mut place = 0;
        for level in self.levels.iter().rev() {
            let group = &level[place * GROUP..][..GROUP];
            let first = least(group);
            place = place * GROUP + group.iter().position(|at| *at == first).unwrap_or(0);
            self.first = (first, place as u32);
        }
    }

    /// The earliest time and its node.
    pub(crate) fn first(&self) -> (Time, u32) {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fika_core::hash::draw;

    #[test]
    fn the_first_is_the_least_after_every_change() {
        for nodes in [1, 2, 15, 16, 17, 64, 300, 5_000] {
            let mut tournament = Tournament::new(nodes);
            let mut times = vec![NEVER; nodes];
            for n in 0..3_000 {
                let node = (draw(1, 0, n) % nodes as u64) as usize;
                times[node] = if n % 7 == 0 { NEVER } else { draw(1, 1, n) % 50 };
                tournament.set(node as u32, times[node]);
                let least = times.iter().enumerate().map(|(node, at)| (*at, node as u32)).min();
                let found = tournament.first();
                // Where nobody has a time it does not matter whose it is.
                assert!(Some(found) == least || found.0 == NEVER && least.is_none_or(|(at, _)| at == NEVER));
            }
        }
    }
}
