//! As SimBlock writes it, for its visualiser.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter};

use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::message::Message;
use fika_core::node::Event;
use fika_core::world::IdMap;

use super::super::links::{Delivery, Links};
use super::super::observer::Seen;
use super::super::tournament::NEVER;
use super::format::Format;
use crate::experiment::Experiment;
use crate::results::Ended;
use crate::results::simblock::SimBlock;

/// SimBlock's regions, by their numbers.
const REGIONS: [&str; 6] = ["north-america", "europe", "south-america", "asia-pacific", "japan", "australia"];

/// `output.json`. It is written in the order of time, a flow when it arrives, so that what is under way waits.
pub(super) struct Flows {
    /// Until the run is over.
    file: Option<SimBlock<BufWriter<File>>>,
    /// The blocks that have been a tip.
    numbers: IdMap<u64>,
    /// The block that the message which is being sent brings.
    block: Option<Id>,
    under_way: BinaryHeap<Reverse<Flow>>,
    flows: u64,
}

/// A block on its way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    arrives_us: Time,
    /// How many were sent before.
    sequence: u64,
    sent_us: Time,
    from: u32,
    to: u32,
    block: Id,
}

/// The region of the visualiser that has this name, or the first.
fn region(name: &str) -> u32 {
    let name = name.to_ascii_lowercase().replace(['_', ' '], "-");
    REGIONS.iter().position(|region| *region == name).unwrap_or(0) as u32
}

impl Flows {
    pub(super) fn new(out: BufWriter<File>, experiment: &Experiment) -> io::Result<Flows> {
        let mut file = SimBlock::new(out)?;
        for (index, node) in experiment.nodes.iter().enumerate() {
            let place = node.region.and_then(|region| experiment.medium.regions.get(usize::from(region)));
            file.add_node(0, index, place.map_or(0, |place| region(&place.name)))?;
        }
        for (a, b) in &experiment.links {
            file.add_link(0, *a as usize, *b as usize)?;
        }
        Ok(Flows { file: Some(file), numbers: IdMap::default(), block: None, under_way: BinaryHeap::new(), flows: 0 })
    }

    /// Writes what has arrived.
    fn arrive(&mut self, now: Time) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        while let Some(Reverse(flow)) = self.under_way.peek().copied().filter(|flow| flow.0.arrives_us <= now) {
            self.under_way.pop();
            // The visualiser knows no block that nobody has as a tip.
            if let Some(number) = self.numbers.get(&flow.block) {
                file.block_sent(flow.sent_us, flow.arrives_us, flow.from as usize, flow.to as usize, *number)?;
            }
        }
        Ok(())
    }
}

impl Format for Flows {
    fn message(&mut self, message: &Message, _: u64) -> io::Result<()> {
        self.block = match message {
            Message::Block(block) => Some(block.id()),
            Message::CompactBlock(compact) => Some(compact.id()),
            Message::BlockTxn(answer) => Some(answer.id),
            _ => None,
        };
        Ok(())
    }

    fn sent(&mut self, now: Time, from: u32, delivery: Delivery) -> io::Result<()> {
        let (Some(block), Some(_)) = (self.block, &self.file) else { return Ok(()) };
        if delivery.at == NEVER {
            return Ok(());
        }
        self.arrive(now)?;
        let flow = Flow { arrives_us: delivery.at, sequence: self.flows, sent_us: now, from, to: delivery.to, block };
        self.under_way.push(Reverse(flow));
        self.flows += 1;
        Ok(())
    }

    fn event(&mut self, now: Time, node: u32, event: &Event, seen: Seen<'_>, _: &Links) -> io::Result<()> {
        let Event::Tip { new, .. } = event else { return Ok(()) };
        self.arrive(now)?;
        let next = self.numbers.len() as u64;
        let number = *self.numbers.entry(seen.world.tree()[*new].id).or_insert(next);
        self.file.as_mut().map_or(Ok(()), |file| file.block_accepted(now, node as usize, number))
    }

    fn fault(&mut self, _: Time, _: String) -> io::Result<()> {
        Ok(())
    }

    fn ended(&mut self, now: Time, duration_us: Time, _: Ended) -> io::Result<()> {
        self.arrive(now)?;
        self.file.take().map_or(Ok(()), |file| file.finish(duration_us).map(drop))
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_found_however_they_are_written() {
        assert_eq!(["europe", "NORTH_AMERICA", "Asia Pacific", "australia"].map(region), [1, 0, 3, 5]);
        assert_eq!(region("the moon"), 0);
    }
}
