//! Reads the nodes of an experiment: those named one by one, groups, and those of a rule or a file.

use std::collections::BTreeMap;
use std::rc::Rc;

use fika_core::amount::Amount;

use super::key::{COINS_MAX, COINS_PER_NODE_MAX};
use super::medium::Region;
use super::node_spec::{Durability, NodeIndex, NodeSpec, Role};
use super::reader::{Fields, Read, did_you_mean};
use super::schema;
use super::source::{Place, Problems, Value};
use crate::limits::{LINKS_MAX, NODES_MAX, shortened};
use crate::topology::TopologyLink;

/// A clock that loses as much as this stands still.
pub(super) const DRIFT_MAX_PPM: u64 = 1_000_000;

/// The nodes, with what is needed to find them by name.
pub(super) struct Nodes {
    pub(super) specs: Vec<NodeSpec>,
    /// What each of them leaves open.
    pub(super) open: Vec<Open>,
    /// What the own table of each gives.
    pub(super) own: Vec<Own>,
    /// What nodes without a table of their own are.
    pub(super) default: Draft,
    /// Whether all of them could be read. If not, nobody knows which names are wrong.
    pub(super) known: bool,
    indices: BTreeMap<String, NodeIndex>,
    /// Names of peers by node, as written.
    pub(super) peers: Vec<(NodeIndex, Peers)>,
    pub(super) coins: usize,
    peer_count: u64,
    /// The links of a graph that was read from a file.
    pub(super) drawn: Vec<TopologyLink>,
    /// Its regions, if the experiment has none.
    pub(super) file_regions: Vec<Region>,
    /// What was changed in that file, or not read.
    pub(super) notes: Vec<String>,
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

/// What the own table of a node gives, without the defaults of all nodes.
#[derive(Clone, Copy, Default)]
pub(super) struct Own {
    pub(super) role: bool,
    pub(super) hash_rate: bool,
    pub(super) coins: bool,
    pub(super) upload: bool,
    pub(super) download: bool,
}

/// The regions of the experiment.
#[derive(Clone, Copy)]
pub(super) enum Regions<'a> {
    Known(&'a [Region]),
    /// They could not be read.
    Unknown,
}

impl Nodes {
    /// Named nodes, then groups, then n1, n2, ...
    pub(super) fn read(file: &Fields<'_>, regions: Regions<'_>, problems: &Problems) -> Nodes {
        let defaults = file.table("defaults", &schema::DEFAULTS);
        let defaults = defaults.below("node");
        // Read once for its errors; each node reads it again as its fallback.
        let default = Draft {
            own: Own::default(),
            ..spec(&Fields::new(&schema::DEFAULT_NODE, defaults, None, problems), regions)
        };
        let fallback = match defaults.map(|item| &item.value) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        };
        let mut nodes = Nodes {
            specs: vec![],
            open: vec![],
            own: vec![],
            default: default.clone(),
            known: file.has_list("nodes") && file.has_list("node_groups"),
            indices: BTreeMap::new(),
            peers: vec![],
            coins: 0,
            peer_count: 0,
            drawn: vec![],
            file_regions: vec![],
            notes: vec![],
            links: vec![],
        };
        for fields in file.tables("nodes", &schema::NODES, fallback) {
            let (name, spec) = (fields.optional_text("name"), spec(&fields, regions));
            let peers = fields.texts("peers").into();
            match name {
                Some(name) => drop(nodes.add(name, &spec, &peers, &fields, problems)),
                None => nodes.known = false,
            }
        }
        for fields in file.tables("node_groups", &schema::NODE_GROUPS, fallback) {
            let (name, spec, peers) =
                (fields.optional_text("name"), spec(&fields, regions), fields.texts("peers").into());
            let (Some(name), Some(count)) = (name, fields.optional("count")) else {
                nodes.known = false;
                continue;
            };
            for number in 1..=count {
                if !nodes.add(format!("{name}-{number}"), &spec, &peers, &fields, problems) {
                    break;
                }
            }
        }
        let network = file.table("network", &schema::NETWORK);
        let none = Peers::default();
        let count = network.optional("nodes");
        nodes.known &= count.is_some();
        for number in 1..=count.unwrap_or(0) {
            if !nodes.add(format!("n{number}"), &default, &none, &network, problems) {
                break;
            }
        }
        nodes
    }

    /// Adds one node; false if the network is full.
    pub(super) fn add(
        &mut self,
        name: String,
        draft: &Draft,
        peers: &Peers,
        fields: &Fields<'_>,
        problems: &Problems,
    ) -> bool {
        self.coins += draft.spec.coins.len();
        let full = self.specs.len() as u64 == NODES_MAX;
        if full || !self.has_room_for_coins() {
            let (nodes, coins) = (NODES_MAX, COINS_MAX);
            problems.add(fields.place, || {
                format!("expected at most {nodes} nodes and {coins} genesis outputs, found more")
            });
            self.known = false;
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
            self.known = false;
            return false;
        }
        if !peers.is_empty() {
            self.peers.push((index, peers.clone()));
        }
        self.specs.push(NodeSpec { name, ..draft.spec.clone() });
        self.open.push(draft.open);
        self.own.push(draft.own);
        true
    }

    pub(super) fn has_room_for_coins(&self) -> bool {
        self.coins <= COINS_MAX
    }

    pub(super) fn index(&self, name: &str) -> Option<NodeIndex> {
        self.indices.get(name).copied()
    }

    /// The node of this name. It is no problem if none has it while not all are known.
    pub(super) fn find(&self, place: Place, name: &str, problems: &Problems) -> Option<NodeIndex> {
        let found = self.indices.get(name).copied();
        if found.is_none() && self.known {
            problems.add(place, || {
                let meant = did_you_mean(name, self.indices.keys().map(String::as_str));
                format!("expected the name of a node, found '{}', which no node has{meant}", shortened(name))
            });
        }
        found
    }
}

/// What `[defaults.node]`, `[[nodes]]` and `[[node_groups]]` have in common. The name is set later.
fn spec(fields: &Fields<'_>, regions: Regions<'_>) -> Draft {
    let role = match fields.text("role").as_str() {
        "wallet" => Role::Wallet,
        "light" => Role::Light,
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
    if role != Role::Full && hash_rate > 0 && fields.has("hash_rate") {
        let name = if role == Role::Light { "light node" } else { "wallet" };
        fields.problem("hash_rate", || format!("a {name} does not mine; expected no hash rate"));
    }
    let region = fields
        .optional_text("region")
        .and_then(|name| find_region(&name, regions).map_err(|why| fields.problem("region", || why)).ok().flatten());
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
        file_id: None,
        label: None,
    };
    if spec.clock_drift_ppm.unsigned_abs() >= DRIFT_MAX_PPM {
        fields.problem("clock_drift", || "expected less than 100 %".into());
    }
    let own = Own {
        role: fields.has("role"),
        hash_rate: fields.has("hash_rate"),
        coins: fields.has("coins"),
        upload: fields.has("upload"),
        download: fields.has("download"),
    };
    Draft { spec, open, own }
}

/// What a node is before it has its name.
#[derive(Clone)]
pub(super) struct Draft {
    spec: NodeSpec,
    open: Open,
    own: Own,
}

/// The region of this name; none while they are not known.
pub(super) fn find_region(name: &str, regions: Regions<'_>) -> Result<Option<u16>, String> {
    let Regions::Known(regions) = regions else { return Ok(None) };
    let found = regions.iter().position(|region| region.name == name);
    found.map(|index| Some(index as u16)).ok_or_else(|| {
        let meant = did_you_mean(name, regions.iter().map(|region| region.name.as_str()));
        format!("expected the name of a region, found '{}', which [network] does not have{meant}", shortened(name))
    })
}
