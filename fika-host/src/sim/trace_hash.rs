//! One number for everything that happens in a run.

use fika_core::node::Event;
use fika_core::world::{TxIndex, World};

/// The sum of a number per event. The order in which they are added does not matter, for each carries its time;
/// so a message can be counted when it is sent, whoever takes care of its arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceHash(u128);

/// Numbers without a pattern: the first digits of pi's fraction, as in Blowfish.
const DIGITS: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1, 0x082e_fa98_ec4e_6c89];

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

impl TraceHash {
    /// What happens, as a number that is odd and has 63 bits, so that two of them fit into a word.
    #[inline]
    pub(crate) fn what(what: u64, more: u64) -> u64 {
        fold(what ^ DIGITS[2], more ^ DIGITS[3]) >> 1 | 1
    }

    /// [What](TraceHash::what) happens as the event of this number at its node. The sum of a thousand of these fits.
    #[inline]
    pub(crate) fn placed(what: u64, sequence: u32) -> u128 {
        u128::from(what) * u128::from(2 * u64::from(sequence) + 1)
    }

    /// Adds an event: when, at whom, [what](TraceHash::what), and its number there.
    #[inline]
    pub(crate) fn add(&mut self, at: u64, whom: u64, what: u64, sequence: u32) {
        self.add_all(at, whom, TraceHash::placed(what, sequence));
    }

    /// Adds several at one time, at one whom: the sum of them, each in its [place](TraceHash::placed).
    #[inline]
    pub(crate) fn add_all(&mut self, at: u64, whom: u64, placed: u128) {
        let first = u128::from(fold(at ^ DIGITS[0], whom ^ DIGITS[1]));
        self.0 = self.0.wrapping_add(first.wrapping_mul(placed));
    }

    /// Adds what a node did, in terms that do not depend on where blocks lie in an arena.
    pub(crate) fn event(&mut self, at: u64, node: u32, event: &Event, world: &World) {
        let tree = world.tree();
        let prefix = |tx: &TxIndex| world.txs().prefix(*tx);
        let (what, id, more) = match event {
            Event::BlockAccepted { block, .. } => (1, tree[*block].id.prefix(), 0),
            Event::Produced { block } => (2, tree[*block].id.prefix(), 0),
            Event::Tip { new, reorg_depth, .. } => (3, tree[*new].id.prefix(), *reorg_depth),
            Event::TxAccepted { tx, fee, .. } => (4, prefix(tx), fee.0),
            Event::TxRejected { tx, .. } => (5, prefix(tx), 0),
            Event::TxDropped { tx, .. } => (6, prefix(tx), 0),
            Event::BlockRejected { id, .. } => (7, id.prefix(), 0),
            Event::Confirmed { hash, height } => (8, hash.prefix(), *height),
            Event::Unconfirmed { hash } => (9, hash.prefix(), 0),
            Event::Paid { hash, reference } => (10, hash.prefix(), *reference),
            Event::PaymentFailed { reference, .. } => (11, 0, *reference),
            Event::Orphan { id, waits_for } => (12, id.prefix(), waits_for.prefix()),
            Event::Forwarded { id, .. } => (13, id.prefix(), 0),
            Event::Updated { height } => (14, 0, *height),
            Event::Misbehaved { peer, score, .. } => (15, 0, u64::from(peer.0) << 32 | u64::from(*score)),
            Event::SafetyViolation { finalized, tip } => (16, finalized.prefix(), tip.prefix()),
            Event::Fault { .. } => (17, 0, 0),
            Event::PaymentDropped { hash, .. } => (21, hash.prefix(), 0),
            Event::PaymentLost { hash, .. } => (22, hash.prefix(), 0),
            Event::Finalized { block } => (18, tree[*block].id.prefix(), 0),
            Event::Withheld { block } => (19, tree[*block].id.prefix(), 0),
            Event::Published { block } => (20, tree[*block].id.prefix(), 0),
            Event::LieFound { peer, block, .. } => (21, block.prefix(), peer.0.into()),
        };
        self.add(at, u64::from(node), TraceHash::what(what << 56 ^ id, more), 0);
    }

    /// The sum so far.
    pub(crate) fn sum(self) -> u128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(events: &[(u64, u64, u64, u32)]) -> TraceHash {
        let mut hash = TraceHash::default();
        for (at, whom, what, sequence) in events {
            hash.add(*at, *whom, TraceHash::what(*what, 9), *sequence);
        }
        hash
    }

    #[test]
    fn the_order_of_adding_does_not_matter_and_everything_else_does() {
        let (a, b) = ((1, 2, 3, 4), (5, 6, 7, 8));
        assert_eq!(hash(&[a, b]), hash(&[b, a]));
        for other in [(2, 2, 3, 4), (1, 3, 3, 4), (1, 2, 4, 4), (1, 2, 3, 5), (2, 1, 3, 4), (1, 2, 4, 3)] {
            assert_ne!(hash(&[a, b]), hash(&[other, b]));
        }
        assert_ne!(hash(&[a]), hash(&[a, a]));
        assert_ne!(TraceHash::what(3, 9), TraceHash::what(3, 8));
    }

    #[test]
    fn which_of_two_came_first_along_a_link_matters() {
        assert_ne!(hash(&[(1, 2, 3, 4), (1, 2, 5, 5)]), hash(&[(1, 2, 5, 4), (1, 2, 3, 5)]));
        let taking_turns = |first: [u32; 2], second: [u32; 2]| {
            let of = |whom, [one, other]: [u32; 2]| [(1, whom, 3, one), (1, whom, 5, other)];
            hash(&[of(2, first), of(7, second)].concat())
        };
        assert_ne!(taking_turns([5, 8], [6, 7]), taking_turns([6, 7], [5, 8]), "of two neighbours");
    }

    #[test]
    fn many_at_once_are_what_they_are_one_by_one() {
        let what = [(1, u64::MAX), (7, 3), (u64::MAX, 0)].map(|(what, more)| TraceHash::what(what, more));
        let (mut one_by_one, mut at_once) = (TraceHash::default(), TraceHash::default());
        let all = || what.iter().copied().zip(u32::MAX - 2..=u32::MAX);
        all().for_each(|(what, sequence)| one_by_one.add(5, 6, what, sequence));
        at_once.add_all(5, 6, all().map(|(what, sequence)| TraceHash::placed(what, sequence)).sum());
        assert_eq!(one_by_one, at_once);
    }
}
