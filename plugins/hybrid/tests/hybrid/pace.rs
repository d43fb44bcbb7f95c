//! Whole chains of both kinds of blocks: do they come at the wanted pace?

use crate::chain::{Chain, Keys};
use crate::network::{Miner, env, run};
use fika_core::amount::Amount;
use fika_core::plugin::Plugin;
use fika_hybrid::{Hybrid, Params};

/// Each of the key pairs 1 to 3 gets `coins` coins of 100.
fn chain_with(coins: u8) -> Chain {
    let mut chain = Chain::new(0);
    for owner in 1..=3 {
        (0..coins).for_each(|n| chain.give(Keys::new(owner).address(), &[owner, n], Amount::coins(100)));
    }
    chain
}

fn rules() -> Hybrid {
    Hybrid::new(Params::default(), &env()).unwrap()
}

#[test]
fn together_both_kinds_keep_the_block_interval() {
    let rules = rules();
    let mut chain = chain_with(1);
    let mut miners: Vec<_> = (1..=3).map(|n| Miner::new(&rules, n, 20_000)).collect();
    let (end, stakes) = run(&rules, &mut chain, &mut miners, 600);
    assert!((500..700).contains(&(end / 2_000_000)), "600 blocks took {} block intervals", end / 2_000_000);
    assert!((240..360).contains(&stakes), "{stakes} of 600 blocks by stake");
}

#[test]
fn the_first_blocks_come_at_once_with_defaults() {
    let rules = rules();
    let mut chain = chain_with(1);
    let mut miners: Vec<_> = (1..=3).map(|n| Miner::new(&rules, n, 20_000)).collect();
    let (end, _) = run(&rules, &mut chain, &mut miners, 8);
    assert!(end < 40_000_000, "8 blocks took {end} us");
}

#[test]
fn a_chain_lives_on_stake_alone_and_on_work_alone() {
    let rules = rules();
    let mut stakers: Vec<_> = (1..=3).map(|n| Miner::new(&rules, n, 0)).collect();
    let (end, stakes) = run(&rules, &mut chain_with(2), &mut stakers, 300);
    assert_eq!(stakes, 300);
    assert!((250..350).contains(&(end / 4_000_000)), "300 stake blocks took {} intervals", end / 4_000_000);
    let mut workers: Vec<_> = (4..=6).map(|n| Miner::new(&rules, n, 50_000)).collect();
    let (end, stakes) = run(&rules, &mut chain_with(2), &mut workers, 300);
    assert_eq!(stakes, 0);
    assert!((250..350).contains(&(end / 4_000_000)), "300 work blocks took {} intervals", end / 4_000_000);
}
