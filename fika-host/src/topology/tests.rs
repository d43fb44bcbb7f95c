use fika_core::hash::draw;

use super::*;
use crate::experiment::Experiment;

fn experiment() -> Experiment {
    let text = "[network]\nnodes = 60\npreset = 'bitcoin-2015'\n[[nodes]]\nname = 'a'\npeers = ['n1']\n\
                [[links]]\na = 'n2'\nb = 'a'\nlatency = '1.25 ms'\nbandwidth = '3 kbit/s'\n";
    Experiment::parse("x.toml", text, &[]).unwrap()
}

/// What a file says, which nothing had to be changed of.
fn plain(read: Result<Import, String>) -> Topology {
    let import = read.unwrap();
    assert_eq!(import.notes, [""; 0]);
    import.topology
}

fn graphml(inside: &str) -> String {
    format!("<graphml>\n<key id=\"d0\" attr.name=\"latency\"/>\n<graph>\n{inside}\n</graph></graphml>")
}

#[test]
fn what_is_written_reads_back_as_the_same() {
    let topology = experiment().topology();
    assert_eq!(topology.nodes.len(), 61);
    let own = topology.links.iter().find(|link| link.latency_us == Some(1_250)).unwrap();
    assert_eq!((own.a, own.b, own.bandwidth_bps), (0, 2, Some(3_000)));
    assert!(topology.links.iter().all(|link| link.latency_us.is_some()));
    assert_eq!(plain(Topology::parse_graphml(topology.write(Format::Graphml).into())), topology);

    // And an experiment made of the file has the same names and links.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("net.graphml"), topology.write(Format::Graphml)).unwrap();
    let file = dir.path().join("x.toml");
    let text = "[network]\npreset = 'bitcoin-2015'\ngraph = { kind = 'file', file = 'net.graphml' }\n";
    fs::write(&file, text).unwrap();
    let read = Experiment::load(&file, &[]).unwrap();
    assert_eq!(read.links, experiment().links);
    assert_eq!(read.topology(), topology);
}

#[test]
fn dot_and_nwdiag_name_every_link() {
    let text = "[[nodes]]\nname = 'a'\n[[nodes]]\nname = 'b-2'\n[[links]]\na = 'a'\nb = 'b-2'\nlatency = '20 ms'\n";
    let topology = Experiment::parse("x.toml", text, &[]).unwrap().topology();
    assert_eq!(
        topology.write(Format::Dot),
        "graph {\n  \"a\";\n  \"b-2\";\n  \"a\" -- \"b-2\" [label=\"20 ms\"];\n}\n"
    );
    let nwdiag = "nwdiag {\n  network link_1 { address = \"20 ms\"; \"a\"; \"b-2\"; }\n}\n";
    assert_eq!(topology.write(Format::Nwdiag), nwdiag);
    let regions = experiment().topology().write(Format::Nwdiag);
    assert!(regions.contains("  group { description = \"europe\"; \""));
}

#[test]
fn files_of_others_are_read() {
    // As NetworkX writes it, with directions, a namespace and an attribute of a type of its own.
    let text = "<?xml version='1.0' encoding='utf-8'?>\n\
        <graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\"><!-- made by hand -->\n\
        <key id=\"d0\" for=\"edge\" attr.name=\"latency\" attr.type=\"double\"/>\n\
        <key id=\"d1\" for=\"node\" attr.name=\"region\" attr.type=\"string\"/>\n\
        <key id=\"d2\" for=\"node\" attr.name=\"label\" attr.type=\"string\"/>\n\
        <graph edgedefault=\"undirected\">\n\
        <edge source=\"0\" target=\"1\"><data key=\"d0\">35.5</data></edge>\n\
        <node id=\"0\"><data key=\"d1\">a&amp;b<![CDATA[<]]>&#65;</data></node>\n\
        <node id=\"1\"><data key=\"d2\">tokyo</data></node>\n\
        </graph></graphml>";
    let topology = plain(Topology::parse_graphml(text.into()));
    assert_eq!(topology.nodes[0].region.as_deref(), Some("a&b<A"));
    assert_eq!((topology.nodes[0].name.as_str(), topology.nodes[1].name.as_str()), ("0", "tokyo"));
    assert_eq!(topology.links, [TopologyLink { a: 0, b: 1, latency_us: Some(35_500), ..TopologyLink::default() }]);

    let text = "Creator \"me\"\n# a comment ]\ngraph [\n directed 0\n node [\n  id 7\n  graphics [ x 1.5 ] ]\n\
        node [ id 8 label \"b\" hash_rate \"2 kH/s\" ]\n edge [ source 8 target 7 bandwidth \"1 Mbit/s\" value 1 ] ]\n";
    let Import { topology, notes } = Topology::parse_gml(text.into()).unwrap();
    assert_eq!(notes, ["not read: 'graphics' of nodes; 'value' of edges"]);
    assert_eq!((topology.nodes[0].name.as_str(), topology.nodes[1].hash_rate), ("7", Some(2_000)));
    assert_eq!(
        topology.links,
        [TopologyLink { a: 1, b: 0, bandwidth_bps: Some(1_000_000), ..TopologyLink::default() }]
    );
}

#[test]
fn hostile_graphml_is_refused_with_its_line() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<graphml><graph><node id=\"&b;\"/></graph></graphml>";
    let deep = "<a>".repeat(100_000);
    let (a, b) = ("<node id='a'/>", "<node id='b'/>");
    for (text, expected) in [
        (bomb.to_string(), "1: expected no document type"),
        (graphml("<node id='&b;'/>"), "4: "),
        (graphml(&format!("{a}<node id='b'><data key='d0'>&b;</data></node>")), "4: unknown entity 'b'"),
        (deep, "1: expected at most 64 elements in each other"),
        (graphml(&format!("{a}\n{b}\n{a}")), "6: expected each node once, found 'a' again"),
        (graphml(&format!("{a}\n<edge source='a' target='q'/>")), "5: expected the id of a node, found 'q'"),
        (graphml(&format!("{a}\n<edge source='a'/>")), "5: expected an edge with a source and a target"),
        (graphml("<node/>"), "4: expected a node with an id"),
        (graphml(&format!("{a}\n<edge source='q' target='q'/>")), "5: expected the id of a node, found 'q'"),
        (graphml("<node id='a'><graph/></node>"), "4: expected no graph in a graph"),
        (graphml("<hyperedge/>"), "4: expected edges between two nodes"),
        (graphml("</graph><graph>"), "4: expected one graph"),
        (
            graphml(&format!("{a}{b}<edge source='a' target='b'><data key='d0'>-1</data></edge>")),
            "4: 'latency' of the edge 'a' - 'b': expected a number from 0 to 1000000000000000, found '-1'",
        ),
        (
            graphml(&format!("{a}{b}<edge source='a' target='b'><data key='d0'>1 week</data></edge>")),
            "4: 'latency' of the edge 'a' - 'b': expected a duration such as \"1 s\"",
        ),
        ("<graphml></graphml>".into(), "1: expected a <graph>"),
        ("<graphml><graph>\n".into(), "2: expected '</'"),
        ("<graphml>\n<graph></graphml>".into(), "2: "),
        (String::new(), "1: expected a <graph>"),
    ] {
        let why = Topology::parse_graphml(text.into()).unwrap_err();
        assert!(why.starts_with(expected) && !why.contains('\n'), "expected {expected}\nfound {why}");
    }
}

#[test]
fn hostile_gml_is_refused_with_its_line() {
    for (text, expected) in [
        ("graph [\n node [ id 1 ]\n node [ id 1 ] ]", "3: expected each node once, found '1' again"),
        ("graph [ node [ id 1 ] ]\ngraph [ ]", "2: expected one graph"),
        ("graph [ node [ ] ]", "1: expected a node with an id"),
        ("graph [", "1: expected ']', found the end"),
        ("graph [ node", "1: expected a value after 'node'"),
        ("graph [ [ ] ]", "1: expected a key before '['"),
        ("graph [ \"x\" 1 ]", "1: expected a key, found 'x'"),
        ("graph [ ] ]", "1: expected no ']' here"),
        ("graph [ comment \"\n", "1: expected the text to end"),
        ("x 1", "1: expected 'graph [', found none"),
        (&format!("graph {}", "[ a ".repeat(100_000)), "1: expected at most 64 lists in each other"),
        (&format!("graph [ comment \"{}\" ]", "x".repeat(5_000)), "1: expected texts of at most 4096 bytes"),
    ] {
        let why = Topology::parse_gml(text.into()).unwrap_err();
        assert!(why.starts_with(expected), "expected {expected}\nfound {why}");
    }
}

/// Files of the project with some of their bytes changed.
#[test]
fn mutated_files_never_panic() {
    let topology = experiment().topology();
    let gml = "graph [ node [ id 1 label \"a\" ] node [ id 2 ] edge [ source 1 target 2 latency \"3 ms\" ] ]";
    let pieces = ["<", ">", "\"", "&", "&amp;", "[", "]", " 9", "é", "</node>", "<![CDATA[", "edge", "\n"];
    let mut read = 0;
    for seed in 0..2_000 {
        let mut counter = 0;
        let mut below = |bound: usize| {
            counter += 1;
            (draw(seed, 1, counter) % bound as u64) as usize
        };
        let is_gml = seed % 2 == 0;
        let mut text = if is_gml { gml.to_string() } else { topology.write(Format::Graphml)[..4_000].to_string() };
        if !is_gml {
            text += "</graph></graphml>";
        }
        for _ in 0..1 + below(3) {
            let at = text.floor_char_boundary(below(text.len() + 1));
            let end = text.floor_char_boundary((at + below(6)).min(text.len()));
            text.replace_range(at..end, pieces[below(pieces.len())]);
        }
        let parsed = if is_gml { Topology::parse_gml(text.into()) } else { Topology::parse_graphml(text.into()) };
        read += usize::from(parsed.is_ok());
    }
    assert!(read > 20, "the mutations are too harsh to reach what comes after parsing: {read}");
}

#[test]
fn a_summary_tells_degrees_parts_and_diameter() {
    let of = |graph: &str| {
        let text = format!("[network]\nnodes = 10\ngraph = {{ kind = '{graph}' }}\n[[nodes]]\nname = 'alone'\n");
        Experiment::parse("x.toml", &text, &[]).unwrap().topology().summary()
    };
    let line = of("line");
    assert!(line.contains("11 nodes, 10 links\n") && line.contains("connected: yes\ndiameter: 10 links\n"), "{line}");
    assert!(line.contains("1 links: 2 nodes\n") && line.contains("2 links: 9 nodes\n"), "{line}");
    assert!(of("star").contains("links of a node: 1 to 10, median 1, mean 1.82\n"), "{}", of("star"));
    let apart = Topology { links: vec![], ..experiment().topology() }.summary();
    assert!(apart.contains("connected: no, 61 parts, the largest of 1 nodes\n"), "{apart}");
    assert!(apart.contains("nodes by region: asia-pacific "), "{apart}");
    let large = "[network]\nnodes = 3000\ngraph = { kind = 'ring' }\nlink = { latency = '2.5 ms' }\n";
    let large = Experiment::parse("x.toml", large, &[]).unwrap().topology().summary();
    assert!(
        large.contains("diameter: at least 1500 links\nlatency of a link: 2.5 ms to 2.5 ms, mean 2.5 ms\n"),
        "{large}"
    );
    assert_eq!(Topology::default().summary(), "0 nodes, 0 links\n");
}

#[test]
fn only_plain_files_of_a_known_kind_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let why = |name: &str| Topology::load(&dir.path().join(name)).unwrap_err();
    assert!(why("x.txt").starts_with("expected a file that ends in .graphml or .gml"));
    assert!(why("x.gml").contains("cannot read it"));
    fs::create_dir(dir.path().join("d.gml")).unwrap();
    assert!(why("d.gml").ends_with("expected a file"));
    fs::write(dir.path().join("b.graphml"), b"<x>\n<y\xff").unwrap();
    assert!(why("b.graphml").ends_with("b.graphml:2:3: expected UTF-8 text, found the byte 0xff"));
    fs::write(dir.path().join("w.GraphML"), "<x>").unwrap();
    assert!(why("w.GraphML").contains("w.GraphML:1: "));
}

#[test]
fn an_error_is_one_line_whatever_the_file_says() {
    let why = Topology::parse_graphml(b"<graphml>\n<graph>\n</a\nb\0c>".to_vec()).unwrap_err();
    assert!(why.contains("</a") && !why.contains(char::is_control), "{why}");
}
