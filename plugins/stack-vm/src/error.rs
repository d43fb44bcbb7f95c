//! Every rule that a script can break.

use fika_core::reject::Rule;
use thiserror::Error;

/// Why a spend is not allowed: one variant per rule. The codes are the names in Bitcoin Core's `script_tests.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScriptError {
    /// A script ended with nothing, or with a false value, on top of the stack.
    #[error("expected a true value on top of the stack at the end")]
    EvalFalse,
    /// `RETURN` was executed.
    #[error("a coin with RETURN in its way can never be spent")]
    Return,
    /// A script is longer than allowed.
    #[error("expected a script of at most {limit} bytes, found {found}")]
    ScriptSize {
        /// The limit, in bytes.
        limit: u32,
        /// What was found, in bytes.
        found: usize,
    },
    /// An element is longer than allowed.
    #[error("expected an element of at most {limit} bytes, found {found}")]
    PushSize {
        /// The limit, in bytes.
        limit: u32,
        /// What was found, in bytes.
        found: usize,
    },
    /// More operations than allowed.
    #[error("expected at most {limit} operations and keys tried")]
    OpCount {
        /// The limit.
        limit: u32,
    },
    /// More elements than allowed.
    #[error("expected at most {limit} elements on both stacks")]
    StackSize {
        /// The limit.
        limit: u32,
    },
    /// A number of keys below 0 or above the limit.
    #[error("expected 0 to {limit} keys, found {found}")]
    PubkeyCount {
        /// The limit.
        limit: u32,
        /// What was found.
        found: i64,
    },
    /// A number of signatures below 0 or above that of the keys.
    #[error("expected 0 to {keys} signatures, found {found}")]
    SigCount {
        /// The number of keys.
        keys: i64,
        /// What was found.
        found: i64,
    },
    /// An operand that is no number, a too long one, or not in its shortest form where that is asked for.
    #[error("expected a number of at most {limit} bytes in its shortest form, found {found} bytes")]
    Number {
        /// The limit, in bytes.
        limit: usize,
        /// What was found, in bytes.
        found: usize,
    },
    /// `VERIFY` found a false value.
    #[error("expected a true value")]
    Verify,
    /// `EQUALVERIFY` found different values.
    #[error("expected two equal elements")]
    EqualVerify,
    /// `NUMEQUALVERIFY` found different values.
    #[error("expected two equal numbers")]
    NumEqualVerify,
    /// `CHECKSIGVERIFY` found a bad signature.
    #[error("the signature does not hold")]
    CheckSigVerify,
    /// `CHECKMULTISIGVERIFY` found a bad signature.
    #[error("the signatures do not hold")]
    CheckMultisigVerify,
    /// An operation without meaning, or a push that the end of the script cuts off.
    #[error("no such operation, or a push beyond the end of the script")]
    BadOpcode,
    /// An operation that is switched off, executed or not.
    #[error("this operation is switched off")]
    DisabledOpcode,
    /// Too few elements on the stack, or an index outside of it.
    #[error("too few elements on the stack")]
    StackTooShort,
    /// Too few elements on the alternative stack.
    #[error("the alternative stack is empty")]
    AltStackEmpty,
    /// `IF`, `ELSE` and `ENDIF` do not match.
    #[error("IF, ELSE and ENDIF do not match")]
    UnbalancedConditional,
    /// A negative lock time.
    #[error("expected a lock time of at least 0, found {found}")]
    NegativeLockTime {
        /// What was found.
        found: i64,
    },
    /// The transaction's lock time or the input's sequence number does not promise enough.
    #[error("expected the transaction to be locked until {expected}, found {found}")]
    UnsatisfiedLockTime {
        /// What the script wants.
        expected: i64,
        /// What the transaction promises.
        found: u32,
    },
    /// Rule `STRICTENC`: a hash type that does not exist.
    #[error("expected a hash type of 1, 2 or 3, or these with 128 added")]
    SigHashType,
    /// Rules `DERSIG`, `LOW_S`, `STRICTENC`: a signature in another form than strict DER (BIP 66).
    #[error("expected a signature in strict DER encoding")]
    SigDer,
    /// Rule `LOW_S`: the larger of the two values of S that would do (BIP 62, rule 5).
    #[error("expected a signature whose S is in the lower half")]
    SigHighS,
    /// Rule `STRICTENC`: a key that is neither compressed nor uncompressed.
    #[error("expected a compressed or an uncompressed public key")]
    PubkeyType,
    /// Rule `MINIMALDATA`: a push that could be shorter (BIP 62, rule 3).
    #[error("expected the shortest push of the element")]
    MinimalData,
    /// Rule `SIGPUSHONLY`, and for every P2SH spend: the unlocking script does more than push.
    #[error("expected an unlocking script that only pushes")]
    SigPushOnly,
    /// Rule `NULLDUMMY`: the element that `CHECKMULTISIG` drops is not empty (BIP 147).
    #[error("expected an empty element below the signatures")]
    SigNullDummy,
    /// Rule `NULLFAIL`: a signature that does not hold and is not empty (BIP 146).
    #[error("expected signatures that fail to be empty")]
    NullFail,
    /// Rule `CLEANSTACK`: more than one element is left at the end (BIP 62, rule 6).
    #[error("expected one element at the end, found {found}")]
    CleanStack {
        /// What was found.
        found: usize,
    },
    /// Rule `DISCOURAGE_UPGRADABLE_NOPS`: an operation that is kept for later use.
    #[error("this operation is kept for later use")]
    DiscourageUpgradableNops,
    /// The transaction has no budget left for more work.
    #[error("the work of the transaction's scripts and signatures is out of proportion to its bytes")]
    ValidationWeight,
}

impl Rule for ScriptError {
    fn code(&self) -> &'static str {
        match self {
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
            // Core has it for tapscript alone (BIP 342).
            ScriptError::ValidationWeight => "TAPSCRIPT_VALIDATION_WEIGHT",
        }
    }
}

/// Turns a broken rule into its error.
#[inline]
pub(crate) fn ensure(holds: bool, error: ScriptError) -> Result<(), ScriptError> {
    if holds { Ok(()) } else { Err(error) }
}
