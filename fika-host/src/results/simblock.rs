//! Traces as SimBlock writes them, for its visualiser: one array of JSON objects with a kind and a content.
//!
//! The names of kinds and fields are those of `output.json` of SimBlock (Aoki, Otsuki, Kaneko, Banno, Shudo:
//! "SimBlock: a blockchain network simulator", 2019) as its visualiser reads them. Times are whole
//! milliseconds. Nodes count from 1, and the visualiser finds the place of a node by its region, a number from
//! its `static.json`. It wants a node before its links and a block before its flows, and draws best what comes in
//! the order of time.

use std::io::{self, Write};

use serde::Serialize;

/// Writes one file for the visualiser. All times are in microseconds after the start of the run.
#[derive(Debug)]
pub(crate) struct SimBlock<W> {
    out: W,
    events: u64,
}

#[derive(Serialize)]
#[serde(tag = "kind", content = "content", rename_all = "kebab-case")]
enum Event {
    #[serde(rename_all = "kebab-case")]
    AddNode {
        timestamp: u64,
        node_id: u64,
        region_id: u32,
    },
    #[serde(rename_all = "kebab-case")]
    AddLink {
        timestamp: u64,
        begin_node_id: u64,
        end_node_id: u64,
    },
    #[serde(rename_all = "kebab-case")]
    AddBlock {
        timestamp: u64,
        node_id: u64,
        block_id: u64,
    },
    #[serde(rename_all = "kebab-case")]
    FlowBlock {
        transmission_timestamp: u64,
        reception_timestamp: u64,
        begin_node_id: u64,
        end_node_id: u64,
        block_id: u64,
    },
    SimulationEnd {
        timestamp: u64,
    },
}

/// SimBlock's number of a node.
fn number(node: usize) -> u64 {
    node as u64 + 1
}

impl<W: Write> SimBlock<W> {
    /// A file without events. `out` is written to in small pieces, so it is to be buffered.
    ///
    /// # Errors
    /// When it cannot be written; so with all that follows.
    pub(crate) fn new(mut out: W) -> io::Result<SimBlock<W>> {
        out.write_all(b"[")?;
        Ok(SimBlock { out, events: 0 })
    }

    /// A node by its index in the experiment. `region` is its number in the visualiser's list, 0 to 5 as it
    /// comes (North America, Europe, South America, Asia and Pacific, Japan, Australia).
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn add_node(&mut self, at_us: u64, node: usize, region: u32) -> io::Result<()> {
        self.write(&Event::AddNode { timestamp: at_us / 1_000, node_id: number(node), region_id: region })
    }

    /// A link over which both ends send: two links of the visualiser.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn add_link(&mut self, at_us: u64, one: usize, other: usize) -> io::Result<()> {
        for (begin, end) in [(one, other), (other, one)] {
            let (timestamp, begin_node_id, end_node_id) = (at_us / 1_000, number(begin), number(end));
            self.write(&Event::AddLink { timestamp, begin_node_id, end_node_id })?;
        }
        Ok(())
    }

    /// A node has taken a block as its tip. `block` is any number that no other block has.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn block_accepted(&mut self, at_us: u64, node: usize, block: u64) -> io::Result<()> {
        self.write(&Event::AddBlock { timestamp: at_us / 1_000, node_id: number(node), block_id: block })
    }

    /// A block went from one node to another. It is to be accepted somewhere first.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn block_sent(
        &mut self,
        sent_us: u64,
        arrived_us: u64,
        from: usize,
        to: usize,
        block: u64,
    ) -> io::Result<()> {
        self.write(&Event::FlowBlock {
            transmission_timestamp: sent_us / 1_000,
            reception_timestamp: arrived_us / 1_000,
            begin_node_id: number(from),
            end_node_id: number(to),
            block_id: block,
        })
    }

    /// Ends the file and gives back what it was written to. Without it the file does not read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(mut self, at_us: u64) -> io::Result<W> {
        self.write(&Event::SimulationEnd { timestamp: at_us / 1_000 })?;
        self.out.write_all(b"]\n")?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        if self.events > 0 {
            self.out.write_all(b",\n")?;
        }
        self.events += 1;
        Ok(serde_json::to_writer(&mut self.out, event)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_file_is_an_array_of_the_kinds_that_the_visualiser_knows() {
        let mut file = SimBlock::new(vec![]).expect("memory can be written");
        file.add_node(0, 0, 1).expect("written");
        file.add_node(0, 1, 5).expect("written");
        file.add_link(0, 0, 1).expect("written");
        file.block_accepted(1_500, 0, 7).expect("written");
        file.block_sent(1_500, 42_999, 0, 1, 7).expect("written");
        let text = file.finish(60_000_000).expect("written");
        let read: Value = serde_json::from_slice(&text).expect("JSON");
        let expected = json!([
            { "kind": "add-node", "content": { "timestamp": 0, "node-id": 1, "region-id": 1 } },
            { "kind": "add-node", "content": { "timestamp": 0, "node-id": 2, "region-id": 5 } },
            { "kind": "add-link", "content": { "timestamp": 0, "begin-node-id": 1, "end-node-id": 2 } },
            { "kind": "add-link", "content": { "timestamp": 0, "begin-node-id": 2, "end-node-id": 1 } },
            { "kind": "add-block", "content": { "timestamp": 1, "node-id": 1, "block-id": 7 } },
            { "kind": "flow-block", "content": { "transmission-timestamp": 1, "reception-timestamp": 42,
                "begin-node-id": 1, "end-node-id": 2, "block-id": 7 } },
            { "kind": "simulation-end", "content": { "timestamp": 60_000 } },
        ]);
        assert_eq!(read, expected);
    }

    #[test]
    fn a_file_without_events_reads_too() {
        let text = SimBlock::new(vec![]).and_then(|file| file.finish(0)).expect("written");
        assert_eq!(serde_json::from_slice::<Value>(&text).expect("JSON").as_array().map(Vec::len), Some(1));
    }
}
