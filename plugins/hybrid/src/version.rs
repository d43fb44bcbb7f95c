//! Header versions, which tell the two kinds of blocks apart.

/// Header version of a work block.
pub const WORK: u32 = 1;
/// Header version of a stake block.
pub const STAKE: u32 = 2;
