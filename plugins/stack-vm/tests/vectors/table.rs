//! The table of cases: `unlocking script | locking script | rules | result`, and where a case needs
//! it `| version lock-time sequence` of the spending transaction. `-` stands for no rules. Lines that start
//! with `#` are comments.

use std::fmt;

use fika_core::env::{ChainParams, Env};
use fika_core::keys::NoKeys;
use fika_core::plugin::Plugin;
use fika_core::script::InputFacts;
use fika_stack_vm::{Failure, Params, StackVm, rules};

use crate::notation;
use crate::transactions::{PLAIN, Spending};

macro_rules! files {
    ($($name:literal)*) => {
        /// Names and texts.
        pub(crate) const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("cases/", $name, ".txt")))),*];
    };
}

files! {
    "pushes" "flow" "stack" "splice" "bitwise" "arithmetic" "comparison" "numbers" "hashes"
    "signatures" "multisig" "encodings" "locktime" "limits" "p2sh" "rules" "undefined"
}

/// One line of the table.
pub(crate) struct Case {
    file: &'static str,
    line: usize,
    text: &'static str,
    pub(crate) unlock: Vec<u8>,
    pub(crate) lock: Vec<u8>,
    pub(crate) flags: u32,
    pub(crate) facts: InputFacts,
    pub(crate) expected: &'static str,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.txt:{}: {}", self.file, self.line, self.text)
    }
}

impl Case {
    pub(crate) fn spending(&self) -> Spending {
        Spending::new(&self.lock, self.facts)
    }

    pub(crate) fn run(&self, vm: &StackVm, flags: u32) -> Result<(), Failure> {
        vm.verify(&self.lock, &self.unlock, flags, &mut self.spending())
    }
}

pub(crate) fn vm(params: Params) -> StackVm {
    StackVm::new(params, &Env { chain: ChainParams::default(), keys: std::sync::Arc::new(NoKeys) }).unwrap()
}

/// The flags that a list with commas names.
pub(crate) fn flags(rules: &str) -> Result<u32, String> {
    rules::flags(&rules.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>())
}

/// Every case of every file.
pub(crate) fn cases() -> Vec<Case> {
    let vm = vm(Params::default());
    let mut cases = Vec::new();
    for &(file, text) in FILES {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        for (number, text) in lines {
            let line = number + 1;
            let case = case(&vm, file, line, text).unwrap_or_else(|why| panic!("{file}.txt:{line}: {why}: {text}"));
            cases.push(case);
        }
    }
    cases
}

fn case(vm: &StackVm, file: &'static str, line: usize, text: &'static str) -> Result<Case, String> {
    let fields: Vec<&'static str> = text.split('|').map(str::trim).collect();
    let (unlock, lock, rules, expected, facts) = match fields[..] {
        [unlock, lock, rules, expected] => (unlock, lock, rules, expected, PLAIN),
        [unlock, lock, rules, expected, facts] => (unlock, lock, rules, expected, self::facts(facts)?),
        _ => return Err(format!("expected 4 or 5 fields, found {}", fields.len())),
    };
    let flags = flags(if rules == "-" { "" } else { rules })?;
    let (unlock, lock) = notation::scripts(vm, unlock, lock, facts)?;
    Ok(Case { file, line, text, unlock, lock, flags, facts, expected })
}

fn facts(text: &str) -> Result<InputFacts, String> {
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>();
    match numbers.map_err(|error| error.to_string())?[..] {
        [version, lock_time, sequence] => Ok(InputFacts { version, lock_time, sequence, ..PLAIN }),
        _ => Err(format!("expected version, lock time and sequence number, found {text:?}")),
    }
}
