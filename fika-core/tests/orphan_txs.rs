//! Transactions that come before those that they build on.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::block::Tx;
use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Dest, PeerId};
use fika_core::testing::Setup;
use rules::quiet::Quiet;
use solo::{Factory, Solo};

fn quiet() -> Setup {
    Setup::new(|_| Ok(Quiet))
}

/// Payments of one account, each with the next number, and what made them.
fn chain(length: u64) -> (Vec<Tx>, Factory, Solo) {
    let (mut maker, factory) = (Solo::new(quiet()), Factory::new(quiet()));
    (maker.hear_payments_in_a_row(&factory, length), factory, maker)
}

#[test]
fn a_child_waits_for_its_parent_and_is_accepted_with_it() {
    let (txs, ..) = chain(3);
    let mut solo = Solo::new(quiet());
    for late in [2, 1] {
        let out = solo.hear(0, Message::Tx(txs[late].clone()));
        assert!(out.events.is_empty() && solo.node.mempool().is_empty(), "it is neither accepted nor refused");
    }
    solo.hear(1, Message::Tx(txs[0].clone()));
    assert_eq!(solo.selected(), txs);
    assert!(solo.rejected(&solo::Answer { events: solo.events.clone(), ..Default::default() }).is_empty());
}

#[test]
fn a_block_with_the_parent_frees_the_child() {
    let (txs, mut factory, _) = chain(2);
    let mut solo = Solo::new(quiet());
    solo.hear(0, Message::Tx(txs[1].clone()));
    let block = factory.block(factory.genesis(), vec![txs[0].clone()]);
    solo.hear_block(1, &block);
    assert_eq!(solo.selected(), txs[1..]);
}

#[test]
fn the_ancestors_of_an_orphan_are_asked_for_until_it_is_given_up() {
    let (txs, _, mut maker) = chain(3);
    let mut solo = Solo::new(quiet());
    let ask = Message::GetData(vec![InvItem::Ancestors(txs[2].hash())]);
    solo.hear(0, Message::Tx(txs[2].clone()));
    solo.hear(1, Message::Inv(vec![InvItem::Tx(txs[2].hash())]));
    let timeout = solo.setup.node_config(0).relay.request_timeout_us;
    let outs = solo.run(solo.now + 59 * timeout);
    let asked: Vec<_> = outs.into_iter().flat_map(|out| out.messages).collect();
    assert!((5..12).contains(&asked.len()), "ever less often: {}", asked.len());
    for (n, (to, message)) in asked.into_iter().enumerate() {
        assert_eq!((to, message), (Dest::Peer(PeerId(n as u32 % 2)), ask.clone()), "one after the other");
    }
    // A neighbour that has them answers with them, parents first.
    let answer = maker.hear(0, ask);
    let sent: Vec<Message> = answer.messages.into_iter().map(|(_, message)| message).collect();
    assert_eq!(sent, [Message::Tx(txs[0].clone()), Message::Tx(txs[1].clone())]);
    for message in sent {
        solo.hear(0, message);
    }
    assert_eq!(solo.selected(), txs);

    let mut alone = Solo::new(quiet());
    alone.hear(0, Message::Tx(txs[2].clone()));
    let outs = alone.run(alone.now + 61 * timeout);
    let refused: Vec<_> = outs.iter().flat_map(|out| alone.rejected(out)).map(|(hash, _)| hash).collect();
    assert_eq!(refused, [txs[2].hash()], "then it is refused");
    alone.run(alone.now + 1_000 * SECOND);
    for tx in &txs {
        alone.hear(0, Message::Tx(tx.clone()));
    }
    assert_eq!(alone.selected(), txs, "and may come again");
}
