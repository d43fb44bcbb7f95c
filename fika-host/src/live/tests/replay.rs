//! What live nodes do follows from what they are told, by the code that the simulator runs.

use fika_core::node::Node;
use fika_core::testing::replay::{Call, replay};
use fika_core::world::World;

use super::super::chain::Chain;
use super::super::keyfile::read_or_create;
use super::*;

#[test]
fn a_live_nodes_log_replays_under_no_clock_and_no_socket() {
    let mut network = Plan { log: "trace", ..thesis() }.lay_out();
    network.start_all();
    network.until(2, "client1 meets server1", |status| status.peers == 1);
    let Reply::Paid { .. } = network.ask(2, &pay("client2", 40)) else { panic!("{}", network.log(2)) };
    network.until(2, "the payment is confirmed", |status| status.payments_confirmed == 1);
    let heights: Vec<u64> = (0..4).map(|node| network.status(node).height).collect();
    for (node, height) in heights.into_iter().enumerate() {
        assert_eq!(network.stop(node).code(), Some(0), "{}", network.log(node));
        let setup = &network.setups[node];
        let chain = Chain::new(setup, &network::registry()).expect("a chain");
        let keys = read_or_create(&setup.key, &*chain.rules.env.keys, || unreachable!("the node has made it"));
        let mut world = World::new(chain.rules, &chain.genesis).expect("a world");
        let mut again = Node::new(setup.node_config(keys.expect("its key")), &mut world, None);
        let calls: Vec<Call> = network.log(node).lines().filter_map(Call::parse).collect();
        let count = replay(&calls, &mut again, &mut world).unwrap_or_else(|why| panic!("node {node}: {why}"));
        assert_eq!(count, calls.len(), "all calls are this node's");
        assert!(world.tree()[again.tip()].height >= height, "{count} calls");
    }
}
