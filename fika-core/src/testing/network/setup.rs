//! What a network is made of.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::links::Fault;
use crate::address::Address;
use crate::agent::Attack;
use crate::amount::Amount;
use crate::consensus::Consensus;
use crate::env::{ChainParams, Env, Proof};
use crate::header::{SECOND, Time};
use crate::keys::{KeyPair, KeyScheme, NoKeys};
use crate::message::Message;
use crate::node::NodeConfig;
use crate::script::{PayToAddress, Script};
use crate::testing::adversary::Twins;
use crate::tx::{Accounts, TxFormat};

/// Makes one of a chain's rules, as often as it is needed.
pub(crate) type Maker<T> = Arc<dyn Fn(&Env) -> Result<T, String> + Send + Sync>;
/// An attack on rules that are made by then.
type AttackOn = Arc<dyn Fn(&Arc<dyn Consensus>) -> Arc<dyn Attack> + Send + Sync>;
type Change<T> = dyn Fn(u32, &mut T) + Send + Sync;
/// Whether a message from the first node to the second is lost; messages are numbered from 0 on.
type Loss = Arc<dyn Fn(u32, u32, u64, &Message) -> bool + Send + Sync>;
type OfNode<T> = Arc<dyn Fn(u32) -> T + Send + Sync>;

/// The plan of a [`Network`](super::Network): the rules of its chain, its nodes and links, and what will happen to
/// them.
///
/// By default five nodes stand in a ring whose links take some 25 ms. Each has 100 coins, hashes a million times a
/// second, and validates in a [`World`](crate::world::World) of its own. The chain has a block every ten seconds,
/// ticks of a millisecond and drawn work. Keys are [`NoKeys`], scripts [`PayToAddress`] and transactions
/// [`Accounts`].
///
/// ```
/// use fika_core::consensus::Anyone;
/// use fika_core::header::SECOND;
/// use fika_core::testing::Setup;
///
/// let setup = Setup::new(|env| Ok(Anyone(env.clone())))
///     .nodes(4)
///     .complete()
///     .delay(|from, to| if (from, to) == (0, 3) { 2 * SECOND } else { 50_000 })
///     .clock(2, -400_000)
///     .partition(100 * SECOND..200 * SECOND, &[&[0, 1]])
///     .crash(250 * SECOND..300 * SECOND, 3)
///     .seed(7);
/// let mut net = setup.start();
/// net.run(400 * SECOND);
/// assert!(net.height(3) > 20);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Setup {
    pub(super) chain: ChainParams,
    pub(super) consensus: Maker<Arc<dyn Consensus>>,
    pub(super) keys: Arc<dyn KeyScheme>,
    pub(super) script: Maker<Box<dyn Script>>,
    pub(super) tx: Maker<Box<dyn TxFormat>>,
    pub(super) nodes: u32,
    links: Option<Vec<(u32, u32)>>,
    pub(super) coins: Amount,
    pub(super) seed: u64,
    pub(super) shared: bool,
    attacks: BTreeMap<u32, AttackOn>,
    config: Arc<Change<NodeConfig>>,
    pub(super) hash_rate: OfNode<u64>,
    pub(super) delay_us: Arc<dyn Fn(u32, u32) -> Time + Send + Sync>,
    pub(super) loss: Option<Loss>,
    clocks_us: BTreeMap<u32, i64>,
    pub(super) faults: Vec<(Time, Fault)>,
}

impl Setup {
    /// A plan for rules that `consensus` makes, such as `|env| MyRules::new(Params::default(), env)`. It is called
    /// for every node, and again after a restart.
    pub fn new<C: Consensus + 'static>(consensus: impl Fn(&Env) -> Result<C, String> + Send + Sync + 'static) -> Setup {
        let chain =
            ChainParams { tick_us: 1_000, block_interval_us: 10 * SECOND, proof: Proof::Sampled, ..Default::default() };
        Setup {
            chain,
            consensus: Arc::new(move |env| Ok(Arc::new(consensus(env)?))),
            keys: Arc::new(NoKeys),
            script: Arc::new(|_| Ok(Box::new(PayToAddress))),
            tx: Arc::new(|_| Ok(Box::new(Accounts))),
            nodes: 5,
            links: None,
            coins: Amount::coins(100),
            seed: 1,
            shared: false,
            attacks: BTreeMap::new(),
            config: Arc::new(|_, _| {}),
            hash_rate: Arc::new(|_| 1_000_000),
            delay_us: Arc::new(|from, to| 20_000 + 1_000 * u64::from((from * 7 + to * 3) % 11)),
            loss: None,
            clocks_us: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// Changes the chain's parameters. Blocks come about as often as `block_interval_us` says where the rules are
    /// told the hash rate of all nodes, or make their first difficulty fit it.
    pub fn chain(mut self, change: impl FnOnce(&mut ChainParams)) -> Setup {
        change(&mut self.chain);
        self
    }

    /// Another format of transactions.
    pub fn tx<T: TxFormat + 'static>(
        mut self,
        tx: impl Fn(&Env) -> Result<T, String> + Send + Sync + 'static,
    ) -> Setup {
        self.tx = Arc::new(move |env| Ok(Box::new(tx(env)?)));
        self
    }

    /// Another language of scripts.
    pub fn script<S: Script + 'static>(
        mut self,
        script: impl Fn(&Env) -> Result<S, String> + Send + Sync + 'static,
    ) -> Setup {
        self.script = Arc::new(move |env| Ok(Box::new(script(env)?)));
        self
    }

    /// Another key scheme, which is made at once.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn keys<K: KeyScheme + 'static>(mut self, keys: impl FnOnce(&Env) -> Result<K, String>) -> Setup {
        let env = Env { chain: self.chain.clone(), keys: Arc::new(NoKeys) };
        self.keys = Arc::new(keys(&env).unwrap_or_else(|error| panic!("the key scheme cannot be made: {error}")));
        self
    }

    /// How many nodes there are. They are numbered from 0.
    ///
    /// # Panics
    /// When it is none.
    pub fn nodes(mut self, nodes: u32) -> Setup {
        assert!(nodes > 0, "a network has at least one node");
        self.nodes = nodes;
        self
    }

    /// The links, each named once. They carry messages both ways. Without any call: a ring.
    pub fn links(mut self, links: impl IntoIterator<Item = (u32, u32)>) -> Setup {
        self.links = Some(links.into_iter().collect());
        self
    }

    /// A link between any two nodes. To be called after [`nodes`](Setup::nodes).
    pub fn complete(self) -> Setup {
        let nodes = self.nodes;
        self.links((0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b))))
    }

    /// How long a message from the first node to the second takes, in microseconds. Messages of one link stay in
    /// order where its delay is always the same.
    pub fn delay(mut self, delay_us: impl Fn(u32, u32) -> Time + Send + Sync + 'static) -> Setup {
        self.delay_us = Arc::new(delay_us);
        self
    }

    /// Loses the messages of which `is_lost` says so, and nobody is told. It is given the nodes that a message goes from and
    /// to, the message, and before that its number: all messages of the network count, from 0 on.
    pub fn loss(mut self, is_lost: impl Fn(u32, u32, u64, &Message) -> bool + Send + Sync + 'static) -> Setup {
        self.loss = Some(Arc::new(is_lost));
        self
    }

    /// What each node owns at genesis, in one coin.
    pub fn coins(mut self, coins: Amount) -> Setup {
        self.coins = coins;
        self
    }

    /// The seed: keys, draws of the agents and times of found blocks follow from it.
    pub fn seed(mut self, seed: u64) -> Setup {
        self.seed = seed;
        self
    }

    /// Lets all nodes validate in one world: quicker, and nothing else must differ. No node can be restarted then.
    pub fn shared_world(mut self) -> Setup {
        self.shared = true;
        self
    }

    pub(crate) fn own_worlds(mut self) -> Setup {
        self.shared = false;
        self
    }

    pub(crate) fn node_count(&self) -> u32 {
        self.nodes
    }

    /// Makes the node Byzantine: `attack` is put around its honest agent. See [`adversary`](crate::testing::adversary).
    pub fn attack(mut self, node: u32, attack: impl Attack + 'static) -> Setup {
        let attack: Arc<dyn Attack> = Arc::new(attack);
        self.attacks.insert(node, Arc::new(move |_| attack.clone()));
        self
    }

    /// Makes the node Byzantine: it signs two blocks for each of its slots. See [`Twins`].
    pub fn equivocator(mut self, node: u32) -> Setup {
        self.attacks.insert(node, Arc::new(|rules| Arc::new(Twins { rules: rules.clone() })));
        self
    }

    /// Changes what the nodes are configured with.
    pub fn config(mut self, change: impl Fn(u32, &mut NodeConfig) + Send + Sync + 'static) -> Setup {
        self.config = Arc::new(change);
        self
    }

    /// Hashes of each node in a second; 0: it does not search.
    pub fn hash_rate(mut self, rate: impl Fn(u32) -> u64 + Send + Sync + 'static) -> Setup {
        self.hash_rate = Arc::new(rate);
        self
    }

    /// Lets the clock of a node go ahead by so many microseconds, or behind by as many below zero.
    pub fn clock(mut self, node: u32, offset_us: i64) -> Setup {
        self.clocks_us.insert(node, offset_us);
        self
    }

    /// Parts the network into these groups, and the rest, during this time. Connections between them break, and stand
    /// again when the time is over.
    pub fn partition(self, during: Range<Time>, groups: &[&[u32]]) -> Setup {
        let groups = groups.iter().map(|group| group.to_vec()).collect();
        self.fault(during.start, Fault::Partition(groups)).fault(during.end, Fault::Heal)
    }

    /// Kills a node and starts it again from what was durable.
    pub fn crash(self, during: Range<Time>, node: u32) -> Setup {
        self.fault(during.start, Fault::Kill(node)).fault(during.end, Fault::Restart(node))
    }

    fn fault(mut self, at: Time, fault: Fault) -> Setup {
        self.faults.push((at, fault));
        self
    }

    /// The same plan with what `wrap` makes of its consensus.
    pub(crate) fn wrap_consensus(
        mut self,
        wrap: impl FnOnce(Maker<Arc<dyn Consensus>>) -> Maker<Arc<dyn Consensus>>,
    ) -> Setup {
        self.consensus = wrap(self.consensus);
        self
    }

    /// What the chain's plugins are made with.
    pub fn env(&self) -> Env {
        Env { chain: self.chain.clone(), keys: self.keys.clone() }
    }

    /// A node's key pair.
    pub fn pair(&self, node: u32) -> KeyPair {
        self.keys.generate_many(self.seed, node, 1).pop().expect("one pair was asked for")
    }

    /// A node's address.
    pub fn address(&self, node: u32) -> Address {
        self.keys.address(&self.pair(node).public)
    }

    /// What a node is made with.
    pub fn node_config(&self, node: u32) -> NodeConfig {
        let mut config = NodeConfig::new(self.pair(node), crate::hash::draw(self.seed, 1, node.into()));
        config.mines = (self.hash_rate)(node) > 0;
        (self.config)(node, &mut config);
        config
    }

    /// The attack of a node under these rules; `None`: it is honest.
    pub fn attack_of(&self, node: u32, rules: &Arc<dyn Consensus>) -> Option<Arc<dyn Attack>> {
        self.attacks.get(&node).map(|attack| attack(rules))
    }

    /// Whether a node behaves as the rules say.
    pub fn is_honest(&self, node: u32) -> bool {
        !self.attacks.contains_key(&node)
    }

    pub(super) fn all_links(&self) -> Vec<(u32, u32)> {
        let ring = || match self.nodes {
            0 | 1 => Vec::new(),
            2 => vec![(0, 1)],
            nodes => (0..nodes).map(|n| (n, (n + 1) % nodes)).collect(),
        };
        self.links.clone().unwrap_or_else(ring)
    }

    pub(super) fn clock_of(&self, node: u32) -> i64 {
        self.clocks_us.get(&node).copied().unwrap_or(0)
    }
}
