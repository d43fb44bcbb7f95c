//! The payments that the experiment's loads make, of all nodes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use fika_core::header::Time;

use crate::experiment::{Due, Experiment, Payment, TRIES_MAX, retry_us};

/// A payment that is due, or due again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DuePayment {
    pub(super) payment: Payment,
    /// Comes back with the answer.
    pub(super) reference: u64,
}

/// What is to be paid.
pub(super) struct Payments<'a> {
    experiment: &'a Experiment,
    retry_us: Time,
    /// The next payment of each load by time, and those to be tried again: when, a number that orders them, which.
    due: BinaryHeap<Reverse<(Time, u64, Entry)>>,
    numbers: u64,
    /// By payer, those that wait for a height.
    by_height: BTreeMap<u32, Vec<(u64, Payment)>>,
    /// Begun, by reference: what, and how often it was tried.
    open: BTreeMap<u64, (Payment, u32)>,
    references: u64,
    /// Of loads that end, not begun.
    to_come: u64,
    given_up: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    /// The payment of this place of the load of this place.
    Load(usize, u64),
    /// Again.
    Open(u64),
}

impl<'a> Payments<'a> {
    pub(super) fn new(experiment: &'a Experiment) -> Payments<'a> {
        let mut payments = Payments {
            experiment,
            retry_us: retry_us(experiment.chain.block_interval_us),
            due: BinaryHeap::new(),
            numbers: 0,
            by_height: BTreeMap::new(),
            open: BTreeMap::new(),
            references: 0,
            to_come: experiment.payments_scheduled(),
            given_up: 0,
        };
        for load in 0..experiment.load.len() {
            payments.schedule(load, 0);
        }
        payments
    }

    fn schedule(&mut self, load: usize, n: u64) {
        let Some(payment) = self.experiment.payment(load, n) else { return };
        match payment.due {
            Due::Time(at) => self.push(at, Entry::Load(load, n)),
            Due::Height(height) => self.by_height.entry(payment.from).or_default().push((height, payment)),
        }
    }

    fn push(&mut self, at: Time, entry: Entry) {
        self.numbers += 1;
        self.due.push(Reverse((at, self.numbers, entry)));
    }

    /// When the next one is due.
    pub(super) fn next_at(&self) -> Option<Time> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }

    /// Begins the next one that is due by `now`.
    pub(super) fn take(&mut self, now: Time) -> Option<DuePayment> {
        let Reverse((at, ..)) = self.due.peek()?;
        if *at > now {
            return None;
        }
        let Reverse((_, _, entry)) = self.due.pop()?;
        match entry {
            Entry::Load(load, n) => {
                let payment = self.experiment.payment(load, n)?;
                self.schedule(load, n + 1);
                Some(self.begin(payment, self.experiment.load[load].count().is_some()))
            }
            Entry::Open(reference) => {
                self.open.get(&reference).map(|(payment, _)| DuePayment { payment: *payment, reference })
            }
        }
    }

    fn begin(&mut self, payment: Payment, counted: bool) -> DuePayment {
        self.to_come -= u64::from(counted);
        self.references += 1;
        self.open.insert(self.references, (payment, 1));
        DuePayment { payment, reference: self.references }
    }

    /// Begins the payments of a node that wait for a height its chain has reached.
    pub(super) fn reached(&mut self, node: u32, height: u64) -> Vec<DuePayment> {
        let Some(waiting) = self.by_height.get_mut(&node) else { return Vec::new() };
        let due: Vec<_> = waiting.extract_if(.., |(wanted, _)| *wanted <= height).collect();
        due.into_iter().map(|(_, payment)| self.begin(payment, true)).collect()
    }

    /// A payment was made.
    pub(super) fn made(&mut self, reference: u64) {
        self.open.remove(&reference);
    }

    /// A payment could not be made; whether it will be tried again.
    pub(super) fn failed(&mut self, reference: u64, now: Time) -> bool {
        let Some((_, tries)) = self.open.get_mut(&reference) else { return false };
        *tries += 1;
        if *tries > TRIES_MAX {
            self.open.remove(&reference);
            self.given_up += 1;
            return false;
        }
        self.push(now.saturating_add(self.retry_us), Entry::Open(reference));
        true
    }

    /// Of loads that end: those that have not been made or given up.
    pub(super) fn outstanding(&self) -> u64 {
        self.to_come + self.open.len() as u64
    }

    /// Those given up.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }
}
