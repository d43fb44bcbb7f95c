//! Experiment files.

#![no_main]

use fika_host::Experiment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match Experiment::parse("experiment.toml", text, &[]) {
    Ok(experiment) => assert_eq!(Experiment::parse("experiment.toml", text, &[]), Ok(experiment)),
    Err(errors) => assert!(errors.lines().iter().all(|line| !line.is_empty() && !line.contains('\n')), "{errors:?}"),
});
