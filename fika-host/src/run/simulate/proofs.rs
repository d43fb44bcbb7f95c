//! Shortcuts of the simulator against the long way: drawn work against real work, and searches that share a hash rate.

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx};
use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::header::{Header, Time};
use fika_core::plugin::Plugin;
use fika_core::plugin::export::compiled;
use fika_core::reject::Reject;
use fika_core::view::{BlockView, ChainView};
use fika_pow::Pow;

use super::*;

/// Six miners that meet in forks, and payments.
const PAYING: &str = r#"
[experiment]
engine = "sim"
stop_time = "100 s"
[chain]
tick = "1 ms"
block_interval = "400 ms"
[consensus.pow]
retarget = "none"
[keys]
plugin = "toy"
[network]
nodes = 6
graph = { kind = "ring" }
link = { latency = "40 ms" }
[defaults.node]
hash_rate = "1 kH/s"
coins = [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
[[load]]
at = "3 s"
rate = "4 /s"
count = 300
amount = "0.1..1"
fee = 0.01
"#;

/// Payment latency and block interval in microseconds, and the stale rate in millionths.
fn figures(changes: &[String]) -> [f64; 3] {
    let (experiment, plugins) = tests::read(PAYING, changes);
    let (ending, chain) = once(&experiment, &plugins, Path::new("unwritten"), &mut |_| None).expect("a run");
    let summary = Summary::new(&experiment, &chain, &ending);
    let given = |figure: Option<u64>| figure.expect("a figure") as f64;
    [given(summary.payments.latency_us), given(summary.block_interval_us), summary.stale_rate_ppm as f64]
}

#[test]
fn drawn_work_gives_the_figures_of_real_work() {
    const SEEDS: usize = 6;
    for consensus in ["pow", "pos", "hybrid"] {
        let of = |proof: &str| -> Vec<[f64; 3]> {
            let changes = |seed| {
                let keys = [("consensus.plugin", consensus), ("chain.proof", proof)];
                let keys = keys.map(|(key, value)| format!("{key}={value}")).to_vec();
                [keys, vec![format!("experiment.seed={seed}")]].concat()
            };
            (0..SEEDS).map(|seed| figures(&changes(seed))).collect()
        };
        let (real, sampled) = (of("real"), of("sampled"));
        for (figure, name) in ["payment latency", "block interval", "stale rate"].into_iter().enumerate() {
            let mean = |runs: &[[f64; 3]]| runs.iter().map(|run| run[figure]).sum::<f64>() / SEEDS as f64;
            let squares = |runs: &[[f64; 3]]| {
                let mean = mean(runs);
                runs.iter().map(|run| (run[figure] - mean).powi(2)).sum::<f64>() / (SEEDS * (SEEDS - 1)) as f64
            };
            let (off, error) = ((mean(&real) - mean(&sampled)).abs(), (squares(&real) + squares(&sampled)).sqrt());
            assert!(
                off <= 3.5 * error,
                "{consensus}, {name}: {} real, {} sampled, {error} is the standard error",
                mean(&real),
                mean(&sampled)
            );
        }
    }
}

/// `pow`, each of whose miners searches twice for the same.
struct Twice(Pow);

impl Plugin for Twice {
    const NAME: &'static str = "twice";
    const ABOUT: &'static str = "pow with two searches";
    const PARAMS: &'static [(&'static str, &'static str)] = Pow::PARAMS;
    type Params = fika_pow::Params;

    fn new(params: fika_pow::Params, env: &Env) -> Result<Self, String> {
        Pow::new(params, env).map(Twice)
    }
}

impl Consensus for Twice {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.0.check(block, parent, past)
    }

    fn check_work(&self, header: &Header) -> Result<(), Reject> {
        self.0.check_work(header)
    }

    fn earliest(&self, header: &Header) -> Option<Time> {
        self.0.earliest(header)
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Box::new(Searches(self.0.agent(me)))
    }
}

struct Searches(Box<dyn Agent>);

impl Agent for Searches {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.0)
    }

    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.0.on_tip(tip, ctx);
        if let Some(duties) = &mut ctx.duties {
            duties.extend(duties.clone());
        }
    }
}

#[test]
fn two_searches_of_a_node_share_its_hash_rate() {
    let registry = Registry::stock().with(compiled::consensus::<Twice>());
    for proof in ["real", "sampled"] {
        let text = format!(
            "[experiment]\nengine = 'sim'\nstop_height = 600\n[chain]\ntick = '1 ms'\nblock_interval = '1 s'\n\
             proof = '{proof}'\n[consensus]\nplugin = 'twice'\n[consensus.twice]\nretarget = 'none'\n\
             [network]\nnodes = 1\n[defaults.node]\nhash_rate = '2 kH/s'\n"
        );
        let experiment = Experiment::parse("test.toml", &text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        let plugins = ResolvedPlugins::new(&experiment, &registry).expect("plugins");
        let (ending, chain) = once(&experiment, &plugins, Path::new("unwritten"), &mut |_| None).expect("a run");
        let interval = Summary::new(&experiment, &chain, &ending).block_interval_us.expect("blocks");
        // Three standard errors of 600 exponential intervals are 12 %.
        assert!((880_000..1_120_000).contains(&interval), "{proof}: expected 1 s, found {interval} us");
    }
}

/// A hash rate times an interval is beyond 64 bits from 31 PH/s on. No coin is ever old enough for a stake block.
#[test]
fn the_network_of_today_keeps_its_interval() {
    for consensus in ["pow", "hybrid"] {
        let text = format!(
            "[experiment]\nengine = 'sim'\nstop_height = 200\n[chain]\nblock_interval = '600 s'\nproof = 'sampled'\n\
             [consensus]\nplugin = '{consensus}'\n[consensus.pow]\nretarget = 'none'\n[consensus.hybrid]\n\
             pow_interval_ms = 600000\nmin_age_ms = 1000000000000\nmax_age_ms = 2000000000000\n[network]\nnodes = 1\n[defaults.node]\nhash_rate = '700 EH/s'\n"
        );
        let (experiment, plugins) = tests::read(&text, &[] as &[String]);
        let (ending, chain) = once(&experiment, &plugins, Path::new("unwritten"), &mut |_| None).expect("a run");
        let interval = Summary::new(&experiment, &chain, &ending).block_interval_us.expect("blocks");
        assert!((470_000_000..730_000_000).contains(&interval), "{consensus}: expected 600 s, found {interval} us");
    }
}
