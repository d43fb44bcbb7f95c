//! Finding plugins: compiled in by name, in a library by its path, or built from a crate's directory.
//!
//! A library is looked for beside the directory of its crate: `plugins/pos.so` belongs to
//! `plugins/pos`. Whichever of the two is named, the library is (re)built when it is absent or
//! older than the sources, and then loaded.

mod build;
mod place;
mod probe;
mod watchdog;

use fika_core::plugin::{Descriptor, Kind, LoadError, Registry};

use self::place::{Place, shown};
pub(crate) use self::probe::{PROBE_COMMAND, answer_probe, probe};
pub(crate) use self::watchdog::start_watchdog;

/// The plugin of this kind that `spec` names: a name without a slash that `registry` knows, the
/// path of a library (`.so`), or the path of a crate's directory. Paths are relative to the working directory.
///
/// # Errors
/// One line: what was expected and found, and the command that builds the plugin where that helps.
pub(crate) fn resolve(registry: &Registry, kind: Kind, spec: &str) -> Result<Descriptor, String> {
    match Place::of(spec)? {
        None => registry.get(kind, spec).copied(),
        Some(place) => {
            if place.is_stale() {
                build::build(&place)?;
            }
            of_kind(kind, spec, load(&place)?)
        }
    }
}

/// As [`resolve`], but builds nothing: for node processes, whose host has resolved everything.
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
    if place.is_stale() {
        build::build(&place)?;
    }
    load(&place)
}

fn of_kind(kind: Kind, spec: &str, found: Descriptor) -> Result<Descriptor, String> {
    match found.kind == kind {
        true => Ok(found),
        false => Err(format!("{spec}: expected a {kind} plugin, found the {} plugin {}", found.kind, found.name)),
    }
}

fn load(place: &Place) -> Result<Descriptor, String> {
    fika_core::plugin::load(&place.library).map_err(|error| {
        let krate = place.krate.as_deref();
        let cure = match error {
            LoadError::NoFile if krate.is_none() => String::new(),
            _ if error.is_cured_by_building() => format!("; build it again with: {}", build::command(krate)),
            _ => String::new(),
        };
        format!("{}: {error}{cure}", shown(&place.library))
    })
}
