//! The keys of nodes, links and what lies between.

use super::key::Form::*;
use super::key::{DEGREE_MAX, Key, NONE, REQUIRED, Schema, cable, key, sim, table};
use super::presets::PRESETS;
use crate::limits::NODES_MAX;
use crate::quantity;

pub(super) static NETWORK: Schema = table(
    "[network]",
    &[
        key("nodes", Integer(0, NODES_MAX), "0", "this many nodes named n1, n2, ..."),
        cable("preset", OneOf(PRESETS), NONE, "regions and graph as measured, see [Presets](#presets); other keys win"),
        key("graph", Table, "{}", "links between all full nodes"),
        key("regions", Tables, "[]", "where nodes stand, and how long messages take between them"),
        key("link", Table, "{}", "the cable of links that say nothing else"),
        key("hash_rate", Table, NONE, "drawn for each full node that gives none"),
        sim("one_upload_at_a_time", Flag, "false", "a node sends the next block when the last one has arrived"),
        sim("processing", Table, "{}", "time added to each message of a kind: `{ inv = \"10 ms\", block = \"2 ms\" }`"),
    ],
);

pub(super) static GRAPH: Schema = table(
    "[network.graph]",
    &[
        key(
            "kind",
            OneOf(&[
                "ring",
                "line",
                "star",
                "full",
                "random_regular",
                "out_degrees",
                "scale_free",
                "small_world",
                "file",
            ]),
            NONE,
            "the shape, over the full nodes in their order; see [Graphs](#graphs); absent: that of the preset, or `ring` if `network.nodes` is given, else no links",
        ),
        key("degree", Integer(3, DEGREE_MAX), NONE, "`random_regular`: links of each node"),
        key(
            "degrees",
            Degrees,
            NONE,
            "`out_degrees`: links that each node makes, or the shares of nodes that make at most 1, 2, 3... of them",
        ),
        key("m", Integer(1, DEGREE_MAX), NONE, "`scale_free`: links that each new node makes"),
        key("k", Integer(2, DEGREE_MAX), NONE, "`small_world`: links of each node before the change; even"),
        key("beta", Share, NONE, "`small_world`: links that are changed for random ones"),
        key("file", Text, NONE, "`file`: a GraphML or GML file; its path starts at the folder of the experiment file"),
    ],
);

pub(super) static REGIONS: Schema = table(
    "[[network.regions]]",
    &[
        key("name", Name, REQUIRED, "unique"),
        key("share", Share, "0 %", "nodes that stand here of those that name no region; 100 % of all regions together"),
        cable("upload", BitRate, NONE, "of a node here without one of its own; `none`: no limit"),
        cable("download", BitRate, NONE, "likewise"),
        cable("latency", Latencies, "[]", "from here to each region, in their order; empty: as `network.link`"),
    ],
);

const LATENCY_ABOUT: &str = "time from end to end, one way";
const JITTER_ABOUT: &str = "up to this much more, drawn for each message, live for each packet";
const BANDWIDTH_ABOUT: &str = "what passes in a second in each direction; `none`: no limit";
const LOSS_ABOUT: &str = "packets that are lost and repeated, which delays messages; below 100 %";
const QUEUE_ABOUT: &str = "live: what may wait for a line, and what comes after it is lost; absent: what passes in 100 ms, at least 64 KiB. The simulator's queues have no bound";
const MESSAGE_LOSS_ABOUT: &str = "messages that never arrive; for models without repetition";

pub(super) static LINK: Schema = table(
    "[network.link]",
    &[
        cable("latency", Latency, "0 s", LATENCY_ABOUT),
        cable("jitter", Measure(&quantity::DURATION), "0 s", JITTER_ABOUT),
        cable("bandwidth", BitRate, NONE, BANDWIDTH_ABOUT),
        cable("loss", Share, "0 %", LOSS_ABOUT),
        cable("queue", Measure(&quantity::BYTES), NONE, QUEUE_ABOUT),
        sim("message_loss", Share, "0 %", MESSAGE_LOSS_ABOUT),
    ],
);

pub(super) static LATENCY: Schema = table(
    "[latency]",
    &[
        key(
            "model",
            OneOf(&["fixed", "normal", "pareto"]),
            "fixed",
            "what is drawn for each message, live for each packet",
        ),
        key("mean", Measure(&quantity::DURATION), REQUIRED, LATENCY_ABOUT),
        key("sd", Measure(&quantity::DURATION), NONE, "`normal`: the standard deviation; below zero counts as zero"),
        key("scale", Measure(&quantity::DURATION), NONE, "`pareto`: the smallest; absent: 5 ms less than the mean"),
    ],
);

pub(super) static NETWORK_HASH_RATE: Schema = table(
    "[network.hash_rate]",
    &[
        key("mean", HashRate, REQUIRED, "of a normal distribution; at least 1 H/s is drawn"),
        key("sd", HashRate, "0 H/s", "its standard deviation"),
    ],
);

pub(super) static DEFAULTS: Schema =
    table("[defaults]", &[key("node", Table, "{}", "the keys that every node starts from")]);

const ROLE: Key = key(
    "role",
    OneOf(&["full", "light", "wallet"]),
    "full",
    "`wallet`: neither mines nor relays, asks for the chain; `light`: the same, but follows headers and proofs (SPV)",
);
const HASH_RATE: Key =
    key("hash_rate", HashRate, "20 kH/s", "the most hashes a second that a full node grinds; `0 H/s`: none");
const COINS: Key = key("coins", CoinsList, "[]", "outputs of the genesis block that belong to the node, in coins");
const AGENT: Key = key("agent", Text, NONE, "an attack in place of the honest behaviour");
const DURABILITY: Key = key(
    "durability",
    OneOf(&["block", "batch"]),
    "batch",
    "`block`: each block is on disk before the next; `batch`: several at once",
);
const REGION: Key = key("region", Text, NONE, "where it stands; absent: drawn by the shares of the regions");
const UPLOAD: Key =
    cable("upload", BitRate, NONE, "to all neighbours together; `none`: no limit; absent: its region's");
const DOWNLOAD: Key =
    cable("download", BitRate, NONE, "from all neighbours together; `none`: no limit; absent: its region's");
const CLOCK_OFFSET: Key =
    sim("clock_offset", Signed(&quantity::DURATION), "0 s", "how far its clock is ahead at the start; `-`: behind");
const CLOCK_DRIFT: Key = sim("clock_drift", Signed(&quantity::DRIFT), "0 ppm", "how much its clock gains; `-`: loses");
const PEERS: Key = key("peers", Texts, "[]", "the nodes that it has a link to; a link may be named at both ends");

pub(super) static DEFAULT_NODE: Schema = table(
    "[defaults.node]",
    &[ROLE, HASH_RATE, COINS, AGENT, DURABILITY, REGION, UPLOAD, DOWNLOAD, CLOCK_OFFSET, CLOCK_DRIFT],
);

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
        REGION,
        UPLOAD,
        DOWNLOAD,
        CLOCK_OFFSET,
        CLOCK_DRIFT,
        key("consensus", Later("all nodes follow the same rules"), NONE, "other rules for this node"),
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
        REGION,
        UPLOAD,
        DOWNLOAD,
        CLOCK_OFFSET,
        CLOCK_DRIFT,
    ],
);

pub(super) static LINKS: Schema = table(
    "[[links]]",
    &[
        key("a", Text, REQUIRED, "the node at one end"),
        key("b", Text, REQUIRED, "the node at the other end"),
        cable("latency", Latency, NONE, "time from end to end, one way; absent: by regions, or as `network.link`"),
        cable("jitter", Measure(&quantity::DURATION), NONE, JITTER_ABOUT),
        cable("bandwidth", BitRate, NONE, "in each direction; `none`: no limit; absent: as `network.link`"),
        cable("loss", Share, NONE, LOSS_ABOUT),
        cable("queue", Measure(&quantity::BYTES), NONE, QUEUE_ABOUT),
        sim("message_loss", Share, NONE, MESSAGE_LOSS_ABOUT),
    ],
);
