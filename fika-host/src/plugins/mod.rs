//! Finding plugins: compiled in by name, in a library by its path, or built from a crate's directory.
//!
//! A library is looked for beside the directory of its crate: `plugins/pos.so` belongs to
//! `plugins/pos`. Whichever of the two is named, the library is (re)built when it is absent or
//! older than the sources, and then loaded.

mod build;
mod exit_guard;
mod load;
mod place;
mod probe;
mod watchdog;

use std::path::Path;

use fika_core::plugin::{Descriptor, Kind, Registry};

pub(crate) use self::exit_guard::{EXIT_PLUGIN, ExitGuard, disarm};
use self::load::{load, of_kind};
use self::place::Place;
use self::probe::probe;
pub(crate) use self::probe::{PROBE_COMMAND, answer_probe};
pub(crate) use self::watchdog::start_watchdog;

/// The plugin of this kind that `spec` names: a name without a slash that `registry` knows, the
/// path of a library (`.so`), or the path of a crate's directory. Paths are relative to the working directory.
/// A library is loaded here only after another process has loaded it and made its plugin from `table` (TOML).
///
/// # Errors
/// One line: what was expected and found, and the command that builds the plugin where that helps.
pub(crate) fn resolve(registry: &Registry, kind: Kind, spec: &str, table: &str) -> Result<Descriptor, String> {
    if let Some(place) = Place::of(spec)? {
        prepare(&place, Some((kind, table)))?;
    }
    find(registry, kind, spec)
}

/// As [`resolve`], but builds and tries nothing: for node processes, whose host has resolved everything.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn find(registry: &Registry, kind: Kind, spec: &str) -> Result<Descriptor, String> {
    match Place::of(spec)? {
        None => registry.get(kind, spec).copied(),
        Some(place) => of_kind(kind, spec, load(&place)?),
    }
}

/// The plugin in the library or crate that `spec` names by its path, of whatever kind; built as by [`resolve`].
///
/// # Errors
/// As [`resolve`].
pub(crate) fn describe(spec: &str) -> Result<Descriptor, String> {
    let place = Place::of(spec)?.ok_or("expected a plugin that is compiled in, or the path of one, found neither")?;
    prepare(&place, None)?;
    load(&place)
}

/// Builds the library where that is due, and tries it in another process: it may be damaged, crash or hang.
fn prepare(place: &Place, made: Option<(Kind, &str)>) -> Result<(), String> {
    if place.is_stale() {
        build::build(place)?;
    }
    probe(Path::new("/proc/self/exe"), place, made)
}
