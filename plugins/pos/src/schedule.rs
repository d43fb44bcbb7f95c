//! Slots, epochs, and who leads when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::{Id, domain_hash};
use fika_core::reject::Missing;
use fika_core::view::{BlockView, ChainView};

/// How many ledger states and how many epochs are kept. Nodes ask again and again for the current
/// and the next epoch of a few forks, and for older ones only while they catch up.
const KEPT: usize = 16;

/// The division of time, and the leaders worked out so far.
pub(crate) struct Schedule {
    genesis_time: u32,
    slot_ticks: u32,
    epoch_slots: u64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By boundary.
    stakes: Recent<Id, Arc<Stakes>>,
    /// By epoch and boundary.
    epochs: Recent<(u64, Id), Arc<Epoch>>,
}

/// The [`KEPT`] values used last, the latest at the end.
struct Recent<K, V>(Vec<(K, V)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Recent(Vec::new())
    }
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    fn get(&mut self, key: &K) -> Option<V> {
        let at = self.0.iter().rposition(|(found, _)| found == key)?;
        self.0[at..].rotate_left(1);
        self.0.last().map(|(_, value)| value.clone())
    }

    fn insert(&mut self, key: K, value: V) {
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((key, value));
    }
}

/// Holders and the sums of all stakes up to and including theirs.
struct Stakes(Vec<(Address, u128)>);

impl Stakes {
    fn new(stakes: Vec<(Address, Amount)>) -> Stakes {
        let mut sum = 0;
        let sums = stakes.into_iter().map(|(who, amount)| {
            sum += u128::from(amount.0);
            (who, sum)
        });
        Stakes(sums.collect())
    }

    /// The owner of the stake that the 128-bit draw falls on. Stakes add up to less than 2^64, so
    /// taking the remainder favours nobody by more than 2^-64.
    fn pick(&self, draw: u128) -> Option<Address> {
        let total = self.0.last().map_or(0, |(_, sum)| *sum);
        let at = draw.checked_rem(total)?;
        Some(self.0[self.0.partition_point(|(_, sum)| *sum <= at)].0)
    }
}

/// The leaders of one epoch.
pub(crate) struct Epoch {
    first_slot: u64,
    /// One per slot; empty when nobody had a stake.
    leaders: Vec<Address>,
    /// The slots of each leader, ascending.
    slots: BTreeMap<Address, Vec<u64>>,
}

impl Epoch {
    pub(crate) fn leader(&self, slot: u64) -> Option<Address> {
        let index = usize::try_from(slot.checked_sub(self.first_slot)?).ok()?;
        self.leaders.get(index).copied()
    }

    /// The slots that `who` leads, ascending.
    pub(crate) fn slots_of(&self, who: &Address) -> &[u64] {
        self.slots.get(who).map_or(&[], Vec::as_slice)
    }
}

impl Schedule {
    pub(crate) fn new(genesis_time: u32, slot_ticks: u32, epoch_slots: u64) -> Schedule {
        Schedule { genesis_time, slot_ticks, epoch_slots, known: Mutex::default() }
    }

    /// The slot that the tick `time` lies in; genesis lies in slot 0. `None` before genesis.
    pub(crate) fn slot(&self, time: u32) -> Option<u64> {
        Some(u64::from(time.checked_sub(self.genesis_time)? / self.slot_ticks))
    }

    /// The first tick of `slot`. `None` beyond the range of the header's field.
    pub(crate) fn start(&self, slot: u64) -> Option<u32> {
        let ticks = slot.checked_mul(self.slot_ticks.into())?;
        u32::try_from(ticks).ok()?.checked_add(self.genesis_time)
    }

    /// The slot whose first tick is `time`.
    pub(crate) fn slot_starting(&self, time: u32) -> Option<u64> {
        self.slot(time).filter(|slot| self.start(*slot) == Some(time))
    }

    pub(crate) fn epoch_of(&self, slot: u64) -> u64 {
        slot / self.epoch_slots
    }

    pub(crate) fn first_slot(&self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.epoch_slots)
    }

    /// The leaders of `epoch` on the chain that ends in `parent`, for slots after the parent's.
    pub(crate) fn epoch(
        &self,
        epoch: u64,
        parent: &BlockView<'_>,
        past: &dyn ChainView,
    ) -> Result<Arc<Epoch>, Missing> {
        let boundary = self.boundary(epoch, parent, past)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.epochs.get(&(epoch, boundary)) {
            return Ok(found);
        }
        let stakes = match known.stakes.get(&boundary) {
            Some(found) => found,
            None => {
                let stakes = Arc::new(Stakes::new(past.stakes(&boundary)?));
                known.stakes.insert(boundary, stakes.clone());
                stakes
            }
        };
        let leaders = Arc::new(self.draw(epoch, &boundary, &stakes));
        known.epochs.insert((epoch, boundary), leaders.clone());
        Ok(leaders)
    }

    /// The last block before the previous epoch began, or genesis.
    fn boundary(&self, epoch: u64, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<Id, Missing> {
        let end = self.first_slot(epoch.saturating_sub(1));
        let slot = |block: &BlockView<'_>| self.slot(block.header.time).unwrap_or(0);
        let last = slot(parent);
        if last < end || parent.height == 0 {
            return Ok(parent.id);
        }
        // Slots only grow with height, and at most one block lies in each of those from `end` to the parent's.
        let mut low = parent.height.saturating_sub(last - end + 1);
        let mut high = parent.height;
        while high - low > 1 {
            let middle = low.midpoint(high);
            if slot(&past.ancestor(&parent.id, middle)?) < end { low = middle } else { high = middle }
        }
        Ok(past.ancestor(&parent.id, low)?.id)
    }

    fn draw(&self, epoch: u64, boundary: &Id, stakes: &Stakes) -> Epoch {
        let first_slot = self.first_slot(epoch);
        let mut found = Epoch { first_slot, leaders: Vec::new(), slots: BTreeMap::new() };
        for slot in first_slot..first_slot.saturating_add(self.epoch_slots) {
            let digest = domain_hash("fika-pos leader", &[&boundary.0, &slot.to_le_bytes()]);
            let draw = u128::from_le_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes"));
            let Some(leader) = stakes.pick(draw) else { break };
            found.leaders.push(leader);
            found.slots.entry(leader).or_default().push(slot);
        }
        found
    }
}
