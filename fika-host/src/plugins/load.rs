//! Loading a library into this process.

use fika_core::plugin::{Descriptor, Kind, LoadError};

use super::place::{Place, shown};

/// The plugin, if it is of the kind that is wanted.
pub(super) fn of_kind(kind: Kind, spec: &str, found: Descriptor) -> Result<Descriptor, String> {
    match found.kind == kind {
        true => Ok(found),
        false => Err(format!("{spec}: expected a {kind} plugin, found the {} plugin {}", found.kind, found.name)),
    }
}

/// The plugin in a library.
pub(super) fn load(place: &Place) -> Result<Descriptor, String> {
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
