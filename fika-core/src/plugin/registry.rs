//! The plugins that a program knows by name.

use super::{Descriptor, Kind};

/// Plugins by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    plugins: Vec<Descriptor>,
}

impl Registry {
    /// A registry without plugins.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// The same with `plugin` in it.
    #[must_use]
    pub fn with(mut self, plugin: Descriptor) -> Registry {
        self.add(plugin);
        self
    }

    /// Adds a plugin; one of the same kind and name is replaced.
    pub fn add(&mut self, plugin: Descriptor) {
        let at = |known: &Descriptor| (known.kind, known.name).cmp(&(plugin.kind, plugin.name));
        match self.plugins.binary_search_by(at) {
            Ok(at) => self.plugins[at] = plugin,
            Err(at) => self.plugins.insert(at, plugin),
        }
    }

    /// All plugins, by kind, then by name.
    pub fn iter(&self) -> impl Iterator<Item = &Descriptor> {
        self.plugins.iter()
    }

    /// The plugin of this kind and name.
    ///
    /// # Errors
    /// Lists what there is.
    pub fn get(&self, kind: Kind, name: &str) -> Result<&Descriptor, String> {
        let of_kind = || self.iter().filter(|plugin| plugin.kind == kind);
        of_kind().find(|plugin| plugin.name == name).ok_or_else(|| {
            let names: Vec<&str> = of_kind().map(|plugin| plugin.name).collect();
            let known = if names.is_empty() { "none compiled in".into() } else { names.join(", ") };
            format!("expected a {kind} plugin ({known}) or a path with a slash, found {name}")
        })
    }
}

/// Whether every feature that one of the `resolved` plugins needs is provided by another.
///
/// # Errors
/// One line that names the plugin in need and the one that should provide.
pub fn check_fit(resolved: &[Descriptor]) -> Result<(), String> {
    for plugin in resolved {
        for need in plugin.needs {
            if resolved.iter().any(|other| other.provides.contains(need)) {
                continue;
            }
            let wanted = need.split_once('.').and_then(|(kind, _)| kind.parse::<Kind>().ok());
            let other = resolved.iter().find(|other| Some(other.kind) == wanted);
            let lacking = match other {
                Some(other) => format!("the {} plugin {} does not provide it", other.kind, other.name),
                None => "no plugin of the set provides it".into(),
            };
            return Err(format!("the {} plugin {} needs {need}: {lacking}", plugin.kind, plugin.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::Anyone;
    use crate::env::Env;
    use crate::plugin::Plugin;
    use crate::plugin::export::compiled;
    use crate::script::PayToAddress;

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct NoParams {}

    impl Plugin for Anyone {
        const NAME: &'static str = "anyone";
        const ABOUT: &'static str = "Anyone may add a block.";
        const NEEDS: &'static [&'static str] = &["script.owners"];
        type Params = NoParams;
        fn new(_: NoParams, env: &Env) -> Result<Self, String> {
            Ok(Anyone(env.clone()))
        }
    }

    impl Plugin for PayToAddress {
        const NAME: &'static str = "pay-to-address";
        const ABOUT: &'static str = "Locks are addresses.";
        type Params = NoParams;
        fn new(_: NoParams, _: &Env) -> Result<Self, String> {
            Ok(PayToAddress)
        }
    }

    const CONSENSUS: Descriptor = compiled::consensus::<Anyone>();
    const SCRIPT: Descriptor = compiled::script::<PayToAddress>();

    #[test]
    fn plugins_are_found_by_kind_and_name() {
        let registry = Registry::new().with(SCRIPT).with(CONSENSUS).with(CONSENSUS);
        assert_eq!(registry.iter().count(), 2);
        assert_eq!(registry.get(Kind::Consensus, "anyone").unwrap().name, "anyone");
        let error = registry.get(Kind::Script, "anyone").unwrap_err();
        assert_eq!(error, "expected a script plugin (pay-to-address) or a path with a slash, found anyone");
    }

    #[test]
    fn a_set_that_does_not_fit_is_refused_with_both_names() {
        let error = check_fit(&[CONSENSUS, SCRIPT]).unwrap_err();
        let expected =
            "the consensus plugin anyone needs script.owners: the script plugin pay-to-address does not provide it";
        assert_eq!(error, expected);
        let provider = Descriptor { provides: &["script.owners"], ..SCRIPT };
        assert_eq!(check_fit(&[CONSENSUS, provider]), Ok(()));
    }
}
