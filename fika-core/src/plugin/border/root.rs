//! What a library exports: one static with the layout of everything that may cross, and the
//! functions that describe and make its plugin.

use std::marker::PhantomData;

use abi_stable::StableAbi;
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModule, RootModuleResult};
use abi_stable::marker_type::ErasedPrefix;
use abi_stable::package_version_strings;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::ROk;

use super::agent::AttackTable;
use super::arguments::Text;
use super::consensus::ConsensusTable;
use super::environment::Environment;
use super::events::{self, Host};
use super::keys::KeysTable;
use super::remote::{Handle, respond};
use super::script::ScriptTable;
use super::transport::TransportTable;
use super::tx::TxTable;
use super::wire::{Bytes, Crosses, Sink, with_buffer};
use crate::agent::Attack;
use crate::codec::{Encode, coded_struct};
use crate::consensus::Consensus;
use crate::keys::KeyScheme;
use crate::plugin::descriptor::{Descriptor, Object, compiled};
use crate::plugin::panics::install_hook;
use crate::plugin::{Param, Plugin};
use crate::script::Script;
use crate::transport::Transport;
use crate::tx::TxFormat;

/// The start of the symbol that a plugin exports; the crate's name follows.
pub(crate) const SYMBOL_PREFIX: &str = "fika_plugin_";

/// What a plugin's crate exports. Only [`export!`](crate::export) makes one.
#[repr(transparent)]
pub struct Entry(LibHeader);

/// The functions of a library.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootRef)))]
pub(crate) struct Root {
    /// Once, before anything else is called.
    pub(super) start: unsafe extern "C" fn(Host),
    /// An encoded [`Description`].
    pub(super) describe: unsafe extern "C" fn(Sink) -> u8,
    pub(super) last_panic: unsafe extern "C" fn(Sink),
    #[sabi(last_prefix_field)]
    pub(super) make: Make,
}

/// How the library makes its plugin, by kind.
#[repr(u8)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) enum Make {
    Consensus(MakeFn<ConsensusTable>),
    Script(MakeFn<ScriptTable>),
    Keys(MakeFn<KeysTable>),
    Tx(MakeFn<TxTable>),
    Transport(MakeFn<TransportTable>),
    Attack(MakeFn<AttackTable>),
}

/// Makes a plugin from its table and the environment, or puts into the sink why it cannot.
#[repr(transparent)]
#[derive(StableAbi)]
pub(crate) struct MakeFn<V> {
    pub(super) call: unsafe extern "C" fn(Bytes, <Environment as Crosses>::Wire, *mut Handle<V>, Sink) -> u8,
}

impl<V> Clone for MakeFn<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for MakeFn<V> {}

// The layout checker compares the package's version, too, but is content with compatible ones.
impl RootModule for RootRef {
    abi_stable::declare_root_module_statics! {RootRef}
    const BASE_NAME: &'static str = "fika_plugin";
    const NAME: &'static str = "fika_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// What is known of a plugin before it is made.
pub(super) struct Description {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) needs: Vec<String>,
    pub(super) provides: Vec<String>,
    pub(super) params: Vec<Param>,
}

coded_struct!(Description { name, about; needs, provides, params });
coded_struct!(Param { key, doc, default });

impl Description {
    fn of(plugin: &Descriptor) -> Description {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
        Description {
            name: plugin.name.into(),
            about: plugin.about.into(),
            needs: texts(plugin.needs),
            provides: texts(plugin.provides),
            params: plugin.params(),
        }
    }
}

unsafe extern "C" fn start(host: Host) {
    install_hook();
    events::forward(host);
}

/// The functions of the library of `P`, whose objects have the table `V`.
struct Library<P, V>(PhantomData<(P, V)>);

macro_rules! kinds {
    ($($word:ident $kind:ident $trait:ident $table:ident;)*) => {
        /// The entries of the libraries of `P`, by kind.
        pub mod entry {
            use super::*;
            $(
                #[doc = concat!("The entry of a library with the ", stringify!($word), " plugin `P`.")]
                pub const fn $word<P: Plugin + $trait>() -> Entry {
                    // SAFETY: `Library::load` gives a `PrefixRef<Root_Prefix>`, erased.
                    Entry(unsafe { LibHeader::from_constructor::<RootRef>(Library::<P, $table>::load, CheckTypeLayout::Yes) })
                }
            )*
        }

        $(
            impl<P: Plugin + $trait> Library<P, $table> {
                const PLUGIN: Descriptor = compiled::$word::<P>();
                const ROOT: &'static WithMetadata<Root> = &WithMetadata::new(Root {
                    start,
                    describe: Self::describe,
                    last_panic: super::remote::last_panic,
                    make: Make::$kind(MakeFn { call: Self::make }),
                });

                extern "C" fn load() -> RootModuleResult {
                    // SAFETY: whoever loads it checks the layout before it casts back.
                    ROk(unsafe { Self::ROOT.static_as_prefix().cast::<ErasedPrefix>() })
                }

                /// # Safety
                /// The sink's taker is alive.
                unsafe extern "C" fn describe(to: Sink) -> u8 {
                    respond(|| with_buffer(
                        |buffer| Description::of(&Self::PLUGIN).encode(buffer),
                        // SAFETY: promised by the caller.
                        |bytes| unsafe { to.put(bytes) },
                    ))
                }

                /// # Safety
                /// As for every function of a table; `to` has room for the handle.
                unsafe extern "C" fn make(
                    table: Bytes,
                    env: <Environment as Crosses>::Wire,
                    to: *mut Handle<$table>,
                    error: Sink,
                ) -> u8 {
                    // SAFETY: promised by the caller.
                    respond(|| unsafe {
                        around!(receive [env as Environment, table as Text] {
                            match Self::PLUGIN.maker.make(table, env) {
                                Ok(Object::$kind(object)) => to.write(Handle::give(object)),
                                Ok(_) => unreachable!("the maker of one kind makes another"),
                                Err(text) => error.put(text.as_bytes()),
                            }
                        })
                    })
                }
            }
        )*
    };
}

kinds! {
    consensus Consensus Consensus ConsensusTable;
    script Script Script ScriptTable;
    keys Keys KeyScheme KeysTable;
    tx Tx TxFormat TxTable;
    transport Transport Transport TransportTable;
    attack Attack Attack AttackTable;
}
