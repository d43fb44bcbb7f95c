//! Runs against closed forms, on small copies of the experiments of the repository.
//!
//! Every run is fixed by its seed. A mean must lie within three of its standard errors of the closed form, plus the
//! tolerance that is stated. Standard errors come from batches of consecutive heights.

use fika_core::hash::Id;

use super::*;
use crate::results::{Chain, Ended, Summary};

/// One run, as far as it is looked at here.
struct Run {
    summary: Summary,
    chain: Chain,
}

fn run(text: &str, changes: &[String]) -> Run {
    let single = set("experiment.repeat", 1);
    let changes = [changes, &[single]].concat();
    let (experiment, plugins) = tests::read(text, &changes);
    let (ending, chain) = once(&experiment, &plugins, Path::new("unwritten"), &mut |_| None).expect("a run");
    assert_eq!(ending.ended, Ended::StopHeight, "{changes:?}");
    Run { summary: Summary::new(&experiment, &chain, &ending), chain }
}

fn set(key: &str, value: impl std::fmt::Display) -> String {
    format!("{key}={value}")
}

/// Mean and standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// Heights in a batch: many times as many as any fork is deep.
const BATCH: usize = 200;

impl Run {
    /// Of each batch of heights, the share of the blocks that are stale.
    fn stale_shares(&self) -> Vec<f64> {
        let mut made = vec![0.0; self.summary.height as usize / BATCH];
        for block in self.chain.blocks.values() {
            if let Some(made) = made.get_mut((block.height as usize - 1) / BATCH) {
                *made += 1.0;
            }
        }
        made.into_iter().map(|made| 1.0 - BATCH as f64 / made).collect()
    }

    /// Of each batch of heights of the chain, the share of the blocks that a node made.
    fn revenues(&self, node: usize) -> Vec<f64> {
        let mut chain = self.chain.ancestry(self.summary.tip.expect("a tip"));
        chain.reverse();
        let own = |id: &Id| f64::from(u8::from(self.chain.blocks[id].producer == Some(node)));
        chain.chunks_exact(BATCH).map(|batch| batch.iter().map(own).sum::<f64>() / BATCH as f64).collect()
    }
}

/// Fails if `values` have another mean than `expected`, by more than three standard errors and the tolerance.
fn assert_mean(values: &[f64], expected: f64, tolerance: f64, what: &str) {
    let (found, error) = mean(values);
    assert!(
        (found - expected).abs() <= 3.0 * error + tolerance,
        "{what}: expected {expected}, found {found} +- {error}"
    );
}

const FORK_RATE: &str = include_str!("../../../../experiments/fork-rate.toml");

/// Decker and Wattenhofer 2013, Sompolinsky and Zohar 2015; 16 and 64 miners by a separate Monte Carlo computation of
/// two million blocks each, whose standard errors are below 0.0003.
#[test]
fn stale_rates_follow_the_delay() {
    let table = [
        (0.05, 0.0446, 0.0469),
        (0.1, 0.0853, 0.0895),
        (0.25, 0.1876, 0.1971),
        (0.5, 0.3120, 0.3280),
        (1.0, 0.4667, 0.4914),
    ];
    for (delays, sixteen, sixty_four) in table {
        let many: f64 = delays / (1.0 + delays);
        // Of 400 miners one in 400 stale blocks is missing: less than 0.0013.
        let cases = [(2, many / 2.0, 8_000), (16, sixteen, 8_000), (64, sixty_four, 4_000), (400, many, 2_000)];
        for (miners, expected, height) in cases {
            let interval = set("chain.block_interval", format!("{} ms", (1_000.0 / delays).round()));
            let run = run(FORK_RATE, &[interval, set("network.nodes", miners), set("experiment.stop_height", height)]);
            let what = format!("{miners} miners, lambda Delta {delays}");
            // A batch in which more is stale counts as much as others: a bias below 0.1 % at batches of this length.
            assert_mean(&run.stale_shares(), expected, 0.0015, &what);
        }
    }
}

const SELFISH: &str = include_str!("../../../../experiments/selfish-mining.toml");

/// Eyal and Sirer 2014, equation 8.
fn revenue(a: f64, gamma: f64) -> f64 {
    let gain = a * (1.0 - a).powi(2) * (4.0 * a + gamma * (1.0 - 2.0 * a)) - a.powi(3);
    gain / (1.0 - a * (1.0 + (2.0 - a) * a))
}

#[test]
fn selfish_mining_earns_what_the_paper_says() {
    // Miners, heights, gamma, and how the network makes it.
    let networks = [
        (10, 8_000, 0.0, set("chain.tie_break", "first_seen")),
        (10, 8_000, 0.5, set("chain.tie_break", "uniform")),
        (20, 5_000, 0.95, set("network.regions.attacker.latency", "[\"1 ms\", \"0 s\"]")),
    ];
    for (honest, height, gamma, network) in networks {
        for share in [0.2, 0.25, 1.0 / 3.0, 0.4, 0.45] {
            let hash_rate = (share / (1.0 - share) * 12_000.0 * f64::from(honest)).round();
            let run = run(
                SELFISH,
                &[
                    network.clone(),
                    set("network.nodes", honest),
                    set("nodes.attacker.hash_rate", format!("{hash_rate} H/s")),
                    set("experiment.stop_height", height),
                ],
            );
            let what = format!("a {share:.3}, gamma {gamma}");
            // Honest blocks take 30 ms of 600 s: they cross others in one race of 20,000.
            assert_mean(&run.revenues(0), revenue(share, gamma), 0.002, &what);
        }
    }
}

/// A block that the attacker keeps back counts from when it tells of it: no block takes longer than honest ones do.
#[test]
fn a_withheld_block_begins_its_way_when_it_is_published() {
    let third = set("nodes.attacker.hash_rate", "60 kH/s");
    let run = run(SELFISH, &[set("network.nodes", 10), third, set("experiment.stop_height", 300)]);
    let blocks: Vec<_> = run.chain.blocks.values().collect();
    assert!(blocks.iter().all(|block| block.kind == "work" && block.coin.is_empty()));
    let withheld = blocks.iter().filter(|block| block.published_us() != Some(block.first_seen_us()));
    let waited: Vec<u64> = withheld
        .map(|block| {
            assert_eq!(block.producer, Some(0));
            block.published_us().map_or(0, |published_us| published_us - block.first_seen_us())
        })
        .collect();
    assert!(waited.len() > 30, "{} blocks", waited.len());
    assert!(waited.iter().any(|waited_us| *waited_us > 60_000_000), "{waited:?}");
    let slowest = run.summary.mean_propagation_100_us.expect("blocks that all have");
    assert!(slowest < 1_000_000, "{slowest} us");
}

/// The same network without the attack.
#[test]
fn an_honest_miner_earns_its_share() {
    let changes = [set("nodes.attacker.agent", "none"), set("experiment.stop_height", 4_000)];
    let changes = [&changes[..], &[set("network.nodes", 20), set("nodes.attacker.hash_rate", "80 kH/s")]].concat();
    assert_mean(&run(SELFISH, &changes).revenues(0), 0.25, 0.0, "honest, a 0.25");
}

const RETARGET: &str = include_str!("../../../../experiments/retarget.toml");

/// Periods of 100 blocks show the same as Bitcoin's of 2,016, twenty times as large.
#[test]
fn the_mean_interval_after_retargets_shows_the_missing_one() {
    let period = 100.0;
    for (off_by_one, expected) in [(true, period / (period - 2.0)), (false, period / (period - 1.0))] {
        let run = run(
            RETARGET,
            &[
                set("consensus.pow.off_by_one", off_by_one),
                set("consensus.pow.retarget_interval", period),
                set("experiment.stop_height", 20_000),
            ],
        );
        let interval_us = run.summary.block_interval_us.expect("blocks") as f64;
        // A period takes as much too long as the one before it was too quick. What is left of 200 periods: the scatter of
        // the last one, 0.1 / 200, and second-order terms of 1.7 / 100 each, together 0.0013.
        let found = interval_us / 600e6;
        assert!((found - expected).abs() < 3.0 * 0.0013 + 0.0005, "expected {expected}, found {found}");
    }
}

const WEALTH: &str = include_str!("../../../../experiments/wealth.toml");

/// The expected sum of the squared shares of `holders` with equal stakes of together `start` rewards, after `blocks`
/// blocks whose producers are drawn from the stakes of two blocks before: a Polya urn with a delay. Second moments, block
/// by block: of the coins W after t blocks, and of these with the share v before the last one.
fn urn(holders: f64, start: f64, blocks: u64) -> f64 {
    let share = 1.0 / holders;
    let (mut square, mut with_last) = ((start * share).powi(2), start * share * share);
    let mut last_square = square;
    for t in 0..blocks {
        let total = start + t as f64;
        if t > 0 {
            // E[W_t v_(t-1)], of W_t = W_(t-1) + the reward drawn from v_(t-2).
            let drawn = if t == 1 { share * share } else { with_last / (total - 1.0) };
            with_last = last_square / (total - 1.0) + drawn;
        }
        last_square = square;
        square += 2.0 * with_last + share;
    }
    holders * square / (start + blocks as f64).powi(2)
}

#[test]
fn stake_concentrates_like_an_urn() {
    // Without the delay the closed form is 1/n + (1 - 1/n) T / ((a+1) (a+T)): 0.0980 against 0.0973.
    let expected = urn(20.0, 20.0, 400);
    let concentration = |seed: u64| {
        let run = run(
            WEALTH,
            &[
                set("experiment.seed", seed),
                set("experiment.stop_height", 400),
                set("network.nodes", 20),
                set("defaults.node.coins", "[1]"),
            ],
        );
        run.summary.concentration_ppm().expect("coins") as f64 / 1e6
    };
    let found: Vec<f64> = (0..30).map(concentration).collect();
    assert_mean(&found, expected, 0.0, "concentration");
}

/// Blocks come as often as the chain wants them, under every stock consensus.
#[test]
fn every_stock_consensus_keeps_the_block_interval() {
    let text = r#"
        [experiment]
        engine = "sim"
        stop_height = 2_000
        [chain]
        tick = "1 ms"
        block_interval = "10 s"
        proof = "sampled"
        [keys]
        plugin = "toy"
        [network]
        nodes = 5
        graph = { kind = "full" }
        link = { latency = "20 ms" }
        [defaults.node]
        coins = [20, 20, 20]
    "#;
    for consensus in ["pow", "pos", "hybrid"] {
        let run = run(text, &[set("consensus.plugin", consensus)]);
        let seconds = run.summary.block_interval_us.expect("blocks") as f64 / 1e6;
        assert!((9.5..10.5).contains(&seconds), "{consensus}: expected 10 s within 5 %, found {seconds} s");
    }
}
