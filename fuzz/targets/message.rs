//! Messages as they travel: what can be read is written as the same bytes, and both transports carry it.

#![no_main]

use fika_core::codec::{Decode, Encode};
use fika_core::message::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::from_bytes(bytes) {
        assert_eq!(message.to_bytes(), bytes);
        assert_eq!(message.encoded_len(), bytes.len());
        assert_eq!(Message::decode_payload(message.kind(), &bytes[1..]), Ok(message));
    }
});
