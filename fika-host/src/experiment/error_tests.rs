//! What is wrong in a file or an argument is told in lines that name the place, and no input makes the parser panic.

use fika_core::hash::draw;

use super::tests::{PAIR, errors, parse, thesis, workspace};
use super::*;

#[test]
fn errors_name_their_place_and_what_was_expected() {
    let node = |keys: &str| format!("[[nodes]]\nname = 'a'\n{keys}\n[[nodes]]\nname = 'b'\n");
    let with = |rest: &str| format!("{}{rest}", node(""));
    for (text, expected) in [
        (
            format!("{PAIR}[chain]\nblok_interval = '2 s'\n"),
            "experiments/x.toml:4:1: unknown key 'blok_interval' in [chain]; expected one of: tick, block_interval, reward, \
             halving_interval, cap, max_block_bytes, tie_break, proof (did you mean 'block_interval'?)",
        ),
        (format!("{PAIR}[chian]\n"), "x.toml:3:2: unknown key 'chian' in the file; expected one of: experiment,"),
        (
            format!("{PAIR}[chain]\nblock_interval = '2 sec'\n"),
            "x.toml:4:18: 'block_interval' in [chain]: expected a duration such as \"1 s\" (units: us, ms, s, min, h, d), \
             found the text '2 sec'",
        ),
        (
            format!("{PAIR}[chain]\nblock_interval = 2\n"),
            "such as \"1 s\" (units: us, ms, s, min, h, d), found the number 2",
        ),
        (format!("{PAIR}[chain]\nblock_interval = '1500 ms'\n"), "expected a multiple of tick"),
        (format!("{PAIR}[chain]\nblock_interval = '0 s'\n"), "expected a multiple of tick, above 0"),
        (
            format!("{PAIR}[chain]\nproof = 'rael'\n"),
            "expected one of real, sampled (did you mean 'real'?), found the text",
        ),
        (format!("{PAIR}[chain]\nreward = -1\n"), "expected coins, up to 92233720368.54775807 with up to 8 decimals"),
        (format!("{PAIR}[chain]\nreward = 0.000000001\n"), "with up to 8 decimals"),
        (format!("{PAIR}[chain]\nreward = [1]\n"), "found a list of 1"),
        (
            format!("{PAIR}[chain]\ncap = 10\n[defaults.node]\ncoins = [6]\n"),
            "x.toml:4:7: 'cap' in [chain]: expected at most 10",
        ),
        (format!("{PAIR}[experiment]\nseed = 1.5\n"), "'seed' in [experiment]: expected an integer from 0 to"),
        (format!("{PAIR}[experiment]\nseed = 99999999999999999999\n"), "expected an integer from 0 to"),
        (format!("{PAIR}[experiment]\nengine = 'jail'\n"), "the engine 'jail' is not built in this version"),
        (
            format!("{PAIR}[experiment]\nengine = 'process'\nrepeat = 3\n"),
            "x.toml:5:1: 'repeat' in [experiment] needs the simulator; expected engine = \"sim\", found \"process\"",
        ),
        (
            format!("{PAIR}[experiment]\nruns = 'until decided'\n"),
            "needs 'repeat': expected at least 2 runs to begin with",
        ),
        (
            format!("{PAIR}[experiment]\nrepeat = 8\nruns = 'until decided'\nmax_runs = 7\n"),
            "'max_runs' in [experiment]: expected at least the 8 of 'repeat', found 7",
        ),
        (
            format!("{PAIR}[[expect]]\nmetric = 'height'\nvalue = 1\nconfidence = 1\n"),
            "'confidence' in [[expect]]: expected more than 0 and less than 100 %",
        ),
        (
            format!("{PAIR}[[expect]]\nmetric = 'height'\nvalue = 1\nconfidence = 0.9\nstandard_errors = 3\n"),
            "expected either 'confidence' or 'standard_errors', found both",
        ),
        (format!("{PAIR}[experiment]\nname = '../x'\n"), "expected a name of 1 to 40 letters"),
        (format!("{PAIR}[experiment]\nstop_height = 1979-05-27\n"), "expected an integer, found the date 1979-05-27"),
        (format!("chain = 3\n{PAIR}"), "x.toml:1:9: expected a table for [chain], found the number 3"),
        (format!("{PAIR}[[events]]\nat = '1 s'\n"), "x.toml:3:1: [[events]] needs the key 'do'"),
        (format!("{PAIR}[[events]]\ndo = 'heel'\nat = '1 s'\n"), "link, clock, hash_rate, pay (did you mean 'heal'?)"),
        (format!("{PAIR}[consensus.pow]\nx = 1979-05-27\n"), "expected no date here"),
        (format!("{PAIR}[consensus]\nplugn = 'pos'\n"), "unknown key 'plugn' in [consensus]"),
        (String::new(), "expected a node: give [network] nodes = 5, or [[nodes]]"),
        ("[network]\nnodes = 200001\n".into(), "expected an integer from 0 to 200000"),
        (
            "[[node_groups]]\nname='a'\ncount=110000\n[[node_groups]]\nname='b'\ncount=110000\n".into(),
            "at most 200000 nodes",
        ),
        ("[network]\nnodes = 5\ngraph = { kind = 'random_regular' }\n".into(), "needs the key 'degree'"),
        ("[network]\nnodes = 5\ngraph = { kind = 'random_regular', degree = 3 }\n".into(), "an even product"),
        ("[network]\nnodes = 5\ngraph = { degree = 3 }\n".into(), "only a graph of the kind random_regular has it"),
        ("[network]\nnodes = 9000\ngraph = { kind = 'full' }\n".into(), "expected at most 4000000 links"),
        ("nodes = 3\n".into(), "expected a list of tables [[nodes]], found the number 3"),
        ("nodes = [3]\n".into(), "x.toml:1:10: expected a table for [[nodes]], found the number 3"),
        ("[[nodes]]\n".into(), "x.toml:1:1: [[nodes]] needs the key 'name'"),
        (
            "[[nodes]]\nname='a'\n[[nodes]]\nname='a'\n".into(),
            "x.toml:3:1: expected a name that no other node has, found 'a'",
        ),
        ("[[nodes]]\nname='any'\n".into(), "expected a name that no other node has"),
        (node("peers = ['c']"), "x.toml:3:10: expected the name of a node, found 'c', which no node has"),
        (node("peers = ['a']"), "expected another node as a peer, found 'a' itself"),
        (node("peers = ['b', 'b']"), "expected each peer once, found 'b' again"),
        (node("peers = 'b'"), "expected a list of texts"),
        (node("role = 'light'"), "the light node 'a' has no link"),
        (node("role = 'light'\nhash_rate = '1 H/s'"), "a light node does not mine"),
        (node("role = 'wallet'"), "the wallet 'a' has no link"),
        (node("role = 'wallet'\nhash_rate = '1 H/s'"), "a wallet does not mine"),
        (node("coins = [0]"), "expected outputs above 0 coins"),
        (node("coins = [1, 'x']"), "'coins' in [[nodes]]: expected coins"),
        (node("hash_rate = 20"), "expected a hash rate such as \"20 kH/s\""),
        (node("hash_rate = '0.4 H/s'"), "expected a whole number of H/s, found the text"),
        (node("hash_rate = '1000001 ZH/s'"), "expected a smaller number"),
        (
            format!("{PAIR}[experiment]\nstop_height = 1400\n[chain]\ntick = '1 ms'\nblock_interval = '1 h'\n"),
            "expected at most 1193: the header's time has 32 bits of ticks",
        ),
        (with("[[links]]\na = 'a'\nb = 'x'\n"), "x.toml:8:5: expected the name of a node, found 'x'"),
        (with("[[links]]\na = 'a'\n"), "[[links]] needs the key 'b'"),
        (with("[[links]]\na = 'a'\nb = 'a'\n"), "x.toml:8:5: 'b' in [[links]]: expected another node than 'a'"),
        (
            with("[[links]]\na='a'\nb='b'\n[[links]]\na='b'\nb='a'\n"),
            "x.toml:9:1: expected each link once, found b - a again",
        ),
        (with("[[load]]\nfrom='z'\nat='1 s'\namount=1\n"), "x.toml:7:6: expected the name of a node, found 'z'"),
        (with("[[load]]\namount=1\n"), "expected 'at' or 'at_height' (one payment), or a 'rate' above 0"),
        (with("[[load]]\nrate='0 /s'\namount=1\n"), "or a 'rate' above 0"),
        (with("[[load]]\nat='1 s'\nat_height=3\namount=1\n"), "expected 'at' or 'at_height'"),
        (with("[[load]]\nat='1 s'\n"), "[[load]] needs the key 'amount'"),
        (with("[[load]]\nat='1 s'\namount='5..1'\n"), "expected the smaller number first"),
        (with("[[load]]\nat='1 s'\namount=0\n"), "expected an amount above 0"),
        (with("[[load]]\nat='1 s'\namount=1\nfrom='a'\nto=['a']\n"), "expected another node than the payer"),
        (with("[[load]]\nat='1 s'\namount=1\nfrom=[]\n"), "expected at least one name"),
        (
            with("[[load]]\nat='1 s'\namount=1\n[[nodes]]\nname='c'\n[[nodes]]\nname=4\n"),
            "x.toml:12:6: 'name' in [[nodes]]",
        ),
        (with("[[expect]]\nmetric='hieght'\nvalue=1\n"), "(did you mean 'height'?)"),
        (with("[[expect]]\nmetric='balance'\nvalue=1\n"), "needs the key 'on'"),
        (with("[[expect]]\nmetric='balance'\non='q'\nvalue=1\n"), "found 'q', which no node has"),
        (with("[[expect]]\nmetric='agreement'\non='a'\nvalue=true\n"), "expected no 'on'"),
        (with("[[expect]]\nmetric='agreement'\nvalue=1\n"), "expected true or false, found the number 1"),
        (with("[[expect]]\nmetric='height'\nvalue=1\nop='='\n"), "expected one of ==, !=, <, <=, >, >="),
        (with("[output]\nformats=['xml']\n"), "expected json or csv, found 'xml'"),
        ("[network\nnodes = 2\n".into(), "experiments/x.toml:1:9: "),
        ("[network]\nnodes = 2\nnodes = 3\n".into(), "experiments/x.toml:3:1: duplicate key"),
    ] {
        let lines = errors(&text, &[]);
        assert!(lines.iter().any(|line| line.contains(expected)), "{text}\nexpected {expected}\nfound {lines:#?}");
        assert!(lines.iter().all(|line| !line.contains('\n') && line.contains("experiments/x.toml:")), "{lines:?}");
    }
}

#[test]
fn events_that_cannot_be_are_told_before_anything_starts() {
    let network = "[experiment]\nstop_time = '10 min'\nstop_height = 9\n[network]\nnodes = 4\n\
        [[nodes]]\nname = 'w'\nrole = 'wallet'\npeers = ['n1']\n[[node_groups]]\nname = 'g'\ncount = 2\n";
    for (events, expected) in [
        ("do = 'kill'\nat = '1 s'", "'kill' in [[events]] needs the key 'node'"),
        ("do = 'heal'\nat = '1 s'\nnode = 'n1'", "'node' in [[events]]: 'heal' does not have it"),
        ("do = 'kill'\nnode = 'n9'\nat = '1 s'", "x.toml:15:8: expected the name of a node, found 'n9'"),
        ("do = 'kill'\nnode = 'n1'", "expected 'at' or 'at_height' (once), or 'every' or 'rate'"),
        ("do = 'kill'\nnode = 'n1'\nat = '1 s'\nuntil = '3 s'", "expected 'at' or 'at_height' (once), or"),
        (
            "do = 'kill'\nnode = 'n1'\nat = '11 min'",
            "x.toml:13:1: expected a time up to the run's end, stop_time = \"10 min\", found \"11 min\"",
        ),
        ("do = 'kill'\nnode = 'n1'\nat_height = 10", "expected a height up to the run's end, stop_height = 9"),
        ("do = 'kill'\nnode = 'n1'\nrate = '0 /h'", "'rate' in [[events]]: expected more than 0"),
        ("do = 'kill'\nnode = 'n1'\nevery = '0 s'", "'every' in [[events]]: expected more than 0"),
        ("do = 'kill'\nnode = 'n1'\nevery = '9 ms'", "'every' in [[events]]: expected at least 10 ms"),
        ("do = 'kill'\nnode = 'n1'\nrate = '101 /s'", "'rate' in [[events]]: expected at most 100 /s"),
        ("do = 'kill'\nnode = 'n1'\nevery = '5 s'\nuntil = '4 s'", "expected a time after the first one"),
        (
            "do = 'kill'\nnode = 'n1'\nat = '1 s'\n[[events]]\ndo = 'kill'\nnode = 'n1'\nat = '2 s'",
            "x.toml:17:1: the event at 2 s: expected a node that runs, found that n1 is dead",
        ),
        (
            "do = 'kill'\nnode = 'n1'\nevery = '10 s'\nfor = '15 s'",
            "the event at 20 s: expected a node that runs, found that n1 is dead",
        ),
        ("do = 'restart'\nnode = 'n1'\nat = '1 s'", "expected a node that has died, found that n1 runs"),
        ("do = 'resume'\nnode = 'n1'\nat = '1 s'", "expected a node that is paused, found that n1 runs"),
        (
            "do = 'kill'\nnode = 'n1'\nat = '1 s'\n[[events]]\ndo = 'join'\nnode = 'n1'\nat = '2 s'",
            "expected a node that runs, found that n1 is not there",
        ),
        ("do = 'heal'\nat = '1 s'", "the event at 1 s: expected a network that is parted, found it in one part"),
        (
            "do = 'partition'\nat = '1 s'\ngroups = [['n1', 'n2'], ['n1']]",
            "expected each node in one group, found n1 again",
        ),
        ("do = 'partition'\nat = '1 s'\ngroups = ['g', ['g-2']]", "expected each node in one group, found g-2 again"),
        ("do = 'partition'\nat = '1 s'\ngroups = []", "expected two groups, or one that leaves nodes out"),
        (
            "do = 'partition'\nat = '1 s'\ngroups = [['n1', 'n2', 'n3', 'n4', 'w', 'g']]",
            "expected two groups, or one that leaves",
        ),
        ("do = 'partition'\nat = '1 s'\ngroups = [[], ['n1']]", "expected at least one node in each group"),
        ("do = 'partition'\nat = '1 s'\ngroups = 'n1'", "expected a list of groups such as"),
        (
            "do = 'partition'\nat = '1 s'\ngroups = [['n1']]\n[[events]]\ndo = 'partition'\nat = '5 s'\ngroups = [['n2']]",
            "the event at 5 s: expected a network in one part, found it parted already: heal it first",
        ),
        (
            "do = 'link_down'\na = 'n1'\nb = 'n3'\nat = '1 s'",
            "x.toml:16:5: 'b' in [[events]]: expected a link, found none between n1 and n3",
        ),
        ("do = 'link_up'\na = 'n1'\nb = 'n2'\nat = '1 s'", "expected a link that is down, found that of n1 and n2"),
        ("do = 'link'\na = 'n1'\nb = 'n2'\nat = '1 s'\nloss = 1", "expected less than 100 %"),
        ("do = 'hash_rate'\nnode = 'w'\nhash_rate = '5 H/s'\nat = '1 s'", "found w: a wallet does not mine"),
        ("do = 'hash_rate'\nhash_rate = '5 H/s'\nat = '1 s'", "'hash_rate' needs 'hash_rate' and 'node', or 'factor'"),
        ("do = 'hash_rate'\nfactor = -1\nat = '1 s'", "expected a factor from 0 to 1000000"),
        ("do = 'clock'\nnode = 'n1'\nat = '1 s'", "'clock' in [[events]] needs the key 'offset' or 'drift'"),
        ("do = 'clock'\nnode = 'n1'\ndrift = '100 %'\nat = '1 s'", "expected less than 100 %"),
        ("do = 'pay'\nfrom = 'n1'\nto = 'n1'\namount = 1\nat = '1 s'", "expected another node than the payer"),
        ("do = 'pay'\nfrom = 'n1'\nto = 'n2'\namount = 0\nat = '1 s'", "expected an amount above 0"),
        (
            "do = 'join'\nnode = ['n1', 'n2']\nat = '1 s'",
            "expected one node: who is not there at the start is not drawn",
        ),
        ("do = 'heal'\nat = '1 s'\nfor = '2 s'", "'for' in [[events]]: 'heal' has no end"),
        ("do = 'kill'\nnode = 'n1'\nat = '1 s'\nfor = '0 s'", "'for' in [[events]]: expected more than 0"),
    ] {
        let text = format!("{network}[[events]]\n{events}\n");
        let lines = errors(&text, &[]);
        assert!(lines.iter().any(|line| line.contains(expected)), "{events}\nexpected {expected}\nfound {lines:#?}");
        assert!(lines.len() == 1 && !lines[0].contains('\n'), "one line each: {lines:?}");
    }
    // What is drawn, or comes at a height, may find anything.
    let unknown = "[[events]]\ndo = 'kill'\nnode = 'any'\nrate = '9 /min'\n[[events]]\ndo = 'restart'\nnode = 'n1'\nat = '5 s'\n\
        [[events]]\ndo = 'partition'\ngroups = ['g']\nat_height = 3\n[[events]]\ndo = 'heal'\nat = '1 min'\n";
    parse(&format!("{network}{unknown}"), &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let lines = errors(
        "[experiment]\nengine = 'process'\n[network]\nnodes = 3\n[[events]]\ndo = 'partition'\nat = '1 s'\ngroups = ['n1']\n",
        &[],
    );
    assert!(lines[0].contains("x.toml:8:1: 'groups' in [[events]] needs cables"), "{lines:?}");
}

#[test]
fn a_line_means_what_the_entry_of_the_file_means() {
    let experiment =
        parse("[network]\nnodes = 4\n[[node_groups]]\nname = 'g'\ncount = 2\n[[load]]\nat = '1 s'\namount = 1\n", &[])
            .unwrap_or_else(|errors| panic!("{errors}"));
    let same = |line: &str, told: &str| {
        let action = Action::parse(line, &experiment).unwrap_or_else(|why| panic!("{line}: {why}"));
        assert_eq!(action.describe(&experiment), told);
        assert_eq!(Action::parse(told, &experiment), Ok(action), "what is told can be said again");
    };
    same("partition n1,n2 | g", "partition n1 n2 | g-1 g-2");
    same("heal", "heal");
    same(" kill  n1 ", "kill n1");
    same("link down n2 n1", "link_down n2 n1");
    same("link-up n1 n2", "link_up n1 n2");
    same("link n1 n2 latency=20 ms loss=5 %", "link n1 n2 latency=20000us loss=0.05");
    same("hash-rate n3 5 kH/s", "hash_rate n3 5000H/s");
    same("hash-rate n3 factor=1.5", "hash_rate n3 factor=1.5");
    same("hash-rate factor=50%", "hash_rate factor=0.5");
    same("pay n1 g-2 2.5", "pay n1 g-2 2.5 fee=0");
    same("clock n1 offset=-3 s drift=20 ppm", "clock n1 offset=-3000000us drift=20ppm");
    for (line, expected) in [
        ("", "expected one of partition, heal"),
        ("kil n1", "(did you mean 'kill'?)"),
        ("kill", "'kill' in [[events]] needs the key 'node'"),
        ("kill n7", "expected the name of a node, found 'n7'"),
        ("kill g", "expected one node, found 'kill g'"),
        ("kill any", "expected one node, found 'kill any'"),
        ("kill n1 n2", "'kill': expected nothing more, found 'n2'"),
        ("heal x=1", "unknown key 'x'"),
        ("kill n1 for=5s", "'for': what is done by hand happens at once, and once"),
        ("kill node=n1 node=n2", "'node': expected it once"),
        ("link down n1 n3", "expected a link, found none between n1 and n3"),
        ("partition n1 | n1", "expected each node in one group, found n1 again"),
        ("pay n1 n2 x", "'amount' in [[events]]: expected coins"),
    ] {
        let why = Action::parse(line, &experiment).expect_err(line);
        assert!(why.contains(expected) && !why.contains('\n'), "{line}: {why}");
    }
}

#[test]
fn several_errors_come_in_the_order_of_the_file_and_are_limited() {
    let lines = errors("[network]\nnodes = 2\nx = 1\n[chain]\ny = 1\n[experiment]\nz = 1\n", &[]);
    assert_eq!(
        lines.iter().map(|line| line.split(": ").next().unwrap()).collect::<Vec<_>>(),
        ["experiments/x.toml:3:1", "experiments/x.toml:5:1", "experiments/x.toml:7:1"]
    );
    let many: String = (0..10_000).map(|n| format!("[[links]]\na = 'a{n}'\nb = 'b{n}'\n")).collect();
    let lines = errors(&many, &[]);
    assert_eq!(lines.len(), 21);
    assert!(lines[20].contains("more errors"), "{}", lines[20]);
}

#[test]
fn errors_in_overrides_name_the_argument() {
    for (set, expected) in [
        ("chain.tick=5 sec", "--set chain.tick=5 sec: 'tick' in [chain]: expected one of 1 s, 1 ms"),
        ("chain.tik=1 s", "--set chain.tik=1 s: unknown key 'tik' in [chain]"),
        ("chian.tick=1 s", "--set chian.tick=1 s: unknown key 'chian' in the file"),
        ("nodes.9.name=x", "--set nodes.9.name=x: expected an index or a name in a list of 5, found '9'"),
        ("chain.tick.x=1", "--set chain.tick.x=1: expected a table or a list before '.x', found the text '1 ms'"),
        ("load=3", "--set load=3: expected a list of tables [[load]], found the number 3"),
        ("nodes.server1.peers=[\"x\"]", "expected the name of a node, found 'x'"),
    ] {
        let lines = errors(&thesis(), &[set]);
        assert!(lines.iter().any(|line| line.contains(expected)), "{set}: {lines:?}");
    }
    assert_eq!(Override::set("seed").unwrap_err(), "--set seed: expected key=value, found no '='");
    assert!(Override::set("=1").unwrap_err().contains("expected a dotted path"));
    assert!(Override::set("a..b=1").unwrap_err().contains("expected a dotted path"));
    assert!(Override::set("load=[").unwrap_err().starts_with("--set load=[: "));
}

#[test]
fn files_that_cannot_be_read_are_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let line = |path: &Path| Experiment::load(path, &[]).unwrap_err().to_string();
    assert!(line(&dir.path().join("no.toml")).contains("no.toml: cannot read it: "));
    assert!(line(dir.path()).contains("cannot read it: "));
    let file = dir.path().join("x.toml");
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(line(&file).contains("expected UTF-8 text"));
    std::fs::write(&file, vec![b'#'; source::FILE_BYTES_MAX + 1]).unwrap();
    assert!(line(&file).contains("expected at most 16777216 bytes, found more"));
}

#[test]
fn hostile_sizes_are_refused_or_read_but_never_explode() {
    let nodes: String =
        (0..20_000).map(|n| format!("[[nodes]]\nname = 'x{n}'\npeers = ['x{}']\n", (n + 1) % 20_000)).collect();
    assert_eq!(parse(&nodes, &[]).unwrap().links.len(), 20_000);
    let deep = format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&deep, &[]).is_err());
    assert!(Override::set(&deep.replace("a = ", "a=")).is_err());
    let dotted = format!("{} = 1", vec!["a"; 100_000].join("."));
    assert!(parse(&dotted, &[]).is_err());
    let coins = format!("[[node_groups]]\nname='a'\ncount=100000\ncoins=[{}]\n", vec!["1"; 1_000].join(","));
    assert!(errors(&coins, &[])[0].contains("at most 200000 nodes and 1000000 genesis outputs"));
    let peers = format!("[[node_groups]]\nname='a'\ncount=10000\npeers=[{}]\n", vec!["'a-1'"; 1_000].join(","));
    assert!(errors(&peers, &[]).iter().any(|line| line.contains("at most 8000000 peers")));
    let columns = format!("{PAIR}[[links]]\na={:?}\nb='n1'\n", "é".repeat(2_000));
    assert!(errors(&columns, &[]).iter().all(|line| line.len() < 300));
}

/// Bytes drawn from a seed, and the project's own file with some of them changed.
#[test]
fn random_and_mutated_files_never_panic() {
    let pieces = [
        "[",
        "]",
        "=",
        "'",
        "\"",
        "\n",
        "{",
        "}",
        ".",
        ",",
        "-1",
        "1e400",
        "nan",
        "none",
        "[[nodes]]",
        "[chain]",
        "any",
        "0 s",
        "\u{0}",
        "[[load]]\nrate='1 /s'\namount='0..9'\n",
        "9223372036854775807",
        "=[]",
        "é",
        "99999999999999999999 d",
        "..",
        "#",
    ];
    let valid = thesis() + &std::fs::read_to_string(workspace().join("experiments/ring-20.toml")).unwrap();
    let mut right = 0;
    for seed in 0..3_000 {
        let mut counter = 0;
        let mut below = |bound: usize| {
            counter += 1;
            (draw(seed, 1, counter) % bound as u64) as usize
        };
        let mut text = if seed % 3 == 0 { String::new() } else { thesis() };
        if seed % 5 == 0 {
            text = valid.clone();
        } else if seed % 11 == 0 {
            text = network_tests::SIMBLOCK.into();
        }
        for _ in 0..1 + below(6) {
            let at = text.floor_char_boundary(below(text.len() + 1));
            let end = text.floor_char_boundary((at + below(12)).min(text.len()));
            let piece = match below(4) {
                0 => String::from_utf8_lossy(&[below(256) as u8, below(256) as u8]).into_owned(),
                1 => String::new(),
                _ => pieces[below(pieces.len())].to_string(),
            };
            text.replace_range(at..end, &piece);
        }
        let set =
            format!("{}={}", ["chain.tick", "nodes.0", "load", "a.b.c", ""][below(5)], pieces[below(pieces.len())]);
        let overrides: Vec<_> = Override::set(&set).into_iter().filter(|_| seed % 4 == 0).collect();
        if let Ok(experiment) = Experiment::parse("x.toml", &text, &overrides) {
            right += 1;
            for index in 0..experiment.load.len() {
                for n in [0, 1, u64::MAX - 1] {
                    let _ = experiment.payment(index, n);
                }
            }
        }
    }
    assert!(right > 50, "the mutations are too harsh to reach what comes after parsing: {right}");
}
