//! `ps`: what runs.

use std::process::ExitCode;
use std::time::Duration;

use super::pick::living;
use super::print::print;
use super::{Outcome, Stop};
use crate::isolation::{NodeRecord, ProcessId, Record};
use crate::live::control::{Client, Reply, Request, Status};
use crate::results::{short, table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Runs alone, without their nodes
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let living = living()?;
    if living.is_empty() {
        print("no run is up\n")?;
    }
    for (_, record) in living {
        show(&record, args.quiet)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(record: &Record, quiet: bool) -> Result<(), Stop> {
    let alive = |node: &&NodeRecord| node.process.is_some_and(|process| process.alive());
    let (count, all) = (record.nodes.iter().filter(alive).count(), record.nodes.len());
    let results = record.results.as_ref().map_or(String::new(), |path| format!(", results in {}", path.display()));
    let (name, engine, pid) = (&record.name, record.engine, record.host.pid);
    print(format_args!("{name}: {count} of {all} nodes run, engine {engine}, host process {pid}{results}\n"))?;
    if quiet {
        return Ok(());
    }
    let head = ["node", "pid", "height", "tip", "balance", "peers", "mempool", "payments"].map(String::from).to_vec();
    let rows: Vec<_> = [head].into_iter().chain(record.nodes.iter().map(row)).collect();
    print(table(&rows))
}

fn row(node: &NodeRecord) -> Vec<String> {
    let Some(process) = node.process.filter(ProcessId::alive) else {
        return vec![node.name.clone(), "ended".into()];
    };
    let mut row = vec![node.name.clone(), process.pid.to_string()];
    match status(node) {
        Some(status) => row.extend([
            status.height.to_string(),
            short(status.tip),
            status.balance.to_string(),
            status.peers.to_string(),
            status.mempool.to_string(),
            format!("{}/{}", status.payments_confirmed, status.payments_submitted),
        ]),
        None => row.push("no answer".into()),
    }
    row
}

fn status(node: &NodeRecord) -> Option<Status> {
    let mut client = Client::connect(&node.control).ok()?;
    client.set_timeout(Duration::from_secs(2)).ok()?;
    match client.ask(&Request::Status) {
        Ok(Reply::Status(status)) => Some(status),
        _ => None,
    }
}
