//! The clocks that nodes have, which need not agree with the time of the run.

use fika_core::header::Time;

const MILLION: i128 = 1_000_000;

/// What the clock of one node shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// How far it is ahead at the start, in microseconds.
    pub(crate) offset_us: i64,
    /// How much it gains, in millionths of the time that has passed.
    pub(crate) drift_ppm: i64,
}

impl Clock {
    fn is_right(self) -> bool {
        self == Clock::default()
    }

    /// The clock that from `now` on is ahead by the offset and gains by the drift; `None`: as before.
    pub(crate) fn set(self, now: Time, offset_us: Option<i64>, drift_ppm: Option<i64>) -> Clock {
        let drift_ppm = drift_ppm.unwrap_or(self.drift_ppm);
        let gained = |ppm: i64| (i128::from(now) * i128::from(ppm)).div_euclid(MILLION);
        let ahead = offset_us.map_or(i128::from(self.offset_us) + gained(self.drift_ppm), i128::from);
        let bounds = (i128::from(i64::MIN), i128::from(i64::MAX));
        Clock { offset_us: (ahead - gained(drift_ppm)).clamp(bounds.0, bounds.1) as i64, drift_ppm }
    }

    /// What it shows at `now`; never less than 0.
    pub(crate) fn shows(self, now: Time) -> Time {
        if self.is_right() {
            return now;
        }
        let now = i128::from(now);
        let shown = now + i128::from(self.offset_us) + (now * i128::from(self.drift_ppm)).div_euclid(MILLION);
        Time::try_from(shown.max(0)).unwrap_or(Time::MAX)
    }

    /// The first time at which it shows `wanted` or more.
    pub(crate) fn reaches(self, wanted: Time) -> Time {
        if self.is_right() || wanted == 0 || wanted == Time::MAX {
            return wanted;
        }
        if self.shows(0) >= wanted {
            return 0;
        }
        let since = (i128::from(wanted) - i128::from(self.offset_us)).max(0);
        // Off by less than two microseconds; the clock itself decides.
        let guess = since * MILLION / (MILLION + i128::from(self.drift_ppm));
        let mut at = Time::try_from((guess - 2).max(0)).unwrap_or(Time::MAX);
        while self.shows(at) < wanted && at < Time::MAX {
            at += 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_goes_on_from_there() {
        let clock = Clock { offset_us: 500, drift_ppm: 100 };
        let now = 7_000_000;
        assert_eq!(clock.shows(now), 7_001_200);
        let set = clock.set(now, Some(-3_000), None);
        assert_eq!((set.shows(now), set.shows(2 * now)), (6_997_000, 13_997_700));
        let slow = clock.set(now, None, Some(-1_000));
        assert_eq!((slow.shows(now), slow.shows(2 * now)), (7_001_200, 13_994_200));
        assert_eq!(clock.set(now, Some(0), Some(0)), Clock::default());
    }

    #[test]
    fn the_time_of_a_reading_is_the_first_with_that_reading() {
        for (offset_us, drift_ppm) in [(0, 0), (500, 0), (-700, 0), (0, 100), (250, -90), (-1_000_000, 300_000)] {
            let clock = Clock { offset_us, drift_ppm };
            for wanted in [0, 1, 699, 700, 1_000_000, 86_400_000_001] {
                let at = clock.reaches(wanted);
                assert!(clock.shows(at) >= wanted, "{clock:?} {wanted}");
                assert!(at == 0 || clock.shows(at - 1) < wanted, "{clock:?} {wanted}");
            }
        }
    }
}
