//! Accepting a transaction to the mempool: the one place where its validation, its status and the mempool meet.

use std::collections::BTreeSet;

use super::io::Event;
use super::mempool::TxReject;
use super::peer::PeerId;
use super::state::Node;
use super::turn::Turn;
use super::tx_orphanage::TxOrphan;
use crate::agent::{Draft, Duty};
use crate::amount::Amount;
use crate::codec::varint_len;
use crate::transport::BAN_SCORE;
use crate::tx::Outcome;
use crate::world::transfer::FormatLedger;
use crate::world::{BadTx, TxIndex, Validation};

impl Node {
    /// Validates a held transaction over the tip and the mempool, and adds it to the mempool. Gives its fee.
    #[inline]
    pub(super) fn accept_to_mempool(
        &mut self,
        turn: &mut Turn<'_>,
        tx: TxIndex,
        from: Option<PeerId>,
    ) -> Result<Amount, TxReject> {
        let (pool, txs) = (&self.mempool, turn.world.txs());
        let validation = match txs.cached(tx, self.tip, |other| pool.contains(other), |other| pool.serial(txs, other)) {
            Some(validation) => validation,
            None => self.validate_tx(turn, tx, from)?,
        };
        if validation.cost > turn.world.rules().env.chain.max_block_bytes / 2 {
            self.check_fits_block(turn, validation.cost)?;
        }
        let fee = validation.fee;
        self.duties.template.renew(turn.now, self.config.template_age_us, self.mempool.arrived());
        let txs = turn.world.txs_mut();
        let evicted = self.mempool.add(txs, tx, validation)?;
        self.tx_status.enter_mempool(txs, tx);
        if !evicted.is_empty() {
            self.drop_txs(turn, evicted.iter().copied().filter(|evicted| *evicted != tx), &TxReject::MempoolFull);
            if evicted.contains(&tx) {
                self.tx_status.leave_mempool(turn.world.txs_mut(), tx);
                return Err(TxReject::MempoolFull);
            }
        }
        turn.out.event(Event::TxAccepted { tx, from, fee });
        if !self.seldom.tx_orphans.is_empty() {
            self.free_children(turn, tx);
        }
        Ok(fee)
    }

    /// Refuses a transaction of so many bytes if this node could put it into no block, and no producer does better.
    #[cold]
    pub(super) fn check_fits_block(&self, turn: &Turn<'_>, found: u64) -> Result<(), TxReject> {
        let bare = Draft::new(turn.world.tree()[self.tip].id).with_seal_bytes(0);
        let drafts = self.duties.duties.iter().map(|(Duty::Grind { draft, .. } | Duty::Slot { draft, .. })| draft);
        let rooms = drafts.map(|draft| turn.world.room(draft, self.tip, &self.address, 0));
        let room = rooms.max().unwrap_or_else(|| turn.world.room(&bare, self.tip, &self.address, 0));
        let max = room.saturating_sub(varint_len(found));
        if found <= max { Ok(()) } else { Err(TxReject::TooLarge { max, found }) }
    }

    /// What waits for this transaction, which is in the mempool now, is looked at again.
    #[cold]
    fn free_children(&mut self, turn: &mut Turn<'_>, tx: TxIndex) {
        let Some(entry) = self.mempool.entry(turn.world.txs(), tx) else { return };
        let Outcome { credits, puts, .. } = &entry.outcome;
        let made: BTreeSet<&[u8]> =
            credits.iter().map(|credit| &credit.key[..]).chain(puts.iter().map(|(key, _)| &key[..])).collect();
        let waits = |orphan: &TxOrphan| orphan.keys.iter().any(|key| made.contains(&key[..]));
        turn.out.pending.txs.extend(self.seldom.tx_orphans.take(waits));
    }

    /// These have left the mempool without being confirmed.
    #[cold]
    pub(super) fn drop_txs(&mut self, turn: &mut Turn<'_>, txs: impl IntoIterator<Item = TxIndex>, why: &TxReject) {
        for tx in txs {
            self.tx_status.leave_mempool(turn.world.txs_mut(), tx);
            if *why == TxReject::MempoolFull {
                // It may come again once there is room.
                self.tx_status.forget(turn.world.txs_mut(), tx);
            }
            self.tell_dropped(turn, tx, why.clone());
        }
    }

    /// A transaction has left the mempool without being confirmed. Its owner is told, if that is this node's.
    pub(super) fn tell_dropped(&mut self, turn: &mut Turn<'_>, tx: TxIndex, why: TxReject) {
        let hash = turn.world.txs().hash(tx);
        turn.out.event(Event::TxDropped { tx, why: why.clone() });
        if let Some(n) = self.own.find(&hash) {
            self.own.leave_mempool(n);
            turn.out.event(Event::PaymentDropped { hash, why });
        }
    }

    /// Validates a transaction of which no validation holds here.
    #[inline(never)]
    fn validate_tx(
        &mut self,
        turn: &mut Turn<'_>,
        index: TxIndex,
        from: Option<PeerId>,
    ) -> Result<Validation, TxReject> {
        let tx = turn.world.txs().tx(index).cloned().ok_or(TxReject::Unavailable)?;
        let (world, tip) = (&*turn.world, self.tip);
        let (context, state) = (world.next_context(tip), world.state(tip));
        let (outcome, reads) = match world.check_tx_reading(&tx, context, &self.mempool.ledger(world, &state)) {
            Ok(valid) => valid,
            Err(BadTx::Unproven(why)) => {
                drop(state);
                self.penalize(turn, from, BAN_SCORE / 2, "it passed on a transaction whose scripts do not hold");
                return Err(TxReject::ScriptFailed(why.into()));
            }
            Err(BadTx::Undecided(why)) => return Err(TxReject::Undecided(why)),
            Err(BadTx::Needs(why, keys)) => {
                let spender = keys.iter().find_map(|key| self.mempool.spender(world.txs(), key));
                let why = Box::new(why);
                return Err(match spender {
                    Some(spender) => TxReject::Conflict(world.txs().hash(spender)),
                    None => TxReject::MissingInputs { why, keys },
                });
            }
            Err(BadTx::Refused(why)) => {
                // Alone it may be valid: then what it spends is spent by a transaction of the mempool.
                let alone = world.check_tx(&tx, context, &FormatLedger(&state)).ok();
                let conflict = alone.and_then(|outcome| self.mempool.conflict(world.txs(), &outcome));
                let conflict = conflict.map(|conflict| TxReject::Conflict(world.txs().hash(conflict)));
                return Err(conflict.unwrap_or(TxReject::NotApplicable(why.into())));
            }
        };
        drop(state);
        let reads = reads.map(|reads| (tip, reads));
        turn.world.remember_proven(&tx, &outcome);
        let (txs, script) = turn.world.txs_and_script();
        self.mempool.validated(txs, index, &tx, outcome, reads, &|lock| script.owner(lock))
    }
}
