//! Proving spends: running scripts, with their signatures in batches and within the transaction's budget.

use super::Rules;
use super::budget::Meter;
use crate::address::Address;
use crate::block::Tx;
use crate::codec::Encode;
use crate::hash::{Id, domain_hash};
use crate::keys::VerifyJob;
use crate::reject::Reject;
use crate::script::{InputFacts, SpendContext};
use crate::tx::Outcome;

/// Fewer transactions than this are not worth a second thread.
const PARALLEL_FROM: usize = 16;

/// Identifies what a proof shows: this transaction may spend these amounts under these locks. Locks may come from the
/// state, so the transaction's hash is not enough.
pub(super) fn proof_id(tx: &Tx, outcome: &Outcome) -> Id {
    let mut spends = Vec::new();
    outcome.spends.iter().for_each(|spend| (spend.lock.clone(), spend.amount).encode(&mut spends));
    domain_hash("fika proof", &[&tx.hash().0, &spends])
}

/// One answer per transaction: whether the scripts of all its spends hold.
///
/// Signatures are collected and verified together. A transaction with a false one runs again, one
/// signature at a time. `rules.workers` threads share large sets. The answers depend on neither.
pub fn prove(rules: &Rules, txs: &[(&Tx, &Outcome)]) -> Vec<Result<(), Reject>> {
    let workers = rules.workers.get().min(txs.len() / PARALLEL_FROM + 1);
    if workers == 1 {
        return prove_batch(rules, txs);
    }
    std::thread::scope(|scope| {
        let chunks = txs.chunks(txs.len().div_ceil(workers));
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(|| prove_batch(rules, chunk))).collect();
        running.into_iter().flat_map(|worker| worker.join().expect("plugin panics are caught by their guard")).collect()
    })
}

fn prove_batch(rules: &Rules, txs: &[(&Tx, &Outcome)]) -> Vec<Result<(), Reject>> {
    let mut jobs = Vec::new();
    let mut answers = Vec::with_capacity(txs.len());
    let mut ends = Vec::with_capacity(txs.len());
    for (tx, outcome) in txs {
        answers.push(run_spends(rules, tx, outcome, Some(&mut jobs)));
        ends.push(jobs.len());
    }
    let views: Vec<VerifyJob<'_>> = jobs.iter().map(Job::view).collect();
    let hold = rules.env.keys.verify_many(&views);
    let mut start = 0;
    for (n, (tx, outcome)) in txs.iter().enumerate() {
        let hold = hold.get(start..ends[n]).is_some_and(|hold| hold.iter().all(|holds| *holds));
        if answers[n].is_ok() && !hold {
            answers[n] = run_spends(rules, tx, outcome, None);
        }
        start = ends[n];
    }
    answers
}

fn run_spends(rules: &Rules, tx: &Tx, outcome: &Outcome, mut jobs: Option<&mut Vec<Job>>) -> Result<(), Reject> {
    if outcome.spends.is_empty() {
        return Ok(());
    }
    let prepared = rules.tx.prepare(tx.bytes(), &outcome.spends)?;
    let mut meter = Meter::new(tx.bytes().len());
    outcome.spends.iter().try_for_each(|spend| {
        meter.read(spend.lock.len() + spend.unlock.len());
        let (jobs, meter) = (jobs.as_deref_mut(), &mut meter);
        let mut context = Spending { rules, prepared: &prepared, input: spend.input, jobs, meter };
        let ran = rules.script.run(&spend.lock, &spend.unlock, 0, &mut context);
        // A script that has used up the budget was lied to about its signatures: what it says means nothing.
        context.meter.so_far()?;
        ran.map_err(|reject| reject.within(format_args!("input {}", spend.input)))
    })
}

/// A signature to be verified later.
struct Job {
    kind: u8,
    key: Vec<u8>,
    digest: Id,
    signature: Vec<u8>,
}

impl Job {
    fn view(&self) -> VerifyJob<'_> {
        VerifyJob { kind: self.kind, key: &self.key, digest: &self.digest, signature: &self.signature }
    }
}

/// The context of one spend. With `jobs`, signatures are collected and assumed to hold.
struct Spending<'a> {
    rules: &'a Rules,
    prepared: &'a [u8],
    input: u32,
    jobs: Option<&'a mut Vec<Job>>,
    meter: &'a mut Meter,
}

impl SpendContext for Spending<'_> {
    fn digest(&mut self, request: &[u8]) -> Id {
        if !self.meter.read(request.len()) {
            return Id::ZERO;
        }
        self.rules.tx.digest(self.prepared, self.input, request)
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        if !self.meter.check() {
            return false;
        }
        match &mut self.jobs {
            Some(jobs) => {
                jobs.push(Job { kind, key: key.to_vec(), digest: *digest, signature: signature.to_vec() });
                true
            }
            None => self.rules.env.keys.verify(kind, key, digest, signature),
        }
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.meter.check() && self.rules.env.keys.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        self.rules.env.keys.address(key)
    }

    fn step(&mut self, steps: u64) -> bool {
        self.meter.step(steps)
    }

    fn facts(&self) -> InputFacts {
        self.rules.tx.facts(self.prepared, self.input)
    }
}
