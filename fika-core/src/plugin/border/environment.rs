//! What a plugin is made with.

use std::sync::Arc;

use abi_stable::StableAbi;

use super::keys::{KeysTable, Shared};
use super::remote::{Handle, Remote};
use super::wire::{Bytes, Crosses, decoded, with_buffer};
use crate::codec::{Decode, Encode};
use crate::env::{ChainParams, Env};
use crate::keys::KeyScheme;

/// The environment of a plugin.
pub(crate) enum Environment {}

/// [`Env`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct EnvWire {
    chain: Bytes,
    keys: Handle<KeysTable>,
}

impl Crosses for Environment {
    type Wire = EnvWire;
}

impl Environment {
    pub(super) fn send<R>(env: &Env, call: impl FnOnce(EnvWire) -> R) -> R {
        let keys: Box<dyn KeyScheme> = Box::new(Shared(env.keys.clone()));
        with_buffer(
            |buffer| env.chain.encode(buffer),
            |chain| call(EnvWire { chain: Bytes::of(chain), keys: Handle::give(keys) }),
        )
    }

    /// # Safety
    /// The other side's environment is alive during `call`, and its keys are given with it.
    pub(super) unsafe fn receive<R>(wire: EnvWire, call: impl FnOnce(&Env) -> R) -> R {
        // SAFETY: promised by the caller.
        let (chain, keys) = unsafe { (wire.chain.get(), Remote::take(wire.keys)) };
        call(&Env { chain: decoded(ChainParams::from_bytes(chain)), keys: Arc::new(keys) })
    }
}
