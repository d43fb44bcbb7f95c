//! Answers to the clients of the control socket.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::codec::Encode;
use fika_core::hash::Id;
use fika_core::node::{Balance, Role};
use fika_core::tx::Ledger;
use fika_core::world::ledger::{Entries, Space};
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{BlockIx, Tree};
use tokio::sync::oneshot;

use super::control::{BlockLine, PaymentLine, Reply, Request, Status};
use super::hub::{Hub, Orderer};
use crate::results::payee;

/// The most blocks in one answer.
const BLOCKS_MAX: u32 = 1_000;

/// An answer, or the promise of one.
pub(super) enum Answer {
    Now(Box<Reply>),
    /// Once the newest chain is here.
    Updated(oneshot::Receiver<()>),
    /// The answer is [`Reply::Done`]; when it is written, the node is to end.
    Stop,
}

impl Hub {
    /// Does what a client asks.
    pub(super) fn answer(&mut self, request: Request) -> Answer {
        let is_light = self.node.role() == Role::Light;
        let asks_ledger = match &request {
            Request::Balance { address } => address.is_some_and(|who| who != self.node.address()),
            Request::Coins | Request::Chain { .. } => true,
            _ => false,
        };
        if is_light && asks_ledger {
            let why = "a light node knows its own coins and no blocks".into();
            return Answer::Now(Box::new(Reply::Error { why }));
        }
        Answer::Now(Box::new(match request {
            Request::Status => self.status(),
            Request::Balance { address } => {
                let Balance { confirmed, spendable, locked } = self.balance(address);
                Reply::Balance { confirmed, spendable, locked }
            }
            Request::Coins => {
                Reply::Coins { issued: self.world.supply(self.tip()), counted: self.world.counted_supply(self.tip()) }
            }
            Request::Chain { count } => Reply::Chain { blocks: self.blocks(count.min(BLOCKS_MAX)) },
            Request::History => Reply::History { payments: self.payments() },
            Request::Pay { to, amount, fee } => self.pay(&to, amount, fee),
            Request::Update => {
                let (updated, here) = oneshot::channel();
                self.updates.push(updated);
                self.take(fika_core::node::Input::UpdateChain);
                return Answer::Updated(here);
            }
            Request::HashRate { rate } => {
                self.set_hash_rate(rate.into());
                Reply::Done
            }
            Request::Begin { epoch_us } => {
                self.begin(epoch_us);
                Reply::Done
            }
            Request::Stop => {
                self.flush();
                return Answer::Stop;
            }
        }))
    }

    pub(super) fn status(&self) -> Reply {
        let entry = &self.world.tree()[self.tip()];
        let own = || self.node.history().iter().filter(|own| own.to.is_some());
        let failed = self.payer.given_up() + self.counts.refused;
        Reply::Status(Status {
            name: self.setup.name().to_owned(),
            address: self.node.address(),
            height: entry.height,
            tip: entry.id,
            state_root: entry.state_root,
            balance: self.node.balance(&self.world).confirmed,
            waits: self.waits(),
            peers: self.links.iter().filter(|link| link.is_ready()).count() as u32,
            mempool: self.node.mempool().len() as u64,
            blocks: self.counts.blocks,
            reorgs: self.counts.reorgs,
            payments_submitted: own().count() as u64,
            payments_confirmed: own().filter(|own| own.confirmed.is_some()).count() as u64,
            payments_lost: own().filter(|own| own.lost).count() as u64,
            payments_failed: failed,
            payments_to_come: self.payer.to_come(),
            hashes: self.miner.as_ref().map_or(0, super::grind::Miner::hashes),
            sent_bytes: self.counts.sent_bytes,
            received_bytes: self.counts.received_bytes,
        })
    }

    fn balance(&self, address: Option<Address>) -> Balance {
        let Some(who) = address.filter(|who| *who != self.node.address()) else {
            return self.node.balance(&self.world);
        };
        let state = self.world.state(self.tip());
        Balance {
            confirmed: FormatLedger(&state).balance(&who),
            spendable: self.node.mempool().ledger(&self.world, &state).balance(&who),
            locked: state.amount(&Space::Locked.key(&[&who.0])),
        }
    }

    fn blocks(&self, count: u32) -> Vec<BlockLine> {
        let tree = self.world.tree();
        let back = |ix: &BlockIx| (*ix != Tree::GENESIS).then(|| tree[*ix].parent);
        let chain = std::iter::successors(Some(self.tip()), back).take(count as usize);
        let line = |ix: BlockIx| {
            let block = self.world.block(ix)?;
            let producer = payee(&self.world, ix).filter(|_| ix != Tree::GENESIS);
            Some(BlockLine {
                height: tree[ix].height,
                id: tree[ix].id,
                time: tree[ix].header.time,
                producer: producer.map_or_else(String::new, |payee| self.name_of(&payee)),
                txs: block.txs.len() as u32,
                bytes: block.encoded_len() as u64,
            })
        };
        chain.filter_map(line).collect()
    }

    fn payments(&self) -> Vec<PaymentLine> {
        let (own, txs) = (self.node.history().iter(), self.world.txs());
        let is_in = |hash: &Id| txs.find(hash).is_some_and(|tx| self.node.mempool().contains(tx));
        own.map(|own| PaymentLine {
            hash: own.tx.hash(),
            to: own.to.map_or_else(String::new, |to| self.name_of(&to)),
            amount: own.amount,
            fee: own.fee,
            made_at_us: own.made_at,
            confirmed: own.confirmed,
            lost: own.lost,
            waits: is_in(&own.tx.hash()),
        })
        .collect()
    }

    fn pay(&mut self, to: &str, amount: Amount, fee: Amount) -> Reply {
        let member = self.setup.nodes.iter().find(|member| member.name == to);
        let address = match member.map(|member| Ok(member.address)).unwrap_or_else(|| to.parse()) {
            Ok(address) => address,
            Err(_) => return Reply::Error { why: format!("expected the name of a node or an address, found {to}") },
        };
        if amount == Amount::ZERO {
            return Reply::Error { why: "expected an amount above 0".into() };
        }
        if self.waits() {
            return Reply::Error { why: "the run has not begun: links are still to be connected".into() };
        }
        let (reference, input) = self.order(Orderer::Owner, address, amount, fee);
        self.take(input);
        match self.paid.remove(&reference) {
            Some(Ok(hash)) => {
                let own = self.node.history().iter().rev().find(|own| own.tx.hash() == hash);
                Reply::Paid { hash, fee: own.map_or(fee, |own| own.fee) }
            }
            Some(Err(why)) => Reply::Error { why },
            None => Reply::Error { why: "the node did not say what became of the payment".into() },
        }
    }
}
