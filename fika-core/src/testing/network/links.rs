//! Which links carry messages.

use std::collections::{BTreeMap, BTreeSet};

/// Something that happens to a network from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// These groups and the rest can no longer talk to each other.
    Partition(Vec<Vec<u32>>),
    /// Everybody can talk to everybody again.
    Heal,
    /// The node ends without a warning.
    Kill(u32),
    /// The node starts from what was durable.
    Restart(u32),
}

/// The state of every link.
pub(super) struct Links {
    /// By its ends, the lower first.
    links: BTreeMap<(u32, u32), Link>,
    /// The groups that are parted.
    groups: Vec<Vec<u32>>,
    dead: BTreeSet<u32>,
}

#[derive(Default)]
struct Link {
    open: bool,
    /// How often it was opened or closed: what was sent before the last time is lost.
    changes: u64,
    /// It loses everything, and nobody is told.
    lossy: bool,
    /// One end keeps the other away for good.
    banned: bool,
}

fn ends(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

impl Links {
    pub(super) fn new(links: &[(u32, u32)]) -> Links {
        let links = links.iter().map(|(a, b)| (ends(*a, *b), Link { open: true, ..Link::default() }));
        Links { links: links.collect(), groups: Vec::new(), dead: BTreeSet::new() }
    }

    /// The link's number of changes, if it takes a message.
    pub(super) fn carries(&self, a: u32, b: u32) -> Option<u64> {
        self.links.get(&ends(a, b)).filter(|link| link.open && !link.lossy).map(|link| link.changes)
    }

    pub(super) fn set_lossy(&mut self, lossy: &[(u32, u32)]) {
        self.links.values_mut().for_each(|link| link.lossy = false);
        for (a, b) in lossy {
            let link = self.links.get_mut(&ends(*a, *b));
            link.unwrap_or_else(|| panic!("there is no link between node {a} and node {b}")).lossy = true;
        }
    }

    pub(super) fn ban(&mut self, a: u32, b: u32) {
        if let Some(link) = self.links.get_mut(&ends(a, b)) {
            link.banned = true;
        }
    }

    pub(super) fn set_groups(&mut self, groups: Vec<Vec<u32>>) {
        self.groups = groups;
    }

    pub(super) fn set_dead(&mut self, node: u32, dead: bool) {
        if dead {
            self.dead.insert(node)
        } else {
            self.dead.remove(&node)
        };
    }

    /// Opens and closes what has to be. Gives the links that have changed and whether they are open.
    pub(super) fn update(&mut self) -> Vec<(u32, u32, bool)> {
        let group = |node: u32| self.groups.iter().position(|group| group.contains(&node));
        let mut changed = Vec::new();
        for ((a, b), link) in &mut self.links {
            let open = !link.banned && group(*a) == group(*b) && !self.dead.contains(a) && !self.dead.contains(b);
            if link.open != open {
                link.open = open;
                link.changes += 1;
                changed.push((*a, *b, open));
            }
        }
        changed
    }
}
