//! The queue of events: those of the near future in slices of time, the rest in a heap.
//!
//! Nearly all events of a run are messages, and most of them arrive within seconds. An event is put into the slice of
//! its time, which costs the same however many there are; a slice is brought into order when its time has come, and it
//! is small (Brown 1988, "Calendar queues").

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use fika_core::header::Time;
use fika_core::prefetch::fetch;

use super::order::Order;

/// A slice of time is 2 to this power of microseconds, two milliseconds: an event that is added to a slice already in
/// order costs more.
const SLICE_BITS: u32 = 11;
/// So many slices are kept apart: eight seconds.
const SLICES: usize = 4_096;
/// So many events lie together in memory.
const CHUNK: usize = 16;
/// So many chunks keep their memory when they are empty: more are used only when a network starts.
const KEPT: usize = 4_096;
/// So many events are in order before their time, as far as they lie in the next few slices.
const KNOWN_AHEAD: usize = 8;
const NEAR: u64 = 16;
/// No chunk.
const NONE: u32 = u32::MAX;

/// Events in their order.
pub(crate) struct Queue<T> {
    /// Those of the slice at hand, the last first.
    current: Vec<Queued<T>>,
    /// Empty, but for its memory.
    taken: Vec<Queued<T>>,
    /// Those that were added to it, or to an earlier one, when it was already in order.
    late: BinaryHeap<Queued<T>>,
    /// The number of that slice; 0: none yet.
    slice: u64,
    /// Those of the slices after it: by the number of the slice modulo [`SLICES`] the last of its chunks.
    ring: Vec<u32>,
    /// Events in chunks, and for each chunk the one before it of the same slice.
    chunks: Vec<(Vec<Queued<T>>, u32)>,
    /// Chunks without events. What was used last is used first, so that little memory is in use and all of it near.
    free: Vec<u32>,
    /// A bit for each slice of the ring that is not empty.
    filled: Vec<u64>,
    in_ring: usize,
    /// Those beyond the ring.
    far: BinaryHeap<Queued<T>>,
    /// The first of all.
    next: Option<Order>,
}

struct Queued<T> {
    order: Order,
    event: T,
}

impl<T> PartialEq for Queued<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<T> Eq for Queued<T> {}

impl<T> PartialOrd for Queued<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Queued<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        other.order.cmp(&self.order)
    }
}

fn slice_of(at: Time) -> u64 {
    (at >> SLICE_BITS) + 1
}

impl<T> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue::new()
    }
}

impl<T> Queue<T> {
    /// Nothing yet.
    pub(crate) fn new() -> Queue<T> {
        Queue {
            current: Vec::new(),
            taken: Vec::new(),
            late: BinaryHeap::new(),
            slice: 0,
            ring: vec![NONE; SLICES],
            chunks: Vec::new(),
            free: Vec::new(),
            filled: vec![0; SLICES / 64],
            in_ring: 0,
            far: BinaryHeap::new(),
            next: None,
        }
    }

    /// Puts what was taken, in its order, behind what is left of the slice at hand.
    fn put_behind(&mut self) {
        self.taken.append(&mut self.current);
        std::mem::swap(&mut self.taken, &mut self.current);
    }

    /// Adds an event; it is not before `now`, and `now` is never before that of an earlier call.
    // A part of its caller, which so makes the event where it is to lie: moved in pieces it would be slow to put together.
    #[inline(always)]
    pub(crate) fn push(&mut self, now: Time, order: Order, event: T) {
        if self.current.is_empty() && self.late.is_empty() && self.in_ring == 0 {
            self.start_over(now);
        }
        self.next = Some(self.next.map_or(order, |next| next.min(order)));
        let slice = slice_of(order.at());
        if slice <= self.slice || slice - self.slice >= SLICES as u64 {
            return self.put_apart(slice, Queued { order, event });
        }
        let at = slice as usize % SLICES;
        let has_room = self.chunks.get(self.ring[at] as usize).is_some_and(|(chunk, _)| chunk.len() < CHUNK);
        if !has_room {
            self.add_chunk(at);
        }
        self.chunks[self.ring[at] as usize].0.push(Queued { order, event });
        self.filled[at / 64] |= 1 << (at % 64);
        self.in_ring += 1;
    }

    /// The slice of `now` is yet to come, so that what happens at once is put in order once.
    #[cold]
    fn start_over(&mut self, now: Time) {
        self.slice = slice_of(now) - 1;
        self.take_from_far();
    }

    /// Keeps an event that belongs to no slice of the ring.
    #[cold]
    fn put_apart(&mut self, slice: u64, queued: Queued<T>) {
        let heap = if slice <= self.slice { &mut self.late } else { &mut self.far };
        heap.push(queued);
    }

    /// Makes room for more events of a slice.
    fn add_chunk(&mut self, at: usize) {
        let new = self.free.pop().unwrap_or_else(|| {
            self.chunks.push((Vec::new(), NONE));
            self.chunks.len() as u32 - 1
        });
        let (events, before) = &mut self.chunks[new as usize];
        events.reserve_exact(CHUNK);
        *before = std::mem::replace(&mut self.ring[at], new);
    }

    /// The events of a slice of the ring.
    fn of_slice(&self, at: usize) -> impl Iterator<Item = &Queued<T>> {
        let chunk = |chunk: u32| self.chunks.get(chunk as usize);
        std::iter::successors(chunk(self.ring[at]), move |(_, before)| chunk(*before)).flat_map(|(events, _)| events)
    }

    /// When the next event is.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.next.map(Order::at)
    }

    /// Takes out the next event.
    // As a part of its caller it would give the event in pieces, which are slow to put together again.
    #[inline(never)]
    pub(crate) fn pop(&mut self) -> Option<(Order, T)> {
        self.next?;
        while self.current.len() <= KNOWN_AHEAD
            && let Some((slice, at)) = self.next_in_ring().filter(|(slice, _)| *slice <= self.slice + NEAR)
        {
            self.take_slice(slice, at);
        }
        if self.current.is_empty() && self.late.is_empty() {
            self.advance();
        }
        let is_late = match (self.current.last(), self.late.peek()) {
            (Some(current), Some(late)) => late.order < current.order,
            (current, _) => current.is_none(),
        };
        let Queued { order, event } = if is_late { self.late.pop()? } else { self.current.pop()? };
        let first = self.current.last().map(|queued| queued.order);
        let late = self.late.peek().map(|queued| queued.order);
        self.next = first.into_iter().chain(late).min().or_else(|| self.first_after());
        Some((order, event))
    }

    /// The event that comes so many places after the next, as far as is known.
    pub(crate) fn upcoming(&self, places: usize) -> Option<(Order, &T)> {
        let at = self.current.len().checked_sub(places + 1)?;
        Some((self.current[at].order, &self.current[at].event))
    }

    /// The next slice of the ring that is not empty, by its place.
    fn next_in_ring(&self) -> Option<(u64, usize)> {
        if self.in_ring == 0 {
            return None;
        }
        let first = (self.slice + 1) as usize % SLICES;
        let words = self.filled.len();
        let mut word = first / 64;
        let mut bits = self.filled[word] & (u64::MAX << (first % 64));
        for _ in 0..=words {
            if bits != 0 {
                let at = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (at + SLICES - first) % SLICES;
                return Some((self.slice + 1 + ahead as u64, at));
            }
            word = (word + 1) % words;
            bits = self.filled[word];
        }
        None
    }

    /// The first event of the ring or beyond.
    fn first_after(&self) -> Option<Order> {
        let near = self.next_in_ring().and_then(|(_, at)| self.of_slice(at).map(|queued| queued.order).min());
        let far = self.far.peek().map(|queued| queued.order);
        near.into_iter().chain(far).min()
    }

    /// Goes on to the next slice that is not empty.
    fn advance(&mut self) {
        let near = self.next_in_ring();
        let far = self.far.peek().map(|queued| slice_of(queued.order.at()));
        let Some(slice) = near.map(|(slice, _)| slice).into_iter().chain(far).min() else { return };
        match near.filter(|(near, _)| *near == slice) {
            Some((_, at)) => self.take_slice(slice, at),
            None => {
                self.slice = slice;
                self.take_from_far();
            }
        }
    }

    /// Puts the next slice of the ring in order, behind what is left of the one at hand.
    fn take_slice(&mut self, slice: u64, at: usize) {
        self.slice = slice;
        let mut place = std::mem::replace(&mut self.ring[at], NONE);
        while let Some((events, before)) = self.chunks.get_mut(place as usize) {
            // Where all messages take equally long they were added in their order.
            self.taken.extend(events.drain(..).rev());
            if self.free.len() >= KEPT {
                *events = Vec::new();
            }
            self.free.push(std::mem::replace(&mut place, *before));
        }
        self.in_ring -= self.taken.len();
        self.filled[at / 64] &= !(1 << (at % 64));
        // Greatest first, as a heap would have it.
        self.taken.sort_unstable();
        self.put_behind();
        self.take_from_far();
        // Of a crowded slice the last events that were added.
        if let Some((_, at)) = self.next_in_ring() {
            let (events, _) = &self.chunks[self.ring[at] as usize];
            fetch(&events[..], size_of_val(&events[..]));
        }
    }

    /// Takes in what lies beyond the ring no longer, because its slice is at hand.
    fn take_from_far(&mut self) {
        while self.far.peek().is_some_and(|queued| slice_of(queued.order.at()) <= self.slice) {
            self.late.extend(self.far.pop());
        }
    }
}

#[cfg(test)]
mod tests {
    use fika_core::hash::draw;

    use super::super::order::Class;
    use super::*;

    #[test]
    fn events_come_by_time_then_class_then_node_then_sequence() {
        let mut queue = Queue::new();
        let orders = [
            Order::new(5, Class::Arrive, 1, 0),
            Order::new(5, Class::Arrive, 0, 9),
            Order::new(5, Class::Connect, 9, 0),
            Order::new(4, Class::Owner, 9, 9),
            Order::new(5, Class::Arrive, 1, 1),
        ];
        orders.iter().enumerate().for_each(|(n, order)| queue.push(0, *order, n));
        let popped: Vec<usize> = std::iter::from_fn(|| queue.pop()).map(|(_, n)| n).collect();
        assert_eq!(popped, [3, 2, 1, 0, 4]);
    }

    #[test]
    fn it_gives_what_a_plain_heap_gives() {
        for seed in 0..20 {
            let (mut queue, mut heap) = (Queue::new(), BinaryHeap::new());
            let mut now = 0;
            for n in 0..3_000u32 {
                let drawn = draw(seed, 1, n.into());
                // Bunches, the near future, beyond the ring, and far beyond.
                let spread = [1, 3_000, 9_000_000, 700_000_000][(drawn >> 60) as usize % 4];
                let order = Order::new(now + drawn % spread, Class::Arrive, n % 7, n);
                queue.push(now, order, n);
                heap.push(std::cmp::Reverse(order));
                if drawn & 3 == 0 {
                    for _ in 0..5 {
                        assert_eq!(queue.next_at(), heap.peek().map(|order| order.0.at()));
                        let expected = heap.pop().map(|order| order.0);
                        assert_eq!(queue.pop().map(|(order, _)| order), expected, "seed {seed}");
                        now = expected.map_or(now, Order::at);
                    }
                    // Something else may happen before the next event.
                    now += draw(seed, 2, n.into()) % (heap.peek().map_or(1, |order| order.0.at() - now) + 1);
                }
            }
            while let Some(std::cmp::Reverse(expected)) = heap.pop() {
                assert_eq!(queue.pop().map(|(order, _)| order), Some(expected));
            }
            assert!(queue.pop().is_none() && queue.next_at().is_none());
        }
    }
}
