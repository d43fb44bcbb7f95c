use std::path::PathBuf;

use fika_core::amount::Amount;

use super::spec::Stop;
use super::*;

pub(super) fn parse(text: &str, sets: &[&str]) -> Result<Experiment, ExperimentErrors> {
    let overrides: Vec<_> = sets.iter().map(|set| Override::set(set).unwrap()).collect();
    Experiment::parse("experiments/x.toml", text, &overrides)
}

/// The lines that are wrong with `text`.
pub(super) fn errors(text: &str, sets: &[&str]) -> Vec<String> {
    parse(text, sets).expect_err(text).lines().to_vec()
}

pub(super) fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(super) fn thesis() -> String {
    std::fs::read_to_string(workspace().join("experiments/thesis.toml")).unwrap()
}

pub(super) const PAIR: &str = "[network]\nnodes = 2\n";

#[test]
fn a_tiny_file_has_defaults_for_everything() {
    let experiment = parse(PAIR, &[]).unwrap();
    assert_eq!(experiment.name, "x");
    assert_eq!((experiment.seed, experiment.engine, experiment.stop), (42, None, Stop::default()));
    assert_eq!(experiment.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["n1", "n2"]);
    assert_eq!(experiment.links, [(0, 1)]);
    assert_eq!(experiment.plugins.consensus.plugin, "pow");
    assert_eq!(experiment.chain.reward, Amount::coins(50));
    assert_eq!(experiment.nodes[0].hash_rate, 20_000);
}

#[test]
fn the_experiments_of_the_project_are_right() {
    let mut found = vec![];
    for entry in std::fs::read_dir(workspace().join("experiments")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let experiment = Experiment::load(&path, &[]).unwrap_or_else(|errors| panic!("{errors}"));
            assert!(std::fs::read_to_string(&path).unwrap().starts_with("# "), "{path:?} states no question");
            assert!(!experiment.expects.is_empty(), "{path:?} expects nothing");
            found.push(experiment.name);
        }
    }
    for name in ["thesis", "two-coins", "hybrid", "ring-20"] {
        assert!(found.iter().any(|found| found == name), "{name} is missing");
    }
}

#[test]
fn the_thesis_is_as_it_was() {
    let experiment = parse(&thesis(), &[]).unwrap();
    let name = |node: &NodeIndex| experiment.nodes[*node as usize].name.as_str();
    let links: Vec<_> = experiment.links.iter().map(|(a, b)| (name(a), name(b))).collect();
    let expected = [
        ("server1", "server2"),
        ("server1", "server3"),
        ("server1", "client1"),
        ("server2", "client2"),
        ("server3", "client2"),
    ];
    assert_eq!(links, expected);
    assert_eq!(experiment.genesis_supply(), Amount::coins(480));
    assert_eq!(experiment.hash_rate(), 60_000);
    let wide = parse(&thesis(), &["defaults.node.hash_rate=700 EH/s"]).unwrap();
    assert!(wide.nodes.iter().any(|node| node.hash_rate == 700_000_000_000_000_000_000));
    assert_eq!(experiment.payments_scheduled(), 1);
    let payment = experiment.payment(0, 0).unwrap();
    assert_eq!((name(&payment.from), name(&payment.to)), ("client1", "client2"));
    assert_eq!((payment.amount, payment.fee), (Amount::coins(40), Amount::coins(1)));
    assert_eq!((payment.due, experiment.payment(0, 1)), (Due::Time(3_000_000), None));
    let balance = experiment.expects.iter().find(|expect| expect.on.as_deref() == Some("client1")).unwrap();
    assert_eq!(balance.to_string(), "balance on client1 == 49");
    assert!(balance.holds(4_900_000_000) && !balance.holds(4_900_000_001));

    let session = parse(&thesis(), &["load=[]", "experiment.stop_height=none"]).unwrap();
    assert_eq!((session.stop, session.load.len()), (Stop::default(), 0));
}

/// `FIKA_BLESS=1 cargo test the_document` puts the reference into the document.
#[test]
fn the_document_says_what_the_parser_knows() {
    let path = workspace().join("docs/experiment-file.md");
    let mut document = std::fs::read_to_string(&path).unwrap();
    if std::env::var_os("FIKA_BLESS").is_some() {
        let (before, _) = document.split_once("### Tables\n").unwrap();
        document = format!("{before}{}", Experiment::reference());
        std::fs::write(path, &document).unwrap();
    }
    for line in Experiment::reference().lines() {
        assert!(document.contains(line), "docs/experiment-file.md lacks the line\n{line}");
    }
    let rows = |text: &str| text.lines().filter(|line| line.starts_with("| `")).count();
    let (_, keys) = document.split_once("## Every key\n").unwrap();
    assert_eq!(
        rows(keys),
        rows(&Experiment::reference()),
        "docs/experiment-file.md has rows that the parser does not know"
    );
}

#[test]
fn every_default_can_be_read() {
    for key in schema::ALL.iter().flat_map(|schema| schema.keys) {
        let given = key.default != key::REQUIRED && key.default != key::NONE;
        if given && !matches!(key.form, key::Form::ByMetric) {
            assert!(key.form.read(&reader::default(key)).is_ok(), "{}", key.name);
        }
    }
}

#[test]
fn overrides_set_every_kind_of_place() {
    let sets = [
        "chain.tick=1 ms",
        "chain.block_interval=\"1500 ms\"",
        "nodes.0.hash_rate=5 kH/s",
        "nodes.server2.coins=[1, 2.5]",
    ];
    let experiment = parse(&thesis(), &sets).unwrap();
    assert_eq!((experiment.chain.tick_us, experiment.chain.block_interval_us), (1_000, 1_500_000));
    assert_eq!(experiment.nodes[0].hash_rate, 5_000);
    assert_eq!(experiment.nodes[1].coins, [Amount::coins(1), Amount(250_000_000)]);

    let consensus = Override::text("--consensus ./plugins/pos.so", "consensus.plugin", "./plugins/pos.so").unwrap();
    let text = format!("{PAIR}[consensus.pow]\na = 1\n[consensus.pos]\nepoch = 5\n");
    let experiment = Experiment::parse("x.toml", &text, std::slice::from_ref(&consensus)).unwrap();
    let choice = &experiment.plugins.consensus;
    assert_eq!(choice.plugin, "./plugins/pos.so");
    assert_eq!(choice.params.get("epoch").and_then(toml::Value::as_integer), Some(5));
    assert_eq!((choice.params.len(), choice.place.as_str()), (1, "x.toml:5:1"));
    let experiment = Experiment::parse("x.toml", PAIR, &[consensus]).unwrap();
    assert_eq!(experiment.plugins.consensus.place, "--consensus ./plugins/pos.so");
}

#[test]
fn the_own_table_of_a_plugin_is_found_whatever_its_form() {
    for plugin in ["stack-vm", "stack_vm", "plugins/stack-vm/", "./stack_vm.so", "target/release/libstack_vm.so"] {
        let text = format!("{PAIR}[script]\nplugin = '{plugin}'\n[script.stack-vm]\nlimit = 0.5\n[script.other]\n");
        let params = parse(&text, &[]).unwrap().plugins.script.params;
        assert_eq!(params.get("limit").and_then(toml::Value::as_float), Some(0.5), "{plugin}");
    }
    for plugin in ["..", "/", ".", "a/.."] {
        assert!(parse(PAIR, &[&format!("script.plugin={plugin}")]).unwrap().plugins.script.params.is_empty());
    }
}

#[test]
fn groups_graphs_and_peers_make_one_set_of_links() {
    let text = "[network]\nnodes = 2\ngraph = { kind = 'line' }\n[[nodes]]\nname = 'hub'\npeers = ['n1', 'w-2']\n\
                [[node_groups]]\nname = 'w'\ncount = 2\nrole = 'wallet'\npeers = ['hub']\n[[links]]\na = 'hub'\nb = 'n2'\n";
    let experiment = parse(text, &[]).unwrap();
    let names: Vec<_> = experiment.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["hub", "w-1", "w-2", "n1", "n2"]);
    // hub-w1, hub-w2 (named at both ends), hub-n1 (peer and graph), hub-n2 (link), n1-n2 (graph).
    assert_eq!(experiment.links, [(0, 1), (0, 2), (0, 3), (0, 4), (3, 4)]);
    assert_eq!(experiment.neighbours()[0], [1, 2, 3, 4]);
    assert_eq!((experiment.nodes[1].hash_rate, experiment.node("n2")), (0, Some(4)));
}

#[test]
fn loads_are_drawn_from_the_seed() {
    let text = "[network]\nnodes = 4\n[[load]]\nat = '5 s'\nrate = '2 /s'\ncount = 200\namount = '1..2'\nfee = 0.1\n\
                [[load]]\nrate = '1 /s'\nfrom = 'any'\nto = 'n2'\namount = 1\n\
                [[load]]\nat_height = 3\nfrom = ['n1', 'n2']\nto = ['n1', 'n2']\namount = 1\n";
    let experiment = parse(text, &[]).unwrap();
    assert_eq!(experiment.payments_scheduled(), 201);
    let payments: Vec<Payment> = (0..).map_while(|n| experiment.payment(0, n)).collect();
    assert_eq!(payments.len(), 200);
    for (n, payment) in (0..).zip(&payments) {
        let Due::Time(time) = payment.due else { panic!("{payment:?}") };
        assert!((5_000_000 + n * 500_000..5_500_000 + n * 500_000).contains(&time), "{payment:?}");
        assert!((Amount::coins(1)..=Amount::coins(2)).contains(&payment.amount) && payment.from != payment.to);
    }
    let pairs: std::collections::BTreeSet<_> = payments.iter().map(|payment| (payment.from, payment.to)).collect();
    assert_eq!(pairs.len(), 12, "every pair pays");
    assert!((0..200).all(|n| experiment.payment(1, n).is_some_and(|payment| payment.to == 1 && payment.from != 1)));
    assert!(
        experiment.payment(2, 0).is_some_and(|payment| payment.from + payment.to == 1 && payment.due == Due::Height(3))
    );
    assert_eq!(experiment.payment(0, 7), parse(text, &[]).unwrap().payment(0, 7));
    assert_ne!(experiment.payment(0, 7), parse(text, &["experiment.seed=7"]).unwrap().payment(0, 7));
}

#[test]
fn expectations_read_the_unit_of_their_metric() {
    let expect = |rest: &str| parse(&format!("{PAIR}[[expect]]\n{rest}"), &[]).unwrap().expects.remove(0);
    let interval = expect("metric='block_interval'\nvalue='600 s'\ntolerance='1 %'\n");
    assert_eq!((interval.value, interval.tolerance), (600_000_000, 6_000_000));
    assert_eq!(interval.to_string(), "block_interval == 600 s +- 1 %");
    assert!(interval.holds(606_000_000) && !interval.holds(606_000_001));
    assert!(!interval.is_of_each_run() && expect("metric='height'\nvalue=3\n").is_of_each_run());
    let stale = expect("metric='stale_rate'\nop='<'\nvalue='2.5 %'\n");
    assert!(stale.holds(24_999) && !stale.holds(25_000));
    let memory = expect("metric='memory'\nop='<='\nvalue='4 MiB'\n");
    assert!(memory.holds(4 << 20) && !memory.holds((4 << 20) + 1));
}

#[test]
fn an_experiment_survives_json() {
    let text = format!("{}[consensus.pow]\nx = 0.1\nlist = [1, {{ a = true }}]\n", thesis());
    let experiment = parse(&text, &[]).unwrap();
    let json = serde_json::to_string(&experiment).unwrap();
    assert_eq!(serde_json::from_str::<Experiment>(&json).unwrap(), experiment);
}

#[test]
fn the_builder_makes_what_a_file_makes() {
    let built = Network::builder("demo")
        .seed(7)
        .consensus("pos")
        .node(Node::full("server1").coins([100]).hash_rate("1 kH/s"))
        .node(Node::full("server2").agent("selfish"))
        .wallet("client1", [30, 30, 30])
        .link("server1", "server2")
        .link("client1", "server1")
        .pay("client1", "server2", 40, 1)
        .stop_height(5)
        .build()
        .unwrap();
    let text = "[experiment]\nname = 'demo'\nseed = 7\nstop_height = 5\n[consensus]\nplugin = 'pos'\n\
        [[nodes]]\nname='server1'\ncoins=[100]\nhash_rate='1 kH/s'\npeers=['server2', 'client1']\n\
        [[nodes]]\nname='server2'\nagent='selfish'\n[[nodes]]\nname='client1'\nrole='wallet'\ncoins=[30,30,30]\n\
        [[load]]\nat='1 s'\nfrom='client1'\nto='server2'\namount=40\nfee=1\n";
    let mut written = parse(text, &[]).unwrap();
    for (written, built) in [
        (&mut written.plugins.consensus, &built.plugins.consensus),
        (&mut written.plugins.script, &built.plugins.script),
        (&mut written.plugins.keys, &built.plugins.keys),
        (&mut written.plugins.tx, &built.plugins.tx),
        (&mut written.plugins.transport, &built.plugins.transport),
    ] {
        written.place.clone_from(&built.place);
    }
    assert_eq!(built, written);

    let wrong = Network::builder("demo").node(Node::full("a")).link("a", "b").build().unwrap_err();
    assert_eq!(wrong.to_string(), "network 'demo': expected the name of a node, found 'b', which no node has");
    let wrong = Network::builder("demo").set("x").build().unwrap_err();
    assert_eq!(wrong.to_string(), "--set x: expected key=value, found no '='");
}
