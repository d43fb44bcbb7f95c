//! A plugin's own table: read with errors that name the key, listed with its defaults.

use serde::de::DeserializeOwned;

use super::Plugin;

/// One key of a plugin's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The key.
    pub key: String,
    /// Its meaning and unit.
    pub doc: String,
    /// Its default as TOML; empty when it is unset.
    pub default: String,
}

/// Reads `P`'s table.
pub(super) fn read<P: Plugin>(table: &str) -> Result<P::Params, String> {
    let table: toml::Table = toml::from_str(table).map_err(|error| error.message().replace('\n', " "))?;
    let known = P::PARAMS.iter().map(|(key, _)| *key);
    if let Some(key) = table.keys().find(|key| !known.clone().any(|known| known == key.as_str())) {
        return Err(format!("{key}: unknown key, expected {}", one_of(known)));
    }
    from_table(table.clone()).map_err(|error| {
        // Every key has a default, so the one to blame fails alone, too.
        let alone = table.into_iter().find_map(|(key, value)| {
            let alone: Result<P::Params, String> = from_table([(key.clone(), value)].into_iter().collect());
            Some(format!("{key}: {}", alone.err()?))
        });
        alone.unwrap_or(error)
    })
}

fn from_table<T: DeserializeOwned>(table: toml::Table) -> Result<T, String> {
    T::deserialize(table).map_err(|error| in_house_order(&error.message().replace('\n', " ")))
}

/// What was expected, then what was found, out of the ways in which serde says it.
fn in_house_order(message: &str) -> String {
    let found = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    let turned = found
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.split_once(", expected "))
        .map(|(found, expected)| format!("expected {expected}, found {found}"));
    turned.unwrap_or_else(|| message.into())
}

fn one_of<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    match keys.collect::<Vec<_>>().as_slice() {
        [] => "an empty table".into(),
        [key] => (*key).into(),
        keys => format!("one of {}", keys.join(", ")),
    }
}

/// The keys of `P` in the order in which it lists them.
pub(super) fn list<P: Plugin>() -> Vec<Param> {
    let defaults = toml::Table::try_from(P::Params::default()).unwrap_or_default();
    let default = |key: &str| defaults.get(key).map(toml::Value::to_string).unwrap_or_default();
    P::PARAMS.iter().map(|(key, doc)| Param { key: (*key).into(), doc: (*doc).into(), default: default(key) }).collect()
}

/// Whether [`Plugin::PARAMS`] lists the keys of [`Plugin::Params`], each once and no other; made
/// a test of every plugin crate by [`export!`](crate::export).
///
/// # Errors
/// Names the key that is missing or not there.
pub(super) fn check<P: Plugin>() -> Result<(), String> {
    const NO_KEY: &str = "no such key";
    let probe = |key: &str| from_table::<P::Params>([(key.to_string(), toml::Value::Integer(0))].into_iter().collect());
    let is_unknown = |key: &str| probe(key).is_err_and(|error| error.contains("unknown field"));
    let defaults = toml::Table::try_from(P::Params::default())
        .map_err(|error| format!("the default parameters cannot be written as TOML: {error}"))?;
    if !is_unknown(NO_KEY) {
        return Err("the parameters accept any key: add #[serde(default, deny_unknown_fields)]".into());
    }
    if let Some(key) = defaults.keys().find(|key| !P::PARAMS.iter().any(|(known, _)| known == key)) {
        return Err(format!("PARAMS does not list the key {key}"));
    }
    if let Some((key, _)) = P::PARAMS.iter().find(|(key, _)| !defaults.contains_key(*key) && is_unknown(key)) {
        return Err(format!("PARAMS lists {key}, which is no key of the parameters"));
    }
    if let Some((key, _)) = P::PARAMS.iter().find(|(key, _)| P::PARAMS.iter().filter(|(k, _)| k == key).count() > 1) {
        return Err(format!("PARAMS lists {key} twice"));
    }
    from_table::<P::Params>(toml::Table::new()).map_err(|error| format!("a parameter has no default: {error}"))?;
    from_table::<P::Params>(defaults).map_err(|error| format!("the defaults do not read back: {error}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::env::Env;

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Params {
        slot: u32,
        mode: Mode,
        note: Option<String>,
    }

    impl Default for Params {
        fn default() -> Params {
            Params { slot: 5, mode: Mode::Slow, note: None }
        }
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Slow,
        Fast,
    }

    macro_rules! plugin {
        ($name:ident, $params:expr) => {
            struct $name;
            impl Plugin for $name {
                const NAME: &'static str = "sample";
                const ABOUT: &'static str = "For this test.";
                const PARAMS: &'static [(&'static str, &'static str)] = &$params;
                type Params = Params;
                fn new(_: Params, _: &Env) -> Result<Self, String> {
                    Ok($name)
                }
            }
        };
    }
    plugin!(Good, [("slot", "length in seconds"), ("mode", "how fast"), ("note", "free text")]);
    plugin!(Short, [("slot", "length in seconds"), ("note", "free text")]);
    plugin!(Long, [("slot", ""), ("mode", ""), ("note", ""), ("extra", "")]);
    plugin!(Twice, [("slot", ""), ("mode", ""), ("note", ""), ("slot", "")]);

    #[test]
    fn a_bad_table_gives_one_line_that_names_the_key() {
        let error = |table| read::<Good>(table).unwrap_err();
        assert_eq!(error("slot = 'x'"), "slot: expected u32, found string \"x\"");
        assert_eq!(error("mode = 'fast'\nslot = -1"), "slot: expected u32, found integer `-1`");
        assert_eq!(error("mode = 'warp'"), "mode: expected `slow` or `fast`, found `warp`");
        assert_eq!(error("slots = 1"), "slots: unknown key, expected one of slot, mode, note");
        assert_eq!(error("slot = ").lines().count(), 1);
        assert_eq!(read::<Good>("slot = 7").unwrap().slot, 7);
    }

    #[test]
    fn the_list_has_the_defaults() {
        let list = list::<Good>();
        assert_eq!(list[0], Param { key: "slot".into(), doc: "length in seconds".into(), default: "5".into() });
        assert_eq!(list[1].default, "\"slow\"");
        assert_eq!(list[2].default, "");
    }

    #[test]
    fn a_list_that_differs_from_the_parameters_is_noticed() {
        assert_eq!(check::<Good>(), Ok(()));
        assert_eq!(check::<Short>(), Err("PARAMS does not list the key mode".into()));
        assert_eq!(check::<Long>(), Err("PARAMS lists extra, which is no key of the parameters".into()));
        assert_eq!(check::<Twice>(), Err("PARAMS lists slot twice".into()));
    }
}
