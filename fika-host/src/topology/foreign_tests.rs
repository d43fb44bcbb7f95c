//! Files as other programs and collections write them.

use fika_core::hash::draw;

use super::*;

fn gml(text: &str) -> Import {
    Topology::parse_gml(text.into()).unwrap()
}

fn graphml(inside: &str) -> Import {
    Topology::parse_graphml(format!("<graphml>\n{inside}\n</graphml>").into()).unwrap()
}

fn names(import: &Import) -> Vec<&str> {
    import.topology.nodes.iter().map(|node| node.name.as_str()).collect()
}

fn pairs(import: &Import) -> Vec<(u32, u32)> {
    import.topology.links.iter().map(|link| (link.a, link.b)).collect()
}

#[test]
fn any_id_gets_a_name() {
    let ids = ["(0, 0)", "(0,0)", "10.0.0.1", "Zürich", "東京", "any", "-x", "0-0", "a b", &"y".repeat(50), "ok"];
    let nodes: String = ids.iter().map(|id| format!("<node id=\"{id}\"/>")).collect();
    let import = graphml(&format!("<graph>{nodes}<edge source=\"東京\" target=\"(0, 0)\"/></graph>"));
    let long = "y".repeat(40);
    let expected = ["0-0-2", "0-0-3", "10-0-0-1", "Z-rich", "node", "any-2", "x", "0-0", "a-b", &long, "ok"];
    assert_eq!(names(&import), expected);
    assert_eq!(pairs(&import), [(4, 0)]);
    assert_eq!(import.topology.nodes[3].id.as_deref(), Some("Zürich"));
    assert_eq!(import.topology.nodes[10].id, None);
    assert_eq!(
        import.notes,
        ["9 nodes got a name, as the id is none: '(0, 0)' is 0-0-2, '(0,0)' is 0-0-3, '10.0.0.1' is 10-0-0-1, ...; \
             all are in run.json"]
    );
    // The same graph in the other format.
    let nodes: String = ids.iter().map(|id| format!(" node [ id \"{id}\" ]\n")).collect();
    assert_eq!(gml(&format!("\u{feff}graph [\n{nodes} edge [ source \"東京\" target \"(0, 0)\" ] ]")), import);
}

#[test]
fn many_equal_ids_get_names_quickly() {
    let nodes: String = (0..30_000).map(|n| format!("<node id='{}'/>", char::from_u32(0x4e00 + n).unwrap())).collect();
    let import = graphml(&format!("<graph>{nodes}</graph>"));
    assert_eq!((names(&import)[0], names(&import)[29_999]), ("node", "node-30000"));
}

#[test]
fn labels_are_text_that_may_repeat() {
    let text = "graph [\n node [ id 0 label \"PoP\" ]\n node [ id 1 label \"PoP\" ]\n node [ id 2 label \"Hub\" ]\n\
                edge [ source 0 target 2 ]\n edge [ source 1 target 2 ]\n]";
    let import = gml(text);
    assert_eq!(names(&import), ["0", "1", "2"]);
    assert_eq!(import.topology.nodes[2].label.as_deref(), Some("Hub"));
    assert_eq!(import.notes, ["labels repeat, as 'PoP' does, so that ids name the nodes"]);
    // A label that another node's id is.
    let import = gml("graph [ node [ id 0 label \"1\" ] node [ id 1 ] edge [ source 0 target 1 ] ]");
    assert_eq!((names(&import), pairs(&import)), (vec!["0", "1"], vec![(0, 1)]));
    // Labels that are no names leave the id.
    let import = gml("graph [ node [ id 0 label \"New York\" ] node [ id 1 label \"Bonn\" ] ]");
    assert_eq!((names(&import), import.notes.len()), (vec!["0", "Bonn"], 0));
    assert_eq!(import.topology.nodes[0].label.as_deref(), Some("New York"));
}

#[test]
fn each_pair_of_nodes_has_one_link() {
    let import = gml("graph [ directed 1 node [ id 0 ] node [ id 1 ] node [ id 2 ]\n\
                      edge [ source 2 target 2 ]\n\
                      edge [ source 0 target 1 latency 10 ]\n\
                      edge [ source 1 target 2 ]\n\
                      edge [ source 1 target 0 latency 10 bandwidth 5 ]\n\
                      edge [ source 0 target 1 latency 20 ] ]");
    assert_eq!(pairs(&import), [(0, 1), (1, 2)]);
    let link = import.topology.links[0];
    assert_eq!((link.latency_us, link.bandwidth_bps), (Some(10_000), Some(5)));
    assert_eq!(
        import.notes,
        [
            "2 of the edges join nodes that another one joins: merged (first in line 5; 1 with other figures, of which \
             the first hold); 1 of the edges join a node to itself: dropped (first in line 2)",
            "not read: 'directed' of the graph"
        ]
    );
}

#[test]
fn defaults_and_keys_without_names_hold() {
    let import = graphml(
        "<key id='latency' for='edge'><desc>one way</desc><default>25 ms</default></key>\n\
         <key id='hash_rate' for='node'/><key id='d1' for='all' attr.name='name'><default/></key>\n\
         <key id='d2' for='node' attr.name='Country'><default>CH</default></key>\n\
         <graph edgedefault='directed'><data key='d9'>x</data><desc>y</desc>\n\
         <node id='a'><data key='hash_rate'>7 kH/s</data><port name='p'/></node><node id='b'/><node id='c'/>\n\
         <edge source='a' target='b'><data key='latency'>80 ms</data></edge>\n\
         <edge source='b' target='c'/></graph>",
    );
    let latencies: Vec<_> = import.topology.links.iter().map(|link| link.latency_us).collect();
    assert_eq!(latencies, [Some(80_000), Some(25_000)]);
    assert_eq!((import.topology.nodes[0].hash_rate, import.topology.nodes[1].hash_rate), (Some(7_000), None));
    assert_eq!(import.notes, ["not read: 'Country', 'port' of nodes; 'd9', 'directed' of the graph"]);
}

#[test]
fn keys_of_shadow_are_read() {
    let import = gml("graph [ directed 0\n\
        node [ id 0 label \"node at 1.2.3.4\" host_bandwidth_down \"100 Mbit\" host_bandwidth_up \"1 Gbit\" ]\n\
        node [ id 1 role \"router\" region \"\" ]\n\
        edge [ source 0 target 1 label \"path\" latency \"50 ms\" jitter \"5 ms\" packet_loss 0.01 ] ]");
    let node = &import.topology.nodes[0];
    assert_eq!((node.upload_bps, node.download_bps), (Some(1_000_000_000), Some(100_000_000)));
    let link = import.topology.links[0];
    assert_eq!((link.latency_us, link.jitter_us, link.loss_ppm), (Some(50_000), Some(5_000), Some(10_000)));
    assert_eq!((import.topology.nodes[1].wallet, import.topology.nodes[1].region.as_deref()), (None, None));
    assert_eq!(import.notes, ["not read: 'role' of nodes; 'label' of edges"]);
}

#[test]
fn figures_are_kept_or_refused() {
    let read = |key: &str, value: &str| {
        let text =
            format!("graph [ node [ id 0 {key} {value} ] node [ id 1 ]\nedge [ source 0 target 1 {key} {value} ] ]");
        Topology::parse_gml(text.into())
    };
    let rounded = read("latency", "35.1234567").unwrap();
    assert_eq!(rounded.topology.links[0].latency_us, Some(35_123));
    let line = "1 figure is rounded to whole us, H/s, bit/s or millionths (first in line 2)";
    assert_eq!(rounded.notes, [line, "not read: 'latency' of nodes"]);
    for (value, us) in [("0.45", 450), ("1e-3", 1), ("0", 0), ("2.5e3", 2_500_000)] {
        assert_eq!(read("latency", value).unwrap().topology.links[0].latency_us, Some(us), "{value}");
    }
    for (key, value, expected) in [
        ("hash_rate", "0.4", "1: 'hash_rate' of the node '0': expected a whole number of H/s"),
        ("hash_rate", "2.5", "1: 'hash_rate' of the node '0': expected a whole number of H/s"),
        ("hash_rate", "\"0.4 H/s\"", "1: 'hash_rate' of the node '0': expected a whole number of H/s"),
        ("latency", "0.0004", "2: 'latency' of the edge '0' - '1': expected a whole number of us,"),
        ("bandwidth", "0", "2: 'bandwidth' of the edge '0' - '1': expected more than 0 bit/s; write none"),
        ("loss", "1", "2: 'loss' of the edge '0' - '1': expected less than 100 %, found '1'"),
        ("message_loss", "1.1", "2: 'message_loss' of the edge '0' - '1': expected a share from 0 to 1"),
        ("loss", "1e-9", "2: 'loss' of the edge '0' - '1': expected a share"),
        ("coins", "\"3 x\"", "1: 'coins' of the node '0': expected coins such as 30, 0.5, found '3 x'"),
        ("jitter", "nan", "2: 'jitter' of the edge '0' - '1': expected a number from 0"),
    ] {
        let why = read(key, value).unwrap_err();
        assert!(why.starts_with(expected), "{key} {value}\nexpected {expected}\nfound {why}");
    }
    assert_eq!(read("bandwidth", "\"none\"").unwrap().topology.links[0].bandwidth_bps, Some(0));
}

#[test]
fn other_encodings_are_read_or_named() {
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let xml = |encoding: &str| {
        latin(&format!(
            "<?xml version='1.0' encoding='{encoding}'?>\n<graphml><graph><node id='Zürich'/></graph></graphml>"
        ))
    };
    for name in ["ISO-8859-1", "latin1"] {
        let import = Topology::parse_graphml(xml(name)).unwrap();
        assert_eq!(import.topology.nodes[0].id.as_deref(), Some("Zürich"));
    }
    let why = |bytes: Vec<u8>| Topology::parse_graphml(bytes).unwrap_err();
    assert_eq!(why(xml("koi8-r")), "1: expected the encoding UTF-8 or ISO-8859-1, found 'koi8-r'");
    assert_eq!(why(xml("UTF-8")), "2:28: expected UTF-8 text, found the byte 0xfc");
    assert_eq!(why(b"\xff\xfe<\0?\0".to_vec()), "1: expected UTF-8 or ISO-8859-1 text, found UTF-16");

    let import = Topology::parse_gml(latin("graph [\n node [ id 0 label \"Zürich\" ] ]")).unwrap();
    assert_eq!(import.topology.nodes[0].label.as_deref(), Some("Zürich"));
    assert_eq!(import.notes, ["read as ISO-8859-1, as line 2 is not UTF-8"]);
    let import = gml("graph [ node [ id 0 label \"Z&#252;rich &amp; &x\" ] node [ id 1 label \"Bern &#38; Biel\" ] ]");
    let labels: Vec<_> = import.topology.nodes.iter().map(|node| node.label.as_deref()).collect();
    assert_eq!(labels, [Some("Z&#252;rich &amp; &x"), Some("Bern & Biel")]);
}

/// What a made file is like, and so what a line must tell.
#[derive(Default)]
struct Shape {
    doubled_labels: bool,
    unusual_ids: bool,
    doubled_edges: bool,
    loops: bool,
}

/// A file in the shape of those of the Internet Topology Zoo, in both formats, and its nodes and links.
fn zoo(seed: u64) -> ([String; 2], Shape, usize, usize) {
    let mut counter = 0;
    let mut below = |bound: u64| {
        counter += 1;
        draw(seed, 1, counter) % bound
    };
    let count = 2 + below(30);
    let cities = ["Zürich", "New York", "PoP", "Sao Paulo", "?", "Bonn", "10.0.0.1", "Łódź, PL"];
    let kind = below(4);
    let id = |node: u64| match kind {
        0 => format!("n{node}"),
        1 => format!("({}, {})", node / 5, node % 5),
        _ => node.to_string(),
    };
    let mut shape = Shape { unusual_ids: kind == 1, ..Shape::default() };
    let labels: Vec<String> = (0..count)
        .map(|node| match below(4) {
            0 => cities[below(8) as usize].into(),
            1 => "PoP".into(),
            _ => format!("City-{node}"),
        })
        .collect();
    let named = |name: &str| labels.iter().filter(|label| *label == name).count() > 1;
    shape.doubled_labels = named("PoP") || named("Bonn");
    let mut edges: Vec<(u64, u64)> = (1..count).map(|node| (node, below(node))).collect();
    let links = edges.len();
    for _ in 0..below(4) {
        let (a, b) = edges[below(edges.len() as u64) as usize];
        edges.push(if below(2) == 0 { (a, b) } else { (b, a) });
        shape.doubled_edges = true;
    }
    for _ in 0..below(3) {
        let node = below(count);
        edges.push((node, node));
        shape.loops = true;
    }

    let mut gml = "Creator \"Topology Zoo Toolset\"\nVersion \"1.0\"\ngraph [\n  directed 0\n  multigraph 1\n  \
                   Network \"Made\"\n  DateObtained \"3/02/11\"\n"
        .to_string();
    let mut xml =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n\
         <key attr.name=\"LinkLabel\" attr.type=\"string\" for=\"edge\" id=\"d36\"><default>fibre</default></key>\n\
         <key attr.name=\"label\" attr.type=\"string\" for=\"node\" id=\"d33\"/>\n\
         <key attr.name=\"Longitude\" attr.type=\"double\" for=\"node\" id=\"d32\"/>\n\
         <key attr.name=\"Network\" attr.type=\"string\" for=\"graph\" id=\"d1\"/>\n\
         <graph edgedefault=\"undirected\">\n<data key=\"d1\">Made</data>\n"
            .to_string();
    for (node, label) in (0..).zip(&labels) {
        let (id, longitude) = (id(node), below(180));
        gml += &format!(
            "  node [\n    id \"{id}\"\n    label \"{label}\"\n    Longitude {longitude}.5\n    Internal 1\n  ]\n"
        );
        xml += &format!(
            "<node id=\"{id}\"><data key=\"d32\">{longitude}.5</data><data key=\"d33\">{label}</data></node>\n"
        );
    }
    for (a, b) in &edges {
        let (a, b) = (id(*a), id(*b));
        gml += &format!("  edge [\n    source \"{a}\"\n    target \"{b}\"\n    LinkLabel \"OC-3\"\n    key 0\n  ]\n");
        xml += &format!("<edge source=\"{a}\" target=\"{b}\" id=\"e0\"/>\n");
    }
    ([gml + "]\n", xml + "</graph>\n</graphml>\n"], shape, count as usize, links)
}

/// A collection of which every other file once failed.
#[test]
fn files_in_the_shapes_of_the_topology_zoo_are_read_and_told() {
    let mut seen = [0; 4];
    for seed in 0..300 {
        let ([gml_text, xml_text], shape, nodes, links) = zoo(seed);
        let (from_gml, from_xml) = (gml(&gml_text), Topology::parse_graphml(xml_text.into()).unwrap());
        assert_eq!(from_gml.topology, from_xml.topology, "{gml_text}");
        for import in [from_gml, from_xml] {
            assert_eq!((import.topology.nodes.len(), import.topology.links.len()), (nodes, links), "{gml_text}");
            let told = import.notes.join("\n");
            let says = [
                ("labels repeat", shape.doubled_labels),
                ("got a name, as the id is none", shape.unusual_ids),
                ("join nodes that another one joins: merged", shape.doubled_edges),
                ("to itself: dropped", shape.loops),
            ];
            for (index, (line, expected)) in says.into_iter().enumerate() {
                // A label may name all nodes whose id is no name, and only then none is made.
                let all_named = index == 1 && import.topology.nodes.iter().all(|node| node.label.is_none());
                assert_eq!(told.contains(line), expected && !all_named, "{line}\n{told}\n{gml_text}");
                seen[index] += usize::from(expected);
            }
            for key in ["'Longitude'", "'LinkLabel'", "'Network'"] {
                assert_eq!(told.matches(key).count(), 1, "{told}");
            }
        }
    }
    assert!(seen.into_iter().all(|count| count > 50), "{seen:?}");
}
