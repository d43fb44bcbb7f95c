//! The transaction format, through its trait alone.

mod digests;
mod properties;
mod purse;
mod rules;
