//! The tables of one run as CSV: one writer each. Times are in microseconds after the start of the run.

use std::io::{self, Write};

use fika_core::hash::Id;

use super::chain::{BlockFacts, Chain, Publication};
use super::ending::Ending;
use super::events::EventFacts;
use super::summarize::{confirmation, delays, is_full, reach, spread};
use super::summary::{NodeSummary, Summary};
use crate::experiment::Experiment;

/// The shares of the full nodes, in percent, whose times `propagation.csv` has. 0 is the first full node.
pub(crate) const PERCENTILES: [usize; 9] = [0, 10, 25, 50, 75, 90, 95, 99, 100];

/// The most rows that `arrivals.csv` is written with, some 50 MB; above, the percentiles have to do.
pub(crate) const ARRIVAL_ROWS_MAX: u64 = 2_000_000;

/// All that the tables are made of.
pub(crate) struct Tables<'a> {
    /// What was to be run.
    pub experiment: &'a Experiment,
    /// What happened.
    pub chain: &'a Chain,
    /// How it ended.
    pub ending: &'a Ending,
    /// Its numbers.
    pub summary: &'a Summary,
}

impl Tables<'_> {
    /// `blocks.csv`: every block, by height, then by time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn blocks(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(
            out,
            "id,height,parent,producer,time_ticks,txs,bytes,status,first_seen_us,kind,coin,withheld,published_us"
        )?;
        let chain = self.summary.tip.map(|tip| self.chain.ancestry(tip)).unwrap_or_default();
        let chain: std::collections::HashSet<Id> = chain.into_iter().collect();
        for (id, block) in self.sorted() {
            let BlockFacts { parent, height, time, txs, bytes, kind, .. } = block;
            let producer = block.producer.map_or("", |node| &self.experiment.nodes[node].name);
            let status = if chain.contains(id) { "chain" } else { "stale" };
            let first_us = self.after_start(block.first_seen_us());
            write!(out, "{id},{height},{parent},{producer},{time},{txs},{bytes},{status},{first_us},")?;
            let withheld = if block.publication == Publication::AtOnce { "no" } else { "yes" };
            let published_us = or_empty(block.published_us().map(|at_us| self.after_start(at_us)));
            writeln!(out, "{},{},{withheld},{published_us}", csv_text(kind), block.coin)?;
        }
        out.flush()
    }

    /// `propagation.csv`: for every block, in the order of `blocks.csv`, how many full nodes had it, and how
    /// long after the first node, or after it was published, each of [`PERCENTILES`] of them had it; empty where so many never had.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn propagation(&self, mut out: impl Write) -> io::Result<()> {
        let is_full = is_full(self.experiment);
        let full = is_full.iter().filter(|full| **full).count();
        write!(out, "id,height,nodes")?;
        PERCENTILES.iter().try_for_each(|percent| write!(out, ",to_{percent}_us"))?;
        writeln!(out)?;
        for (id, block) in self.sorted() {
            let spread = spread(block, &is_full);
            write!(out, "{id},{},{}", block.height, spread.len())?;
            for percent in PERCENTILES {
                write!(out, ",{}", or_empty(reach(&spread, full, percent)))?;
            }
            writeln!(out)?;
        }
        out.flush()
    }

    /// The rows that [`Tables::arrivals`] would write: one for each block at each full node that had it.
    pub(crate) fn arrival_rows(&self) -> u64 {
        let is_full = is_full(self.experiment);
        let rows = |block: &BlockFacts| delays(block, &is_full).count() as u64;
        self.chain.blocks.values().map(rows).sum()
    }

    /// `arrivals.csv`: how long after the first node each full node had each block. The block is the number of
    /// its row in `blocks.csv`, from 1. Not to be written above [`ARRIVAL_ROWS_MAX`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn arrivals(&self, mut out: impl Write) -> io::Result<()> {
        let is_full = is_full(self.experiment);
        writeln!(out, "block,node,delay_us")?;
        // There may be millions of rows: each is put together without the machinery of formats, and of names that lie
        // close together.
        let mut names = Vec::new();
        let mut ends = Vec::with_capacity(is_full.len());
        for node in &self.experiment.nodes {
            names.extend_from_slice(node.name.as_bytes());
            names.push(b',');
            ends.push(names.len());
        }
        let name = |node: usize| &names[node.checked_sub(1).map_or(0, |before| ends[before])..ends[node]];
        let mut row = Vec::new();
        for (number, (_, block)) in (1..).zip(self.sorted()) {
            row.clear();
            write!(row, "{number},")?;
            let start = row.len();
            for (node, delay_us) in delays(block, &is_full) {
                row.truncate(start);
                row.extend_from_slice(name(node));
                push_number(&mut row, delay_us);
                row.push(b'\n');
                out.write_all(&row)?;
            }
        }
        out.flush()
    }

    /// `nodes.csv`: every node at the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn nodes(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(
            out,
            "name,address,role,starts,height,tip,final_height,balance,locked,produced,in_chain,reorgs,txs,turned_down,hashes,\
             memory_bytes,cpu_us,sent_bytes,received_bytes,lies_found,ended"
        )?;
        for node in &self.summary.nodes {
            let role = node.role.name();
            let NodeSummary { name, address, starts, height, final_height, produced, in_chain, reorgs, .. } = node;
            write!(out, "{name},{address},{role},{starts},{height},{},{final_height},", or_empty(node.tip))?;
            write!(out, "{},{},", or_empty(node.balance), or_empty(node.locked))?;
            write!(out, "{produced},{in_chain},{reorgs},{},{},", node.txs, node.turned_down)?;
            write!(out, "{},{},", or_empty(node.hashes), or_empty(node.memory_bytes))?;
            let ended = match node.died {
                _ if node.absent => "not there",
                Some(_) => "died",
                None => "with the run",
            };
            write!(out, "{},{},", or_empty(node.cpu_us), or_empty(node.sent_bytes))?;
            writeln!(out, "{},{},{ended}", or_empty(node.received_bytes), node.lies_found)?;
        }
        out.flush()
    }

    /// `transactions.csv`: every payment, by the time of its submission. The latency runs from submission to
    /// the first node with the block.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn transactions(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(
            out,
            "hash,from,amount,fee,submitted_us,first_accepted_us,confirmed_height,confirmed_us,latency_us,status"
        )?;
        let ancestry = self.summary.tip.map(|tip| self.chain.ancestry(tip)).unwrap_or_default();
        for payment in &self.chain.payments {
            let confirmed = confirmation(payment, self.chain, &ancestry);
            let (height, at_us) = (confirmed.map(|(height, _)| height), confirmed.map(|(_, at_us)| at_us));
            let fields = [
                payment.hash.to_string(),
                self.experiment.nodes[payment.from].name.clone(),
                payment.amount.to_string(),
                payment.fee.to_string(),
                self.after_start(payment.submitted_us).to_string(),
                or_empty(payment.accepted_us.map(|at_us| self.after_start(at_us))),
                or_empty(height),
                or_empty(at_us.map(|at_us| self.after_start(at_us))),
                or_empty(at_us.map(|at_us| at_us.saturating_sub(payment.submitted_us))),
                match (height, &payment.lost) {
                    (Some(_), _) => "confirmed".into(),
                    (None, Some(_)) => "lost".into(),
                    (None, None) => "unconfirmed".into(),
                },
            ];
            writeln!(out, "{}", fields.join(","))?;
        }
        out.flush()
    }

    /// `events.csv`: what happened to the network from outside, in this order.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn events(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "at_us,height,kind,event,done")?;
        for EventFacts { at_us, height, kind, event, why_not } in &self.ending.events {
            let done = why_not.as_deref().map_or_else(|| "yes".into(), csv_text);
            writeln!(out, "{},{height},{kind},{},{done}", self.after_start(*at_us), csv_text(event))?;
        }
        out.flush()
    }

    fn sorted(&self) -> Vec<(&Id, &BlockFacts)> {
        let mut blocks: Vec<_> = self.chain.blocks.iter().collect();
        blocks.sort_by_key(|(id, block)| (block.height, block.first_seen_us(), **id));
        blocks
    }

    fn after_start(&self, at_us: u64) -> u64 {
        at_us.saturating_sub(self.ending.start_us)
    }
}

/// Adds the decimal digits of a number.
fn push_number(text: &mut Vec<u8>, mut number: u64) {
    let start = text.len();
    loop {
        text.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text[start..].reverse();
}

/// A text without what would end a field.
fn csv_text(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, ',' | '"')).collect()
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pushed_as_they_are_printed() {
        for number in [0, 9, 10, 907, 20_003, u64::MAX] {
            let mut text = b"x".to_vec();
            push_number(&mut text, number);
            assert_eq!(text, format!("x{number}").into_bytes());
        }
    }
}
