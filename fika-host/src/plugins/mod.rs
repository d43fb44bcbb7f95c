//! Finding plugins: compiled in by name, in a library by its path, or built from a crate's directory.
//!
//! A library is looked for beside the directory of its crate: `plugins/pos.so` belongs to
//! `plugins/pos`. Whichever of the two is named, the library is (re)built when it is absent or
//! older than the sources, and then loaded.

mod build;
mod place;
mod probe;
mod watchdog;

use std::path::Path;

use fika_core::plugin::{Descriptor, Kind, LoadError, Registry};

use self::place::{Place, shown};
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

fn of_kind(kind: Kind, spec: &str, found: Descriptor) -> Result<Descriptor, String> {
    match found.kind == kind {
        true => Ok(found),
        false => Err(format!("{spec}: expected a {kind} plugin, found the {} plugin {}", found.kind, found.name)),
    }
}

fn load(place: &Place) -> Result<Descriptor, String> {
    fika_core::plugin::load(&place.library).map_err(|error| refusal(place, &error))
}

/// Why the library cannot be used, and how another one gets to its place: cargo does not write there.
fn refusal(place: &Place, error: &LoadError) -> String {
    let library = shown(&place.library);
    let cure = match &place.krate {
        _ if !matches!(error, LoadError::Version { .. } | LoadError::Layout { .. }) => String::new(),
        Some(krate) => {
            let manifest = krate.join("Cargo.toml");
            format!(
                "; let {} name this program's fika-core and remove {library}: it is built again then",
                shown(&manifest)
            )
        }
        None => format!(
            "; build its crate with this program's fika-core (cargo build --release), and copy the library from the \
             crate's target/release to {library}"
        ),
    };
    format!("{library}: {error}{cure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_library_says_how_another_one_gets_to_its_place() {
        let other = LoadError::Version { expected: "0.1", found: "9.9.9".into() };
        let place = |krate: Option<&str>| Place { library: "rules/pos.so".into(), krate: krate.map(Into::into) };
        let refused = "rules/pos.so: expected a plugin built with fika-core 0.1, found 9.9.9";
        assert_eq!(
            refusal(&place(Some("rules/pos")), &other),
            format!(
                "{refused}; let rules/pos/Cargo.toml name this program's fika-core and remove rules/pos.so: it is built \
                 again then"
            )
        );
        assert_eq!(
            refusal(&place(None), &other),
            format!(
                "{refused}; build its crate with this program's fika-core (cargo build --release), and copy the library \
                 from the crate's target/release to rules/pos.so"
            )
        );
        assert_eq!(refusal(&place(None), &LoadError::NoFile), "rules/pos.so: no such file");
    }
}
