//! Why a rule turns something down.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_list};
use crate::hash::Id;

/// Why a block, seal or transaction is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Reject {
    /// It breaks a rule and always will; the verdict is remembered. The text names the rule,
    /// in lower case, with what was expected and what was found.
    #[error("{0}")]
    Invalid(String),
    /// It can only be validated once these blocks are known; the verdict is not remembered.
    #[error("waits for {} unknown blocks, the first is {}", .0.len(), .0.first().copied().unwrap_or_default())]
    NotYet(Vec<Id>),
    /// The plugin failed; nothing is said about the block.
    #[error("plugin fault: {0}")]
    Fault(String),
}

impl Reject {
    /// A broken rule.
    pub fn invalid(why: impl Into<String>) -> Reject {
        Reject::Invalid(why.into())
    }
}

impl Encode for Reject {
    fn encode(&self, out: &mut impl Sink) {
        match self {
            Reject::Invalid(why) => (0u8, why.clone()).encode(out),
            Reject::NotYet(ids) => {
                out.put(&[1]);
                put_list(out, ids);
            }
            Reject::Fault(why) => (2u8, why.clone()).encode(out),
        }
    }
}

impl Decode for Reject {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(from)? {
            0 => Ok(Reject::Invalid(String::decode(from)?)),
            1 => Ok(Reject::NotYet(from.list(usize::MAX)?)),
            2 => Ok(Reject::Fault(String::decode(from)?)),
            _ => Err(DecodeError::Unknown("kind of rejection")),
        }
    }
}

impl From<DecodeError> for Reject {
    fn from(error: DecodeError) -> Reject {
        Reject::Invalid(error.to_string())
    }
}

/// Turns a broken rule into [`Reject::Invalid`]; `why` is only made when it is needed.
///
/// # Errors
/// When `holds` is false.
pub fn ensure<S: Into<String>>(holds: bool, why: impl FnOnce() -> S) -> Result<(), Reject> {
    if holds { Ok(()) } else { Err(Reject::Invalid(why().into())) }
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
