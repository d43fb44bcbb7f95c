//! Pages made of small results folders, whole, incomplete and damaged.

use std::fs;
use std::path::Path;

use super::figures::{Figure, difference, figures};
use super::plot::{Scale, quantile, thin, time_unit};
use super::{comparison, page, report, write};

const RUN: &str = r#"{"experiment": {"name": "three", "seed": 7, "chain": {"block_interval_us": 1000000},
    "nodes": [{"name": "a", "role": "full", "hash_rate": 300}, {"name": "b", "role": "full", "hash_rate": 100},
        {"name": "<b>&", "role": "wallet"}],
    "links": [[0, 1], [1, 2]]}, "engine": "process", "proof": "sampled: simulated, no work was done",
    "started_utc": "2026-01-01-000000", "fika_host": "0.1.0", "command": ["fika-host", "a b.toml"],
    "plugins": [{"kind": "consensus", "name": "pow", "origin": "compiled in", "sha256": null},
        {"kind": "tx", "name": "<script>alert('x')</script>", "origin": "\"./x.so\"", "sha256": "00ff"}]}"#;

const SUMMARY: &str = r#"{"name": "three", "seed": 7, "ended": "stop_height", "agreement": true, "blocks": 4,
    "stale_rate_ppm": 250000, "propagation_50_us": 20000, "propagation_100_us": null, "reorgs": {"1": 2},
    "coins": {"supply": 31000000000}, "nodes": [{"name": "a"}],
    "expects": [{"expected": "height == 3", "measured": "3", "holds": true},
        {"expected": "balance on <i> == 1", "measured": "2", "holds": false}]}"#;

fn id(n: u8) -> String {
    format!("{n:02x}").repeat(32)
}

/// The results of a run with a fork at height 2 and a payment that was confirmed.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    put("run.json", RUN.into());
    put("summary.json", SUMMARY.into());
    let block = |n, height, parent, producer, status, at_us: u64| {
        format!("{},{height},{},{producer},7,1,200,{status},{at_us}\n", id(n), id(parent))
    };
    put(
        "blocks.csv",
        "id,height,parent,producer,time_ticks,txs,bytes,status,first_seen_us\n".to_string()
            + &block(1, 1, 0, "a", "chain", 1_000_000)
            + &block(2, 2, 1, "b", "stale", 2_000_000)
            + &block(3, 2, 1, "a", "chain", 2_000_500)
            + &block(4, 3, 3, "<b>&", "chain", 3_500_000),
    );
    let times = "to_0_us,to_10_us,to_25_us,to_50_us,to_75_us,to_90_us,to_95_us,to_99_us,to_100_us";
    let spread = |n, height| format!("{},{height},2,0,0,0,0,20000,20000,20000,20000,2000{n}\n", id(n));
    put("propagation.csv", format!("id,height,nodes,{times}\n") + &(1..5).map(|n| spread(n, n)).collect::<String>());
    put("arrivals.csv", "block,node,delay_us\n2,a,5\n3,a,0\n3,b,20003\n".into());
    let head = "hash,from,amount,fee,submitted_us,first_accepted_us,confirmed_height,confirmed_us,latency_us\n";
    put(
        "transactions.csv",
        format!("{head}{},a,10,1,2400000,2420000,3,3500000,1100000\n{},a,1,1,9,,,,\n", id(9), id(8)),
    );
    folder
}

/// Whether every element is closed, in order. Gives the names of all elements.
fn elements(html: &str) -> Vec<String> {
    let mut open: Vec<&str> = vec![];
    let mut all = vec![];
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag that ends");
        assert!(!text.contains('>'), "a bare > in {piece}");
        let name = tag.split([' ', '\n']).next().expect("a name").trim_end_matches('/');
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "closed by {piece}");
        } else if !(tag.ends_with('/') || ["!doctype", "meta", "br"].contains(&name)) {
            open.push(name);
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in {tag}");
        all.push(name.to_string());
    }
    assert_eq!(open, [""; 0]);
    all
}

#[test]
fn a_page_has_every_section_and_is_well_formed() {
    let folder = folder();
    let html = report(folder.path()).expect("a page");
    let all = elements(&html.replace("<title>three</title>\n<style>", "<style>"));
    for section in [
        "What ran",
        "Figures",
        "Expectations",
        "Propagation",
        "Block interval",
        "Stale rate",
        "Forks",
        "Chain growth",
        "Blocks by producer",
        "Shares over height",
        "Mempool",
        "Confirmation times",
        "Topology",
    ] {
        assert!(html.contains(&format!("<h2>{section}</h2>")), "{section}");
    }
    assert!(!html.contains("Left out"), "{html}");
    // Propagation, interval, stale rate, one fork, growth, producers, shares, mempool, confirmation, map.
    assert_eq!(all.iter().filter(|name| *name == "svg").count(), 10);
    for text in [
        "Sampled: simulated. No work was done",
        "fika-host 'a b.toml'".replace('\'', "&#39;").as_str(),
        "<td>25 %</td>",
        "<td>310</td>",
        "<span class=\"fail\">FAIL</span>",
        "Fork at height 2",
        "20 ms",
        "1 of 2 payments confirmed",
        "66.7 % (2), expected 75.0 %",
        "title>b after 20 ms</title>",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert_eq!(html, report(folder.path()).expect("a page"), "the same folder gives the same page");
}

#[test]
fn text_from_elsewhere_stays_text() {
    let html = report(folder().path()).expect("a page");
    assert!(!html.contains("<script") && !html.contains("<i>") && !html.contains("<b>"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") && html.contains("&lt;b&gt;&amp;"));
    assert!(!html.contains("src=") && !html.contains("http:") && !html.contains("https:") && !html.contains("url("));
    assert_eq!(page::escape("a\0\u{1b}[\n"), "a\u{fffd}\u{fffd}[\n");
}

#[test]
fn what_is_missing_is_said_and_nothing_else_suffers() {
    let folder = folder();
    let tables = ["summary.json", "blocks.csv", "propagation.csv", "arrivals.csv", "transactions.csv"];
    for table in tables {
        fs::remove_file(folder.path().join(table)).expect("removed");
    }
    let html = report(folder.path()).expect("a page");
    elements(&html.replace("<title>three</title>\n<style>", "<style>"));
    for why in ["there is no summary.json", "there is no blocks.csv", "there is no propagation.csv"] {
        assert!(html.contains(&format!("Left out: {why}.")), "{why}");
    }
    assert!(html.contains("because there is no arrivals.csv") && html.contains("there is no transactions.csv"));
    fs::remove_file(folder.path().join("run.json")).expect("removed");
    let why = report(folder.path()).expect_err("no results");
    assert!(why.ends_with("expected a results folder, found no run.json"), "{why}");
}

#[test]
fn empty_tables_make_a_page() {
    let folder = folder();
    for table in ["blocks.csv", "propagation.csv", "arrivals.csv", "transactions.csv"] {
        let path = folder.path().join(table);
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, text.lines().next().expect("a head")).expect("written");
    }
    let html = report(folder.path()).expect("a page");
    assert!(html.contains("Left out: no block was made.") && html.contains("Left out: nobody paid."), "{html}");
}

#[test]
fn a_damaged_file_is_an_error_of_one_line() {
    let long = "x".repeat(100_000);
    let head = "id,height,nodes,to_0_us,to_10_us,to_25_us,to_50_us,to_75_us,to_90_us,to_95_us,to_99_us,to_100_us\n";
    let deep = "{\"x\":".to_string() + &"[".repeat(100_000);
    let cases: [(&str, &[u8], &str); 12] = [
        ("run.json", b"", "run.json: expected what a run writes, found: EOF"),
        ("run.json", b"{\"engine\": 1}", "invalid type"),
        ("summary.json", deep.as_bytes(), "summary.json: expected what a run writes, found: recursion limit"),
        ("summary.json", b"{\"expects\": {\"\\n\\u001b[31m\": 1}}", "summary.json"),
        ("blocks.csv", b"", "blocks.csv: expected a table with a head, found an empty file"),
        ("blocks.csv", b"id,parent\n1\n", "blocks.csv line 2: expected 2 fields, found 1"),
        ("blocks.csv", b"id,parent\n1,2\n", "expected a column 'producer', found none"),
        ("blocks.csv", b"producer,id\n,\x1b[2J\n", "blocks.csv line 2: expected 64 hex digits as id, found ' [2J'"),
        ("blocks.csv", long.as_bytes(), "blocks.csv line 1: expected a line of less than 65536 bytes"),
        ("transactions.csv", b"a\n\xff\xfe\n", "transactions.csv line 2: expected text, found other bytes"),
        ("transactions.csv", b"submitted_us,latency_us\n-4,\n", "expected a number as submitted_us, found '-4'"),
        ("arrivals.csv", b"block,node,delay_us\n3,a,99999999999999999999\n", "arrivals.csv line 2: expected a number"),
    ];
    for (name, bytes, expected) in cases {
        let folder = folder();
        fs::write(folder.path().join(name), bytes).expect("written");
        let why = report(folder.path()).expect_err(expected);
        assert!(why.contains(expected) && why.contains(name), "{expected}: {why}");
        assert!(!why.contains(char::is_control) && why.len() < 600, "{why}");
        assert!(comparison(&[folder.path().into(), folder.path().into()]).is_err());
    }
    let folder = folder();
    fs::write(folder.path().join("propagation.csv"), format!("{head}{},1,x,,,,,,,,,\n", id(1))).expect("written");
    assert!(report(folder.path()).expect_err("damaged").contains("expected a number as nodes, found 'x'"));
}

#[test]
fn extreme_numbers_still_make_a_page() {
    let folder = folder();
    let path = folder.path().join("blocks.csv");
    let text = fs::read_to_string(&path).expect("text");
    let most = (1_u64 << 60).to_string();
    fs::write(&path, text.replace("3500000", &most).replace(",3,", &format!(",{most},"))).expect("written");
    let path = folder.path().join("transactions.csv");
    let text = fs::read_to_string(&path).expect("text");
    fs::write(&path, text.replace("1100000", &most)).expect("written");
    let html = report(folder.path()).expect("a page");
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
}

#[test]
fn runs_are_compared_and_written() {
    let (one, other) = (folder(), folder());
    let path = other.path().join("summary.json");
    fs::write(&path, SUMMARY.replace("20000", "25000").replace("\"blocks\": 4", "\"blocks\": 3")).expect("written");
    let folders = [one.path().to_path_buf(), other.path().to_path_buf()];
    let html = comparison(&folders).expect("a page");
    elements(&html.replace("<title>Comparison</title>\n<style>", "<style>"));
    assert!(html.contains("25 ms<br><span class=\"note\">+25.0 %</span>"), "{html}");
    assert!(html.contains("-25.0 %") && html.contains("<h2>Time between blocks</h2>"), "{html}");
    assert_eq!(html.matches("<svg").count(), 2);
    assert!(comparison(&folders[..1]).expect_err("one").contains("expected 2 to 8 results folders, found 1"));
    let path = write(one.path()).expect("written");
    assert_eq!(fs::read_to_string(path).expect("text"), report(one.path()).expect("a page"));
    assert!(write(Path::new("/nowhere")).is_err());
}

#[test]
fn scales_have_round_ticks_and_keep_values_inside() {
    let scale = Scale::new(0.0, 97.0, 5, 100.0..200.0);
    assert_eq!(scale.ticks(), [0.0, 20.0, 40.0, 60.0, 80.0]);
    assert_eq!((scale.at(0.0), scale.at(97.0), scale.at(48.5)), (100.0, 200.0, 150.0));
    assert_eq!((scale.at(-5.0), scale.at(1e12), scale.at(f64::NAN)), (100.0, 200.0, 100.0));
    for (low, high) in [(0.0, 0.0), (7.0, 7.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (3.0, 1.0)] {
        let scale = Scale::new(low, high, 5, 0.0..10.0);
        assert!(scale.ticks().len() < 60 && scale.at(0.5) == 5.0, "{low} {high}: {scale:?}");
    }
    assert!(Scale::new(1e300, 1.7e300, 5, 0.0..10.0).ticks().len() < 20);
    assert_eq!(time_unit(1_999.0), ("µs", 1.0));
    assert_eq!(time_unit(600e6), ("min", 60e6));
}

#[test]
fn many_points_are_thinned_and_quantiles_are_of_the_values() {
    let points: Vec<u32> = (0..1_000).collect();
    let thinned = thin(&points, 100);
    assert_eq!((thinned.len(), thinned[0], thinned[99]), (100, 0, 999));
    assert_eq!(thin(&points[..5], 100), [0, 1, 2, 3, 4]);
    assert_eq!(quantile(&[1, 2, 9], 0.5), Some(2));
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn figures_are_sorted_by_the_size_of_numbers() {
    let summary = serde_json::json!({ "propagation_100_us": 3, "propagation_50_us": 1, "x": { "bytes": 4096 } });
    let shown: Vec<_> =
        figures(summary.as_object().expect("an object")).into_iter().map(|figure| figure.text).collect();
    assert_eq!(shown, ["1 us", "3 us", "4 KiB"]);
}

#[test]
fn figures_have_their_units_and_unknown_ones_show_up() {
    let summary = serde_json::json!({
        "name": "x", "mean_us": 1500.4, "payments": { "latency_us": 3_000_000 }, "new_thing": 5, "list": [1],
        "coins": { "gap": 100_000_000 }, "reorgs": { "2": 1 }, "memory_bytes": 2048, "ended": "stop_height",
    });
    let figures = figures(summary.as_object().expect("an object"));
    let shown: Vec<_> = figures.iter().map(|figure| format!("{}: {}", figure.name, figure.text)).collect();
    for expected in [
        "coins gap: 1",
        "mean: 1.5 ms",
        "memory: 2 KiB",
        "new thing: 5",
        "payments latency: 3 s",
        "reorganisations of depth 2: 1",
        "ended: stop height",
    ] {
        assert!(shown.iter().any(|shown| shown == expected), "{expected}: {shown:?}");
    }
    assert_eq!(shown.len(), 7, "{shown:?}");
    assert!(figures.is_sorted_by_key(|figure| &figure.name), "{shown:?}");
    let number = |value| Figure { name: String::new(), text: String::new(), value };
    assert_eq!(difference(&number(Some(3.0)), &number(Some(2.0))).as_deref(), Some("+50.0 %"));
    assert_eq!(difference(&number(Some(0.0)), &number(Some(0.0))).as_deref(), Some("0 %"));
    assert_eq!(difference(&number(Some(1.0)), &number(Some(0.0))), None);
    assert_eq!(difference(&number(None), &number(Some(0.0))), None);
}

#[test]
fn files_that_lead_elsewhere_are_neither_read_nor_written() {
    let folder = folder();
    let outside = tempfile::tempdir().expect("a folder");
    let precious = outside.path().join("precious");
    fs::write(&precious, "precious").expect("written");
    let page = folder.path().join("report.html");
    std::os::unix::fs::symlink(&precious, &page).expect("linked");
    assert_eq!(write(folder.path()), Err(format!("{}: expected a plain file, found a link", page.display())));
    assert_eq!(fs::read_to_string(&precious).expect("read"), "precious");
    for name in ["transactions.csv", "run.json"] {
        let (file, elsewhere) = (folder.path().join(name), outside.path().join(name));
        fs::rename(&file, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &file).expect("linked");
        let why = format!("{}: expected a plain file, found a link", file.display());
        assert_eq!(report(folder.path()), Err(why), "{name}");
    }
}
