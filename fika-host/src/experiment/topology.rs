//! The topology of an experiment.

use super::node_spec::{Durability, NodeSpec, Role};
use super::spec::Experiment;
use crate::physics::{Cable, Latency};
use crate::topology::{Format, Topology, TopologyLink, TopologyNode};

impl Experiment {
    /// Who is joined to whom. A latency that is drawn for each message counts as its mean.
    pub(crate) fn topology(&self) -> Topology {
        let medium = &self.medium;
        let nodes = self.nodes.iter().map(|node| TopologyNode {
            name: node.name.clone(),
            id: None,
            label: None,
            wallet: Some(node.role == Role::Wallet).filter(|_| node.role != Role::Light),
            region: node.region.and_then(|region| Some(medium.regions.get(usize::from(region))?.name.clone())),
            hash_rate: Some(node.hash_rate).filter(|_| node.role == Role::Full),
            coins: Some(node.coins.clone()).filter(|coins| !coins.is_empty()),
            upload_bps: Some(node.upload_bps).filter(|bps| *bps > 0),
            download_bps: Some(node.download_bps).filter(|bps| *bps > 0),
        });
        let links = self.links.iter().enumerate().map(|(index, &(a, b))| {
            let [cable, _] = self.cables(index);
            TopologyLink {
                a,
                b,
                latency_us: Some(cable.latency.mean_us()).filter(|us| *us > 0),
                jitter_us: Some(cable.jitter_us).filter(|us| *us > 0),
                bandwidth_bps: Some(cable.bandwidth_bps).filter(|bps| *bps > 0),
                loss_ppm: Some(cable.loss_ppm).filter(|ppm| *ppm > 0),
                message_loss_ppm: Some(cable.message_loss_ppm).filter(|ppm| *ppm > 0),
            }
        });
        Topology { nodes: nodes.collect(), links: links.collect() }
    }

    /// A line with what a file of this format does not say of the network.
    pub(crate) fn unwritten(&self, format: Format) -> Option<String> {
        let node = |has: fn(&NodeSpec) -> bool| self.nodes.iter().any(has);
        let link = |has: fn(&[Cable; 2]) -> bool| (0..self.links.len()).any(|index| has(&self.cables(index)));
        let drawn = link(|[cable, _]| !matches!(cable.latency, Latency::Fixed { .. }));
        let directed = link(|[there, back]| there.latency != back.latency);
        let only_graphml = [
            ("roles", node(|node| node.role == Role::Wallet)),
            ("hash rates", node(|node| node.hash_rate > 0)),
            ("coins", node(|node| !node.coins.is_empty())),
            ("upload and download", node(|node| node.upload_bps > 0 || node.download_bps > 0)),
            ("jitter", link(|[cable, _]| cable.jitter_us > 0)),
            ("bandwidths", link(|[cable, _]| cable.bandwidth_bps > 0)),
            ("loss", link(|[cable, _]| cable.loss_ppm > 0 || cable.message_loss_ppm > 0)),
        ];
        let never = [
            ("how latencies are drawn (their mean is written)", drawn),
            ("latencies of the second direction where it has another", directed),
            ("which nodes are light", node(|node| node.role == Role::Light)),
            ("agents", node(|node| node.agent.is_some())),
            ("durability", node(|node| node.durability != Durability::Batch)),
            ("clocks", node(|node| node.clock_offset_us != 0 || node.clock_drift_ppm != 0)),
            ("ids and labels of the file that was read", node(|node| node.file_id.is_some() || node.label.is_some())),
        ];
        let others = only_graphml.into_iter().filter(|_| format != Format::Graphml);
        let left: Vec<&str> = others.chain(never).filter(|(_, has)| *has).map(|(what, _)| what).collect();
        (!left.is_empty()).then(|| format!("not written: {}", left.join(", ")))
    }

    /// How a link behaves in the direction from each of its ends.
    pub(crate) fn cables(&self, link: usize) -> [Cable; 2] {
        let (a, b) = self.links[link];
        [(a, b), (b, a)].map(|(from, to)| {
            let [from, to] = [from, to].map(|node| &self.nodes[node as usize]);
            self.medium.between(self.medium.own.get(&link), from, to)
        })
    }
}
