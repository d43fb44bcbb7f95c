//! The rules of `pow`, called one by one.

use fika_core::agent::Duty;
use fika_core::consensus::Consensus;
use fika_core::env::ChainParams;
use fika_core::header::{Header, SECOND};
use fika_core::plugin::Plugin;
use fika_core::reject::Rule;
use fika_core::target::{Target, Work};
use fika_core::testing::{Chain, Person, env, refused};
use fika_pow::{Params, Pow, PowError, Retarget};
use proptest::prelude::*;

fn pow(params: Params) -> Pow {
    Pow::new(params, &env(ChainParams::default())).unwrap()
}

/// A child of the tip.
fn next(chain: &Chain, time: u32, bits: u32) -> Header {
    Header { bits, ..chain.next(time) }
}

fn push(chain: &mut Chain, time: u32, bits: u32) {
    chain.push(next(chain, time, bits), &[]);
}

/// A chain that took `took` ticks from block `2016 n - 2017` to its tip at height `2016 n - 1`, in which only the
/// gap before the window is unusual.
fn windows(windows: u64, first_gap: u32, gap: u32, bits: u32) -> Chain {
    let mut chain = Chain::new(0);
    let mut time = 0;
    for height in 1..2016 * windows {
        time += if height == 2016 * (windows - 1) { first_gap } else { gap };
        push(&mut chain, time, bits);
    }
    chain
}

#[test]
fn the_first_blocks_cost_the_initial_tries() {
    let pow = pow(Params { initial_tries: 40_000, ..Params::default() });
    let mut chain = Chain::new(1_000);
    let bits = pow.expected_bits(&chain.tip(), &chain).unwrap();
    assert_eq!(bits, Target::for_tries(40_000).to_bits());
    push(&mut chain, 999_999, bits);
    assert_eq!(pow.expected_bits(&chain.tip(), &chain).unwrap(), bits);
}

/// The window in which Bitcoin's target changed for the first time, at block 32,256: the first block of the window
/// has time 1261130161 and the last 1262152739.
#[test]
fn block_32256_of_bitcoin_gets_its_bits() {
    let params = Params { initial_tries: 1 << 32, min_tries: 1 << 32, ..Params::default() };
    let mut chain = Chain::new(1_261_130_161);
    (1..2015).for_each(|n| push(&mut chain, 1_261_130_161 + 500 * n, 0x1d00_ffff));
    let pow = pow(params);
    assert_eq!(pow.expected_bits(&chain.tip(), &chain).unwrap(), 0x1d00_ffff, "not at a boundary");
    push(&mut chain, 1_262_152_739, 0x1d00_ffff);
    assert_eq!(pow.expected_bits(&chain.tip(), &chain).unwrap(), 0x1d00_d86a);
}

#[test]
fn off_by_one_ignores_the_gap_before_the_window() {
    let start = Target::for_tries(1 << 40).to_bits();
    let expected = |off_by_one, chain: &Chain| {
        let params = Params { off_by_one, ..Params::default() };
        Target::from_bits(pow(params).expected_bits(&chain.tip(), chain).unwrap()).unwrap()
    };
    let (punctual, late) = (windows(2, 600, 600, start), windows(2, 600 + 2016 * 600, 600, start));
    // Bitcoin takes 2015 gaps for 2016, whatever happened before them.
    assert_eq!(expected(true, &late), expected(true, &punctual));
    let before = Target::from_bits(start).unwrap();
    let off = fika_pow::rescale(before, 2015, 2016, Target::for_tries(1));
    assert_eq!(expected(true, &punctual).to_bits(), off.to_bits());
    // Without the slip the interval is right, and the gap counts.
    assert_eq!(expected(false, &punctual).to_bits(), start);
    assert_eq!(expected(false, &late).to_bits(), fika_pow::rescale(before, 2, 1, Target::for_tries(1)).to_bits());
    // The first window has no block before it.
    assert_eq!(expected(false, &windows(1, 0, 600, start)).to_bits(), start);
}

#[test]
fn a_target_changes_at_most_fourfold() {
    let start = Target::for_tries(1 << 40);
    let bits = start.to_bits();
    let pow = pow(Params::default());
    for (gap, took, wanted) in [(1, 1, 4), (60_000, 4, 1)] {
        let chain = windows(1, 0, gap, bits);
        let expected = fika_pow::rescale(Target::from_bits(bits).unwrap(), took, wanted, Target::for_tries(1));
        assert_eq!(pow.expected_bits(&chain.tip(), &chain).unwrap(), expected.to_bits());
    }
}

#[test]
fn per_block_counts_from_block_one() {
    let params =
        Params { retarget: Retarget::PerBlock, half_life_blocks: 2, initial_tries: 1 << 40, ..Params::default() };
    let pow = pow(params);
    let start = Target::for_tries(1 << 40);
    let mut chain = Chain::new(0);
    // Half a year after genesis: does not matter.
    push(&mut chain, 15_000_000, start.to_bits());
    assert_eq!(pow.expected_bits(&chain.tip(), &chain).unwrap(), start.to_bits());
    push(&mut chain, 15_000_600, start.to_bits());
    assert_eq!(pow.expected_bits(&chain.tip(), &chain).unwrap(), start.to_bits());
    // Two intervals late: twice as easy.
    push(&mut chain, 15_002_400, start.to_bits());
    assert_eq!(pow.expected_bits(&chain.tip(), &chain).unwrap(), Target::for_tries(1 << 39).to_bits());
}

#[test]
fn time_must_exceed_the_median_of_eleven() {
    let pow = pow(Params { retarget: Retarget::None, ..Params::default() });
    let mut chain = Chain::new(0);
    let bits = pow.expected_bits(&chain.tip(), &chain).unwrap();
    let check = |chain: &Chain, time| pow.check(&chain.view(next(chain, time, bits), &[]), &chain.tip(), chain);
    assert_eq!(check(&chain, 0), Err(PowError::TimeTooOld { median: 0, found: 0 }.into()));
    assert_eq!(check(&chain, 1), Ok(()));
    for time in [50, 10, 20, 30, 40, 60, 70, 80, 90, 100, 5, 7] {
        push(&mut chain, time, bits);
    }
    // The last eleven, sorted: 5 7 10 20 30 40 60 70 80 90 100.
    assert_eq!(check(&chain, 40), Err(PowError::TimeTooOld { median: 40, found: 40 }.into()));
    assert_eq!(check(&chain, 41), Ok(()));
}

#[test]
fn wrong_bits_an_extra_and_a_seal_are_refused() {
    let pow = pow(Params::default());
    let chain = Chain::new(0);
    let bits = pow.expected_bits(&chain.tip(), &chain).unwrap();
    let good = next(&chain, 1, bits);
    assert_eq!(pow.check(&chain.view(good, &[]), &chain.tip(), &chain), Ok(()));
    let extra = pow.check(&chain.view(good, &[7]), &chain.tip(), &chain);
    assert_eq!(extra, Err(PowError::Extra { found: 1 }.into()));
    refused(pow.check_seal(&chain.view(good, &[]), &[7], &chain), "bad-seal");
    for wrong in [0, bits + 1, u32::MAX] {
        let block = Header { bits: wrong, ..good };
        let found = pow.check(&chain.view(block, &[]), &chain.tip(), &chain);
        assert_eq!(found, Err(PowError::Bits { expected: bits, found: wrong }.into()));
    }
}

#[test]
fn rules_have_bitcoins_names() {
    let found = [
        PowError::Bits { expected: 1, found: 2 },
        PowError::TimeTooOld { median: 1, found: 1 },
        PowError::HighHash { bits: 1, id: Header::default().id() },
    ];
    assert_eq!(found.map(|rule| rule.code()), ["bad-diffbits", "time-too-old", "high-hash"]);
}

#[test]
fn what_the_miner_grinds_is_work() {
    let pow = pow(Params { initial_tries: 500, ..Params::default() });
    let chain = Chain::new(0);
    let miner = Person::new(1);
    let mut ctx = chain.ctx(5 * SECOND, &miner);
    pow.agent(miner.address()).on_tip(&chain.tip(), &mut ctx);
    let duties = ctx.duties.unwrap();
    let [Duty::Grind { draft, expected_tries, .. }] = &duties[..] else {
        panic!("expected one grind, found {duties:?}")
    };
    assert!((499..=501).contains(expected_tries), "{expected_tries}");
    assert_eq!((draft.parent, draft.extra.len()), (chain.tip().id, 0));
    let mut header = next(&chain, 5, draft.bits);
    assert!(pow.grind(&mut header, 1 << 20));
    assert_eq!(pow.check_work(&header), Ok(()));
    assert_eq!(pow.check(&chain.view(header, &[]), &chain.tip(), &chain), Ok(()));
    assert_eq!(pow.weight(&chain.view(header, &[])).saturating_u128(), *expected_tries);
    header.nonce ^= 1;
    let high = PowError::HighHash { bits: header.bits, id: header.id() };
    assert_eq!(pow.check_work(&header), Err(high.into()));
    assert_eq!(pow.weight(&chain.tip()), Work::ZERO);
}

#[test]
fn a_block_is_accepted_two_hours_early() {
    let pow = pow(Params::default());
    let header = Header { time: 10_000, ..Header::default() };
    assert_eq!(pow.earliest(&header), Some(2_800 * SECOND));
    assert_eq!(pow.earliest(&Header::default()), Some(0));
}

#[test]
fn parameters_that_cannot_be_name_their_key() {
    let env = env(ChainParams::default());
    let bad = [
        ("min_tries", Params { min_tries: 0, ..Params::default() }),
        ("initial_tries", Params { initial_tries: 5, min_tries: 6, ..Params::default() }),
        ("retarget_interval", Params { retarget_interval: 1, ..Params::default() }),
        ("max_change", Params { max_change: 0, ..Params::default() }),
        ("half_life_blocks", Params { half_life_blocks: 0, ..Params::default() }),
    ];
    for (key, params) in bad {
        assert!(Pow::new(params, &env).is_err_and(|why| why.starts_with(key)), "{key}");
    }
}

proptest! {
    #[test]
    fn no_block_makes_the_rules_panic(
        times in prop::collection::vec(any::<u32>(), 1..40),
        bits: u32, time: u32, nonce: u32, extra: Vec<u8>, seal: Vec<u8>, interval in 2u64..40, off_by_one: bool, per_block: bool,
    ) {
        let retarget = if per_block { Retarget::PerBlock } else { Retarget::Bitcoin };
        let params = Params { retarget, retarget_interval: interval, off_by_one, max_future_ms: u64::MAX, ..Params::default() };
        let pow = pow(params);
        let mut chain = Chain::new(times[0]);
        times.iter().for_each(|time| push(&mut chain, *time, bits));
        let header = Header { nonce, ..next(&chain, time, bits) };
        let block = chain.view(header, &extra);
        let _ = pow.check(&block, &chain.tip(), &chain);
        let _ = pow.check_work(&header);
        let _ = pow.check_seal(&block, &seal, &chain);
        let _ = (pow.weight(&block), pow.earliest(&header));
        prop_assert!(Target::from_bits(pow.expected_bits(&chain.tip(), &chain).unwrap()).is_some()
            || !per_block && Target::from_bits(bits).is_none());
    }
}
