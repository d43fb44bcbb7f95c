//! What happens to a simulated network from outside, in figures.

use fika_core::header::{SECOND, Time};

use super::tests::{SHARED, Way, outcome, read};
use super::*;

/// Eight miners in a ring with a chord, who pay all the time.
const NETWORK: &str = r#"
[experiment]
engine = "sim"
stop_time = "10 min"
[chain]
tick = "1 ms"
block_interval = "10 s"
proof = "sampled"
[keys]
plugin = "toy"
[consensus.pow]
retarget = "none"
[network]
link = { latency = "50 ms" }
graph = { kind = "full" }
[defaults.node]
coins = [100, 100, 100, 100, 100, 100, 100, 100]
[[node_groups]]
name = "a"
count = 4
[[node_groups]]
name = "b"
count = 4
[[load]]
rate = "20 /min"
until = "none"
amount = "0.1..1"
fee = 0.01
"#;

fn run(events: &str, changes: &[&str]) -> sim::Outcome {
    let text = NETWORK.replace("until = \"none\"\n", "") + events;
    let outcome = outcome(&text, changes, SHARED);
    for other in [Way { private: true, ..SHARED }, Way { suppress: false, ..SHARED }] {
        let hash = tests::outcome(&text, changes, other).simulated.trace_hash;
        assert_eq!(hash, outcome.simulated.trace_hash, "one world or many, and every time");
    }
    outcome
}

/// The blocks that a node had made or accepted between two times.
fn came(outcome: &sim::Outcome, node: usize, from: Time, to: Time) -> usize {
    let arrivals = outcome.chain.blocks.values().flat_map(|block| &block.arrivals);
    arrivals.filter(|(at, at_us)| *at == node && (from..to).contains(at_us)).count()
}

fn agree(outcome: &sim::Outcome) -> bool {
    outcome.nodes.iter().all(|node| node.tip.is_some() && node.tip == outcome.nodes[0].tip)
}

#[test]
fn both_sides_of_a_partition_go_on_and_one_gives_way() {
    let events = "[[events]]\nat = '2 min'\ndo = 'partition'\ngroups = ['a', 'b']\nfor = '60 s'\n";
    let outcome = run(events, &["experiment.stop_time=5 min", "chain.block_interval=5 s"]);
    let done: Vec<_> =
        outcome.events.iter().map(|event| (event.at_us / SECOND, &event.event[..], &event.why_not)).collect();
    assert_eq!(done, [(120, "partition a-1 a-2 a-3 a-4 | b-1 b-2 b-3 b-4", &None), (180, "heal", &None)]);
    // No block crosses the cut once what was under way has come.
    let (cut, healed) = (120 * SECOND, 180 * SECOND);
    let side = |node: usize| node / 4;
    let mut made = [0, 0];
    for block in outcome.chain.blocks.values().filter(|block| (cut..healed).contains(&block.first_seen_us())) {
        let maker = block.producer.expect("a miner");
        made[side(maker)] += 1;
        let across = block.arrivals.iter().filter(|(node, _)| side(*node) != side(maker));
        across.for_each(|(_, at_us)| assert!(*at_us > healed, "a block crossed the cut at {at_us}"));
    }
    assert!(made[0] > 0 && made[1] > 0, "both sides fork: {made:?}");
    let reorgs = |nodes: std::ops::Range<usize>| {
        let deep = |node: usize| outcome.chain.nodes[node].reorgs.iter().filter(|(depth, _)| **depth > 1).count();
        nodes.map(deep).sum::<usize>()
    };
    let (a, b) = (reorgs(0..4), reorgs(4..8));
    assert!(a.max(b) >= 4 && a.min(b) == 0, "one side gives way: {a} and {b}");
    assert!(agree(&outcome), "they agree in the end");
    // Both sides' payments are in the chain that has won, but those of rewards that are not, and the last ones.
    let payments = outcome.chain.payments.iter().filter(|pay| pay.submitted_us < 230 * SECOND);
    let open: Vec<_> = payments.filter(|pay| pay.confirmed.is_none() && pay.lost.is_none()).collect();
    assert!(open.is_empty(), "mempools are repaired: {open:?}");
    let of = |nodes: std::ops::Range<usize>| {
        let sent = outcome.chain.payments.iter().filter(|pay| (cut..healed).contains(&pay.submitted_us));
        sent.filter(|pay| nodes.contains(&pay.from) && pay.confirmed.is_some()).count()
    };
    assert!(of(0..4) > 3 && of(4..8) > 3, "{} and {}", of(0..4), of(4..8));
}

#[test]
fn a_short_outage_delays_and_a_long_one_breaks_the_connection() {
    // Two nodes, one cable: what the second has, it has over it.
    let text = NETWORK.replace("count = 4", "count = 1").replace("until = \"none\"\n", "");
    let latest = |seconds: u64| {
        let events = format!("[[events]]\nat = '20 s'\ndo = 'link_down'\na = 'a-1'\nb = 'b-1'\nfor = '{seconds} s'\n");
        let changes = ["experiment.stop_time=3 min", "chain.block_interval=2 s"];
        let outcome = outcome(&(text.clone() + &events), &changes, SHARED);
        let (from, to) = (20 * SECOND, (20 + seconds) * SECOND);
        let other = |maker: Option<usize>| 1 - maker.expect("a miner");
        let crossing = outcome.chain.blocks.values().filter(|block| (from..to).contains(&block.first_seen_us()));
        let came: Vec<Time> = crossing
            .filter_map(|block| {
                block.arrivals.iter().find(|(node, _)| *node == other(block.producer)).map(|(_, at)| *at)
            })
            .collect();
        (came, to)
    };
    // The first repetition after so long an outage comes at most as much later again.
    let (came, to) = latest(8);
    assert!(!came.is_empty() && came.iter().all(|at| (to..to + 9 * SECOND).contains(at)), "{came:?}");
    // A second until it is dialled, two round trips of 100 ms, and two more for headers and block.
    let (came, to) = latest(60);
    assert!(!came.is_empty() && came.iter().all(|at| (to + 200_000..to + 2 * SECOND).contains(at)), "{came:?}");
}

#[test]
fn a_killed_node_is_gone_and_then_catches_up() {
    let events = "[[events]]\nat = '2 min'\ndo = 'kill'\nnode = 'a-1'\nfor = '100 s'\n";
    let outcome = run(events, &[]);
    let (down, up) = (120 * SECOND, 220 * SECOND);
    assert_eq!(came(&outcome, 0, down, up), 0);
    let missed = came(&outcome, 1, down, up);
    assert!(missed >= 4, "{missed}");
    // All at once after two round trips of the new connections, and a few for headers and blocks.
    assert!(came(&outcome, 0, up, up + 2 * SECOND) >= missed, "it catches up");
    assert!(came(&outcome, 0, up + 20 * SECOND, 600 * SECOND) > 20, "and takes part");
    assert_eq!(outcome.chain.nodes[0].starts, 2);
    assert!(agree(&outcome));
    let made_after = outcome.chain.blocks.values().any(|block| block.producer == Some(0) && block.first_seen_us() > up);
    assert!(made_after, "it mines again");
    assert!(outcome.chain.nodes[0].txs > 0);
}

#[test]
fn a_paused_node_does_nothing_and_then_all_of_it() {
    let events = "[[events]]\nat = '2 min'\ndo = 'pause'\nnode = 'a-1'\nfor = '100 s'\n";
    let outcome = run(events, &[]);
    let (from, to) = (120 * SECOND, 220 * SECOND);
    assert_eq!(came(&outcome, 0, from, to), 0, "it makes and takes no block");
    let missed = came(&outcome, 1, from, to);
    assert!(missed >= 4 && came(&outcome, 0, to, to + SECOND) >= missed, "its connections still stand: {missed}");
    assert_eq!(outcome.chain.nodes[0].starts, 1);
    assert!(agree(&outcome));
}

#[test]
fn who_joins_late_has_the_whole_chain_at_once_and_who_leaves_has_no_more() {
    let events =
        "[[events]]\nat = '5 min'\ndo = 'join'\nnode = 'b-4'\n[[events]]\nat = '6 min'\ndo = 'leave'\nnode = 'a-1'\n";
    let outcome = run(events, &[]);
    let (joins, leaves) = (300 * SECOND, 360 * SECOND);
    assert_eq!(came(&outcome, 7, 0, joins), 0);
    let before = came(&outcome, 1, 0, joins);
    assert!(before > 20 && came(&outcome, 7, joins, joins + 3 * SECOND) >= before, "{before}");
    assert_eq!(came(&outcome, 0, leaves, 600 * SECOND), 0);
    assert!(outcome.nodes[0].is_absent && !outcome.nodes[7].is_absent);
    assert!(outcome.nodes[1..].iter().all(|node| node.tip == outcome.nodes[1].tip));
    // The end does not wait for who has left.
    let changes = ["experiment.stop_time=none", "experiment.stop_height=60", "load=[]"];
    assert_eq!(run(events, &changes).ended, Ended::StopHeight);
}

#[test]
fn blocks_come_as_often_as_hash_power_says() {
    let count = |events: &str| {
        let changes = ["experiment.stop_time=100 min", "load=[]"];
        let outcome = run(events, &changes);
        [0..50, 50..100].map(|minutes| {
            let times = minutes.start * 60 * SECOND..minutes.end * 60 * SECOND;
            outcome.chain.blocks.values().filter(|block| times.contains(&block.first_seen_us())).count()
        })
    };
    // 300 are expected in each half at the old rate; four standard deviations are 69.
    let [before, after] = count("[[events]]\nat = '50 min'\ndo = 'hash_rate'\nfactor = 3\n");
    assert!(before.abs_diff(300) < 69 && after.abs_diff(900) < 120, "{before}, {after}");
    let [before, after] = count("[[events]]\nat = '50 min'\ndo = 'hash_rate'\nnode = 'a-1'\nhash_rate = '160 kH/s'\n");
    assert!(
        before.abs_diff(300) < 69 && after.abs_diff(562) < 95,
        "seven times 20 and 160 for eight times 20: {before}, {after}"
    );
    let [before, after] = count("[[events]]\nat = '50 min'\ndo = 'hash_rate'\nfactor = 0\nfor = '25 min'\n");
    assert!(before.abs_diff(300) < 69 && after.abs_diff(150) < 49, "{before}, {after}");
}

#[test]
fn a_node_without_hash_power_mines_once_it_has_some() {
    let events = "[[events]]\nat = '5 min'\ndo = 'hash_rate'\nnode = 'w'\nhash_rate = '1 MH/s'\n";
    let node = "[[nodes]]\nname = 'w'\nhash_rate = '0 H/s'\n";
    let outcome = run(&(node.to_string() + events), &[]);
    let made: Vec<Time> = outcome
        .chain
        .blocks
        .values()
        .filter(|block| block.producer == Some(0))
        .map(|block| block.first_seen_us())
        .collect();
    assert!(made.len() > 50 && made.iter().all(|at| *at > 300 * SECOND), "{made:?}");
}

#[test]
fn a_clock_that_is_set_shows_in_the_times_of_blocks() {
    let events = "[[events]]\nat = '5 min'\ndo = 'clock'\nnode = 'a-1'\noffset = '3 s'\n";
    let outcome = run(events, &["experiment.stop_time=20 min"]);
    // By how much a header is ahead of its making, at most.
    let ahead = |node: usize, times: std::ops::Range<Time>| {
        let own = outcome.chain.blocks.values().filter(|block| block.producer == Some(node));
        let own = own.filter(|block| times.contains(&block.first_seen_us()));
        own.map(|block| i64::from(block.time) - (block.first_seen_us() / 1_000) as i64).collect::<Vec<_>>()
    };
    let before = ahead(0, 0..300 * SECOND);
    let after = ahead(0, 301 * SECOND..1_200 * SECOND);
    assert!(!before.is_empty() && before.iter().all(|ms| *ms < 100), "{before:?}");
    assert!(!after.is_empty() && after.iter().all(|ms| (2_400..3_100).contains(ms)), "{after:?}");
}

#[test]
fn a_payment_is_made_when_it_is_due() {
    let pay = "[[events]]\nat_height = 5\ndo = 'pay'\nfrom = 'a-1'\nto = 'b-1'\namount = 40\nfee = 1\n";
    let outcome = run(pay, &["load=[]"]);
    let [payment] = &outcome.chain.payments[..] else { panic!("{:?}", outcome.chain.payments) };
    let fifth = outcome.chain.blocks.values().find(|block| block.height == 5).map(|block| block.first_seen_us());
    assert_eq!(Some(payment.submitted_us), fifth, "as soon as the first node has the height");
    assert!(payment.from == 0 && payment.amount.to_string() == "40" && payment.confirmed.is_some());
    assert_eq!(outcome.events[0].height, 5);
}

#[test]
fn a_changed_link_carries_as_it_says_and_then_as_before() {
    let text = NETWORK.replace("count = 4", "count = 1").replace("until = \"none\"\n", "");
    let events = "[[events]]\nat = '3 min'\ndo = 'link'\na = 'a-1'\nb = 'b-1'\nlatency = '2 s'\nfor = '3 min'\n";
    let outcome = outcome(&(text + events), &["load=[]"], SHARED);
    for block in outcome.chain.blocks.values().filter(|block| block.arrivals.len() == 2) {
        let (made, came) = (block.arrivals[0].1, block.arrivals[1].1);
        let slow = (180 * SECOND..360 * SECOND).contains(&made) && (180 * SECOND..360 * SECOND).contains(&came);
        // Announcement, question, answer.
        let expected = if slow { 6 * SECOND } else { 150_000 };
        let straddles = made < 180 * SECOND && came > 180 * SECOND || made < 360 * SECOND && came > 360 * SECOND;
        assert!(straddles || came - made == expected, "{} after {made}", came - made);
    }
}

#[test]
fn drawn_times_are_exponential_and_follow_from_the_seed() {
    let times = |seed: u64| {
        let text = format!("{NETWORK}[[events]]\nrate = '2 /min'\ndo = 'pause'\nnode = 'any'\nfor = '1 s'\n");
        let changes = [format!("experiment.seed={seed}"), "experiment.stop_time=20 h".into()];
        let (experiment, _) = read(&text.replace("until = \"none\"\n", ""), &changes);
        let mut plan = crate::experiment::Plan::new(&experiment);
        let due = std::iter::from_fn(|| plan.take(20 * 3_600 * SECOND, 0)).filter(|due| !due.ends);
        due.map(|due| (due.at, due.action)).collect::<Vec<_>>()
    };
    let first = times(1);
    assert!(first == times(1) && first != times(2));
    // 2,400 are expected; four standard deviations are 196.
    assert!(first.len().abs_diff(2_400) < 196, "{}", first.len());
    // Of exponential gaps 1/e are longer than the mean.
    let long = first.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 30 * SECOND).count();
    assert!(long.abs_diff(883) < 95, "{long}");
    let nodes: std::collections::BTreeSet<String> = first.iter().map(|(_, action)| format!("{action:?}")).collect();
    assert_eq!(nodes.len(), 8, "each node is drawn");
}

#[test]
fn many_faults_at_once_leave_a_network_that_agrees() {
    let events = "[[events]]\nrate = '3 /min'\ndo = 'kill'\nnode = 'any'\nfor = '20 s'\nuntil = '8 min'\n\
        [[events]]\nrate = '3 /min'\ndo = 'pause'\nnode = 'any'\nfor = '15 s'\nuntil = '8 min'\n\
        [[events]]\nevery = '70 s'\ndo = 'partition'\ngroups = [['a-1', 'b-1', 'b-2']]\nfor = '25 s'\nuntil = '8 min'\n\
        [[events]]\nevery = '33 s'\ndo = 'link_down'\na = 'a-1'\nb = 'a-2'\nfor = '12 s'\nuntil = '8 min'\n";
    for seed in 1..6 {
        let outcome = run(events, &[&format!("experiment.seed={seed}"), "experiment.stop_time=12 min"]);
        assert!(
            outcome.events.len() > 50 && agree(&outcome),
            "{seed}: {:?}",
            outcome.nodes.iter().map(|node| node.tip).collect::<Vec<_>>()
        );
        assert_eq!(outcome.issued, outcome.supply);
    }
}
