//! A database whose bytes were damaged: it is refused, or gives blocks that can be read.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fika_host::fuzzing::database(bytes));
