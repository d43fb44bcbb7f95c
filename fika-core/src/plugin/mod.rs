//! Plugins: how one rule of a coin is named, described and made.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::env::Env;

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

/// How a plugin of any kind is made from its own table in the experiment file.
pub trait Plugin: Sized + 'static {
    /// What experiments call it.
    const NAME: &'static str;
    /// What it is, in one line.
    const ABOUT: &'static str;
    /// Every key of [`Params`](Plugin::Params), with its meaning and unit.
    const PARAMS: &'static [(&'static str, &'static str)] = &[];
    /// Features that some other plugin of the set must provide.
    const NEEDS: &'static [&'static str] = &[];
    /// Features that this plugin provides.
    const PROVIDES: &'static [&'static str] = &[];
    /// The table's keys; every one has a default. Refuse unknown keys (`#[serde(default, deny_unknown_fields)]`).
    type Params: DeserializeOwned + Serialize + Default;

    /// The plugin for one chain.
    ///
    /// # Errors
    /// One line that names the key whose value cannot be.
    fn new(params: Self::Params, env: &Env) -> Result<Self, String>;
}
