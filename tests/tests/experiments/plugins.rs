//! Plugins by every road, and what is none.

use std::fs;

use super::{Host, experiment, library, text};

/// A quick network: the thesis's with four blocks.
fn quick() -> [String; 3] {
    ["--set".into(), "experiment.stop_height=4".into(), experiment("thesis.toml")]
}

/// As real processes, and under virtual time.
fn runs(host: &Host, consensus: &str) {
    let quick = quick();
    for engine in ["auto", "sim"] {
        let output = host.output(&["--consensus", consensus, "--engine", engine, &quick[0], &quick[1], &quick[2]]);
        assert_eq!(output.status.code(), Some(0), "{consensus} {engine}: {}", text(&output));
    }
}

#[test]
fn a_library_makes_the_same_simulation_as_the_same_plugin_compiled_in() {
    let host = Host::new();
    let path = experiment("thesis.toml");
    let hash = |consensus: &str| {
        let output = host.output(&["--engine", "sim", "--consensus", consensus, &path]);
        assert_eq!(output.status.code(), Some(0), "{consensus}: {}", text(&output));
        host.summary("thesis")["simulated"]["trace_hash"].clone()
    };
    for name in ["pow", "pos", "hybrid"] {
        let library = library(&format!("fika-{name}"), &fika_tests::root()).display().to_string();
        let compiled_in = hash(name);
        assert!(compiled_in.is_string());
        assert_eq!(hash(&library), compiled_in, "{name}");
    }
}

#[test]
fn a_new_consensus_runs_without_touching_anything_else() {
    let host = Host::new();
    host.says(&["new", "consensus", "roundrobin"]);
    runs(&host, "./roundrobin");
    // Built already: no cargo this time.
    let log = text(&host.output(&["check", "--consensus", "./roundrobin", &experiment("thesis.toml")]));
    assert!(log.contains("roundrobin") && !log.contains("building"), "{log}");
}

#[test]
fn a_new_consensus_inside_the_clone_runs_too() {
    let inside = tempfile::tempdir_in(fika_tests::root().join("tests/fixtures")).unwrap();
    let host = Host { folder: inside };
    host.says(&["new", "consensus", "turns"]);
    runs(&host, "./turns");
}

/// Refused with exit code 2 and one line that contains `words`, before anything starts.
fn refused(host: &Host, arguments: &[&str], words: &[&str]) {
    let path = experiment("thesis.toml");
    let output = host.output(&[arguments, &[&path]].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
    let lines: Vec<&str> = errors.lines().filter(|line| !line.starts_with("building")).collect();
    assert_eq!(lines.len(), 1, "{errors}");
    for word in words {
        assert!(lines[0].contains(word), "expected {word:?} in: {}", lines[0]);
    }
}

#[test]
fn what_is_no_plugin_is_refused_in_one_line() {
    let host = Host::new();
    let text = host.folder.path().join("text.so");
    fs::write(&text, "this is no library").unwrap();
    refused(&host, &["--consensus", text.to_str().unwrap()], &["text.so"]);
    refused(&host, &["--consensus", "nowhere/none.so"], &["none.so"]);
    refused(&host, &["--consensus", "pot"], &["pot", "pow"]);
    refused(&host, &["--consensus", &fixture("no-plugin")], &["plugin"]);
    refused(&host, &["--consensus", &fixture("other-layout")], &["layout"]);
    refused(&host, &["--consensus", &fixture("other-version")], &["version"]);
    refused(&host, &["--script", &library("fika-pos", &fika_tests::root()).display().to_string()], &["script", "pos"]);
    refused(&host, &["--set", "consensus.pow.retarget='sometimes'"], &["retarget"]);
    refused(&host, &["--set", "chain.blok_interval='1 s'"], &["blok_interval", "block_interval"]);
}

#[test]
fn a_set_that_does_not_fit_is_refused() {
    let host = Host::new();
    let unruly = fixture("unruly");
    // It needs a feature that no transaction format has.
    refused(&host, &["--consensus", &unruly], &["unruly", "utxo"]);
    // Signatures of the scheme are longer than a block.
    let small = ["--consensus", "pos", "--keys", "rsa", "--set", "chain.max_block_bytes='600 B'"];
    refused(&host, &small, &["'max_block_bytes' in [chain]", "no block could ever be made"]);
    refused(&host, &[&["check"][..], &small[..]].concat(), &["no block could ever be made"]);
}

#[test]
fn a_library_that_ends_the_process_or_is_damaged_is_an_error_that_names_it() {
    let host = Host::new();
    let whole = fs::read(library("fika-pos", &fika_tests::root())).unwrap();
    let cut = host.folder.path().join("cut.so");
    fs::write(&cut, &whole[..300_000]).unwrap();
    for (library, name) in [(fixture("leaving"), "libleaving.so"), (cut.display().to_string(), "cut.so")] {
        refused(&host, &["--consensus", &library], &[name]);
        refused(&host, &["check", "--consensus", &library], &[name]);
        refused(&host, &["--detach", "--consensus", &library], &[name]);
        let output = host.output(&["plugins", &library]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains(name), "{}", text(&output));
    }
    let leaves = ["--consensus", &fixture("unruly"), "--set", "consensus.unruly.panics_in='nowhere, leaves'"];
    refused(&host, &leaves, &["libunruly.so", "ends the process"]);
}

#[test]
fn a_plugin_that_fails_in_the_midst_of_a_run_ends_it_with_a_line() {
    let host = Host::new();
    let library = fixture("faltering");
    let run = |engine: &str, does: &str| {
        let does = format!("consensus.faltering.does='{does}'");
        let stop = "experiment.stop_time='20 s'";
        let path = experiment("thesis.toml");
        let options = ["--engine", engine, "--consensus", &library, "--set", &does, "--set", stop, &path];
        let output = host.output(&options);
        let said = text(&output);
        assert!(said.len() < 20_000, "{does}: {} bytes", said.len());
        (output.status.code(), said)
    };
    for (does, line) in [
        ("panics", ": node server1: plugin faltering failed in check: told to at "),
        (
            "talks",
            "plugin faltering failed in check: expected a reason of at most 500 characters, found 83886078 bytes",
        ),
        ("overworks", "plugin faltering failed in settle: expected a list of at most 100000, found 1000000"),
        ("leaves", "error: plugin faltering inside check has ended the process"),
    ] {
        let (code, said) = run("sim", does);
        assert_eq!(code, Some(6), "{does}: {said}");
        assert!(said.contains(line), "expected {line:?} in: {said}");
    }
    let (code, said) = run("sim", "toils");
    assert_eq!(code, Some(1), "nobody makes a block: {said}");
    assert!(said.contains("server1: the agent has more than 1000 duties at once"), "{said}");
    let (code, said) = run("auto", "panics");
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("ended with exit code 6: error: plugin faltering failed in check: told to at "), "{said}");
    refused(&host, &["--consensus", &library, "--set", "consensus.faltering.does='refuses'"], &["no no no ..."]);
}

#[test]
fn a_payment_that_cannot_be_made_is_told_with_its_node_and_the_reason() {
    let host = Host::new();
    // It is tried again for half a minute before it is given up.
    let sets = ["script.stack-vm.max_element_bytes=60", "experiment.stop_time='90 s'"];
    for engine in ["sim", "auto"] {
        let path = experiment("thesis.toml");
        let output = host.output(&["--engine", engine, "--set", sets[0], "--set", sets[1], &path]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "the payment was expected: {said}");
        let line = said.lines().find(|line| line.contains("a payment could not be made: "));
        assert!(line.is_some_and(|line| line.contains("client1: ") && line.contains("60 bytes")), "{engine}: {said}");
    }
}

/// A library among the fixtures.
fn fixture(name: &str) -> String {
    let fixtures = fika_tests::root().join("tests/fixtures");
    fs::copy(fika_tests::root().join("Cargo.lock"), fixtures.join("Cargo.lock")).unwrap();
    library(name, &fixtures).display().to_string()
}
