//! The block tree: an arena of blocks with quick ancestors.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::block::{Block, Head};
use crate::codec::Encode;
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::reject::Reason;
use crate::target::Work;
use crate::view::BlockView;

/// How many children of a block are compared with a header before it is hashed.
const SIBLINGS: usize = 8;

/// A block's place in the arena. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockIx(pub u32);

/// A map keyed by identifiers, which are hashes already. Never iterated.
#[expect(clippy::disallowed_types, reason = "its hasher is fixed and nothing iterates")]
pub type IdMap<V> = std::collections::HashMap<Id, V, BuildHasherDefault<IdHasher>>;

/// Takes the first eight bytes of an [`Id`] for its hash.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(prefix) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*prefix);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// What is known about a block's validity, its seal apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not validated yet.
    Open,
    /// Valid: its ledger state exists.
    Valid,
    /// Never valid, for this reason.
    Invalid(Arc<Reason>),
}

/// One block of the arena.
#[derive(Debug)]
pub struct Entry {
    /// The block's id.
    pub id: Id,
    /// The 80 bytes.
    pub header: Header,
    /// What the producer committed.
    pub extra: Box<[u8]>,
    /// Distance from genesis.
    pub height: u64,
    /// Weight of the block and its ancestors; 0 until it is validated.
    pub weight: Work,
    /// The parent; itself for genesis.
    pub parent: BlockIx,
    /// An ancestor further back, for quick descents.
    skip: BlockIx,
    /// The children, in the order of their ids.
    pub children: Vec<BlockIx>,
    /// Its validity.
    pub verdict: Verdict,
    /// The first seal that held. With the rest of the head it is here, so that whoever asks for headers makes nobody read
    /// whole blocks.
    pub seal: Option<Box<[u8]>>,
    /// The length of the block when it came, in bytes; 0 while only its head is known.
    pub bytes: u32,
    /// The whole block while it is in memory; a store has it otherwise.
    pub block: Option<Arc<Block>>,
    /// The keys that its transactions spend, while the block is in memory.
    pub spent: Option<Arc<[Vec<u8>]>>,
    /// The state after the block: the sum of its entries' hashes.
    pub state_root: Id,
    /// What the rules have said of it: from when it may be accepted, and which blocks off its ancestry it names. They are
    /// pure, so they are asked once for all nodes.
    pub(super) earliest: Option<Time>,
    pub(super) references: Option<Box<[Id]>>,
}

/// All blocks that a world knows.
pub struct Tree {
    entries: Vec<Entry>,
    by_id: IdMap<BlockIx>,
}

impl Tree {
    /// A tree of one block.
    pub fn new(genesis: Arc<Block>) -> Tree {
        let mut tree = Tree { entries: Vec::new(), by_id: IdMap::default() };
        let genesis_seal = genesis.head.seal.as_slice().into();
        let ix = tree.push(genesis, BlockIx(0), 0);
        tree.entries[0].verdict = Verdict::Valid;
        tree.entries[0].seal = Some(genesis_seal);
        debug_assert_eq!(ix, Tree::GENESIS);
        tree
    }

    /// The first block's place.
    pub const GENESIS: BlockIx = BlockIx(0);

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: there is always a genesis.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Adds a block whose parent is in the tree; gives the place of a block that is there already.
    pub fn insert(&mut self, block: Arc<Block>) -> Option<BlockIx> {
        let id = block.id();
        if let Some(known) = self.find(&id) {
            return Some(known);
        }
        let parent = self.find(&block.head.header.parent)?;
        let height = self[parent].height + 1;
        Some(self.push(block, parent, height))
    }

    /// Adds a block of which only the head is known, and whose parent is in the tree. Nothing but the block itself proves
    /// the head's extra.
    pub(super) fn insert_head(&mut self, id: Id, head: &Head) -> Option<BlockIx> {
        let parent = self.find(&head.header.parent)?;
        let height = self[parent].height + 1;
        Some(self.find(&id).unwrap_or_else(|| self.add(id, head, parent, height)))
    }

    /// Keeps the body of a block of which only the head was known.
    pub(super) fn keep_body(&mut self, ix: BlockIx, block: Arc<Block>) {
        let entry = &mut self[ix];
        entry.bytes = block.encoded_len() as u32;
        entry.extra = block.head.extra.as_slice().into();
        entry.block = Some(block);
    }

    fn push(&mut self, block: Arc<Block>, parent: BlockIx, height: u64) -> BlockIx {
        let ix = self.add(block.id(), &block.head, parent, height);
        self[ix].bytes = block.encoded_len() as u32;
        self[ix].block = Some(block);
        ix
    }

    fn add(&mut self, id: Id, head: &Head, parent: BlockIx, height: u64) -> BlockIx {
        let ix = BlockIx(u32::try_from(self.entries.len()).expect("fewer than 2^32 blocks"));
        let skip = if height < 2 { parent } else { self.ancestor(parent, skip_height(height)) };
        self.entries.push(Entry {
            id,
            header: head.header,
            extra: head.extra.as_slice().into(),
            height,
            weight: Work::ZERO,
            parent,
            skip,
            children: Vec::new(),
            verdict: Verdict::Open,
            seal: None,
            bytes: 0,
            block: None,
            spent: None,
            state_root: Id::ZERO,
            earliest: None,
            references: None,
        });
        self.by_id.insert(id, ix);
        if height > 0 {
            let at = self[parent].children.partition_point(|child| self[*child].id < id);
            self[parent].children.insert(at, ix);
        }
        ix
    }

    /// Where the block called `id` is.
    #[inline]
    pub fn find(&self, id: &Id) -> Option<BlockIx> {
        // Nearly always it is the newest block of all, or that one's parent.
        let newest = self.entries.last()?;
        if newest.id == *id {
            return Some(BlockIx(self.entries.len() as u32 - 1));
        }
        if self[newest.parent].id == *id {
            return Some(newest.parent);
        }
        self.by_id.get(id).copied()
    }

    /// The id of a header, without hashing it where the tree has a block with it. In a world of many nodes, hashing the
    /// same header for each of them would be most of a block's cost.
    pub fn name(&self, header: &Header) -> Id {
        let children = self.find(&header.parent).map_or(&[][..], |parent| &self[parent].children);
        let known = children.iter().take(SIBLINGS).find(|child| self[**child].header == *header);
        known.map_or_else(|| header.id(), |child| self[*child].id)
    }

    /// The ancestor of `of` at `height`, which must not be above it. Logarithmic, as in Bitcoin's skip list.
    pub fn ancestor(&self, of: BlockIx, height: u64) -> BlockIx {
        let mut at = of;
        while self[at].height > height {
            let entry = &self[at];
            at = if self[entry.skip].height >= height { entry.skip } else { entry.parent };
        }
        at
    }

    /// The ancestor of `of` at `height` as plugins see it; `None` above the block itself.
    pub fn ancestor_view(&self, of: BlockIx, height: u64) -> Option<BlockView<'_>> {
        (height <= self[of].height).then(|| self.view(self.ancestor(of, height)))
    }

    /// Whether `a` is `b` or an ancestor of it.
    pub fn is_ancestor(&self, a: BlockIx, b: BlockIx) -> bool {
        a == b || a == Tree::GENESIS || (self[a].height < self[b].height && self.ancestor(b, self[a].height) == a)
    }

    /// The last block that both are descendants of, or are.
    pub fn fork_point(&self, a: BlockIx, b: BlockIx) -> BlockIx {
        if self[b].parent == a {
            return a;
        }
        let height = self[a].height.min(self[b].height);
        let (mut a, mut b) = (self.ancestor(a, height), self.ancestor(b, height));
        while a != b {
            let (ea, eb) = (&self[a], &self[b]);
            // Equal heights have equal skip heights: jump together while the paths differ there.
            (a, b) = if ea.skip != eb.skip { (ea.skip, eb.skip) } else { (ea.parent, eb.parent) };
        }
        a
    }

    /// The blocks after `ancestor` up to `to`, in the order of heights.
    pub fn path(&self, ancestor: BlockIx, to: BlockIx) -> SmallVec<[BlockIx; 4]> {
        let mut path = SmallVec::new();
        let mut at = to;
        while at != ancestor {
            path.push(at);
            at = self[at].parent;
        }
        path.reverse();
        path
    }

    /// The head of a block whose seal is known.
    pub fn head(&self, ix: BlockIx) -> Option<Head> {
        let Entry { header, extra, seal, .. } = &self[ix];
        Some(Head { header: *header, extra: extra.to_vec(), seal: seal.as_ref()?.to_vec() })
    }

    /// The block as plugins see it.
    pub fn view(&self, ix: BlockIx) -> BlockView<'_> {
        let entry = &self[ix];
        BlockView {
            id: entry.id,
            header: entry.header,
            height: entry.height,
            weight: entry.weight,
            extra: &entry.extra,
        }
    }
}

impl std::ops::Index<BlockIx> for Tree {
    type Output = Entry;
    fn index(&self, ix: BlockIx) -> &Entry {
        &self.entries[ix.0 as usize]
    }
}

impl std::ops::IndexMut<BlockIx> for Tree {
    fn index_mut(&mut self, ix: BlockIx) -> &mut Entry {
        &mut self.entries[ix.0 as usize]
    }
}

/// The height that a block's skip pointer leads to: clears low bits so that jumps of all lengths exist on every path.
fn skip_height(height: u64) -> u64 {
    let clear = |n: u64| n & n.wrapping_sub(1);
    if height.is_multiple_of(2) { clear(height) } else { clear(clear(height - 1)) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(parent: Id, nonce: u32) -> Arc<Block> {
        let header = Header { parent, nonce, ..Header::default() };
        Arc::new(Block { head: Head { header, ..Head::default() }, txs: Vec::new() })
    }

    #[test]
    fn ancestors_and_fork_points_match_a_walk() {
        let genesis = block(Id::ZERO, 0);
        let mut tree = Tree::new(genesis);
        let mut all = vec![Tree::GENESIS];
        for n in 1..400u32 {
            let back = (crate::hash::draw(1, 0, u64::from(n)) % 3) as usize;
            let parent = all[all.len() - 1 - back.min(all.len() - 1)];
            let parent_id = tree[parent].id;
            all.push(tree.insert(block(parent_id, n)).unwrap());
        }
        let walk = |tree: &Tree, mut at: BlockIx, height: u64| {
            while tree[at].height > height {
                at = tree[at].parent;
            }
            at
        };
        for pair in all.windows(17) {
            let (a, b) = (pair[0], pair[16]);
            for height in 0..=tree[b].height {
                assert_eq!(tree.ancestor(b, height), walk(&tree, b, height));
            }
            let fork = tree.fork_point(a, b);
            assert!(tree.is_ancestor(fork, a) && tree.is_ancestor(fork, b));
            let next =
                |x: BlockIx| (tree[x].height > tree[fork].height).then(|| tree.ancestor(x, tree[fork].height + 1));
            assert!(next(a).is_none() || next(a) != next(b), "the fork point is the last common block");
        }
        assert_eq!(tree.insert(block(Id([9; 32]), 1)), None, "a block without its parent has no place");
        assert!(all.iter().all(|ix| tree.find(&tree[*ix].id) == Some(*ix)));
        assert_eq!(Tree::new(block(Id::ZERO, 0)).find(&Id::ZERO), None, "genesis has no parent");
    }
}
