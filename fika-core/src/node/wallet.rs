//! The node's own money: paying, and following its own transactions.

use std::collections::BTreeSet;

use super::io::{Event, PaymentOrder};
use super::timers::Timer;
use super::{Node, Turn};
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes};
use crate::hash::Id;
use crate::header::Time;
use crate::reject::Reject;
use crate::tx::{ActionRequest, Ledger, Order};
use crate::world::ledger::{Entries, Space};
use crate::world::transfer::FormatLedger;
use crate::world::{BlockIx, World};

/// Own transactions that are not confirmed are sent again after this many request timeouts.
const REBROADCAST_AFTER: u64 = 3;

/// A transaction that this node has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTx {
    /// The transaction.
    pub tx: Tx,
    /// Who receives it; `None` for an action of the consensus agent.
    pub to: Option<Address>,
    /// How much.
    pub amount: Amount,
    /// What the block's producer gets.
    pub fee: Amount,
    /// When it was made.
    pub made_at: Time,
    /// Height of the block that confirms it, on the node's chain.
    pub confirmed: Option<u64>,
}

/// What a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Balance {
    /// In coins of the chain.
    pub confirmed: Amount,
    /// In coins once everything that waits here is confirmed: what can be spent.
    pub spendable: Amount,
    /// In deposits.
    pub locked: Amount,
}

/// The transactions that a node has made, oldest first.
#[derive(Default)]
pub(super) struct Wallet {
    own: Vec<OwnTx>,
    /// The places of those that are not confirmed.
    waiting: BTreeSet<usize>,
}

impl Wallet {
    fn waiting(&self) -> impl Iterator<Item = &OwnTx> {
        self.waiting.iter().map(|n| &self.own[*n])
    }
}

impl Node {
    /// What the node remembers from an earlier run: its tip, and its own transactions.
    pub(super) fn restore(&mut self, world: &mut World) {
        let tree = world.tree();
        for n in 0..tree.len() as u32 {
            let sealed = tree[BlockIx(n)].sealed;
            if sealed && world.has_store() {
                self.seen.insert(BlockIx(n));
            }
        }
        let Some(store) = world.store() else { return };
        let tip = store.values("tip").first().and_then(|(_, id)| Id::from_bytes(id).ok());
        let own = store.values("own/");
        self.wallet.own = own.iter().filter_map(|(_, bytes)| OwnTx::from_bytes(bytes).ok()).collect();
        if let Some(ix) = tip.and_then(|id| world.tree().find(&id)) {
            self.tip = ix;
        }
        self.catch_up(world);
        let own = self.wallet.own.iter().enumerate();
        self.wallet.waiting = own.filter(|(_, own)| own.confirmed.is_none()).map(|(n, _)| n).collect();
        let waiting: Vec<Tx> = self.wallet.waiting().map(|own| own.tx.clone()).collect();
        let place = world.next_place(self.tip);
        for tx in waiting {
            let state = world.state(self.tip);
            let judged = world.check_tx(&tx, place, &self.mempool.ledger(world, &state));
            drop(state);
            if let Ok(outcome) = judged {
                world.remember_proven(tx.hash());
                // A full mempool keeps what pays more; the transaction is sent again later.
                let (txs, script) = world.txs_and_script();
                self.mempool.insert(txs, tx, outcome, &|lock| script.owner(lock)).unwrap_or_default();
            }
        }
    }

    /// The store may have newer blocks than the tip that it names: the run ended between the two.
    fn catch_up(&mut self, world: &World) {
        let (tree, named) = (world.tree(), self.tip);
        let seen = world.seen_tree(&self.seen, self.config.seed);
        for newer in (named.0 + 1..tree.len() as u32).map(BlockIx) {
            let best = world.rules().consensus.choose(&tree.view(self.tip), &tree.view(newer), &seen);
            self.tip = tree.find(&best).filter(|ix| self.seen.contains(*ix)).unwrap_or(self.tip);
        }
        for block in tree.path(tree.fork_point(named, self.tip), self.tip).into_iter().filter_map(|ix| world.block(ix))
        {
            let height = tree.find(&block.id()).map(|ix| tree[ix].height);
            let own = self.wallet.own.iter_mut().filter(|own| block.txs.contains(&own.tx));
            own.for_each(|own| own.confirmed = height);
        }
    }

    #[inline(never)]
    pub(super) fn pay(&mut self, turn: &mut Turn<'_>, order: &PaymentOrder) {
        let lock = turn.world.rules().script.lock(&order.to);
        let made = self.make_tx(turn, vec![(lock, order.amount)], order.fee, Vec::new());
        let reference = order.reference;
        let sent = made.and_then(|tx| {
            let hash = tx.hash();
            self.send_own(turn, tx, Some(order.to), order.amount, order.fee).map(|()| hash)
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
        let made = self.make_tx(turn, Vec::new(), fee, vec![action]);
        if let Err(why) = made.and_then(|tx| self.send_own(turn, tx, None, amount, fee)) {
            turn.out.event(Event::Fault { why: format!("an action could not be submitted: {why}") });
        }
    }

    /// A transaction that someone else has signed.
    #[inline(never)]
    pub(super) fn submit(&mut self, turn: &mut Turn<'_>, tx: Tx) {
        // The event says what became of it.
        let _ = self.accept_tx(turn, tx, None);
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
        let place = turn.world.next_place(self.tip);
        let state = turn.world.state(self.tip);
        let ledger = self.mempool.ledger(turn.world, &state);
        let order = Order { from: self.address, from_lock: rules.script.lock(&self.address), to, fee, actions };
        let text = |reject: Reject| reject.to_string();
        let bare = rules.tx.build(&order, place, &ledger).map_err(text)?;
        let spends = rules.tx.apply(&bare, place, &ledger).map_err(text)?.spends;
        let prepared = rules.tx.prepare(&bare, &spends).map_err(text)?;
        let unlock = |spend: &crate::tx::Spend| {
            let request = rules.script.request(&spend.lock);
            let digest = rules.tx.digest(&prepared, spend.input, &request);
            let signature = rules.env.keys.sign(0, &self.config.keys.secret, &digest)?;
            Ok(rules.script.unlock(&self.config.keys.public, &signature))
        };
        let unlocks = spends.iter().map(unlock).collect::<Result<Vec<_>, String>>()?;
        rules.tx.finish(&bare, &unlocks).map(Tx::new).map_err(text)
    }

    /// Keeps a transaction of this node, durably, before it leaves the node.
    fn send_own(
        &mut self,
        turn: &mut Turn<'_>,
        tx: Tx,
        to: Option<Address>,
        amount: Amount,
        fee: Amount,
    ) -> Result<(), String> {
        let own = OwnTx { tx: tx.clone(), to, amount, fee, made_at: turn.now, confirmed: None };
        save(turn, self.wallet.own.len(), &own);
        self.wallet.waiting.insert(self.wallet.own.len());
        self.wallet.own.push(own);
        let sent = self.accept_tx(turn, tx, None);
        if sent.is_err() {
            self.wallet.own.pop();
            self.wallet.waiting.remove(&self.wallet.own.len());
            if let Some(store) = turn.world.store() {
                store.set(&name(self.wallet.own.len()), None);
            }
        } else {
            self.arm_rebroadcast(turn);
        }
        sent
    }

    fn arm_rebroadcast(&mut self, turn: &Turn<'_>) {
        self.timers.cancel(|timer| *timer == Timer::Rebroadcast);
        self.timers.set(turn.now + REBROADCAST_AFTER * self.config.relay.request_timeout_us, Timer::Rebroadcast);
    }

    /// Sends own transactions that wait to the neighbours again.
    pub(super) fn rebroadcast(&mut self, turn: &mut Turn<'_>) {
        let waiting: Vec<Tx> = self.wallet.waiting().map(|own| own.tx.clone()).collect();
        if waiting.is_empty() {
            return;
        }
        for tx in waiting {
            let no = turn.world.txs_mut().hold(tx.hash());
            if !self.mempool.slots.waits(no) {
                self.mempool.slots.forget(turn.world.txs_mut(), no);
                // It may have been excluded meanwhile; the event says so.
                let _ = self.try_pool(turn, tx.clone(), None);
            }
            if self.mempool.slots.waits(no) {
                self.mempool.slots.known_to_nobody(no);
                self.pass_on(turn, no, Some(&tx), None);
                turn.out.event(Event::Forwarded { id: tx.hash(), what: "tx" });
            }
            turn.world.txs_mut().release(no);
        }
        self.arm_rebroadcast(turn);
    }

    pub(super) fn note_confirmed(&mut self, turn: &mut Turn<'_>, joined: &[BlockIx]) {
        self.follow(turn, joined, true);
    }

    pub(super) fn note_unconfirmed(&mut self, turn: &mut Turn<'_>, left: &[BlockIx]) {
        self.follow(turn, left, false);
    }

    fn follow(&mut self, turn: &mut Turn<'_>, blocks: &[BlockIx], confirmed: bool) {
        if self.wallet.own.is_empty() {
            return;
        }
        for ix in blocks {
            let height = turn.world.tree()[*ix].height;
            let Wallet { own, waiting } = &mut self.wallet;
            let places: Vec<usize> = match confirmed {
                true => waiting.iter().copied().collect(),
                false => (0..own.len()).filter(|n| own[*n].confirmed == Some(height)).collect(),
            };
            for n in turn.world.find_in(*ix, &places, |n| own[*n].tx.hash()) {
                own[n].confirmed = confirmed.then_some(height);
                match confirmed {
                    true => waiting.remove(&n),
                    false => waiting.insert(n),
                };
                save(turn, n, &own[n]);
                let hash = own[n].tx.hash();
                turn.out.event(if confirmed { Event::Confirmed { hash, height } } else { Event::Unconfirmed { hash } });
            }
        }
    }

    /// What this node has.
    pub fn balance(&self, world: &World) -> Balance {
        let state = world.state(self.tip);
        Balance {
            confirmed: FormatLedger(&state).balance(&self.address),
            spendable: self.mempool.ledger(world, &state).balance(&self.address),
            locked: state.amount(&Space::Locked.key(&[&self.address.0])),
        }
    }

    /// The transactions that this node has made, oldest first.
    pub fn history(&self) -> &[OwnTx] {
        &self.wallet.own
    }
}

fn name(n: usize) -> String {
    format!("own/{n:010}")
}

fn save(turn: &mut Turn<'_>, n: usize, own: &OwnTx) {
    if let Some(store) = turn.world.store() {
        store.set(&name(n), Some(&own.to_bytes()));
        store.flush();
    }
}

impl Encode for OwnTx {
    fn encode(&self, out: &mut impl Sink) {
        put_bytes(out, self.tx.bytes());
        self.to.encode(out);
        self.amount.encode(out);
        self.fee.encode(out);
        self.made_at.encode(out);
        self.confirmed.encode(out);
    }
}

impl Decode for OwnTx {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(OwnTx {
            tx: Tx::decode(from)?,
            to: Option::decode(from)?,
            amount: Amount::decode(from)?,
            fee: Amount::decode(from)?,
            made_at: u64::decode(from)?,
            confirmed: Option::decode(from)?,
        })
    }
}
