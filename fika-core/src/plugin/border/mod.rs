//! The border that calls cross between this program and a plugin that was loaded as a library.
//!
//! Nothing about Rust's own layouts is promised between two compilations. So whatever crosses
//! here is `#[repr(C)]`, and abi_stable compares its description on both sides before the first
//! call. An object crosses as a [`Handle`](remote::Handle): a thin pointer and the table of its
//! side's functions; the other side sees a [`Remote`](remote::Remote) that implements the same
//! trait. Both sides are made from one list per trait, so plugins, agents and sessions go one
//! way and views, ledgers and signers go the other by the same code.
//!
//! - Arguments and answers of calls that are made often cross by their bits; the others are
//!   encoded ([`arguments`], [`answers`]).
//! - Bytes are answered through a [`Sink`](wire::Sink): who allocates also frees.
//! - A panic is caught on its side, crosses as data and goes on on the other, so that the
//!   guard sees the same thing as with a plugin that is compiled in.
//! - A library is never unloaded.
//!
//! This folder alone names abi_stable; see docs/decisions/0001-plugin-border.md.

#[macro_use]
mod table;

mod agent;
pub(super) mod answers;
mod arguments;
mod consensus;
mod context;
mod environment;
mod events;
mod keys;
mod load;
mod remote;
pub(super) mod root;
mod script;
mod transport;
mod tx;
mod views;
mod wire;

pub use self::load::{LoadError, load};
