//! Scanning with AVX-512: sixteen nonces at a time, one in each lane of a vector.
//!
//! The rounds are written out in full, so that the compiler takes what does not depend on the
//! nonce (the first three rounds, parts of the schedule) out of the loop and folds what is
//! constant (the padding, the first rounds of the second hash).

use std::arch::x86_64::*;

use super::job::{INITIAL, Job, ROUND};

/// Nonces in a vector.
const LANES: u32 = 16;

/// Whether this machine can run [`scan`].
pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

macro_rules! add {
    ($first:expr $(, $more:expr)+) => {{
        let sum = $first;
        $( let sum = _mm512_add_epi32(sum, $more); )+
        sum
    }};
}

macro_rules! xor3 {
    ($a:expr, $b:expr, $c:expr) => {
        _mm512_ternarylogic_epi32($a, $b, $c, 0x96)
    };
}

/// Round `$t`. Instead of moving the eight words on, their names move: at round t, word i lies at (i - t) mod 8.
macro_rules! round {
    ($t:literal, $s:ident, $w:ident) => {
        if $t >= 16 {
            let (w2, w15) = ($w[($t + 14) % 16], $w[($t + 1) % 16]);
            let s0 = xor3!(_mm512_ror_epi32(w15, 7), _mm512_ror_epi32(w15, 18), _mm512_srli_epi32(w15, 3));
            let s1 = xor3!(_mm512_ror_epi32(w2, 17), _mm512_ror_epi32(w2, 19), _mm512_srli_epi32(w2, 10));
            $w[$t % 16] = add!($w[$t % 16], s0, $w[($t + 9) % 16], s1);
        }
        const AT: usize = 64 - $t;
        let (a, b, c) = ($s[AT % 8], $s[(AT + 1) % 8], $s[(AT + 2) % 8]);
        let (e, f, g) = ($s[(AT + 4) % 8], $s[(AT + 5) % 8], $s[(AT + 6) % 8]);
        let sum1 = xor3!(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
        let choice = _mm512_ternarylogic_epi32(e, f, g, 0xca);
        let k = _mm512_set1_epi32(ROUND[$t] as i32);
        let t1 = add!($s[(AT + 7) % 8], add!($w[$t % 16], k), choice, sum1);
        let sum0 = xor3!(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
        let majority = _mm512_ternarylogic_epi32(a, b, c, 0xe8);
        $s[(AT + 3) % 8] = add!($s[(AT + 3) % 8], t1);
        $s[(AT + 7) % 8] = add!(sum0, majority, t1);
    };
}

macro_rules! rounds {
    ($s:ident, $w:ident, $($t:literal)*) => {$({ round!($t, $s, $w); })*};
}

/// As [`Job::scan`](super::search::Job).
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn scan(job: &Job, first: u32, tries: u32) -> Option<u32> {
    let all = |word: u32| _mm512_set1_epi32(word as i32);
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let swap = _mm512_broadcast_i32x4(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
    let (midstate, initial) = (job.midstate.map(all), INITIAL.map(all));
    let highest = all(job.highest);
    let zero = all(0);
    let mut n = 0;
    while n < tries {
        let nonce = _mm512_shuffle_epi8(add!(all(first.wrapping_add(n)), lanes), swap);
        let mut w = [zero; 16];
        (w[0], w[1], w[2], w[3]) = (all(job.tail[0]), all(job.tail[1]), all(job.tail[2]), nonce);
        (w[4], w[15]) = (all(0x8000_0000), all(640));
        let mut s = midstate;
        rounds!(s, w, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);

        let mut w = [zero; 16];
        for i in 0..8 {
            w[i] = add!(s[i], midstate[i]);
        }
        (w[8], w[15]) = (all(0x8000_0000), all(256));
        let mut s = initial;
        rounds!(s, w, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60);
        // The E of this round, which lies at (4 - 61) mod 8, is the H after the last one.
        let last = _mm512_shuffle_epi8(add!(s[7], initial[7]), swap);
        let passed = _mm512_cmple_epu32_mask(last, highest);
        if passed != 0 {
            let at = n.saturating_add(passed.trailing_zeros());
            return (at < tries).then_some(at);
        }
        n = n.saturating_add(LANES);
    }
    None
}
