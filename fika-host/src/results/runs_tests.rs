//! Verdicts on several runs.

use super::check::check;
use super::tests::ending;
use super::{Chain, Figure, Replica, Replicas, Summary, Verdict, next_look};
use crate::experiment::{Expect, Experiment, Network, Node, unit};
use fika_core::address::Address;
use fika_core::hash::draw;

/// Runs whose heights are judged.
struct Runs {
    experiment: Experiment,
    summary: Summary,
}

impl Runs {
    fn new(expect: &str, changes: &[&str]) -> Runs {
        let network = Network::builder("runs").node(Node::full("a"));
        let network = network.set(&format!("expect=[{{ metric = \"height\", {expect} }}]")).set("experiment.repeat=4");
        let network = changes.iter().fold(network, |network, change| network.set(change));
        let experiment = network.build().expect("a good network");
        let mut ending = ending();
        ending.nodes.truncate(1);
        let summary = Summary::new(&experiment, &Chain::new(&[Address::default()], 1_000_000), &ending);
        Runs { experiment, summary }
    }

    fn verdict(&self, expect: &Expect, heights: &[Option<u64>]) -> Verdict {
        let figures = [Figure { metric: "height".into(), on: None }];
        let replica = |(seed, height): (u64, &Option<u64>)| Replica {
            seed,
            values: vec![*height],
            ..Replica::new(&[], &self.summary)
        };
        let replicas: Vec<Replica> = (1..).zip(heights).map(replica).collect();
        let statistics = Replicas::new(&self.experiment, heights.len() as u32, &figures, &replicas);
        let summary = self.summary.clone().with_replicas(&self.experiment, statistics);
        check(expect, &summary)
    }
}

fn verdict(expect: &str, heights: &[Option<u64>]) -> (Option<bool>, String) {
    let runs = Runs::new(expect, &[]);
    let verdict = runs.verdict(&runs.experiment.expects[0], heights);
    (verdict.holds, verdict.measured)
}

const PASS: Option<bool> = Some(true);
const FAIL: Option<bool> = Some(false);
const UNDECIDED: Option<bool> = None;

#[test]
fn the_interval_decides() {
    // The mean is 100, the standard deviation 23.09, the standard error 11.55, and t 3.182: 63.3 to 136.7.
    let runs = [80, 80, 120, 120].map(Some);
    for (op, value, more, expected) in [
        (">", 63, "", PASS),
        (">", 64, "", UNDECIDED),
        (">", 136, "", UNDECIDED),
        (">", 137, "", FAIL),
        (">=", 63, "", PASS),
        (">=", 137, "", FAIL),
        ("<", 137, "", PASS),
        ("<", 100, "", UNDECIDED),
        ("<", 63, "", FAIL),
        ("<=", 137, "", PASS),
        ("<=", 63, "", FAIL),
        // With 80 % t is 1.638: 81.1 to 118.9.
        (">", 81, ", confidence = \"80 %\"", PASS),
        (">", 82, ", confidence = 0.8", UNDECIDED),
        ("==", 100, ", tolerance = 36", UNDECIDED),
        ("==", 100, ", tolerance = 37", PASS),
        ("==", 150, ", tolerance = 13", FAIL),
        ("==", 150, ", tolerance = 14", UNDECIDED),
        ("!=", 150, ", tolerance = 13", PASS),
        ("!=", 100, ", tolerance = 37", FAIL),
        ("!=", 137, "", PASS),
        ("!=", 100, "", UNDECIDED),
        // Yes or no: an equality stands until it is refuted, and all else has to be shown.
        ("==", 134, ", standard_errors = 3", PASS),
        ("==", 135, ", standard_errors = 3", FAIL),
        ("==", 144, ", tolerance = 10, standard_errors = 3", PASS),
        ("==", 145, ", tolerance = 10, standard_errors = 3", FAIL),
        (">", 65, ", standard_errors = 3", PASS),
        (">", 66, ", standard_errors = 3", FAIL),
        ("<", 134, ", standard_errors = 3", FAIL),
        ("<", 135, ", standard_errors = 3", PASS),
    ] {
        let expect = format!("op = \"{op}\", value = {value}{more}");
        assert_eq!(verdict(&expect, &runs).0, expected, "100 +- 11.55 {op} {value}{more}");
    }
    let text = |expect: &str| verdict(expect, &runs).1;
    assert_eq!(text("op = \">\", value = 63"), "100 (95 % interval 63 to 137, n = 4)");
    // 23.09 / 8 root of n times t: 35 runs with 2.03, of which 4 are there.
    let more = text("op = \">\", value = 92");
    assert_eq!(more, "100 (95 % interval 63 to 137, n = 4); about 31 more runs would decide");
    assert!(text("op = \">\", value = 100").ends_with("; too near for any number of runs"));
    assert_eq!(text("value = 134, standard_errors = 3"), "100 +- 12, n = 4");
}

#[test]
fn an_equality_without_room_is_about_each_run() {
    assert_eq!(verdict("value = 10", &[Some(10); 4]), (PASS, "10 in 4 of 4 runs".into()));
    assert_eq!(verdict("value = 11", &[Some(10); 4]), (FAIL, "10 in 4 of 4 runs".into()));
    let mixed = verdict("value = 10", &[10, 10, 12, 8].map(Some));
    assert_eq!(mixed, (FAIL, "so in 2 of 4 runs, from 8 to 12 in all".into()));
}

#[test]
fn runs_without_a_value_fail_and_one_run_has_no_interval() {
    let partly = verdict("value = 10", &[Some(10), None, Some(10), Some(10)]);
    assert_eq!(partly, (FAIL, "10 +- 0, n = 3, and not measured in 1 runs".into()));
    assert_eq!(verdict("value = 10", &[None; 4]), (FAIL, "not measured".into()));
    // The others were interrupted.
    assert_eq!(verdict("op = \">\", value = 5", &[Some(10)]), (UNDECIDED, "10 in one run".into()));
    assert_eq!(verdict("value = 10, standard_errors = 3", &[Some(10)]), (UNDECIDED, "10 in one run".into()));
}

const MEAN: f64 = 1e6;
const DEVIATION: f64 = 1e5;
const BATCHES: u64 = 200;

/// Drawn from a normal distribution (Box and Muller 1958).
fn sample(batch: u64, runs: u64) -> Vec<Option<u64>> {
    let drawn = |counter| unit(draw(15, batch, counter));
    let normal =
        |run| (-2.0 * libm::log(drawn(2 * run))).sqrt() * libm::cos(std::f64::consts::TAU * drawn(2 * run + 1));
    (0..runs).map(|run| Some((MEAN + DEVIATION * normal(run)).round() as u64)).collect()
}

/// How many of the batches pass, fail and stay undecided.
fn count(mut holds: impl FnMut(u64) -> Option<bool>) -> [u64; 3] {
    let mut counts = [0; 3];
    for batch in 0..BATCHES {
        counts[match holds(batch) {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        }] += 1;
    }
    counts
}

#[test]
fn of_200_drawn_batches_the_wrong_fail_the_right_pass_and_the_border_is_undecided() {
    let runs = Runs::new("op = \">\", value = 0", &[]);
    let at = |value: f64| Expect { value: value.round() as u64, ..runs.experiment.expects[0].clone() };
    // Off by so many of the batch's own standard errors: 3 are more than t with 19 degrees of freedom, 2.093.
    let off = |errors: f64| {
        count(|batch| {
            let heights = sample(batch, 20);
            let values: Vec<f64> = heights.iter().flatten().map(|height| *height as f64).collect();
            let mean = values.iter().sum::<f64>() / 20.0;
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            let value = mean - errors * (squares / 19.0 / 20.0).sqrt();
            runs.verdict(&at(value), &heights).holds
        })
    };
    assert_eq!(off(3.0), [200, 0, 0], "right by three");
    assert_eq!(off(-3.0), [0, 200, 0], "wrong by three");
    assert_eq!(off(0.0), [0, 0, 200], "at the border");
    // Off by so many true standard errors from the true mean, which only the draw knows.
    let truly = |errors: f64| {
        let value = MEAN - errors * DEVIATION / 20_f64.sqrt();
        count(|batch| runs.verdict(&at(value), &sample(batch, 20)).holds)
    };
    // Noncentral t with 19 degrees of freedom and 3: it is above 2.093 with 81.2 %, below -2.093 with 0.0 %. Of 200:
    // 162, standard deviation 5.5, of which three are left to each side.
    let [pass, fail, _] = truly(3.0);
    assert!((146..=178).contains(&pass) && fail == 0, "{pass} {fail}");
    let [pass, fail, _] = truly(-3.0);
    assert!((146..=178).contains(&fail) && pass == 0, "{pass} {fail}");
    // At the border 95 % are undecided: 190, standard deviation 3.1.
    let [_, _, undecided] = truly(0.0);
    assert!((181..=199).contains(&undecided), "{undecided}");
}

#[test]
fn looking_again_and_again_does_not_mislead_more_often() {
    let runs = Runs::new(
        "op = \">\", value = 1000000",
        &["experiment.repeat=10", "experiment.runs=until decided", "experiment.max_runs=320"],
    );
    let expect = &runs.experiment.expects[0];
    let until_decided = |batch: u64| {
        let all = sample(batch, 320);
        let looks = std::iter::successors(Some(10), |made| next_look(&runs.experiment, *made));
        looks.map(|made| runs.verdict(expect, &all[..made as usize]).holds).find_map(|holds| holds)
    };
    let looks: Vec<u32> = std::iter::successors(Some(10), |made| next_look(&runs.experiment, *made)).collect();
    assert_eq!(looks, [10, 20, 40, 80, 160, 320]);
    // The mean is at the border, so every decision misleads: at most 5 %, which is 10, and three deviations of 3.1.
    let [pass, fail, _] = count(until_decided);
    assert!(pass + fail <= 19, "{pass} {fail}");
    // One that is right by one deviation of a run is decided within few.
    let easy = Expect { value: 900_000, ..expect.clone() };
    let [pass, fail, open] = count(|batch| runs.verdict(&easy, &sample(batch, 40)).holds);
    assert_eq!((pass, fail, open), (200, 0, 0));
}
