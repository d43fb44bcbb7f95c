//! Hashes and signatures.

use std::borrow::Cow;

use fika_core::hash::{Id, hash160, ripemd160, sha256, sha256d};
use sha1::{Digest, Sha1};

use crate::element::Element;
use crate::encoding;
use crate::error::{ScriptError, ensure};
use crate::instruction::{Instruction, Instructions};
use crate::machine::{Frame, Machine, Observer};
use crate::opcode as op;
use crate::rules;
use crate::stack::Stack;

/// The request for the digest that a signature of `hash_type` signs. `signed` is the script, or the part of it, that
/// the signature commits to.
pub(crate) fn request(hash_type: u8, signed: &[u8]) -> Vec<u8> {
    let mut request = Vec::with_capacity(1 + signed.len());
    request.push(hash_type);
    request.extend_from_slice(signed);
    request
}

/// What `signatures` sign of `code`: all but pushes of themselves, since no signature can sign itself.
fn signed_by<'c>(code: &'c [u8], signatures: &[Element<'_>]) -> Cow<'c, [u8]> {
    let is_signature = |push: &Instruction<'_>| signatures.iter().any(|signature| push.is_push_of(signature.bytes()));
    let mut instructions = Instructions { rest: code };
    if !instructions.clone().map_while(Result::ok).any(|instruction| is_signature(&instruction)) {
        return Cow::Borrowed(code);
    }
    let mut signed = Vec::with_capacity(code.len());
    while let Some(Ok(instruction)) = instructions.next() {
        if !is_signature(&instruction) {
            signed.extend_from_slice(instruction.bytes);
        }
    }
    // A push that the end of the script cuts off.
    signed.extend_from_slice(instructions.rest);
    Cow::Owned(signed)
}

/// The last digest and its hash type. The signatures of one operation all sign the same script, so
/// one digest serves many.
type Asked = Option<(u8, Id)>;

/// The steps of a hash of nothing.
const HASH_STEPS: usize = 4;
/// Bytes that are hashed, or searched for a signature, in a step.
const BYTES_PER_STEP: usize = 16;

impl<O: Observer> Machine<'_, O> {
    /// Replaces the top of the stack with its hash.
    pub(crate) fn hash(&mut self, opcode: u8, stack: &mut Stack<'_>) -> Result<(), ScriptError> {
        let top = stack.pop()?;
        let data = top.bytes();
        self.work(HASH_STEPS + data.len() / BYTES_PER_STEP)?;
        stack.push(match opcode {
            op::RIPEMD160 => Element::made(&ripemd160(data)),
            op::SHA1 => Element::made(&Sha1::digest(data)),
            op::SHA256 => Element::made(&sha256(&[data]).0),
            op::HASH160 => Element::made(&hash160(data)),
            _ => Element::made(&sha256d(&[data]).0),
        });
        Ok(())
    }

    /// Whether the signature, whose last byte is its hash type, holds.
    ///
    /// `must_hold` says that the spend fails if the answer is false. Only then may the answer be a
    /// guess of true that is verified later: a spend that passes on a wrong guess is run again, but
    /// one that fails on it is not.
    fn holds(&mut self, signature: &[u8], key: &[u8], signed: &[u8], must_hold: bool, asked: &mut Asked) -> bool {
        let Some((&hash_type, signature)) = signature.split_last() else {
            return false;
        };
        let digest = match *asked {
            Some((known, digest)) if known == hash_type => digest,
            _ => self.context.digest(&request(hash_type, signed)),
        };
        *asked = Some((hash_type, digest));
        if must_hold {
            self.context.verify(0, key, &digest, signature)
        } else {
            self.context.verify_now(0, key, &digest, signature)
        }
    }

    /// Whether a false result of the operation just read fails the spend: it says VERIFY, or
    /// its result is what the last script leaves on top.
    fn decides(&self, verify: bool, frame: &Frame<'_>) -> bool {
        verify || (frame.last && frame.code.rest.is_empty())
    }

    pub(crate) fn check_signature(
        &mut self,
        opcode: u8,
        stack: &mut Stack<'_>,
        frame: &Frame<'_>,
    ) -> Result<(), ScriptError> {
        let verify = opcode == op::CHECKSIGVERIFY;
        let (signature, key) = (stack.peek(1)?, stack.peek(0)?);
        stack.drop_top(2)?;
        encoding::check(signature.bytes(), key.bytes(), self.flags)?;
        let must_hold = self.decides(verify, frame);
        self.work(frame.signed.len() / BYTES_PER_STEP)?;
        let signed = signed_by(frame.signed, &[signature]);
        let holds = self.holds(signature.bytes(), key.bytes(), &signed, must_hold, &mut None);
        ensure(holds || !self.on(rules::NULLFAIL) || signature.bytes().is_empty(), ScriptError::NullFail)?;
        if verify {
            return ensure(holds, ScriptError::CheckSigVerify);
        }
        stack.push(Element::truth(holds));
        Ok(())
    }

    /// From the top: the number of keys, the keys, the number of signatures, the signatures, and
    /// one element that is dropped. Signatures must be in the order of their keys.
    pub(crate) fn check_signatures(
        &mut self,
        opcode: u8,
        stack: &mut Stack<'_>,
        frame: &mut Frame<'_>,
    ) -> Result<(), ScriptError> {
        let verify = opcode == op::CHECKMULTISIGVERIFY;
        let limit = self.limits.max_multisig_keys;
        let found = self.number(stack.at(0)?, crate::arithmetic::OPERAND_BYTES)?;
        let key_count =
            u32::try_from(found).ok().filter(|n| *n <= limit).ok_or(ScriptError::PubkeyCount { limit, found })?;
        frame.operations = frame.operations.saturating_add(key_count);
        let limit = self.limits.max_operations;
        ensure(frame.operations <= limit, ScriptError::OpCount { limit })?;
        let key_count = key_count as usize;

        let found = self.number(stack.at(1 + key_count)?, crate::arithmetic::OPERAND_BYTES)?;
        let keys = key_count as i64;
        ensure((0..=keys).contains(&found), ScriptError::SigCount { keys, found })?;
        let signature_count = found as usize;
        let all = 2 + key_count + signature_count;
        stack.at(all)?;

        self.work(signature_count.max(1) * frame.signed.len() / BYTES_PER_STEP)?;
        let signatures = &stack.elements()[stack.len() - all..][..signature_count];
        let signed = signed_by(frame.signed, signatures);
        let (mut keys_left, mut signatures_left) = (key_count, signature_count);
        let decides = self.decides(verify, frame);
        let mut asked = None;
        while 0 < signatures_left && signatures_left <= keys_left {
            let signature = stack.peek(2 + key_count + signature_count - signatures_left)?;
            let key = stack.peek(1 + key_count - keys_left)?;
            encoding::check(signature.bytes(), key.bytes(), self.flags)?;
            // With a key to spare, a signature may well not belong to the key that it is tried with.
            let must_hold = decides && signatures_left == keys_left;
            if self.holds(signature.bytes(), key.bytes(), &signed, must_hold, &mut asked) {
                signatures_left -= 1;
            }
            keys_left -= 1;
        }
        let holds = signatures_left == 0;
        if !holds && self.on(rules::NULLFAIL) {
            for n in 0..signature_count {
                ensure(stack.at(2 + key_count + n)?.bytes().is_empty(), ScriptError::NullFail)?;
            }
        }
        stack.drop_top(all)?;
        let dropped = stack.pop()?;
        ensure(dropped.bytes().is_empty() || !self.on(rules::NULLDUMMY), ScriptError::SigNullDummy)?;
        if verify {
            return ensure(holds, ScriptError::CheckMultisigVerify);
        }
        stack.push(Element::truth(holds));
        Ok(())
    }
}
