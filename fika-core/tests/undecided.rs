//! A plugin that fails gives no verdict: nothing that may rest on its answer leaves the node or is remembered.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::cell::Cell;
use std::num::NonZero;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::Agent;
use fika_core::amount::Amount;
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::env::Env;
use fika_core::hash::Id;
use fika_core::header::{Header, SECOND, Time};
use fika_core::keys::{KeyPair, KeyScheme, NoKeys, VerifyJob};
use fika_core::message::Message;
use fika_core::node::Event;
use fika_core::plugin::export::compiled;
use fika_core::plugin::{Descriptor, Faults, Plugin};
use fika_core::reject::Reject;
use fika_core::script::{PayToAddress, Script, SpendContext, Step};
use fika_core::target::Work;
use fika_core::testing::Setup;
use fika_core::tx::{Accounts, ApplyContext, Credit, Ledger, Order, Outcome, Spend, TxFormat};
use fika_core::view::{BlockView, ChainView, TreeView};
use fika_core::world::{BadBlock, Rules, Verdict, World};
use rules::accounts::the_rest_of_accounts;
use rules::quiet::Quiet;
use solo::{Answer, Factory, Solo};

thread_local! {
    /// The call that panics.
    static FAILS: Cell<&'static str> = const { Cell::new("") };
}

fn enter(call: &str) {
    if FAILS.get() == call {
        panic!("told to fail");
    }
}

#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParams {}

macro_rules! failing {
    ($($name:ident: $kind:ident $plugin:ident;)*) => {$(
        struct $name;

        impl Plugin for $name {
            const NAME: &'static str = stringify!($kind);
            const ABOUT: &'static str = "fails when it is told to";
            type Params = NoParams;
            fn new(_: NoParams, _: &Env) -> Result<Self, String> {
                Ok($name)
            }
        }

        const $plugin: Descriptor = compiled::$kind::<$name>();
    )*};
}
failing! {
    FailingRules: consensus RULES;
    FailingScript: script SCRIPT;
    FailingKeys: keys KEYS;
    FailingFormat: tx FORMAT;
}

impl Consensus for FailingRules {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        enter("check");
        Quiet.check(block, parent, past)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        enter("check_seal");
        Quiet.check_seal(block, seal, past)
    }

    fn earliest(&self, header: &Header) -> Option<Time> {
        enter("earliest");
        Quiet.earliest(header)
    }

    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        enter("settle");
        Quiet.settle(summary, past)
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        enter("weight");
        Quiet.weight(block)
    }

    fn choose(&self, current: &BlockView<'_>, new: &BlockView<'_>, tree: &dyn TreeView) -> Id {
        enter("choose");
        Quiet.choose(current, new, tree)
    }

    fn references(&self, block: &BlockView<'_>) -> Result<Vec<Id>, Reject> {
        enter("references");
        Quiet.references(block)
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Quiet.agent(me)
    }
}

impl Script for FailingScript {
    fn run(&self, lock: &[u8], unlock: &[u8], flags: u32, context: &mut dyn SpendContext) -> Result<(), Reject> {
        enter("run");
        PayToAddress.run(lock, unlock, flags, context)
    }

    fn trace(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        observer: &mut dyn FnMut(Step),
    ) -> Result<(), Reject> {
        PayToAddress.trace(lock, unlock, flags, context, observer)
    }

    fn lock(&self, who: &Address) -> Vec<u8> {
        PayToAddress.lock(who)
    }

    fn request(&self, lock: &[u8]) -> Vec<u8> {
        PayToAddress.request(lock)
    }

    fn unlock(&self, key: &[u8], signature: &[u8]) -> Vec<u8> {
        PayToAddress.unlock(key, signature)
    }

    fn owner(&self, lock: &[u8]) -> Option<Address> {
        enter("owner");
        PayToAddress.owner(lock)
    }

    fn assemble(&self, text: &str) -> Result<Vec<u8>, String> {
        PayToAddress.assemble(text)
    }

    fn disassemble(&self, script: &[u8]) -> String {
        PayToAddress.disassemble(script)
    }
}

impl KeyScheme for FailingKeys {
    fn generate(&self, seed: &Id) -> KeyPair {
        NoKeys.generate(seed)
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        NoKeys.sign(kind, secret, digest)
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        NoKeys.verify(kind, key, digest, signature)
    }

    fn verify_many(&self, jobs: &[VerifyJob<'_>]) -> Vec<bool> {
        enter("verify_many");
        NoKeys.verify_many(jobs)
    }

    fn address(&self, public: &[u8]) -> Address {
        enter("address");
        NoKeys.address(public)
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        NoKeys.to_pem(pair)
    }

    fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
        NoKeys.from_pem(pem)
    }
}

impl TxFormat for FailingFormat {
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject> {
        enter("apply");
        Accounts.apply(tx, context, ledger)
    }

    fn prepare(&self, tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, Reject> {
        enter("prepare");
        Accounts.prepare(tx, spends)
    }

    fn digest(&self, prepared: &[u8], input: u32, request: &[u8]) -> Id {
        enter("digest");
        Accounts.digest(prepared, input, request)
    }

    the_rest_of_accounts!();
}

/// A chain of plugins that follow the same rules as those of [`Setup::new`] with [`Quiet`], in their guards.
fn solo(setup: &Setup) -> (Solo, Faults) {
    let faults = Faults::new();
    let bare = setup.env();
    let keys: Arc<dyn KeyScheme> = KEYS.keys("", &bare, &faults).unwrap().into();
    let env = Env { keys, ..bare };
    let rules = Rules {
        consensus: RULES.consensus("", &env, &faults).unwrap().into(),
        script: SCRIPT.script("", &env, &faults).unwrap(),
        tx: FORMAT.tx("", &env, &faults).unwrap(),
        env,
        faults: faults.clone(),
        workers: NonZero::<usize>::MIN,
    };
    let world = World::new(rules, &setup.genesis()).unwrap();
    (Solo::open(setup.clone(), world, 10_000 * SECOND), faults)
}

/// What `hear` makes the node answer while `call` fails: nothing but faults.
fn answers_nothing(solo: &mut Solo, faults: &Faults, call: &'static str, hear: impl FnOnce(&mut Solo) -> Answer) {
    let before = faults.count();
    FAILS.set(call);
    let answer = hear(solo);
    FAILS.set("");
    assert!(faults.count() > before, "{call} was never called");
    assert!(answer.messages.is_empty() && answer.bans.is_empty(), "{call}: {answer:?}");
    let is_fault = |event: &Event| matches!(event, Event::Fault { why } if why.contains("told to fail"));
    assert!(answer.events.iter().all(is_fault), "{call}: {:?}", answer.events);
}

#[test]
fn a_block_is_undecided_while_any_plugin_fails() {
    let setup = Setup::new(|_| Ok(Quiet));
    let mut factory = Factory::new(setup.clone());
    let genesis = factory.genesis();
    let payment = factory.pay(genesis, 2, 3, 5, 100);
    let block = factory.block(genesis, vec![payment]);
    for call in [
        "references",
        "check",
        "settle",
        "weight",
        "earliest",
        "run",
        "owner",
        "verify_many",
        "address",
        "apply",
        "prepare",
        "digest",
    ] {
        let (mut node, faults) = solo(&setup);
        answers_nothing(&mut node, &faults, call, |node| node.hear_block(0, &block));
        let known = node.world.tree().find(&block.id());
        let verdict = known.map(|ix| node.world.tree()[ix].verdict.clone());
        assert!(matches!(verdict, None | Some(Verdict::Open)), "{call}: {verdict:?}");
        assert_eq!(node.height(), 0, "{call}");
        // Nothing is remembered against it.
        let ix = node.world.insert(block.clone()).unwrap();
        assert_eq!(node.world.validate(ix), Ok(()), "{call}");
    }
    for call in ["check_seal", "choose"] {
        let (mut node, faults) = solo(&setup);
        answers_nothing(&mut node, &faults, call, |node| node.hear_block(0, &block));
    }
    let (mut node, _) = solo(&setup);
    node.hear_block(0, &block);
    assert_eq!(node.height(), 1, "without a failure it is accepted");
}

#[test]
fn a_payment_is_undecided_while_any_plugin_fails() {
    let setup = Setup::new(|_| Ok(Quiet));
    let factory = Factory::new(setup.clone());
    let payment = factory.pay(factory.genesis(), 2, 3, 5, 100);
    for call in ["run", "owner", "verify_many", "address", "apply", "prepare", "digest"] {
        let (mut node, faults) = solo(&setup);
        answers_nothing(&mut node, &faults, call, |node| node.hear(0, Message::Tx(payment.clone())));
        assert!(node.in_mempool(&payment).is_none() || call == "owner", "{call}");
    }
}

#[test]
fn work_that_cannot_be_checked_condemns_nobody() {
    let setup = Setup::new(|_| Ok(Quiet)).chain(|chain| chain.proof = fika_core::env::Proof::Real);
    let mut factory = Factory::new(setup.clone());
    let genesis = factory.genesis();
    let block = factory.block(genesis, Vec::new());
    let faults = Faults::new();
    let mut rules = setup.rules();
    rules.faults = faults.clone();
    rules.consensus = UNREADY.consensus("", &rules.env, &faults).unwrap().into();
    let mut world = World::new(rules, &setup.genesis()).unwrap();
    assert!(matches!(world.insert(block), Err(BadBlock::Fault(why)) if why.contains("told to fail")));
}

failing! {
    Unready: consensus UNREADY;
}

impl Consensus for Unready {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        Quiet.check(block, parent, past)
    }

    fn check_work(&self, _: &Header) -> Result<(), Reject> {
        panic!("told to fail")
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Quiet.agent(me)
    }
}
