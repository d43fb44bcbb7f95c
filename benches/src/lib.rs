//! Measure what Fika spends its time on, one file per operation.
//!
//! All figures are processor time; see [`CpuTime`].

mod chain;
mod cpu_time;

use std::time::Duration;

pub use chain::{Chain, Payment, env, rules};
pub use cpu_time::CpuTime;

/// What benches measure with.
pub type Criterion = criterion::Criterion<CpuTime>;

/// Runs the benches of one file, short: what is of interest here differs by more than some percent.
pub fn run(benches: &[fn(&mut Criterion)]) {
    let mut criterion = criterion::Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    benches.iter().for_each(|bench| bench(&mut criterion));
    criterion.final_summary();
}
