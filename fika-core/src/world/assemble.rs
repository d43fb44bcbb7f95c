//! Making a block.

use super::World;
use super::judge::Sums;
use super::ledger::Overlay;
use super::seen::Scope;
use super::tree::BlockIx;
use crate::address::Address;
use crate::agent::Draft;
use crate::amount::Amount;
use crate::block::{Block, Head, Tx, body_root};
use crate::codec::Encode;
use crate::consensus::Summary;
use crate::header::Header;
use crate::reject::Reject;
use crate::view::BlockView;

/// A block is refused by rules that want a later time at most this many ticks after the clock's.
const TICKS_TRIED: u32 = 64;

/// What a block is to be made of.
pub struct Assembly<'a> {
    /// What the agent wants: parent, bits, extra.
    pub draft: &'a Draft,
    /// The header's time in ticks.
    pub time: u32,
    /// Whether the time is fixed (a slot), or the first one from there on that the rules allow.
    pub exact: bool,
    /// Transactions in the order of preference, parents before children.
    pub txs: Vec<Tx>,
    /// Whom the coinbase pays.
    pub payee: Address,
    /// Makes the coinbase, and so the header, another one.
    pub extra_nonce: u64,
}

/// A block without proof.
#[derive(Clone, Debug)]
pub struct Template {
    /// The block; its seal is empty and its nonce 0.
    pub block: Block,
    /// What the fees of its transactions add up to.
    pub fees: Amount,
    /// Transactions that were left out because they can no longer be applied.
    pub dropped: Vec<Tx>,
}

impl World {
    /// Makes a block after an accepted one: as many of the transactions as fit, the rules'
    /// operations, and a coinbase that claims what is allowed.
    ///
    /// # Errors
    /// When the draft's parent is unknown or the rules do not allow the block.
    pub fn assemble(&mut self, order: Assembly<'_>) -> Result<Template, Reject> {
        let parent = self.tree.find(&order.draft.parent).ok_or_else(|| Reject::NotYet(vec![order.draft.parent]))?;
        self.states.prepare(parent, &self.tree, &self.archive);
        let time = self.allowed_time(&order, parent)?;
        let rules = &self.rules;
        let state = self.state(parent);
        let mut over = Overlay::new(&state);
        let place = self.next_place(parent);
        let coinbase = |claim| {
            Tx::new(rules.tx.coinbase(place.height, order.extra_nonce, &[(rules.script.lock(&order.payee), claim)]))
        };
        let head = Head { extra: order.draft.extra.clone(), ..Head::default() };
        // Room for the longest coinbase, the count of transactions and a seal.
        let reserve = head.encoded_len() + coinbase(crate::amount::MAX_AMOUNT).encoded_len() + 16 + SEAL_RESERVE;
        let mut room = rules.env.chain.max_block_bytes.saturating_sub(reserve as u64);
        let mut sums = Sums::default();
        let (mut chosen, mut dropped) = (Vec::new(), Vec::new());
        for tx in order.txs {
            let bytes = tx.encoded_len() as u64;
            if bytes > room {
                continue;
            }
            // A failed transaction may have left part of its changes: try it on top, and keep only what succeeded.
            let mut trial = Overlay::new(&over);
            match sums.add(&mut trial, rules, &tx, place) {
                Ok(_) => {
                    let changes = trial.into_changes();
                    changes.into_iter().for_each(|change| over.set(change.key, change.after));
                    room -= bytes;
                    chosen.push(tx);
                }
                Err(_) => dropped.push(tx),
            }
        }
        let summary = Summary {
            parent: self.tree.view(parent),
            height: place.height,
            time,
            bits: order.draft.bits,
            extra: &order.draft.extra,
            subsidy: rules.env.chain.subsidy(place.height, self.supply(parent)),
            fees: sums.fees,
            actions: &sums.actions,
        };
        let past = self.view_of(Scope::Ancestry(parent, &[]));
        let ops = rules.consensus.settle(&summary, &past)?;
        let settled = super::transfer::settle(
            &mut over,
            &ops,
            sums.pool()?,
            &summary.parent.id,
            place,
            &*rules.script,
            &*rules.tx,
        )?;
        let mut txs = vec![coinbase(sums.fees + settled.may_mint)];
        txs.append(&mut chosen);
        let root = body_root(&txs, &head.extra).0;
        let header = Header {
            version: order.draft.version,
            parent: order.draft.parent,
            root,
            time,
            bits: order.draft.bits,
            nonce: 0,
        };
        Ok(Template { block: Block { head: Head { header, ..head }, txs }, fees: sums.fees, dropped })
    }

    /// The first time from the ordered one on at which the rules allow the draft.
    fn allowed_time(&self, order: &Assembly<'_>, parent: BlockIx) -> Result<u32, Reject> {
        let below = self.tree.view(parent);
        let past = self.view_of(Scope::Ancestry(parent, &[]));
        let tries = if order.exact { 1 } else { TICKS_TRIED };
        let mut refused = None;
        for time in order.time..order.time.saturating_add(tries) {
            let header = Header {
                version: order.draft.version,
                parent: below.id,
                time,
                bits: order.draft.bits,
                ..Header::default()
            };
            let view = BlockView {
                id: header.id(),
                header,
                height: below.height + 1,
                weight: below.weight,
                extra: &order.draft.extra,
            };
            match self.rules.consensus.check(&view, &below, &past) {
                Ok(()) => return Ok(time),
                Err(Reject::Invalid(why)) => refused = refused.or(Some(why)),
                Err(other) => return Err(other),
            }
        }
        Err(Reject::Invalid(refused.unwrap_or_else(|| "the time is beyond the header's range".into())))
    }
}

/// Bytes left free for the seal, which is made after the block.
const SEAL_RESERVE: usize = 1024;
