//! Links that change during the run, and what is asked of those that break.

use fika_core::header::Time;

use super::Links;
use super::class::Way;
use crate::experiment::CableChange;
use crate::quantity::NO_LIMIT;

impl Links {
    /// The number that a node has for this neighbour.
    pub(crate) fn peer(&self, node: u32, neighbour: u32) -> Option<u32> {
        (0..self.degree(node)).find(|peer| self.neighbour(node, *peer).0 == neighbour)
    }

    /// When the last message that was sent from here to this neighbour arrives.
    pub(crate) fn last_arrival(&self, node: u32, peer: u32) -> Time {
        self.ends[self.end(node, peer)].last_arrival
    }

    /// What is sent from here to this neighbour arrives after `at`.
    pub(crate) fn arrive_after(&mut self, node: u32, peer: u32, at: Time) {
        let end = self.end(node, peer);
        let last = self.ends[end].last_arrival;
        self.ends[end].last_arrival = last.max(at.saturating_add(1));
    }

    /// The mean time from here to this neighbour.
    pub(crate) fn mean_us(&self, node: u32, peer: u32) -> Time {
        self.way(node, peer).mean_us()
    }

    /// After how long TCP repeats a packet of which it hears nothing, before that time has doubled.
    pub(crate) fn repeat_us(&self, node: u32, peer: u32) -> Time {
        self.way(node, peer).repeat_us()
    }

    fn way(&self, node: u32, peer: u32) -> &Way {
        &self.ways[self.ends[self.end(node, peer)].class as usize]
    }

    /// The link from here to this neighbour is as in the experiment, but for this change.
    pub(crate) fn change(&mut self, node: u32, peer: u32, change: &CableChange) {
        let at = self.end(node, peer);
        let class = self.ends[at].class;
        let original = *self.originals.entry(at).or_insert(class);
        let other = self.ends[at].node;
        let lines = [self.ports[node as usize].upload_bps, self.ports[other as usize].download_bps];
        let way = Way::new(self.ways[original as usize].class.changed(change, lines));
        self.plain &= way.plain;
        self.rates |= way.class.bandwidth_bps != NO_LIMIT;
        if self.rates && !self.one_upload_at_a_time {
            self.cable_free_at.resize(self.ends.len(), 0);
        }
        self.ends[at].class = self.ways.len() as u32;
        self.ways.push(way);
    }
}
