//! One node as a process.
//!
//! The supervisor writes a [`NodeSetup`] into the node's folder and starts this binary again, which calls
//! [`run_node`] with it. Inside there is one loop on one thread (`hub`): sockets to the neighbours
//! (`socket`, `link`), timers, the miner's thread (`grind`), automatic payments (`payer`) and the control
//! socket ([`control`]) all feed the node of fika-core and carry out what it answers. The world is on disk
//! ([`store`]), the key in a PEM file ([`keyfile`]), what happened in a log and in `events.jsonl`.
//!
//! A node process should take little memory, for there are many of them: no thread pool, small buffers,
//! one malloc arena.

mod answer;
mod chain;
mod client;
mod clock;
mod connection;
pub(crate) mod control;
mod failure;
mod grind;
mod hub;
mod journal;
pub(crate) mod keyfile;
mod link;
mod log;
mod memory;
mod payer;
mod repeats;
mod report;
mod server;
mod setup;
mod socket;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod watchdog;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use fika_core::node::PeerId;
use fika_core::plugin::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{LocalSet, spawn_local};
use tracing::info;

use chain::Chain;
use clock::Clock;
pub(crate) use clock::monotonic_us;
pub(crate) use failure::{DISK_FULL, EXIT_DISK_FULL, Failure};
use hub::Hub;
pub(crate) use setup::{LoadEntry, Member, NodeSetup, node_key, node_keys};

/// Runs one node until it is told to stop, by a signal or by its control socket, and gives the process's
/// exit code. Says on standard error, in one line, why it ends otherwise.
///
/// Meant to be all that its process does: it handles SIGTERM and SIGINT, writes the process's log to standard
/// error, and ends the process itself when a plugin hangs.
pub(crate) fn run_node(setup: NodeSetup, registry: &Registry) -> u8 {
    memory::prepare();
    let clock = Clock::new(setup.epoch_us);
    log::start(clock.clone(), setup.start_us);
    match run(setup, clock, registry) {
        Ok(()) => 0,
        Err(failure) => {
            // Where standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(setup: NodeSetup, clock: Clock, registry: &Registry) -> Result<(), Failure> {
    let environment =
        |what: &'static str| move |error: std::io::Error| Failure::Environment(format!("{what}: {error}"));
    watchdog::start(setup.watchdog_s, clock.clone(), setup.events.clone())?;
    let chain = Chain::new(&setup, registry)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(environment("starting the node's loop"))?;
    LocalSet::new().block_on(&runtime, async {
        let mut terminate = signal(SignalKind::terminate()).map_err(environment("handling signals"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(environment("handling signals"))?;
        let ports = setup.ports.clone();
        let mut listeners = Vec::with_capacity(ports.len());
        for port in &ports {
            listeners.push(socket::listen(port)?);
        }
        let control = setup.control.clone();
        let faults = chain.faults.clone();
        // What does not fit together may rest on an answer that never came.
        let failed = |failure| faults.since(0).map_or(failure, Failure::Plugin);
        let (hub, mut mined) = Hub::open(setup, clock, chain).map_err(failed)?;
        let changed = hub.changed.clone();
        let hub = Rc::new(RefCell::new(hub));
        // Last, for who finds the socket may expect the node to answer.
        let control = socket::unix_listener(&control)
            .map_err(|error| Failure::Environment(format!("{}: {error}", control.display())))?;
        spawn_local(server::serve(hub.clone(), control));
        for (peer, (port, listener)) in ports.into_iter().zip(listeners).enumerate() {
            spawn_local(socket::keep(hub.clone(), PeerId(peer as u32), port, listener));
        }
        loop {
            if let Some(end) = hub.borrow_mut().end.take() {
                return end;
            }
            let sleep = hub.borrow_mut().sleep();
            tokio::select! {
                () = changed.notified() => {}
                () = tokio::time::sleep(sleep.unwrap_or(Duration::MAX)), if sleep.is_some() => hub.borrow_mut().tick(),
                Some(input) = mined.recv() => hub.borrow_mut().take(input),
                _ = terminate.recv() => stop(&hub, "SIGTERM"),
                _ = interrupt.recv() => stop(&hub, "SIGINT"),
            }
        }
    })
}

fn stop(hub: &RefCell<Hub>, why: &str) {
    info!("{why}: the node ends");
    hub.borrow_mut().stop();
}
