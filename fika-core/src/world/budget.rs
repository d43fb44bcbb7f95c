//! What proving the spends of one transaction may cost.
//!
//! A lock is paid for by the transaction that makes it and run by the one that spends it, so the length of a script
//! bounds nothing here. The budget follows from the bytes of the transaction that is validated. A block is then bounded
//! by its own bytes, and no second sum has to be kept when one is filled.

use thiserror::Error;

use crate::reject::Rule;

/// Bytes of a transaction for each signature check. Bitcoin has a sigop for every 50 units of weight, in a block (80,000 in
/// 4,000,000) as in an input (BIP 342). Here it is somewhat less, so that the shortest spend of 15 keys, the most
/// that P2SH has room for, may try them all.
const BYTES_PER_CHECK: u64 = 40;

/// Steps of scripts for each byte of a transaction. The smallest payments have about 85 bytes, so they may spend a
/// coin whose script has the 201 operations that Bitcoin allows.
const STEPS_PER_BYTE: u64 = 4;

/// Bytes that are looked at, copied or hashed for one step.
pub(super) const BYTES_PER_STEP: usize = 64;

/// The budget of a transaction is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BudgetError {
    /// Too many signature checks.
    #[error("expected at most {limit} signature checks in {bytes} bytes, found more")]
    Checks {
        /// What its bytes allow.
        limit: u64,
        /// Its length.
        bytes: u64,
    },
    /// Too many steps.
    #[error("expected at most {limit} script steps in {bytes} bytes, found more")]
    Steps {
        /// What its bytes allow.
        limit: u64,
        /// Its length.
        bytes: u64,
    },
}

impl Rule for BudgetError {
    fn code(&self) -> &'static str {
        match self {
            BudgetError::Checks { .. } => "bad-txns-too-many-sigops",
            BudgetError::Steps { .. } => "bad-txns-too-many-steps",
        }
    }
}

/// The signature checks of so many bytes. Any transaction may be signed.
fn checks_of(bytes: u64) -> u64 {
    (bytes / BYTES_PER_CHECK).max(1)
}

/// What is left of one transaction's budget.
pub(super) struct Meter {
    bytes: u64,
    checks: u64,
    steps: u64,
    over: Option<BudgetError>,
}

impl Meter {
    /// The whole budget of a transaction of so many bytes.
    pub(super) fn new(bytes: usize) -> Meter {
        let bytes = bytes as u64;
        Meter { bytes, checks: checks_of(bytes), steps: bytes.saturating_mul(STEPS_PER_BYTE), over: None }
    }

    /// Takes a signature check; whether there was one left.
    pub(super) fn check(&mut self) -> bool {
        match self.checks.checked_sub(1) {
            Some(left) => self.checks = left,
            None => {
                let limit = checks_of(self.bytes);
                self.over.get_or_insert(BudgetError::Checks { limit, bytes: self.bytes });
            }
        }
        self.over.is_none()
    }

    /// Takes so many steps; whether they were left.
    pub(super) fn step(&mut self, steps: u64) -> bool {
        match self.steps.checked_sub(steps) {
            Some(left) => self.steps = left,
            None => {
                self.steps = 0;
                let limit = self.bytes.saturating_mul(STEPS_PER_BYTE);
                self.over.get_or_insert(BudgetError::Steps { limit, bytes: self.bytes });
            }
        }
        self.over.is_none()
    }

    /// Takes the steps for going through so many bytes.
    pub(super) fn read(&mut self, bytes: usize) -> bool {
        self.step(1 + (bytes / BYTES_PER_STEP) as u64)
    }

    /// Whether the budget has sufficed so far.
    pub(super) fn so_far(&self) -> Result<(), BudgetError> {
        self.over.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_has_a_check_for_every_40_bytes_and_4_steps_for_each() {
        for (bytes, checks) in [(1, 1), (79, 1), (80, 2), (1_000, 25)] {
            let mut meter = Meter::new(bytes);
            assert!((0..checks).all(|_| meter.check()), "{bytes}");
            assert_eq!(meter.so_far(), Ok(()));
            assert!(!meter.check(), "{bytes}");
            assert_eq!(meter.so_far(), Err(BudgetError::Checks { limit: checks, bytes: bytes as u64 }));
            // What was exceeded first is what is told.
            assert!(!meter.step(u64::MAX));
            assert!(matches!(meter.so_far(), Err(BudgetError::Checks { .. })));
        }
        let mut meter = Meter::new(100);
        assert!(meter.step(399) && meter.step(1) && !meter.step(1) && !meter.step(0));
        assert_eq!(meter.so_far(), Err(BudgetError::Steps { limit: 400, bytes: 100 }));
        assert!(!Meter::new(10).read(40 * BYTES_PER_STEP));
    }
}
