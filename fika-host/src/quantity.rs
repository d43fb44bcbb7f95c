//! Numbers with units, exact to the base unit.

/// A family of units: `"2 h"`, `"20 kH/s"`.
pub(crate) struct Quantity {
    pub(crate) noun: &'static str,
    pub(crate) example: &'static str,
    units: &'static [(&'static str, u128)],
}

/// In microseconds.
pub(crate) static DURATION: Quantity = Quantity {
    noun: "duration",
    example: "1 s",
    units: &[
        ("us", 1),
        ("ms", 1_000),
        ("s", 1_000_000),
        ("min", 60_000_000),
        ("h", 3_600_000_000),
        ("d", 86_400_000_000),
    ],
};

/// In hashes per second.
pub(crate) static HASH_RATE: Quantity = Quantity {
    noun: "hash rate",
    example: "20 kH/s",
    units: &[
        ("H/s", 1),
        ("kH/s", 1_000),
        ("MH/s", 1_000_000),
        ("GH/s", 1_000_000_000),
        ("TH/s", 1_000_000_000_000),
        ("PH/s", 1_000_000_000_000_000),
        ("EH/s", 1_000_000_000_000_000_000),
        ("ZH/s", 1_000_000_000_000_000_000_000),
    ],
};

/// The highest hash rate, in hashes per second: a million ZH/s.
pub(crate) const HASH_RATE_MAX: u128 = 10u128.pow(27);

/// In bytes.
pub(crate) static BYTES: Quantity = Quantity {
    noun: "size",
    example: "1 MB",
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
    ],
};

/// In thousandths of an event per day, in which one per second, minute and hour are whole numbers.
pub(crate) static RATE: Quantity =
    Quantity { noun: "rate", example: "2 /s", units: &[("/s", 86_400_000), ("/min", 1_440_000), ("/h", 24_000)] };

/// In millionths.
pub(crate) static SHARE: Quantity = Quantity { noun: "share", example: "5 %", units: &[("%", 10_000)] };

/// In bits per second.
pub(crate) static BITS: Quantity = Quantity {
    noun: "bit rate",
    example: "20 Mbit/s",
    units: &[("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)],
};

/// What a line without a limit has in place of bits per second.
pub(crate) const NO_LIMIT: u64 = 0;

/// `5 Mbit/s` in bits per second, or [`NO_LIMIT`] for `none`. Nothing passes a line of 0 bit/s, so that it is none.
pub(crate) fn bit_rate(text: &str) -> Result<u64, String> {
    if text.trim() == "none" {
        return Ok(NO_LIMIT);
    }
    above_zero(BITS.parse(text)?)
}

/// A number of bits per second that is a rate.
pub(crate) fn above_zero(bps: u64) -> Result<u64, String> {
    Some(bps).filter(|bps| *bps > 0).ok_or("expected more than 0 bit/s; write none where there is no limit".into())
}

/// In parts per million.
pub(crate) static DRIFT: Quantity = Quantity { noun: "drift", example: "20 ppm", units: &[("ppm", 1), ("%", 10_000)] };

impl Quantity {
    /// `"1.5 s"` in base units.
    pub(crate) fn parse(&self, text: &str) -> Result<u64, String> {
        narrow(self.parse_wide(text)?)
    }

    /// The same beyond 64 bits.
    fn parse_wide(&self, text: &str) -> Result<u128, String> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let known = self.units.iter().find(|(name, _)| *name == unit.trim());
        let Some((_, scale)) = known.filter(|_| !number.is_empty()) else { return Err(self.expected()) };
        scaled(number, *scale, || self.whole())
    }

    /// The same, or a plain number as programs write it (`0.25`, `3e6`), in units of `plain` base units. Also whether
    /// it was rounded: a plain number is to the nearest base unit, if that changes it by at most a thousandth.
    ///
    /// # Errors
    /// What was expected, also where rounding would change the number by more.
    pub(crate) fn parse_foreign(&self, text: &str, plain: u64) -> Result<(u64, bool), String> {
        const LARGEST: f64 = 1e15;
        let Ok(number) = text.trim().parse::<f64>() else { return Ok((self.parse(text)?, false)) };
        if !(0.0..=LARGEST).contains(&number) {
            return Err(format!("expected a number from 0 to {LARGEST}"));
        }
        let value = number * plain as f64;
        let whole = value.round();
        let change = (value - whole).abs();
        if change > whole / 1_000.0 {
            return Err(self.whole());
        }
        // Less than this is how a computer writes a decimal number.
        Ok((whole as u64, change > value * 1e-9))
    }

    /// The same, with a `-` before what is below zero.
    pub(crate) fn parse_signed(&self, text: &str) -> Result<i64, String> {
        let (text, sign) = text.trim().strip_prefix('-').map_or((text, 1), |text| (text, -1));
        // No number with a unit goes beyond what is signed.
        Ok(self.parse(text)? as i64 * sign)
    }

    /// A whole number of the largest unit that gives one.
    pub(crate) fn text(&self, value: u64) -> String {
        let whole = self.units.iter().rev().find(|(_, scale)| u128::from(value) % scale == 0 && value > 0);
        let (unit, scale) = whole.or(self.units.first()).copied().unwrap_or(("", 1));
        format!("{} {unit}", u128::from(value) / scale)
    }

    /// Whether this is one of its units.
    pub(crate) fn has_unit(&self, unit: &str) -> bool {
        self.units.iter().any(|(name, _)| *name == unit)
    }

    /// That a number is finer than the base unit.
    fn whole(&self) -> String {
        match self.units.iter().find(|(_, scale)| *scale == 1) {
            Some((unit, _)) => format!("expected a whole number of {unit}"),
            None => "expected fewer decimals".into(),
        }
    }

    /// What should have stood there.
    pub(crate) fn expected(&self) -> String {
        let units: Vec<_> = self.units.iter().map(|(name, _)| *name).collect();
        format!("expected a {} such as \"{}\" (units: {})", self.noun, self.example, units.join(", "))
    }
}

/// `"700 EH/s"` in hashes per second.
pub(crate) fn hash_rate(text: &str) -> Result<u128, String> {
    match HASH_RATE.parse_wide(text)? {
        rate if rate <= HASH_RATE_MAX => Ok(rate),
        _ => Err("expected a smaller number".into()),
    }
}

/// `5 %` or `0.05` in millionths, at most all.
pub(crate) fn share(text: &str) -> Result<u64, String> {
    let expected = || "expected a share from 0 to 1 such as \"5 %\" or 0.05".to_string();
    let share = if text.contains('%') {
        SHARE.parse(text)?
    } else {
        scaled(text, 1_000_000, expected).and_then(narrow).map_err(|_| expected())?
    };
    if share <= 1_000_000 { Ok(share) } else { Err(expected()) }
}

/// `0.5` or `150 %` in millionths, at most a million.
pub(crate) fn factor(text: &str) -> Result<u64, String> {
    let expected = || "expected a factor from 0 to 1000000 such as 0.5 or \"150 %\"".to_string();
    let factor = match text.contains('%') {
        true => SHARE.parse(text),
        false => scaled(text, 1_000_000, expected).and_then(narrow),
    };
    factor.ok().filter(|factor| *factor <= 1_000_000_000_000).ok_or_else(expected)
}

/// What 63 bits can hold. The sign bit stays free: TOML and the ledger's differences are signed.
fn narrow(value: u128) -> Result<u64, String> {
    u64::try_from(value).ok().filter(|value| *value <= i64::MAX as u64).ok_or("expected a smaller number".into())
}

/// A decimal number times `scale`, exactly; the error `whole_number` if that has a fraction.
fn scaled(number: &str, scale: u128, whole_number: impl Fn() -> String) -> Result<u128, String> {
    let plain = || "expected a decimal number such as 2 or 0.5".to_string();
    let digits = number.trim().replace('_', "");
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) || digits.ends_with('.') {
        return Err(plain());
    }
    let part = part.trim_end_matches('0');
    if whole.len() > 28 || part.len() > 15 || whole.len() + part.len() > 38 {
        return Err("expected fewer digits".into());
    }
    let power = 10_u128.pow(part.len() as u32);
    let value: u128 = format!("{whole}{part}").parse().map_err(|_| plain())?;
    let value = value.checked_mul(scale).ok_or("expected a smaller number")?;
    if value % power != 0 {
        return Err(whole_number());
    }
    Ok(value / power)
}
