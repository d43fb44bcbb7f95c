//! Blocks, headers and compact blocks.

#![no_main]

use fika_core::block::Block;
use fika_core::codec::{Decode, Encode};
use fika_core::compact::CompactBlock;
use fika_core::header::Header;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(block) = Block::from_bytes(bytes) {
        assert_eq!(block.to_bytes(), bytes);
        let _ = block.id();
    }
    if let Ok(header) = Header::from_bytes(bytes) {
        assert_eq!(header.to_bytes(), bytes);
    }
    if let Ok(compact) = CompactBlock::from_bytes(bytes) {
        assert_eq!(compact.to_bytes(), bytes);
    }
});
