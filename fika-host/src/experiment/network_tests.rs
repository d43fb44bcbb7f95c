use super::tests::{errors, parse};
use super::*;

/// Six hundred nodes as SimBlock has them.
pub(super) const SIMBLOCK: &str = "
[relay]
to_source = true
compact = true
compact_share = 0.964
compact_classes = [
    { share = '97.6 %', failure = 0.27, missing = [[0.01, 546], [0.02, 66], [0.96, 1]] },
    { share = '2.4 %', failure = '13 %', missing = [[0.01, 210]] },
]
charge = { block = '535 kB', compact = '18 kB' }
[network]
nodes = 600
preset = 'bitcoin-2019'
hash_rate = { mean = '400 MH/s', sd = '100 MH/s' }
one_upload_at_a_time = true
processing = { inv = '10 ms', getdata = '10 ms', block = '2 ms' }
";

#[test]
fn a_preset_gives_regions_bandwidths_and_links() {
    let experiment = parse(SIMBLOCK, &[]).unwrap();
    assert_eq!(experiment.engine, Some(Engine::Sim));
    let medium = &experiment.medium;
    let standing = |region| experiment.nodes.iter().filter(|node| node.region == Some(region)).count();
    assert_eq!((0..6).map(standing).collect::<Vec<_>>(), [199, 300, 6, 70, 14, 11]);
    for node in &experiment.nodes {
        let region = &medium.regions[usize::from(node.region.unwrap())];
        assert_eq!((node.upload_bps, node.download_bps), (region.upload_bps, region.download_bps));
    }
    assert_eq!(medium.regions[1].upload_bps, 20_700_000);
    assert_eq!(
        medium.regions[0].latency[1],
        Latency::Pareto { mean_us: 124_000, scale_us: 119_000, shape_milli: 24_800 }
    );
    // The distribution's mean is 8.585 links made by each node.
    assert!((4_900..5_300).contains(&experiment.links.len()), "{}", experiment.links.len());
    assert_eq!(experiment.nodes.iter().filter(|node| node.compact).count(), 579);
    let class = |class| experiment.nodes.iter().filter(|node| node.compact_failure == Some(class)).count();
    assert_eq!((class(0), class(1)), (586, 14));
    let churning = (0..).find(|node| experiment.nodes[*node as usize].compact_failure == Some(0)).unwrap();
    let failure = experiment.compact_failure(churning).unwrap();
    assert_eq!((failure.probability_ppm, &failure.missing[0]), (270_000, &(10_000, 546)));
    assert_eq!(medium.charge, Charge { block_bytes: Some(535_000), compact_bytes: Some(18_000) });
    assert_eq!(medium.processing_us["inv"], 10_000);
    assert!(medium.one_upload_at_a_time && experiment.relay.compact && experiment.relay.to_source);
    let mean = experiment.hash_rate() / 600;
    assert!((388_000_000..412_000_000).contains(&mean), "{mean}");

    assert_eq!(parse(SIMBLOCK, &[]).unwrap(), experiment);
    let other = parse(SIMBLOCK, &["experiment.seed=7"]).unwrap();
    assert!(other.links != experiment.links && other.nodes[0] != experiment.nodes[0]);
    let json = serde_json::to_string(&experiment).unwrap();
    assert_eq!(serde_json::from_str::<Experiment>(&json).unwrap(), experiment);
}

#[test]
fn what_is_written_wins_over_the_preset() {
    let sets = ["network.graph.kind=ring", "defaults.node.upload=1 Mbit/s", "defaults.node.hash_rate=5 H/s"];
    let experiment = parse(SIMBLOCK, &sets).unwrap();
    assert_eq!(experiment.links.len(), 600);
    assert!(experiment.nodes.iter().all(|node| node.upload_bps == 1_000_000 && node.hash_rate == 5));
    assert!(experiment.nodes.iter().any(|node| node.download_bps == 40_000_000));
    let dogecoin = parse(SIMBLOCK, &["network.preset=dogecoin"]).unwrap();
    assert_eq!((dogecoin.links.len(), dogecoin.medium.regions[0].upload_bps), (4_800, 4_700_000));
    let plain = parse("[network]\nnodes = 3\npreset = 'none'\n", &[]).unwrap();
    assert_eq!((plain.engine, plain.links.len(), &plain.medium), (None, 3, &Medium::default()));
}

#[test]
fn regions_links_and_clocks_are_read() {
    let text = "
[network]
link = { latency = '30 ms', jitter = '5 ms', bandwidth = '10 Mbit/s', loss = '1 %', queue = '9 kB', message_loss = '2 %' }
regions = [
    { name = 'east', share = '50 %', upload = '1 Mbit/s', latency = ['1 ms', { model = 'normal', mean = '80 ms', sd = '9 ms' }] },
    { name = 'west', share = 0.5, download = '2 Gbit/s', latency = ['81 ms', { model = 'pareto', mean = '20 ms', scale = '10 ms' }] },
]
[[nodes]]
name = 'a'
region = 'east'
clock_offset = '-2 s'
clock_drift = '20 ppm'
[[nodes]]
name = 'b'
region = 'west'
upload = '3 kbit/s'
[[nodes]]
name = 'c'
region = 'west'
[[links]]
a = 'b'
b = 'a'
loss = 0.25
queue = '1 MB'
[[links]]
a = 'b'
b = 'c'
[[links]]
a = 'a'
b = 'c'
latency = { model = 'fixed', mean = '7 ms' }
jitter = '0 s'
";
    let experiment = parse(text, &[]).unwrap();
    let cable = Cable {
        latency: Latency::Fixed { us: 30_000 },
        jitter_us: 5_000,
        bandwidth_bps: 10_000_000,
        loss_ppm: 10_000,
        queue_bytes: Some(9_000),
        message_loss_ppm: 20_000,
    };
    let medium = &experiment.medium;
    assert_eq!(medium.cable, cable);
    let normal = Latency::Normal { mean_us: 80_000, sd_us: 9_000 };
    assert_eq!(medium.regions[0].latency, [Latency::Fixed { us: 1_000 }, normal]);
    assert_eq!(medium.regions[1].latency[1], Latency::Pareto { mean_us: 20_000, scale_us: 10_000, shape_milli: 2_000 });
    assert_eq!(experiment.links, [(0, 1), (0, 2), (1, 2)]);
    let own = [
        (0, Cable { latency: normal, loss_ppm: 250_000, queue_bytes: Some(1_000_000), ..cable }),
        (1, Cable { latency: Latency::Fixed { us: 7_000 }, jitter_us: 0, ..cable }),
    ];
    assert_eq!(medium.own, own.into());
    let [a, b, c] = &experiment.nodes[..] else { panic!("three nodes") };
    assert_eq!((a.clock_offset_us, a.clock_drift_ppm), (-2_000_000, 20));
    assert_eq!((a.upload_bps, a.download_bps), (1_000_000, 0));
    assert_eq!((b.upload_bps, b.download_bps, c.upload_bps), (3_000, 2_000_000_000, 0));
}

#[test]
fn live_runs_have_all_of_a_network_but_what_only_models_have() {
    let text = "
[experiment]
engine = 'netns'
[network]
link = { latency = '30 ms', jitter = '5 ms', bandwidth = '10 Mbit/s', loss = '1 %' }
regions = [
    { name = 'east', upload = '1 Mbit/s', latency = ['1 ms', '80 ms'] },
    { name = 'west', download = '2 Gbit/s', latency = ['90 ms', '2 ms'] },
]
[defaults.node]
region = 'west'
[[nodes]]
name = 'a'
region = 'east'
[[nodes]]
name = 'b'
peers = ['a']
[[nodes]]
name = 'c'
[[links]]
a = 'c'
b = 'a'
latency = '7 ms'
bandwidth = 'none'
queue = '64 KiB'
";
    let experiment = parse(text, &[]).unwrap();
    assert_eq!(experiment.engine, Some(Engine::Netns));
    let fixed = |ms: u64| Latency::Fixed { us: ms * 1_000 };
    let common = Cable { latency: fixed(80), ..experiment.medium.cable };
    assert_eq!(experiment.cables(0), [common, Cable { latency: fixed(90), ..common }]);
    let own = Cable { latency: fixed(7), bandwidth_bps: 0, queue_bytes: Some(65_536), ..common };
    assert_eq!(experiment.cables(1), [own; 2]);
    for key in ["one_upload_at_a_time = true", "processing = { inv = '1 ms' }"] {
        let lines = errors(&text.replace("[network]", &format!("[network]\n{key}")), &[]);
        assert!(lines.len() == 1 && lines[0].contains("needs the simulator"), "{key}: {lines:?}");
    }
    // Only an engine with cables is chosen, or asked for by name.
    assert_eq!(parse(text, &["experiment.engine=auto"]).unwrap().engine, None);
    let lines = errors(text, &["experiment.engine=process"]);
    assert!(
        lines.len() == 1 && lines[0].contains("x.toml:5:10: 'latency' in [network.link] needs cables"),
        "{lines:?}"
    );
    let nothing =
        ["network.link={}", "network.regions=[]", "links=[]", "nodes.c.peers=['a']", "defaults.node.region=none"];
    let mut nothing = nothing.to_vec();
    nothing.extend(["nodes.a.region=none", "experiment.engine=process"]);
    assert_eq!(parse(text, &nothing).unwrap().engine, Some(Engine::Process));
}

#[test]
fn none_is_no_limit_whatever_else_is_given() {
    let text = "
[network]
link = { bandwidth = '10 Mbit/s' }
regions = [{ name = 'east', share = 1, upload = '1 Mbit/s', download = '2 Mbit/s' }]
[[nodes]]
name = 'a'
upload = 'none'
[[nodes]]
name = 'b'
peers = ['a']
download = 'none'
[[links]]
a = 'a'
b = 'b'
bandwidth = 'none'
";
    let experiment = parse(text, &[]).unwrap();
    let rates: Vec<_> = experiment.nodes.iter().map(|node| (node.upload_bps, node.download_bps)).collect();
    assert_eq!(rates, [(0, 2_000_000), (1_000_000, 0)]);
    assert_eq!(experiment.medium.own[&0].bandwidth_bps, 0);
    assert_eq!(parse(text, &["network.link={ bandwidth = 'none' }"]).unwrap().medium.cable.bandwidth_bps, 0);
}

#[test]
fn graphs_are_named_by_their_keys() {
    let links = |graph: &str| parse(&format!("[network]\nnodes = 100\ngraph = {{ {graph} }}\n"), &[]).unwrap().links;
    assert_eq!(links("kind = 'out_degrees', degrees = 8").len(), 800);
    let mixed = links("kind = 'out_degrees', degrees = [0.5, '100 %']").len();
    assert_eq!(mixed, 150);
    assert_eq!(links("kind = 'scale_free', m = 2").len(), 3 + 2 * 97);
    assert_eq!(links("kind = 'small_world', k = 4, beta = 0.1").len(), 200);
    // The live engines have these graphs too.
    assert_eq!(parse("[network]\nnodes = 9\ngraph = { kind = 'scale_free', m = 1 }\n", &[]).unwrap().engine, None);
}

#[test]
fn a_graph_in_a_file_adds_its_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let graph = "graph [\n node [ id 0 label \"a\" ]\n node [ id 1 label \"x y\" region \"east\" hash_rate 5 ]\n \
                 edge [ source 0 target 1 latency 2.5 ]\n]\n";
    std::fs::write(dir.path().join("net.gml"), graph).unwrap();
    let text = "[network]\ngraph = { kind = 'file', file = 'net.gml' }\nregions = [{ name = 'east', share = 1 }]\n\
                [[nodes]]\nname = 'a'\nhash_rate = '7 H/s'\n[[nodes]]\nname = 'w'\nrole = 'wallet'\npeers = ['1']\n";
    let file = dir.path().join("x.toml");
    std::fs::write(&file, text).unwrap();
    let experiment = Experiment::load(&file, &[]).unwrap();
    let names: Vec<_> = experiment.nodes.iter().map(|node| (node.name.as_str(), node.hash_rate)).collect();
    assert_eq!(names, [("a", 7), ("w", 0), ("1", 5)]);
    assert_eq!(experiment.links, [(0, 2), (1, 2)]);
    assert_eq!(experiment.medium.own[&0].latency, Latency::Fixed { us: 2_500 });
    assert_eq!(experiment.engine, None);

    let wrong = |graph: &str| {
        std::fs::write(dir.path().join("net.gml"), graph).unwrap();
        Experiment::load(&file, &[]).unwrap_err().to_string()
    };
    let lines = wrong("graph [\n node [ id 0 ]\n node [ id 0 ]\n]\n");
    assert!(lines.contains("x.toml:2:33: 'file' in [network.graph]: ") && lines.contains("net.gml:3: expected each"));
    assert!(wrong("graph [ node [ id 1 region \"north\" ] ]").contains("found 'north', which [network] does not have"));
    std::fs::remove_file(dir.path().join("net.gml")).unwrap();
    let missing = Experiment::load(&file, &[]).unwrap_err().to_string();
    assert!(missing.contains("net.gml: cannot read it: "), "{missing}");
}

#[test]
fn expectations_of_several_runs_are_read() {
    let expect = |rest: &str| parse(&format!("[network]\nnodes = 2\n[[expect]]\n{rest}"), &[]).unwrap();
    let experiment = expect("metric = 'stale_rate'\nvalue = 0.021\ntolerance = '1 %'\nstandard_errors = 3\n");
    let stale = &experiment.expects[0];
    assert_eq!((stale.value, stale.tolerance, stale.by), (21_000, 210, By::StandardErrors(3)));
    assert_eq!(stale.to_string(), "stale_rate == 0.021 +- 1 % +- 3 standard errors");
    assert_eq!(experiment.engine, None);
    let experiment = expect("metric = 'messages_inv'\nvalue = 5\n");
    assert_eq!((experiment.expects[0].metric.as_str(), experiment.engine), ("messages_inv", Some(Engine::Sim)));
    assert_eq!(expect("metric = 'reward_share'\non = 'n1'\nvalue = '40 %'\n").expects[0].value, 400_000);
}

#[test]
fn errors_of_the_network_say_what_was_expected() {
    let network = |rest: &str| format!("[network]\nnodes = 9\n{rest}\n");
    let link = "[[nodes]]\nname='a'\n[[links]]\na='a'\nb='n1'\n";
    for (text, expected) in [
        (
            format!("[experiment]\nengine='netns'\n{}{link}message_loss='9 %'\n", network("")),
            "x.toml:11:1: 'message_loss' in [[links]] needs the simulator; expected engine = \"sim\", found \"netns\"",
        ),
        (
            format!("[experiment]\nengine='process'\n{}", network("preset = 'litecoin'")),
            "x.toml:5:1: 'preset' in [network] needs cables, which the engine 'process' does not have; expected engine = \"netns\" or \"sim\"",
        ),
        (format!("{}{link}latency=9\n", network("")), "expected a table for [latency], found the number 9"),
        (format!("{}{link}latency='9'\n", network("")), "expected a duration such as \"1 s\""),
        (
            network("link = { loss = 1.5 }"),
            "expected a share from 0 to 1 such as \"5 %\" or 0.05, found the number 1.5",
        ),
        (network("link = { loss = '100 %' }"), "'loss' in [network.link]: expected less than 100 %"),
        (
            network("link = { bandwidth = '0 bit/s' }"),
            "expected more than 0 bit/s; write none where there is no limit, found the text '0 bit/s'",
        ),
        (network("link = { bandwidth = 5 }"), "expected a bit rate such as"),
        (network("[defaults.node]\nupload = '0 Mbit/s'"), "'upload' in [defaults.node]: expected more than 0 bit/s"),
        (
            network("regions = [{ name = 'a', share = 1, download = '0 kbit/s' }]"),
            "'download' in [[network.regions]]: expected more than 0 bit/s",
        ),
        (format!("{}{link}bandwidth='0 Gbit/s'\n", network("")), "'bandwidth' in [[links]]: expected more than 0"),
        (
            network("link = { latency = { model = 'normal', mean = '1 s' } }"),
            "a normal distribution needs the key 'sd'",
        ),
        (network("link = { latency = { model = 'pareto', mean = '5 ms' } }"), "without one, a mean above 5 ms"),
        (network("link = { latency = { mean = '5 ms', sd = '1 ms' } }"), "only the model normal has it"),
        (network("link = { latency = {} }"), "[latency] needs the key 'mean'"),
        (network("regions = [{ name = 'a', share = '99 %' }]"), "expected shares of 100 % in all, found 99 %"),
        (network("regions = [{ name = 'a' }]"), "expected shares, as 'n1' has no region of its own"),
        (
            network("regions = [{ name = 'a', share = 1, latency = ['1 s', '2 s'] }]"),
            "one entry for each of the 1 regions",
        ),
        (network("regions = [{ name = 'a', share = 0.5 }, { name = 'a', share = 0.5 }]"), "expected each region once"),
        (
            network("regions = [{ name = 'east', share = 1 }]\n[defaults.node]\nregion = 'esat'"),
            "(did you mean 'east'?)",
        ),
        (network("processing = { inf = '1 s' }"), "found 'inf' (did you mean 'inv'?)"),
        (network("processing = { inv = 1 }"), "x.toml:3:22: expected a duration"),
        (network("hash_rate = { sd = '1 H/s' }"), "[network.hash_rate] needs the key 'mean'"),
        (network("graph = { kind = 'scale_free' }"), "a scale_free graph needs the key 'm'"),
        (network("graph = { kind = 'scale_free', m = 9 }"), "expected more nodes than m, found 9 nodes and m = 9"),
        (network("graph = { kind = 'out_degrees' }"), "an out_degrees graph needs the key 'degrees'"),
        (network("graph = { kind = 'out_degrees', degrees = [0.5] }"), "expected shares that rise and end with 1"),
        (network("graph = { kind = 'out_degrees', degrees = 0 }"), "expected an integer from 1 to 100"),
        (network("graph = { kind = 'small_world', k = 3, beta = 0 }"), "expected an even k"),
        (network("graph = { kind = 'small_world', k = 2 }"), "needs the key 'beta'"),
        (network("graph = { kind = 'ring', file = 'x.gml' }"), "only a graph of the kind file has it"),
        (network("graph = { kind = 'file', file = 'x.txt' }"), "expected a file that ends in .graphml or .gml"),
        (network("graph = { kind = 'file', file = '/dev/zero.gml' }"), "cannot read it"),
        (network("[defaults.node]\nclock_drift = '-100 %'"), "expected less than 100 %"),
        (network("[defaults.node]\nclock_offset = 3"), "expected a duration such as"),
        (network("[relay]\ncompact_classes = [{ share = 0.6, failure = 0.1 }]"), "expected at least one pair"),
        (
            network("[relay]\ncompact_classes = [{ share = 0.6, failure = 0 }, { share = 0.6, failure = 0 }]"),
            "expected shares of at most 100 % in all",
        ),
        (network("[relay]\ncompact_classes = [{ share = 1, failure = 1, missing = [[0.5]] }]"), "a share and a weight"),
        (network("[relay]\nrequest_timeout = '0 s'"), "'request_timeout' in [relay]: expected more than 0"),
        (network("[[expect]]\nmetric='height'\nop='!='\nvalue=1\nstandard_errors=2"), "another op than \"!=\""),
        (network("[[expect]]\nmetric='messages_x'\nvalue=1"), "found 'messages_x'"),
        (network("[[expect]]\nmetric='messages_KIND'\nvalue=1"), "found 'messages_KIND'"),
    ] {
        let lines = errors(&text, &[]);
        assert!(lines.iter().any(|line| line.contains(expected)), "{text}\nexpected {expected}\nfound {lines:#?}");
    }
}

#[test]
fn a_hundred_thousand_nodes_are_made() {
    let experiment = parse("[network]\nnodes = 100000\npreset = 'bitcoin-2019'\n", &[]).unwrap();
    assert_eq!(experiment.nodes.len(), 100_000);
    assert!((850_000..870_000).contains(&experiment.links.len()), "{}", experiment.links.len());
}

#[test]
fn the_examples_of_the_document_can_be_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/experiment-file.md");
    let document = std::fs::read_to_string(path).unwrap();
    let examples: Vec<_> = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() > 3);
    for example in examples {
        parse(example, &[]).unwrap_or_else(|errors| panic!("{example}\n{errors}"));
    }
}
