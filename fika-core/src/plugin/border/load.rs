//! Loading a library and the plugin in it.

use std::io;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{AbiInstabilityErrors, check_layout_compatibility};
use abi_stable::library::{AbiHeaderRef, LibHeader};
use abi_stable::type_layout::TLFieldOrFunction;
use libloading::Library;
use thiserror::Error;

use super::arguments::Text;
use super::environment::Environment;
use super::events::Host;
use super::remote::{ANSWERED, Handle, Remote};
use super::root::{Description, Make, RootRef, SYMBOL_PREFIX};
use super::wire::{Sink, decoded};
use crate::codec::Decode;
use crate::env::Env;
use crate::plugin::descriptor::{Maker, Object, Origin};
use crate::plugin::panics::{catch, raise};
use crate::plugin::text::one_line;
use crate::plugin::{Descriptor, Kind, Param, VERSION};

/// Why a file is not a plugin of this program. Each is one line, without the path.
#[derive(Debug, Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("no such file")]
    NoFile,
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is no library of this system.
    #[error("expected a library, found something else: {0}")]
    NotALibrary(String),
    /// It is a library, but nothing in it was exported with [`export!`](crate::export).
    #[error("a library, but not a Fika plugin")]
    NotAPlugin,
    /// It exports several plugins, and none of them is named like the file.
    #[error("expected one plugin, found {0}")]
    Several(String),
    /// It was built with a fika-core whose border has another version.
    #[error("expected a plugin built with fika-core {expected}, found {found}")]
    Version {
        /// This program's, as major.minor.
        expected: &'static str,
        /// The version of the plugin's.
        found: String,
    },
    /// It was built with the same version, but what crosses the border differs.
    #[error("built with another fika-core {VERSION}: {difference}")]
    Layout {
        /// The first difference.
        difference: String,
    },
    /// It failed before it had said what it is.
    #[error("failed while it was loaded: {0}")]
    Failed(String),
}

/// Loads the library at `path`, for good, and describes the plugin in it. Its code runs: load
/// only what you would run.
///
/// # Errors
/// See [`LoadError`].
pub fn load(path: &Path) -> Result<Descriptor, LoadError> {
    let path = path.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => LoadError::NoFile,
        _ => LoadError::Unreadable(error),
    })?;
    let file = std::fs::read(&path).map_err(LoadError::Unreadable)?;
    // SAFETY: whatever its initialisers do, the caller wants it.
    let library = unsafe { Library::new(&path) }.map_err(|error| LoadError::NotALibrary(cause(&error, &path)))?;
    // Never unloaded: objects, names and threads of it may live as long as the program.
    let library: &'static Library = Box::leak(Box::new(library));
    let header = header(library, &path, &file)?;
    let found = header.version_strings().version.as_str();
    if border(found) != border(VERSION) {
        return Err(LoadError::Version { expected: border(VERSION), found: found.into() });
    }
    let layout = header.layout().ok_or(LoadError::NotAPlugin)?;
    check_layout_compatibility(<RootRef as StableAbi>::LAYOUT, layout)
        .map_err(|errors| LoadError::Layout { difference: first_difference(&errors) })?;
    // SAFETY: the layout was checked just now.
    let root = unsafe { header.unchecked_layout::<RootRef>() }.map_err(|error| LoadError::Failed(first_line(error)))?;
    // SAFETY: called first, once per loading; both sides agree on the layout.
    unsafe { (root.start())(Host::HERE) };
    describe(root, path, found).map_err(LoadError::Failed)
}

/// The border's version in one of fika-core: major.minor. Patches leave it as it is.
fn border(version: &str) -> &str {
    version.match_indices('.').nth(1).map_or(version, |(patch, _)| &version[..patch])
}

/// What the system's loader says, which repeats the path.
fn cause(mut error: &dyn std::error::Error, path: &Path) -> String {
    while let Some(deeper) = error.source() {
        error = deeper;
    }
    let line = first_line(error);
    line.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&line).into()
}

fn first_line(error: impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().into()
}

/// The header that the library exports. Tries the names that the file's own name suggests, then all that occur in it.
fn header(library: &Library, path: &Path, file: &[u8]) -> Result<&'static LibHeader, LoadError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().replace('-', "_");
    let short = stem.strip_prefix("lib").unwrap_or(&stem);
    let named = [format!("fika_{short}"), short.into(), stem.clone()];
    let header = |name: &String| {
        // SAFETY: whatever is exported under such a name starts with an `AbiHeader`.
        unsafe { library.get::<AbiHeaderRef>(format!("{SYMBOL_PREFIX}{name}\0")).ok().map(|symbol| *symbol) }
    };
    let found = match named.iter().find_map(header) {
        Some(found) => found,
        None => {
            let mut names = names_in(file);
            names.retain(|name| header(name).is_some());
            match names.as_slice() {
                [] => return Err(LoadError::NotAPlugin),
                [name] => header(name).ok_or(LoadError::NotAPlugin)?,
                names => return Err(LoadError::Several(names.join(", "))),
            }
        }
    };
    found.upgrade().map_err(|error| LoadError::Layout { difference: first_line(error) })
}

/// The identifiers that follow the prefix of exported symbols anywhere in `file`.
fn names_in(file: &[u8]) -> Vec<String> {
    let prefix = SYMBOL_PREFIX.as_bytes();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut names: Vec<String> = file
        .windows(prefix.len())
        .enumerate()
        .filter(|(_, window)| *window == prefix)
        .map(|(at, _)| file[at + prefix.len()..].iter().copied().take_while(is_name).map(char::from).collect())
        .filter(|name: &String| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The first thing that differs, out of a report of thousands of lines.
fn first_difference(errors: &AbiInstabilityErrors) -> String {
    let told = errors.errors.iter().filter(|error| !error.errs.is_empty());
    let Some(error) = told.min_by_key(|error| error.index) else { return "its layout differs".into() };
    let place = error.stack_trace.iter().map(|step| match &step.expected {
        TLFieldOrFunction::Field(field) => field.name(),
        TLFieldOrFunction::Function(function) => function.name.as_str(),
    });
    let mut place: Vec<&str> = place.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
    place.dedup();
    // The innermost function and its parameter say enough.
    let place = &place[place.len().saturating_sub(2)..];
    let what = error.errs.first().map(|what| format!("{what:?}")).unwrap_or_default();
    // `Size(ExpectedFound { expected: 8, found: 16 })`, or the dump of a type.
    let what = match what.split_once("(ExpectedFound") {
        Some((what, numbers)) if numbers.len() < 60 => {
            format!("{what}, {}", numbers.trim_matches([' ', '{', '}', ')']))
        }
        Some((what, _)) => what.into(),
        None => what.chars().take_while(|c| c.is_alphanumeric()).collect(),
    };
    format!("its layout differs at {}: {what}", if place.is_empty() { "the top".into() } else { place.join(".") })
}

fn describe(root: RootRef, path: PathBuf, fika_core: &'static str) -> Result<Descriptor, String> {
    let mut description = None;
    let mut take = |bytes: &[u8]| description = Some(Description::from_bytes(bytes));
    // SAFETY: the taker lives until the call returns.
    let status = unsafe { (root.describe())(Sink::into(&mut take)) };
    if status != ANSWERED {
        return Err(last_panic(root));
    }
    let description = description.ok_or("it does not say what it is")?;
    let Description { name, about, needs, provides, mut params } = catch(|| decoded(description))?;
    let text = |text: String| -> &'static str { one_line(&text).leak() };
    let texts =
        |texts: Vec<String>| -> &'static [&'static str] { texts.into_iter().map(text).collect::<Vec<_>>().leak() };
    params.iter_mut().for_each(|param| param.doc = one_line(&param.doc));
    let kind = match root.make() {
        Make::Consensus(_) => Kind::Consensus,
        Make::Script(_) => Kind::Script,
        Make::Keys(_) => Kind::Keys,
        Make::Tx(_) => Kind::Tx,
        Make::Transport(_) => Kind::Transport,
        Make::Attack(_) => Kind::Attack,
    };
    Ok(Descriptor {
        kind,
        name: text(name),
        about: text(about),
        needs: texts(needs),
        provides: texts(provides),
        origin: Origin::Library(Box::leak(path.into_boxed_path())),
        fika_core,
        maker: Box::leak(Box::new(Loaded { root, params })),
    })
}

fn last_panic(root: RootRef) -> String {
    let mut message = String::new();
    let mut take = |bytes: &[u8]| message = String::from_utf8_lossy(bytes).into_owned();
    // SAFETY: the taker lives until the call returns.
    unsafe { (root.last_panic())(Sink::into(&mut take)) };
    message
}

/// Makes the objects of a loaded plugin.
struct Loaded {
    root: RootRef,
    params: Vec<Param>,
}

impl Maker for Loaded {
    fn params(&self) -> Vec<Param> {
        self.params.clone()
    }

    fn make(&self, table: &str, env: &Env) -> Result<Object, String> {
        macro_rules! make {
            ($make:expr, $kind:ident) => {{
                let mut room = MaybeUninit::<Handle<_>>::uninit();
                let mut error = None;
                let mut take = |text: &[u8]| error = Some(String::from_utf8_lossy(text).into_owned());
                let (to, sink) = (room.as_mut_ptr(), Sink::into(&mut take));
                // SAFETY: everything lives until the call returns.
                let status = around!(send [env as Environment, table as Text] unsafe { ($make.call)(table, env, to, sink) });
                if status != ANSWERED {
                    raise(last_panic(self.root));
                }
                match error {
                    Some(error) => Err(error),
                    // SAFETY: without an error the handle was given to us.
                    None => Ok(Object::$kind(Box::new(unsafe { Remote::take(room.assume_init()) }))),
                }
            }};
        }
        match self.root.make() {
            Make::Consensus(make) => make!(make, Consensus),
            Make::Script(make) => make!(make, Script),
            Make::Keys(make) => make!(make, Keys),
            Make::Tx(make) => make!(make, Tx),
            Make::Transport(make) => make!(make, Transport),
            Make::Attack(make) => make!(make, Attack),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::border;

    #[test]
    fn a_patch_leaves_the_border_as_it_is() {
        assert_eq!(border("0.1.0"), border("0.1.12"));
        assert_eq!(border("1.20.3-rc.1"), "1.20");
        assert_ne!(border("0.1.0"), border("0.10.0"));
        assert_ne!(border("1.2.0"), border("2.2.0"));
        assert_eq!(border("nonsense"), "nonsense");
    }
}
