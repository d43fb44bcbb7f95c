//! The payments that a node makes by itself.
//!
//! Which payments those are is a pure function of the experiment and its seed ([`Load`]). How far the
//! node has come is kept in its database, in one commit with the payment, so that a node that was killed
//! goes on where it was and pays nothing twice.
//!
//! A payment that cannot be made when it is due (the money is still on its way, or the mempool takes
//! nothing) is tried again, [`TRIES_MAX`] times in all, twice a block interval; then it is given up.

use fika_core::codec::{Decode, DecodeError, Encode, Reader, put_list, put_varint};
use fika_core::header::Time;

use super::{LoadEntry, NodeSetup};
use crate::experiment::{Due, Load, NodeIndex, Payment, TRIES_MAX, retry_us};

/// Payments of all nodes that are looked through at once for the own ones.
const LOOK_AHEAD: u64 = 4096;

/// The loads of one node.
pub(super) struct Payer {
    seed: u64,
    me: NodeIndex,
    nodes: u64,
    start_us: Time,
    retry_us: Time,
    streams: Vec<Stream>,
}

/// A payment that is due now.
pub(super) struct DuePayment {
    /// Which load of this node's.
    pub(super) load: usize,
    /// Which payment of it.
    pub(super) n: u64,
    pub(super) payment: Payment,
}

struct Stream {
    index: u64,
    load: Load,
    /// The first payment that this node has not begun.
    next: u64,
    /// Where the search for the own ones goes on, and from when on.
    ahead: u64,
    look_at: Time,
    /// The next own payment.
    upcoming: Option<(u64, Payment)>,
    /// Begun, not made, not given up.
    open: Vec<Open>,
    failed: u64,
    /// Own payments that have not been begun, where the load ends.
    to_come: u64,
}

struct Open {
    n: u64,
    payment: Payment,
    tries: u32,
    at: Time,
}

impl Payer {
    /// Takes the loads out of `setup`; `saved` gives what an earlier life kept under a name.
    pub(super) fn new(setup: &mut NodeSetup, saved: impl Fn(&str) -> Option<Vec<u8>>) -> Payer {
        let retry_us = retry_us(setup.chain.block_interval_us);
        let load = std::mem::take(&mut setup.load);
        Payer::of(setup.seed, setup.index, setup.nodes.len() as u64, setup.start_us, retry_us, load, saved)
    }

    fn of(
        seed: u64,
        me: NodeIndex,
        nodes: u64,
        start_us: Time,
        retry_us: Time,
        load: Vec<LoadEntry>,
        saved: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Payer {
        let mut payer = Payer { seed, me, nodes, start_us, retry_us, streams: Vec::new() };
        for entry in load {
            let saved = saved(&name(entry.index)).and_then(|bytes| Saved::from_bytes(&bytes).ok()).unwrap_or_default();
            let mut stream = Stream {
                index: entry.index,
                load: entry.load,
                next: saved.next,
                ahead: saved.next,
                look_at: 0,
                upcoming: None,
                open: Vec::new(),
                failed: saved.failed,
                to_come: 0,
            };
            let own = |n: &u64| payer.own(&stream, *n).is_some();
            stream.to_come = (saved.next..stream.load.count().unwrap_or(0)).filter(own).count() as u64;
            let open = saved.open.into_iter().filter_map(|n| Some((n, payer.own(&stream, n)?)));
            stream.open = open.map(|(n, payment)| Open { n, payment, tries: 0, at: 0 }).collect();
            payer.streams.push(stream);
        }
        payer
    }

    /// The `n`-th payment of a load, if it is this node's.
    fn own(&self, stream: &Stream, n: u64) -> Option<Payment> {
        stream.load.payment(self.seed, stream.index, n, self.nodes).filter(|payment| payment.from == self.me)
    }

    /// When a payment is due; `None`: not before its height is reached.
    fn time(&self, payment: &Payment, height: u64) -> Option<Time> {
        match payment.due {
            Due::Time(time) => Some(self.start_us.saturating_add(time)),
            Due::Height(wanted) => (height >= wanted).then_some(0),
        }
    }

    /// Begins a payment that is due, if there is one.
    pub(super) fn next(&mut self, now: Time, height: u64) -> Option<DuePayment> {
        for load in 0..self.streams.len() {
            self.look_ahead(load, now);
            let stream = &self.streams[load];
            if let Some(at) = stream.open.iter().position(|open| open.at <= now) {
                let Open { n, payment, .. } = self.streams[load].open[at];
                // Tried again unless the answer is that it was made.
                self.streams[load].open[at].at = Time::MAX;
                return Some(DuePayment { load, n, payment });
            }
            let due = stream.upcoming.filter(|(_, payment)| self.time(payment, height).is_some_and(|at| at <= now));
            if let Some((n, payment)) = due {
                let stream = &mut self.streams[load];
                (stream.upcoming, stream.next) = (None, n + 1);
                stream.to_come = stream.to_come.saturating_sub(1);
                stream.open.push(Open { n, payment, tries: 0, at: Time::MAX });
                return Some(DuePayment { load, n, payment });
            }
        }
        None
    }

    fn look_ahead(&mut self, load: usize, now: Time) {
        let stream = &self.streams[load];
        if stream.upcoming.is_some() || stream.look_at > now {
            return;
        }
        let (mut found, mut last, from) = (None, None, stream.ahead);
        let mut n = from;
        while n < from.saturating_add(LOOK_AHEAD) && found.is_none() {
            last = stream.load.payment(self.seed, stream.index, n, self.nodes);
            let Some(payment) = last else { break };
            found = (payment.from == self.me).then_some((n, payment));
            n += 1;
        }
        // After a long stretch of other nodes' payments, look again when the last of them is due.
        let look_at = match last.map(|payment| payment.due) {
            None => Time::MAX,
            Some(Due::Time(time)) => self.start_us.saturating_add(time),
            Some(Due::Height(_)) => 0,
        };
        let stream = &mut self.streams[load];
        stream.ahead = n;
        stream.look_at = if found.is_some() { 0 } else { look_at };
        stream.upcoming = found;
    }

    /// The payment was made.
    pub(super) fn made(&mut self, load: usize, n: u64) {
        self.streams[load].open.retain(|open| open.n != n);
    }

    /// The payment could not be made; whether it will be tried again.
    pub(super) fn failed(&mut self, load: usize, n: u64, now: Time) -> bool {
        let stream = &mut self.streams[load];
        let Some(at) = stream.open.iter().position(|open| open.n == n) else { return false };
        stream.open[at].tries += 1;
        stream.open[at].at = now.saturating_add(self.retry_us);
        let again = stream.open[at].tries < TRIES_MAX;
        if !again {
            stream.open.remove(at);
            stream.failed += 1;
        }
        again
    }

    /// When [`next`](Payer::next) may have something, but for heights that are not reached.
    pub(super) fn due(&self, height: u64) -> Option<Time> {
        let of = |stream: &Stream| {
            let upcoming = match &stream.upcoming {
                Some((_, payment)) => self.time(payment, height),
                None => Some(stream.look_at),
            };
            stream.open.iter().map(|open| open.at).chain(upcoming).min()
        };
        self.streams.iter().filter_map(of).filter(|at| *at < Time::MAX).min()
    }

    /// Whether a payment waits for a height or for money.
    pub(super) fn waits_for_chain(&self) -> bool {
        let by_height = |stream: &Stream| matches!(stream.upcoming, Some((_, Payment { due: Due::Height(_), .. })));
        self.streams.iter().any(|stream| by_height(stream) || !stream.open.is_empty())
    }

    /// Payments that will still be made, of loads that end.
    pub(super) fn to_come(&self) -> u64 {
        self.streams.iter().map(|stream| stream.to_come + stream.open.len() as u64).sum()
    }

    /// Payments given up.
    pub(super) fn given_up(&self) -> u64 {
        self.streams.iter().map(|stream| stream.failed).sum()
    }

    /// What to keep of a load, and under which name. The payment under way counts as made: keep it in
    /// one commit with the payment, or once more when it has failed.
    pub(super) fn value(&self, load: usize) -> (String, Vec<u8>) {
        let stream = &self.streams[load];
        let open = stream.open.iter().filter(|open| open.at != Time::MAX).map(|open| open.n).collect();
        let saved = Saved { next: stream.next, failed: stream.failed, open };
        (name(stream.index), saved.to_bytes())
    }
}

fn name(index: u64) -> String {
    format!("load/{index:010}")
}

/// How far a load has come, in the database.
#[derive(Default)]
struct Saved {
    next: u64,
    failed: u64,
    open: Vec<u64>,
}

impl Encode for Saved {
    fn encode(&self, out: &mut impl fika_core::codec::Sink) {
        put_varint(out, self.next);
        put_varint(out, self.failed);
        put_list(out, &self.open);
    }
}

impl Decode for Saved {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Saved { next: from.varint()?, failed: from.varint()?, open: from.list(usize::MAX)? })
    }
}

#[cfg(test)]
mod tests {
    use fika_core::amount::Amount;
    use fika_core::header::SECOND;

    use super::*;
    use crate::experiment::{Parties, When};

    const SECONDS_10: Time = 10 * SECOND;

    fn payer(from: &[NodeIndex], when: When, saved: Option<Vec<u8>>) -> Payer {
        let load = Load {
            from: Parties::Nodes(from.to_vec()),
            to: Parties::Nodes(vec![2]),
            amount: (Amount(1), Amount(1000)),
            fee: Amount(1),
            when,
        };
        let entry = LoadEntry { index: 3, load };
        Payer::of(42, 0, 3, SECONDS_10, SECOND, vec![entry], |name| saved.clone().filter(|_| name == "load/0000000003"))
    }

    /// One payment a second of either node.
    const RATE: When = When::Rate { start_us: 0, per_day_thousandths: 86_400_000, count: Some(40) };

    fn all(payer: &mut Payer, now: Time) -> Vec<u64> {
        std::iter::from_fn(|| {
            let due = payer.next(now, 0)?;
            payer.made(due.load, due.n);
            Some(due.n)
        })
        .collect()
    }

    #[test]
    fn a_payment_is_begun_once_and_when_it_is_due() {
        let mut whole = payer(&[0, 1], RATE, None);
        let expected = whole.to_come();
        assert!(whole.next(SECONDS_10, 0).is_none(), "the run has just begun");
        assert!(expected > 5 && expected < 35, "two nodes pay, found {expected} of 40");
        let ours = all(&mut whole, Time::MAX - 1);
        assert_eq!((ours.len() as u64, whole.to_come()), (expected, 0));
        assert!(whole.due(0).is_none_or(|at| at == Time::MAX));

        // Interrupted half-way, with the database as it was then.
        let mut first = payer(&[0, 1], RATE, None);
        let mut made = all(&mut first, SECONDS_10 + 20 * SECOND);
        let mut second = payer(&[0, 1], RATE, Some(first.value(0).1));
        assert_eq!(second.to_come(), expected - made.len() as u64);
        made.extend(all(&mut second, Time::MAX - 1));
        assert_eq!(made, ours);
    }

    #[test]
    fn what_cannot_be_paid_is_tried_again_and_given_up_in_the_end() {
        let mut payer = payer(&[0], When::AtHeight { height: 5 }, None);
        assert!(payer.next(SECONDS_10, 4).is_none() && payer.waits_for_chain());
        let mut now = SECONDS_10;
        for tried in 1..=TRIES_MAX {
            let due = payer.next(now, 5).expect("it is due");
            assert!(payer.next(now, 5).is_none());
            // A node that is killed now has made it or will find it again.
            assert_eq!(payer.failed(due.load, due.n, now), tried < TRIES_MAX);
            now += SECOND;
        }
        assert!(payer.next(Time::MAX - 1, 9).is_none());
        assert_eq!((payer.given_up(), payer.to_come()), (1, 0));
        let (_, saved) = payer.value(0);
        assert_eq!(self::payer(&[0], When::AtHeight { height: 5 }, Some(saved)).given_up(), 1);
    }
}
