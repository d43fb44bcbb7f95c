//! Bitcoin Core's `script_tests.json`, from the folder `$FIKA_VECTORS`, by default `../shared/vectors`
//! beside the workspace.

use std::fs;
use std::path::PathBuf;

use fika_core::script::Script;
use fika_stack_vm::{Params, StackVm};
use serde_json::Value;

use crate::names;
use crate::table::{self, flags};
use crate::transactions::{PLAIN, Spending};

/// Rules about witnesses, which the machine does not have.
const WITNESS_RULES: &[&str] =
    &["WITNESS", "WITNESS_PUBKEYTYPE", "MINIMALIF", "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM", "TAPROOT"];

/// What an entry of the file is.
enum Entry<'a> {
    Comment,
    /// The spend has a witness.
    Witness,
    /// A rule about witnesses is on.
    WitnessRule,
    Spend {
        unlock: &'a str,
        lock: &'a str,
        flags: u32,
        expected: &'a str,
    },
}

impl Entry<'_> {
    fn read(entry: &Value) -> Result<Entry<'_>, String> {
        let fields = entry.as_array().ok_or("expected a list")?;
        if let [Value::Array(_), _, _, _, _, ..] = &fields[..] {
            return Ok(Entry::Witness);
        }
        let fields: Vec<&str> =
            fields.iter().map(Value::as_str).collect::<Option<_>>().ok_or("expected a list of strings")?;
        match fields[..] {
            [_] => Ok(Entry::Comment),
            [_, _, rules, ..] if rules.split(',').any(|rule| WITNESS_RULES.contains(&rule)) => Ok(Entry::WitnessRule),
            [unlock, lock, rules, expected, ..] => Ok(Entry::Spend { unlock, lock, flags: flags(rules)?, expected }),
            _ => Err(format!("expected 1 field or at least 4, found {}", fields.len())),
        }
    }
}

/// The file's text. `None` when nobody said where it is and it is not in its usual place.
fn text() -> Option<String> {
    if let Some(folder) = std::env::var_os("FIKA_VECTORS") {
        let file = PathBuf::from(folder).join("script_tests.json");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return Some(text);
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    fs::read_to_string(folder.join("script_tests.json")).ok()
}

fn run(vm: &StackVm, unlock: &str, lock: &str, flags: u32) -> Result<&'static str, String> {
    let (unlock, lock) = (vm.assemble(unlock)?, vm.assemble(lock)?);
    assert_eq!(vm.assemble(&vm.disassemble(&lock)), Ok(lock.clone()));
    Ok(names::result(vm.verify(&lock, &unlock, flags, &mut Spending::new(&lock, PLAIN))))
}

#[test]
#[allow(clippy::print_stderr)]
fn public_vectors_when_present() {
    let Some(text) = text() else {
        eprintln!("skipped: script_tests.json is not here; FIKA_VECTORS names its folder");
        return;
    };
    let entries: Vec<Value> = serde_json::from_str(&text).expect("the cases are a JSON list");
    let vm = table::vm(Params::default());
    let (mut ran, mut comments, mut witnesses, mut witness_rules) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for entry in &entries {
        match Entry::read(entry).unwrap_or_else(|why| panic!("{why}: {entry}")) {
            Entry::Comment => comments += 1,
            Entry::Witness => witnesses += 1,
            Entry::WitnessRule => witness_rules += 1,
            Entry::Spend { unlock, lock, flags, expected } => {
                let found = run(&vm, unlock, lock, flags).unwrap_or_else(|why| panic!("{why}: {entry}"));
                ran += 1;
                if found != expected {
                    wrong.push(format!("expected {expected}, found {found}: {entry}"));
                }
            }
        }
    }
    eprintln!(
        "{} entries: {ran} cases run; not run: {witnesses} with a witness, {witness_rules} with rules about witnesses, \
         {comments} comments",
        entries.len()
    );
    assert!(wrong.is_empty(), "{} of {ran} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(ran + comments + witnesses + witness_rules, entries.len(), "each entry is accounted for");
    assert!(ran > 1_000, "Core's file has more than a thousand cases without witnesses, found {ran}");
}
