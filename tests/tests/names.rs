//! Names that were given up do not come back: code speaks the words of the field, as `docs/glossary.md` has them.

#![allow(missing_docs)]

use std::fs;
use std::process::Command;

use fika_tests::root;
use proc_macro2::{TokenStream, TokenTree};

/// Identifiers that mean nothing else, and what the thing is called now.
const EVERYWHERE: &[(&[&str], &str)] = &[
    (&["happening", "happenings", "Happening", "Happenings"], "an event, `SimEvent`"),
    (&["bulletin", "bulletins", "Bulletin", "Bulletins", "News"], "an inv shared by its receivers, `TxInv`"),
    (&["numbered", "Numbered", "by_number"], "by index, `by_index`"),
    (&["TxNo"], "`TxIndex`"),
    (&["take_in", "takes_in", "taken_in"], "`accept`, `accepted`"),
    (&["welcome"], "meets the minimum fee"),
    (&["judge", "judged", "judges", "Judge"], "`validate`"),
    (&["judgement", "judgements", "Judgement", "Judgements"], "a validation, a verdict"),
    (&["Pooled"], "`MempoolEntry`"),
    (&["known_to", "who_has"], "the peer inventory, `announced_by`"),
    (&["put_off"], "`defer`, a future block"),
    (&["spared"], "suppressed"),
    (&["blame", "blamed", "blames"], "`penalize`"),
    (&["rival", "rivals", "Rival"], "a conflict"),
    (&["purse", "purses", "Purse", "Purses", "MemCoins"], "`CoinIndex`, a ledger in memory"),
    (&["Carried"], "`Delivery`"),
    (&["Told"], "`BlockAnnouncements`"),
    (&["Seat"], "`MinerState`"),
    (&["voice", "voices", "Voice", "Voices"], "`ControlClient`, `ControlClients`"),
    (&["Rare"], "`LazyBox`"),
];

/// Names of items that are good names elsewhere: nothing at or below the path before the last `::` defines one.
const ITEMS: &[(&str, &str)] = &[
    ("fika_core::candidate", "a proposal"),
    ("fika_core::Candidate", "a proposal"),
    ("fika_core::message::Item", "`InvItem`"),
    ("fika_core::node::Arrival", "`ReceivedBlock`"),
    ("fika_core::node::Held", "`CachedValidation`"),
    ("fika_core::node::Slots", "`TxStatus`"),
    ("fika_core::node::Waiting", "`OrphanBlocks`, `TxOrphanage`"),
    ("fika_core::node::gone", "evicted"),
    ("fika_core::node::hear", "`on_inv`"),
    ("fika_core::node::waits", "in the mempool"),
    ("fika_core::tx::Place", "`ApplyContext`"),
    ("fika_core::world::Held", "`CachedValidation`"),
    ("fika_core::world::Place", "`ApplyContext`"),
    ("fika_host::sim::Part", "`Disconnect`"),
    ("fika_host::sim::Waiting", "`SuppressedInv`"),
];

/// The same of modules.
const MODULES: &[(&str, &str)] = &[
    ("fika_core::candidate", "a proposal"),
    ("fika_core::node::ahead", "named by what it holds"),
    ("fika_core::node::rare", "`lazy_box`"),
    ("fika_core::node::slots", "`tx_status`"),
    ("fika_core::plugin::watch", "`call_watch`"),
    ("fika_host::experiment::between", "`medium_reader`"),
    ("fika_host::plugins::hang", "`watchdog`"),
    ("fika_host::run::chosen", "`resolved_plugins`"),
    ("fika_host::run::end", "`snapshot`"),
    ("fika_host::run::orders", "`supervisor_socket`"),
    ("fika_host::run::watch", "`progress`"),
    ("fika_host::sim::ahead", "`prefetch`"),
    ("fika_host::sim::watch", "`run_observer`"),
];

/// What the name of an item stands behind where it is defined. Associated types keep the names of their traits.
const DEFINES: &[&str] = &["const", "enum", "fn", "static", "struct", "trait", "union"];

/// Rust files, below the root, that are in the repository or are to be added to it.
fn files() -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]).current_dir(root());
    let output = git.output().expect("git runs");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let files = String::from_utf8(output.stdout).expect("paths are text");
    files.lines().map(String::from).filter(|file| root().join(file).exists()).collect()
}

/// The path of the module in `file`, from its crate on; none for tests and benches.
fn module(file: &str) -> Option<String> {
    let (krate, inside) = file.split_once("/src/")?;
    let krate = krate.strip_prefix("plugins/").map_or_else(|| krate.to_owned(), |name| format!("fika-{name}"));
    let inside = inside.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    let path = format!("{}::{}", krate.replace('-', "_"), inside.replace('/', "::"));
    Some(path.strip_suffix("::lib").map_or(path.clone(), String::from))
}

/// The identifiers and the signs of a file with their lines; text and comments are neither.
fn words(tokens: TokenStream, into: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words(group.stream(), into),
            TokenTree::Literal(_) => into.push((String::new(), 0)),
            other => into.push((other.to_string(), other.span().start().line)),
        }
    }
}

/// What an old name was to be replaced by, if `word` is one where it stands.
fn new_name<'a>(word: &str, before: &str, after: &[(String, usize)], module: Option<&str>) -> Option<&'a str> {
    if let Some((_, new)) = EVERYWHERE.iter().find(|(old, _)| old.contains(&word)) {
        return Some(new);
    }
    if let ("place", [(colon, _), (of, _), ..]) = (word, after)
        && (&colon[..], &of[..]) == (":", "ApplyContext")
    {
        return Some("`context`");
    }
    let is_below = |path: &str| module?.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with("::"));
    let is_at =
        |path: &str| path.rsplit_once("::").is_some_and(|(path, name)| name == word && is_below(path).is_some());
    let names = match before {
        "mod" => MODULES,
        _ if DEFINES.contains(&before) => ITEMS,
        _ => &[],
    };
    names.iter().find(|(path, _)| is_at(path)).map(|(_, new)| *new)
}

/// The old names in the text of `file`, each with its line and the name that is right.
fn old_names(file: &str, text: &str) -> Vec<String> {
    let tokens = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
    let (mut all, module) = (Vec::new(), module(file));
    words(tokens, &mut all);
    let wrong = all.iter().enumerate().filter_map(|(n, (word, line))| {
        let before = n.checked_sub(1).map_or("", |before| &all[before].0);
        let new = new_name(word, before, &all[n + 1..], module.as_deref())?;
        Some(format!("{file}:{line}: {word} is an old name: {new}"))
    });
    wrong.collect()
}

#[test]
fn no_old_name_is_left() {
    let text = |file: &String| fs::read_to_string(root().join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
    let wrong: Vec<String> = files().iter().flat_map(|file| old_names(file, &text(file))).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn an_old_name_is_found_where_it_stands() {
    let found = |file: &str, text: &str| old_names(file, text).len();
    let [wrong] = &old_names("fika-core/src/a.rs", "\nfn f(_: TxNo) {}")[..] else { panic!("one") };
    assert_eq!(wrong, "fika-core/src/a.rs:2: TxNo is an old name: `TxIndex`");
    assert_eq!(found("benches/a.rs", "// a judge\n/// judged\nconst A: &str = \"judge\"; fn judges_of() {}"), 0);
    assert_eq!(found("benches/a.rs", "macro_rules! m { () => { self.judge() } }"), 1);
    for file in ["fika-core/src/message.rs", "fika-core/src/message/mod.rs", "fika-core/src/message/inv.rs"] {
        assert_eq!(found(file, "enum Item {}"), 1, "{file}");
    }
    assert_eq!(found("fika-core/src/message.rs", "type Item = u8; fn f(_: impl Iterator<Item = u8>) {}"), 0);
    assert_eq!(found("fika-core/src/messages.rs", "enum Item {}"), 0, "another module");
    assert_eq!(found("fika-host/src/lib.rs", "mod candidate;"), 0, "another crate");
    assert_eq!(found("fika-core/src/lib.rs", "mod candidate;"), 1);
    assert_eq!(found("fika-host/src/run/mod.rs", "mod end; fn end() {}"), 1);
    assert_eq!(found("plugins/utxo/src/a.rs", "fn f(place: ApplyContext, place: usize) {}"), 1);
}
