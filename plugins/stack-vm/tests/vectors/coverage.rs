//! What the table must hold, so that a case that goes missing is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fika_core::script::Script;
use fika_stack_vm::{Params, opcode, rules};

use crate::names::{self, ERRORS};
use crate::table::{self, Case};
use crate::transactions::instructions;

/// Each way to fail that belongs to operations, and these operations.
const FAILURES: &[(&str, &str)] = &[
    (
        "INVALID_STACK_OPERATION",
        "IF NOTIF VERIFY TOALTSTACK 2DROP 2DUP 3DUP 2OVER 2ROT 2SWAP IFDUP DROP DUP NIP OVER PICK ROLL ROT SWAP TUCK \
         SIZE EQUAL EQUALVERIFY 1ADD 1SUB NEGATE ABS NOT 0NOTEQUAL ADD SUB BOOLAND BOOLOR NUMEQUAL NUMEQUALVERIFY \
         NUMNOTEQUAL LESSTHAN GREATERTHAN LESSTHANOREQUAL GREATERTHANOREQUAL MIN MAX WITHIN RIPEMD160 SHA1 SHA256 \
         HASH160 HASH256 CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY CHECKLOCKTIMEVERIFY \
         CHECKSEQUENCEVERIFY",
    ),
    (
        "SCRIPTNUM",
        "PICK ROLL 1ADD 1SUB NEGATE ABS NOT 0NOTEQUAL ADD SUB BOOLAND BOOLOR NUMEQUAL NUMEQUALVERIFY NUMNOTEQUAL \
         LESSTHAN GREATERTHAN LESSTHANOREQUAL GREATERTHANOREQUAL MIN MAX WITHIN CHECKMULTISIG CHECKMULTISIGVERIFY \
         CHECKLOCKTIMEVERIFY CHECKSEQUENCEVERIFY",
    ),
    ("BAD_OPCODE", "RESERVED VER VERIF VERNOTIF RESERVED1 RESERVED2"),
    ("DISABLED_OPCODE", "CAT SUBSTR LEFT RIGHT INVERT AND OR XOR 2MUL 2DIV MUL DIV MOD LSHIFT RSHIFT"),
    ("DISCOURAGE_UPGRADABLE_NOPS", "NOP1 NOP4 NOP5 NOP6 NOP7 NOP8 NOP9 NOP10"),
    ("UNBALANCED_CONDITIONAL", "ELSE ENDIF"),
    ("INVALID_ALTSTACK_OPERATION", "FROMALTSTACK"),
    ("OP_RETURN", "RETURN"),
    ("VERIFY", "VERIFY"),
    ("EQUALVERIFY", "EQUALVERIFY"),
    ("NUMEQUALVERIFY", "NUMEQUALVERIFY"),
    ("CHECKSIGVERIFY", "CHECKSIGVERIFY"),
    ("CHECKMULTISIGVERIFY", "CHECKMULTISIGVERIFY"),
    ("SIG_DER", "CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("SIG_HIGH_S", "CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("SIG_HASHTYPE", "CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("PUBKEYTYPE", "CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("NULLFAIL", "CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("SIG_NULLDUMMY", "CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("PUBKEY_COUNT", "CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("SIG_COUNT", "CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("OP_COUNT", "NOP IF CHECKSIG CHECKMULTISIG CHECKMULTISIGVERIFY"),
    ("STACK_SIZE", "TRUE FALSE 1NEGATE DUP 2DUP 3DUP OVER 2OVER TUCK IFDUP DEPTH SIZE"),
    ("NEGATIVE_LOCKTIME", "CHECKLOCKTIMEVERIFY CHECKSEQUENCEVERIFY"),
    ("UNSATISFIED_LOCKTIME", "CHECKLOCKTIMEVERIFY CHECKSEQUENCEVERIFY"),
];

/// The operations that fail wherever they are executed.
const NEVER_SUCCEED: &str = "RESERVED VER VERIF VERNOTIF RETURN RESERVED1 RESERVED2 \
                             CAT SUBSTR LEFT RIGHT INVERT AND OR XOR 2MUL 2DIV MUL DIV MOD LSHIFT RSHIFT";

fn named(names: &'static str) -> impl Iterator<Item = (&'static str, u8)> {
    names.split(' ').map(|name| (name, opcode::by_name(name).unwrap_or_else(|| panic!("no operation {name}"))))
}

#[test]
fn each_file_of_cases_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/cases");
    let found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let read = table::FILES.iter().map(|(name, _)| format!("{name}.txt"));
    assert_eq!(read.collect::<BTreeSet<_>>(), found.collect::<BTreeSet<_>>());
}

#[test]
fn the_table_is_large_and_says_nothing_twice() {
    let cases = table::cases();
    let mut seen = BTreeMap::new();
    let twice: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let facts = (case.facts.version, case.facts.lock_time, case.facts.sequence);
            let first = seen.insert((&case.unlock, &case.lock, case.flags, facts), case)?;
            Some(format!("{first}\n{case}"))
        })
        .collect();
    assert!(twice.is_empty(), "the same case twice:\n{}", twice.join("\n\n"));
    assert!(cases.len() >= 600, "{} cases", cases.len());
}

#[test]
fn each_error_is_the_result_of_a_case() {
    let results: BTreeSet<&str> = table::cases().iter().map(|case| case.expected).collect();
    let known: BTreeSet<&str> = ERRORS.iter().copied().chain(["OK"]).collect();
    assert_eq!(results, known);
}

#[test]
fn each_operation_occurs() {
    let mut left: BTreeSet<u8> = (0..=u8::MAX).collect();
    for script in table::cases().iter().flat_map(|case| [&case.unlock, &case.lock]) {
        instructions(script).iter().for_each(|instruction| {
            left.remove(&instruction[0]);
        });
    }
    assert!(left.is_empty(), "no case has {left:02x?}");
}

#[test]
fn each_operation_succeeds_somewhere() {
    let vm = table::vm(Params::default());
    let mut left: BTreeSet<u8> = (0..=opcode::NOP10).collect();
    named(NEVER_SUCCEED).for_each(|(name, value)| assert!(left.remove(&value), "{name} twice"));
    for case in table::cases().iter().filter(|case| case.expected == "OK") {
        let traced = vm.trace(&case.lock, &case.unlock, case.flags, &mut case.spending(), &mut |step| {
            left.remove(&vm.assemble(&step.operation).unwrap()[0]);
        });
        assert_eq!(traced, Ok(()), "{case}");
    }
    assert!(left.is_empty(), "no case executes {left:02x?} with success");
}

#[test]
fn each_operation_fails_in_each_of_its_ways() {
    let vm = table::vm(Params::default());
    let failures: BTreeSet<(&str, u8)> = table::cases()
        .iter()
        .filter_map(|case| {
            let failure = case.run(&vm, case.flags).err()?;
            Some((case.expected, failure.opcode?))
        })
        .collect();
    let undefined = (opcode::NOP10 + 1..=u8::MAX).filter(|value| !failures.contains(&("BAD_OPCODE", *value)));
    let missing: Vec<String> = FAILURES
        .iter()
        .flat_map(|(error, operations)| named(operations).map(move |(name, value)| (error, name, value)))
        .filter(|(error, _, value)| !failures.contains(&(**error, *value)))
        .map(|(error, name, _)| format!("{name} with {error}"))
        .chain(undefined.map(|value| format!("{value:#x} with BAD_OPCODE")))
        .collect();
    assert!(missing.is_empty(), "no case fails {}", missing.join(", "));
}

/// Some case is at the limit, and some case is one above it: a limit that is one lower fails the
/// first, and a limit that is one higher lets the second go on.
#[test]
fn each_limit_is_met_and_passed() {
    type Limit = fn(&mut Params) -> &mut u32;
    let limits: [(&str, Limit); 5] = [
        ("SCRIPT_SIZE", |params| &mut params.max_script_bytes),
        ("PUSH_SIZE", |params| &mut params.max_element_bytes),
        ("OP_COUNT", |params| &mut params.max_operations),
        ("STACK_SIZE", |params| &mut params.max_stack),
        ("PUBKEY_COUNT", |params| &mut params.max_multisig_keys),
    ];
    let cases = table::cases();
    for (error, limit) in limits {
        let differ = |by: i32| -> Vec<(&Case, &str)> {
            let mut params = Params::default();
            let limit = limit(&mut params);
            *limit = limit.saturating_add_signed(by);
            let vm = table::vm(params);
            let results = cases.iter().map(|case| (case, names::result(case.run(&vm, case.flags))));
            results.filter(|(case, found)| case.expected != *found).collect()
        };
        let (lower, higher) = (differ(-1), differ(1));
        assert!(lower.iter().any(|(case, found)| case.expected == "OK" && *found == error), "nothing at {error}");
        assert!(higher.iter().any(|(case, _)| case.expected == error), "nothing one above {error}");
    }
}

/// Without the rule, some spend that it forbids is allowed.
#[test]
fn each_rule_decides_a_case() {
    let vm = table::vm(Params::default());
    let cases = table::cases();
    for (name, rule) in rules::NAMES {
        let mut ruled = cases.iter().filter(|case| case.flags & rule != 0 && case.expected != "OK");
        assert!(ruled.any(|case| case.run(&vm, case.flags & !rule).is_ok()), "nothing fails by {name} alone");
    }
}
