//! Spends with their results: a table of our own, and Bitcoin Core's `script_tests.json` where it is found.

use fika_stack_vm::Params;

mod coverage;
mod names;
mod notation;
mod public;
mod table;
mod transactions;

#[test]
#[allow(clippy::print_stderr)]
fn own_table() {
    let vm = table::vm(Params::default());
    let cases = table::cases();
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let found = names::result(case.run(&vm, case.flags));
            (found != case.expected).then(|| format!("{case}: found {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    eprintln!("{} cases run", cases.len());
}
