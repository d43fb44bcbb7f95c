//! Proof of stake: one leader per slot, drawn by stake at an epoch boundary.
