//! What is known of a plugin before it is made.

use std::fmt;
use std::path::Path;

use super::faults::Faults;
use super::guard::{Guard, Guarded};
use super::params::Param;
use super::text::one_line;
use super::{Kind, Plugin, VERSION, params};
use crate::agent::Attack;
use crate::consensus::Consensus;
use crate::env::Env;
use crate::keys::KeyScheme;
use crate::script::Script;
use crate::transport::Transport;
use crate::tx::TxFormat;

/// Where a plugin comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Linked into this program.
    CompiledIn,
    /// A library that was loaded from here.
    Library(&'static Path),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CompiledIn => f.pad("compiled in"),
            Origin::Library(path) => path.display().fmt(f),
        }
    }
}

/// A plugin by its description. Libraries are never unloaded, so all of it lives as long as the program.
#[derive(Clone, Copy)]
pub struct Descriptor {
    /// Which trait it implements.
    pub kind: Kind,
    /// What experiments call it.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Features that another plugin of the set must provide.
    pub needs: &'static [&'static str],
    /// Features that it provides.
    pub provides: &'static [&'static str],
    /// Where it comes from.
    pub origin: Origin,
    /// The version of fika-core that it was compiled with.
    pub fika_core: &'static str,
    pub(super) maker: &'static dyn Maker,
}

/// A plugin object of any kind, as its maker gives it.
pub(super) enum Object {
    Consensus(Box<dyn Consensus>),
    Script(Box<dyn Script>),
    Keys(Box<dyn KeyScheme>),
    Tx(Box<dyn TxFormat>),
    Transport(Box<dyn Transport>),
    Attack(Box<dyn Attack>),
}

/// Makes objects of one plugin, whichever road it came by.
pub(super) trait Maker: Sync {
    fn params(&self) -> Vec<Param>;
    fn make(&self, table: &str, env: &Env) -> Result<Object, String>;
}

/// The maker of a plugin that is linked into this program.
struct Compiled<P> {
    object: fn(P) -> Object,
}

impl<P: Plugin> Maker for Compiled<P> {
    fn params(&self) -> Vec<Param> {
        params::list::<P>()
    }

    fn make(&self, table: &str, env: &Env) -> Result<Object, String> {
        params::read::<P>(table).and_then(|params| P::new(params, env)).map(self.object)
    }
}

macro_rules! kinds {
    ($($word:ident $kind:ident $trait:ident $doc:literal;)*) => {
        impl Descriptor {$(
            #[doc = concat!("Makes the ", $doc, " from its own table in TOML (empty: all defaults).\n\n")]
            /// Panics inside become faults in `faults`.
            ///
            /// # Errors
            /// One line that names the table and the key that is wrong; also when the plugin is of another kind.
            pub fn $word(&self, table: &str, env: &Env, faults: &Faults) -> Result<Box<dyn $trait>, String> {
                match self.make(table, env, faults)? {
                    Object::$kind(object) => Ok(object),
                    _ => Err(format!("expected a {} plugin, found the {} plugin {}", stringify!($word), self.kind, self.name)),
                }
            }
        )*}

        impl Object {
            fn guarded(self, guard: Guard) -> Object {
                match self {$(
                    Object::$kind(object) => Object::$kind(Box::new(Guarded::new(object, guard))),
                )*}
            }
        }

        /// Descriptors of plugins that are linked into this program.
        #[doc(hidden)]
        pub mod compiled {$(
            pub const fn $word<P: super::Plugin + super::$trait>() -> super::Descriptor {
                super::compiled_in::<P>(
                    super::Kind::$kind,
                    const { &super::Compiled::<P> { object: |plugin| super::Object::$kind(Box::new(plugin)) } },
                )
            }
        )*}
    };
}

kinds! {
    consensus Consensus Consensus "consensus rules";
    script Script Script "script language";
    keys Keys KeyScheme "key scheme";
    tx Tx TxFormat "transaction format";
    transport Transport Transport "transport";
    attack Attack Attack "attack";
}

const fn compiled_in<P: Plugin>(kind: Kind, maker: &'static dyn Maker) -> Descriptor {
    Descriptor {
        kind,
        name: P::NAME,
        about: P::ABOUT,
        needs: P::NEEDS,
        provides: P::PROVIDES,
        origin: Origin::CompiledIn,
        fika_core: VERSION,
        maker,
    }
}

impl Descriptor {
    /// The keys of the plugin's table, with their meaning and defaults.
    pub fn params(&self) -> Vec<Param> {
        self.maker.params()
    }

    /// Makes the plugin, whatever its kind, and forgets it: only its table is of interest.
    ///
    /// # Errors
    /// One line that names the table and the key that is wrong.
    pub fn check(&self, table: &str, env: &Env, faults: &Faults) -> Result<(), String> {
        self.make(table, env, faults).map(drop)
    }

    fn make(&self, table: &str, env: &Env, faults: &Faults) -> Result<Object, String> {
        let guard = Guard::new(self.name, faults);
        let object = guard.call(&"new", || self.maker.make(table, env))?;
        let refusal = |error: String| format!("[{}.{}] {}", self.kind, self.name, one_line(&error));
        Ok(object.map_err(refusal)?.guarded(guard))
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.kind, self.name, self.origin)
    }
}
