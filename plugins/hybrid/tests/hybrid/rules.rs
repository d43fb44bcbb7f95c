//! The rules of `hybrid`, called one by one.

use fika_core::agent::{Duty, Effect, Sealed};
use fika_core::amount::Amount;
use fika_core::codec::{Decode, Encode};
use fika_core::consensus::{Consensus, LedgerOp};
use fika_core::env::{ChainParams, Env};
use fika_core::header::{Header, SECOND};
use fika_core::plugin::Plugin;
use fika_core::reject::{Reason, Reject};
use fika_core::target::{Target, Work};
use fika_core::testing::{self, Chain, Person};
use fika_core::view::ChainView;
use fika_hybrid::{Hybrid, HybridError, Params, STAKE, WORK};
use proptest::prelude::*;
use ruint::aliases::U256;

/// Ticks of a millisecond, blocks every 2 s.
fn env() -> Env {
    testing::env(ChainParams { tick_us: 1_000, block_interval_us: 2 * SECOND, ..ChainParams::default() })
}

/// A child of the tip.
fn next(chain: &Chain, version: u32, time: u32, bits: u32) -> Header {
    Header { version, bits, ..chain.next(time) }
}

/// Appends a block without checking it, and does what the rules say it does to the ledger.
fn push(chain: &mut Chain, rules: &Hybrid, header: Header, extra: &[u8]) -> Vec<LedgerOp> {
    let ops = chain.extend(rules, header, extra, &[]).unwrap();
    let mints: Vec<_> = ops.iter().filter(|op| !matches!(op, LedgerOp::Put(..))).collect();
    assert_eq!(mints, [&LedgerOp::MayMint(Amount::coins(50))]);
    ops
}

/// How many keys of the rules start with `prefix` at the tip.
fn count(chain: &Chain, prefix: &[u8]) -> usize {
    chain.scan(&chain.tip().id, prefix).unwrap().len()
}

/// The bits that the next stake block must carry.
fn stake_bits(rules: &Hybrid, chain: &Chain) -> u32 {
    rules.targets(&chain.tip().id, chain).unwrap().stake.bits()
}

/// Rules under which every coin of an age meets its kernel at once.
fn easy() -> Hybrid {
    Hybrid::new(Params { initial_stake_coins: 1, pos_interval_ms: 125, ..Params::default() }, &env()).unwrap()
}

/// A chain on which key pair 1 owns the coins `a` and `b` of 100,000 each, and what a stake block of `a` at `time` is.
fn staked(time: u32, rules: &Hybrid) -> (Chain, Person, Header, Vec<u8>) {
    let (mut chain, keys) = (Chain::new(0), Person::new(1));
    chain.give(keys.address(), b"a", Amount::coins(100_000));
    chain.give(keys.address(), b"b", Amount::coins(100_000));
    let bits = stake_bits(rules, &chain);
    let header = next(&chain, STAKE, time, bits);
    (chain, keys, header, [&Person::new(1).address().0[..], b"a"].concat())
}

fn check(rules: &Hybrid, chain: &Chain, header: Header, extra: &[u8]) -> Result<(), Reject> {
    rules.check(&chain.view(header, extra), &chain.tip(), chain)
}

#[test]
fn a_stake_block_needs_an_aged_coin_of_its_producer() {
    let rules = easy();
    let (chain, _, good, extra) = staked(20_000, &rules);
    assert_eq!(check(&rules, &chain, good, &extra), Ok(()));
    // One block interval of 2,000 ticks is the minimum age.
    let young = check(&rules, &chain, Header { time: 2_000, ..good }, &extra);
    assert_eq!(young, Err(HybridError::HighKernel { time: 2_000, age: 2_000 }.into()));
    let of = |who: u64, coin: &[u8]| [&Person::new(who).address().0[..], coin].concat();
    assert_eq!(check(&rules, &chain, good, &of(1, b"b")), Ok(()));
    for (who, coin) in [(1, b"c".as_slice()), (2, b"a"), (1, b"")] {
        let missing = HybridError::MissingCoin(Person::new(who).address());
        assert_eq!(check(&rules, &chain, good, &of(who, coin)), Err(missing.into()));
    }
    let breaks = |header: Header, extra: &[u8], rule: HybridError| {
        assert_eq!(check(&rules, &chain, header, extra), Err(rule.into()));
    };
    breaks(good, &extra[..19], HybridError::Extra { found: 19 });
    breaks(Header { time: 20_001, ..good }, &extra, HybridError::Step { step: 125, found: 20_001 });
    breaks(Header { nonce: 1, ..good }, &extra, HybridError::Nonce { found: 1 });
    let found = good.bits + 1;
    breaks(Header { bits: found, ..good }, &extra, HybridError::Bits { expected: good.bits, found });
    // A version that claims the other kind would escape the check of the work.
    let wrong = HybridError::Version { expected: STAKE, found: WORK };
    breaks(Header { version: WORK, ..good }, &extra, wrong);
    breaks(good, &[], HybridError::Version { expected: WORK, found: STAKE });
}

/// Coins are tried at every step of 125 ticks between the two ages.
#[test]
fn the_kernel_decides_in_proportion_to_amount_and_age() {
    // At the default target a coin of 300 meets its kernel once in 32 steps at middle age.
    let rules = Hybrid::new(Params { min_age_ms: 1_000, max_age_ms: 1_000_000, ..Params::default() }, &env()).unwrap();
    let mut chain = Chain::new(0);
    let sizes = [(b"s", 150), (b"m", 300), (b"l", 600)];
    let who = Person::new(1).address();
    sizes.iter().for_each(|(key, coins)| chain.give(who, *key, Amount::coins(*coins)));
    let bits = stake_bits(&rules, &chain);
    for (key, coins) in sizes {
        let extra = [&who.0[..], key].concat();
        let hit = |step: &u32| check(&rules, &chain, next(&chain, STAKE, step * 125, bits), &extra).is_ok();
        // From 1,000 to 1,000,000 ticks the mean weight is the middle one.
        let found = (8..8_000).filter(hit).count() as u64;
        let expected = 7_992 / 32 * coins / 300;
        assert!(
            found.abs_diff(expected) < expected / 3,
            "{coins} coins: expected about {expected} kernels, found {found}"
        );
    }
}

#[test]
fn making_a_block_uses_up_the_age_of_its_coin_only() {
    let rules = easy();
    let (mut chain, _, first, a) = staked(20_000, &rules);
    let b = [&a[..20], b"b"].concat();
    let ops = push(&mut chain, &rules, first, &a);
    assert!(ops.contains(&LedgerOp::Put(b"used/a".to_vec(), Some(20_000u32.to_bytes()))), "{ops:?}");
    let at = |chain: &Chain, time| next(chain, STAKE, time, stake_bits(&rules, chain));
    // Again at the next time, and until it is older than the minimum: refused. The other coin may.
    for time in [20_125, 21_000, 22_000] {
        let young = HybridError::HighKernel { time, age: time - 20_000 };
        assert_eq!(check(&rules, &chain, at(&chain, time), &a), Err(young.into()));
        assert_eq!(check(&rules, &chain, at(&chain, time), &b), Ok(()));
    }
    assert_eq!(check(&rules, &chain, at(&chain, 30_000), &a), Ok(()));
    // The record of a use is dropped once the coin is of full age without it.
    let header = at(&chain, 30_000);
    push(&mut chain, &rules, header, &b);
    assert_eq!(count(&chain, b"used/"), 2);
    let header = at(&chain, 40_000);
    let ops = push(&mut chain, &rules, header, &b);
    assert!(ops.contains(&LedgerOp::Put(b"used/a".to_vec(), None)), "{ops:?}");
    assert_eq!(count(&chain, b"used/"), 1);
    assert_eq!(check(&rules, &chain, at(&chain, 60_000), &a), Ok(()));
}

#[test]
fn the_seal_of_a_stake_block_is_its_producers_signature() {
    let rules = easy();
    let (chain, keys, header, extra) = staked(20_000, &rules);
    let mut agent = rules.agent(keys.address());
    let mut seal_of = |header: Header, extra: &[u8]| {
        let mut seal = Vec::new();
        let mut ctx = chain.ctx(0, &keys);
        (agent.seal(&chain.view(header, extra), &mut seal, &mut ctx), seal)
    };
    let (sealed, seal) = seal_of(header, &extra);
    assert_eq!(sealed, Sealed::Publish);
    let check = |header, extra: &[u8], seal: &[u8]| rules.check_seal(&chain.view(header, extra), seal, &chain);
    assert_eq!(check(header, &extra, &seal), Ok(()));
    let other = Person::new(2).address();
    let wrong = |producer, signer| Err(HybridError::SealSignature { producer, signer }.into());
    assert_eq!(check(header, &[&other.0[..], b"a"].concat(), &seal), wrong(other, Some(keys.address())));
    assert_eq!(check(Header { time: 20_125, ..header }, &extra, &seal), wrong(keys.address(), None));
    assert_eq!(check(header, &extra, &[]), wrong(keys.address(), None));
    assert_eq!(check(header, &[], &[]), Ok(()));
    assert_eq!(check(header, &[], &seal), Err(HybridError::WorkSeal { found: seal.len() }.into()));
    // Never two blocks at one time; work blocks carry no seal.
    assert_eq!(seal_of(Header { root: header.id(), ..header }, &extra), (Sealed::Drop, vec![]));
    assert_eq!(seal_of(Header { version: WORK, ..header }, &[]), (Sealed::Publish, vec![]));
}

#[test]
fn work_is_checked_on_work_blocks_alone() {
    let rules = Hybrid::new(Params { initial_tries: 300, ..Params::default() }, &env()).unwrap();
    let chain = Chain::new(0);
    let bits = Target::for_tries(300).to_bits();
    let mut header = next(&chain, WORK, 5, bits);
    assert!(rules.grind(&mut header, 1 << 20));
    assert_eq!(rules.check_work(&header), Ok(()));
    assert_eq!(check(&rules, &chain, header, &[]), Ok(()));
    header.nonce ^= 1;
    assert_eq!(rules.check_work(&header), Err(HybridError::HighHash { bits, id: header.id() }.into()));
    assert_eq!(rules.check_work(&Header { version: STAKE, ..header }), Ok(()));
    // Times lie above the median of the last eleven, and may lie before the parent's.
    let mut later = chain.clone();
    for time in [5, 5, 900] {
        let header = next(&later, WORK, time, bits);
        push(&mut later, &rules, header, &[]);
    }
    let bits = rules.targets(&later.tip().id, &later).unwrap().work.bits();
    let early = check(&rules, &later, next(&later, WORK, 5, bits), &[]);
    assert_eq!(early, Err(HybridError::TimeTooOld { median: 5, found: 5 }.into()));
    assert_eq!(check(&rules, &later, next(&later, WORK, 6, bits), &[]), Ok(()));
    // A fast clock's work block is accepted early, a stake block not before its time.
    let due = |version| rules.earliest(&next(&later, version, 100_000, bits));
    assert_eq!((due(WORK), due(STAKE)), (Some(76 * SECOND), None));
}

#[test]
fn each_kind_retargets_by_its_own_blocks() {
    let rules =
        Hybrid::new(Params { initial_tries: 1 << 30, pow_interval_ms: 600, ..Params::default() }, &env()).unwrap();
    let mut chain = Chain::new(0);
    let first = Target::for_tries(1 << 30);
    // n = 16 and T = 600, two intervals: e^(2/17) is 1.124847...
    let after = Target(first.0 / U256::from(1_000_000) * U256::from(1_124_847));
    let untouched = stake_bits(&rules, &chain);
    // The first block has no spacing: genesis may lie far back. The second took two intervals.
    for (time, bits) in [(9_000_000, first.to_bits()), (9_001_200, first.to_bits()), (9_001_201, after.to_bits())] {
        let header = next(&chain, WORK, time, bits);
        assert_eq!(check(&rules, &chain, header, &[]), Ok(()), "at {time}");
        push(&mut chain, &rules, header, &[]);
    }
    assert_eq!(stake_bits(&rules, &chain), untouched);
}

#[test]
fn both_kinds_weigh_alike_at_their_first_targets() {
    let rules = Hybrid::new(Params::default(), &env()).unwrap();
    let chain = Chain::new(0);
    let work = Target::for_tries(240_000);
    let stake = Target::from_bits(stake_bits(&rules, &chain)).unwrap();
    let weight = |version, target: Target| {
        rules.weight(&chain.view(next(&chain, version, 0, target.to_bits()), &[])).saturating_u128() as f64
            / f64::from(1 << 20)
    };
    let quarter = |target: Target| Target(target.0 >> 2usize);
    for (version, target) in [(WORK, work), (STAKE, stake)] {
        assert!((weight(version, target) - 1.0).abs() < 1e-4);
        assert!((weight(version, quarter(target)) - 4.0).abs() < 1e-3);
    }
    assert_eq!(rules.weight(&chain.tip()), Work::ZERO, "genesis has no bits");
    let heaviest = next(&chain, WORK, 0, Target(U256::from(1)).to_bits());
    assert!(rules.weight(&chain.view(heaviest, &[])) > Work::ZERO);
}

/// The producer grinds, and waits for the first step at which one of its coins may make a block.
#[test]
fn the_producer_finds_the_first_kernel_of_its_coins() {
    let rules = Hybrid::new(Params { initial_stake_coins: 100_000, ..Params::default() }, &env()).unwrap();
    let (chain, keys, stake, a) = staked(0, &rules);
    let b = [&a[..20], b"b"].concat();
    let mut agent = rules.agent(keys.address());
    let (mut now, mut found) = (0, None);
    // Where the search ends without one, a timer goes on.
    while found.is_none() {
        let mut ctx = chain.ctx(now, &keys);
        if now == 0 {
            agent.on_tip(&chain.tip(), &mut ctx)
        } else {
            agent.on_timer(now, &mut ctx)
        }
        let duties = ctx.duties.unwrap();
        assert!(matches!(&duties[0], Duty::Grind { draft, .. } if draft.version == WORK && draft.extra.is_empty()));
        found = duties.into_iter().nth(1);
        let [Effect::Timer(time, token)] = ctx.effects[..] else { panic!("expected a timer, found {:?}", ctx.effects) };
        assert!(time == token && time > now && now < 60 * SECOND);
        now = time;
    }
    let Some(Duty::Slot { draft, time, .. }) = found else { panic!("expected a slot, found {found:?}") };
    let at = |time: u32, extra: &[u8]| check(&rules, &chain, Header { time, ..stake }, extra);
    let tick = u32::try_from(time / 1_000).unwrap();
    assert_eq!((draft.version, at(tick, &draft.extra)), (STAKE, Ok(())));
    assert_eq!(now, time + 125_000, "the search goes on a step later");
    assert!((0..tick).step_by(125).all(|earlier| at(earlier, &a).is_err() && at(earlier, &b).is_err()));
    // Nobody can stake what he does not have.
    let poor = Person::new(7);
    let mut ctx = chain.ctx(0, &poor);
    rules.agent(poor.address()).on_tip(&chain.tip(), &mut ctx);
    assert_eq!((ctx.duties.map(|duties| duties.len()), ctx.effects), (Some(1), vec![]));
}

#[test]
fn parameters_that_cannot_be_name_their_key() {
    let bad = [
        ("initial_stake_coins", Params { initial_stake_coins: 0, ..Params::default() }),
        ("retarget_blocks", Params { retarget_blocks: 0, ..Params::default() }),
        ("max_age_ms", Params { min_age_ms: 50_000, ..Params::default() }),
        ("pos_interval_ms", Params { pos_interval_ms: u64::MAX, ..Params::default() }),
    ];
    for (key, params) in bad {
        assert!(Hybrid::new(params, &env()).is_err_and(|why| why.starts_with(key)), "{key}");
    }
    let mut seconds = env();
    seconds.chain.tick_us = SECOND;
    let half = Params { step_ms: 1_500, ..Params::default() };
    assert!(Hybrid::new(half, &seconds).is_err_and(|why| why.starts_with("step_ms") && why.contains("1500 ms")));
    assert!(Hybrid::new(Params::default(), &seconds).is_ok());
}

proptest! {
    #[test]
    fn no_block_makes_the_rules_panic(
        times in prop::collection::vec(any::<u32>(), 0..8), version in 0u32..4, bits: u32, time: u32, extra: Vec<u8>, seal: Vec<u8>,
        own: bool, amount: u64, now: u64, blocks in 1u32.., coins in 1u64.., tries in 1u64..,
    ) {
        let params = Params { retarget_blocks: blocks, initial_stake_coins: coins, initial_tries: tries, ..Params::default() };
        let rules = Hybrid::new(params, &env()).unwrap();
        let (mut chain, keys) = (Chain::new(times.first().copied().unwrap_or(0)), Person::new(1));
        chain.give(keys.address(), b"a", Amount(amount));
        let own_extra = [&keys.address().0[..], b"a"].concat();
        let extra = if own { own_extra } else { extra };
        if extra.is_empty() || extra.len() >= 20 {
            for time in &times {
                let header = next(&chain, version, *time, bits);
                push(&mut chain, &rules, header, &extra);
            }
        }
        let header = next(&chain, version, time, if own { stake_bits(&rules, &chain) } else { bits });
        let block = chain.view(header, &extra);
        let _ = rules.check(&block, &chain.tip(), &chain);
        let _ = rules.check_work(&header);
        let _ = rules.check_seal(&block, &seal, &chain);
        let _ = rules.weight(&block);
        let mut agent = rules.agent(keys.address());
        let mut ctx = chain.ctx(now, &keys);
        agent.on_tip(&chain.tip(), &mut ctx);
        prop_assert!(ctx.duties.is_some());
    }
}

#[test]
fn every_rule_crosses_the_border_by_its_name() {
    let who = Person::new(1).address();
    let table = [
        (HybridError::TimeTooOld { median: 2, found: 1 }, "time-too-old"),
        (HybridError::Extra { found: 1 }, "bad-extra"),
        (HybridError::Version { expected: WORK, found: 0 }, "bad-version"),
        (HybridError::Bits { expected: 1, found: 2 }, "bad-diffbits"),
        (HybridError::HighHash { bits: 1, id: Header::default().id() }, "high-hash"),
        (HybridError::Nonce { found: 1 }, "bad-nonce"),
        (HybridError::Step { step: 2, found: 1 }, "bad-time-step"),
        (HybridError::MissingCoin(who), "bad-stake-missingorspent"),
        (HybridError::HighKernel { time: 2, age: 1 }, "high-kernel"),
        (HybridError::WorkSeal { found: 1 }, "bad-seal"),
        (HybridError::SealSignature { producer: who, signer: None }, "bad-seal-signature"),
    ];
    for (error, code) in table {
        // A new rule does not compile here: give it a row above, too.
        match error {
            HybridError::TimeTooOld { .. } | HybridError::Extra { .. } | HybridError::Version { .. } => {}
            HybridError::Bits { .. } | HybridError::HighHash { .. } | HybridError::Nonce { .. } => {}
            HybridError::Step { .. } | HybridError::MissingCoin(_) | HybridError::HighKernel { .. } => {}
            HybridError::WorkSeal { .. } | HybridError::SealSignature { .. } => {}
        }
        let reason = Reason::from(error.clone());
        let crossed = Reason::from_bytes(&reason.to_bytes()).unwrap();
        assert_eq!((&*crossed.code, crossed.text), (code, error.to_string()));
    }
}
