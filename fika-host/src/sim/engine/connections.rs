//! Links that carry nothing and nodes that do not run: what TCP and the nodes' machines make of it.
//!
//! - While a link is **down**, what is under way on it or sent over it waits. When it is up again the connection goes on with
//!   the first repetition of the packet that was lost first: after `RTO`, `3 RTO`, `7 RTO`, ... since that
//!   was due.
//! - A connection over a link that is down for [`DEAD_AFTER`] **breaks**, at both ends. What it held is lost.
//! - The end that **dials** (that of the first of the two nodes) tries again each [`REDIAL`] from then on. The connection
//!   stands two round trips after the first attempt that meets a link that is up and a node that runs.
//! - A node that is **killed** closes its connections: what it has sent arrives, and then its neighbours know. Over a link that
//!   is down they learn it when the connection breaks. What is sent to it is lost, but for the payments of its owner, which
//!   wait. It starts again from what a store would have kept, and dials at once.
//! - A node that is **paused** handles nothing: all that comes to it waits, and its search does not go on. Its connections
//!   stay.
//!
//! Nothing of this costs a run without events anything.

use fika_core::header::Time;
use fika_core::node::{Input, PeerId};

use super::super::observer::Observer;
use super::super::order::{Class, Order};
use super::super::tournament::NEVER;
use super::outages::{Away, End, EndState, LinkEvent, LinkState};
use super::{Engine, SimEvent};
use crate::limits::{DEAD_AFTER, REDIAL};

impl Engine<'_> {
    /// The end of a link that dials, and whether that is the other one than `end`.
    fn dialling(&self, end: End) -> (End, usize) {
        let (other, back) = self.links.neighbour(end.0, end.1);
        if end.0 < other { (end, 0) } else { ((other, back), 1) }
    }

    /// The ends of the link that is dialled from `end`.
    fn ends(&self, end: End) -> [End; 2] {
        [end, self.links.neighbour(end.0, end.1)]
    }

    /// What is known of the link that is dialled from `end`.
    fn link(&mut self, end: End) -> &mut LinkState<SimEvent> {
        let is_open = self.links.is_up(end.0, end.1);
        let new = || EndState { is_open, lost_before: None, held: vec![], held_since: None, resumes_at: 0 };
        self.outages.links.entry(end).or_insert_with(|| LinkState {
            is_down: false,
            down_since: 0,
            state: 0,
            closed_at: 0,
            ends: [new(), new()],
        })
    }

    /// All links of a node, by the ends that dial, each with the place of the node's own end.
    fn links_of(&self, node: u32) -> Vec<(End, usize)> {
        (0..self.links.degree(node)).map(|peer| self.dialling((node, peer))).collect()
    }

    /// Nobody is connected with nodes that join later.
    pub(super) fn part_absent(&mut self) {
        for node in self.outages.away.keys().copied().collect::<Vec<_>>() {
            for (end, _) in self.links_of(node) {
                self.links.set_up(end.0, end.1, false);
                self.link(end).ends.iter_mut().for_each(|end| end.is_open = false);
            }
        }
    }

    /// An event that is to happen now, if nothing is in its way.
    pub(super) fn hold_back(&mut self, order: Order, event: SimEvent) -> Option<SimEvent> {
        let node = order.node();
        if matches!(event, SimEvent::Link(..)) {
            return Some(event);
        }
        if let Some(away) = self.outages.away.get_mut(&node) {
            match event {
                event if away.is_paused => away.held.push(event),
                SimEvent::Pay(_) | SimEvent::UpdateChain => away.held.push(event),
                event => self.lose_event(node, event),
            }
            return None;
        }
        let peer = match &event {
            SimEvent::Announce(peer, _) | SimEvent::Deliver(peer, ..) | SimEvent::Connect(peer) => *peer,
            SimEvent::Received(received) => received.0,
            _ => return Some(event),
        };
        let (end, own) = self.dialling((node, peer.0));
        let now = self.now;
        if !self.outages.links.contains_key(&end) {
            return Some(event);
        }
        if let SimEvent::Connect(_) = event {
            return self.connects(end, own).then_some(event);
        }
        let link = self.link(end);
        let is_down = link.is_down;
        let of = &mut link.ends[own];
        if of.lost_before.is_some_and(|first| (order.sequence().wrapping_sub(first) as i32) < 0) {
            self.lose_event(node, event);
            return None;
        }
        if is_down && of.is_open {
            of.held_since.get_or_insert(now);
            of.held.push(event);
            return None;
        }
        if of.resumes_at > now {
            let at = of.resumes_at;
            self.push(at, Class::Arrive, node, event);
            return None;
        }
        Some(event)
    }

    /// Whether an end that was told to connect does so: a ban is over, or the link was dialled.
    fn connects(&mut self, end: End, own: usize) -> bool {
        let [a, b] = self.ends(end);
        let runs = !self.outages.is_dead(a.0) && !self.outages.is_dead(b.0);
        let now = self.now;
        let link = self.link(end);
        if link.is_down || !runs {
            link.closed_at = now;
            return false;
        }
        link.ends[own].is_open = true;
        true
    }

    fn lose_event(&mut self, node: u32, event: SimEvent) {
        match event {
            SimEvent::Deliver(_, _, message) => self.lose(node, message),
            SimEvent::Received(received) => self.lose(node, received.1),
            _ => {}
        }
    }

    /// One end keeps the other away.
    pub(super) fn note_ban(&mut self, node: u32, peer: u32, until: Time) {
        let (end, _) = self.dialling((node, peer));
        self.outages.banned.insert(end, until);
        if self.outages.links.contains_key(&end) {
            let now = self.now;
            let link = self.link(end);
            (link.state, link.closed_at) = (link.state + 1, now);
            link.ends.iter_mut().for_each(|end| end.is_open = false);
        }
    }

    /// A link carries nothing from now on, or carries again.
    pub(crate) fn set_link(&mut self, node: u32, peer: u32, up: bool) {
        let (end, _) = self.dialling((node, peer));
        let now = self.now;
        let link = self.link(end);
        link.state += 1;
        link.is_down = !up;
        let (state, since) = (link.state, link.down_since);
        let open = [0, 1].map(|own| link.ends[own].is_open);
        if !up {
            link.down_since = now;
            if open != [false; 2] {
                self.push_link_event(now + micros(DEAD_AFTER), end, state, LinkEvent::Broken);
            }
            return;
        }
        if open != [true; 2] {
            // Who does not know yet is told by the other machine.
            if open != [false; 2] {
                self.push_link_event(now + self.round_trip_us(end), end, state, LinkEvent::Broken);
            }
            return self.dial(end, None);
        }
        for (own, receiver) in self.ends(end).into_iter().enumerate() {
            let sender = self.ends(end)[1 - own];
            let (repeat, mean) = (self.links.repeat_us(sender.0, sender.1), self.links.mean_us(sender.0, sender.1));
            let of = &mut self.link(end).ends[own];
            let held = std::mem::take(&mut of.held);
            let Some(first) = of.held_since.take() else { continue };
            let lost_at = first.saturating_sub(mean).max(since);
            let at = repeated_at(lost_at, repeat, now) + mean;
            of.resumes_at = at;
            self.links.arrive_after(sender.0, sender.1, at);
            held.into_iter().for_each(|event| self.push(at, Class::Arrive, receiver.0, event));
        }
    }

    fn push_link_event(&mut self, at: Time, end: End, state: u32, event: LinkEvent) {
        self.push(at, Class::Connect, end.0, SimEvent::Link(PeerId(end.1), state, event));
    }

    fn round_trip_us(&self, end: End) -> Time {
        self.ends(end).iter().map(|(node, peer)| self.links.mean_us(*node, *peer)).sum()
    }

    /// Something comes due for a link, if it is still in this state.
    pub(super) fn happen_to_link(&mut self, end: End, state: u32, event: LinkEvent) {
        if self.link(end).state != state {
            return;
        }
        match event {
            LinkEvent::Broken => self.close(end),
            // A ban that was over may have connected them.
            LinkEvent::Dialled if self.link(end).ends.iter().all(|end| end.is_open) => {}
            LinkEvent::Dialled => self.connect(end),
        }
    }

    /// Both ends lose their connection, as far as they have one.
    fn close(&mut self, end: End) {
        let now = self.now;
        let link = self.link(end);
        (link.state, link.closed_at) = (link.state + 1, now);
        for (own, (node, peer)) in self.ends(end).into_iter().enumerate() {
            let first = self.announcements.next_event(node);
            let of = &mut self.link(end).ends[own];
            let was_open = std::mem::replace(&mut of.is_open, false);
            of.lost_before = Some(first);
            of.held_since = None;
            let held = std::mem::take(&mut of.held);
            held.into_iter().for_each(|event| self.lose_event(node, event));
            self.links.set_end_up(node, peer, false);
            if was_open {
                self.push(now, Class::Connect, node, SimEvent::Disconnect(PeerId(peer)));
            }
        }
        if !self.link(end).is_down {
            self.dial(end, None);
        }
    }

    /// Has a link connected as soon as its dialling end finds it up and both nodes running.
    fn dial(&mut self, end: End, started: Option<u32>) {
        let [a, b] = self.ends(end);
        let (now, redial) = (self.now, micros(REDIAL));
        let banned_until = self.outages.banned.get(&end).copied().unwrap_or(0);
        let runs = self.outages.runs(a.0) && self.outages.runs(b.0);
        let link = self.link(end);
        if link.is_down || !runs {
            return;
        }
        let attempts = now.saturating_sub(link.closed_at).div_ceil(redial);
        let tried_at = if started == Some(a.0) { now } else { link.closed_at + attempts * redial };
        let state = link.state;
        let at = tried_at.max(now).max(banned_until) + 2 * self.round_trip_us(end);
        self.push_link_event(at, end, state, LinkEvent::Dialled);
    }

    /// The two ends have a connection. Who still had an old one learns that it is gone.
    fn connect(&mut self, end: End) {
        let now = self.now;
        for (own, (node, peer)) in self.ends(end).into_iter().enumerate() {
            let first = self.announcements.next_event(node);
            let of = &mut self.link(end).ends[own];
            let was_open = std::mem::replace(&mut of.is_open, true);
            (of.lost_before, of.resumes_at) = (Some(first), 0);
            if was_open {
                self.push(now, Class::Connect, node, SimEvent::Disconnect(PeerId(peer)));
            }
            self.push(now, Class::Connect, node, SimEvent::Connect(PeerId(peer)));
        }
        self.links.set_up(end.0, end.1, true);
    }

    /// A node ends, and with it all that is not on its disk.
    pub(crate) fn end_node(&mut self, node: u32) {
        let Away { held, .. } = self.outages.away.remove(&node).unwrap_or_default();
        let is_owners = |event: &SimEvent| matches!(event, SimEvent::Pay(_) | SimEvent::UpdateChain);
        let (held, lost): (Vec<_>, Vec<_>) = held.into_iter().partition(is_owners);
        lost.into_iter().for_each(|event| self.lose_event(node, event));
        self.outages.away.insert(node, Away { is_paused: false, has_begun: true, held });
        self.wakes.set(node, NEVER);
        self.miners[node as usize].jobs.clear();
        self.successes.set(node, NEVER);
        let now = self.now;
        for (end, own) in self.links_of(node) {
            let (_, peer) = self.ends(end)[own];
            let (sent_until, mean) = (self.links.last_arrival(node, peer), self.links.mean_us(node, peer));
            let first = self.announcements.next_event(node);
            let link = self.link(end);
            link.state += 1;
            let known_at = match link.is_down {
                true => link.down_since + micros(DEAD_AFTER),
                false => (now + mean).max(sent_until + 1),
            };
            let (state, other_is_open) = (link.state, link.ends[1 - own].is_open);
            let of = &mut link.ends[own];
            (of.is_open, of.lost_before, of.held_since) = (false, Some(first), None);
            let held = std::mem::take(&mut of.held);
            held.into_iter().for_each(|event| self.lose_event(node, event));
            self.links.set_end_up(node, peer, false);
            if other_is_open {
                self.push_link_event(known_at.max(now), end, state, LinkEvent::Broken);
            }
        }
    }

    /// A node that was not there, or has ended, begins.
    pub(crate) fn begin_node(&mut self, node: u32, observer: &mut dyn Observer) {
        let Some(Away { held, has_begun, .. }) = self.outages.away.remove(&node) else { return };
        if has_begun {
            let (n, place) = (node as usize, self.place(node));
            self.nodes[n].restart(&mut self.worlds[place], self.attacks[n]);
        }
        self.give(node, Input::Start, observer);
        let now = self.now;
        held.into_iter().for_each(|event| self.push(now, Class::Owner, node, event));
        self.dial_all(node, Some(node));
    }

    fn dial_all(&mut self, node: u32, started: Option<u32>) {
        for (end, _) in self.links_of(node) {
            let link = self.link(end);
            if link.ends.iter().all(|end| end.is_open) {
                continue;
            }
            link.state += 1;
            self.dial(end, started);
        }
    }

    /// A node stands still.
    pub(crate) fn pause_node(&mut self, node: u32) {
        self.outages.away.insert(node, Away { is_paused: true, has_begun: true, held: vec![] });
        self.wakes.set(node, NEVER);
        self.successes.set(node, NEVER);
    }

    /// It goes on.
    pub(crate) fn resume_node(&mut self, node: u32) {
        let Some(Away { held, .. }) = self.outages.away.remove(&node) else { return };
        let now = self.now;
        // One class, so that they stay in their order.
        held.into_iter().for_each(|event| self.push(now, Class::Arrive, node, event));
        // It looks at its timers.
        self.wakes.set(node, now);
        self.search_on(node);
        self.dial_all(node, None);
    }
}

/// When a packet that was lost at `lost_at` is repeated for the first time from `now` on: after `repeat`, and again after
/// twice as long each time.
fn repeated_at(lost_at: Time, repeat: Time, now: Time) -> Time {
    let (mut at, mut wait) = (lost_at, repeat.max(1));
    while at < now {
        at = at.saturating_add(wait);
        wait = wait.saturating_mul(2);
    }
    at
}

fn micros(time: std::time::Duration) -> Time {
    time.as_micros() as Time
}
