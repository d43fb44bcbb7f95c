//! Catching panics of plugins, quietly.

#[cfg(panic = "abort")]
compile_error!("plugins are guarded by catching their panics: set panic = \"unwind\" in the profile");

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::Once;

use super::text::one_line;

thread_local! {
    /// How many [`catch`]es this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// What the last panic inside one said, and where.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics inside [`catch`] off the terminal. Once per program, and once per library.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| match DEPTH.get() {
            0 => others(panic),
            _ => LAST.set(Some(describe(panic))),
        }));
    });
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let text = text_of(panic.payload()).unwrap_or("a panic without a message");
    match panic.location() {
        Some(at) => format!("{} at {at}", one_line(text)),
        None => one_line(text),
    }
}

fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// What `call` answers, or in one line what it died of.
#[inline]
pub(super) fn catch<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    DEPTH.set(DEPTH.get() + 1);
    let answer = catch_unwind(AssertUnwindSafe(call));
    DEPTH.set(DEPTH.get() - 1);
    answer.map_err(told)
}

/// What a caught panic said.
#[cold]
fn told(payload: Box<dyn Any + Send>) -> String {
    let last = LAST.take();
    match payload.downcast::<Raised>() {
        Ok(raised) => one_line(&raised.0),
        Err(payload) => last.or_else(|| text_of(&*payload).map(one_line)).unwrap_or_default(),
    }
}

/// A panic that has been caught once and goes on here.
struct Raised(String);

/// Lets a panic that was caught on the other side of the border go on, with what it said.
pub(super) fn raise(message: String) -> ! {
    resume_unwind(Box::new(Raised(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_one_line_with_its_place() {
        install_hook();
        let message = catch(|| panic!("expected {}\n  found 3", 2)).unwrap_err();
        assert!(message.starts_with("expected 2 found 3 at "), "{message}");
        assert!(message.contains("panics.rs:"), "{message}");
        let again = catch(|| catch(|| panic!("inner")).unwrap_or_else(|message| raise(message)));
        assert!(again.unwrap_err().starts_with("inner at "));
        assert_eq!(catch(|| 7), Ok(7));
    }
}
