//! The keys of `[[events]]`.

use super::key::Form::*;
use super::key::{INTEGER_MAX, NONE, REQUIRED, Schema, cable, key, sim, table};
use crate::quantity;

/// What can be done, in the words of the file and of `fika-host do`.
pub(crate) const WORDS: &[&str] = &[
    "partition",
    "heal",
    "kill",
    "restart",
    "pause",
    "resume",
    "join",
    "leave",
    "link_down",
    "link_up",
    "link",
    "clock",
    "hash_rate",
    "pay",
];

pub(super) static EVENTS: Schema = table(
    "[[events]]",
    &[
        key("do", OneOf(WORDS), REQUIRED, "what happens, see [Events](#events)"),
        key(
            "at",
            Measure(&quantity::DURATION),
            NONE,
            "once, at this time after the start; with `every` or `rate`: when they begin",
        ),
        key("at_height", Integer(1, INTEGER_MAX), NONE, "once, when the first full node's chain reaches this height"),
        key(
            "every",
            Measure(&quantity::DURATION),
            NONE,
            "again and again, so long after each other; first at `at`, or after one of them",
        ),
        key("rate", Measure(&quantity::RATE), NONE, "again and again, after drawn times (exponential)"),
        key("until", Measure(&quantity::DURATION), NONE, "with `every` or `rate`: not after this time"),
        key(
            "for",
            Measure(&quantity::DURATION),
            NONE,
            "so long after it the opposite follows: `heal`, `restart`, `resume`, `join`, `link_up`, or all as in the experiment",
        ),
        cable("groups", Groups, NONE, "`partition`: who can still talk to each other; all others are one more group"),
        key(
            "node",
            Names,
            NONE,
            "`kill`, `restart`, `pause`, `resume`, `join`, `leave`, `clock`, `hash_rate`: which; one of several is drawn each time",
        ),
        cable("a", Text, NONE, "`link`, `link_down`, `link_up`: the node at one end"),
        cable("b", Text, NONE, "the node at the other end"),
        cable("latency", Latency, NONE, "`link`: from now on; absent, as all of these: as in the experiment"),
        cable("jitter", Measure(&quantity::DURATION), NONE, "`link`: likewise"),
        cable("bandwidth", BitRate, NONE, "`link`: likewise; `none`: no limit"),
        cable("loss", Share, NONE, "`link`: likewise, of packets"),
        cable("queue", Measure(&quantity::BYTES), NONE, "`link`: likewise; what may wait for a line"),
        sim("message_loss", Share, NONE, "`link`: likewise, of messages"),
        sim(
            "offset",
            Signed(&quantity::DURATION),
            NONE,
            "`clock`: how far it is ahead from now on; `-`: behind; absent: as far as before",
        ),
        sim(
            "drift",
            Signed(&quantity::DRIFT),
            NONE,
            "`clock`: how much it gains from now on; `-`: loses; absent: as before",
        ),
        key("hash_rate", HashRate, NONE, "`hash_rate`: of the node from now on"),
        key(
            "factor",
            Factor,
            NONE,
            "`hash_rate`: in its place, so many times what the node has in the experiment; without `node`: every node",
        ),
        key("from", Text, NONE, "`pay`: who pays"),
        key("to", Text, NONE, "`pay`: who is paid"),
        key("amount", Coins, NONE, "`pay`: coins"),
        key("fee", Coins, NONE, "`pay`: coins for the producer of the block; absent: 0"),
    ],
);
