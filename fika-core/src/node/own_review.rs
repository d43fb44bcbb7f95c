//! What becomes of own payments when the tip changes: those that are in no mempool are tried again, and those whose coins are
//! gone for good are given up.

use super::io::Event;
use super::mempool::TxReject;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use super::wallet_coins::WalletCoins;
use crate::hash::Id;
use crate::header::Time;
use crate::world::{BlockIx, TxIndex};

/// A payment whose coins the chain has not had for so many blocks is lost: as many as make a payment final for most users of
/// Bitcoin.
const LOST_AFTER: u64 = 6;

/// An own payment that is not confirmed is announced again after this many request timeouts at first.
const ANNOUNCE_AFTER: u64 = 3;

impl Node {
    /// After what time an own payment is announced again at first.
    pub(super) fn announce_wait(&self) -> Time {
        ANNOUNCE_AFTER * self.config.relay.request_timeout_us
    }

    /// Sees to it that own payments are announced again.
    pub(super) fn time_own_announcements(&mut self, turn: &Turn<'_>) {
        self.timers.cancel(|timer| *timer == Timer::Rebroadcast);
        if let Some(at) = self.own.next_announcement() {
            self.timers.set(at.max(turn.now), Timer::Rebroadcast);
        }
    }

    /// Looks after own payments when these blocks have joined the chain.
    pub(super) fn review_own(&mut self, turn: &mut Turn<'_>, joined: &[BlockIx]) {
        self.own.coins = WalletCoins::default();
        if !self.own.has_pending() {
            return;
        }
        for n in self.own.pending() {
            let tx = turn.world.txs_mut().hold_tx(&self.own.all[n].tx);
            if self.mempool.contains(tx) {
                self.own.note_gone(n, None);
            } else {
                self.retry_own(turn, n, tx, joined);
            }
            turn.world.txs_mut().release(tx);
        }
        let (pool, txs) = (&self.mempool, turn.world.txs());
        self.own.find_change(|hash| txs.find(hash).is_some_and(|tx| pool.contains(tx)));
        self.time_own_announcements(turn);
    }

    /// Tries an own payment again that is not in the mempool.
    fn retry_own(&mut self, turn: &mut Turn<'_>, n: usize, tx: TxIndex, joined: &[BlockIx]) {
        self.tx_status.forget(turn.world.txs_mut(), tx);
        let why = match self.accept_to_mempool(turn, tx, None) {
            Ok(_) => {
                // The neighbours may have dropped it too.
                self.own.announce_at(n, turn.now);
                return self.own.note_gone(n, None);
            }
            Err(why) => why,
        };
        let Some(since) = self.own_gone_since(turn, n, &why, joined) else {
            return self.own.note_gone(n, None);
        };
        let hash = self.own.all[n].tx.hash();
        if self.own.gone_since(n).is_none()
            && let Some(height) = executed_as(turn, &self.own.all[n].id, joined)
        {
            self.own.confirm(turn.world, n, height);
            return turn.out.event(Event::Confirmed { hash, height });
        }
        self.own.note_gone(n, Some(since));
        if turn.world.tree()[self.tip].height >= since + LOST_AFTER {
            self.own.lose(turn.world, n);
            turn.out.event(Event::PaymentLost { hash, why: why.to_string() });
        }
    }

    /// From which height on the chain has not had the coins of an own payment that was refused; `None` if it has them, or
    /// may have them yet.
    fn own_gone_since(&self, turn: &Turn<'_>, n: usize, why: &TxReject, joined: &[BlockIx]) -> Option<u64> {
        match why {
            TxReject::MissingInputs { keys, .. } => {
                let makers: Vec<usize> = keys.iter().filter_map(|key| self.own.maker(n, key)).collect();
                if makers.len() == keys.len() {
                    // It will be there again with the payment that makes it.
                    return makers.into_iter().filter_map(|maker| self.own.gone_since(maker)).min();
                }
            }
            TxReject::NotApplicable(_) | TxReject::ScriptFailed(_) | TxReject::Circular => {}
            TxReject::SpentByBlock | TxReject::Stale => {}
            TxReject::Conflict(_) | TxReject::MempoolFull | TxReject::TooLarge { .. } => return None,
            TxReject::MinFee { .. } | TxReject::MinFeeRate { .. } => return None,
            TxReject::Unavailable | TxReject::Undecided(_) => return None,
        }
        let tree = turn.world.tree();
        let takes = |ix: &&BlockIx| {
            let spent = tree[**ix].spent.as_deref().unwrap_or_default();
            spent.iter().any(|key| self.own.all[n].spends.iter().any(|(own, _)| own == key))
        };
        let first = || joined.iter().find(takes).or(joined.first()).map(|ix| tree[*ix].height);
        self.own.gone_since(n).or_else(first)
    }
}

/// At which height one of these blocks has executed a transaction called `id`, with whatever signatures.
fn executed_as(turn: &mut Turn<'_>, id: &Id, blocks: &[BlockIx]) -> Option<u64> {
    let ix = blocks.iter().find(|ix| turn.world.executed_ids(**ix).contains(id))?;
    Some(turn.world.tree()[*ix].height)
}
