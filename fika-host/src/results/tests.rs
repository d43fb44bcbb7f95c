//! Tables made of traces as nodes write them: three full nodes and a wallet, one stale block, one payment.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;

use super::measure::measure;
use super::trace::{Trace, TraceEvent};
use super::{Chain, Ended, Ending, NodeEnding, Summary, Tables};
use crate::experiment::{Experiment, Network, Node};

const START_US: u64 = 1_000_000;
const END_US: u64 = START_US + 9_500_000;

fn id(n: u8) -> Id {
    Id([n; 32])
}

fn address(node: usize) -> Address {
    Address([node as u8; 20])
}

fn experiment() -> Experiment {
    let expect = "expect=[{ metric = \"agreement\", value = true }, \
        { metric = \"balance\", on = \"client\", value = 49 }, { metric = \"payment_latency\", op = \"<\", value = \"1 s\" }]";
    Network::builder("three")
        .node(Node::full("a").coins([100]))
        .node(Node::full("b"))
        .node(Node::full("c"))
        .node(Node::wallet("client").coins([30, 30]))
        .link("a", "b")
        .link("b", "c")
        .link("client", "c")
        .set(expect)
        .build()
        .expect("a good network")
}

struct Log(String);

impl Log {
    fn at(mut self, ms: u64, event: TraceEvent) -> Log {
        let trace = Trace { at_us: START_US + ms * 1_000, event };
        self.0 += &serde_json::to_string(&trace).expect("encodes");
        self.0.push('\n');
        self
    }

    fn block(self, ms: u64, block: u8, parent: u8, height: u64) -> Log {
        let (id, parent) = (id(block), id(parent));
        self.at(
            ms,
            TraceEvent::Block {
                id,
                parent,
                height,
                time: 7,
                txs: 1,
                bytes: 200,
                producer: None,
                kind: "work".into(),
                coin: String::new(),
            },
        )
    }

    fn tip(self, ms: u64, block: u8, height: u64, reorg_depth: u64) -> Log {
        self.at(ms, TraceEvent::Tip { id: id(block), height, reorg_depth })
    }

    fn finalized(self, ms: u64, block: u8, height: u64) -> Log {
        self.at(ms, TraceEvent::Final { id: id(block), height })
    }
}

/// Block 1 by a, then 2 by b and 3 by c at once; 4 by c on top of 3, so that 2 becomes stale.
fn traces() -> [String; 4] {
    let log = || Log(String::new());
    let tx = || TraceEvent::Tx { hash: id(99) };
    let a = log().at(1_000, TraceEvent::Produced { id: id(1) }).block(1_000, 1, 0, 1).tip(1_000, 1, 1, 0);
    let a = a.block(2_020, 2, 1, 2).tip(2_020, 2, 2, 0).at(2_500, tx()).block(2_100, 3, 1, 2);
    let a = a.block(3_040, 4, 3, 3).tip(3_040, 4, 3, 1).finalized(3_040, 3, 2);
    let b = log().block(1_010, 1, 0, 1).tip(1_010, 1, 1, 0).at(2_000, TraceEvent::Produced { id: id(2) });
    let b = b.block(2_000, 2, 1, 2).tip(2_000, 2, 2, 0).at(2_450, tx());
    let b = b.block(3_020, 4, 3, 3).block(3_020, 3, 1, 2).tip(3_021, 4, 3, 1);
    // It is killed and begins anew: what it calls final goes down.
    let b = b.finalized(3_021, 3, 2).finalized(3_030, 1, 1);
    let c = log().block(1_030, 1, 0, 1).tip(1_030, 1, 1, 0).block(2_000, 3, 1, 2).tip(2_000, 3, 2, 0);
    // Block 5 comes when the run is over.
    let c = c
        .at(2_420, tx())
        .block(9_600, 5, 4, 4)
        .block(3_000, 4, 3, 3)
        .at(3_000, TraceEvent::Produced { id: id(4) })
        .tip(3_000, 4, 3, 0)
        .finalized(3_000, 4, 3);
    let client = log().at(2_400, tx());
    let client = client.at(2_400, TraceEvent::Paid { hash: id(99), amount: Amount::coins(10), fee: Amount::coins(1) });
    let client = client.at(9_000, TraceEvent::Confirmed { hash: id(99), height: 3 }).tip(9_000, 4, 3, 0);
    [a.0, b.0, c.0, client.0 + "{\"at_us\": 12, \"eve"]
}

pub(super) fn ending() -> Ending {
    let balances = [150, 0, 50, 49].map(Amount::coins);
    let node = |(index, balance): (usize, Amount)| NodeEnding {
        address: address(index),
        balance: Some(balance),
        memory_bytes: Some(3 << 20),
        ..NodeEnding::default()
    };
    Ending {
        results: "results/three/now".into(),
        engine: "process".into(),
        ended: Ended::StopHeight,
        why: None,
        events: vec![],
        simulated: None,
        start_us: START_US,
        duration_us: 9_500_000,
        issued: Some(Amount::coins(310)),
        supply: Some(Amount::coins(310)),
        nodes: balances.into_iter().enumerate().map(node).collect(),
    }
}

fn chain() -> Chain {
    let mut chain = Chain::new(&[0, 1, 2, 3].map(address), END_US);
    for (node, trace) in traces().iter().enumerate() {
        chain.add_trace(node, trace.as_bytes()).expect("memory can be read");
    }
    chain.finish();
    chain
}

#[test]
fn the_numbers_follow_from_the_traces() {
    let summary = Summary::new(&experiment(), &chain(), &ending());
    assert!(summary.agreement);
    assert_eq!((summary.tip, summary.height), (Some(id(4)), 3));
    assert_eq!((summary.blocks, summary.stale, summary.stale_rate_ppm), (4, 1, 250_000));
    assert_eq!(summary.reorgs.into_iter().collect::<Vec<_>>(), [(1, 2)]);
    assert_eq!(summary.block_interval_us, Some(1_000_000));
    // Blocks 1, 3 and 4 reached all: after 30, 1020 and 40 ms; block 2 reached a and b only.
    assert_eq!(summary.propagation_100_us, Some(40_000));
    assert_eq!(summary.propagation_99_us, Some(40_000));
    assert_eq!(summary.propagation_50_us, Some(20_000));
    assert_eq!(summary.mean_propagation_100_us, Some((30_000 + 1_020_000 + 40_000) / 3));
    assert_eq!((summary.payments.submitted, summary.payments.confirmed), (1, 1));
    // From its submission to the moment when c had block 4, not to the wallet's own update.
    assert_eq!(summary.payments.latency_us, Some(600_000));
    let produced: Vec<_> = summary.nodes.iter().map(|node| (node.produced, node.in_chain)).collect();
    assert_eq!(produced, [(1, 1), (1, 0), (1, 1), (0, 0)]);
}

#[test]
fn coins_are_compared_with_what_was_issued() {
    let mut ending = ending();
    let coins = |ending: &Ending| Summary::new(&experiment(), &chain(), ending).coins;
    assert_eq!(coins(&ending).gap, Some(Amount::ZERO));
    assert_eq!(coins(&ending).others, Some(Amount::coins(61)));
    ending.supply = Some(Amount::coins(311));
    assert_eq!(coins(&ending).gap, Some(Amount::coins(1)));
    ending.supply = None;
    assert_eq!(coins(&ending).gap, None);
}

#[test]
fn expectations_are_checked_and_what_is_not_measured_fails() {
    let mut ending = ending();
    let summary = Summary::new(&experiment(), &chain(), &ending);
    assert_eq!(summary.as_expected(), Some(true), "{summary}");
    assert!(
        summary.to_string().contains("one run, judged by its figures as they are, without an interval:"),
        "{summary}"
    );
    assert_eq!(summary.expects[1].expected, "balance on client == 49");
    assert_eq!(measure(&summary, "reorgs", Some("a")), Some(1));
    // The wallet, which finalises nothing, does not count.
    assert_eq!([None, Some("b"), Some("c")].map(|on| measure(&summary, "final_height", on)), [2, 2, 3].map(Some));
    assert_eq!(measure(&summary, "memory", None), Some(3 << 20));
    ending.nodes[3].balance = Some(Amount::coins(48));
    let summary = Summary::new(&experiment(), &chain(), &ending);
    assert_eq!(summary.expects.iter().map(|verdict| verdict.holds).collect::<Vec<_>>(), [true, false, true].map(Some));
    assert_eq!(summary.as_expected(), Some(false));
    assert!(summary.to_string().contains("FAIL  balance on client == 49 (measured: 48)"), "{summary}");
    ending.nodes[3].balance = None;
    let summary = Summary::new(&experiment(), &chain(), &ending);
    assert_eq!((summary.expects[1].holds, summary.expects[1].measured.as_str()), (Some(false), "not measured"));
}

#[test]
fn shares_stale_blocks_and_messages_are_measured() {
    let simulated = super::Simulated {
        trace_hash: id(1),
        events: 5,
        elapsed_us: 6,
        messages: [("inv".into(), 17)].into(),
        bytes: 8,
    };
    let summary = Summary::new(&experiment(), &chain(), &Ending { simulated: Some(simulated), ..ending() });
    assert_eq!(measure(&summary, "stale_blocks", None), Some(1));
    // One of the three blocks of the chain.
    assert_eq!(measure(&summary, "reward_share", Some("c")), Some(333_333));
    assert_eq!(measure(&summary, "reward_share", Some("b")), Some(0));
    assert_eq!(measure(&summary, "messages_inv", None), Some(17));
    // Of a kind that is not listed none was sent.
    assert_eq!(measure(&summary, "messages_ping", None), Some(0));
    let empty = Summary::new(&experiment(), &Chain::new(&[0, 1, 2, 3].map(address), END_US), &ending());
    assert_eq!(measure(&empty, "reward_share", Some("c")), None);
    assert_eq!(measure(&empty, "messages_inv", None), None);
}

#[test]
fn a_torn_line_is_counted_and_a_block_that_comes_twice_keeps_its_first_time() {
    let mut chain = Chain::new(&[address(0)], END_US);
    let log = Log(String::new()).block(5, 1, 0, 1).0 + "{\"at_us\":7,\"ev\n" + &Log(String::new()).block(50, 1, 0, 1).0;
    chain.add_trace(0, (log + &"x".repeat(200_000)).as_bytes()).expect("memory can be read");
    chain.finish();
    assert_eq!(chain.nodes[0].unreadable, 2);
    assert_eq!(chain.blocks[&id(1)].arrivals, [(0, START_US + 5_000)]);
}

#[test]
fn tables_have_a_row_for_each_thing() {
    let (experiment, chain, ending) = (experiment(), chain(), ending());
    let summary = Summary::new(&experiment, &chain, &ending);
    let tables = Tables { experiment: &experiment, chain: &chain, ending: &ending, summary: &summary };
    let written = |write: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| {
        let mut bytes = vec![];
        write(&mut bytes).expect("memory can be written");
        String::from_utf8(bytes).expect("text").lines().map(str::to_string).collect::<Vec<_>>()
    };
    let blocks = written(&|out| tables.blocks(out));
    assert_eq!(blocks.len(), 5);
    assert_eq!(blocks[2], format!("{},2,{},b,7,1,200,stale,2000000,work,,no,2000000", id(2), id(1)));
    assert_eq!(blocks[4], format!("{},3,{},c,7,1,200,chain,3000000,work,,no,3000000", id(4), id(3)));
    let propagation = written(&|out| tables.propagation(out));
    let head = "id,height,nodes,to_0_us,to_10_us,to_25_us,to_50_us,to_75_us,to_90_us,to_95_us,to_99_us,to_100_us";
    assert_eq!(propagation[0], head);
    // Block 2 was at b and at a, never at c.
    assert_eq!(propagation[2], format!("{},2,2,0,0,0,20000,,,,,", id(2)));
    let arrivals = written(&|out| tables.arrivals(out));
    assert_eq!(arrivals.len() as u64, 1 + tables.arrival_rows());
    assert_eq!((arrivals[0].as_str(), arrivals[5].as_str()), ("block,node,delay_us", "2,a,20000"));
    assert_eq!(arrivals.len(), 12);
    let transactions = written(&|out| tables.transactions(out));
    assert_eq!(transactions[1], format!("{},client,10,1,2400000,2420000,3,3000000,600000,confirmed", id(99)));
    let nodes = written(&|out| tables.nodes(out));
    let columns = nodes[0].split(',').count();
    assert!(nodes.len() == 5 && nodes.iter().all(|row| row.split(',').count() == columns), "{nodes:?}");
    let read: Summary = serde_json::from_str(&serde_json::to_string(&summary).expect("encodes")).expect("decodes");
    assert_eq!(read, summary);
}
