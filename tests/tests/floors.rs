//! Files of a crate do not need each other in circles, and folders import only down the floors.

#![allow(missing_docs)]

use fika_tests::floors::{Arrows, Floors, Spread};
use fika_tests::sources::Sources;

/// The floors of fika-core, from the bottom up, as its crate docs draw them.
const CORE: Floors = Floors {
    floors: &[
        &["hash", "merkle", "filter", "codec", "amount", "address", "reject", "prefetch"],
        &["header"],
        &["block", "keys", "target"],
        &["script", "view", "message", "compact", "light", "env"],
        &["consensus", "agent", "tx", "transport"],
        &["world", "plugin"],
        &["node"],
        &["testing"],
    ],
    apart: &[],
};

/// The floors of fika-host, likewise.
const HOST: Floors = Floors {
    floors: &[
        &["quantity", "limits", "physics"],
        &["topology"],
        &["experiment"],
        &["plugins", "registry", "scaffold"],
        &["isolation", "results"],
        &["live", "sim"],
        &["run"],
        &["cli"],
    ],
    apart: &[("live", "sim")],
};

fn read(krate: &str) -> Arrows {
    let sources = Sources::read(&fika_tests::root().join(krate).join("src"));
    let sources = sources.unwrap_or_else(|why| panic!("{krate}: {why}"));
    Arrows::of(&sources, &[Spread { folder: "node/", of: "Node" }])
}

/// The crates whose files are checked.
fn crates() -> Vec<String> {
    let plugins = std::fs::read_dir(fika_tests::root().join("plugins")).expect("a folder");
    let plugins = plugins.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut plugins: Vec<String> = plugins
        .filter(|name| fika_tests::root().join("plugins").join(name).join("Cargo.toml").exists())
        .map(|name| format!("plugins/{name}"))
        .collect();
    plugins.sort();
    [["fika-core", "fika-host", "benches", "tests"].map(String::from).to_vec(), plugins].concat()
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let circles = crates()
        .into_iter()
        .flat_map(|krate| read(&krate).circles().into_iter().map(move |circle| format!("{krate}: {circle}")));
    let circles: Vec<String> = circles.collect();
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn imports_only_go_down() {
    for (krate, floors) in [("fika-core", &CORE), ("fika-host", &HOST)] {
        let wrong = read(krate).against(floors);
        assert!(wrong.is_empty(), "{krate}:\n{}", wrong.join("\n"));
    }
}

fn arrows(files: &[(&str, &str)]) -> Arrows {
    Arrows::of(&Sources::of(files).expect("sources"), &[Spread { folder: "node/", of: "Node" }])
}

/// The arrows of a crate of these files, as `from -> to`.
fn pairs(files: &[(&str, &str)]) -> Vec<String> {
    arrows(files).pairs().map(|(from, to)| format!("{from} -> {to}")).collect()
}

#[test]
fn a_circle_is_found_and_named() {
    let circles = arrows(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() { super::c::f() }"),
        ("c.rs", "pub fn f() {}\nfn g(_: super::a::A, _: crate::d::D) {}"),
        ("d.rs", "pub struct D;"),
    ])
    .circles();
    assert_eq!(circles.len(), 1);
    assert_eq!(circles[0].files, ["a.rs", "b.rs", "c.rs"]);
    let expected =
        ["a.rs:1: names crate::b::B of b.rs", "b.rs:1: names super::c::f of c.rs", "c.rs:2: names super::a::A of a.rs"];
    assert_eq!(circles[0].arrows, expected);
    assert!(circles[0].to_string().starts_with("a circle of files, one of those among a.rs, b.rs, c.rs:\n"));
}

#[test]
fn the_shortest_circle_is_named() {
    let circles = arrows(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::a::A; use crate::d::D; pub struct C;"),
        ("d.rs", "use crate::c::C; pub struct D;"),
    ])
    .circles();
    assert_eq!(circles.len(), 1);
    assert_eq!((circles[0].files.len(), circles[0].arrows.len()), (4, 2));
}

#[test]
fn a_child_that_names_its_parent_is_half_a_circle() {
    let files = |parent| [("lib.rs", "mod a;"), ("a/mod.rs", parent), ("a/b.rs", "use super::A; pub struct B(A);")];
    assert_eq!(pairs(&files("mod b; pub struct A;")), ["a/b.rs -> a/mod.rs"]);
    assert_eq!(arrows(&files("mod b; pub struct A; fn f(_: b::B) {}")).circles().len(), 1);
    // Neither `mod` nor a re-export is an arrow.
    assert!(arrows(&files("mod b; pub struct A; pub use b::B;")).circles().is_empty());
    // What the file itself names through its re-export is one.
    assert_eq!(arrows(&files("mod b; pub struct A; pub use b::B; fn f(_: B) {}")).circles().len(), 1);
}

#[test]
fn a_re_export_is_followed_to_the_file_that_defines() {
    let files = |user| {
        [
            ("lib.rs", "mod a; mod z; pub use a::{A as Renamed, helper};"),
            ("a/mod.rs", "mod deep; pub use self::deep::*; pub(crate) use deep::inner as helper;"),
            ("a/deep.rs", "pub struct A; pub mod inner { pub fn f() {} }"),
            ("z.rs", user),
        ]
    };
    for user in [
        "use crate::Renamed;",
        "use super::a::A;",
        "fn f() -> crate::a::A { todo!() }",
        "use crate::a; fn f(_: a::A) {}",
        "use crate::a::*; fn f(_: A) {}",
        "fn f() { use crate::a::*; }",
        "use crate::helper; fn f() { helper::f() }",
        "fn f() { format!(\"{}\", crate::Renamed) }",
        "fn f() { matches!(x, super::a::A) }",
        "#[derive(X)] struct S { #[serde(with = \"crate::a::A\")] x: u8 }",
        "macro_rules! m { () => { $crate::a::A }; }",
    ] {
        let all = pairs(&files(user));
        let deep = if user.contains("use crate::a::*; }") { "z.rs -> a/mod.rs" } else { "z.rs -> a/deep.rs" };
        assert_eq!(all, [deep], "{user}");
    }
    for user in ["use crate::a;", "use a::A;", "use ::a::A;", "//! [`crate::a::A`]", "#[cfg(test)] use crate::a::A;"] {
        assert!(pairs(&files(user)).is_empty(), "{user}");
    }
}

#[test]
fn tests_do_not_count() {
    let user = "#[cfg(test)] mod tests { use crate::a::A; } #[cfg(all(test, unix))] fn f(_: crate::a::A) {}
        struct S; impl S { #[cfg(test)] fn g(_: crate::a::A) {} }";
    assert!(pairs(&[("lib.rs", "mod a; mod z;"), ("a.rs", "pub struct A;"), ("z.rs", user)]).is_empty());
    // A file of tests need not even be there.
    assert!(pairs(&[("lib.rs", "mod a; #[cfg(test)] mod tests;"), ("a.rs", "")]).is_empty());
    assert_eq!(Sources::of(&[("lib.rs", "mod a;")]).err().as_deref(), Some("expected the file a.rs"));
    let broken = Sources::of(&[("lib.rs", "mod a;"), ("a.rs", "\nfn f( {}")]).err().expect("refused");
    assert!(broken.starts_with("a.rs:2: "), "{broken}");
}

#[test]
fn macros_have_a_file_too() {
    let text = [("lib.rs", "#[macro_use] mod m; mod z;"), ("m.rs", "macro_rules! made { () => {} }")];
    assert_eq!(pairs(&[&text[..], &[("z.rs", "made!();")]].concat()), ["z.rs -> m.rs"]);
    let by_path = [("lib.rs", "mod m; mod z;"), ("m.rs", "macro_rules! made { () => {} }\npub(crate) use made;")];
    assert_eq!(pairs(&[&by_path[..], &[("z.rs", "crate::m::made!();")]].concat()), ["z.rs -> m.rs"]);
    let exported = [("lib.rs", "mod m; mod z;"), ("m.rs", "#[macro_export] macro_rules! made { () => {} }")];
    assert_eq!(pairs(&[&exported[..], &[("z.rs", "crate::made!();")]].concat()), ["z.rs -> m.rs"]);
    // What a macro has made belongs to the file that called it.
    let made = [("lib.rs", "mod m; mod z;"), ("m.rs", "items! { struct A; }"), ("z.rs", "use crate::m::A;")];
    assert_eq!(pairs(&made), ["z.rs -> m.rs"]);
}

#[test]
fn a_call_of_a_spread_type_is_an_arrow_to_the_file_with_the_method() {
    let files = |caller| {
        [
            ("lib.rs", "mod node;"),
            ("node/mod.rs", "mod state; mod relay; mod sync;"),
            ("node/state.rs", "pub struct Node; pub struct Other; impl Other { fn here(&self) {} }"),
            ("node/relay.rs", "use super::state::Node; impl Node { pub fn spread(&mut self) {} fn twice(&self) {} }"),
            ("node/sync.rs", caller),
        ]
    };
    let with_call = |body| pairs(&files(body)).iter().any(|pair| pair == "node/sync.rs -> node/relay.rs");
    assert!(with_call("use super::state::Node; impl Node { fn sync(&mut self) { self.spread(); } }"));
    assert!(with_call("use super::state::Node; impl Node { fn sync(&mut self) { debug_assert!(self.spread()); } }"));
    assert!(with_call("use super::state::Node; impl X for Node { fn sync(&mut self) { if a { self.spread() } } }"));
    assert!(!with_call("use super::state::Other; impl Other { fn sync(&mut self) { self.spread(); } }"));
    assert!(!with_call("use super::state::Node; impl Node { fn sync(&mut self) { self.other.spread(); } }"));
    // Who knows which one is meant?
    assert!(!with_call(
        "use super::state::Node; impl Node { fn twice(&self) {} fn sync(&mut self) { self.twice(); } }"
    ));
}

#[test]
fn imports_that_go_up_are_found() {
    const FLOORS: Floors = Floors { floors: &[&["low"], &["left", "right"], &["high"]], apart: &[("left", "right")] };
    let wrong = |low, left, high| {
        let lib = "mod low; mod left; mod right; mod high; pub struct Root;";
        arrows(&[
            ("lib.rs", lib),
            ("low.rs", low),
            ("left/mod.rs", left),
            ("right.rs", "pub struct R;"),
            ("high.rs", high),
        ])
        .against(&FLOORS)
    };
    assert!(
        wrong("pub struct L;", "use crate::low::L;", "pub struct H; use crate::{left, low::L, right::R};").is_empty()
    );
    assert_eq!(
        wrong("fn f(_: super::high::H) {}", "use crate::right::R;", "pub struct H;"),
        [
            "low.rs:1: names super::high::H of high.rs: high stands above low",
            "left/mod.rs:1: names crate::right::R of right.rs: left and right are to stay apart",
        ]
    );
    assert_eq!(wrong("use crate::Root;", "", ""), ["low.rs:1: names crate::Root of lib.rs: lib stands above low"]);
    let homeless = arrows(&[("lib.rs", "mod new;"), ("new.rs", "")]).against(&FLOORS);
    assert_eq!(homeless, ["new stands on no floor"]);
}
