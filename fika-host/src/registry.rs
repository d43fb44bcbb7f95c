//! The plugins that are compiled into this program.

use std::ops::Deref;

use fika_core::plugin::Descriptor;

/// Plugins by kind and name: the stock ones and your own.
///
/// ```no_run
/// use fika_host::Registry;
///
/// fn main() -> std::process::ExitCode {
///     fika_host::run(Registry::stock()) // and .with(my_consensus::PLUGIN)
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry(fika_core::plugin::Registry);

impl Registry {
    /// The stock plugins that the cargo features of fika-host turn on. By default all of them are.
    pub fn stock() -> Registry {
        let plugins: &[Descriptor] = &[
            #[cfg(feature = "pow")]
            fika_pow::PLUGIN,
            #[cfg(feature = "pos")]
            fika_pos::PLUGIN,
            #[cfg(feature = "hybrid")]
            fika_hybrid::PLUGIN,
            #[cfg(feature = "stack-vm")]
            fika_stack_vm::PLUGIN,
            #[cfg(feature = "rsa")]
            fika_rsa::PLUGIN,
            #[cfg(feature = "secp256k1")]
            fika_secp256k1::PLUGIN,
            #[cfg(feature = "toy")]
            fika_toy::PLUGIN,
            #[cfg(feature = "utxo")]
            fika_utxo::PLUGIN,
            #[cfg(feature = "tcp")]
            fika_tcp::PLUGIN,
            #[cfg(feature = "tcp-json")]
            fika_tcp_json::PLUGIN,
            #[cfg(feature = "selfish")]
            fika_selfish::PLUGIN,
            #[cfg(feature = "lying")]
            fika_lying::PLUGIN,
            #[cfg(feature = "omitting")]
            fika_omitting::PLUGIN,
        ];
        plugins.iter().copied().fold(Registry::empty(), Registry::with)
    }

    /// No plugins. A host with this registry loads all plugins from libraries.
    pub fn empty() -> Registry {
        Registry::default()
    }

    /// Adds `plugin`. It replaces a plugin of the same kind and name.
    #[must_use]
    pub fn with(self, plugin: Descriptor) -> Registry {
        Registry(self.0.with(plugin))
    }
}

impl Deref for Registry {
    type Target = fika_core::plugin::Registry;

    fn deref(&self) -> &fika_core::plugin::Registry {
        &self.0
    }
}
