//! Bitcoin Core's script cases, where they need no witness. Read from `$FIKA_VECTORS`, by
//! default `../shared/vectors` beside the workspace; skipped where they are not.

use std::fs;
use std::path::PathBuf;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::{ChainParams, Env};
use fika_core::hash::{Id, hash160, sha256d};
use fika_core::keys::NoKeys;
use fika_core::plugin::Plugin;
use fika_core::script::{InputFacts, Script, SpendContext};
use fika_stack_vm::{ScriptError, StackVm, opcode, rules};
use secp256k1::{Message, PublicKey, ecdsa::Signature};
use serde_json::Value;

/// Core's pair of transactions: one pays `lock`, the other spends that.
struct Pair {
    credit: Id,
}

impl Pair {
    fn new(lock: &[u8]) -> Pair {
        let input = [&[0; 32][..], &[0xff; 4], &[2, 0, 0], &[0xff; 4]].concat();
        let output = [&0u64.to_le_bytes()[..], &compact_size(lock.len()), lock].concat();
        Pair { credit: sha256d(&[&1u32.to_le_bytes(), &[1], &input, &[1], &output, &[0; 4]]) }
    }
}

fn compact_size(n: usize) -> Vec<u8> {
    match n {
        ..0xfd => vec![n as u8],
        _ => [&[0xfd][..], &u16::try_from(n).expect("scripts are short").to_le_bytes()].concat(),
    }
}

/// Leaves out the operations CODESEPARATOR, as Bitcoin's first signature hash does.
fn without_separators(script: &[u8]) -> Vec<u8> {
    let mut left = Vec::new();
    let mut at = 0;
    while at < script.len() {
        let size = match script[at] {
            push @ 1..=0x4b => 1 + usize::from(push),
            opcode::PUSHDATA1 if at + 1 < script.len() => 2 + usize::from(script[at + 1]),
            opcode::PUSHDATA2 if at + 2 < script.len() => {
                3 + usize::from(u16::from_le_bytes([script[at + 1], script[at + 2]]))
            }
            _ => 1,
        };
        let end = script.len().min(at + size);
        if script[at] != opcode::CODESEPARATOR {
            left.extend(&script[at..end]);
        }
        at = end;
    }
    left
}

impl SpendContext for Pair {
    fn digest(&mut self, request: &[u8]) -> Id {
        let (hash_type, code) = (request[0], without_separators(&request[1..]));
        let input = [&self.credit.0[..], &[0; 4], &compact_size(code.len()), &code, &[0xff; 4]].concat();
        let outputs: &[u8] = if hash_type & 0x1f == 2 { &[0] } else { &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
        let hash_type = u32::from(hash_type).to_le_bytes();
        sha256d(&[&1u32.to_le_bytes(), &[1], &input, outputs, &[0; 4], &hash_type])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.verify_now(kind, key, digest, signature)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        assert_eq!(kind, 0);
        let Ok(key) = PublicKey::from_slice(key) else { return false };
        let Ok(mut signature) = Signature::from_der_lax(signature) else { return false };
        signature.normalize_s();
        signature.verify(Message::from_digest(digest.0), &key).is_ok()
    }

    fn address(&mut self, key: &[u8]) -> Address {
        Address(hash160(key))
    }

    fn facts(&self) -> InputFacts {
        InputFacts { version: 1, lock_time: 0, sequence: u32::MAX, amount: Amount::ZERO }
    }
}

/// Core's name for a broken rule.
fn core_name(error: ScriptError) -> &'static str {
    match error {
        ScriptError::EvalFalse => "EVAL_FALSE",
        ScriptError::Return => "OP_RETURN",
        ScriptError::ScriptSize { .. } => "SCRIPT_SIZE",
        ScriptError::PushSize { .. } => "PUSH_SIZE",
        ScriptError::OpCount { .. } => "OP_COUNT",
        ScriptError::StackSize { .. } => "STACK_SIZE",
        ScriptError::PubkeyCount { .. } => "PUBKEY_COUNT",
        ScriptError::SigCount { .. } => "SIG_COUNT",
        ScriptError::Number { .. } => "SCRIPTNUM",
        ScriptError::Verify => "VERIFY",
        ScriptError::EqualVerify => "EQUALVERIFY",
        ScriptError::NumEqualVerify => "NUMEQUALVERIFY",
        ScriptError::CheckSigVerify => "CHECKSIGVERIFY",
        ScriptError::CheckMultisigVerify => "CHECKMULTISIGVERIFY",
        ScriptError::BadOpcode => "BAD_OPCODE",
        ScriptError::DisabledOpcode => "DISABLED_OPCODE",
        ScriptError::StackTooShort => "INVALID_STACK_OPERATION",
        ScriptError::AltStackEmpty => "INVALID_ALTSTACK_OPERATION",
        ScriptError::UnbalancedConditional => "UNBALANCED_CONDITIONAL",
        ScriptError::NegativeLockTime { .. } => "NEGATIVE_LOCKTIME",
        ScriptError::UnsatisfiedLockTime { .. } => "UNSATISFIED_LOCKTIME",
        ScriptError::SigHashType => "SIG_HASHTYPE",
        ScriptError::SigDer => "SIG_DER",
        ScriptError::SigHighS => "SIG_HIGH_S",
        ScriptError::PubkeyType => "PUBKEYTYPE",
        ScriptError::MinimalData => "MINIMALDATA",
        ScriptError::SigPushOnly => "SIG_PUSHONLY",
        ScriptError::SigNullDummy => "SIG_NULLDUMMY",
        ScriptError::NullFail => "NULLFAIL",
        ScriptError::CleanStack { .. } => "CLEANSTACK",
        ScriptError::DiscourageUpgradableNops => "DISCOURAGE_UPGRADABLE_NOPS",
    }
}

fn vectors() -> Option<Vec<Value>> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let folder = std::env::var_os("FIKA_VECTORS").map_or(default, PathBuf::from);
    let text = fs::read_to_string(folder.join("script_tests.json")).ok()?;
    Some(serde_json::from_str(&text).expect("the cases are a JSON list"))
}

#[test]
#[allow(clippy::print_stderr)]
fn cases_of_bitcoin_core() {
    let Some(cases) = vectors() else {
        eprintln!("skipped: script_tests.json is not in $FIKA_VECTORS");
        return;
    };
    let env = Env { chain: ChainParams::default(), keys: std::sync::Arc::new(NoKeys) };
    let vm = StackVm::new(Default::default(), &env).unwrap();
    let (mut run, mut skipped, mut wrong) = (0, 0, Vec::new());
    for case in cases.iter().filter_map(Value::as_array).filter(|case| case.len() >= 4) {
        let fields: Option<Vec<&str>> = case.iter().take(4).map(Value::as_str).collect();
        let flags = fields.as_ref().and_then(|fields| {
            rules::flags(&fields[2].split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>()).ok()
        });
        let (Some(fields), Some(flags)) = (fields, flags) else {
            skipped += 1;
            continue;
        };
        let (unlock, lock) = (vm.assemble(fields[0]).unwrap(), vm.assemble(fields[1]).unwrap());
        assert_eq!(vm.assemble(&vm.disassemble(&lock)).unwrap(), lock);
        let found = match vm.verify(&lock, &unlock, flags, &mut Pair::new(&lock)) {
            Ok(()) => "OK",
            Err(failure) => core_name(failure.error),
        };
        run += 1;
        if found != fields[3] {
            wrong.push(format!("expected {}, found {found}: {case:?}", fields[3]));
        }
    }
    eprintln!("{run} cases run, {skipped} skipped because they need a witness");
    assert!(run > 1000, "{run} cases run");
    assert!(wrong.is_empty(), "{} of {run} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
