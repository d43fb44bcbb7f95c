//! The index by which nodes speak of a transaction.

/// A transaction's index in a [`TxTable`](super::TxTable).
///
/// 64 neighbouring indexes form a group: what is true of them is a word of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TxIndex(pub u32);

impl TxIndex {
    /// The number of its group.
    #[inline]
    pub fn group(self) -> u32 {
        self.0 / 64
    }

    /// Its place in the group, below 64.
    #[inline]
    pub(crate) fn place(self) -> usize {
        self.0 as usize % 64
    }

    /// Its bit in a word of the group.
    #[inline]
    pub fn bit(self) -> u64 {
        1 << self.place()
    }

    /// The members of a group whose bits are set in `word`, in ascending order.
    #[inline]
    pub fn each(group: u32, mut word: u64) -> impl Iterator<Item = TxIndex> {
        std::iter::from_fn(move || {
            if word == 0 {
                return None;
            }
            let place = word.trailing_zeros();
            word &= word - 1;
            Some(TxIndex(64 * group + place))
        })
    }
}
