//! What of a network is up, down or away.

use std::collections::BTreeSet;

use super::super::{Experiment, NodeIndex, Role};
use super::action::{Action, LinkAction, NodeAction};

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeState {
    Runs,
    /// It stands still.
    Paused,
    /// It was killed, or has ended by itself.
    Dead,
    /// It has not joined yet, or has left.
    Absent,
}

/// What of a network is up, down or away.
pub(crate) struct Conditions<'a> {
    experiment: &'a Experiment,
    nodes: Vec<NodeState>,
    /// By node its group, while the network is parted.
    groups: Option<Vec<usize>>,
    /// The links that are down by themselves.
    down: BTreeSet<usize>,
}

impl<'a> Conditions<'a> {
    /// As at the start.
    pub(crate) fn new(experiment: &'a Experiment) -> Conditions<'a> {
        let state = |absent: bool| if absent { NodeState::Absent } else { NodeState::Runs };
        let nodes = experiment.absent_at_start().into_iter().map(state).collect();
        Conditions { experiment, nodes, groups: None, down: BTreeSet::new() }
    }

    /// How a node is.
    pub(crate) fn node(&self, node: usize) -> NodeState {
        self.nodes[node]
    }

    /// A node has ended by itself.
    pub(crate) fn died(&mut self, node: usize) {
        if self.nodes[node] != NodeState::Absent {
            self.nodes[node] = NodeState::Dead;
        }
    }

    /// Takes note of an action. Gives the links, by their places in the experiment, that go down or come up with it.
    ///
    /// # Errors
    /// In one line, why there is nothing to do.
    pub(crate) fn apply(&mut self, action: &Action) -> Result<Vec<(usize, bool)>, String> {
        match action {
            Action::Partition { groups } => {
                if self.groups.is_some() {
                    return Err("expected a network in one part, found it parted already: heal it first".into());
                }
                let mut of = vec![0; self.nodes.len()];
                for (number, group) in (1..).zip(groups) {
                    group.iter().for_each(|node| of[*node as usize] = number);
                }
                Ok(self.change_links(|conditions| conditions.groups = Some(of)))
            }
            Action::Heal if self.groups.is_none() => {
                Err("expected a network that is parted, found it in one part".into())
            }
            Action::Heal => Ok(self.change_links(|conditions| conditions.groups = None)),
            Action::Node { node, what } => self.apply_to_node(*node, *what).map(|()| vec![]),
            Action::Link { a, b, what } => {
                let link = self.link(*a, *b)?;
                let is_down = self.down.contains(&link);
                match what {
                    LinkAction::Down if is_down => {
                        Err(self.of_link("expected a link that is up, found that of", *a, *b))
                    }
                    LinkAction::Up if !is_down => {
                        Err(self.of_link("expected a link that is down, found that of", *a, *b))
                    }
                    LinkAction::Down => Ok(self.change_links(|conditions| _ = conditions.down.insert(link))),
                    LinkAction::Up => Ok(self.change_links(|conditions| _ = conditions.down.remove(&link))),
                    LinkAction::Change(_) => Ok(vec![]),
                }
            }
            Action::HashRates { .. } => Ok(vec![]),
            Action::Pay { from, .. } => self.expect_running(*from).map(|()| vec![]),
        }
    }

    fn apply_to_node(&mut self, node: NodeIndex, what: NodeAction) -> Result<(), String> {
        let name = &self.experiment.nodes[node as usize].name;
        let state = &mut self.nodes[node as usize];
        let new = match (what, *state) {
            (NodeAction::Kill | NodeAction::Pause | NodeAction::Leave, NodeState::Runs)
            | (NodeAction::Kill | NodeAction::Leave, NodeState::Paused) => match what {
                NodeAction::Kill => NodeState::Dead,
                NodeAction::Pause => NodeState::Paused,
                _ => NodeState::Absent,
            },
            (NodeAction::Restart, NodeState::Dead)
            | (NodeAction::Resume, NodeState::Paused)
            | (NodeAction::Join, NodeState::Absent) => NodeState::Runs,
            (NodeAction::Clock { .. } | NodeAction::HashRate { .. } | NodeAction::HashFactor { .. }, _) => {
                return self.expect_running(node);
            }
            (what, state) => {
                let wanted = match what {
                    NodeAction::Restart => "has died",
                    NodeAction::Resume => "is paused",
                    NodeAction::Join => "is not there",
                    _ => "runs",
                };
                return Err(format!("expected a node that {wanted}, found that {name} {}", words(state)));
            }
        };
        *state = new;
        Ok(())
    }

    fn expect_running(&self, node: NodeIndex) -> Result<(), String> {
        match self.nodes[node as usize] {
            NodeState::Runs | NodeState::Paused => Ok(()),
            state => {
                let name = &self.experiment.nodes[node as usize].name;
                Err(format!("expected a node that runs, found that {name} {}", words(state)))
            }
        }
    }

    /// The place of the link between two nodes.
    pub(crate) fn link(&self, a: NodeIndex, b: NodeIndex) -> Result<usize, String> {
        let found = self.experiment.links.binary_search(&(a.min(b), a.max(b)));
        found.map_err(|_| self.of_link("expected a link, found none between", a, b))
    }

    fn of_link(&self, what: &str, a: NodeIndex, b: NodeIndex) -> String {
        let name = |node: NodeIndex| &self.experiment.nodes[node as usize].name;
        format!("{what} {} and {}", name(a), name(b))
    }

    fn is_down(&self, link: usize) -> bool {
        let (a, b) = self.experiment.links[link];
        let parted = |groups: &Vec<usize>| groups[a as usize] != groups[b as usize];
        self.down.contains(&link) || self.groups.as_ref().is_some_and(parted)
    }

    /// The links that are down now.
    fn all_down(&self) -> BTreeSet<usize> {
        (0..self.experiment.links.len()).filter(|link| self.is_down(*link)).collect()
    }

    fn change_links(&mut self, change: impl FnOnce(&mut Self)) -> Vec<(usize, bool)> {
        let before = self.all_down();
        change(self);
        let after = self.all_down();
        let changed = before.symmetric_difference(&after);
        changed.map(|link| (*link, before.contains(link))).collect()
    }
}

fn words(state: NodeState) -> &'static str {
    match state {
        NodeState::Runs => "runs",
        NodeState::Paused => "is paused",
        NodeState::Dead => "is dead",
        NodeState::Absent => "is not there",
    }
}

impl Experiment {
    /// By node, whether it is not there at the start: it joins, and does not leave before.
    pub(crate) fn absent_at_start(&self) -> Vec<bool> {
        let mut absent = vec![None; self.nodes.len()];
        let mut first: Vec<_> = self.events.iter().enumerate().collect();
        first.sort_by_key(|(index, event)| (event.when.first_us(), *index));
        for (_, event) in first {
            if let Action::Node { node, what: what @ (NodeAction::Join | NodeAction::Leave) } = event.action {
                absent[node as usize].get_or_insert(what == NodeAction::Join);
            }
        }
        absent.into_iter().map(|absent| absent == Some(true)).collect()
    }

    /// Whether links go down or change at any time.
    pub(crate) fn cuts_links(&self) -> bool {
        self.events.iter().any(|event| matches!(event.action, Action::Partition { .. } | Action::Link { .. }))
    }

    /// Whether the figures of this link change at any time.
    pub(crate) fn changes_link(&self, link: usize) -> bool {
        let is_it = |a: NodeIndex, b: NodeIndex| self.links[link] == (a.min(b), a.max(b));
        self.events.iter().any(|event| match event.action {
            Action::Link { a, b, what: LinkAction::Change(_) } => is_it(a, b),
            _ => false,
        })
    }

    /// By node, whether somebody grinds for it at any time.
    pub(crate) fn mines(&self, node: usize) -> bool {
        let spec = &self.nodes[node];
        let gets =
            |action: &Action| matches!(action, Action::Node { what: NodeAction::HashRate { rate }, .. } if *rate > 0);
        spec.hash_rate > 0 || spec.role == Role::Full && self.events.iter().any(|event| gets(&event.action))
    }
}
