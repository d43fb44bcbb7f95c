//! Tests for rules of one's own.

pub mod adversary;
mod calls;
mod chain;
pub mod consensus;
mod disk;
mod draws;
pub mod keys;
pub mod network;
pub mod script;
pub mod transport;
pub mod tx;

pub use calls::{Person, env, refused};
pub use chain::Chain;
pub use disk::MemoryStore;
pub use draws::Draws;
pub use network::{Network, Setup};
