//! The text of an experiment as a tree. Every key and value in it knows where it was written.
//!
//! The file, the `--set` arguments and the [builder](super::Network) all make this one tree, so
//! one piece of code checks them all and every error names its place.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::key::Needs;
use crate::limits::shortened;

/// The largest experiment file that is read, in bytes. 100,000 nodes written one by one fit in it.
pub(super) const FILE_BYTES_MAX: usize = 16 << 20;

/// That a file is larger.
pub(super) fn too_large() -> String {
    format!("expected at most {FILE_BYTES_MAX} bytes, found more")
}

/// Errors beyond this number are counted, not listed.
const ERRORS_MAX: usize = 20;
const OVERRIDE_SEGMENTS_MAX: usize = 16;

/// Where a key or value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Byte offset in the file.
    File(usize),
    /// Index among the overrides.
    Override(usize),
    /// In the program, through the builder or as a default.
    Code,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// A decimal number as written. Amounts and times are exact, so no float comes in between.
    Number(String),
    Flag(bool),
    Date(String),
    List(Vec<Item>),
    Table(Table),
}

/// Entries by key; each with the place of the key.
pub(super) type Table = BTreeMap<String, (Place, Item)>;

impl Item {
    pub(super) fn new(value: Value) -> Item {
        Item { place: Place::Code, value }
    }

    pub(super) fn text(text: impl Into<String>) -> Item {
        Item::new(Value::Text(text.into()))
    }

    pub(super) fn number(number: impl fmt::Display) -> Item {
        Item::new(Value::Number(number.to_string()))
    }

    pub(super) fn list(items: impl IntoIterator<Item = Item>) -> Item {
        Item::new(Value::List(items.into_iter().collect()))
    }

    pub(super) fn table(entries: impl IntoIterator<Item = (String, Item)>) -> Item {
        Item::new(Value::Table(entries.into_iter().map(|(key, item)| (key, (Place::Code, item))).collect()))
    }

    /// Whether it is this text.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(&self.value, Value::Text(found) if found == text)
    }

    /// What was found here, for the end of an error message.
    pub(super) fn found(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("the text '{}'", shortened(text)),
            Value::Number(number) => format!("the number {}", shortened(number)),
            Value::Flag(flag) => flag.to_string(),
            Value::Date(date) => format!("the date {date}"),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Table(_) => "a table".into(),
        }
    }

    /// The same as a plain TOML value, for a plugin's own table.
    pub(super) fn to_toml(&self) -> Result<toml::Value, (Place, String)> {
        Ok(match &self.value {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Flag(flag) => toml::Value::Boolean(*flag),
            Value::Number(number) => match (number.parse(), number.parse()) {
                (Ok(integer), _) => toml::Value::Integer(integer),
                (_, Ok(float)) => toml::Value::Float(float),
                _ => return Err((self.place, format!("the number {} is too large", shortened(number)))),
            },
            Value::Date(_) => return Err((self.place, format!("expected no date here, found {}", self.found()))),
            Value::List(items) => toml::Value::Array(items.iter().map(Item::to_toml).collect::<Result<_, _>>()?),
            Value::Table(table) => toml::Value::Table(
                table
                    .iter()
                    .map(|(key, (_, item))| Ok((key.clone(), item.to_toml()?)))
                    .collect::<Result<_, (Place, String)>>()?,
            ),
        })
    }

    fn from_toml(value: &DeValue<'_>, span: usize, place: &dyn Fn(usize) -> Place) -> Item {
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(integer) => {
                let number = i64::from_str_radix(integer.as_str(), integer.radix());
                Value::Number(number.map_or_else(|_| integer.to_string(), |number| number.to_string()))
            }
            DeValue::Float(float) => Value::Number(float.as_str().to_string()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(items) => Value::List(
                items.iter().map(|item| Item::from_toml(item.get_ref(), item.span().start, place)).collect(),
            ),
            DeValue::Table(table) => Value::Table(table_from_toml(table, place)),
        };
        Item { place: place(span), value }
    }
}

fn table_from_toml(table: &DeTable<'_>, place: &dyn Fn(usize) -> Place) -> Table {
    table
        .iter()
        .map(|(key, item)| {
            let item_read = Item::from_toml(item.get_ref(), item.span().start, place);
            (key.get_ref().to_string(), (place(key.span().start), item_read))
        })
        .collect()
}

/// One `--set path=value` argument, or another option that stands for one.
#[derive(Clone, Debug)]
pub struct Override {
    argument: String,
    path: Vec<String>,
    value: Item,
}

impl Override {
    /// Reads `chain.tick=1 ms`, `load=[]` or `nodes.server1.hash_rate="5 kH/s"`: a dotted path (an entry of a
    /// list by its index from 0, or by its name), `=`, and a TOML value, or else plain text.
    pub fn set(assignment: &str) -> Result<Override, String> {
        let argument = format!("--set {}", shortened(assignment));
        let (path, text) =
            assignment.split_once('=').ok_or_else(|| format!("{argument}: expected key=value, found no '='"))?;
        let value = match DeValue::parse(text.trim()) {
            Ok(value) => Item::from_toml(value.get_ref(), 0, &|_| Place::Code),
            Err(error) if text.trim_start().starts_with(['[', '{', '"', '\'']) => {
                return Err(format!("{argument}: {}", one_line(error.message())));
            }
            Err(_) => Item::text(text.trim()),
        };
        Override::new(argument, path, value)
    }

    /// Another option of the command line that sets a text: `text("--consensus pos", "consensus.plugin", "pos")`.
    pub(crate) fn text(argument: &str, path: &str, text: &str) -> Result<Override, String> {
        Override::new(shortened(argument), path, Item::text(text))
    }

    pub(super) fn into_value(self) -> Item {
        self.value
    }

    fn new(argument: String, path: &str, value: Item) -> Result<Override, String> {
        let path: Vec<String> = path.trim().split('.').map(|segment| segment.trim().to_string()).collect();
        if path.len() > OVERRIDE_SEGMENTS_MAX || path.iter().any(String::is_empty) {
            return Err(format!("{argument}: expected a dotted path such as chain.tick before the '='"));
        }
        Ok(Override { argument, path, value })
    }
}

/// The tree of one experiment, and what is needed to name the places of its parts.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) root: Item,
    file: String,
    /// The folder in which relative paths start.
    folder: PathBuf,
    text: String,
    arguments: Vec<String>,
}

impl Source {
    /// Parses a file and applies the overrides in their order.
    pub(super) fn parse(file: &str, text: &str, overrides: &[Override]) -> Result<Source, ExperimentErrors> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let root = Value::Table(table_from_toml(table.get_ref(), &Place::File));
        let mut source = Source {
            root: Item { place: Place::File(0), value: root },
            file: file.into(),
            folder: Path::new(file).parent().unwrap_or(Path::new("")).into(),
            text: text.into(),
            arguments: vec![],
        };
        let problems = Problems::default();
        for error in errors {
            problems.add(Place::File(error.span().map_or(0, |span| span.start)), || one_line(error.message()));
        }
        source.check(problems)?;
        source.apply(overrides)?;
        Ok(source)
    }

    /// A tree made by the program.
    pub(super) fn built(name: &str, root: Item, overrides: &[Override]) -> Result<Source, ExperimentErrors> {
        let file = format!("network '{}'", shortened(name));
        let mut source = Source { root, file, folder: PathBuf::new(), text: String::new(), arguments: vec![] };
        source.apply(overrides)?;
        Ok(source)
    }

    /// The folder in which relative paths start.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn apply(&mut self, overrides: &[Override]) -> Result<(), ExperimentErrors> {
        let problems = Problems::default();
        for (index, set) in overrides.iter().enumerate() {
            self.arguments.push(set.argument.clone());
            let place = Place::Override(index);
            if let Err(why) = put(&mut self.root, &set.path, place, placed(set.value.clone(), place)) {
                problems.add(place, || why);
            }
        }
        self.check(problems)
    }

    /// `file:line:column` or the argument.
    pub(super) fn describe(&self, place: Place) -> String {
        match place {
            Place::File(offset) => {
                let before = self.text.get(..offset).unwrap_or(&self.text);
                let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                format!("{}:{line}:{column}", self.file)
            }
            Place::Override(index) => self.arguments.get(index).cloned().unwrap_or_default(),
            Place::Code => self.file.clone(),
        }
    }

    /// An error if there are problems: they are listed in the order of the file.
    pub(super) fn check(&self, problems: Problems) -> Result<(), ExperimentErrors> {
        let mut found = problems.found.into_inner();
        if found.is_empty() {
            return Ok(());
        }
        found.sort_by_key(|(place, _)| *place);
        let mut lines: Vec<String> =
            found.iter().map(|(place, why)| format!("{}: {why}", self.describe(*place))).collect();
        if problems.more.get() > 0 {
            lines.push(format!("{}: and {} more errors", self.file, problems.more.get()));
        }
        Err(ExperimentErrors(lines))
    }
}

fn placed(mut item: Item, place: Place) -> Item {
    item.place = place;
    item.value = match item.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| placed(item, place)).collect()),
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, (_, item))| (key, (place, placed(item, place)))).collect())
        }
        other => other,
    };
    item
}

/// Puts `value` at `path` below `item`, making the tables that are missing on the way.
fn put(item: &mut Item, path: &[String], place: Place, value: Item) -> Result<(), String> {
    let Some((segment, rest)) = path.split_first() else {
        *item = value;
        return Ok(());
    };
    let found = item.found();
    match &mut item.value {
        Value::Table(table) => {
            let missing = || (place, Item { place, value: Value::Table(Table::new()) });
            let entry = table.entry(segment.clone()).or_insert_with(missing);
            entry.0 = place;
            put(&mut entry.1, rest, place, value)
        }
        Value::List(items) => {
            let named = |item: &Item| match &item.value {
                Value::Table(table) => {
                    matches!(table.get("name"), Some((_, Item { value: Value::Text(name), .. })) if name == segment)
                }
                _ => false,
            };
            let index = segment.parse().ok().or_else(|| items.iter().position(named));
            match index.and_then(|index: usize| items.get_mut(index)) {
                Some(item) => put(item, rest, place, value),
                None => Err(format!("expected an index or a name in {found}, found '{}'", shortened(segment))),
            }
        }
        _ => Err(format!("expected a table or a list before '.{}', found {found}", shortened(segment))),
    }
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("; ")
}

/// The problems found so far. Shared by all that read one tree.
#[derive(Default)]
pub(super) struct Problems {
    found: RefCell<Vec<(Place, String)>>,
    more: Cell<usize>,
    /// The first key that needs the simulator, and the first that needs cables.
    simulated: RefCell<Option<(Place, String)>>,
    cabled: RefCell<Option<(Place, String)>>,
}

impl Problems {
    /// Adds a problem. The message is made only if it will be listed, for a hostile file may cause millions.
    pub(super) fn add(&self, place: Place, message: impl FnOnce() -> String) {
        let mut found = self.found.borrow_mut();
        if found.len() < ERRORS_MAX {
            // Some tables are read more than once.
            let problem = (place, message());
            if !found.contains(&problem) {
                found.push(problem);
            }
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    /// Notes a key that not all engines have.
    pub(super) fn needs(&self, needs: Needs, place: Place, key: &str, table: &str) {
        let mut first = match needs {
            Needs::Nothing => return,
            Needs::Cables => self.cabled.borrow_mut(),
            Needs::Simulator => self.simulated.borrow_mut(),
        };
        if first.as_ref().is_none_or(|(found, _)| place < *found) {
            *first = Some((place, format!("'{key}' in {table}")));
        }
    }

    /// The first key that only the simulator has, with its place.
    pub(super) fn first_simulated(&self) -> Option<(Place, String)> {
        self.simulated.borrow().clone()
    }

    /// The first problem, without its place.
    pub(super) fn first(&self) -> Option<String> {
        self.found.borrow().first().map(|(_, why)| why.clone())
    }

    /// The first key that needs cables, likewise.
    pub(super) fn first_cabled(&self) -> Option<(Place, String)> {
        self.cabled.borrow().clone()
    }

    pub(super) fn none(&self) -> bool {
        self.found.borrow().is_empty()
    }
}

/// What is wrong with an experiment: one line for each error, with its place. Exit code 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentErrors(pub(super) Vec<String>);

impl ExperimentErrors {
    /// The lines: `experiments/x.toml:12:5: what was expected and what was found`.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ExperimentErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0.join("\n"))
    }
}

impl std::error::Error for ExperimentErrors {}
