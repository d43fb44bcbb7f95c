//! Plugins: how one rule of a coin is named, described, made and called.
//!
//! An author implements a trait and [`Plugin`], and ends the crate with one line:
//!
//! ```
//! use fika_core::consensus::Anyone;
//! use fika_core::env::Env;
//! use fika_core::plugin::Plugin;
//!
//! # struct Lottery(Anyone);
//! # impl fika_core::consensus::Consensus for Lottery {
//! #     fn check(&self, block: &fika_core::view::BlockView<'_>, parent: &fika_core::view::BlockView<'_>,
//! #         past: &dyn fika_core::view::ChainView) -> Result<(), fika_core::reject::Reject> { self.0.check(block, parent, past) }
//! #     fn agent(&self, me: fika_core::address::Address) -> Box<dyn fika_core::agent::Agent> { self.0.agent(me) }
//! # }
//! #[derive(Default, serde::Serialize, serde::Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Params {}
//!
//! impl Plugin for Lottery {
//!     const NAME: &'static str = "lottery";
//!     const ABOUT: &'static str = "Anyone may win.";
//!     type Params = Params;
//!
//!     fn new(_: Params, env: &Env) -> Result<Self, String> {
//!         Ok(Lottery(Anyone(env.clone())))
//!     }
//! }
//!
//! fika_core::export!(consensus Lottery);
//! # fn main() { assert_eq!(PLUGIN.name, "lottery") }
//! ```
//!
//! [`export!`](crate::export) makes a [`Descriptor`] of it, `PLUGIN`, for hosts that compile the crate in, and
//! the entry through which others load it as a library. A [`Registry`] holds the descriptors of both.

mod border;
mod call_watch;
mod descriptor;
#[doc(hidden)]
pub mod export;
mod faults;
mod guard;
mod panics;
mod params;
mod registry;
mod text;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::border::{LoadError, load};
pub use self::call_watch::{CallSite, CallWatch, LongCall};
pub use self::descriptor::{Descriptor, Origin};
pub use self::faults::{Fault, Faults};
pub use self::params::Param;
pub use self::registry::{Registry, check_fit};
use crate::env::Env;

/// The version of fika-core. Its major.minor is that of the border: libraries built with another one are not loaded.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Which trait a plugin implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Consensus`](crate::consensus::Consensus)
    Consensus,
    /// [`Script`](crate::script::Script)
    Script,
    /// [`KeyScheme`](crate::keys::KeyScheme)
    Keys,
    /// [`TxFormat`](crate::tx::TxFormat)
    Tx,
    /// [`Transport`](crate::transport::Transport)
    Transport,
    /// [`Attack`](crate::agent::Attack)
    Attack,
}

impl Kind {
    /// Every kind, in the order in which a chain is put together.
    pub const ALL: [Kind; 6] = [Kind::Consensus, Kind::Script, Kind::Keys, Kind::Tx, Kind::Transport, Kind::Attack];

    /// The kind's name: the table of the experiment file, the option, and the word in [`export!`](crate::export).
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Consensus => "consensus",
            Kind::Script => "script",
            Kind::Keys => "keys",
            Kind::Tx => "tx",
            Kind::Transport => "transport",
            Kind::Attack => "attack",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let names = Kind::ALL.map(Kind::name).join(", ");
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("expected a kind of plugin ({names}), found {text}"))
    }
}

/// How a plugin of any kind is made from its own table in the experiment file.
pub trait Plugin: Sized + 'static {
    /// What experiments call it.
    const NAME: &'static str;
    /// What it is, in one line.
    const ABOUT: &'static str;
    /// Every key of [`Params`](Plugin::Params), with its meaning and unit.
    const PARAMS: &'static [(&'static str, &'static str)] = &[];
    /// Features that some other plugin of the set must provide, each as `kind.feature`: `tx.coins`
    /// is one that the transaction format must have among its [`PROVIDES`](Plugin::PROVIDES).
    const NEEDS: &'static [&'static str] = &[];
    /// Features that this plugin provides, written as in [`NEEDS`](Plugin::NEEDS).
    const PROVIDES: &'static [&'static str] = &[];
    /// The table's keys; every one has a default. Refuse unknown keys (`#[serde(default, deny_unknown_fields)]`).
    type Params: DeserializeOwned + Serialize + Default;

    /// The plugin for one chain.
    ///
    /// # Errors
    /// One line that names the key whose value cannot be.
    fn new(params: Self::Params, env: &Env) -> Result<Self, String>;
}
