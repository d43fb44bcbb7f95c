//! What a message takes on the wire.

use fika_core::hash::{below, draw};
use fika_core::message::Message;
use fika_core::transport::Transport;

use crate::experiment::{Charge, CompactFailure, Experiment, NodeSpec};

/// Bytes of messages: those that the transport would send, or those that the experiment charges in their place.
pub(crate) struct Charges {
    charge: Charge,
    /// By node: which share of a block a node sends when it is asked for what another one lacks.
    missing: Vec<u16>,
    tables: Vec<CompactFailure>,
    draws: Vec<u32>,
    seed: u64,
}

/// The purpose of the draws made here.
const MISSING: u64 = (u32::from_be_bytes(*b"miss") as u64) << 32;

impl Charges {
    pub(crate) fn new(experiment: &Experiment) -> Charges {
        let class = |node: &NodeSpec| node.compact_failure.unwrap_or(u16::MAX);
        let missing = experiment.nodes.iter().map(class).collect();
        let tables = experiment.medium.compact_failures.clone();
        let draws = vec![0; experiment.nodes.len()];
        Charges { charge: experiment.medium.charge, missing, tables, draws, seed: experiment.seed }
    }

    /// What `message` takes when `from` sends it.
    pub(crate) fn bytes(&mut self, from: u32, message: &Message, transport: &dyn Transport) -> u64 {
        let charged = match message {
            Message::Block(_) => self.charge.block_bytes,
            Message::CompactBlock(_) => self.charge.compact_bytes,
            Message::BlockTxn(_) => self.charge.block_bytes.map(|bytes| self.missing(from, bytes)),
            _ => None,
        };
        charged.unwrap_or_else(|| transport.wire_size(message))
    }

    fn missing(&mut self, from: u32, block_bytes: u64) -> u64 {
        let Some(table) = self.tables.get(usize::from(self.missing[from as usize])) else { return block_bytes };
        let count = &mut self.draws[from as usize];
        *count += 1;
        let drawn = draw(self.seed, MISSING | u64::from(from), u64::from(*count));
        let total: u64 = table.missing.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = below(drawn, total);
        for (share_ppm, weight) in &table.missing {
            if left < u64::from(*weight) {
                return block_bytes * u64::from(*share_ppm) / 1_000_000;
            }
            left -= u64::from(*weight);
        }
        block_bytes
    }
}
