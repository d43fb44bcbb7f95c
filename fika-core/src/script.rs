//! Scripts: the conditions under which a coin may be spent.
//!
//! A coin carries a *locking* script; the input that spends it carries an *unlocking* script.
//! For every spend that a transaction format names, the node calls [`Script::run`] with both.
//! The script asks back through a [`SpendContext`] for what depends on the transaction (the
//! digest to be signed, the lock time) and on the key scheme (verification, addresses). The
//! node's wallet uses [`Script::lock`] and [`Script::unlock`] for ordinary payments and
//! [`Script::owner`] to see whose a coin is.

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::coded_struct;
use crate::hash::Id;
use crate::reject::{Reject, ensure};

/// What the spending transaction says about the input that is being proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct InputFacts {
    /// Version of the spending transaction.
    pub version: u32,
    /// Its lock time (BIP 65), 0 when the format has none.
    pub lock_time: u32,
    /// The input's sequence number (BIP 68, BIP 112).
    pub sequence: u32,
    /// The amount of the coin being spent.
    pub amount: Amount,
}

/// What a script may ask while it runs. Answered by the node, from the transaction format and the key scheme.
pub trait SpendContext {
    /// The digest that a signature in this input signs. What `request` means is between the
    /// script and the transaction format; the stock ones use one byte of hash type, then the script code.
    fn digest(&mut self, request: &[u8]) -> Id;
    /// Whether the signature holds. When the node collects a batch it may answer true and run
    /// the script again later should the signature turn out false.
    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool;
    /// The same for scripts that try pairs which need not match: always answered exactly, at once.
    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool;
    /// The address of a public key.
    fn address(&mut self, key: &[u8]) -> Address;
    /// What the transaction says about this input.
    fn facts(&self) -> InputFacts;
    /// The script tells that it does so much work beside its signatures: a step for each operation, and one for each 64
    /// bytes that it hashes or searches. Answers whether the transaction's budget, which follows from its bytes, suffices.
    /// Once the answer is no the spend is refused, whatever the script says. Signatures and digests are counted without
    /// this.
    fn step(&mut self, steps: u64) -> bool {
        let _ = steps;
        true
    }
}

/// One step of a traced run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The operation in the assembler's notation.
    pub operation: String,
    /// The stack after it, top last.
    pub stack: Vec<Vec<u8>>,
}

coded_struct!(Step { operation; stack });

/// A language of spending conditions. Pure: the same inputs give the same answer on every machine.
pub trait Script: Send + Sync {
    /// Runs `unlock`, then `lock`, under the rules that `flags` turns on (0: all that this chain has).
    ///
    /// # Errors
    /// [`Reject::Invalid`] with the broken rule when the spend is not allowed or a limit is
    /// exceeded. Must end in bounded time for any input, and tell its work by [`SpendContext::step`].
    fn run(&self, lock: &[u8], unlock: &[u8], flags: u32, context: &mut dyn SpendContext) -> Result<(), Reject>;

    /// As [`run`](Script::run), telling `observer` every step.
    ///
    /// # Errors
    /// As [`run`](Script::run).
    fn trace(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        observer: &mut dyn FnMut(Step),
    ) -> Result<(), Reject>;

    /// The standard locking script of payments to `who`.
    fn lock(&self, who: &Address) -> Vec<u8>;

    /// The request whose digest the wallet signs to spend a coin locked with `lock`.
    fn request(&self, lock: &[u8]) -> Vec<u8>;

    /// The unlocking script that spends a coin with a standard lock.
    fn unlock(&self, key: &[u8], signature: &[u8]) -> Vec<u8>;

    /// Whose coin a standard `lock` makes it; `None` for any other lock (its coins count as unowned).
    fn owner(&self, lock: &[u8]) -> Option<Address>;

    /// Reads the notation of people.
    ///
    /// # Errors
    /// Names the word that is not understood.
    fn assemble(&self, text: &str) -> Result<Vec<u8>, String>;

    /// Writes the notation of people. Works for any bytes.
    fn disassemble(&self, script: &[u8]) -> String;
}

/// The smallest script: a lock is an address, and an unlock is one byte of key length, the key
/// and a signature by it. A template for authors and a test double.
pub struct PayToAddress;

impl PayToAddress {
    fn split(unlock: &[u8]) -> Option<(&[u8], &[u8])> {
        let (&len, rest) = unlock.split_first()?;
        rest.split_at_checked(len.into())
    }
}

impl Script for PayToAddress {
    fn run(&self, lock: &[u8], unlock: &[u8], _: u32, context: &mut dyn SpendContext) -> Result<(), Reject> {
        let (key, signature) = Self::split(unlock).ok_or_else(|| Reject::invalid("expected a key and a signature"))?;
        ensure(context.address(key).0 == lock, || "the key does not belong to the address that the coin is locked to")?;
        let digest = context.digest(&[]);
        ensure(context.verify(0, key, &digest, signature), || "the signature does not hold")
    }

    fn trace(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        observer: &mut dyn FnMut(Step),
    ) -> Result<(), Reject> {
        observer(Step { operation: self.disassemble(lock), stack: vec![unlock.to_vec()] });
        self.run(lock, unlock, flags, context)
    }

    fn lock(&self, who: &Address) -> Vec<u8> {
        who.0.to_vec()
    }

    fn request(&self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn unlock(&self, key: &[u8], signature: &[u8]) -> Vec<u8> {
        let len = u8::try_from(key.len()).expect("keys of this script have at most 255 bytes");
        [&[len], key, signature].concat()
    }

    fn owner(&self, lock: &[u8]) -> Option<Address> {
        Some(Address(lock.try_into().ok()?))
    }

    fn assemble(&self, text: &str) -> Result<Vec<u8>, String> {
        Ok(text.parse::<Address>()?.0.to_vec())
    }

    fn disassemble(&self, script: &[u8]) -> String {
        crate::hash::to_hex(script)
    }
}
