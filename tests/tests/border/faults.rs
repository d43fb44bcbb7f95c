//! What is no plugin of this program, and plugins that fail.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::{fs, io};

use fika_core::address::Address;
use fika_core::agent::{Ctx, Sealed, Signer};
use fika_core::amount::Amount;
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::hash::Id;
use fika_core::header::Header;
use fika_core::plugin::{Descriptor, Faults, VERSION, check_fit, load};
use fika_core::reject::{Missing, Reject};
use fika_core::target::Work;
use fika_core::view::{BlockView, ChainView, Coin, TreeView};

use crate::{env, fixture};

fn refusal(path: &Path) -> String {
    let error = load(path).expect_err("no plugin").to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn what_is_no_plugin_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.so");
    fs::write(&text, "not a library\n").unwrap();
    let found = refusal(&text);
    assert!(found.starts_with("expected a library, found something else: "), "{found}");
    assert_eq!(refusal(&dir.path().join("absent.so")), "no such file");
    assert_eq!(refusal(fixture("no_plugin")), "a library, but not a Fika plugin");
    let border = VERSION.rsplit_once('.').unwrap().0;
    let expected = format!("expected a plugin built with fika-core {border}, found 99.9.9");
    assert_eq!(refusal(fixture("other_version")), expected);
    let found = refusal(fixture("other_layout"));
    assert!(found.starts_with(&format!("built with another fika-core {VERSION}: its layout differs at ")), "{found}");
}

#[test]
fn a_library_is_found_under_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("renamed-1.so");
    fs::copy(fixture("unruly"), &copy).unwrap();
    assert_eq!(load(&copy).unwrap().name, "unruly");
}

#[test]
fn bad_tables_and_sets_name_their_plugin() {
    let plugin = unruly();
    let error = |table: &str| plugin.check(table, &env(), &Faults::new()).unwrap_err();
    assert_eq!(error("panics_in = 1"), "[consensus.unruly] panics_in: expected a string, found integer `1`");
    assert_eq!(error("panic = 'check'"), "[consensus.unruly] panic: unknown key, expected panics_in");
    assert_eq!(error("panics_in = 'nothing'"), "[consensus.unruly] panics_in: expected a call, found nothing");
    let found = check_fit(&[plugin, fika_utxo::PLUGIN]).unwrap_err();
    assert_eq!(found, "the consensus plugin unruly needs tx.peace: the tx plugin utxo does not provide it");
    let error = plugin.script("", &env(), &Faults::new()).err().unwrap();
    assert_eq!(error, "expected a script plugin, found the consensus plugin unruly");
}

fn unruly() -> Descriptor {
    load(fixture("unruly")).unwrap()
}

/// A world that fails when it is asked.
struct Broken;

impl ChainView for Broken {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        Err(Missing(*id))
    }

    fn ancestor(&self, of: &Id, _: u64) -> Result<BlockView<'_>, Missing> {
        Err(Missing(*of))
    }

    fn balance(&self, _: &Id, _: &Address) -> Result<Amount, Missing> {
        panic!("the world is broken")
    }

    fn locked(&self, at: &Id, _: &Address) -> Result<Amount, Missing> {
        Err(Missing(*at))
    }

    fn stakes(&self, at: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        Err(Missing(*at))
    }

    fn coins(&self, at: &Id, _: &Address) -> Result<Vec<Coin>, Missing> {
        Err(Missing(*at))
    }

    fn get(&self, at: &Id, _: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        Err(Missing(*at))
    }

    fn scan(&self, at: &Id, _: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing> {
        Err(Missing(*at))
    }
}

impl TreeView for Broken {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        Err(Missing(*id))
    }

    fn ancestor(&self, of: &Id, _: u64) -> Result<BlockView<'_>, Missing> {
        Err(Missing(*of))
    }

    fn children(&self, _: &Id) -> Vec<Id> {
        Vec::new()
    }

    fn subtree_weight(&self, _: &Id) -> Work {
        Work::ZERO
    }

    fn tie_goes_to(&self, _: &Id, _: &Id) -> bool {
        false
    }
}

impl Signer for Broken {
    fn sign(&self, _: &Id) -> Vec<u8> {
        Vec::new()
    }
}

const BLOCK: BlockView<'static> = BlockView {
    id: Id([1; 32]),
    header: Header { version: 1, parent: Id::ZERO, root: Id::ZERO, time: 5, bits: 0, nonce: 0 },
    height: 1,
    weight: Work::ZERO,
    extra: &[],
};

fn settle(rules: &dyn Consensus) -> Result<Vec<LedgerOp>, Reject> {
    rules.settle(&Summary::new(BLOCK, 6, 0), &Broken)
}

#[test]
fn a_panic_becomes_a_fault_and_a_harmless_answer() {
    let plugin = unruly();
    let faults = Faults::new();
    // Makes rules that panic inside `call`; afterwards exactly one fault must have been reported, there.
    let with_panic_in = |call: &'static str, then: &mut dyn FnMut(Box<dyn Consensus>)| {
        then(plugin.consensus(&format!("panics_in = '{call}'"), &env(), &faults).unwrap());
        let reported = faults.take();
        let [fault] = &reported[..] else { panic!("{call}: {reported:?}") };
        assert_eq!((fault.plugin, fault.call), ("unruly", call));
        assert!(fault.message.starts_with("told to panic at "), "{fault}");
        assert!(fault.message.contains("src/lib.rs:"), "{fault}");
    };
    let is_fault = |reject: Reject| matches!(reject, Reject::Fault(why) if why.starts_with("plugin unruly failed in "));
    let new = Header { nonce: 1, ..BLOCK.header };
    let other = BlockView { id: new.id(), header: new, ..BLOCK };

    with_panic_in("check", &mut |rules| assert!(is_fault(rules.check(&other, &BLOCK, &Broken).unwrap_err())));
    with_panic_in("settle", &mut |rules| assert!(is_fault(settle(&*rules).unwrap_err())));
    with_panic_in("weight", &mut |rules| assert_eq!(rules.weight(&BLOCK), Work::ZERO));
    with_panic_in("choose", &mut |rules| assert_eq!(rules.choose(&BLOCK, &other, &Broken), BLOCK.id));
    with_panic_in("grind", &mut |rules| assert!(!rules.grind(&mut Header::default(), 5)));
    with_panic_in("drop", &mut drop);
    let mut ctx = Ctx::new(0, Address::default(), BLOCK.id, &Broken, &Broken, 0);
    with_panic_in("agent", &mut |rules| {
        rules.agent(Address::default()).on_tip(&BLOCK, &mut ctx);
        assert_eq!(ctx.duties, None);
    });
    with_panic_in("on_tip", &mut |rules| {
        rules.agent(Address::default()).on_tip(&BLOCK, &mut ctx);
        assert_eq!(ctx.duties, None);
    });
    with_panic_in("seal", &mut |rules| {
        let mut seal = Vec::new();
        assert_eq!(rules.agent(Address::default()).seal(&BLOCK, &mut seal, &mut ctx), Sealed::Drop);
        assert!(seal.is_empty());
    });

    let error = plugin.consensus("panics_in = 'new'", &env(), &faults).err().unwrap();
    assert!(error.starts_with("plugin unruly failed in new: told to panic at "), "{error}");
    assert_eq!(faults.take().len(), 1);
    assert_eq!(faults.count(), 10);
}

#[test]
fn a_panic_of_the_host_passes_through_the_plugin_without_harm() {
    let faults = Faults::new();
    let rules = unruly().consensus("", &env(), &faults).unwrap();
    let Err(Reject::Fault(why)) = settle(&*rules) else { panic!("the world panics") };
    assert!(why.starts_with("plugin unruly failed in settle: the world is broken at "), "{why}");
    assert_eq!(faults.take().len(), 1);
}

/// Where the host's subscriber writes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn events_inside_a_library_reach_the_hosts_subscriber() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || unruly().check("", &env(), &Faults::new()).unwrap());
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("WARN plugin: made calls=1 library=unruly"), "{text}");
}
