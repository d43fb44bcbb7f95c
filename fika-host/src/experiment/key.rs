//! A key of the experiment file (its form, default and meaning), and a table of such keys.

use crate::quantity::{HASH_RATE, Quantity};

/// How a value is written.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text,
    /// Letters, digits, `-` and `_`: it becomes a host name or a folder.
    Name,
    Flag,
    Integer(u64, u64),
    Coins,
    Measure(&'static Quantity),
    /// Above 0 bit/s, or `none`: no limit.
    BitRate,
    /// `"20 kH/s"`, beyond 64 bits.
    HashRate,
    /// The same, with a sign.
    Signed(&'static Quantity),
    /// `"5 %"` or `0.05`, at most 1.
    Share,
    OneOf(&'static [&'static str]),
    CoinsList,
    Texts,
    /// A name, a list of names, or `any`.
    Names,
    /// `[["a", "b"], "c"]`: lists of names, or names.
    Groups,
    /// `2`, `0.5` or `"150 %"`.
    Factor,
    /// `5` or `"1..5"` coins.
    CoinsRange,
    /// One number for all nodes, or the shares of nodes with at most 1, 2, 3...
    Degrees,
    /// `[[0.01, 546], [0.5, 1]]`: pairs of a share and its weight.
    Weights,
    /// A duration, or a table with the `model` of a distribution.
    Latency,
    Latencies,
    /// Has a schema of its own.
    Table,
    Tables,
    /// In the form of the metric.
    ByMetric,
    /// A known key that this version refuses, and why.
    Later(&'static str),
}

/// In place of a default: the key must be given.
pub(super) const REQUIRED: &str = "required";
/// In place of a default: the key may be absent. Written as a value, it makes the key absent again, but for a
/// [`Form::BitRate`], of which it is a value.
pub(super) const NONE: &str = "none";

pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// Which engines have it.
    pub(super) needs: Needs,
    /// As after `--set key=`, or [`REQUIRED`], or [`NONE`].
    pub(super) default: &'static str,
    pub(super) about: &'static str,
}

/// Which engines have a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// All.
    Nothing,
    /// Those whose links are cables: not `process`.
    Cables,
    /// The simulator alone.
    Simulator,
}

pub(super) struct Schema {
    /// As in the file: `[chain]`, `[[links]]`.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
    /// Other keys are permitted if they hold tables.
    pub(super) open: bool,
}

pub(super) const fn key(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { name, form, needs: Needs::Nothing, default, about }
}

pub(super) const fn sim(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { name, form, needs: Needs::Simulator, default, about }
}

pub(super) const fn cable(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { name, form, needs: Needs::Cables, default, about }
}

pub(super) const fn table(title: &'static str, keys: &'static [Key]) -> Schema {
    Schema { title, keys, open: false }
}

/// The most entries of `[[load]]`.
pub(super) const LOADS_MAX: usize = 100_000;
/// The most entries of `[[events]]`.
pub(super) const EVENTS_MAX: usize = 10_000;
/// The most genesis outputs, of one node and of all.
pub(super) const COINS_PER_NODE_MAX: usize = 1_000;
pub(super) const COINS_MAX: usize = 1_000_000;
pub(super) const DEGREE_MAX: u64 = 100;
pub(super) const INTEGER_MAX: u64 = i64::MAX as u64;

impl Form {
    /// The "value" column of the reference.
    pub(super) fn describe(&self) -> String {
        use Form::*;
        match self {
            Text => "text".into(),
            Name => "name".into(),
            Flag => "true or false".into(),
            Integer(0, INTEGER_MAX) => "integer".into(),
            Integer(min, INTEGER_MAX) => format!("integer from {min}"),
            Integer(min, max) => format!("integer from {min} to {max}"),
            Coins => "coins".into(),
            Measure(quantity) | Signed(quantity) => quantity.noun.into(),
            BitRate => "bit rate, or `none`".into(),
            HashRate => HASH_RATE.noun.into(),
            Share => "share".into(),
            Degrees => "integer, or list of shares".into(),
            Weights => "list of share and weight".into(),
            Latency => "duration, or `[latency]`".into(),
            Latencies => "list of durations or `[latency]`".into(),
            OneOf(choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
            CoinsList => "list of coins".into(),
            Texts => "list of texts".into(),
            Names => "name, list of names, or `any`".into(),
            Groups => "list of lists of names".into(),
            Factor => "number, or percentage".into(),
            CoinsRange => "coins, or a range of coins".into(),
            Table => "table".into(),
            Tables => "list of tables".into(),
            ByMetric => "as the metric".into(),
            Later(why) => format!("not built in this version: {why}"),
        }
    }
}
