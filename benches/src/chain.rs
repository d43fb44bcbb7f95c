//! A chain of stock plugins: pow, stack-vm, secp256k1, utxo.

use std::num::NonZero;
use std::sync::Arc;

use fika_core::amount::Amount;
use fika_core::block::{Block, Head, Tx, body_root};
use fika_core::env::{ChainParams, Env};
use fika_core::hash::{Id, sha256};
use fika_core::header::Header;
use fika_core::keys::{KeyPair, KeyScheme, NoKeys, VerifyJob};
use fika_core::plugin::Faults;
use fika_core::target::Target;
use fika_core::tx::{ApplyContext, Order, Outcome};
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{BlockIx, Genesis, Rules, Tree, World};

/// The environment of a chain with default parameters.
pub fn env(keys: Arc<dyn KeyScheme>) -> Env {
    Env { chain: ChainParams::default(), keys }
}

/// The stock plugins, compiled in, with their guards. Every second hash or so proves a block.
pub fn rules() -> Rules {
    let faults = Faults::new();
    let keys = fika_secp256k1::PLUGIN.keys("", &env(Arc::new(NoKeys)), &faults).expect("it has no parameters");
    let env = env(keys.into());
    Rules {
        consensus: fika_pow::PLUGIN.consensus("initial_tries = 2", &env, &faults).expect("a good table").into(),
        script: fika_stack_vm::PLUGIN.script("", &env, &faults).expect("a good table"),
        tx: fika_utxo::PLUGIN.tx("", &env, &faults).expect("a good table"),
        env,
        faults,
        workers: NonZero::<usize>::MIN,
    }
}

/// A chain whose genesis gives one coin to each of its payers.
pub struct Chain {
    rules: Rules,
    pairs: Vec<KeyPair>,
    genesis: Genesis,
}

/// A signed payment, and what its one signature was made of.
pub struct Payment {
    /// The transaction.
    pub tx: Tx,
    /// What it does.
    pub outcome: Outcome,
    key: Vec<u8>,
    digest: Id,
    signature: Vec<u8>,
}

impl Payment {
    /// The verification of its signature.
    pub fn job(&self) -> VerifyJob<'_> {
        VerifyJob { kind: 0, key: &self.key, digest: &self.digest, signature: &self.signature }
    }
}

impl Chain {
    /// With so many payers.
    pub fn new(payers: u32) -> Chain {
        let rules = rules();
        let pairs: Vec<_> = (0..payers).map(|n| rules.env.keys.generate(&sha256(&[&n.to_le_bytes()]))).collect();
        let coins = pairs.iter().map(|pair| (rules.env.keys.address(&pair.public), Amount::coins(10))).collect();
        Chain { rules, pairs, genesis: Genesis { coins, identity: Vec::new() } }
    }

    /// A world with genesis alone.
    pub fn world(&self) -> World {
        World::new(rules(), &self.genesis).expect("the genesis is valid")
    }

    /// What the payer orders: 3 coins to the first one, fee 1.
    pub fn order(&self, payer: usize) -> Order {
        let lock = |n: usize| self.rules.script.lock(&self.genesis.coins[n].0);
        Order {
            from: self.genesis.coins[payer].0,
            from_lock: lock(payer),
            to: vec![(lock(0), Amount::coins(3))],
            fee: Amount::coins(1),
            actions: Vec::new(),
        }
    }

    /// The payer's payment after genesis, with one input and two outputs.
    pub fn payment(&self, world: &World, payer: usize) -> Payment {
        self.pay(world, payer, &self.order(payer))
    }

    /// What the payer orders after genesis.
    pub fn pay(&self, world: &World, payer: usize, order: &Order) -> Payment {
        let Rules { tx, script, env, .. } = &self.rules;
        let state = world.state(Tree::GENESIS);
        let (ledger, context) = (FormatLedger(&state), world.next_context(Tree::GENESIS));
        let bare = tx.build(order, context, &ledger).expect("the payer has a coin");
        let spends = tx.apply(&bare, context, &ledger).expect("it was built for this ledger").spends;
        let prepared = tx.prepare(&bare, &spends).expect("it decodes");
        let digest = tx.digest(&prepared, 0, &script.request(&spends[0].lock));
        let KeyPair { secret, public } = self.pairs[payer].clone();
        let signature = env.keys.sign(0, &secret, &digest).expect("a good key");
        let bytes = tx.finish(&bare, &[script.unlock(&public, &signature)]).expect("it has one spend");
        let outcome = tx.apply(&bytes, context, &ledger).expect("it was built for this ledger");
        Payment { tx: Tx::new(bytes), outcome, key: public, digest, signature }
    }

    /// The payments of all payers.
    pub fn payments(&self) -> Vec<Payment> {
        let world = self.world();
        (0..self.pairs.len()).map(|payer| self.payment(&world, payer)).collect()
    }

    /// A block with its work done, on `parent` in `world`.
    pub fn block<'a>(&self, world: &World, parent: BlockIx, txs: impl IntoIterator<Item = &'a Tx>) -> Arc<Block> {
        let ApplyContext { height, time, .. } = world.next_context(parent);
        let claim = (self.rules.script.lock(&self.genesis.coins[0].0), Amount::coins(50));
        let coinbase = Tx::new(self.rules.tx.coinbase(height, 0, &[claim]));
        let txs: Vec<Tx> = [coinbase].into_iter().chain(txs.into_iter().cloned()).collect();
        let mut header = Header {
            version: 1,
            parent: world.tree()[parent].id,
            root: body_root(&txs, &[]).0,
            time: time + 600,
            bits: Target::for_tries(2).to_bits(),
            nonce: 0,
        };
        assert!(self.rules.consensus.grind(&mut header, 1 << 20), "one hash in two is good enough");
        Arc::new(Block { head: Head { header, ..Head::default() }, txs })
    }

    /// Takes in and validates `blocks` empty blocks after genesis; the last one.
    pub fn grow(&self, world: &mut World, blocks: u32) -> BlockIx {
        (0..blocks).fold(Tree::GENESIS, |parent, _| {
            let ix = world.insert(self.block(world, parent, [])).expect("it matches its header");
            world.validate(ix).expect("it is valid");
            world.seal(ix, &[]).expect("it needs no seal");
            ix
        })
    }
}
