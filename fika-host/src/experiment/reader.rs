//! Reads one table of the tree as its schema says.

use fika_core::amount::{Amount, MAX_AMOUNT};

use super::key::{DEGREE_MAX, Form, Key, NONE, REQUIRED, Schema};
use super::source::{Item, Override, Place, Problems, Table, Value};
use crate::limits::{NAME_BYTES_MAX, is_name, shortened};
use crate::quantity;

/// Pairs in a list of weights.
const WEIGHTS_MAX: usize = 1_000;
/// Names looked at for a "did you mean".
const CANDIDATES_MAX: usize = 1_000;

/// A value in base units.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Read {
    Nothing,
    Number(u64),
    HashRate(u128),
    Signed(i64),
    Text(String),
    Numbers(Vec<u64>),
    Texts(Vec<(Place, String)>),
    Groups(Vec<Vec<(Place, String)>>),
    Range(u64, u64),
    Pairs(Vec<(u64, u64)>),
}

/// One table with its schema. Reading a bad value adds a problem and returns a harmless value.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) place: Place,
    schema: &'static Schema,
    table: Option<&'a Table>,
    fallback: Option<&'a Table>,
    /// Something else stands where the table should be. That is told, so that no key is missing.
    broken: bool,
    problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// Reads `item` and checks its keys. Keys that it lacks are taken from `fallback`.
    pub(super) fn new(
        schema: &'static Schema,
        item: Option<&'a Item>,
        fallback: Option<&'a Table>,
        problems: &'a Problems,
    ) -> Fields<'a> {
        let place = item.map_or(Place::Code, |item| item.place);
        let mut fields = Fields { place, schema, table: None, fallback, broken: false, problems };
        match item.map(|item| (&item.value, item)) {
            None => {}
            Some((Value::Table(table), _)) => {
                fields.table = Some(table);
                fields.check_keys(table);
            }
            Some((_, item)) => {
                fields.broken = true;
                problems.add(item.place, || format!("expected a table for {}, found {}", schema.title, item.found()));
            }
        }
        fields
    }

    fn check_keys(&self, table: &Table) {
        for (name, (place, item)) in table {
            let known = self.schema.keys.iter().find(|key| key.name == name);
            if let Some(key) = known.filter(|key| !is_none(key, item)) {
                self.problems.needs(key.needs, *place, name, self.schema.title);
            }
            match known.map(|key| key.form) {
                Some(Form::Later(why)) => self
                    .problems
                    .add(*place, || format!("'{name}' in {} is not built in this version: {why}", self.schema.title)),
                Some(_) => {}
                None if self.schema.open && matches!(item.value, Value::Table(_)) => {}
                None => self.problems.add(*place, || {
                    let names = || {
                        let keys = self.schema.keys.iter().filter(|key| !matches!(key.form, Form::Later(_)));
                        keys.map(|key| key.name)
                    };
                    let expected = names().collect::<Vec<_>>().join(", ");
                    let meant = did_you_mean(name, names());
                    // As the file has it: the head of a table.
                    let below = match &item.value {
                        Value::Table(table) => {
                            table.iter().find(|(_, (_, item))| matches!(item.value, Value::Table(_)))
                        }
                        _ => None,
                    };
                    let name = below.map_or(name.clone(), |(below, _)| format!("{name}.{below}"));
                    let name = shortened(&name);
                    format!("unknown key '{name}' in {}; expected one of: {expected}{meant}", self.schema.title)
                }),
            }
        }
    }

    pub(super) fn problem(&self, key: &str, message: impl FnOnce() -> String) {
        let place = self.item(key).map_or(self.place, |item| item.place);
        self.problems.add(place, || format!("'{key}' in {}: {}", self.schema.title, message()));
    }

    fn item(&self, key: &str) -> Option<&'a Item> {
        let find = |table: Option<&'a Table>| table.and_then(|table| table.get(key)).map(|(_, item)| item);
        find(self.table).or_else(|| find(self.fallback))
    }

    /// Whether nothing else stands where the table should be.
    pub(super) fn is_table(&self) -> bool {
        !self.broken
    }

    /// Whether nothing else stands where the list of tables should be.
    pub(super) fn has_list(&self, key: &str) -> bool {
        let is_list = |item: &Item| match &item.value {
            Value::List(items) => items.iter().all(|item| matches!(item.value, Value::Table(_))),
            _ => false,
        };
        !self.broken && self.item(key).is_none_or(is_list)
    }

    /// Whether an unknown key of the table looks like this one, which is told already.
    fn is_misspelt(&self, key: &str) -> bool {
        let unknown = |name: &&String| self.schema.keys.iter().all(|key| key.name != **name);
        let names = self.table.into_iter().flat_map(Table::keys);
        let close = |name: &String| !did_you_mean(name, std::iter::once(key)).is_empty();
        names.filter(unknown).any(close)
    }

    /// Whether the table itself (not its fallback) has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The table below `key`, as written.
    pub(super) fn below(&self, key: &str) -> Option<&'a Item> {
        self.item(key)
    }

    /// The value of `key`, unless it is absent or `none`.
    pub(super) fn given(&self, key: &str) -> Option<&'a Item> {
        self.item(key).filter(|item| !is_none(self.key(key), item))
    }

    /// The table below `key`, read.
    pub(super) fn table(&self, key: &str, schema: &'static Schema) -> Fields<'a> {
        Fields::new(schema, self.given(key), None, self.problems)
    }

    /// The tables of the list `key`.
    pub(super) fn tables(&self, key: &str, schema: &'static Schema, fallback: Option<&'a Table>) -> Vec<Fields<'a>> {
        let items = match self.item(key).map(|item| (&item.value, item)) {
            None => return vec![],
            Some((Value::List(items), _)) => items,
            Some((_, item)) => {
                let title = schema.title;
                self.problems.add(item.place, || format!("expected a list of tables {title}, found {}", item.found()));
                return vec![];
            }
        };
        items.iter().map(|item| Fields::new(schema, Some(item), fallback, self.problems)).collect()
    }

    /// The tables that are not known keys: a plugin's own.
    pub(super) fn others(&self) -> impl Iterator<Item = (&'a str, &'a Item)> {
        let known = |name: &str| self.schema.keys.iter().any(|key| key.name == name);
        let entries = self.table.into_iter().flatten();
        entries.filter(move |(name, _)| !known(name)).map(|(name, (_, item))| (name.as_str(), item))
    }

    fn key(&self, name: &str) -> &'static Key {
        let key = self.schema.keys.iter().find(|key| key.name == name);
        key.unwrap_or_else(|| panic!("{} has no key '{name}' in its schema", self.schema.title))
    }

    pub(super) fn read(&self, name: &str) -> Read {
        let key = self.key(name);
        self.read_as(name, key.form)
    }

    /// The value read in another form than the schema's.
    pub(super) fn read_as(&self, name: &str, form: Form) -> Read {
        let key = self.key(name);
        if self.broken {
            return Read::Nothing;
        }
        match self.item(name) {
            Some(item) if is_none(key, item) && !matches!(form, Form::BitRate) => Read::Nothing,
            Some(item) => form.read(item).unwrap_or_else(|why| {
                self.problem(name, || match why.starts_with("expected") {
                    true => format!("{why}, found {}", item.found()),
                    false => why,
                });
                Read::Nothing
            }),
            None if key.default == REQUIRED => {
                if !self.is_misspelt(name) {
                    self.problems.add(self.place, || format!("{} needs the key '{name}'", self.schema.title));
                }
                Read::Nothing
            }
            None if key.default == NONE => Read::Nothing,
            None => form.read(&default(key)).unwrap_or_else(|why| panic!("the default of '{name}': {why}")),
        }
    }

    /// A number in base units; 0 after an error.
    pub(super) fn number(&self, key: &str) -> u64 {
        self.optional(key).unwrap_or(0)
    }

    pub(super) fn optional(&self, key: &str) -> Option<u64> {
        match self.read(key) {
            Read::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A hash rate in hashes per second, unless it is absent.
    pub(super) fn hash_rate(&self, key: &str) -> Option<u128> {
        match self.read(key) {
            Read::HashRate(rate) => Some(rate),
            _ => None,
        }
    }

    /// Whether the flag is set; false after an error.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.number(key) == 1
    }

    /// A number that may be below zero; 0 after an error.
    pub(super) fn signed(&self, key: &str) -> i64 {
        match self.read(key) {
            Read::Signed(number) => number,
            _ => 0,
        }
    }

    /// A text; empty after an error.
    pub(super) fn text(&self, key: &str) -> String {
        self.optional_text(key).unwrap_or_default()
    }

    pub(super) fn optional_text(&self, key: &str) -> Option<String> {
        match self.read(key) {
            Read::Text(text) => Some(text),
            _ => None,
        }
    }

    /// One of the choices of [`Form::OneOf`]. After an error the first one.
    pub(super) fn choice<T: Copy>(&self, key: &str, values: &[(&str, T)]) -> T {
        let text = self.text(key);
        values.iter().find(|(name, _)| *name == text).unwrap_or(&values[0]).1
    }

    pub(super) fn texts(&self, key: &str) -> Vec<(Place, String)> {
        match self.read(key) {
            Read::Texts(texts) => texts,
            _ => vec![],
        }
    }
}

/// Whether the text `none` makes the key absent.
fn is_none(key: &Key, item: &Item) -> bool {
    key.default == NONE && matches!(&item.value, Value::Text(text) if text == NONE)
}

/// The default, read as after `--set key=`.
pub(super) fn default(key: &Key) -> Item {
    let set = Override::set(&format!("{}={}", key.name, key.default));
    set.unwrap_or_else(|why| panic!("the default of '{}': {why}", key.name)).into_value()
}

impl Form {
    /// The value of `item`, or what was expected.
    pub(super) fn read(&self, item: &Item) -> Result<Read, String> {
        use Read::*;
        Ok(match (self, &item.value) {
            (Form::Text, Value::Text(text)) if !text.is_empty() && text.len() <= 4096 => Text(text.clone()),
            (Form::Text, _) => return Err("expected a text".into()),
            (Form::Name, Value::Text(text)) if is_name(text) => Text(text.clone()),
            (Form::Name, _) => {
                return Err(format!("expected a name of 1 to {NAME_BYTES_MAX} letters, digits, '-' and '_'"));
            }
            (Form::Flag, Value::Flag(flag)) => Number(u64::from(*flag)),
            (Form::Flag, _) => return Err("expected true or false".into()),
            (Form::Integer(min, max), Value::Number(number)) => match number.parse() {
                Ok(integer) if (*min..=*max).contains(&integer) => Number(integer),
                _ => return Err(format!("expected an integer from {min} to {max}")),
            },
            (Form::Integer(..), _) => return Err("expected an integer".into()),
            (Form::Coins, _) => Number(coins(item)?),
            (Form::Measure(quantity), Value::Text(text)) => Number(quantity.parse(text)?),
            (Form::BitRate, Value::Text(text)) => Number(quantity::bit_rate(text)?),
            (Form::BitRate, _) => return Err(quantity::BITS.expected()),
            (Form::HashRate, Value::Text(text)) => HashRate(quantity::hash_rate(text)?),
            (Form::HashRate, _) => return Err(quantity::HASH_RATE.expected()),
            (Form::Signed(quantity), Value::Text(text)) => Signed(quantity.parse_signed(text)?),
            (Form::Measure(quantity) | Form::Signed(quantity), _) => return Err(quantity.expected()),
            (Form::Share, _) => Number(share(item)?),
            (Form::Degrees, Value::Number(number)) => match number.parse() {
                Ok(degree) if (1..=DEGREE_MAX).contains(&degree) => Number(degree),
                _ => return Err(format!("expected an integer from 1 to {DEGREE_MAX}, or a list of shares")),
            },
            (Form::Degrees, Value::List(items)) if (1..=DEGREE_MAX as usize).contains(&items.len()) => {
                Numbers(items.iter().map(share).collect::<Result<_, _>>()?)
            }
            (Form::Degrees, _) => return Err(format!("expected an integer, or a list of 1 to {DEGREE_MAX} shares")),
            (Form::Weights, Value::List(items)) if items.len() <= WEIGHTS_MAX => {
                Pairs(items.iter().map(weight).collect::<Result<_, _>>()?)
            }
            (Form::Weights, _) => return Err(format!("expected a list of at most {WEIGHTS_MAX} pairs")),
            (Form::OneOf(choices), Value::Text(text)) if choices.contains(&text.as_str()) => Text(text.clone()),
            (Form::OneOf(choices), value) => {
                let meant = match value {
                    Value::Text(text) => did_you_mean(text, choices.iter().copied()),
                    _ => String::new(),
                };
                return Err(format!("expected one of {}{meant}", choices.join(", ")));
            }
            (Form::CoinsList, Value::List(items)) => Numbers(items.iter().map(coins).collect::<Result<_, _>>()?),
            (Form::CoinsList, _) => return Err("expected a list of coins such as [30, 30.5]".into()),
            (Form::Names, Value::Text(text)) if text == "any" => Nothing,
            (Form::Names, Value::Text(text)) => Texts(vec![(item.place, text.clone())]),
            (Form::Texts | Form::Names, Value::List(items)) => Texts(items.iter().map(text).collect::<Result<_, _>>()?),
            (Form::Texts, _) => return Err("expected a list of texts such as [\"a\", \"b\"]".into()),
            (Form::Names, _) => return Err("expected a name, a list of names, or \"any\"".into()),
            (Form::Groups, Value::List(items)) => Groups(items.iter().map(group).collect::<Result<_, _>>()?),
            (Form::Groups, _) => return Err("expected a list of groups such as [[\"a\", \"b\"], [\"c\"]]".into()),
            (Form::Factor, Value::Number(text) | Value::Text(text)) => Number(quantity::factor(text)?),
            (Form::Factor, _) => return Err("expected a factor such as 0.5 or \"150 %\"".into()),
            (Form::CoinsRange, Value::Text(text)) => {
                let (low, high) = text.split_once("..").unwrap_or((text, text));
                let (low, high) = (low.trim().parse::<Amount>()?.0, high.trim().parse::<Amount>()?.0);
                if low > high {
                    return Err("expected the smaller number first, as in \"1..5\"".into());
                }
                Range(low, high)
            }
            (Form::CoinsRange, _) => {
                let amount = coins(item)?;
                Range(amount, amount)
            }
            (Form::Latency | Form::Latencies | Form::Table | Form::Tables | Form::ByMetric | Form::Later(_), _) => {
                Nothing
            }
        })
    }
}

fn share(item: &Item) -> Result<u64, String> {
    match &item.value {
        Value::Number(text) | Value::Text(text) => quantity::share(text),
        _ => Err("expected a share such as \"5 %\" or 0.05".into()),
    }
}

fn weight(item: &Item) -> Result<(u64, u64), String> {
    let expected = || "expected pairs of a share and a weight from 1 to 1000000 such as [0.01, 546]".to_string();
    let Value::List(pair) = &item.value else { return Err(expected()) };
    match &pair[..] {
        [first, Item { value: Value::Number(weight), .. }] => {
            let weight = weight.parse().ok().filter(|weight| (1..=1_000_000).contains(weight));
            Ok((share(first)?, weight.ok_or_else(expected)?))
        }
        _ => Err(expected()),
    }
}

fn coins(item: &Item) -> Result<u64, String> {
    match &item.value {
        Value::Number(text) | Value::Text(text) if text.parse::<Amount>().is_ok() => Ok(text.parse::<Amount>()?.0),
        _ => Err(format!("expected coins, up to {MAX_AMOUNT} with up to 8 decimals, such as 40 or 0.5")),
    }
}

fn text(item: &Item) -> Result<(Place, String), String> {
    match &item.value {
        Value::Text(text) => Ok((item.place, text.clone())),
        _ => Err(format!("expected nothing but texts in the list, not {}", item.found())),
    }
}

fn group(item: &Item) -> Result<Vec<(Place, String)>, String> {
    match &item.value {
        Value::List(items) => items.iter().map(text).collect(),
        _ => Ok(vec![text(item)?]),
    }
}

/// ` (did you mean 'x'?)` if one of the names is close.
pub(super) fn did_you_mean<'a>(found: &str, names: impl Iterator<Item = &'a str>) -> String {
    if found.len() > NAME_BYTES_MAX {
        return String::new();
    }
    let near = names.take(CANDIDATES_MAX).map(|name| (distance(found, name), name));
    let best = near.min().filter(|(distance, name)| *distance < name.len() && *distance <= 1 + name.len() / 4);
    best.map_or(String::new(), |(_, name)| format!(" (did you mean '{name}'?)"))
}

/// Levenshtein's distance between two short texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
