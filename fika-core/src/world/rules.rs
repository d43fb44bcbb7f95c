//! The plugins of one chain.

use std::num::NonZero;
use std::sync::Arc;

use crate::consensus::Consensus;
use crate::env::Env;
use crate::plugin::Faults;
use crate::script::Script;
use crate::tx::TxFormat;

/// The plugins of one chain.
pub struct Rules {
    /// The chain's parameters and its key scheme.
    pub env: Env,
    /// Which blocks are valid.
    pub consensus: Arc<dyn Consensus>,
    /// Who may spend.
    pub script: Box<dyn Script>,
    /// What transactions do.
    pub tx: Box<dyn TxFormat>,
    /// Where the plugins' faults are reported. What was worked out while there was one is no verdict.
    pub faults: Faults,
    /// Threads that prove the spends of one block. The results do not depend on it.
    pub workers: NonZero<usize>,
}
