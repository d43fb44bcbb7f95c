//! The transaction format, through its trait alone.

mod digests;
mod ledger;
mod properties;
mod rules;
