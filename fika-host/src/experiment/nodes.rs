//! Reads the nodes of an experiment: those named one by one, groups, and those of a rule or a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use fika_core::amount::Amount;

use super::key::{COINS_MAX, COINS_PER_NODE_MAX};
use super::medium::Region;
use super::node_spec::{Durability, NodeIndex, NodeSpec, Role};
use super::reader::{Fields, Read, did_you_mean};
use super::schema;
use super::source::{Place, Problems, Value};
use crate::limits::{LINKS_MAX, NODES_MAX, shortened};
use crate::topology::{Topology, TopologyLink};

/// A clock that loses as much as this stands still.
const DRIFT_MAX_PPM: u64 = 1_000_000;

/// The nodes, with what is needed to find them by name.
pub(super) struct Nodes {
    pub(super) specs: Vec<NodeSpec>,
    /// What each of them leaves open.
    pub(super) open: Vec<Open>,
    indices: BTreeMap<String, NodeIndex>,
    /// Names of peers by node, as written.
    pub(super) peers: Vec<(NodeIndex, Peers)>,
    coins: usize,
    peer_count: u64,
    /// The links of a graph that was read from a file.
    pub(super) drawn: Vec<TopologyLink>,
    /// Ascending, each once.
    pub(super) links: Vec<(NodeIndex, NodeIndex)>,
}

/// Names with their places. The nodes of a group share them.
pub(super) type Peers = Rc<[(Place, String)]>;

/// What a node leaves open, so that it is drawn or taken from its region.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) hash_rate: bool,
    pub(super) upload: bool,
    pub(super) download: bool,
}

impl Nodes {
    /// Named nodes, then groups, then n1, n2, ...
    pub(super) fn read(file: &Fields<'_>, folder: &Path, regions: &[Region], problems: &Problems) -> Nodes {
        let defaults = file.table("defaults", &schema::DEFAULTS);
        let defaults = defaults.below("node");
        // Read once for its errors; each node reads it again as its fallback.
        let default = spec(&Fields::new(&schema::DEFAULT_NODE, defaults, None, problems), regions);
        let fallback = match defaults.map(|item| &item.value) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        };
        let mut nodes = Nodes {
            specs: vec![],
            open: vec![],
            indices: BTreeMap::new(),
            peers: vec![],
            coins: 0,
            peer_count: 0,
            drawn: vec![],
            links: vec![],
        };
        for fields in file.tables("nodes", &schema::NODES, fallback) {
            let peers = fields.texts("peers").into();
            nodes.add(fields.text("name"), &spec(&fields, regions), &peers, &fields, problems);
        }
        for fields in file.tables("node_groups", &schema::NODE_GROUPS, fallback) {
            let (name, spec, peers) = (fields.text("name"), spec(&fields, regions), fields.texts("peers").into());
            for number in 1..=fields.number("count") {
                if !nodes.add(format!("{name}-{number}"), &spec, &peers, &fields, problems) {
                    break;
                }
            }
        }
        let network = file.table("network", &schema::NETWORK);
        let none = Peers::default();
        for number in 1..=network.number("nodes") {
            if !nodes.add(format!("n{number}"), &default, &none, &network, problems) {
                break;
            }
        }
        nodes.read_graph(&network, folder, &default, regions, problems);
        // A file that could not be read may have nodes.
        let from_file = network.table("graph", &schema::GRAPH).optional_text("kind").as_deref() == Some("file");
        if nodes.specs.is_empty() && (problems.none() || !from_file) {
            problems.add(network.place, || "expected a node: give [network] nodes = 5, or [[nodes]]".into());
        }
        nodes
    }

    /// Adds the nodes and links of a graph file. A node that the experiment names too is the same node.
    fn read_graph(
        &mut self,
        network: &Fields<'_>,
        folder: &Path,
        default: &Draft,
        regions: &[Region],
        problems: &Problems,
    ) {
        let graph = network.table("graph", &schema::GRAPH);
        let (Some("file"), Some(path)) = (graph.optional_text("kind").as_deref(), graph.optional_text("file")) else {
            return;
        };
        let mut topology = match Topology::load(&folder.join(&path)) {
            Ok(topology) => topology,
            Err(why) => return graph.problem("file", || why),
        };
        let place = graph.below("file").map_or(graph.place, |item| item.place);
        if topology.links.iter().any(|link| link.latency_us.is_some() || link.bandwidth_bps.is_some()) {
            problems.simulated(place, "latency or bandwidth", &path);
        }
        let mut indices = Vec::with_capacity(topology.nodes.len());
        for node in topology.nodes {
            let known = self.indices.get(&node.name).copied();
            let index = known.unwrap_or(self.specs.len() as NodeIndex);
            if known.is_none() && !self.add(node.name, default, &Peers::default(), &graph, problems) {
                return;
            }
            indices.push(index);
            let spec = &mut self.specs[index as usize];
            if let Some(rate) =
                node.hash_rate.filter(|_| spec.role == Role::Full && self.open[index as usize].hash_rate)
            {
                spec.hash_rate = rate;
                self.open[index as usize].hash_rate = false;
            }
            if let Some(name) = node.region.filter(|_| spec.region.is_none() && !regions.is_empty()) {
                spec.region = find_region(&name, regions).map_err(|why| problems.add(place, || why)).ok();
            }
        }
        for link in &mut topology.links {
            (link.a, link.b) = (indices[link.a as usize], indices[link.b as usize]);
        }
        self.drawn = topology.links;
    }

    /// Adds one node; false if the network is full.
    fn add(&mut self, name: String, draft: &Draft, peers: &Peers, fields: &Fields<'_>, problems: &Problems) -> bool {
        self.coins += draft.spec.coins.len();
        let full = self.specs.len() as u64 == NODES_MAX;
        if full || self.coins > COINS_MAX {
            let (nodes, coins) = (NODES_MAX, COINS_MAX);
            problems.add(fields.place, || {
                format!("expected at most {nodes} nodes and {coins} genesis outputs, found more")
            });
            return false;
        }
        let index = self.specs.len() as NodeIndex;
        if name == "any" || self.indices.insert(name.clone(), index).is_some() {
            problems.add(fields.place, || {
                format!("expected a name that no other node has, found '{}' again", shortened(&name))
            });
        }
        self.peer_count += peers.len() as u64;
        if self.peer_count > 2 * LINKS_MAX {
            let most = 2 * LINKS_MAX;
            problems.add(fields.place, || format!("expected at most {most} peers of all nodes together, found more"));
            return false;
        }
        if !peers.is_empty() {
            self.peers.push((index, peers.clone()));
        }
        self.specs.push(NodeSpec { name, ..draft.spec.clone() });
        self.open.push(draft.open);
        true
    }

    pub(super) fn find(&self, place: Place, name: &str, problems: &Problems) -> Option<NodeIndex> {
        let found = self.indices.get(name).copied();
        if found.is_none() {
            problems.add(place, || {
                let meant = did_you_mean(name, self.indices.keys().map(String::as_str));
                format!("expected the name of a node, found '{}', which no node has{meant}", shortened(name))
            });
        }
        found
    }
}

/// What `[defaults.node]`, `[[nodes]]` and `[[node_groups]]` have in common. The name is set later.
fn spec(fields: &Fields<'_>, regions: &[Region]) -> Draft {
    let role = match fields.text("role").as_str() {
        "wallet" => Role::Wallet,
        "light" => {
            fields.problem("role", || "light nodes are not built in this version; expected full or wallet".into());
            Role::Wallet
        }
        _ => Role::Full,
    };
    let coins = match fields.read("coins") {
        Read::Numbers(coins) => coins.into_iter().map(Amount).collect(),
        _ => vec![],
    };
    if coins.len() > COINS_PER_NODE_MAX {
        fields.problem("coins", || format!("expected at most {} outputs", COINS_PER_NODE_MAX));
    }
    if coins.contains(&Amount::ZERO) {
        fields.problem("coins", || "expected outputs above 0 coins".into());
    }
    let hash_rate = fields.hash_rate("hash_rate").unwrap_or(0);
    if role == Role::Wallet && hash_rate > 0 && fields.has("hash_rate") {
        fields.problem("hash_rate", || "a wallet does not mine; expected no hash rate".into());
    }
    let region = fields
        .optional_text("region")
        .and_then(|name| find_region(&name, regions).map_err(|why| fields.problem("region", || why)).ok());
    let (upload, download) = (fields.optional("upload"), fields.optional("download"));
    let open =
        Open { hash_rate: fields.below("hash_rate").is_none(), upload: upload.is_none(), download: download.is_none() };
    let spec = NodeSpec {
        name: String::new(),
        role,
        hash_rate: if role == Role::Full { hash_rate } else { 0 },
        coins,
        agent: fields.optional_text("agent"),
        durability: fields.choice("durability", &[("block", Durability::Block), ("batch", Durability::Batch)]),
        region,
        upload_bps: upload.unwrap_or(0),
        download_bps: download.unwrap_or(0),
        clock_offset_us: fields.signed("clock_offset"),
        clock_drift_ppm: fields.signed("clock_drift"),
        compact: true,
        compact_failure: None,
    };
    if spec.clock_drift_ppm.unsigned_abs() >= DRIFT_MAX_PPM {
        fields.problem("clock_drift", || "expected less than 100 %".into());
    }
    Draft { spec, open }
}

/// What a node is before it has its name.
struct Draft {
    spec: NodeSpec,
    open: Open,
}

fn find_region(name: &str, regions: &[Region]) -> Result<u16, String> {
    let found = regions.iter().position(|region| region.name == name);
    found.map(|index| index as u16).ok_or_else(|| {
        let meant = did_you_mean(name, regions.iter().map(|region| region.name.as_str()));
        format!("expected the name of a region, found '{}', which [network] does not have{meant}", shortened(name))
    })
}
