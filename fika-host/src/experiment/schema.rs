//! Every key of the experiment file: its form, default and meaning, in one place.
//!
//! The reader takes forms and defaults from here, and a test holds `docs/experiment-file.md` to it.

use Form::*;

use super::quantity::{self, Quantity};

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
    OneOf(&'static [&'static str]),
    CoinsList,
    Texts,
    /// A name, a list of names, or `any`.
    Names,
    /// `5` or `"1..5"` coins.
    CoinsRange,
    /// Read by its own schema.
    Table,
    Tables,
    /// As the metric says.
    ByMetric,
    /// A known key that this version refuses, and why.
    Later(&'static str),
}

/// The default of a key that must be given.
pub(super) const REQUIRED: &str = "required";
/// The default of a key that may be absent, and the text that makes it absent again.
pub(super) const NONE: &str = "none";

pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// Only the simulator has it.
    pub(super) simulated: bool,
    /// As after `--set key=`, or [`REQUIRED`], or [`NONE`].
    pub(super) default: &'static str,
    pub(super) about: &'static str,
}

pub(super) struct Schema {
    /// As in the file: `[chain]`, `[[links]]`.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
    /// Other keys are let through if they hold tables.
    pub(super) open: bool,
}

const fn key(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { name, form, simulated: false, default, about }
}

const fn sim(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { name, form, simulated: true, default, about }
}

const fn table(title: &'static str, keys: &'static [Key]) -> Schema {
    Schema { title, keys, open: false }
}

/// The most nodes, links and payments of one file.
pub(super) const NODES_MAX: u64 = 100_000;
pub(super) const LINKS_MAX: u64 = 1_000_000;
pub(super) const LOADS_MAX: usize = 100_000;
/// The most genesis outputs, of one node and of all.
pub(super) const COINS_PER_NODE_MAX: usize = 1_000;
pub(super) const COINS_MAX: usize = 1_000_000;
pub(super) const DEGREE_MAX: u64 = 100;
const REPEAT_MAX: u64 = 10_000;
const WORKERS_MAX: u64 = 1_024;
const INTEGER_MAX: u64 = i64::MAX as u64;

const SIMULATOR: &str = "it needs the simulator";

pub(super) static FILE: Schema = table(
    "the file",
    &[
        key("experiment", Table, "{}", "the run: its name, seed and end"),
        key("chain", Table, "{}", "what all nodes of the chain agree on"),
        key("consensus", Table, "{}", "who may extend the chain, and which tip is best"),
        key("script", Table, "{}", "what locks and unlocks a coin"),
        key("keys", Table, "{}", "signatures and addresses"),
        key("tx", Table, "{}", "the transaction format"),
        key("transport", Table, "{}", "how two neighbours talk"),
        key("relay", Table, "{}", "how news spreads"),
        key("mempool", Table, "{}", "payments that wait for a block"),
        key("network", Table, "{}", "nodes and links made by a rule"),
        key("defaults", Table, "{}", "holds `[defaults.node]`, the keys that every node starts from"),
        key("nodes", Tables, "[]", "nodes, one by one"),
        key("node_groups", Tables, "[]", "nodes that differ in nothing but their names"),
        key("links", Tables, "[]", "cables between two nodes"),
        key("load", Tables, "[]", "payments that are made by themselves"),
        key("expect", Tables, "[]", "what must hold at the end; exit code 1 if it does not"),
        key("output", Table, "{}", "where the results go"),
        key("events", Later(SIMULATOR), NONE, "partitions, restarts, joins"),
        key("sweep", Later(SIMULATOR), NONE, "parameters times seeds"),
    ],
);

pub(super) static EXPERIMENT: Schema = table(
    "[experiment]",
    &[
        key("name", Name, NONE, "names the results folder; absent: the name of the file"),
        key("seed", Integer(0, INTEGER_MAX), "42", "where every random draw, and every generated key, comes from"),
        key(
            "engine",
            OneOf(&["auto", "netns", "process", "sim", "jail"]),
            "auto",
            "what runs the nodes; auto: `sim` where a key needs it, else `netns` where it is permitted, else `process`",
        ),
        key("stop_height", Integer(1, INTEGER_MAX), NONE, "ends the run, see [The end of a run](#the-end-of-a-run)"),
        key("stop_time", Measure(&quantity::DURATION), NONE, "ends the run at this time after its start at the latest"),
        sim("repeat", Integer(1, REPEAT_MAX), "1", "this many runs, each with a seed drawn from `seed`"),
        sim("workers", Integer(1, WORKERS_MAX), "1", "threads that validate; they change no result"),
    ],
);

pub(super) static CHAIN: Schema = table(
    "[chain]",
    &[
        key("tick", OneOf(&["1 s", "1 ms"]), "1 s", "the unit of a header's time"),
        key(
            "block_interval",
            Measure(&quantity::DURATION),
            "2 s",
            "the mean time between blocks that the rules aim at; a multiple of `tick`",
        ),
        key("reward", Coins, "50", "coins that a block may create, before any halving"),
        key("halving_interval", Integer(0, INTEGER_MAX), "0", "blocks after which the reward halves; 0: never"),
        key("cap", Coins, NONE, "coins that may ever exist, those of the genesis block included"),
        key("max_block_bytes", Measure(&quantity::BYTES), "1 MB", "the largest block"),
        key(
            "tie_break",
            OneOf(&["first_seen", "uniform"]),
            "first_seen",
            "which of two equally heavy tips a node takes",
        ),
        key("proof", OneOf(&["real", "sampled"]), "real", "whether work is ground, or its time drawn and not checked"),
    ],
);

const fn plugin(title: &'static str, keys: &'static [Key]) -> Schema {
    Schema { title, keys, open: true }
}

const PLUGIN_ABOUT: &str = "a built-in name, a library (`.so`) or a crate folder";
pub(super) static CONSENSUS: Schema = plugin("[consensus]", &[key("plugin", Text, "pow", PLUGIN_ABOUT)]);
pub(super) static SCRIPT: Schema = plugin("[script]", &[key("plugin", Text, "stack-vm", PLUGIN_ABOUT)]);
pub(super) static KEYS: Schema = plugin("[keys]", &[key("plugin", Text, "secp256k1", PLUGIN_ABOUT)]);
pub(super) static TX: Schema = plugin("[tx]", &[key("plugin", Text, "utxo", PLUGIN_ABOUT)]);
pub(super) static TRANSPORT: Schema = plugin("[transport]", &[key("plugin", Text, "tcp", PLUGIN_ABOUT)]);

pub(super) static RELAY: Schema = table(
    "[relay]",
    &[
        key(
            "mode",
            OneOf(&["inv", "headers", "flood"]),
            "inv",
            "what a node says of a new block: `inv` its id, `headers` its header (BIP 130), `flood` all of it",
        ),
        key("to_source", Flag, "false", "announce a block also to the neighbour that it came from"),
        key("compact", Flag, "false", "blocks are asked for as compact blocks (BIP 152)"),
        key(
            "batch",
            Measure(&quantity::DURATION),
            "0 s",
            "announcements of transactions to a neighbour wait up to this long and go together",
        ),
        key(
            "request_timeout",
            Measure(&quantity::DURATION),
            "20 s",
            "what a neighbour has not sent after this time is asked of another",
        ),
    ],
);

pub(super) static MEMPOOL: Schema = table(
    "[mempool]",
    &[
        key(
            "max_bytes",
            Measure(&quantity::BYTES),
            "16 MB",
            "payments with the lowest fee rate leave beyond this size",
        ),
        key("min_fee", Coins, "0", "the lowest fee of a payment that a node takes and relays"),
    ],
);

pub(super) static NETWORK: Schema = table(
    "[network]",
    &[
        key("nodes", Integer(0, NODES_MAX), "0", "this many nodes named n1, n2, ..."),
        key("graph", Table, "{}", "links between all full nodes"),
    ],
);

pub(super) static GRAPH: Schema = table(
    "[network.graph]",
    &[
        key(
            "kind",
            OneOf(&["ring", "line", "star", "full", "random_regular"]),
            NONE,
            "the shape, over the full nodes in their order; absent: `ring` if `network.nodes` is given, else no links",
        ),
        key("degree", Integer(3, DEGREE_MAX), NONE, "links of each node of a `random_regular` graph"),
    ],
);

pub(super) static DEFAULTS: Schema =
    table("[defaults]", &[key("node", Table, "{}", "the keys that every node starts from")]);

const ROLE: Key =
    key("role", OneOf(&["full", "light", "wallet"]), "full", "`wallet`: neither mines nor relays, asks for the chain");
const HASH_RATE: Key = key(
    "hash_rate",
    Measure(&quantity::HASH_RATE),
    "20 kH/s",
    "the most hashes a second that a full node grinds; `0 H/s`: none",
);
const COINS: Key = key("coins", CoinsList, "[]", "outputs of the genesis block that belong to the node, in coins");
const AGENT: Key = key("agent", Text, NONE, "an attack in place of the honest behaviour");
const DURABILITY: Key = key(
    "durability",
    OneOf(&["block", "batch"]),
    "batch",
    "`block`: each block is on disk before the next; `batch`: several at once",
);
const PEERS: Key = key("peers", Texts, "[]", "the nodes that it has a link to; a link may be named at both ends");

pub(super) static DEFAULT_NODE: Schema = table("[defaults.node]", &[ROLE, HASH_RATE, COINS, AGENT, DURABILITY]);

pub(super) static NODES: Schema = table(
    "[[nodes]]",
    &[
        key("name", Name, REQUIRED, "its name and host name"),
        PEERS,
        ROLE,
        HASH_RATE,
        COINS,
        AGENT,
        DURABILITY,
        key("consensus", Later("all nodes follow the same rules"), NONE, "other rules for this node"),
        key("region", Later(SIMULATOR), NONE, "where it stands"),
    ],
);

pub(super) static NODE_GROUPS: Schema = table(
    "[[node_groups]]",
    &[
        key("name", Name, REQUIRED, "the nodes are named name-1, name-2, ..."),
        key("count", Integer(1, NODES_MAX), REQUIRED, "how many"),
        PEERS,
        ROLE,
        HASH_RATE,
        COINS,
        AGENT,
        DURABILITY,
    ],
);

const CABLES: &str = "cables with delay, loss or a rate need the simulator";
pub(super) static LINKS: Schema = table(
    "[[links]]",
    &[
        key("a", Text, REQUIRED, "the node at one end"),
        key("b", Text, REQUIRED, "the node at the other end"),
        key("latency", Later(CABLES), NONE, "time from end to end"),
        key("jitter", Later(CABLES), NONE, "how much the latency varies"),
        key("bandwidth", Later(CABLES), NONE, "bits a second"),
        key("loss", Later(CABLES), NONE, "share of packets that never arrive"),
    ],
);

pub(super) static LOAD: Schema = table(
    "[[load]]",
    &[
        key(
            "at",
            Measure(&quantity::DURATION),
            NONE,
            "one payment at this time after the start; with `rate`: when it begins",
        ),
        key("at_height", Integer(0, INTEGER_MAX), NONE, "one payment when the payer's chain reaches this height"),
        key("rate", Measure(&quantity::RATE), NONE, "many payments: one at a drawn moment of each interval of 1/rate"),
        key("count", Integer(1, INTEGER_MAX), NONE, "ends a `rate` after so many payments"),
        key("from", Names, "any", "who pays, drawn for each payment"),
        key("to", Names, "any", "who is paid, drawn for each payment; never the payer"),
        key("amount", CoinsRange, REQUIRED, "coins, `5` or drawn from `\"1..5\"`, both ends included"),
        key("fee", Coins, "0", "coins for the producer of the block"),
    ],
);

pub(super) static EXPECT: Schema = table(
    "[[expect]]",
    &[
        key("metric", Text, REQUIRED, "what is measured, see [Metrics](#metrics)"),
        key("on", Text, NONE, "the node it is measured on; absent: the whole network"),
        key("op", OneOf(&["==", "!=", "<", "<=", ">", ">="]), "==", "how the measurement must stand to the value"),
        key("value", ByMetric, REQUIRED, "in the unit of the metric"),
        key("tolerance", ByMetric, "0", "how far off `==` may be; a percentage is taken of the value"),
    ],
);

pub(super) static OUTPUT: Schema = table(
    "[output]",
    &[
        key("dir", Text, "results", "the folder in which each run makes its own"),
        key("formats", Texts, "[\"json\", \"csv\"]", "which tables are written: `json`, `csv`"),
        sim(
            "trace",
            OneOf(&["jsonl", "simblock"]),
            NONE,
            "writes every event, as JSON lines or for SimBlock's visualiser",
        ),
    ],
);

/// All of them, in the order of the document.
pub(super) static ALL: &[&Schema] = &[
    &FILE,
    &EXPERIMENT,
    &CHAIN,
    &CONSENSUS,
    &SCRIPT,
    &KEYS,
    &TX,
    &TRANSPORT,
    &RELAY,
    &MEMPOOL,
    &NETWORK,
    &GRAPH,
    &DEFAULTS,
    &DEFAULT_NODE,
    &NODES,
    &NODE_GROUPS,
    &LINKS,
    &LOAD,
    &EXPECT,
    &OUTPUT,
];

/// One thing that an `[[expect]]` can be about.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) on: Scope,
    pub(super) about: &'static str,
}

/// Whether a metric belongs to one node, to the network, or to either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Node,
    Network,
    Either,
}

const fn metric(name: &'static str, form: Form, on: Scope, about: &'static str) -> Metric {
    Metric { name, form, on, about }
}

const COUNT: Form = Integer(0, INTEGER_MAX);
pub(super) static METRICS: &[Metric] = &[
    metric("agreement", Flag, Scope::Network, "every full node has the same tip"),
    metric("height", COUNT, Scope::Either, "height of the tip; of the network: the lowest of its full nodes"),
    metric("blocks", COUNT, Scope::Network, "blocks made, stale ones included"),
    metric(
        "stale_rate",
        Measure(&quantity::SHARE),
        Scope::Network,
        "share of the blocks that are not in the chain at the end",
    ),
    metric("reorgs", COUNT, Scope::Either, "times that a tip moved to another branch"),
    metric(
        "balance",
        Coins,
        Scope::Node,
        "coins of the node at the tip of the full nodes, whatever a wallet itself has asked for",
    ),
    metric("supply", Coins, Scope::Network, "coins in existence at the tip, deposits and unowned ones included"),
    metric(
        "supply_gap",
        Coins,
        Scope::Network,
        "difference between `supply` and the coins issued: 0, or coins came from nowhere",
    ),
    metric("submitted_payments", COUNT, Scope::Network, "payments that wallets sent"),
    metric("confirmed_payments", COUNT, Scope::Network, "payments that are in the chain at the end"),
    metric(
        "payment_latency",
        Measure(&quantity::DURATION),
        Scope::Network,
        "mean time from sending to the first block",
    ),
    metric("block_interval", Measure(&quantity::DURATION), Scope::Network, "mean time between blocks of the chain"),
    metric(
        "propagation_50",
        Measure(&quantity::DURATION),
        Scope::Network,
        "median over blocks: time until half of the full nodes have it",
    ),
    metric("propagation_90", Measure(&quantity::DURATION), Scope::Network, "the same for 90 % of them"),
    metric("propagation_100", Measure(&quantity::DURATION), Scope::Network, "the same for all of them"),
    metric(
        "memory",
        Measure(&quantity::BYTES),
        Scope::Either,
        "proportional memory at the end; of the network: the largest",
    ),
];

/// Every table and key with form, default and meaning, and every metric, in Markdown: the tables of
/// `docs/experiment-file.md`.
pub fn reference() -> String {
    let mut text = String::new();
    for schema in ALL {
        let title = if schema.title.starts_with('[') { format!("`{}`", schema.title) } else { "Tables".into() };
        text += &format!("### {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
        for key in schema.keys {
            let default = match key.default {
                REQUIRED | NONE => key.default.to_string(),
                default => format!("`{default}`"),
            };
            let about = if key.simulated { format!("{} (`sim` only)", key.about) } else { key.about.into() };
            text += &format!("| `{}` | {} | {default} | {about} |\n", key.name, key.form.describe());
        }
        text += "\n";
    }
    text += "### Metrics\n\n| metric | value | on | meaning |\n|---|---|---|---|\n";
    for metric in METRICS {
        let on = match metric.on {
            Scope::Node => "a node",
            Scope::Network => "the network",
            Scope::Either => "either",
        };
        text += &format!("| `{}` | {} | {on} | {} |\n", metric.name, metric.form.describe(), metric.about);
    }
    text
}

impl Form {
    /// The "value" column of the reference.
    fn describe(&self) -> String {
        match self {
            Text => "text".into(),
            Name => "name".into(),
            Flag => "true or false".into(),
            Integer(0, INTEGER_MAX) => "integer".into(),
            Integer(min, INTEGER_MAX) => format!("integer from {min}"),
            Integer(min, max) => format!("integer from {min} to {max}"),
            Coins => "coins".into(),
            Measure(quantity) => quantity.noun.into(),
            OneOf(choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
            CoinsList => "list of coins".into(),
            Texts => "list of texts".into(),
            Names => "name, list of names, or `any`".into(),
            CoinsRange => "coins, or a range of coins".into(),
            Table => "table".into(),
            Tables => "list of tables".into(),
            ByMetric => "as the metric".into(),
            Later(why) => format!("not built in this version: {why}"),
        }
    }
}
