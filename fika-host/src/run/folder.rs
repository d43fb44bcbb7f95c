//! The folder of one run: `DIR/EXPERIMENT/YYYY-MM-DD-HHMMSS/`, and `latest` beside it once the run has begun.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::RunError;

/// The folder of one run.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    /// Makes the folder of a run that begins at `now`. A second run in the same second gets a number in its name.
    pub(super) fn create(dir: &Path, experiment: &str, now: SystemTime) -> Result<Folder, RunError> {
        let parent = dir.join(experiment);
        let failed = |path: &Path, error: io::Error| RunError::Environment(format!("{}: {error}", path.display()));
        fs::create_dir_all(&parent).map_err(|error| failed(&parent, error))?;
        // Nodes and other commands are told this path, and they may run in another directory.
        let parent = parent.canonicalize().map_err(|error| failed(&parent, error))?;
        let stamp = stamp(now);
        for number in 1..100 {
            let name = if number == 1 { stamp.clone() } else { format!("{stamp}-{number}") };
            let path = parent.join(&name);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(|error| failed(&path, error))?,
            }
            return Ok(Folder { path });
        }
        Err(RunError::Environment(format!("{}: expected less than 100 runs in one second", parent.display())))
    }

    /// From now on `latest` is this folder.
    pub(super) fn show_as_latest(&self) -> Result<(), RunError> {
        let name = self.path.file_name().unwrap_or_default();
        let link = self.path.with_file_name("latest");
        let draft = self.path.with_file_name(format!(".latest-{}", name.display()));
        let linked = symlink(name, &draft).and_then(|()| fs::rename(&draft, &link));
        linked.map_err(|error| RunError::Environment(format!("{}: {error}", link.display())))
    }

    /// Removes the folder of a run that has not begun.
    pub(super) fn remove(&self) -> Result<(), RunError> {
        let removed = fs::remove_dir_all(&self.path);
        removed.map_err(|error| RunError::Environment(format!("{}: {error}", self.path.display())))
    }

    /// Makes the folder of one of several runs: `seed-57`.
    pub(super) fn create_run(&self, seed: u64) -> Result<Folder, RunError> {
        let path = self.path.join(format!("seed-{seed}"));
        let made = fs::create_dir(&path);
        made.map_err(|error| RunError::Environment(format!("{}: {error}", path.display())))?;
        Ok(Folder { path })
    }

    /// Makes the folder of one node. It holds the node's key, so only its owner can enter it.
    pub(super) fn create_node(&self, name: &str) -> Result<PathBuf, RunError> {
        let path = self.node(name);
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&path);
        made.map_err(|error| RunError::Environment(format!("{}: {error}", path.display())))?;
        Ok(path)
    }

    /// The folder of one node.
    pub(super) fn node(&self, name: &str) -> PathBuf {
        self.path.join("nodes").join(name)
    }
}

/// `2026-11-22-093000`, in UTC.
pub(crate) fn stamp(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}-{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day since 1970-01-01, in years that begin in March so that the leap day is the
/// last (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_dates() {
        let at = |seconds| stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01-000000");
        assert_eq!(at(951_782_399), "2000-02-28-235959");
        assert_eq!(at(951_782_400), "2000-02-29-000000");
        assert_eq!(at(1_767_225_599), "2025-12-31-235959");
        assert_eq!(at(4_102_444_800), "2100-01-01-000000");
    }

    #[test]
    fn two_runs_of_one_second_have_two_folders_and_the_link_shows_the_later() {
        let dir = tempfile::tempdir().expect("a folder");
        let now = SystemTime::UNIX_EPOCH;
        let first = Folder::create(dir.path(), "demo", now).expect("made");
        let second = Folder::create(dir.path(), "demo", now).expect("made");
        [&first, &second].into_iter().for_each(|folder| folder.show_as_latest().expect("shown"));
        assert_ne!(first.path, second.path);
        let latest = dir.path().join("demo/latest").canonicalize().expect("a link");
        assert_eq!(latest, second.path);
    }
}
