//! New plugin crates that work from the first minute.

use std::fs;
use std::path::{Component, Path, PathBuf};

use fika_core::plugin::Kind;

/// The clone that this program was built from, if it is still there.
const CLONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The versions that this program was built with, so that the new crate builds without the network.
const LOCK: &str = include_str!("../../Cargo.lock");
const MANIFEST: &str = include_str!("../templates/Cargo.toml");
const OWN_WORKSPACE: &str = include_str!("../templates/own_workspace.toml");

/// The library's source and its tests.
fn template(kind: Kind) -> Result<(&'static str, &'static str), String> {
    macro_rules! files {
        ($folder:literal) => {
            (
                include_str!(concat!("../templates/", $folder, "/lib.rs")),
                include_str!(concat!("../templates/", $folder, "/tests.rs")),
            )
        };
    }
    match kind {
        Kind::Consensus => Ok(files!("consensus")),
        Kind::Script => Ok(files!("script")),
        Kind::Keys => Ok(files!("keys")),
        Kind::Tx => Ok(files!("tx")),
        Kind::Transport => Ok(files!("transport")),
        Kind::Attack => Err("expected consensus, script, keys, tx or transport, found attack".into()),
    }
}

/// Makes the crate `dir/name` with a working plugin of this kind, and says where it is.
///
/// # Errors
/// One line: a name that cargo would not take, something in the way, or what the system says.
pub fn create(kind: Kind, name: &str, dir: &Path) -> Result<PathBuf, String> {
    check_name(name)?;
    let (library, tests) = template(kind)?;
    let krate = dir.join(name);
    if krate.exists() {
        return Err(format!("{}: expected nothing there, found something", krate.display()));
    }
    let write = |path: &str, text: &str| {
        let path = krate.join(path);
        let parent = path.parent().unwrap_or(&krate);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.map_err(|error| format!("{}: cannot be written: {error}", path.display()))
    };
    let fill = |text: &str| {
        let shout = name.replace('-', " ").to_uppercase();
        text.replace("__name__", name).replace("__Name__", &type_name(name)).replace("__NAME__", &shout)
    };
    write("src/lib.rs", &fill(library))?;
    write("src/tests.rs", &fill(tests))?;
    let manifest = |fika_core: &str| fill(MANIFEST).replace("__FIKA_CORE__", fika_core);
    let (at, clone) = (krate.canonicalize(), Path::new(CLONE).canonicalize());
    let (Ok(at), Ok(clone)) = (at, clone) else {
        let source = format!("{{ git = \"{}\" }}", env!("CARGO_PKG_REPOSITORY"));
        return write_alone(&write, &manifest(&source)).map(|()| krate);
    };
    let fika_core = format!("{{ path = {:?} }}", path_between(&at, &clone).join("fika-core"));
    // The clone's own workspace takes in all of its `plugins`; anything else has to be one by itself.
    if at.parent() == Some(&clone.join("plugins")) {
        write("Cargo.toml", &manifest(&fika_core))?;
    } else {
        write_alone(&write, &manifest(&fika_core))?;
    }
    Ok(krate)
}

/// Writes what a crate needs that is a workspace of its own.
fn write_alone(write: &impl Fn(&str, &str) -> Result<(), String>, manifest: &str) -> Result<(), String> {
    write("Cargo.toml", &format!("{manifest}{OWN_WORKSPACE}"))?;
    write("Cargo.lock", LOCK)?;
    write(".gitignore", "/target\n")
}

/// `roundrobin` and `my-coin2` are names; what is no identifier, a keyword or a crate that the new one needs is not.
fn check_name(name: &str) -> Result<(), String> {
    const TAKEN: [&str; 12] = [
        "alloc",
        "core",
        "crate",
        "fika-core",
        "proc-macro",
        "self",
        "serde",
        "std",
        "super",
        "test",
        "toml",
        "tracing",
    ];
    const KEYWORDS: &str = " abstract as async await become box break const continue do dyn else enum extern false final fn \
        for gen if impl in let loop macro match mod move mut override priv pub ref return static struct trait true try \
        type typeof unsafe unsized use virtual where while yield ";
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_allowed);
    if !is_name || name.ends_with('-') || name.contains("--") {
        return Err(format!("expected a name of lower-case letters, digits and single dashes, found {name:?}"));
    }
    match TAKEN.contains(&name) || KEYWORDS.contains(&format!(" {name} ")) {
        true => Err(format!("expected a name that Rust has no use for, found {name}")),
        false => Ok(()),
    }
}

/// `my-coin2` as a type: `MyCoin2`, and never the name of a trait or type that the template uses.
fn type_name(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    let camel: String = name.split('-').filter(|part| !part.is_empty()).map(word).collect();
    let text = |kind: Kind| template(kind).map_or("", |(library, _)| library);
    let is_used =
        Kind::ALL.into_iter().any(|kind| text(kind).split(|c: char| !c.is_alphanumeric()).any(|it| it == camel));
    if is_used { format!("{camel}Plugin") } else { camel }
}

/// The path from the directory `from` to `to`, both whole: relative inside one clone, so that it may be moved.
fn path_between(from: &Path, to: &Path) -> PathBuf {
    match from.strip_prefix(to) {
        Ok(inside) => inside.components().map(|_| Component::ParentDir).collect(),
        Err(_) => to.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_or_rust_would_refuse_are_refused_first() {
        for name in ["", "Pow", "2coins", "my_coin", "a--b", "a-", "-a", "match", "serde", "core", "../x", "a b"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["roundrobin", "my-coin2", "x"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        assert_eq!(type_name("my-coin2"), "MyCoin2");
        assert_eq!(type_name("transport"), "TransportPlugin");
    }

    #[test]
    fn nothing_is_overwritten_and_attacks_have_no_template() {
        let dir = tempfile::tempdir().unwrap();
        let krate = create(Kind::Keys, "lamport", dir.path()).unwrap();
        let error = create(Kind::Keys, "lamport", dir.path()).unwrap_err();
        assert!(error.ends_with("expected nothing there, found something"), "{error}");
        assert!(create(Kind::Attack, "selfish", dir.path()).is_err());
        let source = fs::read_to_string(krate.join("src/lib.rs")).unwrap();
        assert!(source.contains("pub struct Lamport") && !source.contains("__"), "{source}");
    }

    #[test]
    fn inside_the_clone_paths_are_relative() {
        assert_eq!(path_between(Path::new("/c/plugins/x"), Path::new("/c")), Path::new("../.."));
        assert_eq!(path_between(Path::new("/home/x"), Path::new("/c")), Path::new("/c"));
    }
}
