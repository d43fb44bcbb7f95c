//! A sequence of calls to a transport: two ends that talk, one that hears garbage, one that hears nothing.

use std::fmt::Write;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::block::{Block, Head, Tx};
use fika_core::compact::{BlockTxn, CompactBlock, GetBlockTxn};
use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::light::{BlockFilter, BlockRange, FilterHeaders, GetMerkle, MerkleBlock};
use fika_core::message::{GossipMessage, InvItem, Message};
use fika_core::transport::{Hello, Input, Output, Session, Transport};

fn messages() -> Vec<Message> {
    let head = Head { extra: vec![1, 2], seal: vec![3; 70], ..Head::default() };
    let block = Arc::new(Block { head: head.clone(), txs: vec![Tx::new([7; 90]), Tx::new([8; 300])] });
    let gossip = GossipMessage { from: Address([1; 20]), to: None, sequence: 9, bytes: vec![5; 40] };
    let range = BlockRange { start: 7, stop: Id([2; 32]) };
    let headers = FilterHeaders { stop: Id([2; 32]), previous: Id([3; 32]), hashes: vec![Id([4; 32])] };
    vec![
        Message::Inv(vec![InvItem::Tx(Id([1; 32])), InvItem::Block(Id([2; 32]))]),
        Message::GetData(vec![InvItem::Proposal(Id([3; 32]))]),
        Message::NotFound(vec![InvItem::Gossip(Id([4; 32]))]),
        Message::Tx(Tx::new([6; 200])),
        Message::Block(block.clone()),
        Message::Proposal(block.clone()),
        Message::GetHeaders(vec![Id([9; 32]), Id::ZERO]),
        Message::Headers(vec![head.clone(), head]),
        Message::Gossip(Arc::new(gossip)),
        Message::Direct(vec![0xa5; 33]),
        Message::CompactBlock(Arc::new(CompactBlock::new(&block, 7))),
        Message::GetBlockTxn(Box::new(GetBlockTxn { id: Id([2; 32]), indexes: [0, 3].into() })),
        Message::BlockTxn(Box::new(BlockTxn { id: Id([2; 32]), txs: block.txs[..].into() })),
        Message::GetCfHeaders(Box::new(range)),
        Message::CfHeaders(Box::new(headers)),
        Message::GetCFilters(Box::new(range)),
        Message::CFilter(Box::new(BlockFilter { block: Id([2; 32]), filter: vec![1, 2, 3] })),
        Message::GetMerkle(Box::new(GetMerkle { block: Id([2; 32]), elements: vec![vec![4; 25]] })),
        Message::MerkleBlock(Box::new(MerkleBlock::new(block.id(), &block, [1].into()))),
    ]
}

struct End {
    name: &'static str,
    session: Box<dyn Session>,
}

impl End {
    fn hear(&mut self, now: u64, input: Input<'_>, log: &mut String) -> Output {
        let mut out = Output::default();
        self.session.handle(now, input, &mut out);
        writeln!(log, "{} at {now}: {out:?}", self.name).unwrap();
        out
    }
}

pub(crate) fn record(transport: Box<dyn Transport>) -> String {
    let mut log = String::new();
    let hello = |name: &str| Hello { chain: Id([1; 32]), name: name.into() };
    let end = |name, dialed| End { name, session: transport.open(dialed, &hello(name)) };
    let (mut a, mut b) = (end("alice", true), end("bob", false));
    let mut to_b = a.hear(0, Input::Open, &mut log).bytes;
    let mut to_a = b.hear(0, Input::Open, &mut log).bytes;
    for now in 1..4 {
        let from_a = a.hear(now, Input::Bytes(&to_a), &mut log).bytes;
        let from_b = b.hear(now, Input::Bytes(&to_b), &mut log).bytes;
        (to_a, to_b) = (from_b, from_a);
    }
    for (n, message) in messages().iter().enumerate() {
        let now = SECOND + n as u64;
        let sent = a.hear(now, Input::Message(message), &mut log);
        writeln!(log, "{} has {}", message.kind_name(), transport.wire_size(message)).unwrap();
        for piece in sent.bytes.chunks(64) {
            b.hear(now, Input::Bytes(piece), &mut log);
        }
    }
    for wake in 1..6 {
        a.hear(wake * 60 * SECOND, Input::Wake, &mut log);
    }
    b.hear(90 * SECOND, Input::Bytes(&[0xff; 100]), &mut log);
    let mut stranger = End { name: "stranger", session: transport.open(false, &hello("stranger")) };
    stranger.hear(0, Input::Open, &mut log);
    stranger.hear(1, Input::Bytes(b"GET / HTTP/1.1\r\n\r\n"), &mut log);
    let mut other = End { name: "other", session: transport.open(true, &Hello { chain: Id::ZERO, ..hello("other") }) };
    let greeting = other.hear(0, Input::Open, &mut log).bytes;
    let mut bob = End { name: "bob again", session: transport.open(false, &hello("bob")) };
    bob.hear(0, Input::Open, &mut log);
    bob.hear(1, Input::Bytes(&greeting), &mut log);
    log
}
