//! Network files in both formats: what can be read is written, and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fika_host::fuzzing::network_file(bytes));
