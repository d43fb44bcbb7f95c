//! Five nodes that mine under `pow` in virtual time.

#[allow(clippy::disallowed_methods, reason = "virtual networks of tests run on one machine")]
#[path = "../../../fika-core/tests/lockstep/mod.rs"]
mod lockstep;

use fika_core::env::Env;
use fika_core::header::SECOND;
use fika_core::plugin::Plugin;
use fika_pow::{Params, Pow, Retarget};
use lockstep::{Lockstep, Setup};

/// Five nodes find a block every ten seconds when it costs this many tries.
const TRIES: u64 = 50_000_000;

fn pow(env: &Env, initial_tries: u64, retarget: Retarget) -> Pow {
    let params = Params { initial_tries, retarget, retarget_interval: 40, half_life_blocks: 8, ..Params::default() };
    Pow::new(params, env).unwrap()
}

fn run(setup: Setup, seconds: u64) -> Lockstep {
    let mut net = setup.start();
    for n in 0..5 {
        net.run((10 + u64::from(n)) * SECOND);
        net.pay(n, (n + 1) % 5, 3);
    }
    net.run(seconds * SECOND);
    net.assert_healthy();
    let lowest = (0..5).map(|node| net.height(node)).min().unwrap();
    assert!(net.height(0) <= lowest + 2, "heights {} and {lowest}", net.height(0));
    net
}

#[test]
fn miners_agree_in_one_world_and_in_many() {
    let setup = || Setup::new(|env| Box::new(pow(env, TRIES, Retarget::Bitcoin)));
    let shared = run(setup(), 1_000);
    let private = run(Setup { private: true, ..setup() }, 1_000);
    assert_eq!(shared.trace, private.trace);
    assert!((60..150).contains(&shared.height(0)), "height {}", shared.height(0));
}

#[test]
fn both_retargets_find_the_interval_from_a_wrong_start() {
    let ten_times_too_easy = [
        Setup::new(|env| Box::new(pow(env, TRIES / 10, Retarget::Bitcoin))),
        Setup::new(|env| Box::new(pow(env, TRIES / 10, Retarget::PerBlock))),
    ];
    for setup in ten_times_too_easy {
        let mut net = run(setup, 2_000);
        let settled = net.height(0);
        net.run(6_000 * SECOND);
        let grown = net.height(0) - settled;
        assert!((300..500).contains(&grown), "{grown} blocks in 4,000 s");
    }
}
