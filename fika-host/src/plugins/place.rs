//! Where a plugin's library and its sources lie.

use std::fs;
use std::path::{Display, Path, PathBuf};
use std::time::SystemTime;

/// The sources of fika-core that this program was built from, if they are still there.
pub(super) const FIKA_CORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fika-core");

/// A plugin outside of this program.
pub(super) struct Place {
    /// The library, which need not exist yet.
    pub(super) library: PathBuf,
    /// The crate's directory, if it is there.
    pub(super) krate: Option<PathBuf>,
}

impl Place {
    /// What `spec` names; `None` for a plain name.
    ///
    /// # Errors
    /// When it is a path of neither a library nor a crate.
    pub(super) fn of(spec: &str) -> Result<Option<Place>, String> {
        if !spec.contains(['/', '\\']) && !spec.ends_with(".so") {
            return Ok(None);
        }
        let path = Path::new(spec);
        if path.extension().is_some_and(|extension| extension == "so") {
            let krate = Some(path.with_extension("")).filter(|krate| is_crate(krate));
            return Ok(Some(Place { library: path.into(), krate }));
        }
        if is_crate(path) {
            // Names what `.` and `..` stand for; `with_extension` would cut names with dots.
            let krate = path.canonicalize().map_err(|error| format!("{spec}: cannot be read: {error}"))?;
            let mut library = krate.clone().into_os_string();
            library.push(".so");
            return Ok(Some(Place { library: library.into(), krate: Some(krate) }));
        }
        let found = match (path.is_dir(), path.exists()) {
            (true, _) => "a directory without Cargo.toml",
            (_, true) => "another file",
            _ => "nothing there",
        };
        Err(format!("{spec}: expected a library (.so) or the directory of a crate, found {found}"))
    }

    /// Whether there are sources, but no library that is as new.
    pub(super) fn is_stale(&self) -> bool {
        let Some(krate) = &self.krate else { return false };
        let Ok(built) = fs::metadata(&self.library).and_then(|file| file.modified()) else { return true };
        [krate.as_path(), Path::new(FIKA_CORE)].into_iter().filter_map(newest_source).any(|source| source > built)
    }
}

/// A path as the user wrote it.
pub(super) fn shown(path: &Path) -> Display<'_> {
    path.strip_prefix("./").unwrap_or(path).display()
}

fn is_crate(path: &Path) -> bool {
    path.join("Cargo.toml").is_file()
}

/// When the newest source of a crate was written: its manifest, build script or `src`.
fn newest_source(krate: &Path) -> Option<SystemTime> {
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let mut newest = ["Cargo.toml", "build.rs"].iter().filter_map(|name| modified(&krate.join(name))).max();
    let mut folders = vec![krate.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => newest = newest.max(modified(&entry.path())),
            }
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_library_and_its_crate_lie_side_by_side() {
        let dir = tempfile::tempdir().unwrap();
        let krate = dir.path().join("pos.v2");
        fs::create_dir_all(krate.join("src/inner")).unwrap();
        fs::write(krate.join("Cargo.toml"), "").unwrap();
        let library = dir.path().join("pos.v2.so");
        let spec = |path: &Path| Place::of(path.to_str().unwrap()).unwrap().unwrap();
        assert_eq!(spec(&library).krate.as_deref(), Some(krate.as_path()));
        assert_eq!(spec(&krate).library, library.canonicalize().unwrap_or(library.clone()));
        assert!(spec(&library).is_stale(), "not built yet");

        let built = SystemTime::now() + Duration::from_secs(60);
        fs::File::create(&library).unwrap().set_modified(built).unwrap();
        assert!(!spec(&library).is_stale());
        let source = fs::File::create(krate.join("src/inner/lib.rs")).unwrap();
        source.set_modified(built + Duration::from_secs(60)).unwrap();
        assert!(spec(&library).is_stale(), "a source is younger");
    }

    #[test]
    fn names_are_not_paths_and_bad_paths_say_what_is_there() {
        assert!(Place::of("pow").unwrap().is_none());
        assert!(Place::of("pow.so").unwrap().is_some());
        let dir = tempfile::tempdir().unwrap();
        let error = Place::of(dir.path().to_str().unwrap()).err().unwrap();
        assert!(error.ends_with("found a directory without Cargo.toml"), "{error}");
        assert!(Place::of("no/such").err().unwrap().ends_with("found nothing there"));
    }
}
