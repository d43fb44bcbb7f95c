//! The search for a nonce, as quick as the machine allows.
//!
//! Only the last 16 of a header's 80 bytes change with the nonce, so the first 64 are hashed once
//! (the midstate), and of the second hash only the last word is computed: it is the highest of
//! the id, and nearly every nonce fails there already. Kernels scan for nonces that pass; what
//! they find is checked whole. All kernels give the same answers.

use sha2::block_api::compress256;

use super::Target;
#[cfg(target_arch = "x86_64")]
use super::{avx512, sha_ni};
use crate::header::Header;

pub(super) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The round constants of SHA-256 (FIPS 180-4, section 4.2.2).
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub(super) const ROUND: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// What all tries on one header have in common.
pub(super) struct Job {
    /// The state of SHA-256 after the first 64 bytes.
    pub(super) midstate: [u32; 8],
    /// The three words before the nonce.
    pub(super) tail: [u32; 3],
    /// The highest word that an id may have.
    pub(super) highest: u32,
}

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
