//! What keeps an honest signer from signing twice.

use crate::header::Time;

/// Keeps a signer from signing two blocks for one *position*: a slot, a time step, a height or whatever else the rules
/// allow one block for.
///
/// Positions are numbers that grow with time. The guard gives each away at most once, in ascending order. It gives none
/// that began before it first looked at the clock: the same signer may have used it before a restart.
///
/// ```
/// use fika_core::agent::SigningGuard;
///
/// // A slot begins every 10 seconds. The signer starts at second 25, in the middle of slot 2.
/// let first_slot_from = |seconds: u64| seconds.div_ceil(10);
/// let mut guard = SigningGuard::default();
/// assert_eq!(guard.first(25, first_slot_from), 3);
/// assert!(guard.sign(3));
/// assert!(!guard.sign(3) && !guard.sign(2));
/// assert_eq!(guard.first(34, first_slot_from), 4);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SigningGuard {
    /// When it first looked.
    since: Option<Time>,
    /// The last position that was signed for.
    signed: Option<u64>,
}

impl SigningGuard {
    /// The first position that may still be signed for. `at_or_after` gives the first position that begins at the time
    /// that it is asked for, or later.
    pub fn first(&mut self, now: Time, at_or_after: impl FnOnce(Time) -> u64) -> u64 {
        let since = *self.since.get_or_insert(now);
        at_or_after(since).max(self.signed.map_or(0, |signed| signed.saturating_add(1)))
    }

    /// Whether a block at `position` may be signed. If so, it counts as signed from now on.
    #[must_use]
    pub fn sign(&mut self, position: u64) -> bool {
        let free = self.signed.is_none_or(|signed| position > signed);
        if free {
            self.signed = Some(position);
        }
        free
    }
}
