//! The rules of `hybrid` and its producer, without a node.

mod chain;
mod network;
mod pace;
mod rules;
