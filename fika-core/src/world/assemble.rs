//! Making a block.

use super::World;
use super::ledger::{Entries, Overlay};
use super::seen::{Scope, View};
use super::tree::BlockIx;
use super::validate::Sums;
use crate::address::Address;
use crate::agent::Draft;
use crate::amount::{Amount, MAX_AMOUNT};
use crate::block::{Block, Head, Tx, body_root};
use crate::codec::{Encode, varint_len};
use crate::consensus::Summary;
use crate::header::Header;
use crate::reject::Reject;
use crate::view::BlockView;

/// Room for a seal of which nobody has said how long it is.
pub(crate) const SEAL_BYTES: u32 = 1024;
/// The fewest bytes of a transaction in a block that the length of their count is reckoned with.
const MIN_TX_BYTES: u64 = 16;

/// How many ticks are tried, from the wanted time on, until the rules allow the block.
const TICKS_TRIED: u32 = 64;

/// What a block is to be made of.
pub struct Assembly<'a> {
    /// What the agent wants: parent, bits, extra.
    pub draft: &'a Draft,
    /// The header's time in ticks.
    pub time: u32,
    /// Whether the time is fixed, as in a slot. Otherwise the block gets the first time from there on that the rules
    /// allow.
    pub exact: bool,
    /// Transactions in the order of preference, parents before children.
    pub txs: Vec<Tx>,
    /// Whom the coinbase pays.
    pub payee: Address,
    /// Makes the coinbase differ from others, and so the header.
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
        let references = self.references(&self.draft_view(&order, parent, order.time))?;
        let past = self.view_of(Scope::Ancestry(parent, &references));
        let site = Site { order: &order, parent, past: &past, time: self.allowed_time(&order, parent, &past)? };
        let filled = match self.fill(&site, false) {
            // The rules refuse what one of the actions asks for: find out which.
            Err(Reject::Invalid(_)) => self.fill(&site, true)?,
            filled => filled?,
        };
        let mut txs = vec![self.coinbase(parent, &order.payee, order.extra_nonce, filled.claim())];
        txs.extend(filled.chosen);
        let extra = order.draft.extra.clone();
        let root = body_root(&txs, &extra).0;
        let header = Header { root, ..self.draft_view(&order, parent, site.time).header };
        let block = Block { head: Head { header, extra, seal: Vec::new() }, txs };
        Ok(Template { block, fees: filled.sums.fees, dropped: filled.dropped })
    }

    fn coinbase(&self, parent: BlockIx, payee: &Address, extra_nonce: u64, claim: Amount) -> Tx {
        let height = self.tree[parent].height + 1;
        Tx::new(self.rules.tx.coinbase(height, extra_nonce, &[(self.rules.script.lock(payee), claim)]))
    }

    /// How many bytes of transactions a block of this draft after the accepted block `parent` has room for: what its head, its
    /// seal and a coinbase to `payee` leave.
    pub fn room(&self, draft: &Draft, parent: BlockIx, payee: &Address, extra_nonce: u64) -> u64 {
        let head = Head { extra: draft.extra.clone(), ..Head::default() }.encoded_len() as u64;
        let seal = u64::from(draft.seal_bytes.unwrap_or(SEAL_BYTES));
        let seal = seal + varint_len(seal) - varint_len(0);
        let coinbase = self.coinbase(parent, payee, extra_nonce, MAX_AMOUNT).encoded_len() as u64;
        let left = self.rules.env.chain.max_block_bytes.saturating_sub(head + seal + coinbase);
        left.saturating_sub(varint_len(left / MIN_TX_BYTES))
    }

    /// Adds as many transactions as fit. `careful`: asks the rules about every transaction with actions.
    fn fill(&self, site: &Site<'_>, careful: bool) -> Result<Filled, Reject> {
        let state = self.state(site.parent);
        let mut over = Overlay::new(&state);
        let Assembly { draft, payee, extra_nonce, .. } = site.order;
        let mut room = self.room(draft, site.parent, payee, *extra_nonce);
        let mut filled = Filled::default();
        let mut skipped = false;
        for tx in &site.order.txs {
            let bytes = tx.encoded_len() as u64;
            if bytes > room {
                skipped = true;
                continue;
            }
            // A failed transaction may have left part of its changes.
            over.begin();
            let before = (filled.sums.fees, filled.sums.actions.len());
            let added = filled.sums.add(&mut over, &self.rules, tx, self.next_context(site.parent));
            let fine = added.and_then(|outcome| match outcome.actions.is_empty() || !careful {
                true => Ok(()),
                false => self.settle_draft(site, &over, &filled.sums).map(drop),
            });
            over.end(fine.is_ok());
            match fine {
                Ok(()) => {
                    room -= bytes;
                    filled.chosen.push(tx.clone());
                }
                Err(_) => {
                    filled.sums.fees = before.0;
                    filled.sums.actions.truncate(before.1);
                    // It may only lack the outputs of an earlier one that did not fit.
                    filled.dropped.extend((!skipped).then(|| tx.clone()));
                }
            }
        }
        filled.may_mint = self.settle_draft(site, &over, &filled.sums)?;
        Ok(filled)
    }

    /// What the rules allow the coinbase to create on top of the fees.
    fn settle_draft(&self, site: &Site<'_>, after_txs: &dyn Entries, sums: &Sums) -> Result<Amount, Reject> {
        let (rules, draft) = (&self.rules, &site.order.draft);
        let at = self.next_context(site.parent);
        let summary = Summary {
            parent: self.tree.view(site.parent),
            height: at.height,
            time: site.time,
            bits: draft.bits,
            extra: &draft.extra,
            subsidy: rules.env.chain.subsidy(at.height, self.supply(site.parent)),
            fees: sums.fees,
            actions: &sums.actions,
        };
        let ops = rules.consensus.settle(&summary, site.past)?;
        let mut over = Overlay::new(after_txs);
        let parent = &summary.parent.id;
        let done = super::transfer::settle(&mut over, &ops, sums.pool()?, parent, at, &*rules.script, &*rules.tx)?;
        Ok(done.may_mint)
    }

    /// The draft as rules see it, with a header that is not finished.
    fn draft_view<'a>(&self, order: &'a Assembly<'_>, parent: BlockIx, time: u32) -> BlockView<'a> {
        let (draft, below) = (order.draft, self.tree.view(parent));
        let header = Header { version: draft.version, parent: below.id, time, bits: draft.bits, ..Header::default() };
        let (height, weight) = (below.height + 1, below.weight);
        BlockView { id: header.id(), header, height, weight, extra: &draft.extra }
    }

    /// The first time from the ordered one on at which the rules allow the draft.
    ///
    /// Of the times that follow at once every one is tried. If the rules want a much later one, because the clock is far
    /// behind those of other producers, it is searched for by halves up to what follows the parent's time: rules forbid
    /// what lies before some time, such as the median of the last blocks.
    fn allowed_time(&self, order: &Assembly<'_>, parent: BlockIx, past: &View<'_>) -> Result<u32, Reject> {
        let below = self.tree.view(parent);
        let check = |time| match self.rules.consensus.check(&self.draft_view(order, parent, time), &below, past) {
            Ok(()) => Ok(None),
            Err(reject @ Reject::Invalid(_)) => Ok(Some(reject)),
            Err(other) => Err(other),
        };
        let first_of = |from: u32, tries: u32| -> Result<Result<u32, Reject>, Reject> {
            let mut refused = None;
            for time in from..from.saturating_add(tries) {
                match check(time)? {
                    None => return Ok(Ok(time)),
                    reject => refused = refused.or(reject),
                }
            }
            Ok(Err(refused.unwrap_or_else(|| Reject::invalid("the time is beyond the header's range"))))
        };
        if order.exact {
            return first_of(order.time, 1)?;
        }
        let at_once = first_of(order.time, TICKS_TRIED)?;
        let (Err(_), Some(mut low)) = (&at_once, order.time.checked_add(TICKS_TRIED - 1)) else { return at_once };
        if low >= below.header.time {
            return at_once;
        }
        let Ok(mut high) = first_of(below.header.time, TICKS_TRIED)? else { return at_once };
        while high - low > 1 {
            let middle = low.midpoint(high);
            if check(middle)?.is_none() { high = middle } else { low = middle }
        }
        Ok(high)
    }
}

/// Where a block is being made.
struct Site<'a> {
    order: &'a Assembly<'a>,
    parent: BlockIx,
    past: &'a View<'a>,
    time: u32,
}

/// The content of a block that is being made.
#[derive(Default)]
struct Filled {
    chosen: Vec<Tx>,
    dropped: Vec<Tx>,
    sums: Sums,
    may_mint: Amount,
}

impl Filled {
    /// What the coinbase takes: all that it may, up to what an amount can hold.
    fn claim(&self) -> Amount {
        self.sums.fees.checked_add(self.may_mint).unwrap_or(MAX_AMOUNT)
    }
}
