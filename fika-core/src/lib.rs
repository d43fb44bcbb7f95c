//! Write one rule of a cryptocurrency as a plugin and run it in a validating node.

pub mod address;
pub mod agent;
pub mod amount;
pub mod block;
pub mod codec;
pub mod consensus;
pub mod env;
pub mod hash;
pub mod header;
pub mod keys;
pub mod message;
pub mod node;
pub mod plugin;
pub mod reject;
pub mod script;
pub mod target;
pub mod transport;
pub mod tx;
pub mod view;
pub mod world;
