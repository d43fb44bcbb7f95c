//! Crates that others may depend on: a registry and a reader find in each what they look for.

#![allow(missing_docs)]

use std::process::Command;

use serde_json::Value;

fn cargo(args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(args).arg("--offline").current_dir(fika_tests::root()).output().unwrap();
    assert!(output.status.success(), "cargo {args:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_says_what_it_is_and_carries_its_licences() {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1"])).unwrap();
    let is_published = |package: &&Value| package["publish"].is_null();
    let packages: Vec<&Value> = metadata["packages"].as_array().unwrap().iter().filter(is_published).collect();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        for key in ["description", "license", "repository", "rust_version"] {
            assert!(package[key].is_string(), "{name}: {key}");
        }
        for key in ["keywords", "categories"] {
            assert!(package[key].as_array().is_some_and(|words| (1..=5).contains(&words.len())), "{name}: {key}");
        }
        let listed = cargo(&["package", "--list", "--allow-dirty", "--package", name]);
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"] {
            assert!(listed.lines().any(|line| line == file), "{name}: {file}");
        }
        let manifest = package["manifest_path"].as_str().unwrap();
        let readme = std::fs::read_to_string(manifest.replace("Cargo.toml", "README.md")).unwrap();
        assert!(readme.contains(package["description"].as_str().unwrap()), "{name}: another sentence in README.md");
    }
    assert!(packages.len() > 12, "fika-core, fika-host and the stock plugins");
}
