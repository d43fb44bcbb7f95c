//! One link of a graph.

use crate::limits::LINKS_MAX;

/// Two different nodes, as positions among those that the graph joins.
pub(super) type Link = (u32, u32);

/// Refuses a graph of too many links.
///
/// # Errors
/// One line with both numbers.
pub(super) fn check_count(links: u64) -> Result<(), String> {
    if links > LINKS_MAX {
        return Err(format!("expected at most {LINKS_MAX} links, found {links}"));
    }
    Ok(())
}
