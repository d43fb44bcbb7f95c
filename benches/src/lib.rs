//! Measure what Fika spends its time on, one file per operation.

mod chain;

use std::time::Duration;

use criterion::Criterion;

pub use chain::{Chain, Payment, env, rules};

/// Runs the benches of one file, short: what is of interest here differs by more than some percent.
pub fn run(benches: &[fn(&mut Criterion)]) {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(20)
        .configure_from_args();
    benches.iter().for_each(|bench| bench(&mut criterion));
    criterion.final_summary();
}
