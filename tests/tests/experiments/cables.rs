//! Links with physics, live.

use serde_json::{Value, json};

use super::{Host, experiment, text};

#[test]
fn blocks_and_payments_cross_cables_with_physics() {
    let host = Host::new();
    let output = host.output(&[&experiment("live-cables.toml")]);
    let told = text(&output);
    if output.status.code() == Some(3) {
        let expected = ["no network namespaces here", "need TUN devices"];
        return assert!(expected.iter().any(|why| told.contains(why)), "{told}");
    }
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("cables: 0 direct (veth), 7 userspace (TUN"), "{told}");
    let bytes = std::fs::read(host.folder.path().join("results/live-cables/latest/run.json")).unwrap();
    let run: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&run["cables"]["direct"], &run["cables"]["userspace"]), (&json!(0), &json!(7)));
    // Between continents nothing is as fast as on one machine.
    let summary = host.summary("live-cables");
    assert!(summary["propagation_100_us"].as_u64().unwrap() > 100_000, "{summary}");
}
