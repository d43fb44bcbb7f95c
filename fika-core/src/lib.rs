//! Write one rule of a cryptocurrency as a plugin and run it in a validating node.
//!
//! A coin is five rules and the parameters they share ([`env::ChainParams`]). Each rule is a
//! trait; whoever implements one of them has changed the coin:
//!
//! | trait | decides | asked by |
//! |---|---|---|
//! | [`consensus::Consensus`] | which blocks are valid, which chain is the chain, who may extend it | the world for every block, the node for every change of tip |
//! | [`script::Script`] | who may spend a coin | the world for every spend |
//! | [`keys::KeyScheme`] | signatures and addresses | scripts, consensus, the wallet |
//! | [`tx::TxFormat`] | what a transaction does to the ledger | the world in mempool, template and block; the wallet |
//! | [`transport::Transport`] | how messages look on a wire | the runtime |
//!
//! Behind a consensus there is an [`agent::Agent`] per node, its honest behaviour, and an
//! [`agent::Attack`] can wrap any of them. [`plugin`] says how a crate with such a trait becomes
//! a library that a host loads, or a part of the host.
//!
//! What an author's tests need (a chain made by hand, networks in virtual time, attackers, and the promises of each trait
//! as one test) is in [`testing`], behind the feature of that name.
//!
//! Rules are pure, agents and the [`node::Node`] are state machines, and none of them does I/O,
//! reads a clock or draws entropy: so one piece of code runs in a process with real sockets and
//! under virtual time, and gives the same answers in both.
//!
//! # The way of a transaction
//!
//! [`node::Input::Pay`] → the wallet builds it ([`tx::TxFormat::build`]), signs each spend
//! ([`tx::TxFormat::prepare`] once, then [`tx::TxFormat::digest`], [`keys::KeyScheme::sign`],
//! [`script::Script::unlock`]) → `accept_tx` and `accept_to_mempool` in the node → [`world::World::check_tx`] (apply,
//! sums, scripts) → [`node::Mempool`] → announced → a neighbour asks for it, and it goes the same
//! way there → a producer's duty comes due → [`world::World::assemble`] takes it into a block.
//!
//! # The way of a block
//!
//! [`agent::Duty`] → a template → [`agent::Agent::seal`] → `process_block` in every node →
//! [`world::World::insert`] (work, body) → [`world::World::validate`] (rules, transactions, supply)
//! → [`world::World::seal`] → [`consensus::Consensus::choose`] → new tip → mempool, wallet,
//! [`agent::Agent::on_tip`] → new duties.
//!
//! # The floors
//!
//! Modules import only from their own floor and those to the right:
//! [`testing`] > [`node`] > [`world`], [`plugin`] > [`consensus`], [`agent`], [`tx`], [`transport`] > [`script`],
//! [`view`], [`message`], [`compact`], [`light`], [`env`](mod@env) > [`block`], [`keys`], [`target`] > [`header`] >
//! [`hash`], [`merkle`], [`filter`], [`codec`], [`amount`], [`address`], [`reject`].

pub mod address;
pub mod agent;
pub mod amount;
pub mod block;
pub mod codec;
pub mod compact;
pub mod consensus;
pub mod env;
pub mod filter;
pub mod hash;
pub mod header;
pub mod keys;
pub mod light;
pub mod merkle;
pub mod message;
pub mod node;
pub mod plugin;
#[doc(hidden)]
pub mod prefetch;
pub mod reject;
pub mod script;
pub mod target;
#[cfg(any(feature = "testing", doc))]
pub mod testing;
pub mod transport;
pub mod tx;
pub mod view;
pub mod world;
