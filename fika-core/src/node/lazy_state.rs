//! State that most nodes do without.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use super::chain_sync::ChainSync;
use super::gossip_seen::GossipSeen;
use super::light::Light;
use super::orphans::OrphanBlocks;
use super::patience::Patience;
use super::tx_orphanage::TxOrphanage;
use super::unpublished::Unpublished;
use crate::hash::Id;
use crate::world::BlockSet;

/// What is empty in most nodes.
#[derive(Default)]
pub(super) struct Seldom {
    /// The blocks that this node has found invalid.
    pub(super) refused: BlockSet,
    pub(super) orphans: OrphanBlocks,
    pub(super) tx_orphans: TxOrphanage,
    pub(super) sync: ChainSync,
    pub(super) unpublished: Unpublished,
    pub(super) light: Light,
    pub(super) gossip: GossipSeen,
    pub(super) patience: Patience,
    /// What the agent keeps, by the hashes of the names. A world that is shared keeps nothing for it.
    pub(super) kept: BTreeMap<Id, Kept>,
}

/// A name and its value.
pub(super) type Kept = (Vec<u8>, Vec<u8>);

/// That state, in one word of memory until it is changed for the first time: where many nodes run in one process, what
/// lies between the parts that every message needs costs time.
#[derive(Default)]
pub(super) struct LazyState(Option<Box<Seldom>>);

static EMPTY: LazyLock<Seldom> = LazyLock::new(Seldom::default);

impl Deref for LazyState {
    type Target = Seldom;

    #[inline]
    fn deref(&self) -> &Seldom {
        self.0.as_deref().unwrap_or_else(|| &EMPTY)
    }
}

impl DerefMut for LazyState {
    fn deref_mut(&mut self) -> &mut Seldom {
        self.0.get_or_insert_default()
    }
}
