//! The node's own money: paying, and following its own transactions.

use super::io::{Event, PaymentOrder};
use super::own_txs::OwnTx;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use crate::amount::Amount;
use crate::block::Tx;
use crate::reject::Reject;
use crate::tx::{ActionRequest, Order, Spend};

/// Own transactions that are not confirmed are sent again after this many request timeouts.
const REBROADCAST_AFTER: u64 = 3;

impl Node {
    /// The owner pays.
    #[inline(never)]
    pub(super) fn pay(&mut self, turn: &mut Turn<'_>, order: &PaymentOrder) {
        let PaymentOrder { reference, to, amount, fee } = *order;
        let lock = turn.world.rules().script.lock(&to);
        let sent = self.make_tx(turn, vec![(lock, amount)], fee, Vec::new()).and_then(|tx| {
            let hash = tx.hash();
            let own = OwnTx { tx, to: Some(to), amount, fee, made_at: turn.now, confirmed: None };
            self.send_own(turn, own).map(|()| hash)
        });
        turn.out.event(match sent {
            Ok(hash) => Event::Paid { reference, hash },
            Err(why) => Event::PaymentFailed { reference, why },
        });
    }

    /// The agent asks the rules for something.
    #[inline(never)]
    pub(super) fn act(&mut self, turn: &mut Turn<'_>, action: ActionRequest, fee: Amount) {
        let amount = action.amount;
        let sent = self.make_tx(turn, Vec::new(), fee, vec![action]).and_then(|tx| {
            let own = OwnTx { tx, to: None, amount, fee, made_at: turn.now, confirmed: None };
            self.send_own(turn, own)
        });
        if let Err(why) = sent {
            turn.fault(format!("an action could not be submitted: {why}"));
        }
    }

    /// A transaction that someone else has signed.
    #[inline(never)]
    pub(super) fn submit(&mut self, turn: &mut Turn<'_>, tx: &Tx) {
        let tx = turn.world.txs_mut().hold_tx(tx);
        // The event says what became of it.
        let _ = self.accept_tx(turn, tx, None);
        turn.world.txs_mut().release(tx);
    }

    /// Builds and signs a transaction of this node.
    fn make_tx(
        &self,
        turn: &Turn<'_>,
        to: Vec<(Vec<u8>, Amount)>,
        fee: Amount,
        actions: Vec<ActionRequest>,
    ) -> Result<Tx, String> {
        let rules = turn.world.rules();
        let context = turn.world.next_context(self.tip);
        let state = turn.world.state(self.tip);
        let ledger = self.mempool.ledger(turn.world, &state);
        let order = Order { from: self.address, from_lock: rules.script.lock(&self.address), to, fee, actions };
        let text = |reject: Reject| reject.to_string();
        let bare = rules.tx.build(&order, context, &ledger).map_err(text)?;
        let spends = rules.tx.apply(&bare, context, &ledger).map_err(text)?.spends;
        let prepared = rules.tx.prepare(&bare, &spends).map_err(text)?;
        let unlock = |spend: &Spend| {
            let request = rules.script.request(&spend.lock);
            let digest = rules.tx.digest(&prepared, spend.input, &request);
            let signature = rules.env.keys.sign(0, &self.config.keys.secret, &digest)?;
            Ok(rules.script.unlock(&self.config.keys.public, &signature))
        };
        let unlocks = spends.iter().map(unlock).collect::<Result<Vec<_>, String>>()?;
        rules.tx.finish(&bare, &unlocks).map(Tx::new).map_err(text)
    }

    /// Keeps a transaction of this node, durably, before it leaves the node.
    fn send_own(&mut self, turn: &mut Turn<'_>, own: OwnTx) -> Result<(), String> {
        let tx = turn.world.txs_mut().hold_tx(&own.tx);
        self.own.add(turn.world, own);
        let sent = self.accept_tx(turn, tx, None);
        match sent {
            Ok(()) => self.arm_rebroadcast(turn),
            Err(_) => self.own.take_back(turn.world),
        }
        turn.world.txs_mut().release(tx);
        sent.map_err(|why| why.to_string())
    }

    fn arm_rebroadcast(&mut self, turn: &Turn<'_>) {
        self.timers.cancel(|timer| *timer == Timer::Rebroadcast);
        self.timers.set(turn.now + REBROADCAST_AFTER * self.config.relay.request_timeout_us, Timer::Rebroadcast);
    }

    /// Sends own transactions that are not confirmed to the neighbours again.
    pub(super) fn rebroadcast(&mut self, turn: &mut Turn<'_>) {
        let unconfirmed = self.own.unconfirmed();
        if unconfirmed.is_empty() {
            return;
        }
        for tx in unconfirmed {
            let tx = turn.world.txs_mut().hold_tx(&tx);
            if !self.mempool.contains(tx) {
                self.tx_status.forget(turn.world.txs_mut(), tx);
                // It may have been excluded meanwhile.
                let _ = self.accept_to_mempool(turn, tx, None);
            }
            if self.mempool.contains(tx) {
                self.tx_status.clear_announced(tx);
                self.spread(turn, tx, None);
            }
            turn.world.txs_mut().release(tx);
        }
        self.arm_rebroadcast(turn);
    }
}
