//! Writes the results of a run into its folder.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use super::RunError;
use super::folder::Folder;
use super::setup::EVENTS;
use crate::experiment::Experiment;
use crate::results::{ARRIVAL_ROWS_MAX, Chain, Ending, Summary, Tables, report};

/// Reads the traces and writes everything. Returns the numbers.
pub(super) fn write_from_traces(
    experiment: &Experiment,
    folder: &Folder,
    ending: &Ending,
    taken_us: u64,
) -> Result<Summary, RunError> {
    let addresses: Vec<_> = ending.nodes.iter().map(|node| node.address).collect();
    let failed = |path: &Path, error: io::Error| RunError::Environment(format!("{}: {error}", path.display()));
    let mut chain = Chain::new(&addresses, taken_us);
    for (index, node) in experiment.nodes.iter().enumerate() {
        let path = folder.node(&node.name).join(EVENTS);
        match File::open(&path) {
            Ok(file) => chain.add_trace(index, BufReader::new(file)).map_err(|error| failed(&path, error))?,
            // A node that failed early has no trace.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, error)),
        }
    }
    chain.finish();
    write_all(experiment, folder, ending, &chain)
}

/// Writes everything. Returns the numbers.
pub(super) fn write_all(
    experiment: &Experiment,
    folder: &Folder,
    ending: &Ending,
    chain: &Chain,
) -> Result<Summary, RunError> {
    let mut summary = write_tables(experiment, folder, ending, chain)?;
    note_unwritten(&mut summary, |summary| write_summary(experiment, folder, summary));
    Ok(summary)
}

/// Writes the tables. Returns the numbers.
pub(super) fn write_tables(
    experiment: &Experiment,
    folder: &Folder,
    ending: &Ending,
    chain: &Chain,
) -> Result<Summary, RunError> {
    let mut summary = Summary::new(experiment, chain, ending);
    note_unwritten(&mut summary, |summary| write_csv(experiment, folder, (ending, chain, summary)));
    Ok(summary)
}

/// The numbers are in memory. A disk that is full does not take them away.
fn note_unwritten(summary: &mut Summary, write: impl FnOnce(&Summary) -> Result<(), RunError>) {
    if let Err(error) = write(summary) {
        summary.unwritten.get_or_insert(error.to_string());
    }
}

fn write_csv(
    experiment: &Experiment,
    folder: &Folder,
    (ending, chain, summary): (&Ending, &Chain, &Summary),
) -> Result<(), RunError> {
    let tables = Tables { experiment, chain, ending, summary };
    let write = |name: &str, write: &dyn Fn(BufWriter<File>) -> io::Result<()>| write_file(folder, name, write);
    if experiment.output.csv {
        write("blocks.csv", &|out| tables.blocks(out))?;
        write("propagation.csv", &|out| tables.propagation(out))?;
        if tables.arrival_rows() <= ARRIVAL_ROWS_MAX {
            write("arrivals.csv", &|out| tables.arrivals(out))?;
        }
        write("nodes.csv", &|out| tables.nodes(out))?;
        write("transactions.csv", &|out| tables.transactions(out))?;
        if !ending.events.is_empty() {
            write("events.csv", &|out| tables.events(out))?;
        }
    }
    Ok(())
}

/// Writes the numbers, and then the report, which is made of everything in the folder.
pub(super) fn write_summary(experiment: &Experiment, folder: &Folder, summary: &Summary) -> Result<(), RunError> {
    if experiment.output.json {
        write_file(folder, "summary.json", |out| summary.write_json(out))?;
    }
    if let Err(why) = report::write(&folder.path) {
        // The results are complete without it, and nobody may be reading this.
        let _ = writeln!(io::stderr(), "note: no report.html: {why}");
    }
    Ok(())
}

/// Writes one file into the folder of the run.
pub(super) fn write_file(
    folder: &Folder,
    name: &str,
    write: impl FnOnce(BufWriter<File>) -> io::Result<()>,
) -> Result<(), RunError> {
    let path = folder.path.join(name);
    let written = File::create(&path).and_then(|file| write(BufWriter::new(file)));
    written.map_err(|error| RunError::Environment(format!("{}: {error}", path.display())))
}
