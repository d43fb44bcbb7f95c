//! What the checks and the producer share.

use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};

use crate::schedule::Schedule;

/// The rules of one chain.
pub(crate) struct Rules {
    pub(crate) env: Env,
    pub(crate) schedule: Schedule,
}

/// What the producer of `block` signs.
pub(crate) fn digest(block: &Id) -> Id {
    domain_hash("fika-pos block", &[&block.0])
}
