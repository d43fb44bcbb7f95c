//! Run a network of cryptocurrency nodes, each in its own network stack, from an experiment file.

pub mod experiment;
pub mod isolation;
pub mod live;
pub mod plugins;
pub mod results;
