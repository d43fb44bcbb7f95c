//! What a transaction's scripts may cost: as much as its bytes allow, in the mempool and in a block.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::address::Address;
use fika_core::block::Tx;
use fika_core::message::Message;
use fika_core::node::TxReject;
use fika_core::reject::Reject;
use fika_core::script::{PayToAddress, Script, SpendContext, Step};
use fika_core::testing::{Setup, refused};
use rules::quiet::Quiet;
use solo::{Factory, Solo};

/// Checks signatures and does steps as often as an unlocking script says in its first eight bytes, before it asks for
/// the owner's signature.
struct Toiling {
    checks: u32,
    steps: u32,
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

impl Script for Toiling {
    fn run(&self, lock: &[u8], unlock: &[u8], flags: u32, context: &mut dyn SpendContext) -> Result<(), Reject> {
        let (toil, unlock) = unlock.split_at_checked(8).ok_or_else(|| Reject::invalid("too short"))?;
        let (checks, steps) = (number(&toil[..4]), number(&toil[4..]));
        let digest = context.digest(&[]);
        // It takes no notice of the answers.
        for _ in 0..checks {
            let _ = context.verify_now(0, &[1; 32], &digest, &[2; 32]);
        }
        context.step(steps.into());
        PayToAddress.run(lock, unlock, flags, context)
    }

    fn trace(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        _: &mut dyn FnMut(Step),
    ) -> Result<(), Reject> {
        self.run(lock, unlock, flags, context)
    }

    fn lock(&self, who: &Address) -> Vec<u8> {
        PayToAddress.lock(who)
    }

    fn request(&self, lock: &[u8]) -> Vec<u8> {
        PayToAddress.request(lock)
    }

    fn unlock(&self, key: &[u8], signature: &[u8]) -> Vec<u8> {
        let toil = [self.checks.to_le_bytes(), self.steps.to_le_bytes()].concat();
        [toil, PayToAddress.unlock(key, signature)].concat()
    }

    fn owner(&self, lock: &[u8]) -> Option<Address> {
        PayToAddress.owner(lock)
    }

    fn assemble(&self, text: &str) -> Result<Vec<u8>, String> {
        PayToAddress.assemble(text)
    }

    fn disassemble(&self, script: &[u8]) -> String {
        PayToAddress.disassemble(script)
    }
}

fn setup(checks: u32, steps: u32) -> Setup {
    Setup::new(|_| Ok(Quiet)).script(move |_| Ok(Toiling { checks, steps }))
}

/// What the mempool says of a payment whose script works so much, which is what a block with it is told, too.
fn verdict(checks: u32, steps: u32) -> (Tx, Result<(), Reject>) {
    let mut factory = Factory::new(setup(checks, steps));
    let genesis = factory.genesis();
    let payment = factory.pay(genesis, 2, 3, 5, 100);
    let block = factory.block(genesis, vec![payment.clone()]);
    assert_eq!(block.txs.len(), 2, "a template does not run scripts");

    let mut node = Solo::new(setup(0, 0));
    let answer = node.hear(0, Message::Tx(payment.clone()));
    let in_mempool = match &node.rejected(&answer)[..] {
        [] => {
            assert!(node.in_mempool(&payment).is_some());
            Ok(())
        }
        [(_, TxReject::ScriptFailed(why))] => Err(Reject::Invalid((**why).clone())),
        other => panic!("{other:?}"),
    };

    let mut world = setup(0, 0).world();
    let ix = world.insert(block).expect("a body that fits");
    let in_block = world.validate(ix);
    let of_tx = |verdict: &Result<(), Reject>| verdict.clone().map_err(Reject::into_reason);
    assert_eq!(of_tx(&in_block), of_tx(&in_mempool), "mempool and block have one rule");
    (payment, in_mempool)
}

#[test]
fn a_signature_check_too_many_is_refused_in_mempool_and_block() {
    let bytes = verdict(0, 0).0.bytes().len();
    let limit = bytes as u32 / 40;
    // The owner's own is one more.
    assert_eq!(verdict(limit - 1, 0).1, Ok(()));
    let why = refused(verdict(limit, 0).1, "bad-txns-too-many-sigops");
    assert_eq!(why, format!("expected at most {limit} signature checks in {bytes} bytes, found more"));
    refused(verdict(1_000_000, 0).1, "bad-txns-too-many-sigops");
}

#[test]
fn a_step_too_many_is_refused_in_mempool_and_block() {
    let bytes = verdict(0, 0).0.bytes().len();
    // The scripts are read for two steps, and there are two digests.
    let limit = 4 * bytes as u32 - 2 - 2;
    assert_eq!(verdict(0, limit).1, Ok(()));
    let why = refused(verdict(0, limit + 1).1, "bad-txns-too-many-steps");
    assert_eq!(why, format!("expected at most {} script steps in {bytes} bytes, found more", 4 * bytes));
}
