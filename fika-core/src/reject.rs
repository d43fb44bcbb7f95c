//! Why a rule turns something down.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_list};
use crate::hash::Id;

/// A rule that something can break: one variant of an enum for each rule.
///
/// The error's text is one lower-case line with what was expected and what was found. A plugin returns the enum
/// and `?` or `into` makes a [`Reject`] of it:
///
/// ```
/// use fika_core::reject::{Reject, Rule, ensure};
///
/// #[derive(Debug, thiserror::Error)]
/// enum SlotError {
///     #[error("expected slot {expected}, found {found}")]
///     WrongSlot { expected: u64, found: u64 },
/// }
///
/// impl Rule for SlotError {
///     fn code(&self) -> &'static str {
///         match self {
///             SlotError::WrongSlot { .. } => "wrong-slot",
///         }
///     }
/// }
///
/// fn check(expected: u64, found: u64) -> Result<(), Reject> {
///     ensure(found == expected, || SlotError::WrongSlot { expected, found })
/// }
///
/// let Err(Reject::Invalid(reason)) = check(5, 6) else { panic!("slot 6 is accepted") };
/// assert_eq!((&*reason.code, &*reason.text), ("wrong-slot", "expected slot 5, found 6"));
/// ```
pub trait Rule: std::error::Error {
    /// The rule's standard name. Where Bitcoin Core has the rule it is Core's: that of the reject reason
    /// (`bad-diffbits`) or of the script error (`EVAL_FALSE`). Other rules have names of their own in the style of
    /// `not-your-slot`. Names stay the same when texts change.
    fn code(&self) -> &'static str;

    /// The ledger entries for want of which a transaction breaks the rule: once others have made or changed them it may
    /// be valid. None where nothing can mend it.
    fn needs(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

impl Rule for DecodeError {
    fn code(&self) -> &'static str {
        "bad-encoding"
    }
}

/// The rule that was broken, and how. It shows as its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's name, see [`Rule::code`].
    pub code: Cow<'static, str>,
    /// One lower-case line with what was expected and what was found.
    pub text: String,
}

impl Reason {
    /// The same rule, with the part in which it was broken before the text.
    #[must_use]
    pub fn within(self, part: impl fmt::Display) -> Reason {
        Reason { text: format!("{part}: {}", self.text), ..self }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<R: Rule> From<R> for Reason {
    fn from(rule: R) -> Reason {
        Reason { code: rule.code().into(), text: rule.to_string() }
    }
}

impl Encode for Reason {
    fn encode(&self, out: &mut impl Sink) {
        self.code.to_string().encode(out);
        self.text.encode(out);
    }
}

impl Decode for Reason {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Reason { code: String::decode(from)?.into(), text: String::decode(from)? })
    }
}

/// Why a block, seal or transaction is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Reject {
    /// It breaks a rule and always will; the verdict is remembered.
    #[error("{0}")]
    Invalid(Reason),
    /// It can only be validated once these blocks are known; the verdict is not remembered.
    #[error("waits for {} unknown blocks, the first is {}", .0.len(), .0.first().copied().unwrap_or_default())]
    NotYet(Vec<Id>),
    /// The plugin failed; nothing is said about the block.
    #[error("plugin fault: {0}")]
    Fault(String),
    /// A transaction lacks ledger entries that others may still make or change. In a block, where nothing comes later, it
    /// is [`Reject::Invalid`].
    #[error("{why}")]
    Needs {
        /// The rule that it breaks as long as they are missing.
        why: Reason,
        /// The keys of the entries, as [`Ledger::get`](crate::tx::Ledger::get) takes them.
        keys: Vec<Vec<u8>>,
    },
}

impl Reject {
    /// A broken rule that has no name of its own: its code is `invalid`.
    pub fn invalid(why: impl Into<String>) -> Reject {
        Reject::Invalid(Reason { code: "invalid".into(), text: why.into() })
    }

    /// The rule's code; `not-yet` where blocks are missing and `plugin-fault` where a plugin failed.
    pub fn code(&self) -> &str {
        match self {
            Reject::Invalid(why) | Reject::Needs { why, .. } => &why.code,
            Reject::NotYet(_) => "not-yet",
            Reject::Fault(_) => "plugin-fault",
        }
    }

    /// Code and text in one.
    pub fn into_reason(self) -> Reason {
        match self {
            Reject::Invalid(why) | Reject::Needs { why, .. } => why,
            other => Reason { code: other.code().to_owned().into(), text: other.to_string() },
        }
    }

    /// The same, with the part in which a rule was broken before its text.
    #[must_use]
    pub fn within(self, part: impl fmt::Display) -> Reject {
        match self {
            Reject::Invalid(reason) => Reject::Invalid(reason.within(part)),
            Reject::Needs { why, keys } => Reject::Needs { why: why.within(part), keys },
            other => other,
        }
    }

    /// The same where nothing comes later that could make up for what is missing.
    #[must_use]
    pub fn in_block(self) -> Reject {
        match self {
            Reject::Needs { why, .. } => Reject::Invalid(why),
            other => other,
        }
    }
}

impl Encode for Reject {
    fn encode(&self, out: &mut impl Sink) {
        match self {
            Reject::Invalid(reason) => {
                out.put(&[0]);
                reason.encode(out);
            }
            Reject::NotYet(ids) => {
                out.put(&[1]);
                put_list(out, ids);
            }
            Reject::Fault(why) => (2u8, why.clone()).encode(out),
            Reject::Needs { why, keys } => {
                out.put(&[3]);
                why.encode(out);
                put_list(out, keys);
            }
        }
    }
}

impl Decode for Reject {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(from)? {
            0 => Ok(Reject::Invalid(Reason::decode(from)?)),
            1 => Ok(Reject::NotYet(from.list(usize::MAX)?)),
            2 => Ok(Reject::Fault(String::decode(from)?)),
            3 => Ok(Reject::Needs { why: Reason::decode(from)?, keys: from.list(usize::MAX)? }),
            _ => Err(DecodeError::Unknown("kind of rejection")),
        }
    }
}

impl<R: Rule> From<R> for Reject {
    fn from(rule: R) -> Reject {
        match rule.needs() {
            keys if keys.is_empty() => Reject::Invalid(rule.into()),
            keys => Reject::Needs { why: rule.into(), keys },
        }
    }
}

impl From<String> for Reject {
    fn from(why: String) -> Reject {
        Reject::invalid(why)
    }
}

impl From<&str> for Reject {
    fn from(why: &str) -> Reject {
        Reject::invalid(why)
    }
}

/// Turns a broken rule into [`Reject::Invalid`]. `why` is only made when it is needed: a [`Rule`], or a text for
/// [`Reject::invalid`].
///
/// # Errors
/// When `holds` is false.
pub fn ensure<R: Into<Reject>>(holds: bool, why: impl FnOnce() -> R) -> Result<(), Reject> {
    if holds { Ok(()) } else { Err(why().into()) }
}

/// A block or its state that a view does not hold (yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("block {0} is not known here")]
pub struct Missing(pub Id);

impl Encode for Missing {
    fn encode(&self, out: &mut impl Sink) {
        self.0.encode(out);
    }
}

impl Decode for Missing {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Missing(Id::decode(from)?))
    }
}

impl From<Missing> for Reject {
    fn from(missing: Missing) -> Reject {
        Reject::NotYet(vec![missing.0])
    }
}
