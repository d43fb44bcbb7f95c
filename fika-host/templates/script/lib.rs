//! __Name__: who may spend a coin, and from when on.
//!
//! A lock is an address, or an address and a lock time in four bytes, little endian. An unlock is
//! one byte of key length, the key, and a signature by it. People write
//! `2f0c..9a` or `2f0c..9a after 500`.

use fika_core::address::Address;
use fika_core::env::Env;
use fika_core::hash::to_hex;
use fika_core::plugin::Plugin;
use fika_core::reject::{Reject, ensure};
use fika_core::script::{Script, SpendContext, Step};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The table `[script.__name__]` of an experiment: no keys yet.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {}

/// The language.
pub struct __Name__;

impl Plugin for __Name__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "an address, and a time from which on it may spend";
    const PROVIDES: &'static [&'static str] = &["script.owners"];
    type Params = Params;

    fn new(_: Params, _: &Env) -> Result<Self, String> {
        Ok(__Name__)
    }
}

/// What a lock says: who may spend, and the lowest lock time of the spending transaction.
fn read(lock: &[u8]) -> Option<(Address, Option<u32>)> {
    let (who, rest) = lock.split_first_chunk::<20>()?;
    match rest {
        [] => Some((Address(*who), None)),
        _ => Some((Address(*who), Some(u32::from_le_bytes(rest.try_into().ok()?)))),
    }
}

impl Script for __Name__ {
    fn run(&self, lock: &[u8], unlock: &[u8], flags: u32, context: &mut dyn SpendContext) -> Result<(), Reject> {
        self.trace(lock, unlock, flags, context, &mut |_| {})
    }

    fn trace(
        &self,
        lock: &[u8],
        unlock: &[u8],
        _: u32,
        context: &mut dyn SpendContext,
        observer: &mut dyn FnMut(Step),
    ) -> Result<(), Reject> {
        let (who, after) = read(lock).ok_or_else(|| Reject::invalid("expected a lock of 20 or 24 bytes"))?;
        let mut step = |operation: &str, stack: Vec<Vec<u8>>| observer(Step { operation: operation.into(), stack });
        if let Some(after) = after {
            let found = context.facts().lock_time;
            step("after", vec![after.to_le_bytes().to_vec(), found.to_le_bytes().to_vec()]);
            ensure(found >= after, || format!("expected a lock time of at least {after}, found {found}"))?;
        }
        let parts = unlock.split_first().and_then(|(&len, rest)| rest.split_at_checked(len.into()));
        let (key, signature) = parts.ok_or_else(|| Reject::invalid("expected a key and a signature"))?;
        step("address", vec![who.0.to_vec(), key.to_vec()]);
        ensure(context.address(key) == who, || format!("expected a key of {who}"))?;
        step("signature", vec![key.to_vec(), signature.to_vec()]);
        let digest = context.digest(&self.request(lock));
        ensure(context.verify(0, key, &digest, signature), || "the signature does not hold")
    }

    fn lock(&self, who: &Address) -> Vec<u8> {
        who.0.to_vec()
    }

    fn request(&self, lock: &[u8]) -> Vec<u8> {
        // One byte of hash type (1: sign everything), then what the digest also covers.
        [&[1], lock].concat()
    }

    fn unlock(&self, key: &[u8], signature: &[u8]) -> Vec<u8> {
        let len = u8::try_from(key.len()).expect("keys of this script have at most 255 bytes");
        [&[len], key, signature].concat()
    }

    fn owner(&self, lock: &[u8]) -> Option<Address> {
        read(lock).filter(|(_, after)| after.is_none()).map(|(who, _)| who)
    }

    fn assemble(&self, text: &str) -> Result<Vec<u8>, String> {
        let (who, after) = text.split_once(" after ").map_or((text, None), |(who, after)| (who, Some(after)));
        let mut lock = who.trim().parse::<Address>()?.0.to_vec();
        if let Some(after) = after {
            let after: u32 = after.trim().parse().map_err(|_| format!("expected a lock time, found {after}"))?;
            lock.extend(after.to_le_bytes());
        }
        Ok(lock)
    }

    fn disassemble(&self, script: &[u8]) -> String {
        match read(script) {
            Some((who, None)) => who.to_string(),
            Some((who, Some(after))) => format!("{who} after {after}"),
            None => to_hex(script),
        }
    }
}

fika_core::export!(script __Name__);
