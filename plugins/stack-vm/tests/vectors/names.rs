//! Bitcoin Core's names for the broken rules.

use fika_stack_vm::{Failure, ScriptError};

macro_rules! names {
    ($($variant:ident = $name:literal,)*) => {
        /// Every name.
        pub(crate) const ERRORS: &[&str] = &[$($name),*];

        fn name(error: ScriptError) -> &'static str {
            match error {
                $(ScriptError::$variant { .. } => $name,)*
            }
        }
    };
}

names! {
    EvalFalse = "EVAL_FALSE",
    Return = "OP_RETURN",
    ScriptSize = "SCRIPT_SIZE",
    PushSize = "PUSH_SIZE",
    OpCount = "OP_COUNT",
    StackSize = "STACK_SIZE",
    PubkeyCount = "PUBKEY_COUNT",
    SigCount = "SIG_COUNT",
    Number = "SCRIPTNUM",
    Verify = "VERIFY",
    EqualVerify = "EQUALVERIFY",
    NumEqualVerify = "NUMEQUALVERIFY",
    CheckSigVerify = "CHECKSIGVERIFY",
    CheckMultisigVerify = "CHECKMULTISIGVERIFY",
    BadOpcode = "BAD_OPCODE",
    DisabledOpcode = "DISABLED_OPCODE",
    StackTooShort = "INVALID_STACK_OPERATION",
    AltStackEmpty = "INVALID_ALTSTACK_OPERATION",
    UnbalancedConditional = "UNBALANCED_CONDITIONAL",
    NegativeLockTime = "NEGATIVE_LOCKTIME",
    UnsatisfiedLockTime = "UNSATISFIED_LOCKTIME",
    SigHashType = "SIG_HASHTYPE",
    SigDer = "SIG_DER",
    SigHighS = "SIG_HIGH_S",
    PubkeyType = "PUBKEYTYPE",
    MinimalData = "MINIMALDATA",
    SigPushOnly = "SIG_PUSHONLY",
    SigNullDummy = "SIG_NULLDUMMY",
    NullFail = "NULLFAIL",
    CleanStack = "CLEANSTACK",
    DiscourageUpgradableNops = "DISCOURAGE_UPGRADABLE_NOPS",
}

/// `OK`, or the name of the broken rule.
pub(crate) fn result(outcome: Result<(), Failure>) -> &'static str {
    outcome.map_or_else(|failure| name(failure.error), |()| "OK")
}
