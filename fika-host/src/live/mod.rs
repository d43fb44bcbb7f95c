//! One node as a process.

pub mod control;
