//! One node and what a test makes it hear.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::sync::Arc;

use fika_core::agent::Draft;
use fika_core::amount::Amount;
use fika_core::block::{Block, Tx};
use fika_core::hash::Id;
use fika_core::header::{SECOND, Time};
use fika_core::message::Message;
use fika_core::node::{Dest, Event, Input, Node, Outputs, PeerId, PeerMessage, TxReject, Work};
use fika_core::testing::Setup;
use fika_core::tx::{ActionRequest, Ledger, Order};
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{Assembly, MempoolEntry, World};

/// What a node has answered, its messages as transports carry them.
#[derive(Debug, Default)]
pub struct Answer {
    pub messages: Vec<(Dest, Message)>,
    pub work: Option<Vec<Work>>,
    pub events: Vec<Event>,
    pub bans: Vec<PeerId>,
    pub waits: Vec<(PeerId, Time)>,
}

/// A node with neighbours that the test plays.
pub struct Solo {
    pub setup: Setup,
    pub world: World,
    pub node: Node,
    pub now: Time,
    pub wake_at: Option<Time>,
    pub events: Vec<Event>,
}

impl Solo {
    /// Node 0 of the setup, at a time when a thousand blocks could exist, with three neighbours.
    pub fn new(setup: Setup) -> Solo {
        let world = setup.world();
        Solo::open(setup, world, 10_000 * SECOND)
    }

    pub fn open(setup: Setup, mut world: World, now: Time) -> Solo {
        let attack = setup.attack_of(0, &world.rules().consensus);
        let node = Node::new(setup.node_config(0), &mut world, attack.as_deref());
        let mut solo = Solo { setup, world, node, now, wake_at: None, events: Vec::new() };
        (0..3).for_each(|peer| drop(solo.give(Input::Connected(PeerId(peer)))));
        solo
    }

    /// Hears payments of one account, each with the next number and a higher fee.
    pub fn hear_payments_in_a_row(&mut self, factory: &Factory, count: u64) -> Vec<Tx> {
        let pay = |n| {
            let state = self.world.state(self.node.tip());
            let ledger = self.node.mempool().ledger(&self.world, &state);
            let tx = factory.pay_over(&ledger, factory.genesis(), 2, 3, 20, 100 * n);
            drop(state);
            self.hear(0, Message::Tx(tx.clone()));
            tx
        };
        (0..count).map(pay).collect()
    }

    pub fn give(&mut self, input: Input) -> Answer {
        let mut out = Outputs::default();
        self.node.handle(&mut self.world, self.now, input, &mut out);
        self.wake_at = out.wake_at;
        self.events.extend(out.events.iter().cloned());
        let mut answer = Answer { events: std::mem::take(&mut out.events), ..Answer::default() };
        answer.work = out.work.take();
        answer.bans = std::mem::take(&mut out.bans);
        answer.waits = std::mem::take(&mut out.waits);
        for (dest, message) in std::mem::take(&mut out.messages) {
            answer.messages.extend(message.to_wire(self.world.txs()).into_iter().map(|message| (dest, message)));
            message.release(self.world.txs_mut());
        }
        answer
    }

    pub fn hear(&mut self, peer: u32, message: Message) -> Answer {
        let mut all = Answer::default();
        for message in PeerMessage::from_wire(message, self.world.txs_mut()) {
            let answer = self.give(Input::Message(PeerId(peer), message));
            all.messages.extend(answer.messages);
            all.events.extend(answer.events);
            all.bans.extend(answer.bans);
            all.waits.extend(answer.waits);
            all.work = answer.work.or(all.work);
        }
        all
    }

    pub fn hear_block(&mut self, peer: u32, block: &Arc<Block>) -> Answer {
        self.hear(peer, Message::Block(block.clone()))
    }

    /// Lets the time pass.
    pub fn run(&mut self, until: Time) -> Vec<Answer> {
        let mut all = Vec::new();
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = self.now.max(at);
            all.push(self.give(Input::Wake));
        }
        self.now = until;
        all
    }

    pub fn tip(&self) -> Id {
        self.world.tree()[self.node.tip()].id
    }

    pub fn height(&self) -> u64 {
        self.world.tree()[self.node.tip()].height
    }

    /// What a template would take.
    pub fn selected(&self) -> Vec<Tx> {
        let txs = self.world.txs();
        self.node.mempool().select(txs, 1_000_000).into_iter().map(|tx| txs.tx(tx).unwrap().clone()).collect()
    }

    /// What the mempool has of a transaction.
    pub fn in_mempool(&self, tx: &Tx) -> Option<&MempoolEntry> {
        let txs = self.world.txs();
        self.node.mempool().entry(txs, txs.find(&tx.hash())?).map(|entry| &**entry)
    }

    /// Which transactions were refused, and why.
    pub fn rejected(&self, answer: &Answer) -> Vec<(Id, TxReject)> {
        let rejected = answer.events.iter().filter_map(|event| match event {
            Event::TxRejected { tx, why, .. } => Some((self.world.txs().hash(*tx), why.clone())),
            _ => None,
        });
        rejected.collect()
    }

    /// Which transactions have left the mempool, and why.
    pub fn dropped(&self, answer: &Answer) -> Vec<(Id, TxReject)> {
        let dropped = answer.events.iter().filter_map(|event| match event {
            Event::TxDropped { tx, why } => Some((self.world.txs().hash(*tx), why.clone())),
            _ => None,
        });
        dropped.collect()
    }

    pub fn has(&self, block: &Block) -> bool {
        self.node.has_block(&self.world, &block.id())
    }
}

/// Makes blocks and transactions in a world of its own.
pub struct Factory {
    pub setup: Setup,
    pub world: World,
    pub blocks: u64,
}

impl Factory {
    pub fn new(setup: Setup) -> Factory {
        Factory { world: setup.world(), setup, blocks: 0 }
    }

    pub fn genesis(&self) -> Id {
        self.world.chain_id()
    }

    /// A block that differs from all others, by node 1, ten seconds after its parent.
    pub fn block(&mut self, parent: Id, txs: Vec<Tx>) -> Arc<Block> {
        let time = self.time_of(parent) + 10_000;
        self.block_with(Draft::new(parent), time, txs)
    }

    pub fn time_of(&self, block: Id) -> u32 {
        let tree = self.world.tree();
        tree[tree.find(&block).unwrap()].header.time
    }

    pub fn block_with(&mut self, draft: Draft, time: u32, txs: Vec<Tx>) -> Arc<Block> {
        self.blocks += 1;
        let payee = self.setup.address(1);
        let order = Assembly { draft: &draft, time, exact: false, txs, payee, extra_nonce: self.blocks };
        let block = Arc::new(self.world.assemble(order).expect("a template").block);
        self.keep(&block);
        block
    }

    /// Validates a block here too, if it is valid, so that others can be built on it.
    pub fn keep(&mut self, block: &Arc<Block>) {
        if let Ok(ix) = self.world.insert(block.clone())
            && self.world.validate(ix).is_ok()
        {
            // One with a bad seal can be built on too.
            let _ = self.world.seal(ix, &block.head.seal);
        }
    }

    /// A chain of empty blocks.
    pub fn chain(&mut self, mut parent: Id, length: usize) -> Vec<Arc<Block>> {
        let grow = |_| {
            let block = self.block(parent, Vec::new());
            parent = block.id();
            block
        };
        (0..length).map(grow).collect()
    }

    /// A signed payment over the ledger after the block `at`.
    pub fn pay(&self, at: Id, from: u32, to: u32, coins: u64, fee: u64) -> Tx {
        let state = self.world.state(self.world.tree().find(&at).unwrap());
        self.pay_over(&FormatLedger(&state), at, from, to, coins, fee)
    }

    pub fn pay_over(&self, ledger: &dyn Ledger, at: Id, from: u32, to: u32, coins: u64, fee: u64) -> Tx {
        let lock = self.world.rules().script.lock(&self.setup.address(to));
        self.sign(ledger, at, from, vec![(lock, Amount::coins(coins))], Amount(fee), Vec::new())
    }

    /// A signed payment to any lock.
    pub fn pay_lock(&self, at: Id, from: u32, lock: Vec<u8>, amount: Amount, fee: u64) -> Tx {
        let state = self.world.state(self.world.tree().find(&at).unwrap());
        self.sign(&FormatLedger(&state), at, from, vec![(lock, amount)], Amount(fee), Vec::new())
    }

    /// A signed transaction without a fee that asks the rules for something.
    pub fn act(&self, at: Id, from: u32, action: ActionRequest) -> Tx {
        let state = self.world.state(self.world.tree().find(&at).unwrap());
        self.sign(&FormatLedger(&state), at, from, Vec::new(), Amount::ZERO, vec![action])
    }

    fn sign(
        &self,
        ledger: &dyn Ledger,
        at: Id,
        from: u32,
        to: Vec<(Vec<u8>, Amount)>,
        fee: Amount,
        actions: Vec<ActionRequest>,
    ) -> Tx {
        let rules = self.world.rules();
        let context = self.world.next_context(self.world.tree().find(&at).unwrap());
        let who = self.setup.address(from);
        let order = Order { from: who, from_lock: rules.script.lock(&who), to, fee, actions };
        let bare = rules.tx.build(&order, context, ledger).expect("enough money");
        let spends = rules.tx.apply(&bare, context, ledger).expect("applies").spends;
        let prepared = rules.tx.prepare(&bare, &spends).expect("its own spends");
        let keys = self.setup.pair(from);
        let unlock = |spend: &fika_core::tx::Spend| {
            let digest = rules.tx.digest(&prepared, spend.input, &rules.script.request(&spend.lock));
            rules.script.unlock(&keys.public, &rules.env.keys.sign(0, &keys.secret, &digest).unwrap())
        };
        let unlocks: Vec<_> = spends.iter().map(unlock).collect();
        Tx::new(rules.tx.finish(&bare, &unlocks).expect("one unlock per spend"))
    }
}

/// The block with another list of transactions, another extra or another header, as the change says.
pub fn changed(block: &Block, change: impl FnOnce(&mut Block)) -> Arc<Block> {
    let mut block = block.clone();
    change(&mut block);
    Arc::new(block)
}

/// The same, with a root that fits again.
pub fn rerooted(block: &Block, change: impl FnOnce(&mut Block)) -> Arc<Block> {
    let mut block = block.clone();
    change(&mut block);
    block.head.header.root = fika_core::block::body_root(&block.txs, &block.head.extra).0;
    Arc::new(block)
}
