//! What a message takes on the wire.

use fika_core::hash::{Id, below, draw};
use fika_core::message::{InvItem, Message};
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
    /// By kind (`inv`, `getdata`, `notfound`) and count, the bytes of lists that name transactions, as far as they are known.
    lists: [Vec<Option<u64>>; 3],
}

/// The purpose of the draws made here.
const MISSING: u64 = (u32::from_be_bytes(*b"miss") as u64) << 32;

impl Charges {
    pub(crate) fn new(experiment: &Experiment) -> Charges {
        let class = |node: &NodeSpec| node.compact_failure.unwrap_or(u16::MAX);
        let missing = experiment.nodes.iter().map(class).collect();
        let tables = experiment.medium.compact_failures.clone();
        let draws = vec![0; experiment.nodes.len()];
        Charges {
            charge: experiment.medium.charge,
            missing,
            tables,
            draws,
            seed: experiment.seed,
            lists: Default::default(),
        }
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

    /// What a list of this kind takes that names `count` transactions: it depends on nothing else.
    pub(crate) fn list_bytes(&mut self, kind: u8, count: usize, transport: &dyn Transport) -> u64 {
        let known = &mut self.lists[usize::from(kind)];
        if known.len() <= count {
            known.resize(count + 1, None);
        }
        *known[count].get_or_insert_with(|| {
            let items = vec![InvItem::Tx(Id::ZERO); count];
            transport.wire_size(&[Message::Inv, Message::GetData, Message::NotFound][usize::from(kind)](items))
        })
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
