//! The thesis's network, to its end.

use serde_json::json;

use super::{Host, experiment, library, text};

/// Every node at one tip, the payment confirmed, client1 at 49 and client2 at 130, and no coin lost.
fn holds_with(options: &[&str]) {
    let host = Host::new();
    let path = experiment("thesis.toml");
    let output = host.output(&[options, &[&path]].concat());
    assert_eq!(output.status.code(), Some(0), "{options:?}: {}", text(&output));
    let summary = host.summary("thesis");
    assert_eq!(summary["agreement"], json!(true), "{summary}");
    assert!(summary["height"].as_u64().unwrap() >= 8, "{summary}");
    assert_eq!(summary["payments"]["confirmed"], json!(1), "{summary}");
    assert_eq!(summary["coins"]["gap"], json!(0), "{summary}");
    let nodes = summary["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 5);
    let balance = |name: &str| nodes.iter().find(|node| node["name"] == name).unwrap()["balance"].as_u64().unwrap();
    assert_eq!((balance("client1"), balance("client2")), (49 * 100_000_000, 130 * 100_000_000));
    assert!(nodes.iter().all(|node| node["tip"] == summary["tip"]), "{summary}");
    let results = host.folder.path().join("results/thesis/latest");
    for table in ["run.json", "blocks.csv", "propagation.csv", "arrivals.csv", "nodes.csv", "transactions.csv"] {
        assert!(results.join(table).metadata().unwrap().len() > 0, "{table}");
    }
}

#[test]
fn with_work() {
    holds_with(&[]);
}

#[test]
fn with_stake_from_a_library() {
    let pos = library("fika-pos", &fika_tests::root());
    holds_with(&["--consensus", pos.to_str().unwrap()]);
}

#[test]
fn with_both_as_plain_processes() {
    holds_with(&["--consensus", "hybrid", "--engine", "process"]);
}

#[test]
fn with_other_keys_and_readable_messages() {
    holds_with(&["--keys", "rsa", "--transport", "tcp-json", "--set", "keys.rsa.bits=1024"]);
}

#[test]
fn every_other_experiment_is_as_it_expects() {
    for name in ["two-coins", "hybrid", "ring-20"] {
        let host = Host::new();
        let output = host.output(&[&experiment(&format!("{name}.toml"))]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output));
    }
}
