//! Ledger states on all branches, against a model that replays every branch from genesis.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::collections::BTreeMap;

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft};
use fika_core::amount::Amount;
use fika_core::codec::{Decode, Encode};
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::hash::{Id, draw};
use fika_core::reject::Reject;
use fika_core::testing::Setup;
use fika_core::tx::{ActionRequest, ApplyContext, Ledger, Order};
use fika_core::view::{BlockView, ChainView};
use fika_core::world::ledger::{Change, Entries, Space, amount_of, state_root, supply_key};
use fika_core::world::{Assembly, BlockIx, BlockSet, Genesis, Tree, World};

/// A bank: action 1 locks, 2 unlocks an amount, 3 forfeits everything. Heights are noted, and forgotten again.
#[derive(Clone)]
struct Bank;

impl Consensus for Bank {
    fn check(&self, _: &BlockView<'_>, _: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
        Ok(())
    }

    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let mut ops = vec![LedgerOp::MayMint(summary.subsidy)];
        let mut left = BTreeMap::new();
        for action in summary.actions {
            let who = action.from;
            let deposit = match left.get(&who) {
                Some(deposit) => *deposit,
                None => past.locked(&summary.parent.id, &who)?,
            };
            let (op, after) = match action.kind {
                1 => (LedgerOp::Lock(who, action.amount), deposit + action.amount),
                2 => {
                    let amount = Amount::from_bytes(&action.data)?.min(deposit);
                    (LedgerOp::Unlock(who, amount), deposit - amount)
                }
                _ => (LedgerOp::Forfeit(who, deposit), Amount::ZERO),
            };
            left.insert(who, after);
            ops.push(op);
        }
        ops.push(LedgerOp::Put(note(summary.height), Some(summary.parent.id.0.to_vec())));
        ops.push(LedgerOp::Put(note(summary.height / 2), None));
        ops.push(LedgerOp::Put(b"last".to_vec(), Some(summary.height.to_bytes())));
        Ok(ops)
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Bank)
    }
}

impl Agent for Bank {
    fn on_tip(&mut self, _: &BlockView<'_>, _: &mut Ctx<'_>) {}
}

fn note(height: u64) -> Vec<u8> {
    [&b"height/"[..], &height.to_be_bytes()].concat()
}

const PEOPLE: u64 = 4;

fn setup() -> Setup {
    let setup = Setup::new(|_| Ok(Bank)).nodes(PEOPLE as u32);
    setup.chain(|chain| (chain.reward, chain.halving_interval) = (Amount(1_000), 50))
}

/// The whole ledger after one block, replayed with maps alone.
#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    numbers: BTreeMap<Address, u64>,
    coins: BTreeMap<Address, u64>,
    locked: BTreeMap<Address, u64>,
    notes: BTreeMap<Vec<u8>, Vec<u8>>,
    supply: u64,
}

/// What a block of the test does, in the terms of the model.
#[derive(Clone, Debug)]
struct Act {
    from: Address,
    to: Option<(Address, u64)>,
    fee: u64,
    action: Option<(u8, u64)>,
}

impl Model {
    fn after(&self, parent: Id, height: u64, miner: Address, reward: u64, acts: &[Act]) -> Model {
        let mut new = self.clone();
        let mut fees = 0;
        for act in acts {
            let sent = act.to.map_or(0, |(_, amount)| amount);
            let locks = act.action.map_or(0, |(kind, amount)| if kind == 1 { amount } else { 0 });
            *new.coins.entry(act.from).or_default() -= sent + act.fee + locks;
            *new.numbers.entry(act.from).or_default() += 1;
            if let Some((to, amount)) = act.to {
                *new.coins.entry(to).or_default() += amount;
            }
            fees += act.fee;
            let deposit = new.locked.entry(act.from).or_default();
            match act.action {
                Some((1, amount)) => *deposit += amount,
                Some((2, amount)) => {
                    let amount = amount.min(*deposit);
                    *deposit -= amount;
                    *new.coins.entry(act.from).or_default() += amount;
                }
                Some(_) => new.supply -= std::mem::take(deposit),
                None => {}
            }
        }
        *new.coins.entry(miner).or_default() += reward + fees;
        new.supply += reward;
        new.notes.insert(note(height), parent.0.to_vec());
        new.notes.remove(&note(height / 2));
        new.notes.insert(b"last".to_vec(), height.to_bytes());
        new
    }

    /// Every entry that the state must have.
    fn entries(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut put = |space: Space, key: &[u8], value: Vec<u8>| all.insert(space.key(&[key]).to_vec(), value);
        for (space, amounts) in [(Space::Balance, &self.coins), (Space::Locked, &self.locked)] {
            for (who, amount) in amounts.iter().filter(|(_, amount)| **amount > 0) {
                put(space, &who.0, Amount(*amount).to_bytes());
            }
        }
        for (who, number) in self.numbers.iter().filter(|(_, number)| **number > 0) {
            put(Space::Format, &who.0, number.to_bytes());
        }
        for (key, value) in &self.notes {
            put(Space::Rules, key, value.clone());
        }
        all.insert(supply_key().to_vec(), Amount(self.supply).to_bytes());
        all
    }
}

struct Tester {
    setup: Setup,
    world: World,
    models: Vec<Model>,
    seed: u64,
    draws: u64,
}

impl Tester {
    fn new(seed: u64) -> Tester {
        let setup = setup();
        let coins: BTreeMap<Address, u64> = setup.genesis().coins.iter().map(|(who, coins)| (*who, coins.0)).collect();
        let supply = coins.values().sum();
        Tester {
            world: setup.world(),
            models: vec![Model { coins, supply, ..Model::default() }],
            setup,
            seed,
            draws: 0,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.draws += 1;
        draw(self.seed, 1, self.draws) % limit
    }

    /// A block with up to three acts after `parent`; validated, and noted in the model.
    fn grow(&mut self, parent: BlockIx) -> BlockIx {
        let mut model = self.models[parent.0 as usize].clone();
        let (mut txs, mut acts) = (Vec::new(), Vec::new());
        let who = |n: u64| self.setup.address(n as u32);
        let people: Vec<Address> = (0..PEOPLE).map(who).collect();
        let height = self.world.tree()[parent].height + 1;
        for _ in 0..self.below(4) {
            let from = people[self.below(PEOPLE) as usize];
            let to = people[self.below(PEOPLE) as usize];
            let amount = 1 + self.below(1_000_000);
            let act = match self.below(6) {
                0 => Act { from, to: None, fee: 1, action: Some((1, amount)) },
                1 => Act { from, to: None, fee: 1, action: Some((2, amount)) },
                2 if self.draws.is_multiple_of(5) => Act { from, to: None, fee: 1, action: Some((3, 0)) },
                _ => Act { from, to: Some((to, amount)), fee: 2, action: None },
            };
            txs.push(self.tx(&act, &model));
            // Later acts of the block count on the earlier ones.
            *model.numbers.entry(from).or_default() += 1;
            acts.push(act);
        }
        let miner = people[self.below(PEOPLE) as usize];
        let entry = &self.world.tree()[parent];
        let (id, time) = (entry.id, entry.header.time + 1);
        let draft = Draft::new(id).with_extra(self.draws.to_bytes());
        let order = Assembly { draft: &draft, time, exact: true, txs, payee: miner, extra_nonce: self.draws };
        let template = self.world.assemble(order).expect("a block");
        assert!(template.dropped.is_empty());
        let ix = self.world.insert(template.block.into()).unwrap();
        self.world.validate(ix).unwrap();
        self.world.seal(ix, &[]).unwrap();
        let reward = self.setup.env().chain.subsidy(height, Amount::ZERO).0;
        self.models.push(self.models[parent.0 as usize].after(id, height, miner, reward, &acts));
        assert_eq!(ix.0 as usize + 1, self.models.len());
        ix
    }

    fn tx(&self, act: &Act, model: &Model) -> fika_core::block::Tx {
        let rules = self.world.rules();
        let lock = |who: &Address| rules.script.lock(who);
        let action = act.action.map(|(kind, amount)| {
            let (amount, data) = if kind == 1 { (amount, 0) } else { (0, amount) };
            ActionRequest { kind, amount: Amount(amount), data: Amount(data).to_bytes() }
        });
        let order = Order {
            from: act.from,
            from_lock: lock(&act.from),
            to: act.to.iter().map(|(to, amount)| (lock(to), Amount(*amount))).collect(),
            fee: Amount(act.fee),
            actions: action.into_iter().collect(),
        };
        let context = ApplyContext { height: 0, time: 0, coinbase: false };
        let bare = rules.tx.build(&order, context, model).unwrap();
        let spends = rules.tx.apply(&bare, context, model).unwrap().spends;
        let digest = rules.tx.digest(&rules.tx.prepare(&bare, &spends).unwrap(), 0, &[]);
        let node = (0..PEOPLE as u32).find(|node| self.setup.address(*node) == act.from).unwrap();
        let keys = self.setup.pair(node);
        let unlock = rules.script.unlock(&keys.public, &rules.env.keys.sign(0, &keys.secret, &digest).unwrap());
        fika_core::block::Tx::new(rules.tx.finish(&bare, &[unlock]).unwrap())
    }

    /// The state after `at`, its root, and what views say about it, against the model.
    fn compare(&self, at: BlockIx) {
        let model = &self.models[at.0 as usize];
        let state = self.world.state(at);
        let found: BTreeMap<Vec<u8>, Vec<u8>> =
            state.entries(&[]).into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let expected = model.entries();
        assert_eq!(found, expected, "block {at:?} at height {}", self.world.tree()[at].height);
        for (key, value) in &expected {
            assert_eq!(state.entry(key).as_deref(), Some(&value[..]));
        }
        let change = |(key, value): (&Vec<u8>, &Vec<u8>)| Change {
            key: key.as_slice().into(),
            before: None,
            after: Some(value.as_slice().into()),
        };
        let changes: Vec<Change> = expected.iter().map(change).collect();
        assert_eq!(self.world.tree()[at].state_root, state_root(Id::ZERO, &changes));
        let mut all = BlockSet::default();
        for n in 0..self.world.tree().len() as u32 {
            all.insert(BlockIx(n));
        }
        let (view, id) = (self.world.view(&all), self.world.tree()[at].id);
        let mut stakes: BTreeMap<Address, u64> = model.coins.clone();
        model.locked.iter().for_each(|(who, amount)| *stakes.entry(*who).or_default() += amount);
        let stakes: Vec<_> = stakes.into_iter().filter(|(_, s)| *s > 0).map(|(who, s)| (who, Amount(s))).collect();
        assert_eq!(view.stakes(&id), Ok(stakes));
        let notes: Vec<_> = model.notes.clone().into_iter().filter(|(key, _)| key.starts_with(b"height/")).collect();
        assert_eq!(view.scan(&id, b"height/"), Ok(notes));
        let held: u64 = [Space::Balance, Space::Locked]
            .iter()
            .flat_map(|space| state.entries(&space.key(&[])))
            .map(|(_, value)| amount_of(Some(&value)).0)
            .sum();
        assert_eq!(Amount(held), self.world.supply(at));
    }
}

/// The model is a ledger of the format too.
impl Ledger for Model {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.numbers.get(&Address(key.try_into().ok()?)).map(|number| number.to_bytes())
    }
    fn balance(&self, owner: &Address) -> Amount {
        Amount(self.coins.get(owner).copied().unwrap_or(0))
    }
    fn coins(&self, _: &Address) -> Vec<(Vec<u8>, Amount)> {
        Vec::new()
    }
}

#[test]
fn every_state_on_every_branch_is_what_a_replay_from_genesis_gives() {
    for seed in 1..=6 {
        let mut tester = Tester::new(seed);
        let mut tips = vec![Tree::GENESIS];
        for n in 0..500 {
            let at = match tester.below(25) {
                // Somewhere back on a branch, also far below the kept states.
                0 => {
                    let tip = tips[tester.below(tips.len() as u64) as usize];
                    let height = tester.world.tree()[tip].height;
                    let back = tester.below(height.min(150) + 1);
                    tips.push(tester.world.tree().ancestor(tip, height - back));
                    tips.len() - 1
                }
                1..4 => tester.below(tips.len() as u64) as usize,
                _ => tips.len() - 1,
            };
            tips[at] = tester.grow(tips[at]);
            let any = BlockIx(tester.below(n + 2) as u32);
            tester.compare(any);
            tester.compare(tips[at]);
        }
        (0..tester.world.tree().len() as u32).for_each(|n| tester.compare(BlockIx(n)));
    }
}

#[test]
fn a_genesis_is_one_chain() {
    let setup = setup();
    let other = Genesis { identity: vec![1], ..setup.genesis() };
    let id = |genesis: &Genesis| genesis.block(setup.world().rules()).unwrap().0.id();
    assert_eq!(id(&setup.genesis()), setup.world().chain_id());
    assert_ne!(id(&other), id(&setup.genesis()));
}
