//! What [`export!`](crate::export) expands to. Not for authors.

pub use super::border::root::{Entry, entry};
pub use super::descriptor::compiled;
use super::{Plugin, params};

/// Ends a plugin crate: `fika_core::export!(consensus Pow);`, where the first word is `consensus`,
/// `script`, `keys`, `tx`, `transport` or `attack` and `Pow` implements that kind's trait and
/// [`Plugin`](crate::plugin::Plugin). Once per crate.
///
/// It makes `PLUGIN`, the crate's [`Descriptor`](crate::plugin::Descriptor), the entry of the
/// crate's library, and a test that the documented parameters are the real ones.
#[macro_export]
macro_rules! export {
    ($kind:ident $plugin:ty) => {
        /// This plugin, for hosts that compile it in.
        pub const PLUGIN: $crate::plugin::Descriptor = $crate::plugin::export::compiled::$kind::<$plugin>();

        const _: () = {
            // SAFETY: no other crate of the program has this name.
            #[unsafe(export_name = concat!("fika_plugin_", env!("CARGO_CRATE_NAME")))]
            static ENTRY: $crate::plugin::export::Entry = $crate::plugin::export::entry::$kind::<$plugin>();
        };

        #[cfg(test)]
        mod exported {
            use super::*;

            #[test]
            fn every_parameter_is_documented() {
                $crate::plugin::export::check_params::<$plugin>();
            }
        }
    };
}

/// # Panics
/// When [`Plugin::PARAMS`] does not list the keys of the default parameters.
pub fn check_params<P: Plugin>() {
    if let Err(error) = params::check::<P>() {
        panic!("{}: {error}", P::NAME);
    }
}
