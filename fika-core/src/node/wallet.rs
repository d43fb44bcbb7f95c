//! The node's own money: paying, and following its own transactions.

use super::config::Role;
use super::io::{Event, PaymentOrder};
use super::own_txs::OwnTx;
use super::state::Node;
use super::turn::Turn;
use super::wallet_coins::WalletLedger;
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::reject::Reject;
use crate::tx::{ActionRequest, Ledger, Order, Spend};

/// The time between two announcements of an own transaction becomes this many times as long as at first.
const LONGEST_WAIT: u64 = 64;

impl Node {
    /// The owner pays.
    #[inline(never)]
    pub(super) fn pay(&mut self, turn: &mut Turn<'_>, order: &PaymentOrder) {
        let PaymentOrder { reference, to, amount, fee } = *order;
        let lock = turn.world.rules().script.lock(&to);
        let sent = self.make_tx(turn, vec![(lock, amount)], fee, Vec::new());
        let sent = sent.and_then(|tx| self.send_own(turn, tx, Some(to), amount));
        turn.out.event(match sent {
            Ok(hash) => Event::Paid { reference, hash },
            Err(why) => Event::PaymentFailed { reference, why },
        });
    }

    /// The agent asks the rules for something.
    #[inline(never)]
    pub(super) fn act(&mut self, turn: &mut Turn<'_>, action: ActionRequest, fee: Amount) {
        let amount = action.amount;
        let made = self.make_tx(turn, Vec::new(), fee, vec![action]);
        if let Err(why) = made.and_then(|tx| self.send_own(turn, tx, None, amount)) {
            turn.fault(format!("an action could not be submitted: {why}"));
        }
    }

    /// A transaction that someone else has signed.
    #[inline(never)]
    pub(super) fn submit(&mut self, turn: &mut Turn<'_>, tx: &Tx) {
        let tx = turn.world.txs_mut().hold_tx(tx);
        if self.config.role == Role::Light {
            self.send_tx(turn, tx, None);
            return turn.world.txs_mut().release(tx);
        }
        // The event says what became of it.
        let _ = self.accept_tx(turn, tx, None);
        turn.world.txs_mut().release(tx);
    }

    /// Builds and signs a transaction of this node.
    fn make_tx(
        &mut self,
        turn: &Turn<'_>,
        to: Vec<(Vec<u8>, Amount)>,
        fee: Amount,
        actions: Vec<ActionRequest>,
    ) -> Result<Tx, String> {
        let rules = turn.world.rules();
        let order = Order { from: self.address, from_lock: rules.script.lock(&self.address), to, fee, actions };
        if self.config.role == Role::Light {
            let [confirmed, all] = [false, true].map(|with_change| self.light_ledger(turn.world, with_change));
            return self.sign_order(turn, &order, &confirmed, &all);
        }
        let state = turn.world.state(self.tip);
        self.own.look_up_coins(&state, &self.address);
        let [confirmed, all] = [false, true].map(|with_change| {
            let pool = self.mempool.ledger(turn.world, &state);
            WalletLedger { pool, owner: self.address, coins: &self.own.coins, with_change }
        });
        self.sign_order(turn, &order, &confirmed, &all)
    }

    /// Builds and signs it with confirmed coins, or else with all.
    fn sign_order(
        &self,
        turn: &Turn<'_>,
        order: &Order,
        confirmed: &dyn Ledger,
        all: &dyn Ledger,
    ) -> Result<Tx, String> {
        let rules = turn.world.rules();
        let context = turn.world.next_context(self.tip);
        let text = |reject: Reject| reject.to_string();
        let build = |ledger| rules.tx.build(order, context, ledger);
        let bare = build(confirmed).or_else(|_| build(all)).map_err(text)?;
        if bare.len() as u64 > rules.env.chain.max_block_bytes / 2 && self.config.role != Role::Light {
            self.check_fits_block(turn, bare.len() as u64).map_err(|why| why.to_string())?;
        }
        let spends = rules.tx.apply(&bare, context, all).map_err(text)?.spends;
        if let Some(other) = spends.iter().find_map(|spend| self.own.spender(&spend.key)) {
            return Err(format!("it would spend what the unconfirmed payment {} spends", other.tx.hash()));
        }
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

    /// Sends a transaction of this node, and keeps it, durably, before it leaves the node.
    fn send_own(&mut self, turn: &mut Turn<'_>, tx: Tx, to: Option<Address>, amount: Amount) -> Result<Id, String> {
        if self.config.role == Role::Light {
            return self.send_light(turn, tx, to, amount);
        }
        let (hash, index) = (tx.hash(), turn.world.txs_mut().hold_tx(&tx));
        let sent = self.accept_tx(turn, index, None).map_err(|why| why.to_string());
        if let Some(entry) = self.mempool.entry(turn.world.txs(), index) {
            let script = &*turn.world.rules().script;
            let own = OwnTx::new(tx, &entry.outcome, script, (self.address, to), amount, turn.now);
            self.own.add(turn.world, own, self.announce_wait());
            self.time_own_announcements(turn);
        }
        turn.world.txs_mut().release(index);
        sent.map(|()| hash)
    }

    /// Announces own transactions again that are not confirmed and whose time has come.
    pub(super) fn announce_own(&mut self, turn: &mut Turn<'_>) {
        let longest = LONGEST_WAIT * self.announce_wait();
        while let Some(n) = self.own.next_due(turn.now, longest) {
            let tx = turn.world.txs_mut().hold_tx(&self.own.all[n].tx);
            if self.config.role == Role::Light {
                self.send_tx(turn, tx, None);
                turn.world.txs_mut().release(tx);
                continue;
            }
            if !self.mempool.contains(tx) {
                self.tx_status.forget(turn.world.txs_mut(), tx);
                // Where there is no room for it yet, there may be after the next block.
                if self.accept_to_mempool(turn, tx, None).is_ok() {
                    self.own.enter_mempool(n);
                }
            }
            if self.mempool.contains(tx) {
                self.tx_status.clear_announced(tx);
                self.spread(turn, tx, None);
            }
            turn.world.txs_mut().release(tx);
        }
        self.time_own_announcements(turn);
    }
}
