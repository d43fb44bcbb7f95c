//! What the documents name is there.

#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use fika_tests::root;

/// The documents of the repository, by their paths from its root.
fn documents() -> Vec<PathBuf> {
    let in_folder = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry"));
        let paths = entries.map(|entry| Path::new(folder).join(entry.file_name()));
        paths.filter(|path| path.extension().is_some_and(|it| it == "md")).collect::<Vec<_>>()
    };
    let mut all: Vec<PathBuf> =
        ["", "docs", "docs/decisions", "experiments"].iter().flat_map(|it| in_folder(it)).collect();
    all.sort();
    all
}

/// The targets of the links in a text: what stands between `](` and `)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// The names of headings, as links call them.
fn headings(text: &str) -> Vec<String> {
    let name = |heading: &str| {
        let kept = heading.trim().to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(|line| name(line.trim_start_matches('#'))).collect()
}

/// What is wrong with the links of a document.
fn broken(document: &Path, text: &str) -> Vec<String> {
    let local = links(text).filter(|target| !target.contains("://"));
    let wrong = local.filter(|target| {
        let (file, heading) = target.split_once('#').map_or((*target, None), |(file, heading)| (file, Some(heading)));
        let path = match file {
            "" => root().join(document),
            _ => root().join(document.parent().expect("a file lies in a folder")).join(file),
        };
        let has =
            |heading: &str| fs::read_to_string(&path).is_ok_and(|text| headings(&text).iter().any(|it| it == heading));
        !path.exists() || heading.is_some_and(|heading| !has(heading))
    });
    wrong.map(|target| format!("{}: {target}", document.display())).collect()
}

#[test]
fn links_lead_somewhere() {
    let read = |document: &PathBuf| fs::read_to_string(root().join(document)).expect("text");
    let wrong: Vec<String> = documents().iter().flat_map(|document| broken(document, &read(document))).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let sample =
        broken(Path::new("docs/x.md"), "[a](results.md#nowhere) [b](no.md) [c](results.md#traces) [d](https://x)");
    assert_eq!(sample, ["docs/x.md: results.md#nowhere", "docs/x.md: no.md"]);
}

/// The glossary and the architecture say where things are.
#[test]
fn files_that_are_named_exist() {
    let (mut wrong, mut named) = (vec![], 0);
    for document in ["docs/architecture.md", "docs/glossary.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(document)).expect("text");
        let paths =
            text.split('`').skip(1).step_by(2).filter(|name| name.contains('/') && !name.contains(['<', ' ', '=']));
        for path in paths {
            named += 1;
            let places = ["", "fika-core/src", "fika-host/src", "tests"].map(|base| root().join(base).join(path));
            if !places.iter().any(|place| place.exists()) {
                wrong.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(named > 80, "{named} files named");
}

#[test]
fn every_experiment_has_a_line_in_their_table() {
    let table = fs::read_to_string(root().join("experiments/README.md")).expect("text");
    for entry in fs::read_dir(root().join("experiments")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(!name.ends_with(".toml") || table.contains(&format!("({name})")), "{name} has no line");
    }
}
