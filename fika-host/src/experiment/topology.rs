//! The topology of an experiment.

use super::medium::Latency;
use super::spec::Experiment;
use crate::topology::{Topology, TopologyLink, TopologyNode};

impl Experiment {
    /// Who is joined to whom. A latency that is drawn for each message counts as its mean.
    pub(crate) fn topology(&self) -> Topology {
        let medium = &self.medium;
        let nodes = self.nodes.iter().map(|node| TopologyNode {
            name: node.name.clone(),
            region: node.region.and_then(|region| Some(medium.regions.get(usize::from(region))?.name.clone())),
            hash_rate: Some(node.hash_rate),
        });
        let region = |node: u32| self.nodes[node as usize].region.map(usize::from);
        let links = self.links.iter().enumerate().map(|(index, &(a, b))| {
            let own = medium.own.get(&index);
            let matrix = region(a).zip(region(b)).and_then(|(a, b)| medium.regions.get(a)?.latency.get(b));
            let cable = own.unwrap_or(&medium.cable);
            let latency = if own.is_some() { &cable.latency } else { matrix.unwrap_or(&cable.latency) };
            TopologyLink {
                a,
                b,
                latency_us: Some(Latency::mean_us(latency)).filter(|us| *us > 0),
                bandwidth_bps: Some(cable.bandwidth_bps).filter(|bps| *bps > 0),
            }
        });
        Topology { nodes: nodes.collect(), links: links.collect() }
    }
}
