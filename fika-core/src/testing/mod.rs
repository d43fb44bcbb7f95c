//! Tests for rules of one's own.
//!
//! Who writes a consensus, a script language, a key scheme, a transaction format or a transport finds here what its
//! tests need. The kit stands behind the cargo feature `testing`, which is off by default: a host needs none of it, and
//! with it this crate takes two fifths longer to compile. A plugin switches it on for its tests alone:
//!
//! ```toml
//! [dependencies]
//! fika-core = "0.1"
//!
//! [dev-dependencies]
//! fika-core = { version = "0.1", features = ["testing"] }
//! ```
//!
//! | to test | there is |
//! |---|---|
//! | what a plugin's trait promises | `promises` in [`consensus`], [`script`], [`keys`], [`tx`] and [`transport`] |
//! | one rule, called directly | [`Chain`], a chain view made by hand, with [`env()`], [`Person`] and [`refused`] |
//! | what a network does | [`Setup`], the plan, and [`Network`], its run in virtual time, with assertions |
//! | what attackers can do | [`adversary`], or any [`Attack`](crate::agent::Attack) |
//! | anything with random values | [`Draws`] |
//! | what a node in a log did, once more | [`replay`](mod@replay) |
//!
//! A good order: begin with the promises, which find most mistakes in rules and agent by themselves. Then write down
//! each rule as a direct call that just holds and one that just fails. End with the networks that the rules are meant
//! for: with attackers, partitions and restarts.
//!
//! ```
//! use fika_core::consensus::{Anyone, Consensus};
//! use fika_core::env::ChainParams;
//! use fika_core::header::SECOND;
//! use fika_core::testing::{Chain, Setup, env, refused};
//!
//! // One rule, called directly: a block must be later than its parent.
//! let (rules, mut chain) = (Anyone(env(ChainParams::default())), Chain::new(0));
//! chain.push(chain.next(600), &[]);
//! let check = |time| rules.check(&chain.view(chain.next(time), &[]), &chain.tip(), &chain);
//! assert_eq!(check(601), Ok(()));
//! assert!(refused(check(600), "time-too-old").contains("later"));
//!
//! // A node under these rules that pays itself.
//! let mut net = Setup::new(|env| Ok(Anyone(env.clone()))).nodes(1).start();
//! net.run(5 * SECOND);
//! net.pay(0, 0, 7);
//! net.run(60 * SECOND);
//! net.assert_healthy();
//! net.assert_payments_confirmed_once();
//! assert_eq!(net.height(0), 6);
//! ```
//!
//! Everything is deterministic: a failure comes back with the same seed. Nothing here reads a clock or draws entropy.

pub mod adversary;
mod calls;
mod chain;
pub mod consensus;
mod disk;
mod draws;
pub mod keys;
pub mod network;
pub mod replay;
pub mod script;
pub mod transport;
pub mod tx;

pub use calls::{Person, env, refused};
pub use chain::Chain;
pub use disk::MemoryStore;
pub use draws::Draws;
pub use network::{Network, Setup};
