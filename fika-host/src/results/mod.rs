//! What a run leaves behind: traces, tables, summary.

pub mod trace;
