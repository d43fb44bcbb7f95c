//! Requests to a node, and answers of one.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fika_host::fuzzing::control(bytes));
