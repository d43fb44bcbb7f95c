//! Why something did not go as it should, and how often.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// So many different reasons are kept; the rest is counted together.
const REASONS_KEPT: usize = 20;
/// What the rest is called.
const OTHER: &str = "other reasons";

/// Reasons, each in one line, and how often each was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reasons(BTreeMap<String, u64>);

impl Reasons {
    /// A reason was given once more.
    pub(crate) fn add(&mut self, why: String) {
        self.add_times(why, 1);
    }

    fn add_times(&mut self, why: String, times: u64) {
        let is_kept = self.0.len() < REASONS_KEPT || self.0.contains_key(&why);
        *self.0.entry(if is_kept { why } else { OTHER.into() }).or_default() += times;
    }

    /// How often any was given.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<Reasons> for Reasons {
    fn extend<T: IntoIterator<Item = Reasons>>(&mut self, all: T) {
        let all = all.into_iter().flat_map(|reasons| reasons.0);
        all.for_each(|(why, times)| self.add_times(why, times));
    }
}

impl FromIterator<String> for Reasons {
    fn from_iter<T: IntoIterator<Item = String>>(all: T) -> Reasons {
        let mut reasons = Reasons::default();
        all.into_iter().for_each(|why| reasons.add(why));
        reasons
    }
}

/// The most frequent one, and how many had others.
impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.0.iter().rev().max_by_key(|(_, times)| **times);
        let Some((why, times)) = most else { return Ok(()) };
        f.write_str(why)?;
        match self.count() - times {
            0 => Ok(()),
            others => write!(f, "; {others} for other reasons"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_reason_is_told_and_the_rest_is_counted() {
        assert_eq!(Reasons::default().to_string(), "");
        let reasons: Reasons = ["full", "poor", "full"].map(String::from).into_iter().collect();
        assert_eq!((reasons.to_string(), reasons.count()), ("full; 1 for other reasons".into(), 3));
        let many: Reasons = (0..100).map(|n| format!("reason {n}")).collect();
        assert_eq!((many.0.len(), many.count()), (REASONS_KEPT + 1, 100));
    }
}
