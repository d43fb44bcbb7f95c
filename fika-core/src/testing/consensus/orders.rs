//! The same blocks in many orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::{Block, body_root};
use crate::hash::Id;
use crate::target::Work;
use crate::testing::network::{Accepted, Receiver, Tie};
use crate::testing::{Draws, Setup};

/// So many random orders are tried beside that in which parents come first.
const SHUFFLES: u64 = 3;

/// What came of one order.
struct Outcome {
    name: String,
    receiver: Receiver,
    accepted: BTreeMap<Id, Accepted>,
}

/// Gives `blocks`, all valid and parents first, and changed copies of them to newcomers, each time in another order.
///
/// # Panics
/// When a block is accepted in one order and not in another, weighs or does something else, or when the tips differ
/// although the rules prefer one of them.
pub(super) fn check(setup: &Setup, context: &str, blocks: &[Arc<Block>], tie: &Tie, draws: &mut Draws) {
    let mut all: Vec<Arc<Block>> = blocks.to_vec();
    for block in blocks {
        all.extend((0..2).map(|_| Arc::new(changed(block, draws))));
    }
    let mut outcomes = vec![outcome(setup, "parents first", &all)];
    for n in 1..=SHUFFLES {
        draws.shuffle(&mut all);
        outcomes.push(outcome(setup, &format!("shuffle {n}"), &all));
    }
    for block in blocks {
        let id = block.id();
        for one in &outcomes {
            let why = || one.receiver.refusal(&id).unwrap_or("it still waits for others").to_owned();
            let there = one.accepted.contains_key(&id);
            assert!(
                there,
                "{context}block {id}, valid where it was made, is not accepted in order ({}): {}",
                one.name,
                why()
            );
        }
    }
    let (first, others) = outcomes.split_first().expect("one order at least");
    for other in others {
        compare(context, first, other, tie);
        compare(context, other, first, tie);
    }
    outcomes.iter().for_each(|one| check_stays(context, one));
}

/// A newcomer that hears these blocks in this order.
fn outcome(setup: &Setup, name: &str, blocks: &[Arc<Block>]) -> Outcome {
    let mut receiver = Receiver::new(setup);
    blocks.iter().for_each(|block| receiver.hear(block.clone()));
    Outcome { name: name.into(), accepted: receiver.accepted(), receiver }
}

fn compare(context: &str, one: &Outcome, other: &Outcome, tie: &Tie) {
    for (id, here) in &one.accepted {
        let height = here.height;
        let Some(there) = other.accepted.get(id) else {
            let why = other.receiver.refusal(id).unwrap_or("it still waits for others");
            panic!(
                "{context}block {id} at height {height} is accepted in order ({}), but not in order ({}): {why}",
                one.name, other.name
            );
        };
        let (here_weighs, there_weighs) = (here.weight, there.weight);
        assert!(
            here_weighs == there_weighs,
            "{context}block {id} at height {height} weighs {here_weighs} in order ({}), and {there_weighs} in order \
             ({})",
            one.name,
            other.name
        );
        assert!(
            here == there,
            "{context}the ledger after block {id} at height {height} depends on the order of arrival"
        );
    }
    let (ours, theirs) = (one.receiver.tip(), other.receiver.tip());
    let preferred = one.receiver.preferred(&ours, &theirs);
    let fine = ours == theirs || (preferred == ours && one.receiver.compare(&ours, &theirs, tie));
    assert!(
        fine,
        "{context}the tip depends on the order of arrival, and not by a tie: order ({}) ends at {ours}, of weight {}, \
         and order ({}) at {theirs}, of weight {}; a node at the first prefers {preferred}",
        one.name,
        one.accepted.get(&ours).map_or_else(Work::default, |block| block.weight),
        other.name,
        other.accepted.get(&theirs).map_or_else(Work::default, |block| block.weight),
    );
}

/// What has been chosen stays chosen, whatever block the node hears of again.
fn check_stays(context: &str, one: &Outcome) {
    let tip = one.receiver.tip();
    for leaf in one.receiver.leaves() {
        let best = one.receiver.preferred(&tip, &leaf);
        assert!(
            best == tip,
            "{context}in order ({}) a node ends at {tip}, but prefers {best} when it hears of {leaf} once more",
            one.name
        );
    }
}

/// Another block, valid or not, that looks much like this one.
fn changed(block: &Block, draws: &mut Draws) -> Block {
    let mut block = block.clone();
    let header = &mut block.head.header;
    match draws.below(7) {
        0 => header.time = header.time.wrapping_add(draws.below(2_000) as u32).wrapping_sub(1_000),
        1 => header.bits ^= 1 << draws.below(32),
        2 => header.nonce ^= 1 << draws.below(32),
        3 => header.version ^= 1 << draws.below(32),
        4 => block.head.extra = draws.damaged(&block.head.extra),
        5 => block.head.extra.truncate(draws.below(block.head.extra.len() as u64) as usize),
        _ => block.head.seal = draws.damaged(&block.head.seal),
    }
    block.head.header.root = body_root(&block.txs, &block.head.extra).0;
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_blocks_are_other_blocks() {
        let mut draws = Draws::new(1);
        let mut block = Block::default();
        (block.head.extra, block.head.seal) = (vec![1; 20], vec![2; 40]);
        block.head.header.root = body_root(&block.txs, &block.head.extra).0;
        let others = (0..50).filter(|_| changed(&block, &mut draws) != block).count();
        assert!(others >= 48, "{others}");
    }
}
