//! Pages made of small results folders, whole, incomplete and damaged.

use std::fs;
use std::path::Path;

use super::figures::{Figure, difference, figures};
use super::source::quantile;
use super::text::escape;
use super::{comparison, report, write};

const RUN: &str = r#"{"experiment": {"name": "three", "seed": 7, "chain": {"block_interval_us": 1000000},
    "nodes": [{"name": "a", "role": "full", "hash_rate": 300}, {"name": "b", "role": "full", "hash_rate": 100},
        {"name": "<b>&", "role": "wallet"}],
    "links": [[0, 1], [1, 2]], "expects": [{"metric": "stale_rate", "on": null, "value": 1}]}, "engine": "process", "proof": "sampled: simulated, no work was done",
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
    let pages = report(folder.path()).expect("a page");
    let html = &pages.html;
    let all = elements(&html.replace("<title>three</title>\n<style>", "<style>"));
    let sections = [
        "Expectations",
        "Stale rate",
        "Propagation",
        "Block interval",
        "Forks",
        "Confirmation times",
        "Mempool",
        "Blocks by producer",
        "Shares over height",
        "Chain growth",
        "Topology",
        "What ran",
        "Figures",
    ];
    let places = sections.map(|section| html.find(&format!("<h2>{section}</h2>")));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "what was asked first, counters last: {places:?}"
    );
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
        "title>b after 20 ms</title>",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let table =
        |name: &str| pages.files.iter().find(|file| file.0 == name).map(|file| file.1.as_str()).expect("a table");
    assert_eq!(table("mempool.csv"), "series,at_us,payments\n,0,0\n,9,1\n,2400000,2\n,3500000,1\n");
    assert!(
        table("propagation.csv").contains("\nmedian over blocks,20003,20003,100\n"),
        "{}",
        table("propagation.csv")
    );
    assert!(table("producers.csv").contains("\nof the hash rate,75,a\n"), "{}", table("producers.csv"));
    assert_eq!(table("topology.csv").lines().nth(2).and_then(|row| row.split(',').next_back()), Some("20003"));
    assert_eq!(Ok(&pages), report(folder.path()).as_ref(), "the same folder gives the same page");
}

#[test]
fn what_happened_to_the_network_is_listed_and_marked_in_the_charts_over_time() {
    let folder = folder();
    let table = "at_us,height,kind,event,done\n1500000,1,kill,kill <b>,yes\n2500000,2,heal,heal,expected a network that is parted\n";
    fs::write(folder.path().join("events.csv"), table).expect("written");
    let pages = report(folder.path()).expect("a page");
    assert!(pages.html.contains("<h2>Events</h2>") && pages.html.contains("kill &lt;b&gt;"), "it is listed");
    assert!(pages.html.contains("expected a network that is parted"), "and so is what was not done");
    for name in ["chain-growth.svg", "mempool.svg"] {
        let (_, svg) = pages.files.iter().find(|file| file.0 == name).expect("a picture");
        assert!(svg.contains("\nkill\n"), "a mark with its name in {name}");
        assert!(!svg.contains("\nheal\n"), "nothing happened then");
    }
    fs::write(folder.path().join("events.csv"), "at_us,height,kind,event,done\nx,1,kill,kill,yes\n").expect("written");
    let why = report(folder.path()).expect_err("a damaged file");
    assert!(why.contains("events.csv line 2: expected a number as at_us, found 'x'"), "{why}");
}

#[test]
fn every_picture_is_sound_and_comes_with_its_data() {
    let pages = report(folder().path()).expect("a page");
    assert_eq!(pages.files.len(), 20);
    for [(svg_name, svg), (csv_name, csv)] in pages.files.as_chunks().0 {
        let name = svg_name.strip_suffix(".svg").expect("a picture");
        assert_eq!(csv_name, &format!("{name}.csv"));
        let mut reader = quick_xml::Reader::from_str(svg);
        while !matches!(reader.read_event().expect(name), quick_xml::events::Event::Eof) {}
        assert!(svg.starts_with("<svg ") && svg.contains("xmlns=\"http://www.w3.org/2000/svg\""), "{name}");
        assert!(!svg.contains("class=") && !svg.contains("var("), "{name} looks the same outside of the page");
        let columns = |row: &str| row.matches(',').count();
        assert!(
            csv.lines().count() > 1
                && csv.lines().all(|row| columns(row) == columns(csv.lines().next().unwrap_or_default())),
            "{name}: {csv}"
        );
        for kind in ["svg", "csv"] {
            assert!(pages.html.contains(&format!("<a download=\"{name}.{kind}\" href=\"data:")), "{name}.{kind}");
        }
    }
    // What a browser gets back from the link is the table.
    let mempool = "data:text/csv;charset=utf-8,series,at_us,payments%0A,0,0%0A,9,1%0A,2400000,2%0A,3500000,1%0A\"";
    assert!(pages.html.contains(mempool), "{}", pages.html);
}

#[test]
fn paper_gets_black_ink_and_whole_pictures() {
    let html = report(folder().path()).expect("a page").html;
    let print = html.split("@media print").nth(1).and_then(|style| style.split("</style>").next()).expect("a style");
    assert!(print.contains("color: #000") && print.contains("nav, .get { display: none; }"), "{print}");
    assert!(html.contains("figure { margin: .5rem 0 1rem; max-width: 100%; break-inside: avoid; }"));
}

#[test]
fn text_from_elsewhere_stays_text() {
    let pages = report(folder().path()).expect("a page");
    let html = &pages.html;
    assert!(!html.contains("<script") && !html.contains("<i>") && !html.contains("<b>"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") && html.contains("&lt;b&gt;&amp;"));
    let addresses = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(
        !html.contains("src=") && !addresses.contains("http:") && !html.contains("https:") && !html.contains("url(")
    );
    assert!(pages.files.iter().all(|(name, text)| name.ends_with(".csv") || !text.contains("<b>")));
    assert_eq!(escape("a\0\u{1b}[\n"), "a\u{fffd}\u{fffd}[\n");
}

#[test]
fn what_is_missing_is_said_and_nothing_else_suffers() {
    let folder = folder();
    let tables = ["summary.json", "blocks.csv", "propagation.csv", "arrivals.csv", "transactions.csv"];
    for table in tables {
        fs::remove_file(folder.path().join(table)).expect("removed");
    }
    let html = report(folder.path()).expect("a page").html;
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
    let html = report(folder.path()).expect("a page").html;
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
    let html = report(folder.path()).expect("a page").html;
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
}

#[test]
fn runs_are_compared_and_written() {
    let (one, other) = (folder(), folder());
    let path = other.path().join("summary.json");
    fs::write(&path, SUMMARY.replace("20000", "25000").replace("\"blocks\": 4", "\"blocks\": 3")).expect("written");
    let folders = [one.path().to_path_buf(), other.path().to_path_buf()];
    let html = comparison(&folders).expect("a page").html;
    elements(&html.replace("<title>Comparison</title>\n<style>", "<style>"));
    assert!(html.contains("25 ms<br><span class=\"note\">+25.0 %</span>"), "{html}");
    assert!(html.contains("-25.0 %") && html.contains("<h2>Time between blocks</h2>"), "{html}");
    // Stale rate, propagation, intervals.
    assert_eq!(html.matches("<svg").count(), 3);
    assert!(html.contains("\n1: three ") && html.contains("\n2: three "), "a panel each: {html}");
    assert!(html.contains("<td><span class=\"pass\">pass</span></td>") && html.contains("the other runs"), "{html}");
    assert!(comparison(&folders[..1]).expect_err("one").contains("expected 2 to 10 results folders, found 1"));
    let ten: Vec<_> = std::iter::repeat_n(folders[0].clone(), 10).collect();
    assert!(comparison(&ten).is_ok() && comparison(&[&ten[..], &folders].concat()).is_err());
}

#[test]
fn charts_and_their_data_are_written_beside_the_page() {
    let folder = folder();
    write(folder.path()).expect("written");
    let pages = report(folder.path()).expect("a page");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("text");
    assert_eq!(read("report.html"), pages.html);
    for (name, content) in &pages.files {
        assert_eq!(read(&format!("report-charts/{name}")), *content);
    }
    assert!(write(Path::new("/nowhere")).is_err());
}

#[test]
fn several_runs_have_bands_and_what_was_asked_first() {
    let folder = folder();
    let figure = |metric: &str, expected, values: &str, mean, low, high| {
        format!(
            "{{\"metric\": \"{metric}\", \"expected\": {expected}, \"values\": {values}, \"n\": 3, \"mean\": {mean}, \
             \"standard_deviation\": 1, \"standard_error\": 1, \"confidence_95\": [{low}, {high}], \"min\": 1, \"max\": 9}}"
        )
    };
    let figures = [
        figure("stale_rate", true, "[300000, 330000, 360000]", 330_000, 255_000, 405_000),
        figure("mean_propagation_50", false, "[20000, 20000, 20000]", 20_000, 15_000, 25_000),
        figure("mean_propagation_90", false, "[40000, 40000, 40000]", 40_000, 30_000, 50_000),
    ];
    let runs = [7, 8, 9].map(|seed| format!("{{\"seed\": {seed}, \"ended\": \"stop_height\"}}"));
    let summary = format!(
        "{{\"expects\": [], \"replicas\": {{\"wanted\": 3, \"finished\": 3, \"first_seed\": 7, \"looks\": 1, \
         \"runs\": [{}], \"figures\": [{}], \"faults\": []}}}}",
        runs.join(","),
        figures.join(",")
    );
    fs::write(folder.path().join("summary.json"), summary).expect("written");
    fs::write(folder.path().join("run.json"), RUN.replace("\"seed\": 7", "\"seed\": 7, \"repeat\": 3"))
        .expect("written");
    let pages = report(folder.path()).expect("a page");
    let table =
        |name: &str| pages.files.iter().find(|file| file.0 == name).map(|file| file.1.as_str()).expect("a table");
    let spread = table("propagation.csv");
    assert!(spread.contains("mean of the runs,20000,20000,50\n"), "{spread}");
    assert!(spread.contains("95 % interval of the mean,15000,25000,50\n"), "{spread}");
    let asked = table("figure-1.csv");
    for row in ["each run,2,33,33\n", "mean so far,2,31.5,31.5\n", "expectation,1,0.0001,0.0001\n"] {
        assert!(asked.contains(row), "{row}: {asked}");
    }
    // Of three runs the interval is that of the summary: 33 +- 4.302653 * 3 / sqrt(3).
    let last = asked.lines().rfind(|row| row.starts_with("95 % interval of the mean,3,")).expect("a band");
    let ends: Vec<f64> = last.split(',').skip(2).map(|end| end.parse().expect("a number")).collect();
    assert!((ends[0] - 25.547_6).abs() < 1e-3 && (ends[1] - 40.452_4).abs() < 1e-3, "{last}");
    let html = comparison(&[folder.path().into(), self::folder().path().into()]).expect("a page").html;
    assert!(html.contains("95 % interval of the mean") && html.contains("median over blocks"), "both kinds: {html}");
}

#[test]
fn quantiles_are_of_the_values() {
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
    fs::remove_file(&page).expect("removed");
    let charts = folder.path().join("report-charts");
    std::os::unix::fs::symlink(outside.path(), &charts).expect("linked");
    assert_eq!(write(folder.path()), Err(format!("{}: expected a folder, found a link", charts.display())));
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1, "nothing is written through the link");
    for name in ["transactions.csv", "run.json"] {
        let (file, elsewhere) = (folder.path().join(name), outside.path().join(name));
        fs::rename(&file, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &file).expect("linked");
        let why = format!("{}: expected a plain file, found a link", file.display());
        assert_eq!(report(folder.path()), Err(why), "{name}");
    }
}
