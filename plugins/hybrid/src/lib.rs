//! Proof of work and proof of stake with coin age, each with its own target.
