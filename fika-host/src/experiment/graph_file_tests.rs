//! Networks in files: what comes back, and what a fault says.

use std::path::{Path, PathBuf};

use fika_core::hash::draw;

use super::tests::errors;
use super::*;
use crate::topology::Format;

/// An experiment whose graph is this file.
fn read(dir: &Path, name: &str, graph: &str) -> Result<Experiment, ExperimentErrors> {
    std::fs::write(dir.join(name), graph).unwrap();
    load(dir, &format!("[network]\ngraph = {{ kind = 'file', file = '{name}' }}\n"))
}

fn load(dir: &Path, text: &str) -> Result<Experiment, ExperimentErrors> {
    let file: PathBuf = dir.join("x.toml");
    std::fs::write(&file, text).unwrap();
    Experiment::load(&file, &[])
}

/// A network in which each key that a file carries is given by some.
fn random(seed: u64) -> String {
    let mut counter = 0;
    let mut below = |bound: u64| {
        counter += 1;
        draw(seed, 1, counter) % bound
    };
    let mut text = "[experiment]\nengine = 'sim'\n".to_string();
    let count = 2 + below(9);
    let regions = below(3);
    let mut network = "[network]\n".to_string();
    if below(2) == 0 {
        network += &format!("link = {{ latency = '{} us', loss = '0.{:04} %' }}\n", below(90_000), 1 + below(9_999));
    }
    if regions > 0 {
        let row: Vec<String> = (0..regions).map(|_| format!("'{} ms'", 1 + below(80))).collect();
        // Alike in both directions.
        let row = format!("[{}]", vec![row[0].clone(); regions as usize].join(", "));
        let region = |n: u64| {
            let share = if n == 0 { 1_000_000 - 300_000 * (regions - 1) } else { 300_000 };
            format!("{{ name = 'r{n}', share = 0.{share:06}, upload = '{} kbit/s', latency = {row} }}", 1 + n)
        };
        let regions: Vec<String> = (0..regions).map(|n| region(n).replace("0.1000000", "1")).collect();
        network += &format!("regions = [{}]\n", regions.join(", "));
    }
    text += &network;
    for node in 0..count {
        text += &format!("[[nodes]]\nname = 'a{node}'\n");
        let wallet = node > 0 && below(3) == 0;
        text += match wallet {
            true => "role = 'wallet'\n".into(),
            false => format!("hash_rate = '{} H/s'\n", draw(seed, 2, node)),
        }
        .as_str();
        if below(2) == 0 {
            text += &format!("coins = [{}.{:08}, 3]\n", 1 + below(500), below(100_000_000));
        }
        if below(3) == 0 {
            text += &format!("upload = '{} bit/s'\ndownload = '{} bit/s'\n", 1 + below(1 << 40), 1 + below(1 << 40));
        }
    }
    for node in 1..count {
        text += &format!("[[links]]\na = 'a{node}'\nb = 'a{}'\n", below(node));
        let keys = [
            format!("latency = '{} us'\n", below(1 << 40)),
            format!("jitter = '{} us'\n", below(1 << 30)),
            format!("bandwidth = '{} bit/s'\n", 1 + below(1 << 50)),
            format!("loss = 0.{:06}\n", below(1_000_000)),
            format!("message_loss = 0.{:06}\n", below(1_000_000)),
        ];
        keys.iter().for_each(|key| text += if below(2) == 0 { key } else { "" });
    }
    text
}

/// The cable of each link, as the simulator has it.
fn cables(experiment: &Experiment) -> Vec<(NodeIndex, NodeIndex, Cable)> {
    let medium = &experiment.medium;
    let links = experiment.links.iter().enumerate();
    let cable = |(index, &(a, b)): (usize, &(NodeIndex, NodeIndex))| {
        let region = |node: NodeIndex| experiment.nodes[node as usize].region.map(usize::from);
        let row = region(a).zip(region(b)).and_then(|(a, b)| medium.regions.get(a)?.latency.get(b).copied());
        let own = medium.own.get(&index).copied();
        let between = Cable { latency: row.unwrap_or(medium.cable.latency), ..medium.cable };
        (a, b, own.unwrap_or(between))
    };
    links.map(cable).collect()
}

#[test]
fn a_network_that_was_written_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 0..200 {
        let text = random(seed);
        let first = Experiment::parse("x.toml", &text, &[]).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert_eq!(first.unwritten(Format::Graphml), None, "{text}");
        let second = read(dir.path(), "net.graphml", &first.topology().write(Format::Graphml)).unwrap();
        assert_eq!(second.notes, [""; 0]);
        assert_eq!(second.topology(), first.topology(), "{text}");
        assert_eq!(cables(&second), cables(&first), "{text}");
        let plain = |experiment: &Experiment| {
            let nodes = experiment.nodes.iter().cloned();
            nodes.map(|node| NodeSpec { region: None, ..node }).collect::<Vec<_>>()
        };
        assert_eq!(plain(&second), plain(&first), "{text}");
    }
}

#[test]
fn what_a_format_cannot_carry_is_told() {
    let text = "[experiment]\nengine = 'sim'\n[network]\nnodes = 2\n\
        link = { latency = { model = 'normal', mean = '9 ms', sd = '1 ms' }, jitter = '1 ms' }\n\
        [[nodes]]\nname = 'w'\nrole = 'wallet'\npeers = ['n1']\ncoins = [5]\nclock_offset = '1 s'\n";
    let experiment = Experiment::parse("x.toml", text, &[]).unwrap();
    let drawn = "how latencies are drawn (their mean is written), clocks";
    assert_eq!(experiment.unwritten(Format::Graphml), Some(format!("not written: {drawn}")));
    for format in [Format::Dot, Format::Nwdiag] {
        let told = experiment.unwritten(format);
        assert_eq!(told, Some(format!("not written: roles, hash rates, coins, jitter, {drawn}")));
    }
}

#[test]
fn the_names_of_a_file_are_in_the_results() {
    let dir = tempfile::tempdir().unwrap();
    let graph = "graph [ node [ id \"(0, 0)\" label \"New York\" region \"North America\" ] node [ id 7 ] \
                 edge [ source \"(0, 0)\" target 7 ] edge [ source 7 target \"(0, 0)\" ] ]";
    let experiment = read(dir.path(), "net.gml", graph).unwrap();
    assert_eq!(experiment.engine, None, "a region alone needs no simulator");
    let node = &experiment.nodes[0];
    assert_eq!(
        (node.name.as_str(), node.file_id.as_deref(), node.label.as_deref()),
        ("0-0", Some("(0, 0)"), Some("New York"))
    );
    assert_eq!(experiment.medium.regions[0].name, "North-America");
    assert_eq!((node.region, experiment.nodes[1].region), (Some(0), None));
    assert!(experiment.notes.iter().all(|note| note.contains("net.gml: ")) && experiment.notes.len() == 3);
    let json = serde_json::to_string(&experiment).unwrap();
    assert!(json.contains("\"file_id\":\"(0, 0)\"") && json.contains("merged"), "{json}");
    assert_eq!(serde_json::from_str::<Experiment>(&json).unwrap(), experiment);
}

#[test]
fn the_own_table_of_a_node_wins_over_the_file_and_the_file_over_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let graph = "graph [ node [ id a hash_rate 5 upload 7 coins \"1, 2\" ] node [ id b hash_rate 5 upload 7 coins 3 ]\n\
                 node [ id c role wallet ] edge [ source a target b ] edge [ source a target c ] ]";
    std::fs::write(dir.path().join("net.gml"), graph).unwrap();
    let text = "[network]\ngraph = { kind = 'file', file = 'net.gml' }\n[defaults.node]\nhash_rate = '9 H/s'\n\
                upload = '9 bit/s'\ncoins = [9]\n[[nodes]]\nname = 'a'\nhash_rate = '8 H/s'\ncoins = []\nupload = 'none'\n";
    let experiment = load(dir.path(), text).unwrap();
    let of = |node: usize| {
        let spec = &experiment.nodes[node];
        (spec.role, spec.hash_rate, spec.upload_bps, spec.coins.len())
    };
    assert_eq!((of(0), of(1)), ((Role::Full, 8, 0, 0), (Role::Full, 5, 7, 1)));
    assert_eq!(of(2), (Role::Wallet, 0, 9, 1));
    // What cannot be is told with its element.
    let wrong = load(dir.path(), &format!("{text}[[nodes]]\nname = 'c'\nhash_rate = '1 H/s'\n")).unwrap_err();
    assert_eq!(wrong.lines().len(), 1);
    assert!(
        wrong.lines()[0].ends_with("net.gml: the node 'c': a wallet does not mine; expected no hash rate"),
        "{wrong}"
    );
    let wrong = load(dir.path(), &format!("{text}[experiment]\nengine = 'process'\n")).unwrap_err().to_string();
    assert!(wrong.contains("'upload' in net.gml needs cables, which the engine 'process' does not have"), "{wrong}");
}

#[test]
fn one_fault_is_one_error() {
    let node = "[[nodes]]\nname = 'a'\npeers = ['b']\n[[nodes]]\nname = 'b'\n";
    for (text, expected) in [
        (
            "[network]\ngraph = { kind = 'file', file = 'none.graphml' }\n[[links]]\na = 'x'\nb = 'y'\n".into(),
            "cannot read it",
        ),
        (
            "[network]\ngraph = { kind = 'file', file = 3 }\n[[expect]]\nmetric = 'balance'\non = 'q'\nvalue = 1\n"
                .into(),
            "a text",
        ),
        ("[network]\ngraph = { kind = 'flie', file = 'x.gml' }\n".into(), "(did you mean 'file'?)"),
        ("[network]\ngraph = 5\n".into(), "expected a table for [network.graph]"),
        ("network = 5\n".into(), "expected a table for [network], found the number 5"),
        (
            "[network]\nnodes = 'x'\n[[load]]\nat = '1 s'\namount = 1\nfrom = 'n1'\nto = 'n2'\n".into(),
            "expected an integer",
        ),
        ("nodes = 3\n[[links]]\na = 'x'\nb = 'y'\n".into(), "expected a list of tables [[nodes]]"),
        ("nodes = [3]\n".into(), "expected a table for [[nodes]], found the number 3"),
        ("[[nodes]]\nnmae = 'a'\n[[links]]\na = 'a'\nb = 'c'\n".into(), "unknown key 'nmae'"),
        (
            format!("{node}[[nodes]]\nname = 'x y'\n[[nodes]]\nname = ''\n").replace("[[nodes]]\nname = ''\n", ""),
            "expected a name",
        ),
        (
            format!("{node}[[node_groups]]\nname = 'g'\ncount = 0\n[[links]]\na = 'g-1'\nb = 'a'\n"),
            "expected an integer from 1",
        ),
        (
            format!("{node}[network]\nregions = [{{ name = 'a b', share = 1 }}]\n[defaults.node]\nregion = 'a b'\n"),
            "expected a name",
        ),
        (format!("{node}[network]\nregions = [{{ name = 'r', share = 'x' }}]\n"), "expected a share"),
        (format!("{node}[network]\npreset = 'litecion'\n[defaults.node]\nregion = 'europe'\n"), "did you mean"),
        (
            format!("{node}[relay]\ncompact_classes = [{{ share = 1, failure = 1, missing = [[0.5]] }}]\n"),
            "a share and a weight",
        ),
    ] {
        let lines = errors(&text, &[]);
        assert!(lines.len() == 1 && lines[0].contains(expected), "{text}\nexpected {expected}\nfound {lines:#?}");
    }
    let regions = "[network]\nnodes = 4\nregions = [\n  { name = 'bad name', share = 0.5 },\n  { name = 'worse name', share = 0.5 },\n]\n";
    let lines = errors(regions, &[]);
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("expected a name")), "{lines:#?}");
    // But two faults are two.
    let lines = errors(&format!("{node}x = 1\n[[links]]\na = 'a'\nb = 'c'\n"), &[]);
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

#[test]
fn faults_of_a_file_name_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.toml");
    std::fs::write(&file, b"[network]\nnodes = 5 # \xff\n").unwrap();
    let wrong = Experiment::load(&file, &[]).unwrap_err().to_string();
    assert!(wrong.ends_with("bad.toml:2:13: expected UTF-8 text, found the byte 0xff"), "{wrong}");
    let graph = "graph [\n node [ id 0 ]\n edge [ source 0 target 7 ]\n]\n";
    let wrong = read(dir.path(), "torn.gml", graph).unwrap_err();
    assert!(wrong.lines().len() == 1 && wrong.lines()[0].contains("torn.gml:3: expected the id of a node"), "{wrong}");
}
