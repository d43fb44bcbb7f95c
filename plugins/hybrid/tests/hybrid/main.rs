//! The rules of `hybrid` and its producer, without a node.

mod chain;
mod lockstep;
mod network;
mod pace;
mod rules;
