//! Bitcoin Core's names for the broken rules.

use fika_core::reject::Rule;
use fika_stack_vm::Failure;

/// Every name.
pub(crate) const ERRORS: &[&str] = &[
    "EVAL_FALSE",
    "OP_RETURN",
    "SCRIPT_SIZE",
    "PUSH_SIZE",
    "OP_COUNT",
    "STACK_SIZE",
    "PUBKEY_COUNT",
    "SIG_COUNT",
    "SCRIPTNUM",
    "VERIFY",
    "EQUALVERIFY",
    "NUMEQUALVERIFY",
    "CHECKSIGVERIFY",
    "CHECKMULTISIGVERIFY",
    "BAD_OPCODE",
    "DISABLED_OPCODE",
    "INVALID_STACK_OPERATION",
    "INVALID_ALTSTACK_OPERATION",
    "UNBALANCED_CONDITIONAL",
    "NEGATIVE_LOCKTIME",
    "UNSATISFIED_LOCKTIME",
    "SIG_HASHTYPE",
    "SIG_DER",
    "SIG_HIGH_S",
    "PUBKEYTYPE",
    "MINIMALDATA",
    "SIG_PUSHONLY",
    "SIG_NULLDUMMY",
    "NULLFAIL",
    "CLEANSTACK",
    "DISCOURAGE_UPGRADABLE_NOPS",
];

/// `OK`, or the name of the broken rule.
pub(crate) fn result(outcome: Result<(), Failure>) -> &'static str {
    outcome.map_or_else(|failure| failure.code(), |()| "OK")
}
