//! A chain in memory, for calling rules and agents without a node.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Person;
use crate::address::Address;
use crate::agent::{Ctx, Signer};
use crate::amount::{Amount, COIN};
use crate::consensus::{Consensus, LedgerOp, Summary};
use crate::hash::{Id, domain_hash};
use crate::header::{Header, Time};
use crate::reject::{Missing, Reject};
use crate::target::Work;
use crate::tx::Action;
use crate::view::{BlockView, ChainView, Coin, KeyValue, TreeView};

/// A chain, or a tree, of blocks without transactions, made by hand: heights, times, coins, deposits and values of
/// the rules are what the test says. It is the [`ChainView`] and the [`TreeView`] that the rules under test are
/// called with.
///
/// One block is the *tip*: [`next`](Chain::next), [`give`](Chain::give) and the like speak of it. Every block has a
/// ledger of its own, which begins as its parent's. Nothing is checked: blocks that break every rule can be put in,
/// since some test is about them.
///
/// ```
/// use fika_core::amount::Amount;
/// use fika_core::consensus::{Anyone, Consensus};
/// use fika_core::env::ChainParams;
/// use fika_core::header::Header;
/// use fika_core::testing::{Chain, Person, env, refused};
///
/// // Genesis at tick 100, where Alice has ten coins, and a block at tick 700.
/// let alice = Person::new(1);
/// let mut chain = Chain::new(100);
/// chain.give(&alice, b"a coin", Amount::coins(10));
/// chain.push(chain.next(700), &[]);
///
/// let rules = Anyone(env(ChainParams::default()));
/// let check = |header: Header| rules.check(&chain.view(header, &[]), &chain.tip(), &chain);
/// assert_eq!(check(chain.next(1_300)), Ok(()));
/// assert!(refused(check(chain.next(700)), "time-too-old").contains("a later time"));
///
/// // What Alice's agent wants to do a second after that block.
/// let mut ctx = chain.ctx(701_000_000, &alice);
/// rules.agent(alice.address()).on_tip(&chain.tip(), &mut ctx);
/// assert_eq!(ctx.duties.unwrap().len(), 1);
/// ```
#[derive(Clone)]
pub struct Chain {
    blocks: Vec<Stored>,
    places: BTreeMap<Id, usize>,
    tip: usize,
    ties_to_new: bool,
}

#[derive(Clone)]
struct Stored {
    id: Id,
    header: Header,
    height: u64,
    own_weight: Work,
    weight: Work,
    extra: Vec<u8>,
    parent: usize,
    children: Vec<Id>,
    /// Whether the block and all its ancestors lie in memory at their heights.
    straight: bool,
    ledger: Arc<Ledger>,
}

/// What everybody has after a block, and what the rules keep.
#[derive(Clone, Default)]
struct Ledger {
    coins: BTreeMap<Address, BTreeMap<Vec<u8>, Coin>>,
    locked: BTreeMap<Address, Amount>,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Ledger {
    fn balance(&self, who: &Address) -> Amount {
        self.coins.get(who).into_iter().flat_map(BTreeMap::values).map(|coin| coin.amount).sum()
    }

    fn locked(&self, who: &Address) -> Amount {
        self.locked.get(who).copied().unwrap_or_default()
    }
}

impl Chain {
    /// A genesis block at this tick, as the world makes it: without bits and without weight. Nobody has anything.
    pub fn new(genesis_time: u32) -> Chain {
        let header = Header { time: genesis_time, ..Header::default() };
        let genesis = Stored {
            id: header.id(),
            header,
            height: 0,
            own_weight: Work::ZERO,
            weight: Work::ZERO,
            extra: Vec::new(),
            parent: 0,
            children: Vec::new(),
            straight: true,
            ledger: Arc::default(),
        };
        Chain { places: BTreeMap::from([(genesis.id, 0)]), blocks: vec![genesis], tip: 0, ties_to_new: false }
    }

    /// The tip.
    pub fn tip(&self) -> BlockView<'_> {
        self.at(self.tip)
    }

    /// The first block.
    pub fn genesis(&self) -> BlockView<'_> {
        self.at(0)
    }

    /// Makes another block the tip: what is pushed next forks off there.
    ///
    /// # Panics
    /// When there is no block of this name.
    pub fn set_tip(&mut self, id: &Id) {
        self.tip = self.places[id];
    }

    /// The header of a child of the tip at this tick. A test changes what else it needs:
    /// `Header { bits, ..chain.next(time) }`.
    pub fn next(&self, time: u32) -> Header {
        Header { version: 1, parent: self.tip().id, time, ..Header::default() }
    }

    /// How rules see a block that is not in the chain yet; its parent must be.
    ///
    /// # Panics
    /// When the parent is not.
    pub fn view<'a>(&self, header: Header, extra: &'a [u8]) -> BlockView<'a> {
        let parent = &self.blocks[self.places[&header.parent]];
        BlockView { id: header.id(), header, height: parent.height + 1, weight: parent.weight, extra }
    }

    /// Puts a block in, asking no rule, and makes it the tip. It weighs 1.
    ///
    /// # Panics
    /// When its parent is not in the chain, or the block is.
    pub fn push(&mut self, header: Header, extra: &[u8]) -> Id {
        self.push_weighing(header, extra, Work::from(1))
    }

    /// The same for a block of another weight.
    ///
    /// # Panics
    /// As [`push`](Chain::push).
    pub fn push_weighing(&mut self, header: Header, extra: &[u8], own_weight: Work) -> Id {
        let (id, place, parent_place) = (header.id(), self.blocks.len(), self.places[&header.parent]);
        assert!(self.places.insert(id, place).is_none(), "block {id} is in the chain already");
        let parent = &mut self.blocks[parent_place];
        let at = parent.children.partition_point(|child| *child < id);
        parent.children.insert(at, id);
        let height = parent.height + 1;
        let block = Stored {
            id,
            header,
            height,
            own_weight,
            weight: parent.weight.plus(own_weight),
            extra: extra.to_vec(),
            parent: parent_place,
            children: Vec::new(),
            straight: parent.straight && height == place as u64,
            ledger: parent.ledger.clone(),
        };
        self.blocks.push(block);
        self.tip = place;
        id
    }

    /// What [`Consensus::settle`] is told about a block with these actions, whose subsidy is 50 coins and which has
    /// no fees.
    ///
    /// # Panics
    /// When its parent is not in the chain.
    pub fn summary<'a>(&'a self, header: Header, extra: &'a [u8], actions: &'a [Action]) -> Summary<'a> {
        let parent = self.at(self.places[&header.parent]);
        Summary::new(parent, header.time, header.bits)
            .with_extra(extra)
            .with_subsidy(Amount(50 * COIN.0))
            .with_actions(actions)
    }

    /// Puts a block in as a world does: it weighs what the rules say, and they [settle](Consensus::settle) its
    /// actions. Gives what they did. Whether the block is valid is not asked.
    ///
    /// # Errors
    /// What `settle` refuses.
    ///
    /// # Panics
    /// As [`push`](Chain::push), and when the rules take more of a deposit than there is.
    pub fn extend(
        &mut self,
        rules: &dyn Consensus,
        header: Header,
        extra: &[u8],
        actions: &[Action],
    ) -> Result<Vec<LedgerOp>, Reject> {
        let ops = rules.settle(&self.summary(header, extra, actions), self)?;
        let own_weight = rules.weight(&self.view(header, extra));
        self.push_weighing(header, extra, own_weight);
        self.apply(&ops);
        Ok(ops)
    }

    /// Does to the tip's ledger what the rules ask for. What the coinbase may create comes into nobody's hands.
    ///
    /// # Panics
    /// When more of a deposit is taken than there is.
    pub fn apply(&mut self, ops: &[LedgerOp]) {
        for (n, op) in (0u64..).zip(ops) {
            let coin = domain_hash("fika test coin", &[&self.tip().id.0, &n.to_le_bytes()]).0;
            match op {
                LedgerOp::MayMint(_) => {}
                LedgerOp::Lock(who, amount) => self.lock(*who, *amount),
                LedgerOp::Unlock(who, amount) => {
                    self.unlock(*who, *amount);
                    self.give(*who, &coin, *amount);
                }
                LedgerOp::Forfeit(who, amount) => self.unlock(*who, *amount),
                LedgerOp::Put(key, value) => self.put(key, value.as_deref()),
                LedgerOp::Mint(who, amount) => self.give(*who, &coin, *amount),
            }
        }
    }

    /// Gives somebody a coin with this key, as if the tip had created it.
    pub fn give(&mut self, who: impl Into<Address>, key: &[u8], amount: Amount) {
        let (height, time) = (self.tip().height, self.tip().header.time);
        let coin = Coin { key: key.to_vec(), amount, height, time };
        self.ledger().coins.entry(who.into()).or_default().insert(key.to_vec(), coin);
    }

    /// Takes a coin away.
    ///
    /// # Panics
    /// When there is no such coin.
    pub fn spend(&mut self, who: impl Into<Address>, key: &[u8]) {
        let who = who.into();
        let coin = self.ledger().coins.get_mut(&who).and_then(|coins| coins.remove(key));
        assert!(coin.is_some(), "{who} has no coin {}", crate::hash::to_hex(key));
    }

    /// Adds to somebody's deposit.
    pub fn lock(&mut self, who: impl Into<Address>, amount: Amount) {
        *self.ledger().locked.entry(who.into()).or_default() += amount;
    }

    /// Takes from somebody's deposit.
    ///
    /// # Panics
    /// When there is less.
    pub fn unlock(&mut self, who: impl Into<Address>, amount: Amount) {
        let who = who.into();
        let deposit = self.ledger().locked.entry(who).or_default();
        let found = *deposit;
        *deposit =
            found.checked_sub(amount).unwrap_or_else(|| panic!("{who} has a deposit of {found}, not of {amount}"));
    }

    /// Keeps or removes a value of the rules.
    pub fn put(&mut self, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => self.ledger().values.insert(key.to_vec(), value.to_vec()),
            None => self.ledger().values.remove(key),
        };
    }

    /// Lets ties go to the new block, which by default they do not; see [`TreeView::tie_goes_to`].
    pub fn let_ties_go_to_the_new(&mut self) {
        self.ties_to_new = true;
    }

    /// What an agent is called with at this time by the clock of `who`, who stands at the tip.
    pub fn ctx<'a>(&'a self, now: Time, who: &'a Person) -> Ctx<'a> {
        self.ctx_with(now, who.address(), who)
    }

    /// The same with another signer.
    pub fn ctx_with<'a>(&'a self, now: Time, me: Address, signer: &'a dyn Signer) -> Ctx<'a> {
        Ctx::new(now, me, self.tip().id, self, signer, 1)
    }

    fn ledger(&mut self) -> &mut Ledger {
        Arc::make_mut(&mut self.blocks[self.tip].ledger)
    }

    fn at(&self, place: usize) -> BlockView<'_> {
        let Stored { id, header, height, weight, .. } = self.blocks[place];
        BlockView { id, header, height, weight, extra: &self.blocks[place].extra }
    }

    fn find(&self, id: &Id) -> Result<usize, Missing> {
        self.places.get(id).copied().ok_or(Missing(*id))
    }

    fn state(&self, at: &Id) -> Result<&Ledger, Missing> {
        Ok(&self.blocks[self.find(at)?].ledger)
    }

    /// The block called `id`.
    ///
    /// # Errors
    /// When there is none.
    pub fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        Ok(self.at(self.find(id)?))
    }

    /// The ancestor of `of` at `height`.
    ///
    /// # Errors
    /// When there is none.
    pub fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        let mut place = self.find(of)?;
        if self.blocks[place].height < height {
            return Err(Missing(*of));
        }
        while self.blocks[place].height > height {
            place = if self.blocks[place].straight { height as usize } else { self.blocks[place].parent };
        }
        Ok(self.at(place))
    }
}

impl ChainView for Chain {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        Chain::block(self, id)
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        Chain::ancestor(self, of, height)
    }

    fn balance(&self, at: &Id, who: &Address) -> Result<Amount, Missing> {
        Ok(self.state(at)?.balance(who))
    }

    fn locked(&self, at: &Id, who: &Address) -> Result<Amount, Missing> {
        Ok(self.state(at)?.locked(who))
    }

    fn stakes(&self, at: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        let ledger = self.state(at)?;
        let mut owners: Vec<&Address> = ledger.coins.keys().chain(ledger.locked.keys()).collect();
        owners.sort_unstable();
        owners.dedup();
        let stakes = owners.into_iter().map(|who| (*who, ledger.balance(who) + ledger.locked(who)));
        Ok(stakes.filter(|(_, stake)| *stake > Amount::ZERO).collect())
    }

    fn coins(&self, at: &Id, who: &Address) -> Result<Vec<Coin>, Missing> {
        Ok(self.state(at)?.coins.get(who).into_iter().flat_map(BTreeMap::values).cloned().collect())
    }

    fn get(&self, at: &Id, key: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        Ok(self.state(at)?.values.get(key).cloned())
    }

    fn scan(&self, at: &Id, prefix: &[u8]) -> Result<Vec<KeyValue>, Missing> {
        let found = self.state(at)?.values.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

impl TreeView for Chain {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        Chain::block(self, id)
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        Chain::ancestor(self, of, height)
    }

    fn children(&self, id: &Id) -> Vec<Id> {
        self.find(id).map(|place| self.blocks[place].children.clone()).unwrap_or_default()
    }

    fn subtree_weight(&self, id: &Id) -> Work {
        let (mut open, mut sum) = (vec![*id], Work::ZERO);
        while let Some(place) = open.pop().and_then(|id| self.places.get(&id)) {
            let block = &self.blocks[*place];
            sum = sum.plus(block.own_weight);
            open.extend(&block.children);
        }
        sum
    }

    fn tie_goes_to(&self, _: &Id, _: &Id) -> bool {
        self.ties_to_new
    }
}
