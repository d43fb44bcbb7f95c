//! The public face of the crates that others build on, against a listing that is kept beside these tests.

#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fs;

use fika_tests::api::listing;
use fika_tests::sources::Sources;

/// Set, it accepts the face as it is now.
const BLESS: &str = "FIKA_BLESS";

fn is_as_listed(krate: &str) {
    let sources = Sources::read(&fika_tests::root().join(krate).join("src")).expect("sources");
    let found = listing(&krate.replace('-', "_"), &sources);
    let path = fika_tests::root().join("tests/api").join(format!("{krate}.txt"));
    if std::env::var_os(BLESS).is_some() {
        fs::write(&path, found.join("\n") + "\n").expect("written");
    }
    let listed = fs::read_to_string(&path).unwrap_or_default();
    let (found, listed): (BTreeSet<&str>, BTreeSet<&str>) =
        (found.iter().map(String::as_str).collect(), listed.lines().collect());
    let new = found.difference(&listed).map(|line| format!("+ {line}\n"));
    let gone = listed.difference(&found).map(|line| format!("- {line}\n"));
    let changes: String = gone.chain(new).collect();
    assert!(
        changes.is_empty(),
        "the public face of {krate} has changed:\n{changes}to accept it: {BLESS}=1 cargo test -p fika-tests --test api"
    );
}

#[test]
fn fika_core_offers_what_is_listed() {
    is_as_listed("fika-core");
}

#[test]
fn fika_host_offers_what_is_listed() {
    is_as_listed("fika-host");
}

fn lines(files: &[(&str, &str)]) -> Vec<String> {
    listing("it", &Sources::of(files).expect("sources"))
}

#[test]
fn what_can_be_reached_is_listed_under_the_path_that_reaches_it() {
    let found = lines(&[
        (
            "lib.rs",
            "mod a; pub mod b; pub use a::Here as There; pub use b::deep; pub use other::Thing; mod c { pub struct C; }",
        ),
        (
            "a.rs",
            "pub struct Here { pub x: u8, y: u8 } pub(crate) struct Hidden; struct Private;
                  impl Here { pub fn new(mut x: u8) -> Here { todo!() } fn own(&self) {} #[cfg(test)] pub fn t() {} }
                  impl Clone for Here { fn clone(&self) -> Here { todo!() } } impl Clone for Hidden {}",
        ),
        (
            "b.rs",
            "pub mod deep { pub const N: usize = 1; pub(super) const M: usize = 2; }
                  #[cfg(test)] pub mod tests { pub fn t() {} }",
        ),
    ]);
    let expected = [
        "pub struct it::There",
        "impl it::There: Clone",
        "pub fn it::There::new(x: u8) -> Here",
        "pub it::There::x: u8",
        "pub use it::Thing = other::Thing",
        "pub mod it::b",
        "pub mod it::b::deep",
        "pub const it::b::deep::N: usize",
        "pub const it::deep::N: usize",
    ];
    assert_eq!(found, expected);
}

#[test]
fn each_kind_of_item_has_its_line() {
    let found = lines(&[(
        "lib.rs",
        "#[derive(Clone, Copy)] #[non_exhaustive] pub enum E<T> { A, B(T, u8), C { d: &'static str } }
         pub trait Tr: Send + Sync { const K: u8; type O: Clone; fn must(&self) -> Option<&[u8]>; fn may(&mut self) {} }
         impl<T: Copy> Tr for Vec<T> where T: Send {} impl Iterator for E<u8> { type Item = u8; }
         #[must_use] pub unsafe fn f<T>(t: impl Fn(&T) -> bool, r: &'static mut [u8; 4], p: *mut u8) where T: Copy {}
         pub type Few<T> = Vec<[T; 2]>; pub static S: &str = \"\"; #[doc(hidden)] pub fn hidden() {}
         #[macro_export] macro_rules! m { () => {} }
         macro_rules! both { ($a:ident) => { pub struct $a; } } both! { Made }
         macro_rules! inner { ($a:ident) => { pub(crate) struct $a; } } inner! { Own }",
    )]);
    let expected = [
        "#[non_exhaustive] pub enum it::E<T>",
        "impl it::E: Clone, Copy, Iterator (Item = u8)",
        "pub it::E::A",
        "pub it::E::B(T, u8)",
        "pub it::E::C { d: &'static str }",
        "pub type it::Few<T> = Vec<[T; 2]>",
        "pub static it::S: &str",
        "pub trait it::Tr: Send + Sync",
        "pub required const it::Tr::K: u8",
        "pub required type it::Tr::O: Clone",
        "pub provided fn it::Tr::may(&mut self)",
        "pub required fn it::Tr::must(&self) -> Option<&[u8]>",
        "#[must_use] pub unsafe fn it::f<T>(t: impl Fn(&T) -> bool, r: &'static mut [u8; 4], p: *mut u8) where T: Copy",
        "#[doc(hidden)] pub fn it::hidden()",
        "pub macro it::m!",
        "impl<T: Copy> Tr for Vec<T> where T: Send",
        "made in it by both! { Made }",
    ];
    let sorted = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&found), expected.map(String::from).into_iter().collect());
}
