//! Links made by a rule: pure functions of their arguments. Positions are those in the list of full nodes.

mod link;
mod random;
mod regular;

use link::Link;

use super::presets::Degrees;
use crate::limits::LINKS_MAX;

/// A shape over `n` nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Graph {
    Ring,
    Line,
    Star,
    Full,
    /// Every node has this many links.
    RandomRegular(u64),
    /// Each node makes so many links to others that it draws, as Bitcoin's nodes do.
    OutDegrees(Degrees),
    /// Each new node makes this many links, to nodes in proportion to their links (Barabási and Albert 1999).
    ScaleFree(u32),
    /// A ring in which each node is joined to its next neighbours, and a share of the links is then drawn anew
    /// (Watts and Strogatz 1998).
    SmallWorld {
        degree: u32,
        beta_ppm: u32,
    },
}

impl Graph {
    /// The links between `n` nodes, none twice.
    ///
    /// # Errors
    /// What the shape needs, in one line.
    pub(super) fn links(&self, n: u32, seed: u64) -> Result<Vec<Link>, String> {
        let line = (1..n).map(|b| (b - 1, b));
        Ok(match self {
            Graph::Line => line.collect(),
            Graph::Ring => line.chain((n > 2).then_some((0, n.wrapping_sub(1)))).collect(),
            Graph::Star => (1..n).map(|b| (0, b)).collect(),
            Graph::Full if u64::from(n) * u64::from(n.saturating_sub(1)) / 2 > LINKS_MAX => {
                return Err(format!(
                    "expected at most {LINKS_MAX} links, found {n} nodes with a link between every two"
                ));
            }
            Graph::Full => (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect(),
            Graph::RandomRegular(degree) => regular::random_regular(n, *degree, seed)?,
            Graph::OutDegrees(degrees) => random::out_degrees(n, degrees, seed)?,
            Graph::ScaleFree(m) => random::scale_free(n, *m, seed)?,
            Graph::SmallWorld { degree, beta_ppm } => random::small_world(n, *degree, *beta_ppm, seed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(n: u32, links: &[Link]) -> Vec<usize> {
        (0..n).map(|node| links.iter().filter(|(a, b)| *a == node || *b == node).count()).collect()
    }

    #[test]
    fn shapes_have_their_links() {
        for (graph, n, expected) in [
            (Graph::Line, 4, vec![(0, 1), (1, 2), (2, 3)]),
            (Graph::Ring, 4, vec![(0, 1), (1, 2), (2, 3), (0, 3)]),
            (Graph::Ring, 2, vec![(0, 1)]),
            (Graph::Ring, 1, vec![]),
            (Graph::Ring, 0, vec![]),
            (Graph::Star, 4, vec![(0, 1), (0, 2), (0, 3)]),
            (Graph::Full, 3, vec![(0, 1), (0, 2), (1, 2)]),
        ] {
            assert_eq!(graph.links(n, 1), Ok(expected), "{graph:?} {n}");
        }
        assert!(Graph::Full.links(100_000, 1).is_err());
    }

    #[test]
    fn random_regular_graphs_are_simple_regular_connected_and_repeatable() {
        for seed in 0..25 {
            for (n, degree) in [(10, 3), (20, 8), (51, 4), (4, 3)] {
                let links = Graph::RandomRegular(degree).links(n, seed).unwrap();
                assert_eq!(degrees(n, &links), vec![degree as usize; n as usize]);
                let mut sorted: Vec<_> = links.iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), links.len());
                assert!(sorted.iter().all(|(a, b)| a != b));
                assert_eq!(links, Graph::RandomRegular(degree).links(n, seed).unwrap());
            }
        }
        let of = |seed| Graph::RandomRegular(4).links(20, seed).unwrap();
        assert_ne!(of(1), of(2));
        assert!(Graph::RandomRegular(3).links(5, 1).unwrap_err().contains("even"));
        assert!(Graph::RandomRegular(5).links(5, 1).is_err());
        assert!(Graph::RandomRegular(100).links(100_000, 1).is_err());
    }

    #[test]
    fn large_graphs_are_made() {
        assert_eq!(Graph::RandomRegular(8).links(10_000, 7).unwrap().len(), 40_000);
    }
}
