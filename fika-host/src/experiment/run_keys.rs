//! The keys of the run, the chain, its plugins, payments and results.

use super::key::Form::*;
use super::key::{INTEGER_MAX, Key, NONE, REQUIRED, Schema, key, sim, table};
use crate::quantity;

const REPEAT_MAX: u64 = 10_000;
const WORKERS_MAX: u64 = 1_024;
const REPLAY_MAX: u64 = 1_000;

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
        key(
            "start_after",
            Measure(&quantity::DURATION),
            NONE,
            "live nodes begin to produce and to pay this long after they were started; absent: when all links are connected",
        ),
        key("stop_height", Integer(1, INTEGER_MAX), NONE, "ends the run, see [The end of a run](#the-end-of-a-run)"),
        key("stop_time", Measure(&quantity::DURATION), NONE, "ends the run at this time after its start at the latest"),
        sim("repeat", Integer(1, REPEAT_MAX), "1", "this many runs, with the seeds `seed`, `seed` + 1, ..."),
        sim(
            "runs",
            OneOf(&["repeat", "until decided"]),
            "repeat",
            "`until decided`: after `repeat` runs the number is doubled while an expectation is undecided",
        ),
        sim("max_runs", Integer(2, REPEAT_MAX), "1000", "the most runs of `until decided`"),
        sim("workers", Integer(1, WORKERS_MAX), "1", "threads that validate; they change no result"),
        sim(
            "replay",
            Integer(0, REPLAY_MAX),
            "0",
            "at the end the chains of so many nodes, drawn, are validated again from genesis; a difference is an error",
        ),
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
        key(
            "cap",
            Coins,
            NONE,
            "coins that may ever exist, those of the genesis block included; without it 184,467,440,737",
        ),
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
            "what a neighbour has not sent after this time is asked of another, or of it again; longer for one that \
             answers slowly",
        ),
        key("compact_share", Share, "100 %", "full nodes that take part where `compact` is on, drawn"),
        sim(
            "compact_classes",
            Tables,
            "[]",
            "in place of real mempools: what classes of full nodes lack of compact blocks",
        ),
        sim("charge", Table, "{}", "sizes in place of the real ones, for repeating published models"),
    ],
);

pub(super) static CHARGE: Schema = table(
    "[relay.charge]",
    &[
        key("block", Measure(&quantity::BYTES), NONE, "of a whole block; missing transactions are a share of it"),
        key("compact", Measure(&quantity::BYTES), NONE, "of a compact block"),
    ],
);

pub(super) static COMPACT_CLASSES: Schema = table(
    "[[relay.compact_classes]]",
    &[
        key("share", Share, REQUIRED, "full nodes of this class, drawn; the rest look into their mempools"),
        key("failure", Share, REQUIRED, "how often a compact block cannot be completed"),
        key("missing", Weights, "[]", "the share of the block that is missing then, each with its weight"),
    ],
);

pub(super) static MEMPOOL: Schema = table(
    "[mempool]",
    &[
        key(
            "max_bytes",
            Measure(&quantity::BYTES),
            "16 MB",
            "beyond this size the payments with the lowest fee rate are evicted",
        ),
        key("min_fee", Coins, "0", "the minimum fee of a payment that a node accepts and relays"),
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
        key(
            "confidence",
            Share,
            "95 %",
            "with `repeat`: of the interval around the mean that decides, see [Several runs](#several-runs)",
        ),
        key(
            "standard_errors",
            Integer(1, 100),
            NONE,
            "with `repeat`: a yes or no by so many standard errors of the mean, in place of `confidence`",
        ),
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
