//! Networks made in code.

use super::source::{ExperimentErrors, Item, Override, Source, Table, Value};
use super::{Experiment, resolve};

/// The start of a network made in code: [`Network::builder`].
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Network {
    /// A network without nodes, in which every key of the experiment file has its default.
    ///
    /// ```
    /// use fika_host::{Network, Node};
    ///
    /// let experiment = Network::builder("demo")
    ///     .node(Node::full("server1").coins([100]))
    ///     .node(Node::full("server2").coins([100]))
    ///     .node(Node::wallet("client1").coins([30, 30, 30]))
    ///     .node(Node::wallet("client2").coins([30, 30, 30]))
    ///     .link("server1", "server2")
    ///     .link("client1", "server1")
    ///     .link("client2", "server2")
    ///     .pay("client1", "client2", 40, 1)
    ///     .set("chain.block_interval=1 s")
    ///     .stop_height(5)
    ///     .build()?;
    /// assert_eq!(experiment.name(), "demo");
    /// # Ok::<(), fika_host::ExperimentErrors>(())
    /// ```
    pub fn builder(name: &str) -> NetworkBuilder {
        let mut root = Table::new();
        for list in ["nodes", "links", "load", "expect"] {
            root.insert(list.into(), entry(Item::list([])));
        }
        let builder = NetworkBuilder { name: name.into(), root: Item::new(Value::Table(root)), overrides: vec![] };
        builder.text("experiment.name", name)
    }
}

fn entry(item: Item) -> (super::source::Place, Item) {
    (item.place, item)
}

/// A network that is being made. [`NetworkBuilder::build`] reports what is wrong with it.
#[derive(Clone, Debug)]
pub struct NetworkBuilder {
    name: String,
    root: Item,
    overrides: Vec<Result<Override, String>>,
}

impl NetworkBuilder {
    /// The consensus plugin: a built-in name, a library or a crate folder.
    pub fn consensus(self, plugin: &str) -> NetworkBuilder {
        self.text("consensus.plugin", plugin)
    }

    /// The script plugin.
    pub fn script(self, plugin: &str) -> NetworkBuilder {
        self.text("script.plugin", plugin)
    }

    /// The key scheme plugin.
    pub fn keys(self, plugin: &str) -> NetworkBuilder {
        self.text("keys.plugin", plugin)
    }

    /// The transaction format plugin.
    pub fn tx(self, plugin: &str) -> NetworkBuilder {
        self.text("tx.plugin", plugin)
    }

    /// The transport plugin.
    pub fn transport(self, plugin: &str) -> NetworkBuilder {
        self.text("transport.plugin", plugin)
    }

    /// Adds a node.
    pub fn node(self, node: Node) -> NetworkBuilder {
        self.push("nodes", node.0)
    }

    /// Adds a wallet with outputs of the genesis block, in whole coins.
    pub fn wallet(self, name: &str, coins: impl IntoIterator<Item = u64>) -> NetworkBuilder {
        self.node(Node::wallet(name).coins(coins))
    }

    /// Joins two nodes.
    pub fn link(self, a: &str, b: &str) -> NetworkBuilder {
        self.push("links", table([("a", Item::text(a)), ("b", Item::text(b))]))
    }

    /// One payment a second after the start; amount and fee in whole coins.
    pub fn pay(self, from: &str, to: &str, amount: u64, fee: u64) -> NetworkBuilder {
        let (from, to) = (("from", Item::text(from)), ("to", Item::text(to)));
        let (amount, fee) = (("amount", Item::number(amount)), ("fee", Item::number(fee)));
        self.push("load", table([("at", Item::text("1 s")), from, to, amount, fee]))
    }

    /// Ends the run once all full nodes agree on a block of this height and all payments are confirmed.
    pub fn stop_height(self, height: u64) -> NetworkBuilder {
        self.set(&format!("experiment.stop_height={height}"))
    }

    /// The seed of every random draw.
    pub fn seed(self, seed: u64) -> NetworkBuilder {
        self.set(&format!("experiment.seed={seed}"))
    }

    /// Any key of the experiment file, as after `--set`: `chain.tick=1 ms`.
    pub fn set(mut self, assignment: &str) -> NetworkBuilder {
        self.overrides.push(Override::set(assignment));
        self
    }

    /// The experiment, checked as a file is.
    ///
    /// # Errors
    /// One line for each thing that is wrong.
    pub fn build(self) -> Result<Experiment, ExperimentErrors> {
        let (overrides, wrong): (Vec<_>, Vec<_>) = self.overrides.into_iter().partition(Result::is_ok);
        let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
        if !wrong.is_empty() {
            return Err(ExperimentErrors(wrong));
        }
        let overrides: Vec<Override> = overrides.into_iter().flatten().collect();
        resolve::resolve(&self.name, Source::built(&self.name, self.root, &overrides)?)
    }

    fn text(mut self, path: &str, text: &str) -> NetworkBuilder {
        self.overrides.push(Override::text(&format!("{path}={text}"), path, text));
        self
    }

    fn push(mut self, list: &str, item: Item) -> NetworkBuilder {
        let Value::Table(root) = &mut self.root.value else { unreachable!("the root is made as a table") };
        let Some((_, Item { value: Value::List(items), .. })) = root.get_mut(list) else {
            unreachable!("the lists are made with the root")
        };
        items.push(item);
        self
    }
}

/// A node for [`NetworkBuilder::node`].
#[derive(Clone, Debug)]
pub struct Node(Item);

impl Node {
    /// A node that validates, relays and extends the chain.
    pub fn full(name: &str) -> Node {
        Node(table([("name", Item::text(name))]))
    }

    /// A node that neither mines nor relays.
    pub fn wallet(name: &str) -> Node {
        Node(table([("name", Item::text(name)), ("role", Item::text("wallet"))]))
    }

    /// Its outputs of the genesis block, in whole coins.
    pub fn coins(self, coins: impl IntoIterator<Item = u64>) -> Node {
        self.with("coins", Item::list(coins.into_iter().map(Item::number)))
    }

    /// The most that it grinds, as in the file: `"20 kH/s"`.
    pub fn hash_rate(self, hash_rate: &str) -> Node {
        self.with("hash_rate", Item::text(hash_rate))
    }

    /// An attack in place of the honest behaviour.
    pub fn agent(self, attack: &str) -> Node {
        self.with("agent", Item::text(attack))
    }

    fn with(mut self, key: &str, item: Item) -> Node {
        if let Value::Table(table) = &mut self.0.value {
            table.insert(key.into(), entry(item));
        }
        self
    }
}

fn table<const N: usize>(entries: [(&str, Item); N]) -> Item {
    let entries = entries.into_iter().map(|(key, item)| (key.to_string(), entry(item)));
    Item::new(Value::Table(entries.collect()))
}
