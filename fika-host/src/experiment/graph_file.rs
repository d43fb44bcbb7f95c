//! The nodes and links of a graph that is read from a file.

use std::path::Path;

use super::key::{COINS_PER_NODE_MAX, Needs};
use super::medium::Region;
use super::nodes::{Nodes, Peers, Regions, find_region};
use super::reader::Fields;
use super::schema;
use super::source::{Place, Problems};
use super::{NodeIndex, Role};
use crate::limits::shortened;
use crate::topology::{Import, Topology, TopologyLink, TopologyNode, made_names};

/// Regions that a file may bring.
const REGIONS_MAX: usize = 100;

/// The file, as errors and lines name it.
struct File<'a> {
    place: Place,
    path: &'a str,
}

impl Nodes {
    /// Adds the nodes and links of the graph's file, if it has one. A node that the experiment names too is the same
    /// node, and what its own table says holds.
    pub(super) fn read_graph(&mut self, file: &Fields<'_>, folder: &Path, regions: Regions<'_>, problems: &Problems) {
        let network = file.table("network", &schema::NETWORK);
        let graph = network.table("graph", &schema::GRAPH);
        let kind = graph.optional_text("kind");
        if kind.as_deref() == Some("file") {
            match graph.optional_text("file").map(|path| (Topology::load(&folder.join(&path)), path)) {
                Some((Ok(import), path)) => {
                    let place = graph.below("file").map_or(graph.place, |item| item.place);
                    self.import(import, &File { place, path: &path }, &graph, regions, problems);
                }
                Some((Err(why), _)) => {
                    graph.problem("file", || why);
                    self.known = false;
                }
                None => self.known = false,
            }
        } else if !graph.is_table() || (kind.is_none() && graph.given("kind").is_some()) {
            self.known = false;
        }
        if self.specs.is_empty() && self.known {
            problems.add(network.place, || "expected a node: give [network] nodes = 5, or [[nodes]]".into());
        }
    }

    fn import(
        &mut self,
        import: Import,
        file: &File<'_>,
        graph: &Fields<'_>,
        regions: Regions<'_>,
        problems: &Problems,
    ) {
        self.notes = import.notes;
        let mut topology = import.topology;
        for (key, needs) in limited(&topology) {
            problems.needs(needs, file.place, key, file.path);
        }
        let standing = self.regions(&topology.nodes, file, regions, problems);
        let mut indices = Vec::with_capacity(topology.nodes.len());
        for (node, region) in topology.nodes.into_iter().zip(standing) {
            let known = self.index(&node.name);
            let index = known.unwrap_or(self.specs.len() as NodeIndex);
            let default = self.default.clone();
            if known.is_none() && !self.add(node.name.clone(), &default, &Peers::default(), graph, problems) {
                return;
            }
            indices.push(index);
            let spec = &mut self.specs[index as usize];
            spec.region = spec.region.or(region);
            self.fill(index, node, file, problems);
        }
        for link in &mut topology.links {
            (link.a, link.b) = (indices[link.a as usize], indices[link.b as usize]);
        }
        self.drawn = topology.links;
    }

    /// Gives the node what the file says and its own table does not.
    fn fill(&mut self, index: NodeIndex, node: TopologyNode, file: &File<'_>, problems: &Problems) {
        let (spec, own) = (&mut self.specs[index as usize], self.own[index as usize]);
        let open = &mut self.open[index as usize];
        let wrong = |why: &str| problems.add(file.place, || format!("{}: the node '{}': {why}", file.path, node.name));
        (spec.file_id, spec.label) = (node.id, node.label);
        if let Some(wallet) = node.wallet.filter(|_| !own.role) {
            spec.role = if wallet { Role::Wallet } else { Role::Full };
            if wallet && own.hash_rate && spec.hash_rate > 0 {
                wrong("a wallet does not mine; expected no hash rate");
            }
            spec.hash_rate = if wallet { 0 } else { spec.hash_rate };
        }
        if let Some(rate) = node.hash_rate.filter(|_| !own.hash_rate && spec.role == Role::Full) {
            (spec.hash_rate, open.hash_rate) = (rate, false);
        }
        if let Some(bps) = node.upload_bps.filter(|_| !own.upload) {
            (spec.upload_bps, open.upload) = (bps, false);
        }
        if let Some(bps) = node.download_bps.filter(|_| !own.download) {
            (spec.download_bps, open.download) = (bps, false);
        }
        if let Some(coins) = node.coins.filter(|_| !own.coins) {
            self.coins = self.coins - spec.coins.len() + coins.len();
            if coins.len() > COINS_PER_NODE_MAX || !self.has_room_for_coins() {
                return wrong(&format!("expected at most {COINS_PER_NODE_MAX} outputs of one node, and fewer of all"));
            }
            self.specs[index as usize].coins = coins;
        }
    }

    /// The region of each node. An experiment without regions takes those of the file.
    fn regions(
        &mut self,
        nodes: &[TopologyNode],
        file: &File<'_>,
        known: Regions<'_>,
        problems: &Problems,
    ) -> Vec<Option<u16>> {
        let mut texts: Vec<String> = nodes.iter().filter_map(|node| node.region.clone()).collect();
        texts.sort_unstable();
        texts.dedup();
        let names = made_names(&texts);
        let indices: Vec<Option<u16>> = match known {
            Regions::Known([]) if texts.len() > REGIONS_MAX => {
                let count = texts.len();
                self.notes.push(format!("{}: not read: 'region', as {count} are more than {REGIONS_MAX}", file.path));
                vec![None; count]
            }
            Regions::Known([]) => {
                let changed = texts.iter().zip(&names).filter(|(text, name)| text != name);
                let changed: Vec<_> = changed.map(|(text, name)| format!("'{}' is {name}", shortened(text))).collect();
                if !changed.is_empty() {
                    self.notes.push(format!("{}: regions got names: {}", file.path, changed.join(", ")));
                }
                let region = |name: &String| Region { name: name.clone(), ..Region::default() };
                self.file_regions = names.iter().map(region).collect();
                (0..texts.len() as u16).map(Some).collect()
            }
            known => {
                let index = |(text, name): (&String, &String)| {
                    let found = find_region(name, known);
                    let of =
                        || nodes.iter().find(|node| node.region.as_ref() == Some(text)).map_or("", |node| &node.name);
                    found.unwrap_or_else(|why| {
                        problems.add(file.place, || format!("{}: the node '{}': {why}", file.path, of()));
                        None
                    })
                };
                texts.iter().zip(&names).map(index).collect()
            }
        };
        let index = |region: &String| texts.binary_search(region).ok().and_then(|at| indices[at]);
        nodes.iter().map(|node| node.region.as_ref().and_then(index)).collect()
    }
}

/// The figures that not all engines have.
fn limited(topology: &Topology) -> impl Iterator<Item = (&'static str, Needs)> {
    let link = |given: fn(&TopologyLink) -> bool| topology.links.iter().any(given);
    let node = |given: fn(&TopologyNode) -> bool| topology.nodes.iter().any(given);
    let found = [
        ("latency", Needs::Cables, link(|link| link.latency_us.is_some())),
        ("jitter", Needs::Cables, link(|link| link.jitter_us.is_some())),
        ("bandwidth", Needs::Cables, link(|link| link.bandwidth_bps.is_some())),
        ("loss", Needs::Cables, link(|link| link.loss_ppm.is_some())),
        ("message_loss", Needs::Simulator, link(|link| link.message_loss_ppm.is_some())),
        ("upload", Needs::Cables, node(|node| node.upload_bps.is_some())),
        ("download", Needs::Cables, node(|node| node.download_bps.is_some())),
    ];
    found.into_iter().filter(|(_, _, given)| *given).map(|(key, needs, _)| (key, needs))
}
