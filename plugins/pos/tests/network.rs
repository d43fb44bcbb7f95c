//! Five nodes that lead slots under `pos` in virtual time.

#[allow(clippy::disallowed_methods, reason = "virtual networks of tests run on one machine")]
#[path = "../../../fika-core/tests/lockstep/mod.rs"]
mod lockstep;

use fika_core::header::SECOND;
use fika_core::plugin::Plugin;
use fika_pos::{Params, Pos};
use lockstep::{Lockstep, Setup};

fn setup() -> Setup {
    Setup::new(|env| Box::new(Pos::new(Params { epoch_slots: 10, ..Params::default() }, env).unwrap()))
}

fn run(setup: Setup, seconds: u64) -> Lockstep {
    let mut net = setup.start();
    for round in 1..10 {
        net.run(round * 30 * SECOND);
        net.pay((round % 5) as u32, ((round + 1) % 5) as u32, 5 * round);
    }
    net.run(seconds * SECOND);
    net
}

/// A slot is ten seconds: everybody has the block of the last one, and no slot stays empty.
#[test]
fn every_slot_has_its_block_in_one_world_and_in_many() {
    let shared = run(setup(), 2_005);
    shared.assert_healthy();
    assert!(shared.agreed());
    assert_eq!(shared.height(0), 200);
    let private = run(Setup { private: true, ..setup() }, 2_005);
    assert_eq!(shared.trace, private.trace);
}

/// Nodes 3 and 4 are away for a while: the slots of either side stay empty on the other, and then all follow the
/// longer chain.
#[test]
fn a_cut_network_goes_on_and_heals() {
    let mut net = setup().start();
    net.run(305 * SECOND);
    net.cut = vec![(2, 3), (4, 0)];
    // Up to slot 49, the end of epoch 4, both sides draw from the blocks before the cut.
    net.run(495 * SECOND);
    // Who leads more slots is the draw's choice.
    let (three, two) = (net.height(0), net.height(3));
    assert!(three > 30 && two > 30, "{three} and {two} blocks");
    assert_eq!(three - 30 + two - 30, 19, "each slot has a block on one side");
    net.cut.clear();
    net.run(1_005 * SECOND);
    net.assert_healthy();
    assert!(net.agreed());
    assert!(net.height(0) >= three.max(two) + 50, "height {} after {three} and {two}", net.height(0));
}
