//! Proof of work: compact targets, Bitcoin's retarget and a per-block one.
