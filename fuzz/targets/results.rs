//! A results folder in which one file holds anything.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fika_host::fuzzing::results(bytes));
