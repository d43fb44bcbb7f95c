//! New plugin crates that work from the first minute.

use std::fs;
use std::path::{Component, Path, PathBuf};

use fika_core::plugin::{Kind, VERSION};

/// Where the clone that this program was built from was, if it was built from one.
const CLONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Its commit, if fika-core was as the commit has it.
const COMMIT: Option<&str> = option_env!("FIKA_COMMIT");
/// The versions that this program was built with, so that the new crate builds without the network.
const LOCK: &str = include_str!(concat!(env!("OUT_DIR"), "/Cargo.lock"));
const MANIFEST: &str = include_str!("../templates/manifest.toml");
const OWN_WORKSPACE: &str = include_str!("../templates/own_workspace.toml");
/// The module `chain` of those tests that need one.
const CHAIN: &str = include_str!("../templates/chain.rs");
/// The longest name, which is also one of an experiment.
const NAME_MAX: usize = 40;

struct Template {
    library: &'static str,
    tests: &'static str,
    experiment: &'static str,
}

fn template(kind: Kind) -> Template {
    macro_rules! files {
        ($folder:literal, $experiment:literal) => {
            Template {
                library: include_str!(concat!("../templates/", $folder, "/lib.rs")),
                tests: include_str!(concat!("../templates/", $folder, "/tests.rs")),
                experiment: include_str!(concat!("../templates/", $experiment)),
            }
        };
    }
    match kind {
        Kind::Consensus => files!("consensus", "experiment.toml"),
        Kind::Script => files!("script", "experiment.toml"),
        Kind::Keys => files!("keys", "experiment.toml"),
        Kind::Tx => files!("tx", "experiment.toml"),
        Kind::Transport => files!("transport", "experiment.toml"),
        Kind::Attack => files!("attack", "attack/experiment.toml"),
    }
}

/// Makes the crate `dir/name` with a working plugin of this kind, and says where it is.
///
/// # Errors
/// One line: a name that cargo would not take, something in the way, or what the system says.
pub(crate) fn create(kind: Kind, name: &str, dir: &Path) -> Result<PathBuf, String> {
    check_name(name)?;
    let Template { library, tests, experiment } = template(kind);
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
        let text = text.replace("__name__", name).replace("__Name__", &type_name(name)).replace("__NAME__", &shout);
        text.replace("__kind__", kind.name())
    };
    write("src/lib.rs", &fill(library))?;
    write("src/tests.rs", &fill(tests))?;
    if tests.contains("mod chain;") {
        write("src/tests/chain.rs", CHAIN)?;
    }
    write("experiment.toml", &fill(experiment))?;
    let at = krate.canonicalize().map_err(|error| format!("{}: {error}", krate.display()))?;
    let clone = Path::new(CLONE).canonicalize().ok();
    let fika_core = dependency(&at, clone.as_deref(), COMMIT);
    let mut manifest = fill(MANIFEST).replace("__FIKA_CORE__", &fika_core);
    if library.contains("use thiserror::") {
        manifest += "thiserror = \"2\"\n";
    }
    let with_kit = fika_core.lines().last().unwrap_or_default().replace(" }", ", features = [\"testing\"] }");
    manifest += &format!("\n[dev-dependencies]\n# With its test kit.\n{with_kit}\n");
    // The clone's own workspace takes in all of its `plugins`; anything else has to be one by itself.
    if at.parent() == clone.map(|clone| clone.join("plugins")).as_deref() {
        write("Cargo.toml", &manifest)?;
    } else {
        write("Cargo.toml", &format!("{manifest}{OWN_WORKSPACE}"))?;
        write("Cargo.lock", LOCK)?;
        write(".gitignore", "/target\n")?;
    }
    Ok(krate)
}

/// How the crate in `at` depends on fika-core, so that this program loads its library.
///
/// It names the clone that the program was built from, while its fika-core has the same border. Without it, what the
/// program was built from is the commit, or else a package of a registry.
fn dependency(at: &Path, clone: Option<&Path>, commit: Option<&str>) -> String {
    let elsewhere = match commit {
        Some(commit) if !commit.is_empty() => {
            format!("fika-core = {{ git = \"{}\", rev = \"{commit}\" }}", env!("CARGO_PKG_REPOSITORY"))
        }
        _ => format!("fika-core = {{ version = \"~{VERSION}\" }}"),
    };
    let clone = clone.and_then(|clone| Some((clone, version_in(clone)?)));
    match clone.filter(|(_, version)| border(version) == border(VERSION)) {
        None => elsewhere,
        Some((clone, version)) => {
            let path = path_between(at, clone).join("fika-core");
            let comment = if at.starts_with(clone) { "" } else { &format!("# Without this clone: {elsewhere}\n") };
            format!("{comment}fika-core = {{ version = \"~{version}\", path = {path:?} }}")
        }
    }
}

/// The version of fika-core in a clone. The copies that cargo makes for itself, and deletes some day, are not clones.
fn version_in(clone: &Path) -> Option<String> {
    let version = |manifest: &str, table: &[&str]| {
        let manifest: toml::Table = fs::read_to_string(clone.join(manifest)).ok()?.parse().ok()?;
        let table = table.iter().try_fold(toml::Value::Table(manifest), |value, key| value.get(key).cloned())?;
        table.get("version").cloned()
    };
    if clone.join(".cargo-ok").exists() {
        return None;
    }
    match version("fika-core/Cargo.toml", &["package"])? {
        toml::Value::String(own) => Some(own),
        _ => version("Cargo.toml", &["workspace", "package"])?.as_str().map(str::to_string),
    }
}

/// The border's version in one of fika-core: major.minor.
fn border(version: &str) -> Option<&str> {
    version.rsplit_once('.').map(|(border, _)| border)
}

/// `roundrobin` and `my-coin2` are names; what is no identifier, a keyword or a crate that the new one needs is not.
fn check_name(name: &str) -> Result<(), String> {
    const TAKEN: [&str; 13] = [
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
        "thiserror",
        "toml",
        "tracing",
    ];
    const KEYWORDS: &str = " abstract as async await become box break const continue do dyn else enum extern false final fn \
        for gen if impl in let loop macro match mod move mut override priv pub ref return static struct trait true try \
        type typeof unsafe unsized use virtual where while yield ";
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_allowed);
    if !is_name || name.ends_with('-') || name.contains("--") || name.len() > NAME_MAX {
        let expected = "lower-case letters, digits and single dashes";
        return Err(format!("expected a name of at most {NAME_MAX} {expected}, found {name:?}"));
    }
    match TAKEN.contains(&name) || KEYWORDS.contains(&format!(" {name} ")) {
        true => Err(format!("expected a name that Rust has no use for, found {name}")),
        false => Ok(()),
    }
}

/// `my-coin2` as a type: `MyCoin2`, and never the name of a trait or type that a template uses.
fn type_name(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    let camel: String = name.split('-').filter(|part| !part.is_empty()).map(word).collect();
    let texts = Kind::ALL.into_iter().flat_map(|kind| [template(kind).library, template(kind).tests]).chain([CHAIN]);
    let is_used = texts.flat_map(|text| text.split(|c: char| !c.is_alphanumeric())).any(|word| word == camel);
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
        let long = "a".repeat(NAME_MAX + 1);
        let names =
            ["", "Pow", "2coins", "my_coin", "a--b", "a-", "-a", "match", "serde", "core", "../x", "a b", &long];
        for name in names {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["roundrobin", "my-coin2", "x"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        assert_eq!(type_name("my-coin2"), "MyCoin2");
        assert_eq!(type_name("transport"), "TransportPlugin");
        assert_eq!(type_name("genesis"), "GenesisPlugin");
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_stays_blank() {
        let dir = tempfile::tempdir().unwrap();
        for kind in Kind::ALL {
            let krate = create(kind, &format!("my-{kind}"), dir.path()).unwrap();
            for file in ["src/lib.rs", "src/tests.rs", "experiment.toml", "Cargo.toml"] {
                let text = fs::read_to_string(krate.join(file)).unwrap();
                assert!(text.contains("my-") || text.contains("My"), "{kind} {file}");
                assert!(!text.contains("__"), "{kind} {file}: {text}");
            }
            crate::Experiment::load(&krate.join("experiment.toml"), &[]).unwrap();
        }
        let error = create(Kind::Keys, "my-keys", dir.path()).unwrap_err();
        assert!(error.ends_with("expected nothing there, found something"), "{error}");
    }

    /// A clone whose workspace has this version, if any, and whose fika-core says `version`.
    fn clone(workspace: Option<&str>, version: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("fika-core")).unwrap();
        fs::write(dir.path().join("fika-core/Cargo.toml"), format!("[package]\nversion{version}\n")).unwrap();
        if let Some(version) = workspace {
            fs::write(dir.path().join("Cargo.toml"), format!("[workspace.package]\nversion = {version:?}\n")).unwrap();
        }
        dir
    }

    #[test]
    fn a_clone_is_named_while_its_fika_core_has_this_border() {
        let (border, at) = (border(VERSION).unwrap(), Path::new("/home/me/x"));
        let patch = format!("{border}.77");
        let of = |clone: &tempfile::TempDir| dependency(at, Some(clone.path()), Some("c0ffee"));
        let commit = "fika-core = { git = \"https://github.com/fika-lab/fika\", rev = \"c0ffee\" }";

        let same = clone(Some(&patch), ".workspace = true");
        let path = same.path().join("fika-core");
        let dependency_on = |path: &str| format!("fika-core = {{ version = \"~{patch}\", path = {path:?} }}");
        let whole = dependency_on(path.to_str().unwrap());
        assert_eq!(of(&same), format!("# Without this clone: {commit}\n{whole}"));
        assert_eq!(dependency(&same.path().join("x"), Some(same.path()), None), dependency_on("../fika-core"));
        assert!(of(&clone(None, &format!(" = {patch:?}"))).contains("fika-core = { version = "));

        fs::write(same.path().join(".cargo-ok"), "").unwrap();
        assert_eq!(of(&same), commit, "cargo's own copy");
        assert_eq!(of(&clone(Some("99.0.0"), ".workspace = true")), commit, "another border");
        assert_eq!(of(&clone(None, ".workspace = true")), commit, "no version");
        assert_eq!(of(&tempfile::tempdir().unwrap()), commit, "no clone");
        assert_eq!(dependency(at, None, Some("c0ffee")), commit);
        for unknown in [None, Some("")] {
            assert_eq!(dependency(at, None, unknown), format!("fika-core = {{ version = \"~{VERSION}\" }}"));
        }
    }

    #[test]
    fn inside_the_clone_paths_are_relative() {
        assert_eq!(path_between(Path::new("/c/plugins/x"), Path::new("/c")), Path::new("../.."));
        assert_eq!(path_between(Path::new("/home/x"), Path::new("/c")), Path::new("/c"));
    }
}
