//! Fast, insecure signatures for large simulations.
