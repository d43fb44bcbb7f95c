//! Whether this machine can do the work that an experiment asks for.

use std::time::{Duration, Instant};

use fika_core::env::Proof;
use fika_core::header::{Header, SECOND};
use fika_core::target::{Target, grind_sha256d};

use super::Stop;
use crate::experiment::{Engine, Experiment};

/// Every machine reaches this: nothing is measured below it. In hashes per second.
const ALWAYS_REACHED: u128 = 1_000_000;
/// How far above the measured rate a demand may lie. The machine may do something else while it is measured.
const SLACK: u128 = 2;
/// The longest time that a simulation may spend on hashing, in seconds: a day.
const LONGEST_S: u128 = 86_400;
/// Hashes of one measurement, and how many there are. The best one counts.
const HASHES: u32 = 20_000;
const MEASUREMENTS: usize = 10;

/// Refuses real work that this machine cannot do: live, all nodes' hash rates together; in the simulator, what they make
/// until the run stops.
pub(super) fn check(experiment: &Experiment) -> Result<(), Stop> {
    let rate = experiment.hash_rate();
    if experiment.chain.proof != Proof::Real || rate <= ALWAYS_REACHED {
        return Ok(());
    }
    reachable(experiment, rate, measured()).map_err(Stop::Environment)
}

fn reachable(experiment: &Experiment, rate: u128, core: u128) -> Result<(), String> {
    let advice = "give lower hash rates (only their ratios matter) or [chain] proof = \"sampled\"";
    if experiment.engine != Some(Engine::Sim) {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u128);
        return match rate > core * cores * SLACK {
            true => Err(format!(
                "expected hash rates that this machine can do for real, about {} H/s, found {rate} H/s; {advice}",
                core * cores
            )),
            false => Ok(()),
        };
    }
    let (stop, interval) = (experiment.stop, experiment.chain.block_interval_us);
    let by_height = stop.height.and_then(|height| height.checked_mul(interval));
    let Some(ends_us) = [stop.time_us, by_height].into_iter().flatten().min() else { return Ok(()) };
    let hashes = rate.checked_mul(ends_us.into()).map_or(u128::MAX, |hashes| hashes / u128::from(SECOND));
    let takes_s = hashes / core.max(1);
    match takes_s > LONGEST_S {
        true => Err(format!(
            "expected real work of at most a day, found about {} days of it at {core} H/s, which this machine reaches; \
             {advice}",
            takes_s / LONGEST_S
        )),
        false => Ok(()),
    }
}

/// Hashes per second of one core.
fn measured() -> u128 {
    let impossible = Target(Default::default());
    let mut best = Duration::MAX;
    let mut header = Header::default();
    for _ in 0..MEASUREMENTS {
        let start = Instant::now();
        grind_sha256d(&mut header, impossible, HASHES);
        best = best.min(start.elapsed());
    }
    u128::from(HASHES) * 1_000_000_000 / best.as_nanos().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(text: &str) -> Experiment {
        Experiment::parse("test.toml", &format!("{text}\n[defaults.node]\nhash_rate = '100 TH/s'\n"), &[]).unwrap()
    }

    #[test]
    fn work_that_no_machine_can_do_is_refused() {
        let refused = |text: &str| check(&experiment(text)).is_err();
        let live = "[experiment]\nengine = 'process'\n[network]\nnodes = 3\n";
        assert!(refused(live));
        assert!(!refused(&format!("{live}[chain]\nproof = 'sampled'\n")));
        let sim = "[experiment]\nengine = 'sim'\nstop_time = '1 h'\n[network]\nnodes = 3\n";
        assert!(refused(sim));
        assert!(!refused(&format!("{sim}[chain]\nproof = 'sampled'\n")));
        assert!(measured() > 0);
    }

    #[test]
    fn the_limit_is_what_the_machine_reaches() {
        let sim = experiment(
            "[experiment]\nengine = 'sim'\nstop_height = 6\n[chain]\nblock_interval = '10 min'\n[network]\nnodes = 3\n",
        );
        // An hour at 24 times what the machine does takes it a day.
        assert_eq!(reachable(&sim, 24_000, 1_000), Ok(()));
        let why = reachable(&sim, 24_100, 1_000).unwrap_err();
        assert!(why.contains("1 days") && why.contains("1000 H/s") && why.contains("sampled"), "{why}");
    }
}
