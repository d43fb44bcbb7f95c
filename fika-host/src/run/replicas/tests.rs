use std::path::Path;
use std::time::SystemTime;

use super::*;
use crate::Registry;
use crate::experiment::Override;

/// What is drawn when it is read (graph, hash rates) and what is drawn while it runs.
const DRAWN: &str = r#"
[experiment]
name = "drawn"
seed = 57
engine = "sim"
repeat = 4
stop_height = 12
[chain]
block_interval = "2 s"
proof = "sampled"
tick = "1 ms"
[network]
nodes = 10
graph = { kind = "random_regular", degree = 3 }
link = { latency = "80 ms", jitter = "40 ms" }
hash_rate = { mean = "20 kH/s", sd = "8 kH/s" }
[[expect]]
metric = "reward_share"
on = "n3"
value = "10 %"
tolerance = "10 %"
standard_errors = 3
"#;

fn read(text: &str, changes: &[&str], dir: &Path) -> Experiment {
    let mut overrides = vec![Override::set(&format!("output.dir={}", dir.display())).expect("an override")];
    overrides.extend(changes.iter().map(|change| Override::set(change).expect("an override")));
    Experiment::parse(&dir.join("test.toml").display().to_string(), text, &overrides).expect("an experiment")
}

fn run_in(experiment: &Experiment, dir: &Path, threads: usize) -> (Result<Summary, RunError>, Folder) {
    let plugins = ResolvedPlugins::new(experiment, &Registry::stock()).expect("stock plugins");
    let folder = Folder::create(dir, &experiment.name, SystemTime::now()).expect("a folder");
    write_run(experiment, &plugins, ("sim", None), SystemTime::now(), &folder).expect("run.json");
    let progress_line = ProgressLine::new(true, Instant::now());
    let summary = match experiment.repeat {
        1 => simulate::run(experiment, &plugins, &folder, progress_line),
        _ => run(experiment, &plugins, &folder, progress_line, threads),
    };
    (summary, folder)
}

/// The rows of `replicas.csv`, without its head.
fn rows(folder: &Folder) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.path.join("replicas.csv")).expect("replicas.csv");
    text.lines().skip(1).map(|line| line.split(',').map(String::from).collect()).collect()
}

#[test]
fn each_run_is_the_one_that_its_seed_alone_makes() {
    let dir = tempfile::tempdir().expect("a folder");
    let (summary, folder) = run_in(&read(DRAWN, &[], dir.path()), dir.path(), 2);
    let summary = summary.expect("a run");
    let rows = rows(&folder);
    assert_eq!(rows.len(), 4);
    let mut seen = std::collections::BTreeSet::new();
    for (seed, row) in (57..).zip(&rows) {
        let changes = ["experiment.repeat=1", &format!("experiment.seed={seed}")];
        let (alone, _) = run_in(&read(DRAWN, &changes, dir.path()), dir.path(), 1);
        let alone = alone.expect("a run");
        let hash = |summary: &Summary| summary.simulated.as_ref().map(|simulated| simulated.trace_hash);
        assert_eq!(
            row[..4],
            [seed.to_string(), "stop_height".into(), hash(&alone).expect("sim").to_string(), "0".into()]
        );
        if seed == 57 {
            let own = folder.path.join("seed-57");
            assert!(own.join("blocks.csv").exists() && own.join("report.html").exists());
            let first = Summary { replicas: None, expects: alone.expects.clone(), ..summary.clone() };
            let untimed = |summary: Summary| Summary { simulated: None, results: "".into(), ..summary };
            assert_eq!((hash(&first), untimed(first)), (hash(&alone), untimed(alone)));
        }
        seen.insert(row[2].clone());
    }
    assert_eq!(seen.len(), 4, "each seed gives another run");
}

#[test]
fn statistics_do_not_depend_on_the_threads() {
    let dir = tempfile::tempdir().expect("a folder");
    let experiment = read(DRAWN, &[], dir.path());
    let files = |threads| {
        let (summary, folder) = run_in(&experiment, dir.path(), threads);
        let read = |name| std::fs::read_to_string(folder.path.join(name)).expect(name);
        (read("replicas.csv"), read("statistics.json"), read("seed-57/blocks.csv"), summary.expect("a run").expects)
    };
    assert_eq!(files(1), files(2));
}

#[test]
fn the_folder_has_the_statistics_of_all_and_the_first_run_in_a_folder_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let (summary, folder) = run_in(&read(DRAWN, &[], dir.path()), dir.path(), 2);
    let summary = summary.expect("a run");
    for name in ["run.json", "summary.json", "report.html"] {
        assert!(folder.path.join(name).exists() && folder.path.join("seed-57").join(name).exists(), "{name}");
    }
    for name in ["blocks.csv", "nodes.csv"] {
        assert!(!folder.path.join(name).exists() && folder.path.join("seed-57").join(name).exists(), "{name}");
    }
    let json = |name| std::fs::read_to_string(folder.path.join(name)).expect(name);
    let kept: serde_json::Value = serde_json::from_str(&json("summary.json")).expect("a summary");
    let statistics: Replicas = serde_json::from_str(&json("statistics.json")).expect("statistics");
    assert_eq!(kept["replicas"], serde_json::to_value(&statistics).expect("encodes"));
    assert!(kept.get("height").is_none() && kept.get("nodes").is_none(), "nothing of one run stands for all");
    let page = json("report.html");
    for text in ["Figures of all runs", "std error", "reward_share on n3, %", "seed-57/report.html", "of 4 runs"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("Left out") && !page.contains("Chain growth"), "{page}");
    assert_eq!((statistics.wanted, statistics.finished), (4, 4));
    let head = std::fs::read_to_string(folder.path.join("replicas.csv")).expect("replicas.csv");
    let head: Vec<&str> = head.lines().next().expect("a head").split(',').collect();
    for (metric, on, column) in [
        ("stale_rate", None, "stale_rate"),
        ("messages_block", None, "messages_block"),
        ("reward_share", Some("n3"), "reward_share on n3"),
    ] {
        let at = head.iter().position(|name| *name == column).expect(column);
        let values: Vec<u64> = rows(&folder).iter().map(|row| row[at].parse().expect("a number")).collect();
        let mean = values.iter().sum::<u64>() as f64 / 4.0;
        let figure = statistics.figure(metric, on).expect(metric);
        assert_eq!(
            (figure.n, figure.min, figure.max),
            (4, *values.iter().min().unwrap(), *values.iter().max().unwrap())
        );
        assert!((figure.mean - mean).abs() < 1e-6, "{metric}: {} {mean}", figure.mean);
    }
    assert!(summary.expects[0].measured.ends_with(", n = 4"), "{}", summary.expects[0].measured);
    let text = summary.to_string();
    assert!(text.contains("seeds 57 to 60): 4 of 4 runs\n") && text.contains("reward_share on n3, %"), "{text}");
    assert!(!text.contains("full nodes agree") && text.contains("  60    stop height "), "{text}");
    let (_, folder) = run_in(&read(DRAWN, &["output.formats=[\"csv\"]"], dir.path()), dir.path(), 2);
    assert!(folder.path.join("replicas.csv").exists() && !folder.path.join("statistics.json").exists());
}

#[test]
fn runs_are_added_until_all_is_decided_or_there_are_enough() {
    let dir = tempfile::tempdir().expect("a folder");
    let verdict_of = |value: &str, max: u32| {
        let changes = [
            format!("expect=[{{ metric = \"reward_share\", on = \"n3\", op = \"<\", value = \"{value}\" }}]"),
            "experiment.repeat=2".into(),
            "experiment.runs=until decided".into(),
            format!("experiment.max_runs={max}"),
        ];
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        let (summary, folder) = run_in(&read(DRAWN, &changes, dir.path()), dir.path(), 2);
        let summary = summary.expect("a run");
        let seeds: Vec<String> = rows(&folder).into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(seeds, (57..).take(seeds.len()).map(|seed: u32| seed.to_string()).collect::<Vec<_>>());
        (summary.as_expected(), seeds.len())
    };
    // A tenth of the power, each time another one: nobody has nearly all blocks, and nobody none.
    let (holds, made) = verdict_of("90 %", 64);
    assert!(holds == Some(true) && made < 64, "{holds:?} {made}");
    assert_eq!(verdict_of("10 %", 5), (None, 5));
}

#[test]
fn an_error_in_one_run_ends_all_with_its_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let graph = "graph [ node [ id 0 label \"a\" ] node [ id 1 label \"b\" ] edge [ source 0 target 1 ] ]";
    std::fs::write(dir.path().join("net.gml"), graph).expect("written");
    let changes = ["network.nodes=0", "network.graph={ kind = \"file\", file = \"net.gml\" }"];
    let text = DRAWN.replace("n3", "a");
    let experiment = read(&text, &changes, dir.path());
    // Each further seed reads the links again.
    std::fs::remove_file(dir.path().join("net.gml")).expect("removed");
    let (failed, folder) = run_in(&experiment, dir.path(), 1);
    let RunError::Input(line) = failed.expect_err("no links") else { panic!("expected an input error") };
    assert!(line.starts_with("in the run with seed 58: ") && line.contains("net.gml: cannot read it"), "{line}");
    assert!(!folder.path.join("replicas.csv").exists());
}
