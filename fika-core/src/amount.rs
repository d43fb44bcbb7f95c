//! Amounts of money: whole base units, never fractions, never floats.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount in base units; [`COIN`] of them make one coin.
///
/// Arithmetic is checked: operators panic on overflow because no rule may reach it, and
/// [`Amount::checked_add`] and [`Amount::checked_sub`] are there for what peers send.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct Amount(pub u64);

/// Base units in one coin.
pub const COIN: Amount = Amount(100_000_000);

/// No amount in a transaction, and no sum of a block's amounts, may exceed this: 63 bits, as whole numbers of files have.
pub const MAX_AMOUNT: Amount = Amount(i64::MAX as u64);

/// No more can exist: totals (of an owner, of all) have 64 bits. That is 184,467,440,737 coins; all of Dogecoin's are fewer.
pub const MAX_TOTAL: Amount = Amount(u64::MAX);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// `n` whole coins.
    pub const fn coins(n: u64) -> Amount {
        Amount(n * COIN.0)
    }

    /// The sum, unless it exceeds [`MAX_AMOUNT`].
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount).filter(|sum| *sum <= MAX_AMOUNT)
    }

    /// The difference, unless it is negative.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The sum of `amounts`, unless it exceeds [`MAX_AMOUNT`].
    pub fn checked_sum(amounts: impl IntoIterator<Item = Amount>) -> Option<Amount> {
        amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add)
    }
}

impl std::ops::Add for Amount {
    type Output = Amount;
    fn add(self, other: Amount) -> Amount {
        Amount(self.0.checked_add(other.0).expect("amounts stay below 2^64"))
    }
}

impl std::ops::Sub for Amount {
    type Output = Amount;
    fn sub(self, other: Amount) -> Amount {
        Amount(self.0.checked_sub(other.0).expect("a difference of amounts is not negative"))
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Amount {
    fn sub_assign(&mut self, other: Amount) {
        *self = *self - other;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::ZERO, |sum, amount| sum + amount)
    }
}

/// Coins with as many decimals as are needed: `40`, `0.5`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / COIN.0, self.0 % COIN.0);
        if part == 0 {
            return f.pad(&whole.to_string());
        }
        f.pad(format!("{whole}.{part:08}").trim_end_matches('0'))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads coins with up to eight decimals: `40`, `0.5`.
impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Amount, String> {
        let wrong = || format!("expected coins with up to 8 decimals such as 40 or 0.5, found {text:?}");
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 8 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<8}").parse().map_err(|_| wrong())?;
        let amount = whole.checked_mul(COIN.0).and_then(|units| units.checked_add(part)).map(Amount);
        amount.filter(|a| *a <= MAX_AMOUNT).ok_or_else(|| format!("expected at most {MAX_AMOUNT} coins, found {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_are_read_and_shown_alike() {
        for text in ["0", "40", "0.5", "1.00000001", "92233720368.54775807"] {
            assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
        }
        for text in ["", ".", "-1", "1.", "1.000000001", "92233720368.54775808", "1e3", "+1"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }
}
