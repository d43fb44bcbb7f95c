//! Imports only go down the floors that the crate docs name.

#![allow(missing_docs)]

use std::fs;
use std::path::Path;

const FLOORS: [&[&str]; 8] = [
    &["hash", "codec", "amount", "address", "reject"],
    &["header"],
    &["block", "keys", "target"],
    &["script", "view", "message", "compact", "env"],
    &["consensus", "agent", "tx", "transport"],
    &["world", "plugin"],
    &["node"],
    &["testing"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The top-level modules that a line of code names.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    let end = |rest: &str| rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    code.split("crate::").skip(1).map(move |rest| &rest[..end(rest)])
}

fn check(module: &str, path: &Path, wrong: &mut Vec<String>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| check(module, &entry.unwrap().path(), wrong));
        return;
    }
    let own = floor(module).unwrap_or_else(|| panic!("{module} stands on no floor: add it to the crate docs and here"));
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    for (n, line) in code.lines().enumerate() {
        for used in named(line) {
            if floor(used).is_some_and(|used| used > own) {
                wrong.push(format!("{}:{}: {module} uses {used}, which stands above it", path.display(), n + 1));
            }
        }
    }
}

#[test]
fn imports_only_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module != "lib" {
            check(&module, &path, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_an_import_that_goes_up() {
    assert_eq!(named("use crate::node::Node; // crate::world").collect::<Vec<_>>(), ["node"]);
    assert!(floor("node") > floor("hash"));
}
