//! A network made in code: three servers mine, two clients pay, everyone agrees.
//!
//! `cargo run --release -p fika-host --example demo`

#![allow(clippy::print_stdout, reason = "that is what it shows")]

use fika_host::{Host, Network, Node, Registry};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // First of all: the nodes are this very program, started again.
    let host = Host::init(Registry::stock());
    let experiment = Network::builder("demo")
        .consensus("pow")
        .keys("secp256k1")
        .node(Node::full("server1").coins([100]).hash_rate("20 kH/s"))
        .node(Node::full("server2").coins([100]).hash_rate("20 kH/s"))
        .node(Node::full("server3").coins([100]).hash_rate("20 kH/s"))
        .wallet("client1", [30, 30, 30])
        .wallet("client2", [30, 30, 30])
        .link("server1", "server2")
        .link("server1", "server3")
        .link("client1", "server1")
        .link("client2", "server2")
        .link("client2", "server3")
        .set("chain.tick=1 ms")
        .set("chain.block_interval=2 s")
        .pay("client1", "client2", 40, 1)
        .stop_height(5)
        .build()?;
    let summary = host.run(&experiment)?;
    print!("{summary}");
    let balance = |name: &str| summary.node(name).and_then(|node| node.balance).unwrap_or_default();
    println!("\nclient1 has {}, client2 has {}", balance("client1"), balance("client2"));
    Ok(())
}
