//! A stack machine for spending conditions, in the shape of Bitcoin's script.
//!
//! Operations have Bitcoin's values, names, semantics and limits, without witnesses. The
//! standard lock is P2PKH, so the chain's key scheme must make addresses as [`hash160`] of
//! public keys, which is what [`KeyScheme::address`](fika_core::keys::KeyScheme::address) does by default.
//! A signature in an unlocking script ends in its hash type; the request behind it is
//! that byte, then the script from its last executed `CODESEPARATOR` on, without pushes of the
//! signatures that the operation checks.
//!
//! A script checks at most `max_operations` signatures: a check counts as an operation, and
//! `CHECKMULTISIG` as one more for each of its keys. A check asks for at most one digest, of a
//! request no longer than the script and its hash type. A spend runs at most three scripts. Beside these limits of one
//! script there is the budget of its transaction: see [`SpendContext::step`]. An operation is a step; one that hashes,
//! searches or moves much is more of them, in proportion to its time.
//!
//! Scripts are written and read in the notation of [`assembler`]; [`template`] has the
//! well-known shapes.
//!
//! [`hash160`]: fika_core::hash::hash160

use std::error::Error;
use std::fmt;

use fika_core::address::Address;
use fika_core::env::Env;
use fika_core::plugin::Plugin;
use fika_core::reject::{Reject, Rule};
use fika_core::script::{Script, SpendContext, Step};

mod arithmetic;
pub mod assembler;
mod crypto;
mod element;
mod encoding;
mod error;
mod instruction;
mod interpreter;
mod machine;
pub mod opcode;
mod params;
pub mod rules;
mod stack;
pub mod template;

pub use error::ScriptError;
pub use instruction::{push, push_number};
pub use params::Params;

use element::Element;
use instruction::{Instruction, is_push_only};
use machine::{Machine, Observer};
use params::Limits;
use stack::Stack;

/// The hash type of signatures over the whole transaction, which wallets make.
pub const SIGHASH_ALL: u8 = 1;

/// The machine for one chain.
pub struct StackVm {
    flags: u32,
    limits: Limits,
}

/// The scripts of a spend, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The unlocking script.
    Unlock,
    /// The locking script.
    Lock,
    /// The script that a P2SH lock stands for.
    Redeem,
}

/// Why a spend is not allowed, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The script that failed.
    pub part: Part,
    /// The byte in it at which the failing instruction starts; its length when it failed at the end.
    pub at: usize,
    /// The operation there.
    pub opcode: Option<u8>,
    /// The broken rule.
    pub error: ScriptError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Unlock => "unlocking",
            Part::Lock => "locking",
            Part::Redeem => "redeeming",
        };
        write!(f, "{part} script, byte {}", self.at)?;
        if let Some(name) = self.opcode.and_then(opcode::name) {
            write!(f, " ({name})")?;
        }
        write!(f, ": {}", self.error)
    }
}

impl Error for Failure {}

impl Rule for Failure {
    fn code(&self) -> &'static str {
        self.error.code()
    }
}

impl StackVm {
    /// As [`Script::run`], with the broken rule as a value.
    ///
    /// # Errors
    /// The broken rule and its place.
    ///
    /// # Panics
    /// When `flags` has a bit that is not in [`rules`].
    pub fn verify(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
    ) -> Result<(), Failure> {
        assert_eq!(rules::unknown(flags), 0, "every bit of the flags names a rule");
        self.spend(lock, unlock, flags, context, ())
    }

    fn spend(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        observer: impl Observer,
    ) -> Result<(), Failure> {
        let flags = if flags == 0 { self.flags } else { flags };
        let mut machine = Machine { limits: &self.limits, flags, context, observer, untold: 0 };
        let unlock_pushes = is_push_only(unlock);
        let failure = |part, at, error| Failure { part, at, opcode: None, error };
        if machine.on(rules::SIGPUSHONLY) && !unlock_pushes {
            return Err(failure(Part::Unlock, 0, ScriptError::SigPushOnly));
        }
        let mut stack = Stack::with_room(16);
        machine.part(Part::Unlock, unlock, &mut stack, false)?;
        let redeemed = (machine.on(rules::P2SH) && template::is_script_hash(lock)).then(|| stack.copy());
        machine.part(Part::Lock, lock, &mut stack, true)?;

        let mut left = stack.len();
        if let Some(mut stack) = redeemed {
            if !unlock_pushes {
                return Err(failure(Part::Unlock, 0, ScriptError::SigPushOnly));
            }
            let redeem = stack.pop().map_err(|error| failure(Part::Redeem, 0, error))?;
            // Elements of the inner script live as long as the element that holds it.
            let mut stack: Stack<'_> = stack;
            machine.part(Part::Redeem, redeem.bytes(), &mut stack, true)?;
            left = stack.len();
        }
        if machine.on(rules::CLEANSTACK) && left != 1 {
            return Err(failure(Part::Lock, lock.len(), ScriptError::CleanStack { found: left }));
        }
        Ok(())
    }

    fn answer(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        observer: impl Observer,
    ) -> Result<(), Reject> {
        match rules::unknown(flags) {
            0 => self.spend(lock, unlock, flags, context, observer).map_err(Reject::from),
            unknown => Err(Reject::Fault(format!("expected flags of known script rules, found {unknown:#x}"))),
        }
    }
}

impl<O: Observer> Machine<'_, O> {
    /// Runs one script of the spend. The locking and the redeeming script must leave a true value.
    fn part<'s>(&mut self, part: Part, script: &'s [u8], stack: &mut Stack<'s>, last: bool) -> Result<(), Failure> {
        let mut at = 0;
        let mut result = self.eval(script, stack, last, &mut at);
        result = result.and_then(|()| self.tell_work());
        if part != Part::Unlock && result.is_ok() && !stack.peek(0).is_ok_and(|top| top.is_true()) {
            result = Err(ScriptError::EvalFalse);
        }
        result.map_err(|error| Failure { part, at, opcode: script.get(at).copied(), error })
    }
}

/// Passes every step to a function.
struct Tracer<'o>(&'o mut dyn FnMut(Step));

impl Observer for Tracer<'_> {
    fn step(&mut self, instruction: Instruction<'_>, stack: &[Element<'_>]) {
        let stack = stack.iter().map(|element| element.bytes().to_vec()).collect();
        self.0(Step { operation: assembler::word(instruction), stack });
    }
}

impl Plugin for StackVm {
    const NAME: &'static str = "stack-vm";
    const ABOUT: &'static str = "A stack machine for spending conditions, in the shape of Bitcoin's script.";
    const PARAMS: &'static [(&'static str, &'static str)] = &[
        ("rules", "names of the optional rules that are on, as Bitcoin Core calls them"),
        ("max_script_bytes", "the longest script, in bytes"),
        ("max_element_bytes", "the longest element of the stack, in bytes; keys and signatures must fit"),
        (
            "max_operations",
            "the most operations in a script, so also the most signatures it checks; pushes do not count, keys of CHECKMULTISIG do",
        ),
        ("max_stack", "the most elements on both stacks together"),
        ("max_multisig_keys", "the most keys of one CHECKMULTISIG"),
    ];
    const PROVIDES: &'static [&'static str] = &["script.owners"];
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        Ok(StackVm {
            flags: rules::flags(&params.rules).map_err(|why| format!("rules: {why}"))?,
            limits: Limits {
                max_script_bytes: params.max_script_bytes,
                max_element_bytes: params.max_element_bytes,
                max_operations: params.max_operations,
                max_stack: params.max_stack,
                max_multisig_keys: params.max_multisig_keys,
            },
        })
    }
}

impl Script for StackVm {
    fn run(&self, lock: &[u8], unlock: &[u8], flags: u32, context: &mut dyn SpendContext) -> Result<(), Reject> {
        self.answer(lock, unlock, flags, context, ())
    }

    fn trace(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        observer: &mut dyn FnMut(Step),
    ) -> Result<(), Reject> {
        self.answer(lock, unlock, flags, context, Tracer(observer))
    }

    fn lock(&self, who: &Address) -> Vec<u8> {
        template::pay_to_key_hash(who)
    }

    fn request(&self, lock: &[u8]) -> Vec<u8> {
        crypto::request(SIGHASH_ALL, lock)
    }

    fn unlock(&self, key: &[u8], signature: &[u8]) -> Vec<u8> {
        let mut unlock = Vec::with_capacity(signature.len() + key.len() + 7);
        push(&mut unlock, &[signature, &[SIGHASH_ALL]].concat());
        push(&mut unlock, key);
        unlock
    }

    fn owner(&self, lock: &[u8]) -> Option<Address> {
        template::key_hash(lock)
    }

    fn assemble(&self, text: &str) -> Result<Vec<u8>, String> {
        assembler::assemble(text)
    }

    fn disassemble(&self, script: &[u8]) -> String {
        assembler::disassemble(script)
    }
}

fika_core::export!(script StackVm);
