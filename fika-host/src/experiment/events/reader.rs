//! Reads `[[events]]`.

use fika_core::amount::Amount;

use super::super::key::EVENTS_MAX;
use super::super::load::Parties;
use super::super::medium_reader::cable_change;
use super::super::nodes::DRIFT_MAX_PPM;
use super::super::reader::{Fields, Read, did_you_mean};
use super::super::schema;
use super::super::source::{Place, Problems};
use super::super::{NodeIndex, NodeSpec, Role};
use super::action::{Action, LinkAction, NodeAction};
use super::schedule::{Scheduled, When};
use crate::limits::shortened;

/// The nodes and links that events are about.
pub(super) struct Known<'a> {
    pub(super) nodes: &'a [NodeSpec],
    pub(super) links: &'a [(NodeIndex, NodeIndex)],
    /// By name.
    pub(super) find: &'a dyn Fn(&str) -> Option<NodeIndex>,
    /// Whether all nodes could be read. If not, nobody knows which names are wrong.
    pub(super) complete: bool,
}

/// The keys that an action needs, and those that it may have besides.
fn keys(word: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match word {
        "partition" => (&["groups"], &[]),
        "heal" => (&[], &[]),
        "link_down" | "link_up" => (&["a", "b"], &[]),
        "link" => (&["a", "b"], &["latency", "jitter", "bandwidth", "loss", "queue", "message_loss"]),
        "clock" => (&["node"], &["offset", "drift"]),
        "hash_rate" => (&[], &["node", "hash_rate", "factor"]),
        "pay" => (&["from", "to", "amount"], &["fee"]),
        _ => (&["node"], &[]),
    }
}

/// The keys that say when.
/// An event happens at most so often: what happens in a network has to be carried out, noted and drawn.
const GAP_US_MIN: u64 = 10_000;
/// The same as a rate, in thousandths a day.
const RATE_MAX: u64 = 1_000 * 86_400_000_000 / GAP_US_MIN;

/// The keys of an event that are not its action's.
pub(super) const TIMES: &[&str] = &["do", "at", "at_height", "every", "rate", "until", "for"];

/// `[[events]]`, each with its place.
pub(in super::super) fn events(
    file: &Fields<'_>,
    (nodes, links): (&[NodeSpec], &[(NodeIndex, NodeIndex)]),
    find: &dyn Fn(&str) -> Option<NodeIndex>,
    complete: bool,
    problems: &Problems,
) -> Vec<(Place, Scheduled)> {
    let tables = file.tables("events", &schema::EVENTS, None);
    if tables.len() > EVENTS_MAX {
        file.problem("events", || format!("expected at most {EVENTS_MAX} entries, found {}", tables.len()));
        return vec![];
    }
    let known = Known { nodes, links, find, complete };
    let event = |fields: &Fields<'_>| {
        let (when, action) = (when(fields, problems), known.action(fields, problems));
        let for_us = fields.optional("for");
        let ((action, drawn_from), when) = (action?, when?);
        if for_us == Some(0) {
            fields.problem("for", || "expected more than 0".into());
        }
        if for_us.is_some() && action.opposite().is_none() {
            fields.problem("for", || format!("'{}' has no end", action.word()));
        }
        Some((fields.place, Scheduled { when, action, drawn_from, for_us }))
    };
    tables.iter().filter_map(event).collect()
}

fn when(fields: &Fields<'_>, problems: &Problems) -> Option<When> {
    let [at, height, every, rate, until_us] =
        ["at", "at_height", "every", "rate", "until"].map(|key| fields.optional(key));
    for (key, value) in [("every", every), ("rate", rate)] {
        if value == Some(0) {
            fields.problem(key, || "expected more than 0".into());
            return None;
        }
    }
    if every.is_some_and(|gap_us| gap_us < GAP_US_MIN) {
        fields.problem("every", || "expected at least 10 ms".into());
    }
    if rate.is_some_and(|per_day_thousandths| per_day_thousandths > RATE_MAX) {
        fields.problem("rate", || "expected at most 100 /s".into());
    }
    let start_us = at.unwrap_or(0);
    let when = match (at, height, every, rate) {
        (Some(time_us), None, None, None) if until_us.is_none() => When::At { time_us },
        (None, Some(height), None, None) if until_us.is_none() => When::AtHeight { height },
        (_, None, Some(interval_us), None) => {
            When::Every { start_us: at.unwrap_or(interval_us), interval_us, until_us }
        }
        (_, None, None, Some(per_day_thousandths)) => When::Rate { start_us, per_day_thousandths, until_us },
        _ if TIMES[1..5].iter().any(|key| fields.given(key).is_some_and(|_| fields.read(key) == Read::Nothing)) => {
            return None;
        }
        _ => {
            let expected =
                "expected 'at' or 'at_height' (once), or 'every' or 'rate' (with 'at' and 'until', if wanted)";
            problems.add(fields.place, || format!("{expected} in [[events]]"));
            return None;
        }
    };
    if until_us.is_some_and(|until| until < when.first_us()) {
        fields.problem("until", || "expected a time after the first one".into());
    }
    Some(when)
}

impl Known<'_> {
    /// What a table asks for, and from whom its node is drawn.
    pub(super) fn action(&self, fields: &Fields<'_>, problems: &Problems) -> Option<(Action, Option<Parties>)> {
        let word = fields.optional_text("do")?;
        let (needed, more) = keys(&word);
        let mut complete = true;
        for key in schema::EVENTS.keys.iter().map(|key| key.name).filter(|key| !TIMES.contains(key)) {
            let given = fields.given(key).is_some() || key == "node" && fields.has(key);
            if given && !needed.contains(&key) && !more.contains(&key) {
                fields.problem(key, || format!("'{word}' does not have it"));
                complete = false;
            }
            if !given && needed.contains(&key) {
                problems.add(fields.place, || format!("'{word}' in [[events]] needs the key '{key}'"));
                complete = false;
            }
        }
        if !complete {
            return None;
        }
        let one = |key: &str| {
            let place = fields.below(key).map_or(fields.place, |item| item.place);
            let name = fields.optional_text(key)?;
            self.one(place, &name, problems)
        };
        let link = |what: LinkAction| {
            let (a, b) = (one("a")?, one("b")?);
            if self.complete && problems.none() && self.links.binary_search(&(a.min(b), a.max(b))).is_err() {
                fields.problem("b", || {
                    format!("expected a link, found none between {} and {}", self.name(a), self.name(b))
                });
            }
            Some(Action::Link { a, b, what })
        };
        let action = match word.as_str() {
            "partition" => self.partition(fields, problems)?,
            "heal" => Action::Heal,
            "link_down" => link(LinkAction::Down)?,
            "link_up" => link(LinkAction::Up)?,
            "link" => link(LinkAction::Change(cable_change(fields, problems)))?,
            "pay" => {
                let (from, to) = (one("from")?, one("to")?);
                let amount = Amount(fields.number("amount"));
                if from == to {
                    fields.problem("to", || "expected another node than the payer".into());
                }
                if amount == Amount::ZERO {
                    fields.problem("amount", || "expected an amount above 0".into());
                }
                Action::Pay { from, to, amount, fee: Amount(fields.number("fee")) }
            }
            _ => return self.node_action(&word, fields, problems),
        };
        Some((action, None))
    }

    fn node_action(&self, word: &str, fields: &Fields<'_>, problems: &Problems) -> Option<(Action, Option<Parties>)> {
        let what = match word {
            "kill" => NodeAction::Kill,
            "restart" => NodeAction::Restart,
            "pause" => NodeAction::Pause,
            "resume" => NodeAction::Resume,
            "join" => NodeAction::Join,
            "leave" => NodeAction::Leave,
            "clock" => clock(fields, problems)?,
            _ => match (fields.hash_rate("hash_rate"), fields.optional("factor"), fields.has("node")) {
                (Some(rate), None, true) => NodeAction::HashRate { rate },
                (None, Some(factor_ppm), true) => NodeAction::HashFactor { factor_ppm },
                (None, Some(factor_ppm), false) => return Some((Action::HashRates { factor_ppm }, None)),
                // An error was told.
                (rate, factor, _)
                    if rate.is_some() != fields.given("hash_rate").is_some()
                        || factor.is_some() != fields.given("factor").is_some() =>
                {
                    return None;
                }
                _ => {
                    let expected = "'hash_rate' needs 'hash_rate' and 'node', or 'factor' with a node or without";
                    problems.add(fields.place, || format!("{expected}, in [[events]]"));
                    return None;
                }
            },
        };
        let names = match fields.read("node") {
            Read::Texts(names) if names.is_empty() => {
                fields.problem("node", || "expected at least one name".into());
                return None;
            }
            Read::Texts(names) => Some(names),
            // An error was told.
            _ if fields.given("node").is_some_and(|item| !item.is_text("any")) => return None,
            _ => None,
        };
        let Some(names) = names else {
            return self.drawn(fields, (0..self.nodes.len() as NodeIndex).collect(), Parties::Any, what);
        };
        let mut nodes = vec![];
        for (place, name) in &names {
            nodes.extend(self.several(*place, name, problems)?);
        }
        self.drawn(fields, nodes.clone(), Parties::Nodes(nodes), what)
    }

    fn drawn(
        &self,
        fields: &Fields<'_>,
        nodes: Vec<NodeIndex>,
        parties: Parties,
        what: NodeAction,
    ) -> Option<(Action, Option<Parties>)> {
        let node = *nodes.first()?;
        let hashes = matches!(what, NodeAction::HashRate { .. } | NodeAction::HashFactor { .. });
        if let Some(wallet) = nodes.iter().find(|node| hashes && self.nodes[**node as usize].role == Role::Wallet) {
            fields.problem("node", || {
                format!("expected a full node, found {}: a wallet does not mine", self.name(*wallet))
            });
        }
        if matches!(what, NodeAction::Join) && nodes.len() > 1 {
            fields.problem("node", || "expected one node: who is not there at the start is not drawn".into());
        }
        Some((Action::Node { node, what }, (nodes.len() > 1).then_some(parties)))
    }

    fn partition(&self, fields: &Fields<'_>, problems: &Problems) -> Option<Action> {
        let Read::Groups(named) = fields.read("groups") else { return None };
        let mut groups = vec![];
        let mut group_of = vec![None; self.nodes.len()];
        for (number, names) in named.iter().enumerate() {
            let mut group = vec![];
            for (place, name) in names {
                for node in self.several(*place, name, problems)? {
                    if group_of[node as usize].replace(number).is_some() {
                        problems.add(*place, || {
                            format!("expected each node in one group, found {} again", self.name(node))
                        });
                        return None;
                    }
                    group.push(node);
                }
            }
            if group.is_empty() {
                fields.problem("groups", || "expected at least one node in each group".into());
                return None;
            }
            groups.push(group);
        }
        let is_whole = self.complete && groups.len() == 1 && groups[0].len() == self.nodes.len();
        if groups.is_empty() || is_whole {
            fields.problem("groups", || "expected two groups, or one that leaves nodes out".into());
            return None;
        }
        Some(Action::Partition { groups })
    }

    fn name(&self, node: NodeIndex) -> &str {
        &self.nodes[node as usize].name
    }

    fn one(&self, place: Place, name: &str, problems: &Problems) -> Option<NodeIndex> {
        let found = (self.find)(name);
        if found.is_none() && self.complete {
            problems.add(place, || {
                let meant = did_you_mean(name, self.nodes.iter().map(|node| node.name.as_str()));
                format!("expected the name of a node, found '{}', which no node has{meant}", shortened(name))
            });
        }
        found
    }

    /// The node of this name, or else all nodes of the group of this name: `name-1`, `name-2`, ...
    fn several(&self, place: Place, name: &str, problems: &Problems) -> Option<Vec<NodeIndex>> {
        let of_group: Vec<NodeIndex> = match (self.find)(name) {
            Some(node) => vec![node],
            None => (1..).map_while(|number| (self.find)(&format!("{name}-{number}"))).collect(),
        };
        if of_group.is_empty() { self.one(place, name, problems).map(|node| vec![node]) } else { Some(of_group) }
    }
}

fn clock(fields: &Fields<'_>, problems: &Problems) -> Option<NodeAction> {
    let signed = |key: &str| match fields.read(key) {
        Read::Signed(number) => Some(number),
        _ => None,
    };
    let (offset_us, drift_ppm) = (signed("offset"), signed("drift"));
    if drift_ppm.is_some_and(|drift| drift.unsigned_abs() >= DRIFT_MAX_PPM) {
        fields.problem("drift", || "expected less than 100 %".into());
    }
    if offset_us.is_none() && drift_ppm.is_none() {
        problems.add(fields.place, || "'clock' in [[events]] needs the key 'offset' or 'drift'".into());
        return None;
    }
    Some(NodeAction::Clock { offset_us, drift_ppm })
}
