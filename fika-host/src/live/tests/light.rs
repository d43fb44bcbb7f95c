//! A light node process among full ones.

use fika_core::amount::Amount;

use super::super::control::{Reply, Request};
use super::network::{Plan, choice};
use super::{balance, pay};
use crate::experiment::Role;
use crate::results::trace::TraceEvent;

/// Two miners, of which the second leaves everything out of what it tells light nodes, and a light node.
fn plan() -> Plan {
    let nodes =
        vec![("server1", Role::Full, 10_000, 100), ("server2", Role::Full, 10_000, 100), ("light", Role::Light, 0, 90)];
    Plan::new(nodes, vec![(0, 1), (2, 0), (2, 1)])
}

#[test]
fn a_light_node_pays_by_proof_and_finds_a_neighbour_lying() {
    let mut network = plan().lay_out();
    network.setups[1].attack = Some(choice("omitting"));
    network.start_all();
    // It may have found the second out by now.
    network.until(2, "it meets a neighbour", |status| status.peers >= 1);
    assert!(matches!(network.ask(2, &pay("server1", 40)), Reply::Paid { .. }), "{}", network.log(2));
    let paid = network.until(2, "the payment is confirmed", |status| status.payments_confirmed == 1);
    assert_eq!((paid.balance, paid.blocks), (Amount::coins(49), 0), "it has headers and no block");
    network.until(2, "its liar is banned", |status| status.height > 3 && status.peers == 1);
    let lies = network.traces(2).into_iter().filter_map(|event| match event {
        TraceEvent::LieFound { peer, .. } => Some(peer),
        _ => None,
    });
    assert_eq!(lies.collect::<Vec<_>>(), ["server2"]);
    // It has nothing but its own coins.
    assert_eq!(network.ask(2, &Request::Balance { address: None }), balance(49, 49));
    assert!(matches!(network.ask(2, &Request::Coins), Reply::Error { why } if why.contains("light node")));
    assert!(paid.sent_bytes > 0 && paid.received_bytes > 0);
    // A restarted one begins again at genesis, and has not forgotten what it has paid.
    network.kill(2);
    network.start(2);
    let again = network.until(2, "it has found its payment again", |status| status.payments_confirmed == 1);
    assert_eq!((again.payments_submitted, again.balance), (1, Amount::coins(49)));
    for node in 0..3 {
        assert_eq!(network.stop(node).code(), Some(0), "{}", network.log(node));
    }
}
