use fika_core::agent::Signer;
use fika_core::amount::Amount;
use fika_core::env::{ChainParams, signed_proof};
use fika_core::header::Header;
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::target::Work;
use fika_core::view::Coin;

use super::*;

/// A chain that has only a genesis block, in which three founders own coins.
struct Genesis;

fn founder(n: u8) -> Address {
    Address([n; 20])
}

const GENESIS: BlockView<'static> = BlockView {
    id: Id([9; 32]),
    header: Header { version: 1, parent: Id::ZERO, root: Id::ZERO, time: 0, bits: 0, nonce: 0 },
    height: 0,
    weight: Work::ZERO,
    extra: &[],
};

impl ChainView for Genesis {
    fn block(&self, _: &Id) -> Result<BlockView<'_>, Missing> {
        Ok(GENESIS)
    }

    fn ancestor(&self, _: &Id, _: u64) -> Result<BlockView<'_>, Missing> {
        Ok(GENESIS)
    }

    fn stakes(&self, _: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        Ok((0..3).map(|n| (founder(n), Amount::coins(1))).collect())
    }

    fn balance(&self, at: &Id, _: &Address) -> Result<Amount, Missing> {
        Err(Missing(*at))
    }

    fn locked(&self, at: &Id, _: &Address) -> Result<Amount, Missing> {
        Err(Missing(*at))
    }

    fn coins(&self, at: &Id, _: &Address) -> Result<Vec<Coin>, Missing> {
        Err(Missing(*at))
    }

    fn get(&self, at: &Id, _: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        Err(Missing(*at))
    }

    fn scan(&self, at: &Id, _: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing> {
        Err(Missing(*at))
    }
}

impl Signer for Genesis {
    fn sign(&self, digest: &Id) -> Vec<u8> {
        signed_proof(b"key", &NoKeys.sign(0, b"key", digest).unwrap())
    }
}

fn rules() -> __Name__ {
    let env = Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) };
    __Name__::new(Params::default(), &env).unwrap()
}

#[test]
fn everyone_plans_own_slots_and_nobody_may_take_anothers() {
    let rules = rules();
    let slot_ticks = rules.0.slot_ticks;
    for n in 0..3 {
        let mut ctx = Ctx::new(0, founder(n), GENESIS.id, &Genesis, &Genesis, 0);
        rules.agent(founder(n)).on_tip(&GENESIS, &mut ctx);
        let duties = ctx.duties.unwrap();
        let Some(Duty::Slot { draft, time }) = duties.first() else { panic!("no slot planned") };
        let time = rules.0.env.chain.tick(*time);
        assert_eq!(time / slot_ticks % 3, u32::from(n));
        let block = |time, extra| BlockView {
            id: Id([1; 32]),
            header: Header { time, ..GENESIS.header },
            height: 1,
            weight: Work::ZERO,
            extra,
        };
        assert_eq!(rules.check(&block(time, &draft.extra), &GENESIS, &Genesis), Ok(()));
        assert!(rules.check(&block(time + slot_ticks, &draft.extra), &GENESIS, &Genesis).is_err());
        assert!(rules.check(&block(0, &draft.extra), &GENESIS, &Genesis).is_err());
    }
}

#[test]
fn a_block_needs_its_producers_signature() {
    let producer = NoKeys.address(b"key");
    let mut seal = Vec::new();
    let block = BlockView { id: Id([1; 32]), height: 1, extra: &producer.0, ..GENESIS };
    let mut ctx = Ctx::new(0, producer, GENESIS.id, &Genesis, &Genesis, 0);
    let rules = rules();
    assert_eq!(rules.agent(producer).seal(&block, &mut seal, &mut ctx), Sealed::Publish);
    assert_eq!(rules.check_seal(&block, &seal, &Genesis), Ok(()));
    assert!(rules.check_seal(&BlockView { id: Id([2; 32]), ..block }, &seal, &Genesis).is_err());
    assert!(rules.check_seal(&BlockView { extra: &[7; 20], ..block }, &seal, &Genesis).is_err());
}
