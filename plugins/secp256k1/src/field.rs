//! Numbers modulo the prime of the curve, 2^256 - 2^32 - 977, for public keys that are made many at a time.
//!
//! How long an operation takes depends on the numbers.

use ruint::aliases::U256;

/// 2^256 less the prime: so much is a carry out of 256 bits worth.
const CARRY: u64 = (1 << 32) + 977;

const PRIME: U256 = U256::from_limbs([CARRY.wrapping_neg(), u64::MAX, u64::MAX, u64::MAX]);

/// A number below 2^256, the lowest 64 bits first: several stand for the same one modulo the prime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field([u64; 4]);

impl Field {
    pub(crate) const ONE: Field = Field([1, 0, 0, 0]);

    pub(crate) fn from_be_bytes(bytes: [u8; 32]) -> Field {
        Field(U256::from_be_bytes(bytes).into_limbs())
    }

    /// The least number that stands for it.
    fn least(self) -> U256 {
        let number = U256::from_limbs(self.0);
        if number >= PRIME { number - PRIME } else { number }
    }

    pub(crate) fn to_be_bytes(self) -> [u8; 32] {
        self.least().to_be_bytes()
    }

    /// The number that times this one is 1; of 0 it is 0.
    pub(crate) fn inverse(self) -> Field {
        Field(self.least().inv_mod(PRIME).unwrap_or_default().into_limbs())
    }

    #[inline(always)]
    pub(crate) fn minus(self, other: Field) -> Field {
        let mut borrow = false;
        let mut out: [u64; 4] = std::array::from_fn(|n| {
            let (word, next) = self.0[n].borrowing_sub(other.0[n], borrow);
            borrow = next;
            word
        });
        // What was borrowed is worth a carry. It may have to be borrowed again; then what is left is large.
        for _ in 0..2 {
            let less = CARRY * u64::from(borrow);
            (out[0], borrow) = out[0].overflowing_sub(less);
            for word in &mut out[1..] {
                (*word, borrow) = word.borrowing_sub(0, borrow);
            }
        }
        Field(out)
    }

    #[inline(always)]
    pub(crate) fn times(self, other: Field) -> Field {
        let mut product = [0; 8];
        for (n, word) in self.0.into_iter().enumerate() {
            let mut carry = 0;
            for (m, by) in other.0.into_iter().enumerate() {
                (product[n + m], carry) = word.carrying_mul_add(by, product[n + m], carry);
            }
            product[n + 4] = carry;
        }
        let mut carry = 0;
        let mut out: [u64; 4] = std::array::from_fn(|n| {
            let (word, next) = product[n + 4].carrying_mul_add(CARRY, product[n], carry);
            carry = next;
            word
        });
        // Twice, for the first time may end in a carry; then what is left is small.
        for _ in 0..2 {
            let (low, high) = carry.carrying_mul(CARRY, 0);
            let mut over;
            (out[0], over) = out[0].overflowing_add(low);
            (out[1], over) = out[1].carrying_add(high, over);
            (out[2], over) = out[2].carrying_add(0, over);
            (out[3], over) = out[3].carrying_add(0, over);
            carry = over.into();
        }
        Field(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words that bring carries about.
    fn word() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            0..3u64,
            (0..3u64).prop_map(|n| u64::MAX - n),
            (0..3u64).prop_map(|n| CARRY.wrapping_neg() - 1 + n)
        ]
    }

    proptest! {
        #[test]
        fn it_calculates_modulo_the_prime(a: [u64; 4], words in [word(), word(), word(), word()], others in [word(), word(), word(), word()]) {
            for (one, other) in [(words, others), (a, words), (others, a)] {
                let [x, y] = [one, other].map(|words| U256::from_limbs(words).reduce_mod(PRIME));
                let (one, other) = (Field(one), Field(other));
                prop_assert_eq!(one.times(other).least(), x.mul_mod(y, PRIME));
                prop_assert_eq!(one.minus(other).least(), x.add_mod(PRIME - y, PRIME));
                let expected = if x.is_zero() { U256::ZERO } else { U256::from(1) };
                prop_assert_eq!(one.inverse().times(one).least(), expected);
                prop_assert_eq!(Field::from_be_bytes(one.to_be_bytes()).least(), x);
            }
        }
    }
}
