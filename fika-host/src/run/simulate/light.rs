//! Light nodes in the simulator.

use super::tests::{SHARED, Way, outcome};
use crate::results::Ended;

const LIGHT: &str = include_str!("../../../../experiments/light.toml");
const SIM: &str = "experiment.engine=sim";

/// The stop waits for what light nodes know, and not for what full ones do.
#[test]
fn light_nodes_know_their_payments_confirmed_and_who_deceives_them() {
    let outcome = outcome(LIGHT, &[SIM], SHARED);
    assert_eq!(outcome.ended, Ended::StopHeight);
    let confirmed = outcome.chain.payments.iter().filter(|payment| payment.confirmed.is_some());
    assert_eq!(confirmed.count(), 41);
    let lies: Vec<u64> = outcome.chain.nodes.iter().map(|node| node.lies_found).collect();
    assert_eq!(lies, [0, 0, 0, 0, 0, 2, 0]);
}

#[test]
fn a_light_node_reads_nothing_of_the_world_that_it_shares() {
    let hash = |changes: &[&str], way| outcome(LIGHT, &[&[SIM][..], changes].concat(), way).simulated.trace_hash;
    for changes in
        [&[][..], &["relay.mode=headers"], &["relay.mode=flood"], &["relay.compact=true", "experiment.seed=5"]]
    {
        let shared = hash(changes, SHARED);
        assert_eq!(shared, hash(changes, Way { private: true, ..SHARED }), "{changes:?}");
        assert_eq!(shared, hash(changes, Way { suppress: false, ..SHARED }), "{changes:?}");
    }
}
