use std::sync::Arc;

use super::super::ledger::owned_value;
use super::*;
use crate::block::{Block, Head};
use crate::hash::{Id, draw};
use crate::header::Header;
use crate::target::Work;

impl Diffs for Vec<Arc<[Change]>> {
    fn diff(&self, block: BlockIx) -> Arc<[Change]> {
        self[block.0 as usize].clone()
    }
}

fn block(parent: Id, nonce: u32) -> Arc<Block> {
    let header = Header { parent, nonce, ..Header::default() };
    Arc::new(Block { head: Head { header, ..Head::default() }, txs: Vec::new() })
}

/// Every coin by its key: whose it is, and what it is worth.
type Model = BTreeMap<Key, (Address, Amount)>;

fn compare(state: &State<'_>, owner: &Address, model: &Model) {
    let mut expected: Vec<_> = model.iter().filter(|(_, (whose, _))| whose == owner).collect();
    let found: Vec<_> = state.owned(owner).iter().map(|coin| (coin.key.clone(), coin.amount)).collect();
    assert_eq!(found, expected.iter().map(|(key, (_, worth))| (key[21..].to_vec(), *worth)).collect::<Vec<_>>());
    expected.sort_by_key(|(key, (_, worth))| (*worth, (*key).clone()));
    for least in (0..6).map(Amount) {
        let mut found = Vec::new();
        state.visit_worth(owner, least, &mut |key, amount| {
            found.push((key.to_vec(), amount));
            true
        });
        let expected = expected.iter().filter(|(_, (_, worth))| *worth >= least);
        assert_eq!(found, expected.map(|(key, (_, worth))| (key[21..].to_vec(), *worth)).collect::<Vec<_>>());
    }
}

#[test]
fn the_coins_of_an_owner_are_in_order_of_amount_on_every_branch() {
    [false, true].into_iter().for_each(follow_a_chain);
}

fn follow_a_chain(closely: bool) {
    let owners = [Address([1; 20]), Address([2; 20])];
    let mut draws = 0;
    let mut below = |limit: u64| {
        draws += 1;
        draw(7, 0, draws) % limit
    };
    let mut tree = Tree::new(block(Id::ZERO, 0));
    let (mut states, mut diffs, mut models) = (States::new(&[]), vec![Arc::from([])], vec![Model::new()]);
    if closely {
        states.follow_closely();
    }
    let mut tip = Tree::GENESIS;
    let mut branches = [Tree::GENESIS; 3];
    for n in 1..2_500u32 {
        // At first one chain grows. Then mostly the longest does, and now and then a branch from far below. Then three
        // grow side by side, the last of them for a while much faster than the others.
        let back = if n < 200 {
            0
        } else if below(12) == 0 {
            below(100)
        } else {
            below(2)
        };
        let branch = if below(3) > 0 && n > 2_000 { 2 } else { below(3) as usize };
        let parent = match n {
            ..1_200 => tree.ancestor(tip, tree[tip].height.saturating_sub(back)),
            _ => tree.ancestor(branches[branch], tree[branches[branch]].height.saturating_sub(back % 3)),
        };
        let mut model = models[parent.0 as usize].clone();
        let mut changes = BTreeMap::new();
        for _ in 0..below(5) {
            let owner = owners[below(2) as usize];
            let key = Space::Owned.key(&[&owner.0, &[below(9) as u8]]);
            let value = |(_, amount): &(Address, Amount)| owned_value(*amount, 1, 2);
            let before = models[parent.0 as usize].get(&key).map(value);
            // The same coin may be worth another amount elsewhere.
            let new = (below(2) == 0).then(|| (owner, Amount(below(6))));
            match new {
                Some(new) => model.insert(key.clone(), new),
                None => model.remove(&key),
            };
            let change = Change { key: key.clone(), before, after: new.as_ref().map(value) };
            changes.insert(key, change);
        }
        let changes: Arc<[Change]> = changes.into_values().filter(|change| change.before != change.after).collect();
        let ix = tree.insert(block(tree[parent].id, n)).unwrap();
        tree[ix].weight = Work::from(tree[ix].height);
        if n >= 1_200 && tree[ix].height > tree[branches[branch]].height {
            branches[branch] = ix;
        }
        states.prepare(parent, &tree, &diffs);
        *states.looked_back.get_mut() = false;
        states.commit(ix, &changes, &tree);
        if closely && n < 200 {
            // Nobody has asked for the coins of an owner yet.
            assert_eq!(states.trunk.block, ix);
            let state = states.at(ix, &tree, &diffs);
            for key in owners.iter().flat_map(|owner| (0..9).map(|n| Space::Owned.key(&[&owner.0, &[n]]))) {
                let expected = model.get(&key).map(|(_, amount)| owned_value(*amount, 1, 2));
                assert_eq!(state.entry(&key), expected);
            }
            diffs.push(changes);
            models.push(model);
            tip = ix;
            continue;
        }
        diffs.push(changes);
        models.push(model);
        if tree[ix].height > tree[tip].height {
            tip = ix;
        }
        states.advance(ix, &tree, &diffs);
        for at in [ix, tip, BlockIx(below(u64::from(n) + 1) as u32)] {
            let state = states.at(at, &tree, &diffs);
            owners.iter().for_each(|owner| compare(&state, owner, &models[at.0 as usize]));
        }
    }
    let (keys, worth) = states.coins_by_owner().len();
    assert!(keys <= 2 * 9 && worth <= 2 * 9 * 6, "there are no more than that: {keys} keys, {worth} amounts");
}

/// What each block reads of earlier blocks' changes.
#[derive(Default)]
struct Counted {
    all: Vec<Arc<[Change]>>,
    reads: std::cell::Cell<u64>,
}

impl Diffs for Counted {
    fn diff(&self, block: BlockIx) -> Arc<[Change]> {
        self.reads.set(self.reads.get() + 1);
        self.all[block.0 as usize].clone()
    }
}

#[test]
fn a_block_costs_no_more_the_deeper_the_branches_beside_it_are() {
    let mut tree = Tree::new(block(Id::ZERO, 0));
    let mut states = States::new(&[]);
    let mut diffs = Counted { all: vec![Arc::from([])], ..Counted::default() };
    let mut tips = [Tree::GENESIS; 3];
    let (mut reads, mut values) = (Vec::new(), Vec::new());
    let supply = Space::Totals.key(&[b"supply"]);
    for n in 0..4_800u32 {
        let who = draw(1, 2, u64::from(n)) as usize % 3;
        let parent = tips[who];
        let owner = Address([who as u8; 20]);
        let amount = |height: u64| owned_value(Amount(height), height, 0);
        let height = tree[parent].height + 1;
        let coin = Space::Owned.key(&[&owner.0, &height.to_be_bytes()]);
        let before = (height > 1).then(|| amount(height - 1));
        let changes: Arc<[Change]> = Arc::from([
            Change { key: coin, before: None, after: Some(amount(height)) },
            Change { key: supply.clone(), before, after: Some(amount(height)) },
        ]);
        let ix = tree.insert(block(tree[parent].id, n)).unwrap();
        tree[ix].weight = Work::from(height);
        states.prepare(parent, &tree, &diffs);
        states.commit(ix, &changes, &tree);
        diffs.all.push(changes);
        states.advance(ix, &tree, &diffs);
        tips[who] = ix;
        let state = states.at(ix, &tree, &diffs);
        assert_eq!(state.entry(&supply), Some(amount(height)));
        if n % 600 == 599 {
            assert_eq!(state.owned(&owner).len() as u64, height, "all its coins, and none of the others'");
            let versions = states.cells[&supply].values().count();
            reads.push(diffs.reads.take());
            values.push(versions);
        }
    }
    let (first, last) = (reads[1], reads[7]);
    assert!(last <= first + first / 4, "changes read for 600 blocks each: {reads:?}");
    assert!(values.iter().all(|values| *values <= 3 * (KEPT_BLOCKS + STEP + 2) as usize), "{values:?}");
    assert_eq!(states.branches.len(), 2);
}
