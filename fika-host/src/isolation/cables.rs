//! The cables of a run: of which kind each is, and what changes while the run goes on.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};

use serde::Serialize;

use super::forwarder::Forwarder;
use super::netns::{self, Kind, Plan};
use super::wires::{Rates, Wires};
use super::{Error, Link, system};
use crate::physics::Cable;

/// What the cables of a run depend on beside their links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Physics {
    /// Of all draws.
    pub(crate) seed: u64,
    /// The lines of each node. Missing ones have no limit.
    pub(crate) rates: Vec<Rates>,
}

impl Physics {
    /// Whether the packets of this link must be held or dropped, now or later.
    pub(crate) fn shape(&self, link: &Link) -> bool {
        let limited = |node: &usize| self.rates.get(*node).is_some_and(|own| *own != Rates::default());
        link.changes || !link.cables.iter().all(Cable::is_plain) || [link.a, link.b].iter().any(limited)
    }
}

/// How many cables of which kind a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CableKinds {
    /// Veth pairs, for links without physics.
    pub(crate) direct: usize,
    /// Pairs of TUN devices, for links with physics.
    pub(crate) userspace: usize,
    /// Whether the thread that carries their packets runs before ordinary processes (`SCHED_RR`).
    pub(crate) realtime: bool,
}

impl fmt::Display for CableKinds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} direct (veth), {} userspace (TUN", self.direct, self.userspace)?;
        match (self.userspace, self.realtime) {
            (0, _) => f.write_str(")"),
            (_, true) => f.write_str(", with SCHED_RR)"),
            (_, false) => {
                f.write_str(", without SCHED_RR, which is not permitted: a busy machine delays packets more)")
            }
        }
    }
}

/// The cables of a run with the `netns` engine, by link.
pub(crate) struct Cables {
    plans: Vec<Plan>,
    /// Of the userspace cables, in the order of the links.
    forwarder: Option<Forwarder>,
}

impl Cables {
    /// Makes the network of `nodes` nodes: a namespace for each, and its cables.
    pub(crate) fn lay(nodes: usize, links: &[Link], physics: &Physics) -> Result<(Vec<OwnedFd>, Cables), Error> {
        let kind = |link| if physics.shape(link) { Kind::Userspace } else { Kind::Direct };
        let plans = netns::plan(nodes, links.iter().map(|link| (kind(link), (link.a, link.b))));
        let made = netns::create(nodes, &plans).map_err(|error| system("making the network", error))?;
        let mut wires = Wires::new(&physics.rates);
        for (index, (link, plan)) in links.iter().zip(&plans).enumerate() {
            if plan.kind == Kind::Userspace {
                wires.lay(physics.seed, index, (link.a, link.b), link.cables);
            }
        }
        let mut cables = Cables { plans, forwarder: None };
        if !made.devices.is_empty() {
            let started = Forwarder::start(wires, made.devices);
            cables.forwarder = Some(started.map_err(|error| system("starting the thread of the cables", error))?);
        }
        Ok((made.namespaces, cables))
    }

    /// By link.
    pub(crate) fn plans(&self) -> &[Plan] {
        &self.plans
    }

    pub(crate) fn kinds(&self) -> CableKinds {
        let userspace = self.plans.iter().filter(|plan| plan.kind == Kind::Userspace).count();
        let realtime = self.forwarder.as_ref().is_some_and(Forwarder::realtime);
        CableKinds { direct: self.plans.len() - userspace, userspace, realtime }
    }

    /// What to say where packets came late.
    pub(crate) fn lateness(&self) -> Option<String> {
        self.forwarder.as_ref()?.lateness()
    }

    /// Has the cable of a link carry packets or drop all; `ends` are the namespaces of its nodes.
    pub(crate) fn set_up(&self, link: usize, ends: [BorrowedFd; 2], up: bool) -> Result<(), Error> {
        let set = match self.userspace(link) {
            Some((place, forwarder)) => forwarder.set_up(place, up),
            None => netns::set_up(&self.plans[link], ends, up),
        };
        set.map_err(|error| system(format!("setting link {link} {}", if up { "up" } else { "down" }), error))
    }

    /// Gives the cable of a link other physics in its two directions.
    pub(crate) fn change(&self, link: usize, cables: [Cable; 2]) -> Result<(), Error> {
        let (place, forwarder) = self.userspace(link).ok_or(Error::PlainCable(link))?;
        forwarder.change(place, cables).map_err(|error| system(format!("changing link {link}"), error))
    }

    /// The place of a link's cable among those of the forwarder, if it is one of them.
    fn userspace(&self, link: usize) -> Option<(usize, &Forwarder)> {
        let is_userspace = |plan: &&Plan| plan.kind == Kind::Userspace;
        Some(&self.plans[link]).filter(is_userspace)?;
        Some((self.plans[..link].iter().filter(is_userspace).count(), self.forwarder.as_ref()?))
    }
}
