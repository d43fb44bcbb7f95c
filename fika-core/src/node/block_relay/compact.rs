//! Blocks of which only the unknown part travels (BIP 152).
//!
//! A node with [`RelayConfig::compact`](crate::node::RelayConfig::compact) asks for an announced block with
//! [`InvItem::Compact`], and answers such a request with a [`CompactBlock`]; a node without it answers with
//! the full block. Nothing is agreed on beforehand, so nodes of both kinds live together. This is the low-bandwidth
//! mode of the BIP: a block is announced, by `inv` or header, and never pushed.
//!
//! The receiver takes what it can from its mempool, asks the sender for the rest with `getblocktxn`,
//! and has the block once its root is right. When two transactions share a short id, or the root turns out wrong
//! because of one that was taken from the mempool, nobody has done wrong: the sender is asked for the full block. Blame
//! is for data that no honest node sends: places that do not fit, another number of transactions than asked for,
//! transactions that do not have the short ids announced. Whatever fails or takes too long is asked of the
//! next neighbour that has announced the block, in full, so that late answers of slow neighbours are of use.
//! Catching up asks for full blocks: then the mempool has nothing to offer.
//!
//! [`RelayConfig::compact_failure_ppm`](crate::node::RelayConfig::compact_failure_ppm) is for published models whose
//! blocks have no transactions but a coinbase: how often the mempool is found wanting is drawn. Then the first
//! transaction is asked for, so that the messages of a real failure travel.

use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::block::{Block, Tx};
use crate::compact::{BlockTxn, CompactBlock, Few, GetBlockTxn, Slot};
use crate::hash::{Id, draw};
use crate::message::{InvItem, Message};
use crate::node::mempool::Mempool;
use crate::node::partial_blocks::PartialBlock;
use crate::node::peer::PeerId;
use crate::node::pending::ReceivedBlock;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::transport::BAN_SCORE;
use crate::world::{IdHasher, TxTable};

/// The draws of salts and of failures.
const SALT: u64 = u64::from_be_bytes(*b"cb salt ");
const FAILURE: u64 = u64::from_be_bytes(*b"cb fails");

/// Adds to the transactions that a compact block gives those that the node has. Whether there are any: they were taken by
/// their short ids alone. `None` when short ids collide.
#[inline(never)]
fn fill(
    txs: &mut [Option<Tx>],
    slots: &[Slot<'_>],
    compact: &CompactBlock,
    pool: &Mempool,
    table: &TxTable,
) -> Option<bool> {
    #[expect(clippy::disallowed_types, reason = "its hasher is fixed and nothing iterates")]
    type Wanted = std::collections::HashMap<u64, usize, BuildHasherDefault<IdHasher>>;
    let mut places = Wanted::with_capacity_and_hasher(compact.short.len(), BuildHasherDefault::default());
    for (place, slot) in slots.iter().enumerate() {
        if let Slot::Short(id) = slot
            && places.insert(id.number(), place).is_some()
        {
            return None;
        }
    }
    let ids = compact.short_ids();
    let mut twice = Vec::new();
    for entry in pool.entries(table) {
        if let Some(place) = places.get(&ids.of(&entry.tx.hash()).number())
            && txs[*place].replace(entry.tx.clone()).is_some()
        {
            twice.push(*place);
        }
    }
    // Nobody can say which of the two it is: the sender can.
    twice.into_iter().for_each(|place| txs[place] = None);
    Some(slots.iter().zip(txs).any(|(slot, tx)| matches!(slot, Slot::Short(_)) && tx.is_some()))
}

impl Node {
    /// A block as it is sent to somebody who asked for its compact form.
    pub(super) fn compact_form(&mut self, block: Arc<Block>) -> Message {
        if !self.config.relay.compact {
            return Message::Block(block);
        }
        // The same block may have come with another seal before, which did not hold.
        if let Some(made) = self.partial_blocks.made.as_ref().filter(|made| made.head == block.head) {
            return Message::CompactBlock(made.clone());
        }
        self.partial_blocks.salts += 1;
        let salt = draw(self.config.seed, SALT, self.partial_blocks.salts);
        let made = Arc::new(CompactBlock::new(&block, salt));
        self.partial_blocks.made = Some(made.clone());
        Message::CompactBlock(made)
    }

    pub(in crate::node) fn on_compact(&mut self, turn: &mut Turn<'_>, from: PeerId, compact: Arc<CompactBlock>) {
        let id = turn.world.tree().name(&compact.head.header);
        let asked =
            self.requests.get(&InvItem::Block(id)).is_some_and(|request| request.from == from && request.compact);
        if !asked || self.partial_blocks.contains(&id) {
            return;
        }
        if let Err(why) = self.check_heads(turn, &[(id, &compact.head)]) {
            return self.refuse_compact(turn, from, id, &why);
        }
        let fails = self.compact_fails();
        // What another node of the same world has put together need not be put together again.
        if !fails && let Some(block) = turn.world.kept(&id, &compact) {
            return self.complete_compact(turn, from, id, compact, block);
        }
        let Some(slots) = compact.slots() else {
            return self.refuse_compact(turn, from, id, "it sent a compact block whose places do not fit together");
        };
        let mut txs: Few<Option<Tx>> = slots.iter().map(Slot::given).collect();
        let guessed = match compact.short.is_empty() {
            true => Some(false),
            false => fill(&mut txs, &slots, &compact, &self.mempool, turn.world.txs()),
        };
        let Some(guessed) = guessed else { return self.ask_in_full(turn, from, id) };
        drop(slots);
        let missing = txs.iter().enumerate().filter(|(_, tx)| tx.is_none());
        let mut requested: Few<u32> = missing.map(|(place, _)| place as u32).collect();
        if fails && requested.is_empty() && !txs.is_empty() {
            requested.push(0);
        }
        if requested.is_empty() {
            return self.finish_compact(turn, from, id, compact, txs, guessed);
        }
        if !self.partial_blocks.has_room(from) {
            return self.ask_in_full(turn, from, id);
        }
        let request = GetBlockTxn { id, indexes: requested.clone() };
        self.partial_blocks.add(PartialBlock { id, from, compact, txs, requested, guessed });
        self.extend_request(turn, &InvItem::Block(id), true);
        turn.out.send_other(from, Message::GetBlockTxn(Box::new(request)));
    }

    /// Whether the model of failures lets this compact block fail.
    fn compact_fails(&mut self) -> bool {
        let Some(ppm) = self.config.relay.compact_failure_ppm else { return false };
        self.partial_blocks.failures += 1;
        draw(self.config.seed, FAILURE, self.partial_blocks.failures) % 1_000_000 < u64::from(ppm)
    }

    pub(in crate::node) fn on_get_block_txn(&mut self, turn: &mut Turn<'_>, from: PeerId, request: &GetBlockTxn) {
        let Some(block) = self.public_block(turn, from, &request.id) else {
            return turn.out.send_other(from, Message::NotFound(vec![InvItem::Compact(request.id)]));
        };
        let ascending = request.indexes.is_sorted_by(|a, b| a < b);
        let txs = request.indexes.iter().map(|place| block.txs.get(*place as usize).cloned()).collect();
        match txs {
            Some(txs) if ascending => {
                turn.out.send_other(from, Message::BlockTxn(Box::new(BlockTxn { id: request.id, txs })));
            }
            _ => self.penalize(turn, Some(from), BAN_SCORE, "it asked for transactions that its block does not have"),
        }
    }

    pub(in crate::node) fn on_block_txn(&mut self, turn: &mut Turn<'_>, from: PeerId, answer: BlockTxn) {
        let Some(partial) = self.partial_blocks.take(from, &answer) else { return };
        let answered = partial.is_answered_by(&answer.txs);
        let PartialBlock { id, compact, mut txs, requested, guessed, .. } = partial;
        if !answered {
            return self.refuse_compact(turn, from, id, "it answered with transactions that were not asked for");
        }
        for (place, tx) in requested.iter().zip(answer.txs) {
            txs[*place as usize] = Some(tx);
        }
        self.finish_compact(turn, from, id, compact, txs, guessed);
    }

    /// All transactions are here.
    fn finish_compact(
        &mut self,
        turn: &mut Turn<'_>,
        from: PeerId,
        id: Id,
        compact: Arc<CompactBlock>,
        txs: Few<Option<Tx>>,
        guessed: bool,
    ) {
        if let Some(block) = turn.world.fitting(&id, &compact.head, txs.into_iter().flatten().collect()) {
            self.complete_compact(turn, from, id, compact, block);
        } else if guessed {
            self.ask_in_full(turn, from, id);
        } else {
            self.refuse_compact(turn, from, id, "it sent a compact block with another body than its header names");
        }
    }

    /// A block is whole.
    fn complete_compact(
        &mut self,
        turn: &mut Turn<'_>,
        from: PeerId,
        id: Id,
        compact: Arc<CompactBlock>,
        block: Arc<Block>,
    ) {
        self.fulfil_request(turn, from, &InvItem::Block(id));
        if compact.short.is_empty() && compact.tx_count() == 1 {
            // A coinbase alone: nothing depends on the salt, and it can go on as it is.
            self.partial_blocks.made = Some(compact);
        }
        turn.out.pending.blocks.push_back(ReceivedBlock { id, block, from: Some(from) });
    }

    /// The compact form was of no use, through nobody's fault.
    #[cold]
    fn ask_in_full(&mut self, turn: &mut Turn<'_>, from: PeerId, id: Id) {
        self.extend_request(turn, &InvItem::Block(id), false);
        turn.out.send_other(from, Message::GetData(vec![InvItem::Block(id)]));
    }

    /// No honest node sends this.
    #[cold]
    fn refuse_compact(&mut self, turn: &mut Turn<'_>, from: PeerId, id: Id, why: &str) {
        self.penalize(turn, Some(from), BAN_SCORE, why);
        self.request_item_elsewhere(turn, InvItem::Block(id), true);
    }
}
