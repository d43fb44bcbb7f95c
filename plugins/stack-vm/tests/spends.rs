//! Spends of every shape, what wallets rely on, and what holds for any bytes.

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::{ChainParams, Env};
use fika_core::hash::{Id, hash160, sha256};
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::plugin::Plugin;
use fika_core::reject::Reject;
use fika_core::script::{InputFacts, Script, SpendContext, Step};
use fika_core::testing::refused;
use fika_stack_vm::{Params, SIGHASH_ALL, StackVm, push, rules, template};
use proptest::prelude::*;

fn vm_with(params: Params) -> Result<StackVm, String> {
    StackVm::new(params, &Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) })
}

fn vm() -> StackVm {
    vm_with(Params::default()).unwrap()
}

/// Answers as a node would, and counts how. A `batch` guesses true wherever it may.
#[derive(Default)]
struct Spending {
    facts: InputFacts,
    batch: bool,
    guessed: usize,
    exact: usize,
}

impl SpendContext for Spending {
    fn digest(&mut self, request: &[u8]) -> Id {
        sha256(&[request])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.guessed += 1;
        self.batch || NoKeys.verify(kind, key, digest, signature)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.exact += 1;
        NoKeys.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        NoKeys.address(key)
    }

    fn facts(&self) -> InputFacts {
        self.facts
    }
}

fn sign(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let digest = sha256(&[&[SIGHASH_ALL], signed]);
    [NoKeys.sign(0, key, &digest).unwrap(), vec![SIGHASH_ALL]].concat()
}

fn run(lock: &[u8], unlock: &[u8], context: &mut Spending) -> Result<(), Reject> {
    vm().run(lock, unlock, 0, context)
}

fn asm(text: &str) -> Vec<u8> {
    vm().assemble(text).unwrap()
}

#[test]
fn a_wallet_spends_a_standard_lock_and_nobody_else_does() {
    let vm = vm();
    let (key, thief) = ([7; 32], [8; 32]);
    let who = NoKeys.address(&key);
    let lock = vm.lock(&who);
    assert_eq!(vm.owner(&lock), Some(who));
    assert_eq!(vm.owner(&lock[1..]), None);
    let digest = Spending::default().digest(&vm.request(&lock));
    let signature = NoKeys.sign(0, &key, &digest).unwrap();

    let mut context = Spending::default();
    assert_eq!(run(&lock, &vm.unlock(&key, &signature), &mut context), Ok(()));
    assert_eq!((context.guessed, context.exact), (1, 0), "a standard spend may be verified in a batch");

    let stolen = vm.unlock(&thief, &NoKeys.sign(0, &thief, &digest).unwrap());
    let error = refused(run(&lock, &stolen, &mut context), "EQUALVERIFY");
    assert_eq!(error, "locking script, byte 23 (EQUALVERIFY): expected two equal elements");
    let error = refused(run(&lock, &vm.unlock(&key, &[1; 32]), &mut context), "EVAL_FALSE");
    assert_eq!(error, "locking script, byte 25: expected a true value on top of the stack at the end");
    let error = refused(run(&lock, &[], &mut context), "INVALID_STACK_OPERATION");
    assert_eq!(error, "locking script, byte 0 (DUP): too few elements on the stack");
}

#[test]
fn multisig_wants_signatures_in_the_order_of_keys() {
    let keys = [[1; 32], [2; 32], [3; 32]];
    let lock = template::multisig(2, &keys);
    let signatures = keys.map(|key| sign(&key, &lock));
    let unlock =
        |order: &[usize]| template::multisig_unlock(&order.iter().map(|n| signatures[*n].clone()).collect::<Vec<_>>());
    for (order, good) in [(vec![0, 1], true), (vec![0, 2], true), (vec![1, 2], true), (vec![2, 1], false)] {
        assert_eq!(run(&lock, &unlock(&order), &mut Spending::default()).is_ok(), good, "{order:?}");
    }
    let mut context = Spending { batch: true, ..Spending::default() };
    assert_eq!(run(&lock, &unlock(&[0, 1]), &mut context), Ok(()));
    assert_eq!((context.exact, context.guessed), (1, 2), "only pairs that must match may be verified in a batch");
    refused(run(&lock, &unlock(&[1, 1]), &mut Spending::default()), "EVAL_FALSE");
    let dummy = [asm("1"), unlock(&[0, 1])[1..].to_vec()].concat();
    refused(run(&lock, &dummy, &mut Spending::default()), "SIG_NULLDUMMY");
}

#[test]
fn a_script_hash_stands_for_its_script() {
    let redeem = template::multisig(1, &[[5; 32]]);
    let lock = template::pay_to_script_hash(&redeem);
    let mut unlock = template::multisig_unlock(&[sign(&[5; 32], &redeem)]);
    refused(run(&lock, &[unlock.clone(), asm("<00>")].concat(), &mut Spending::default()), "EVAL_FALSE");
    push(&mut unlock, &redeem);
    assert_eq!(run(&lock, &unlock, &mut Spending::default()), Ok(()));
    let computed = [&unlock[..], &asm("NOP")].concat();
    refused(run(&lock, &computed, &mut Spending::default()), "SIG_PUSHONLY");
    assert_eq!(vm().run(&lock, &computed, rules::BARE, &mut Spending::default()), Ok(()));
}

#[test]
fn hash_locks_open_with_the_preimage() {
    let lock = template::hash_lock(&sha256(&[b"open"]).0, &asm("1"));
    assert_eq!(run(&lock, &asm("'open'"), &mut Spending::default()), Ok(()));
    refused(run(&lock, &asm("'shut'"), &mut Spending::default()), "EQUALVERIFY");
}

#[test]
fn time_locks_open_with_time() {
    let facts = |lock_time, sequence| InputFacts { version: 2, lock_time, sequence, amount: Amount::ZERO };
    let until = |lock_time| template::time_lock(lock_time, &asm("1"));
    let aged = |sequence| template::age_lock(sequence, &asm("1"));
    for (lock, facts, opens) in [
        (until(100), facts(99, 0), false),
        (until(100), facts(100, 0), true),
        (until(100), facts(100, u32::MAX), false),
        (until(100), facts(500_000_000, 0), false),
        (until(u32::MAX), facts(u32::MAX, 0), true),
        (aged(10), facts(0, 9), false),
        (aged(10), facts(0, 10), true),
        (aged(10), facts(0, 10 | 1 << 22), false),
        (aged(10), facts(0, 10 | 1 << 31), false),
        (aged(10), InputFacts { version: 1, ..facts(0, 10) }, false),
        (aged(1 << 31), facts(0, 0), true),
    ] {
        let found = run(&lock, &[], &mut Spending { facts, ..Spending::default() });
        let code = found.as_ref().err().map(Reject::code);
        let expected = (!opens).then_some("UNSATISFIED_LOCKTIME");
        assert_eq!(code, expected, "{} {facts:?} {found:?}", vm().disassemble(&lock));
    }
}

#[test]
fn a_signature_counts_from_the_last_executed_separator() {
    let key = [6; 32];
    let mut lock = asm("NOP CODESEPARATOR 0 IF CODESEPARATOR ENDIF");
    let start = 2;
    push(&mut lock, &key);
    lock.extend(asm("CHECKSIG"));
    let unlock = |signed| {
        let mut unlock = Vec::new();
        push(&mut unlock, &sign(&key, signed));
        unlock
    };
    assert_eq!(run(&lock, &unlock(&lock[start..]), &mut Spending::default()), Ok(()));
    refused(run(&lock, &unlock(&lock), &mut Spending::default()), "EVAL_FALSE");
}

#[test]
fn limits_and_rules_are_parameters() {
    let tight = Params { max_operations: 2, max_stack: 3, max_element_bytes: 4, ..Params::default() };
    let tight = vm_with(tight).unwrap();
    let run = |text: &str| tight.run(&asm(text), &[], 0, &mut Spending::default());
    assert_eq!(run("NOP NOP 1"), Ok(()));
    assert!(refused(run("NOP NOP NOP 1"), "OP_COUNT").contains("at most 2 operations"));
    assert!(refused(run("1 1 1 1"), "STACK_SIZE").contains("at most 3 elements"));
    assert!(refused(run("'abcde'"), "PUSH_SIZE").contains("at most 4 bytes, found 5"));
    let error = vm_with(Params { rules: vec!["SEGWIT".into()], ..Params::default() }).err().unwrap();
    assert!(error.starts_with("rules: expected one of P2SH, ") && error.ends_with("found \"SEGWIT\""), "{error}");
    assert!(matches!(vm().run(&[], &[], 1 << 20, &mut Spending::default()), Err(Reject::Fault(_))));
}

#[test]
fn a_trace_shows_the_stack_after_each_step() {
    let mut steps = Vec::new();
    let traced = vm().trace(&asm("ADD 5 NUMEQUAL"), &asm("2 3"), 0, &mut Spending::default(), &mut |step: Step| {
        steps.push(format!("{} {:?}", step.operation, step.stack));
    });
    assert_eq!(traced, Ok(()));
    assert_eq!(steps, ["2 [[2]]", "3 [[2], [3]]", "ADD [[5]]", "5 [[5], [5]]", "NUMEQUAL [[1]]"]);
}

/// Scripts with more sense in them than random bytes have: mostly operations, small numbers and keys.
fn script() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => (0x4fu8..=0xba).prop_map(|opcode| vec![opcode]),
        4 => (0i64..6).prop_map(|n| { let mut s = vec![]; fika_stack_vm::push_number(&mut s, n); s }),
        2 => (0u8..3).prop_map(|n| { let mut s = vec![]; push(&mut s, &[n; 32]); s }),
        1 => (0u8..3).prop_map(|n| { let mut s = vec![]; push(&mut s, &sign(&[n; 32], b"")); s }),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

fn flags() -> impl Strategy<Value = u32> {
    any::<u32>().prop_map(|bits| rules::NAMES.iter().fold(rules::BARE, |flags, (_, rule)| flags | (bits & rule)))
}

/// Signatures by these keys hold over anything, so that random scripts have good and bad ones.
struct Loose {
    batch: bool,
}

impl SpendContext for Loose {
    fn digest(&mut self, _: &[u8]) -> Id {
        sha256(&[&[SIGHASH_ALL], b""])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.batch || self.verify_now(kind, key, digest, signature)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        NoKeys.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        Address(hash160(key))
    }

    fn facts(&self) -> InputFacts {
        InputFacts { version: 2, lock_time: 3, sequence: 3, amount: Amount::ZERO }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn tracing_changes_nothing(lock in script(), unlock in script(), flags in flags()) {
        let run = vm().run(&lock, &unlock, flags, &mut Loose { batch: false });
        let mut steps = 0;
        let traced = vm().trace(&lock, &unlock, flags, &mut Loose { batch: false }, &mut |_| steps += 1);
        prop_assert!(steps <= lock.len() + unlock.len() + 520);
        prop_assert_eq!(run, traced);
    }

    /// What an exact run allows, a run that guesses allows too: its failures are final.
    #[test]
    fn guesses_never_fail_a_good_spend(lock in script(), unlock in script(), flags in flags()) {
        let exact = vm().run(&lock, &unlock, flags, &mut Loose { batch: false });
        let guessed = vm().run(&lock, &unlock, flags, &mut Loose { batch: true });
        prop_assert!(exact.is_err() || guessed.is_ok(), "{:?}", guessed);
    }

    #[test]
    fn any_bytes_run_and_have_a_text(lock: Vec<u8>, unlock: Vec<u8>, flags in flags()) {
        let _ = vm().run(&lock, &unlock, flags, &mut Loose { batch: false });
        let text = vm().disassemble(&lock);
        prop_assert_eq!(vm().assemble(&text), Ok(lock), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let _ = vm().assemble(&text);
    }
}
