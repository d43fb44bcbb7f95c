//! Whether a run still comes nearer to its end.

use fika_core::header::Time;

use crate::experiment::{Experiment, PATIENCE_INTERVALS};
use crate::results::duration;

/// What moved last, and when. A run that only its stop height would end is given up once that is too long ago.
pub(super) struct Stall {
    patience_us: Time,
    /// The patience in words.
    patience: String,
    /// When a node last made a block that it accepts.
    pub(super) block_at: Time,
    /// When a node first had a tip at the stop height or above.
    pub(super) reached_at: Option<Time>,
    /// When the full nodes last had one tip at that height or above.
    pub(super) agreed_at: Time,
    /// When a payment was last made, confirmed or given up.
    pub(super) payment_at: Time,
    /// Why a node last refused its own block.
    pub(super) own_refused: Option<String>,
}

/// What of a run its observer knows.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// Payments made and not confirmed, where no other one will be made.
    pub(super) unconfirmed: u64,
    /// Different tips of full nodes.
    pub(super) tips: usize,
    /// Whether any node has work to do.
    pub(super) works: bool,
}

impl Stall {
    pub(super) fn new(experiment: &Experiment) -> Stall {
        let patience_us = experiment.patience_us();
        let times = match patience_us > PATIENCE_INTERVALS.saturating_mul(experiment.chain.block_interval_us) {
            true => "times the slowest link's latency",
            false => "block intervals",
        };
        Stall {
            patience_us,
            patience: format!("{} ({PATIENCE_INTERVALS} {times})", duration(patience_us)),
            block_at: 0,
            reached_at: None,
            agreed_at: 0,
            payment_at: 0,
            own_refused: None,
        }
    }

    /// Why the run does not get on, in one line, if it does not.
    pub(super) fn why(&self, now: Time, state: impl FnOnce() -> State) -> Option<String> {
        let is_long_ago = |since: Time| now.saturating_sub(since) > self.patience_us;
        // Nearly always all of them are fresh.
        let reached_at = self.reached_at.filter(|at| is_long_ago(*at));
        if !is_long_ago(self.block_at) && reached_at.is_none() {
            return None;
        }
        let State { unconfirmed, tips, works } = state();
        let patience = &self.patience;
        if is_long_ago(self.block_at) {
            let why = match &self.own_refused {
                Some(why) => format!("; what nodes make is refused: {why}"),
                None if works => String::new(),
                None => "; no node has work to do, or the coins that it takes".into(),
            };
            return Some(format!("no block for {patience}{why}"));
        }
        if is_long_ago(self.agreed_at) {
            return Some(format!("the full nodes have not agreed for {patience}: they are on {tips} tips"));
        }
        let waits = unconfirmed > 0 && is_long_ago(self.payment_at);
        waits.then(|| format!("{unconfirmed} payments have not been confirmed for {patience}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stall() -> Stall {
        let text = "[network]\nnodes = 2\n[chain]\nblock_interval = \"2 s\"\n";
        let experiment = Experiment::parse("test.toml", text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        Stall::new(&experiment)
    }

    const FINE: State = State { unconfirmed: 0, tips: 1, works: true };

    #[test]
    fn a_run_is_given_up_once_nothing_has_moved_for_long() {
        let (second, mut stall) = (1_000_000, stall());
        assert_eq!(stall.why(2_000 * second, || FINE), None);
        let why = stall.why(2_001 * second, || FINE).expect("no block");
        assert_eq!(why, "no block for 33 min 20 s (1000 block intervals)");
        stall.own_refused = Some("too large".into());
        let why = stall.why(2_001 * second, || FINE).expect("no block");
        assert!(why.ends_with("; what nodes make is refused: too large"), "{why}");

        (stall.block_at, stall.reached_at) = (5_000 * second, Some(2_000 * second));
        let why = stall.why(5_000 * second, || State { tips: 2, ..FINE }).expect("two tips");
        assert!(why.contains("not agreed") && why.ends_with("they are on 2 tips"), "{why}");

        stall.agreed_at = 5_000 * second;
        assert_eq!(stall.why(5_000 * second, || FINE), None, "a payment will still be made");
        let why = stall.why(5_000 * second, || State { unconfirmed: 3, ..FINE }).expect("a lost payment");
        assert!(why.starts_with("3 payments have not been confirmed for 33 min 20 s"), "{why}");
        stall.payment_at = 4_000 * second;
        assert_eq!(stall.why(5_000 * second, || State { unconfirmed: 3, ..FINE }), None);
    }
}
