//! What keeps an honest signer from signing twice.

use super::{Ctx, Effect};
use crate::codec::{Decode, Encode};

/// The name under which the last position is kept.
const NAME: &[u8] = b"signed";

/// Keeps a signer from signing two blocks for one *position*: a slot, a time step, a height or whatever else the rules
/// allow one block for.
///
/// Positions are numbers that grow with time. The guard gives each away at most once, in ascending order. The last one is
/// [kept](Effect::Keep), so that a signer that begins again does not sign for it once more.
///
/// ```
/// use fika_core::agent::SigningGuard;
/// use fika_core::testing::{Chain, Person};
///
/// let (chain, signer) = (Chain::new(0), Person::new(1));
/// let mut ctx = chain.ctx(0, &signer);
/// let mut guard = SigningGuard::default();
/// assert!(guard.sign(3, &mut ctx));
/// assert!(!guard.sign(3, &mut ctx) && !guard.sign(2, &mut ctx));
/// assert_eq!(guard.next(), 4);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SigningGuard {
    /// The first position that was not given away.
    next: u64,
}

impl SigningGuard {
    /// Takes over what was kept before a restart; to be called in [`Agent::restore`](super::Agent::restore).
    pub fn restore(&mut self, kept: &[(Vec<u8>, Vec<u8>)]) {
        let kept = kept.iter().find(|(name, _)| name == NAME);
        self.next = kept.and_then(|(_, next)| u64::from_bytes(next).ok()).unwrap_or(self.next);
    }

    /// The first position that may still be signed for.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether a block at `position` may be signed. If so, it counts as signed from now on.
    #[must_use]
    pub fn sign(&mut self, position: u64, ctx: &mut Ctx<'_>) -> bool {
        let free = position >= self.next;
        if free {
            self.next = position.saturating_add(1);
            ctx.effect(Effect::Keep(NAME.to_vec(), self.next.to_bytes()));
        }
        free
    }
}
