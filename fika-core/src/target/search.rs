//! The search for a nonce, as quick as the machine allows.
//!
//! Only the last 16 of a header's 80 bytes change with the nonce, so the first 64 are hashed once
//! (the midstate), and of the second hash only the last word is computed: it is the highest of
//! the id, and nearly every nonce fails there already. Kernels scan for nonces that pass; what
//! they find is checked whole. All kernels give the same answers.

use sha2::block_api::compress256;

use super::Target;
use super::job::{INITIAL, Job};
#[cfg(target_arch = "x86_64")]
use super::{avx512, sha_ni};
use crate::header::Header;

impl Job {
    fn new(header: &Header, target: Target) -> Job {
        let bytes = header.bytes();
        let mut midstate = INITIAL;
        compress256(&mut midstate, &[bytes[..64].try_into().expect("a SHA-256 block has 64 bytes")]);
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes of 80"));
        Job { midstate, tail: [word(64), word(68), word(72)], highest: (target.0 >> 224usize).to::<u32>() }
    }

    /// How many of the `tries` nonces from `first` on to skip to the first one whose id's highest word is low enough.
    fn scan(&self, kernel: Kernel, first: u32, tries: u32) -> Option<u32> {
        match kernel {
            // SAFETY: `kernels` names only what this machine has.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => unsafe { avx512::scan(self, first, tries) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::ShaNi => unsafe { sha_ni::scan(self, first, tries) },
            Kernel::Portable => self.scan_portably(first, tries),
        }
    }

    fn scan_portably(&self, first: u32, tries: u32) -> Option<u32> {
        let mut block = [0u8; 64];
        for (to, word) in block.chunks_exact_mut(4).zip(self.tail) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        block[16] = 0x80;
        block[62..].copy_from_slice(&640u16.to_be_bytes());
        let mut second = [0u8; 64];
        second[32] = 0x80;
        second[62..].copy_from_slice(&256u16.to_be_bytes());
        (0..tries).find(|n| {
            block[12..16].copy_from_slice(&first.wrapping_add(*n).to_le_bytes());
            let mut inner = self.midstate;
            compress256(&mut inner, &[block]);
            for (to, word) in second.chunks_exact_mut(4).zip(inner) {
                to.copy_from_slice(&word.to_be_bytes());
            }
            let mut outer = INITIAL;
            compress256(&mut outer, &[second]);
            outer[7].swap_bytes() <= self.highest
        })
    }
}

/// A way of scanning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    /// Sixteen nonces at a time in vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Two nonces at a time through the SHA instructions.
    #[cfg(target_arch = "x86_64")]
    ShaNi,
    /// Whatever the sha2 crate does.
    Portable,
}

/// The kernels that this machine has, the best one first.
fn kernels() -> impl Iterator<Item = Kernel> {
    #[cfg(target_arch = "x86_64")]
    let special = [(Kernel::Avx512, avx512::is_supported()), (Kernel::ShaNi, sha_ni::is_supported())];
    #[cfg(not(target_arch = "x86_64"))]
    let special: [(Kernel, bool); 0] = [];
    special.into_iter().filter(|(_, is_supported)| *is_supported).map(|(kernel, _)| kernel).chain([Kernel::Portable])
}

/// Searches a nonce for which the header's id meets `target`, trying at most `tries` of them
/// from `header.nonce` on.
///
/// Found: true, and the header carries the nonce, the first one on the way. Not found: false, and
/// the nonce is advanced by `tries`, so that the next call goes on where this one ended. The
/// answer is the same on every machine.
pub fn grind_sha256d(header: &mut Header, target: Target, tries: u32) -> bool {
    grind(kernels().next().unwrap_or(Kernel::Portable), header, target, tries)
}

fn grind(kernel: Kernel, header: &mut Header, target: Target, mut tries: u32) -> bool {
    let job = Job::new(header, target);
    while let Some(skipped) = job.scan(kernel, header.nonce, tries) {
        header.nonce = header.nonce.wrapping_add(skipped);
        if target.is_met_by(&header.id()) {
            return true;
        }
        header.nonce = header.nonce.wrapping_add(1);
        tries -= skipped + 1;
    }
    header.nonce = header.nonce.wrapping_add(tries);
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::Id;

    proptest! {
        /// Plain hashing is the oracle; the starts lie so that some searches pass the end of the nonces.
        #[test]
        fn every_kernel_finds_what_plain_hashing_finds(
            version: u32, root: [u8; 32], time: u32, back in 0u32..200, tries in 0u32..200, odds in 1u128..400,
        ) {
            let start = Header { version, root: Id(root), time, nonce: 100u32.wrapping_sub(back), ..Header::default() };
            let target = Target::for_tries(odds);
            let mut plain = start;
            let found = (0..tries).any(|n| {
                plain.nonce = start.nonce.wrapping_add(n);
                target.is_met_by(&plain.id())
            });
            let expected = if found { plain.nonce } else { start.nonce.wrapping_add(tries) };
            for kernel in kernels() {
                let mut fast = start;
                prop_assert_eq!(grind(kernel, &mut fast, target, tries), found, "{:?}", kernel);
                prop_assert_eq!(fast.nonce, expected, "{:?}", kernel);
            }
        }

        /// Targets that differ from an id in the lowest bits alone: what a scan lets pass is compared whole.
        #[test]
        fn the_whole_id_counts(version: u32, nonce: u32) {
            let header = Header { version, nonce, ..Header::default() };
            let id = ruint::aliases::U256::from_le_bytes(header.id().0);
            let below = Target(id - ruint::aliases::U256::from(1));
            for kernel in kernels() {
                let (mut met, mut missed) = (header, header);
                prop_assert!(grind(kernel, &mut met, Target(id), 1));
                prop_assert_eq!(met, header);
                prop_assert!(!grind(kernel, &mut missed, below, 1));
                prop_assert_eq!(missed.nonce, nonce.wrapping_add(1));
            }
        }
    }
}
