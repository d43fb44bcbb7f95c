//! Scanning with the SHA instructions of x86: two nonces at a time, because the instruction for
//! two rounds has twice the latency of its throughput.

use std::arch::x86_64::*;

use super::job::{INITIAL, Job, ROUND};

/// Nonces in flight.
const STREAMS: usize = 2;

/// Whether this machine can run [`scan`].
pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1")
}

/// One vector per stream.
type Streams = [__m128i; STREAMS];

/// Four words in memory order.
fn words(words: &[u32]) -> __m128i {
    let [a, b, c, d] = words.try_into().expect("four words");
    // SAFETY: SSE2 is part of x86-64.
    unsafe { _mm_setr_epi32(a as i32, b as i32, c as i32, d as i32) }
}

/// The state as the instructions want it: A, B, E, F and C, D, G, H, highest first.
fn state(h: &[u32; 8]) -> (__m128i, __m128i) {
    (words(&[h[5], h[4], h[1], h[0]]), words(&[h[7], h[6], h[3], h[2]]))
}

/// Four rounds from round `4 * $group` on, over the streams' states and the last 16 words of their schedules.
macro_rules! four_rounds {
    ($group:literal, $abef:ident, $cdgh:ident, $w:ident) => {
        two_rounds!($group, $abef, $cdgh, $w, wk);
        for s in 0..STREAMS {
            $abef[s] = _mm_sha256rnds2_epu32($abef[s], $cdgh[s], _mm_shuffle_epi32(wk[s], 0x0e));
        }
    };
}

/// The first two of them, leaving words plus constants of all four in `$wk`.
macro_rules! two_rounds {
    ($group:literal, $abef:ident, $cdgh:ident, $w:ident, $wk:ident) => {
        const { assert!($group < 16) };
        if $group >= 4 {
            for w in &mut $w {
                let (old, next, third, last) =
                    (w[$group % 4], w[($group + 1) % 4], w[($group + 2) % 4], w[($group + 3) % 4]);
                let sum = _mm_add_epi32(_mm_sha256msg1_epu32(old, next), _mm_alignr_epi8(last, third, 4));
                w[$group % 4] = _mm_sha256msg2_epu32(sum, last);
            }
        }
        let k = words(&ROUND[4 * $group..4 * $group + 4]);
        let $wk: Streams = $w.map(|w| _mm_add_epi32(w[$group % 4], k));
        for s in 0..STREAMS {
            $cdgh[s] = _mm_sha256rnds2_epu32($cdgh[s], $abef[s], $wk[s]);
        }
    };
}

macro_rules! rounds {
    ($abef:ident, $cdgh:ident, $w:ident, $($group:literal)*) => {$( four_rounds!($group, $abef, $cdgh, $w); )*};
}

/// As [`Job::scan`](super::search::Job).
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn scan(job: &Job, first: u32, tries: u32) -> Option<u32> {
    let (mid_abef, mid_cdgh) = state(&job.midstate);
    let (initial_abef, initial_cdgh) = state(&INITIAL);
    let head = words(&[job.tail[0], job.tail[1], job.tail[2], 0]);
    // The first two rounds come before the nonce.
    let k = words(&ROUND[..4]);
    let before_nonce = _mm_sha256rnds2_epu32(mid_cdgh, mid_abef, _mm_add_epi32(head, k));
    let zero = words(&[0; 4]);
    let mut n = 0;
    while n < tries {
        let mut w = [[head, words(&[0x8000_0000, 0, 0, 0]), zero, words(&[0, 0, 0, 640])]; STREAMS];
        for (s, w) in w.iter_mut().enumerate() {
            let nonce = first.wrapping_add(n).wrapping_add(s as u32);
            w[0] = _mm_insert_epi32(head, nonce.swap_bytes() as i32, 3);
        }
        let mut abef: Streams = [mid_abef; STREAMS];
        let mut cdgh: Streams = [before_nonce; STREAMS];
        for s in 0..STREAMS {
            let wk = _mm_add_epi32(w[s][0], k);
            abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(wk, 0x0e));
        }
        rounds!(abef, cdgh, w, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);

        for s in 0..STREAMS {
            let abef = _mm_castsi128_ps(_mm_add_epi32(abef[s], mid_abef));
            let cdgh = _mm_castsi128_ps(_mm_add_epi32(cdgh[s], mid_cdgh));
            // A, B, C, D, then E, F, G, H.
            w[s] = [
                _mm_castps_si128(_mm_shuffle_ps(abef, cdgh, 0xbb)),
                _mm_castps_si128(_mm_shuffle_ps(abef, cdgh, 0x11)),
                words(&[0x8000_0000, 0, 0, 0]),
                words(&[0, 0, 0, 256]),
            ];
        }
        let mut abef: Streams = [initial_abef; STREAMS];
        let mut cdgh: Streams = [initial_cdgh; STREAMS];
        rounds!(abef, cdgh, w, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        // After 62 rounds F is what H will be after 64, and `cdgh` is the new A, B, E, F.
        two_rounds!(15, abef, cdgh, w, wk);
        let _ = wk;
        let passed = cdgh.map(|last| {
            let word = (_mm_cvtsi128_si32(last) as u32).wrapping_add(INITIAL[7]);
            word.swap_bytes() <= job.highest
        });
        // One branch on both: with one each, the compiler would put the second stream behind the first one's.
        if passed[0] | passed[1] {
            let at = n + u32::from(!passed[0]);
            return (at < tries).then_some(at);
        }
        n = n.saturating_add(STREAMS as u32);
    }
    None
}
