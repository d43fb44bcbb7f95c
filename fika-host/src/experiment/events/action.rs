//! One thing that happens to a network.

use fika_core::amount::Amount;
use serde::{Deserialize, Serialize};

use super::super::{CableChange, NodeIndex};

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Nodes of different groups cannot talk to each other; nodes in none are one more group.
    Partition { groups: Vec<Vec<NodeIndex>> },
    /// The partition ends.
    Heal,
    /// Something happens to a node.
    Node { node: NodeIndex, what: NodeAction },
    /// Something happens to the link between two nodes.
    Link { a: NodeIndex, b: NodeIndex, what: LinkAction },
    /// Every node has so many millionths of its hash rate in the experiment.
    HashRates { factor_ppm: u64 },
    /// A payment, tried once.
    Pay { from: NodeIndex, to: NodeIndex, amount: Amount, fee: Amount },
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NodeAction {
    /// It ends without a warning.
    Kill,
    /// It begins again, with what is on its disk.
    Restart,
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
    /// It takes part from now on.
    Join,
    /// It takes no part any longer: it ends with everything on its disk.
    Leave,
    /// Its clock is ahead by the offset and gains by the drift; `None`: as before.
    Clock { offset_us: Option<i64>, drift_ppm: Option<i64> },
    /// Hashes a second.
    HashRate { rate: u128 },
    /// So many millionths of its hash rate in the experiment.
    HashFactor { factor_ppm: u64 },
}

/// What happens to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkAction {
    /// Nothing passes.
    Down,
    /// It carries again.
    Up,
    /// It is as in the experiment, but for this.
    Change(CableChange),
}

impl Action {
    /// The word of the file for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Action::Partition { .. } => "partition",
            Action::Heal => "heal",
            Action::Node { what, .. } => match what {
                NodeAction::Kill => "kill",
                NodeAction::Restart => "restart",
                NodeAction::Pause => "pause",
                NodeAction::Resume => "resume",
                NodeAction::Join => "join",
                NodeAction::Leave => "leave",
                NodeAction::Clock { .. } => "clock",
                NodeAction::HashRate { .. } | NodeAction::HashFactor { .. } => "hash_rate",
            },
            Action::Link { what: LinkAction::Down, .. } => "link_down",
            Action::Link { what: LinkAction::Up, .. } => "link_up",
            Action::Link { what: LinkAction::Change(_), .. } => "link",
            Action::HashRates { .. } => "hash_rate",
            Action::Pay { .. } => "pay",
        }
    }

    /// What ends it, if anything does.
    pub(crate) fn opposite(&self) -> Option<Action> {
        Some(match self {
            Action::Partition { .. } => Action::Heal,
            Action::Node { node, what } => {
                let what = match what {
                    NodeAction::Kill => NodeAction::Restart,
                    NodeAction::Pause => NodeAction::Resume,
                    NodeAction::Leave => NodeAction::Join,
                    NodeAction::HashRate { .. } | NodeAction::HashFactor { .. } => {
                        NodeAction::HashFactor { factor_ppm: 1_000_000 }
                    }
                    _ => return None,
                };
                Action::Node { node: *node, what }
            }
            Action::Link { a, b, what } => {
                let what = match what {
                    LinkAction::Down => LinkAction::Up,
                    LinkAction::Up => return None,
                    LinkAction::Change(_) => LinkAction::Change(CableChange::default()),
                };
                Action::Link { a: *a, b: *b, what }
            }
            Action::HashRates { .. } => Action::HashRates { factor_ppm: 1_000_000 },
            Action::Heal | Action::Pay { .. } => return None,
        })
    }
}
