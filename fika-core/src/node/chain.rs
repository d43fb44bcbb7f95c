//! Taking in blocks and changing the tip.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::io::{Event, PeerId};
use super::timers::Timer;
use super::{Announce, Node, Role, Turn};
use crate::agent::Effect;
use crate::block::{Block, Tx};
use crate::codec::Encode;
use crate::hash::Id;
use crate::header::Time;
use crate::message::{Item, Message};
use crate::reject::Reject;
use crate::transport::BAN_POINTS;
use crate::view::TreeView;
use crate::world::transfer::FormatLedger;
use crate::world::{BadBlock, BlockIx, IdMap, Verdict};

/// Blocks that wait for another block, at most.
const MAX_ORPHANS: usize = 200;
/// The same in bytes.
const MAX_ORPHAN_BYTES: usize = 32 << 20;
/// Why a transaction leaves the mempool when another one that spends the same is in a block.
const EXCLUDED: &str = "double spend: a block spends the same";
/// Blocks whose time has not come, at most.
const MAX_HELD: usize = 64;

/// A block, and its id: hashing the header again and again would be most of the work of a simulated node.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) id: Id,
    pub(super) block: Arc<Block>,
    /// The neighbour that it came from.
    pub(super) from: Option<PeerId>,
}

/// Blocks that cannot be taken in yet.
#[derive(Default)]
pub(super) struct Waiting {
    /// By the block that they wait for.
    orphans: BTreeMap<Id, Vec<Arrival>>,
    /// In the order of arrival: what it waits for, its name, and its bytes.
    order: VecDeque<(Id, Id, usize)>,
    known: IdMap<()>,
    bytes: usize,
    /// By the time from which this node may accept them.
    held: BTreeMap<(Time, Id), Arrival>,
}

impl Waiting {
    pub(super) const EMPTY: Waiting = Waiting {
        orphans: BTreeMap::new(),
        order: VecDeque::new(),
        known: IdMap::with_hasher(BuildHasherDefault::new()),
        bytes: 0,
        held: BTreeMap::new(),
    };

    /// Whether any block waits for another one.
    fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    fn add(&mut self, waits_for: Id, arrival: Arrival) {
        let (id, bytes) = (arrival.id, arrival.block.encoded_len());
        if self.known.insert(id, ()).is_some() {
            return;
        }
        self.orphans.entry(waits_for).or_default().push(arrival);
        self.order.push_back((waits_for, id, bytes));
        self.bytes += bytes;
        while (self.order.len() > MAX_ORPHANS || self.bytes > MAX_ORPHAN_BYTES)
            && let Some((waits_for, oldest, bytes)) = self.order.pop_front()
        {
            self.bytes -= bytes;
            self.known.remove(&oldest);
            if let Some(queue) = self.orphans.get_mut(&waits_for) {
                queue.retain(|arrival| arrival.id != oldest);
                if queue.is_empty() {
                    self.orphans.remove(&waits_for);
                }
            }
        }
    }

    #[cold]
    fn take(&mut self, arrived: &Id) -> Vec<Arrival> {
        let Some(queue) = self.orphans.remove(arrived) else { return Vec::new() };
        self.order.retain(|(waits_for, id, bytes)| {
            let gone = waits_for == arrived;
            if gone {
                self.bytes -= bytes;
                self.known.remove(id);
            }
            !gone
        });
        queue
    }

    /// Whether the block called `id` waits for another one.
    pub(super) fn has_orphan(&self, id: &Id) -> bool {
        self.known.contains_key(id) || self.held.keys().any(|(_, held)| held == id)
    }
}

impl Node {
    /// Whether a block need not be asked for.
    pub(super) fn knows_block(&self, turn: &Turn<'_>, id: &Id) -> bool {
        match turn.world.tree().find(id) {
            Some(ix) if self.seen.contains(ix) => true,
            Some(ix) if self.refused.contains(ix) => true,
            _ => self.sync.waiting.has_orphan(id),
        }
    }

    /// Whether this node has judged the block called `id` and found it invalid.
    pub(super) fn is_refused(&self, turn: &Turn<'_>, id: &Id) -> bool {
        turn.world.tree().find(id).is_some_and(|ix| self.refused.contains(ix))
    }

    /// Takes in a block: from a neighbour, from the node's own duty, or after waiting.
    pub(super) fn take_block(&mut self, turn: &mut Turn<'_>, arrival: Arrival) {
        let Arrival { id, from, .. } = arrival;
        if self.has_block(turn.world, &id) {
            return self.pump(turn);
        }
        match self.try_block(turn, &arrival) {
            Ok(ix) => self.accept_block(turn, ix, from, true),
            Err(refusal) => self.put_off(turn, arrival, refusal),
        }
        self.pump(turn);
    }

    /// Keeps a block for later, or refuses it.
    #[cold]
    fn put_off(&mut self, turn: &mut Turn<'_>, arrival: Arrival, refusal: Refusal) {
        let Arrival { id, from, .. } = arrival;
        match refusal {
            Refusal::Waits(missing) => {
                for waits_for in &missing {
                    turn.out.event(Event::Orphan { id, waits_for: *waits_for });
                }
                self.sync.waiting.add(missing[0], arrival);
                self.fetch_missing(turn, from, missing);
            }
            Refusal::Early(at) => self.hold(at, arrival),
            Refusal::Bad { points, why } => {
                turn.out.event(Event::BlockRejected { id, from, why: why.clone() });
                self.blame(turn, from, points, &format!("it sent a block that is not accepted: {why}"));
                from.inspect(|peer| self.chain_not_found(turn, *peer));
                if self.is_refused(turn, &id) {
                    // What builds on it is judged now: it is invalid too.
                    turn.out.arrived.extend(self.sync.waiting.take(&id));
                }
            }
        }
    }

    /// Keeps a block until the node's clock says `at`. When there are too many, those furthest in the future go.
    fn hold(&mut self, at: Time, arrival: Arrival) {
        let held = &mut self.sync.waiting.held;
        held.insert((at, arrival.id), arrival);
        if held.len() > MAX_HELD {
            held.pop_last();
        }
        self.timers.set(at, Timer::Held);
    }

    #[inline(never)]
    pub(super) fn release_held(&mut self, turn: &mut Turn<'_>) {
        self.release_own(turn);
        while let Some(first) = self.sync.waiting.held.first_entry().filter(|entry| entry.key().0 <= turn.now) {
            turn.out.arrived.push_back(first.remove());
        }
    }

    /// Everything that must hold before a block is this node's, in order.
    fn try_block(&mut self, turn: &mut Turn<'_>, arrival: &Arrival) -> Result<BlockIx, Refusal> {
        let Arrival { id, block, .. } = arrival;
        let header = &block.head.header;
        if self.is_refused(turn, &header.parent) {
            return Err(Refusal::Bad { points: BAN_POINTS, why: "its parent is invalid".into() });
        }
        if !self.has_block(turn.world, &header.parent) {
            turn.world.check_alone(block)?;
            return Err(Refusal::Waits(vec![header.parent]));
        }
        let ix = self.insert_judged(turn, *id, block)?;
        turn.world.seal(ix, &block.head.seal).map_err(|reject| match reject {
            Reject::Invalid(why) => Refusal::Bad { points: BAN_POINTS, why: format!("seal: {why}") },
            other => Refusal::Bad { points: 0, why: format!("seal: {other}") },
        })?;
        Ok(ix)
    }

    /// A block of this node's chain of blocks, judged but for its seal.
    pub(super) fn insert_judged(
        &mut self,
        turn: &mut Turn<'_>,
        id: Id,
        block: &Arc<Block>,
    ) -> Result<BlockIx, Refusal> {
        let header = &block.head.header;
        let earliest = turn.world.earliest(&id, header);
        if earliest > turn.now {
            turn.world.check_alone(block)?;
            return Err(Refusal::Early(earliest));
        }
        let ix = turn.world.insert_named(id, block.clone())?;
        let mut unseen = turn.world.named_by(ix).to_vec();
        unseen.retain(|id| !self.has_block(turn.world, id) && !self.is_refused(turn, id));
        if !unseen.is_empty() {
            return Err(Refusal::Waits(unseen));
        }
        let Err(reject) = turn.world.judge(ix) else { return Ok(ix) };
        // Not what another node of a shared world has found out: this node must have asked for itself.
        if matches!(turn.world.tree()[ix].verdict, Verdict::Invalid(_)) {
            self.refused.insert(ix);
        }
        Err(match reject {
            Reject::NotYet(missing) if !missing.is_empty() => Refusal::Waits(missing),
            Reject::Invalid(why) => Refusal::Bad { points: BAN_POINTS, why },
            other => Refusal::Bad { points: 0, why: other.to_string() },
        })
    }

    /// A block is this node's now. `public`: the neighbours may know.
    pub(super) fn accept_block(&mut self, turn: &mut Turn<'_>, ix: BlockIx, from: Option<PeerId>, public: bool) {
        if !self.seen.insert(ix) {
            return;
        }
        let id = turn.world.tree()[ix].id;
        self.end_request(&Item::Block(id));
        turn.out.event(Event::BlockAccepted { block: ix, from });
        if !public {
            self.producer.hide(ix);
        }
        self.show_block(turn, from, ix, |agent, view, ctx| agent.on_block(view, ctx));
        if public && !turn.out.effects.iter().any(|(effect, _)| *effect == Effect::Withhold(id)) {
            self.announce_block(turn, ix, from);
        }
        let (tree, rules) = (turn.world.tree(), turn.world.rules());
        let seen_tree = turn.world.seen_tree(&self.seen, self.config.seed);
        let best = rules.consensus.choose(&tree.view(self.tip), &tree.view(ix), &seen_tree);
        let best_ix = match best == id {
            true => Some(ix),
            false => seen_tree.block(&best).ok().and_then(|view| tree.find(&view.id)),
        };
        match best_ix {
            Some(best) => self.set_tip(turn, best),
            None => turn
                .out
                .event(Event::Fault { why: format!("fork choice named {best}, which this node has not accepted") }),
        }
        if self.sync.waiting.has_orphans() {
            turn.out.arrived.extend(self.sync.waiting.take(&id));
        }
        self.pump(turn);
    }

    /// Tells the neighbours about a block.
    pub(super) fn announce_block(&mut self, turn: &mut Turn<'_>, ix: BlockIx, from: Option<PeerId>) {
        if self.config.role == Role::Wallet {
            return;
        }
        let id = turn.world.tree()[ix].id;
        let message = match self.config.relay.announce {
            Announce::Flood => turn.world.block(ix).map(Message::Block),
            Announce::Inv => {
                let mut items = turn.out.list();
                items.push(Item::Block(id));
                Some(Message::Inv(items))
            }
            Announce::Headers => turn.world.block(ix).map(|block| Message::Headers(vec![block.head.clone()])),
        };
        if let Some(message) = message {
            turn.out.send_all(from.filter(|_| !self.config.relay.to_source), message);
            turn.out.event(Event::Forwarded { id, what: "block" });
        }
    }

    /// Makes `new` the tip: mempool and wallet follow, and the agent sets its duties.
    pub(super) fn set_tip(&mut self, turn: &mut Turn<'_>, new: BlockIx) {
        let old = self.tip;
        if new == old {
            return;
        }
        let tree = turn.world.tree();
        let fork = tree.fork_point(old, new);
        let (left, joined) = (tree.path(fork, old), tree.path(fork, new));
        if tree.is_ancestor(self.finalized, old) && !tree.is_ancestor(self.finalized, new) {
            let (finalized, tip) = (tree[self.finalized].id, tree[new].id);
            turn.out.event(Event::SafetyViolation { finalized, tip });
        }
        self.tip = new;
        turn.out.event(Event::Tip { old, new, reorg_depth: left.len() as u64 });
        self.note_unconfirmed(turn, &left);
        self.repair_mempool(turn, &left, &joined);
        self.note_confirmed(turn, &joined);
        let id = turn.world.tree()[new].id;
        if let Some(store) = turn.world.store() {
            store.set("tip", Some(&id.0));
        }
        self.show_block(turn, None, new, |agent, view, ctx| agent.on_tip(view, ctx));
    }

    /// Takes out of the mempool what the new blocks confirm or exclude, and puts back what the old ones had confirmed.
    fn repair_mempool(&mut self, turn: &mut Turn<'_>, left: &[BlockIx], joined: &[BlockIx]) {
        let again = if left.is_empty() { Vec::new() } else { self.take_back(turn, left) };
        for ix in joined {
            let block = turn.world.confirmed(*ix);
            if !block.is_empty() {
                for hash in self.mempool.confirm(turn.world.txs_mut(), &block) {
                    turn.out.event(Event::TxDropped { hash, why: EXCLUDED.into() });
                }
            }
        }
        if !again.is_empty() {
            self.pool_again(turn, again, left, joined);
        }
    }

    /// Empties the mempool. Gives what the blocks had confirmed, and then what was there.
    #[cold]
    fn take_back(&mut self, turn: &mut Turn<'_>, left: &[BlockIx]) -> Vec<Tx> {
        let mut again = Vec::new();
        for ix in left {
            again.extend(turn.world.block(*ix).iter().flat_map(|block| block.txs.iter().skip(1).cloned()));
        }
        again.extend(self.mempool.take_all(turn.world.txs_mut()));
        again
    }

    /// Puts transactions into the mempool but for those that the new blocks confirm, and says which it takes no longer.
    #[cold]
    fn pool_again(&mut self, turn: &mut Turn<'_>, mut again: Vec<Tx>, left: &[BlockIx], joined: &[BlockIx]) {
        let mut confirmed = BTreeSet::new();
        for ix in joined {
            confirmed.extend(turn.world.block(*ix).iter().flat_map(|block| block.txs.iter().map(Tx::hash)));
        }
        again.retain(|tx| !confirmed.contains(&tx.hash()));
        let Some(parent) = left.first().map(|ix| turn.world.tree()[*ix].parent) else { return };
        let refused = again.into_iter().filter_map(|tx| Some((self.try_pool(turn, tx.clone(), None).err()?, tx)));
        let refused: Vec<(String, Tx)> = refused.collect();
        if refused.is_empty() {
            return;
        }
        // Who could spend before these blocks what they have spent has lost to them.
        let (world, state) = (&*turn.world, turn.world.state(parent));
        let spent = joined.iter().filter_map(|ix| world.tree()[*ix].spent.as_ref()).flat_map(|keys| keys.iter());
        let spent: BTreeSet<&Vec<u8>> = spent.collect();
        let place = world.next_place(parent);
        for (why, tx) in refused {
            let outcome = world.rules().tx.apply(tx.bytes(), place, &FormatLedger(&state)).unwrap_or_default();
            let lost = outcome.spends.iter().any(|spend| spent.contains(&spend.key));
            turn.out.event(Event::TxDropped { hash: tx.hash(), why: if lost { EXCLUDED.into() } else { why } });
        }
    }

    pub(super) fn adopt(&mut self, turn: &mut Turn<'_>, id: &Id) {
        match turn.world.tree().find(id).filter(|ix| self.seen.contains(*ix)) {
            Some(ix) => self.set_tip(turn, ix),
            None => {
                turn.out.event(Event::Fault { why: format!("the agent adopts {id}, which this node has not accepted") })
            }
        }
    }

    pub(super) fn finalize(&mut self, turn: &mut Turn<'_>, id: &Id) {
        let tree = turn.world.tree();
        match tree.find(id).filter(|ix| self.seen.contains(*ix)) {
            Some(ix) if tree.is_ancestor(self.finalized, ix) => self.finalized = ix,
            Some(ix) if tree.is_ancestor(ix, self.finalized) => {}
            Some(_) => {
                turn.out.event(Event::SafetyViolation { finalized: tree[self.finalized].id, tip: *id });
            }
            None => turn
                .out
                .event(Event::Fault { why: format!("the agent finalizes {id}, which this node has not accepted") }),
        }
    }
}

/// Why a block is not this node's, or not yet.
pub(super) enum Refusal {
    /// These blocks must come first.
    Waits(Vec<Id>),
    /// The node's clock must pass this time first.
    Early(Time),
    /// Not this one.
    Bad {
        /// For whoever sent it.
        points: u32,
        /// In one line.
        why: String,
    },
}

impl From<BadBlock> for Refusal {
    fn from(bad: BadBlock) -> Refusal {
        match bad {
            BadBlock::Orphan(parent) => Refusal::Waits(vec![parent]),
            BadBlock::Fault(why) => Refusal::Bad { points: 0, why },
            bad => Refusal::Bad { points: BAN_POINTS, why: bad.to_string() },
        }
    }
}
