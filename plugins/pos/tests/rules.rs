//! The rules of `pos` and its producer, called one by one.

use std::collections::BTreeMap;

use fika_core::address::Address;
use fika_core::agent::{Agent, Duty, Effect, Sealed};
use fika_core::amount::Amount;
use fika_core::codec::{Decode, Encode};
use fika_core::consensus::Consensus;
use fika_core::env::{ChainParams, Env};
use fika_core::header::{Header, SECOND, Time};
use fika_core::plugin::Plugin;
use fika_core::reject::Reason;
use fika_core::testing::{self, Chain, Person};
use fika_pos::{Params, Pos, PosError};
use proptest::prelude::*;

const GENESIS: u32 = 1_000;

/// Slots of 2 ticks of a second, from tick 1,000 on.
fn env() -> Env {
    testing::env(ChainParams { block_interval_us: 2 * SECOND, genesis_time: GENESIS, ..ChainParams::default() })
}

fn pos(epoch_slots: u64) -> Pos {
    Pos::new(Params { epoch_slots, ..Params::default() }, &env()).unwrap()
}

fn start(slot: u64) -> u32 {
    GENESIS + 2 * slot as u32
}

fn founders() -> Vec<(Address, Amount)> {
    [(1, 10), (2, 30), (3, 60)].map(|(n, coins)| (Person::new(n).address(), Amount::coins(coins))).to_vec()
}

/// A genesis block at which these have these coins.
fn founded(stakes: &[(Address, Amount)]) -> Chain {
    let mut chain = Chain::new(GENESIS);
    stakes.iter().for_each(|(who, amount)| chain.give(*who, b"coin", *amount));
    chain
}

/// A chain with a block by the right leader in every slot up to `slots`.
fn full(pos: &Pos, slots: u64) -> Chain {
    let mut chain = founded(&founders());
    for slot in 1..=slots {
        let leader = pos.leader(start(slot), &chain.tip(), &chain).unwrap().unwrap();
        chain.push(chain.next(start(slot)), &leader.0);
    }
    chain
}

/// The effects and the times of the duties after a call of the agent.
fn act(
    agent: &mut dyn Agent,
    keys: &Person,
    chain: &Chain,
    now: Time,
    token: Option<u64>,
) -> (Vec<Effect>, Option<Vec<Time>>) {
    let mut ctx = chain.ctx(now, keys);
    match token {
        Some(token) => agent.on_timer(token, &mut ctx),
        None => agent.on_tip(&chain.tip(), &mut ctx),
    }
    let time = |duty| match duty {
        Duty::Slot { draft, time, .. } => {
            assert_eq!((draft.parent, draft.bits, &draft.extra[..]), (chain.tip().id, 0, &keys.address().0[..]));
            time
        }
        _ => panic!("expected slots, found {duty:?}"),
    };
    (ctx.effects, ctx.duties.map(|duties| duties.into_iter().map(time).collect()))
}

#[test]
fn leaders_are_drawn_in_proportion_to_their_stakes() {
    let pos = pos(50);
    let chain = full(&pos, 3_000);
    let mut blocks = BTreeMap::new();
    for height in 1..=3_000 {
        let extra = chain.ancestor(&chain.tip().id, height).unwrap().extra.to_vec();
        *blocks.entry(extra).or_insert(0) += 1;
    }
    for (who, amount) in founders() {
        let (expected, found) = (30 * amount.0 as i64 / Amount::coins(1).0 as i64, blocks[&who.0.to_vec()]);
        // Five standard deviations of 3,000 draws are at most 137.
        assert!((expected - found).abs() < 137, "expected about {expected} blocks by {who}, found {found}");
    }
}

#[test]
fn an_epoch_is_drawn_from_the_stakes_before_the_previous_one() {
    let pos = pos(10);
    let (seller, buyer) = (Person::new(1), Person::new(2));
    let mut chain = founded(&[(seller.address(), Amount::coins(1))]);
    let leader = |chain: &Chain, slot| pos.leader(start(slot), &chain.tip(), chain).unwrap().unwrap();
    for slot in 1..60 {
        // The stake changes hands in slot 15, in epoch 1: it counts from epoch 3 on.
        let expected = if slot < 30 { seller.address() } else { buyer.address() };
        assert_eq!(leader(&chain, slot), expected, "slot {slot}");
        chain.push(chain.next(start(slot)), &expected.0);
        if slot == 15 {
            chain.spend(&seller, b"coin");
            chain.give(&buyer, b"coin", Amount::coins(1));
        }
    }
}

#[test]
fn forks_that_share_the_boundary_share_the_leaders() {
    let pos = pos(10);
    let trunk = full(&pos, 19);
    let (mut left, mut right) = (trunk.clone(), trunk.clone());
    left.push(left.next(start(20)), b"left");
    right.push(right.next(start(22)), b"right");
    right.push(right.next(start(23)), b"right");
    let leaders = |chain: &Chain, slots: std::ops::Range<u64>| -> Vec<_> {
        slots.map(|slot| pos.leader(start(slot), &chain.tip(), chain).unwrap()).collect()
    };
    // Epochs 2 and 3 are drawn from epochs 0 and 1, epoch 4 from where they differ.
    assert_eq!(leaders(&left, 24..40), leaders(&right, 24..40));
    assert_ne!(leaders(&left, 40..50), leaders(&right, 40..50));
    // Another instance, asked in another order, agrees.
    let other = self::pos(10);
    let backwards: Vec<_> = (24..50).rev().map(|slot| other.leader(start(slot), &left.tip(), &left).unwrap()).collect();
    assert_eq!(leaders(&left, 24..50), backwards.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn only_the_leader_of_a_later_slot_may_produce() {
    let pos = pos(32);
    let mut chain = full(&pos, 5);
    let leader = pos.leader(start(6), &chain.tip(), &chain).unwrap().unwrap();
    let check =
        |chain: &Chain, header: Header, extra: &[u8]| pos.check(&chain.view(header, extra), &chain.tip(), chain);
    let not_yours = |found: &[u8]| Err(PosError::NotYourSlot { slot: 6, leader, found: found.to_vec() }.into());
    let good = chain.next(start(6));
    assert_eq!(check(&chain, good, &leader.0), Ok(()));
    for (who, _) in founders().iter().filter(|(who, _)| *who != leader) {
        assert_eq!(check(&chain, good, &who.0), not_yours(&who.0));
    }
    assert_eq!(check(&chain, good, &[]), not_yours(&[]));
    for time in [start(6) + 1, 0, GENESIS - 2] {
        let found = check(&chain, Header { time, ..good }, &leader.0);
        assert_eq!(found, Err(PosError::NoSlot { found: time }.into()));
    }
    for slot in [0, 4, 5] {
        let found = check(&chain, chain.next(start(slot)), &leader.0);
        assert_eq!(found, Err(PosError::SlotTooOld { last: 5, found: slot }.into()));
    }
    for header in [Header { bits: 1, ..good }, Header { nonce: 1, ..good }] {
        let work = PosError::Work { bits: header.bits, nonce: header.nonce };
        assert_eq!(check(&chain, header, &leader.0), Err(work.into()));
    }
    chain.push(good, &leader.0);
    let twice = check(&chain, chain.next(start(6)), &leader.0);
    assert_eq!(twice, Err(PosError::SlotTooOld { last: 6, found: 6 }.into()), "a slot used twice");
}

#[test]
fn the_seal_is_the_producers_signature_over_this_block() {
    let (pos, chain, keys) = (pos(32), founded(&founders()), Person::new(1));
    let mut agent = pos.agent(keys.address());
    let mut seal_of = |header: Header| {
        let (mut seal, extra) = (Vec::new(), keys.address().0);
        let mut ctx = chain.ctx(0, &keys);
        let sealed = agent.seal(&chain.view(header, &extra), &mut seal, &mut ctx);
        (sealed, seal)
    };
    let header = chain.next(start(1));
    let (sealed, seal) = seal_of(header);
    assert_eq!(sealed, Sealed::Publish);
    let mine = keys.address().0;
    assert_eq!(pos.check_seal(&chain.view(header, &mine), &seal, &chain), Ok(()));
    let others = Person::new(2).address().0;
    let wrong = |signer| Err(PosError::SealSignature { signer }.into());
    assert_eq!(pos.check_seal(&chain.view(header, &others), &seal, &chain), wrong(Some(keys.address())));
    let another = Header { version: 2, ..header };
    assert_eq!(pos.check_seal(&chain.view(another, &mine), &seal, &chain), wrong(None));
    assert_eq!(pos.check_seal(&chain.view(header, &mine), &[], &chain), wrong(None));
    // A second block for the same slot is never signed.
    assert_eq!(seal_of(another), (Sealed::Drop, Vec::new()));
    assert_eq!(seal_of(chain.next(start(2))).0, Sealed::Publish);
}

#[test]
fn the_producer_plans_exactly_its_own_slots() {
    let (pos, keys) = (pos(8), Person::new(3));
    let chain = full(&pos, 5);
    let mut agent = pos.agent(keys.address());
    let now = u64::from(start(5)) * SECOND + 1;
    let (effects, duties) = act(&mut *agent, &keys, &chain, now, None);
    let own = |slots: std::ops::Range<u64>| -> Vec<Time> {
        let is_own = |slot: &u64| pos.leader(start(*slot), &chain.tip(), &chain).unwrap() == Some(keys.address());
        slots.filter(is_own).map(|slot| u64::from(start(slot)) * SECOND).collect()
    };
    assert_eq!(duties.unwrap(), own(6..16));
    let wake = u64::from(start(16)) * SECOND;
    assert_eq!(effects, [Effect::Timer(wake, wake)]);
    // A second look at the same plan sets no second timer.
    assert_eq!(act(&mut *agent, &keys, &chain, now + 1, None).0, []);
    // No block has come since: the timer plans on from the same tip, the slot that begins right now included.
    let (effects, duties) = act(&mut *agent, &keys, &chain, wake, Some(wake));
    assert_eq!(duties.unwrap(), own(16..32));
    let later = u64::from(start(32)) * SECOND;
    assert_eq!(effects, [Effect::Timer(later, later)]);
    assert_eq!(act(&mut *agent, &keys, &chain, later, Some(wake)), (vec![], None), "a timer that is over");
}

#[test]
fn a_late_look_still_serves_the_running_slot_but_none_that_was_signed_for() {
    let (pos, keys) = (pos(8), Person::new(3));
    let chain = full(&pos, 5);
    let own = (6..24).find(|slot| pos.leader(start(*slot), &chain.tip(), &chain).unwrap() == Some(keys.address()));
    let begin = u64::from(start(own.unwrap())) * SECOND;
    let first = |agent: &mut dyn Agent, now| act(agent, &keys, &chain, now, None).1.unwrap().first().copied();
    let mut running = pos.agent(keys.address());
    first(&mut *running, begin - SECOND);
    assert_eq!(first(&mut *running, begin + SECOND), Some(begin));
    assert!(first(&mut *running, begin + 2 * SECOND).is_none_or(|next| next > begin));
    // What was signed before a restart is kept.
    let mut restarted = pos.agent(keys.address());
    assert_eq!(first(&mut *restarted, begin + SECOND), Some(begin), "nothing was signed for it");
    let mut restarted = pos.agent(keys.address());
    restarted.restore(&[(b"signed".to_vec(), (own.unwrap() + 1).to_le_bytes().to_vec())]);
    assert!(first(&mut *restarted, begin + SECOND).is_none_or(|next| next > begin));
}

#[test]
fn who_has_no_stake_has_no_slots_and_no_stakes_mean_no_leader() {
    let pos = pos(8);
    let nobody = Person::new(9);
    let chain = founded(&founders());
    let mut agent = pos.agent(nobody.address());
    let (effects, duties) = act(&mut *agent, &nobody, &chain, u64::from(GENESIS) * SECOND, None);
    assert_eq!((effects.len(), duties), (1, Some(vec![])));
    let (pos, empty) = (self::pos(8), Chain::new(GENESIS));
    assert_eq!(pos.leader(start(3), &empty.tip(), &empty), Ok(None));
    let block = empty.view(empty.next(start(3)), &[]);
    assert_eq!(pos.check(&block, &empty.tip(), &empty), Err(PosError::NoStake { slot: 3 }.into()));
}

#[test]
fn parameters_that_cannot_be_name_their_key() {
    let params = |slot_ms, epoch_slots| Pos::new(Params { slot_ms, epoch_slots }, &env());
    assert!(params(1_500, 32).is_err_and(|why| why.starts_with("slot_ms") && why.contains("1500 ms")));
    assert!(params(u64::MAX, 32).is_err_and(|why| why.starts_with("slot_ms")));
    assert!(params(0, 0).is_err_and(|why| why.starts_with("epoch_slots")));
    let pos = params(3_000, 32).unwrap();
    let chain = founded(&founders());
    assert!(pos.leader(GENESIS + 3, &chain.tip(), &chain).unwrap().is_some());
    assert!(pos.leader(GENESIS + 2, &chain.tip(), &chain).unwrap().is_none());
}

proptest! {
    #[test]
    fn no_block_makes_the_rules_panic(
        times in prop::collection::vec(any::<u32>(), 0..20),
        bits: u32, time: u32, on_slot: bool, extra: Vec<u8>, seal: Vec<u8>, amounts in prop::collection::vec(any::<u64>(), 0..4),
        now: u64, genesis: u32,
    ) {
        let chain_params = ChainParams { genesis_time: genesis, ..env().chain };
        let pos = Pos::new(Params { epoch_slots: 7, ..Params::default() }, &Env { chain: chain_params, ..env() }).unwrap();
        let stakes: Vec<_> = founders().iter().zip(&amounts).map(|((who, _), amount)| (*who, Amount(*amount))).collect();
        let mut chain = Chain::new(genesis);
        stakes.iter().for_each(|(who, amount)| chain.give(*who, b"coin", *amount));
        for time in &times {
            chain.push(chain.next(*time), &extra);
        }
        let time = if on_slot { genesis.wrapping_add(time & !1) } else { time };
        let header = Header { bits: if on_slot { 0 } else { bits }, ..chain.next(time) };
        let block = chain.view(header, &extra);
        let _ = pos.check(&block, &chain.tip(), &chain);
        let _ = pos.check_seal(&block, &seal, &chain);
        let keys = Person::new(1);
        let mut agent = pos.agent(keys.address());
        let mut ctx = chain.ctx(now, &keys);
        agent.on_tip(&chain.tip(), &mut ctx);
        prop_assert!(ctx.duties.is_some_and(|duties| duties.len() <= 16));
    }
}

#[test]
fn every_rule_crosses_the_border_by_its_name() {
    let table = [
        (PosError::Work { bits: 1, nonce: 0 }, "bad-work"),
        (PosError::NoSlot { found: 1 }, "bad-slot"),
        (PosError::SlotTooOld { last: 2, found: 1 }, "slot-too-old"),
        (PosError::NoStake { slot: 1 }, "no-stake"),
        (PosError::NotYourSlot { slot: 1, leader: Address::default(), found: vec![] }, "not-your-slot"),
        (PosError::SealSignature { signer: None }, "bad-seal-signature"),
    ];
    for (error, code) in table {
        // A new rule does not compile here: give it a row above, too.
        match error {
            PosError::Work { .. } | PosError::NoSlot { .. } | PosError::SlotTooOld { .. } => {}
            PosError::NoStake { .. } | PosError::NotYourSlot { .. } | PosError::SealSignature { .. } => {}
        }
        let reason = Reason::from(error.clone());
        let crossed = Reason::from_bytes(&reason.to_bytes()).unwrap();
        assert_eq!((&*crossed.code, crossed.text), (code, error.to_string()));
    }
}
