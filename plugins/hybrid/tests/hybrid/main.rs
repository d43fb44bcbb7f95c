//! The rules of `hybrid` and its producer, one by one and in a network.

mod network;
mod rules;
