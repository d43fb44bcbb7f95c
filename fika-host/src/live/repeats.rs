//! Lines that a neighbour can cause as often as it likes: the first ones are written, the others are counted, so that log
//! and journal grow with time and not with what strangers send.

use std::collections::BTreeMap;

use fika_core::header::{SECOND, Time};
use fika_core::node::PeerId;

/// So many lines of one kind about one neighbour are written
const LINES: u64 = 100;
/// within this time. At its end the others are told as a number.
const PERIOD_US: Time = 10 * SECOND;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    RefusedTx,
    RefusedBlock,
    OrphanBlock,
    Gossip,
    Misbehaviour,
    Wait,
    Connection,
    WrongAddress,
}

impl Kind {
    /// Several of them.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Kind::RefusedTx => "refused transactions",
            Kind::RefusedBlock => "refused blocks",
            Kind::OrphanBlock => "blocks that wait for others",
            Kind::Gossip => "forwarded consensus messages",
            Kind::Misbehaviour => "kinds of misbehaviour",
            Kind::Wait => "waits",
            Kind::Connection => "connections and their ends",
            Kind::WrongAddress => "connections from wrong addresses",
        }
    }
}

/// Lines that were not written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) peer: Option<PeerId>,
    pub(super) kind: Kind,
    pub(super) count: u64,
}

/// The counts of the current periods.
#[derive(Default)]
pub(super) struct Repeats(BTreeMap<(Option<PeerId>, Kind), Count>);

struct Count {
    until: Time,
    lines: u64,
}

impl Repeats {
    /// Whether one more line is written; about all neighbours together where it names none.
    pub(super) fn may_write(&mut self, now: Time, peer: Option<PeerId>, kind: Kind) -> bool {
        let count = self.0.entry((peer, kind)).or_insert(Count { until: now.saturating_add(PERIOD_US), lines: 0 });
        count.lines += 1;
        count.lines <= LINES
    }

    /// When something is to be [told](Repeats::end) next.
    pub(super) fn due(&self) -> Option<Time> {
        self.0.values().filter(|count| count.lines > LINES).map(|count| count.until).min()
    }

    /// Ends the periods that are over at `now`, and gives what was left out in them.
    pub(super) fn end(&mut self, now: Time) -> Vec<LeftOut> {
        let over = self.0.extract_if(.., |_, count| count.until <= now);
        let left_out =
            over.map(|((peer, kind), count)| LeftOut { peer, kind, count: count.lines.saturating_sub(LINES) });
        left_out.filter(|left_out| left_out.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_and_not_written() {
        let mut repeats = Repeats::default();
        let written = |repeats: &mut Repeats, peer, kind, count: u64| {
            (0..count).filter(|_| repeats.may_write(5, Some(PeerId(peer)), kind)).count()
        };
        assert_eq!(written(&mut repeats, 1, Kind::RefusedTx, 1_000_000), 100);
        assert_eq!(written(&mut repeats, 1, Kind::OrphanBlock, 100), 100, "another kind");
        assert_eq!(written(&mut repeats, 2, Kind::RefusedTx, 100), 100, "another neighbour");
        assert_eq!(repeats.due(), Some(5 + PERIOD_US));
        assert_eq!(repeats.end(4 + PERIOD_US), []);
        let left_out = LeftOut { peer: Some(PeerId(1)), kind: Kind::RefusedTx, count: 999_900 };
        assert_eq!(repeats.end(5 + PERIOD_US), [left_out]);
        assert_eq!((repeats.due(), repeats.0.len()), (None, 0), "nothing is kept");
        assert_eq!(written(&mut repeats, 1, Kind::RefusedTx, 100), 100, "a new period");
    }
}
