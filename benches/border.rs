//! What a call costs on each road to a plugin: bare behind its trait, behind the guard, and behind the border.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use fika_benches::{Chain, Criterion};
use fika_core::address::Address;
use fika_core::agent::{Ctx, Signer};
use fika_core::consensus::Consensus;
use fika_core::hash::{Id, sha256};
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::plugin::{Faults, Plugin, load};
use fika_core::script::{InputFacts, Script, SpendContext};
use fika_core::tx::TxFormat;
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{BlockSet, Tree};
use fika_pow::Pow;
use fika_stack_vm::StackVm;
use fika_utxo::Utxo;

/// The libraries of the plugins whose calls are measured, built with cargo beside these benches.
static LIBRARIES: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace");
    let bench = std::env::current_exe().expect("this program lies somewhere");
    // TARGET/release/deps/border-1234
    let target = bench.ancestors().nth(3).expect("cargo's folders");
    fika_tests::build_libraries(workspace, &["fika-pow", "fika-stack-vm", "fika-utxo"], target)
});

/// The same plugin by its three roads.
macro_rules! roads {
    ($env:ident, $kind:ident, $plugin:ident, $krate:ident, $params:expr, $table:literal) => {{
        let faults = Faults::new();
        let library = load(&LIBRARIES[stringify!($krate)]).expect("it was built just now");
        [
            ("bare", Box::new($plugin::new($params, &$env).expect("a good table"))),
            ("static, guarded", $krate::PLUGIN.$kind($table, &$env, &faults).expect("a good table")),
            ("library, guarded", library.$kind($table, &$env, &faults).expect("a good table")),
        ]
    }};
}

struct Silent;

impl Signer for Silent {
    fn sign(&self, _: &Id) -> Vec<u8> {
        Vec::new()
    }
}

fn consensus(criterion: &mut Criterion) {
    let env = fika_benches::env(Arc::new(NoKeys));
    let params = fika_pow::Params { initial_tries: 2, ..fika_pow::Params::default() };
    let roads: [(&str, Box<dyn Consensus>); 3] = roads!(env, consensus, Pow, fika_pow, params, "initial_tries = 2");
    let chain = Chain::new(1);
    let mut world = chain.world();
    let tip = chain.grow(&mut world, 100);
    let mut seen = BlockSet::default();
    let mut at = tip;
    while seen.insert(at) {
        at = world.tree()[at].parent;
    }
    let past = world.view(&seen);
    let (view, below) = (world.tree().view(tip), world.tree().view(world.tree()[tip].parent));
    for (road, rules) in &roads {
        criterion.bench_function(&format!("border/Consensus::weight/{road}"), |bencher| {
            bencher.iter(|| rules.weight(black_box(&view)));
        });
    }
    for (road, rules) in &roads {
        assert_eq!(rules.check(&view, &below, &past), Ok(()));
        criterion.bench_function(&format!("border/Consensus::check (11 views)/{road}"), |bencher| {
            bencher.iter(|| rules.check(black_box(&view), &below, &past));
        });
    }
    for (road, rules) in &roads {
        let me = Address::default();
        let mut agent = rules.agent(me);
        criterion.bench_function(&format!("border/Agent::on_tip (a duty)/{road}"), |bencher| {
            bencher.iter(|| {
                let mut ctx = Ctx::new(0, me, view.id, &past, &Silent, 1);
                agent.on_tip(black_box(&view), &mut ctx);
                assert!(ctx.duties.is_some());
            });
        });
    }
}

/// Takes every signature as good.
struct Batch;

impl SpendContext for Batch {
    fn digest(&mut self, request: &[u8]) -> Id {
        sha256(&[request])
    }

    fn verify(&mut self, _: u8, _: &[u8], _: &Id, _: &[u8]) -> bool {
        true
    }

    fn verify_now(&mut self, _: u8, _: &[u8], _: &Id, _: &[u8]) -> bool {
        true
    }

    fn address(&mut self, key: &[u8]) -> Address {
        NoKeys.address(key)
    }

    fn facts(&self) -> InputFacts {
        InputFacts::default()
    }
}

fn script(criterion: &mut Criterion) {
    let env = fika_benches::env(Arc::new(NoKeys));
    let roads: [(&str, Box<dyn Script>); 3] =
        roads!(env, script, StackVm, fika_stack_vm, fika_stack_vm::Params::default(), "");
    let lock = roads[0].1.lock(&NoKeys.address(&[2; 33]));
    let unlock = roads[0].1.unlock(&[2; 33], &[3; 71]);
    for (road, script) in &roads {
        assert_eq!(script.run(&lock, &unlock, 0, &mut Batch), Ok(()));
        criterion.bench_function(&format!("border/Script::run (P2PKH)/{road}"), |bencher| {
            bencher.iter(|| script.run(black_box(&lock), &unlock, 0, &mut Batch));
        });
    }
}

fn transactions(criterion: &mut Criterion) {
    let env = fika_benches::env(Arc::new(NoKeys));
    let roads: [(&str, Box<dyn TxFormat>); 3] = roads!(env, tx, Utxo, fika_utxo, fika_utxo::Params::default(), "");
    let chain = Chain::new(1_000);
    let world = chain.world();
    let payment = chain.payment(&world, 7);
    let state = world.state(Tree::GENESIS);
    let (ledger, context) = (FormatLedger(&state), world.next_context(Tree::GENESIS));
    let expected = roads[0].1.apply(payment.tx.bytes(), context, &ledger);
    for (road, format) in &roads {
        assert_eq!(format.apply(payment.tx.bytes(), context, &ledger), expected);
        criterion.bench_function(&format!("border/TxFormat::apply (an Outcome)/{road}"), |bencher| {
            bencher.iter(|| format.apply(black_box(payment.tx.bytes()), context, &ledger));
        });
    }
}

fn main() {
    fika_benches::run(&[consensus, script, transactions]);
}
