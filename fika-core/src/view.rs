//! What plugins see of the chain.

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::coded_struct;
use crate::hash::Id;
use crate::header::Header;
use crate::reject::Missing;
use crate::target::Work;

/// How many blocks the median time is taken over, Bitcoin's number.
const MEDIAN_BLOCKS: usize = 11;

/// One block as rules and agents see it: parent, tip, proposal and draft alike.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BlockView<'a> {
    /// The block's name.
    pub id: Id,
    /// The 80 bytes.
    pub header: Header,
    /// Distance from genesis, which has height 0.
    pub height: u64,
    /// Weight of this block and all its ancestors. While a block is being checked its own share is not in yet.
    pub weight: Work,
    /// What the producer fixed before the proof.
    pub extra: &'a [u8],
}

/// A coin as a ledger state holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// The coin's key in the ledger, as the transaction format made it.
    pub key: Vec<u8>,
    /// Its amount.
    pub amount: Amount,
    /// Height of the block that created it.
    pub height: u64,
    /// Header time of that block, in ticks.
    pub time: u32,
}

coded_struct!(Coin { key, amount, height, time });

/// A key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Blocks and the ledger states after them.
///
/// Rules get a view of the validated block's ancestors and of what its references name; agents get
/// one of all that their node has seen. A call about any other block answers [`Missing`], which
/// `?` turns into "not yet" in rules.
///
/// States are quick within 64 blocks of the tip; older ones are rebuilt from the stored
/// differences, so rules that need them (epochs) keep what they learnt.
pub trait ChainView {
    /// The block called `id`.
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing>;
    /// The ancestor of `of` at `height` (`of` itself at its own height). Takes logarithmic time.
    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing>;
    /// What `who` owns in coins after block `at`.
    fn balance(&self, at: &Id, who: &Address) -> Result<Amount, Missing>;
    /// What `who` has locked as a deposit after block `at`.
    fn locked(&self, at: &Id, who: &Address) -> Result<Amount, Missing>;
    /// Everyone with coins or a deposit after block `at` and the sum of both, in the order of addresses.
    fn stakes(&self, at: &Id) -> Result<Vec<(Address, Amount)>, Missing>;
    /// The coins of `who` after block `at`, in the order of their keys.
    fn coins(&self, at: &Id, who: &Address) -> Result<Vec<Coin>, Missing>;
    /// What the rules put under `key`, after block `at`.
    fn get(&self, at: &Id, key: &[u8]) -> Result<Option<Vec<u8>>, Missing>;
    /// All that the rules put under keys that start with `prefix`, in the order of keys, after block `at`.
    fn scan(&self, at: &Id, prefix: &[u8]) -> Result<Vec<KeyValue>, Missing>;
}

/// The median of the header times of `parent` and the ten blocks before it, in ticks; of fewer near genesis. Bitcoin's
/// rule wants a later time of every block.
///
/// # Errors
/// [`Missing`] when `past` lacks one of them.
pub fn median_time(parent: &BlockView<'_>, past: &dyn ChainView) -> Result<u32, Missing> {
    let mut times = Vec::with_capacity(MEDIAN_BLOCKS);
    let (mut header, mut height) = (parent.header, parent.height);
    loop {
        times.push(header.time);
        if times.len() == MEDIAN_BLOCKS || height == 0 {
            break;
        }
        let before = past.block(&header.parent)?;
        (header, height) = (before.header, before.height);
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// The blocks that one node has accepted, as a tree, for fork choice.
pub trait TreeView {
    /// The block called `id`.
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing>;
    /// The ancestor of `of` at `height`.
    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing>;
    /// The accepted children of `id`, in the order of their ids.
    fn children(&self, id: &Id) -> Vec<Id>;
    /// The weight of `id` and of all its accepted descendants (GHOST: Sompolinsky and Zohar 2015).
    fn subtree_weight(&self, id: &Id) -> Work;
    /// Whether a tie between the tip `current` and the block `new` goes to the new one, by the chain's tie break. Where it is
    /// drawn, each of several tips is as likely (Eyal and Sirer 2014), in whatever order they come.
    fn tie_goes_to(&self, current: &Id, new: &Id) -> bool;
}
