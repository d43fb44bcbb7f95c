//! Links made by a rule. Pure functions of their arguments; positions are those in the list of full nodes.

use fika_core::hash::draw;

use super::schema::LINKS_MAX;

/// A shape over `n` nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Graph {
    Ring,
    Line,
    Star,
    Full,
    /// Every node has this many links.
    RandomRegular(u64),
}

pub(super) const GRAPHS: &[(&str, Graph)] = &[
    ("ring", Graph::Ring),
    ("line", Graph::Line),
    ("star", Graph::Star),
    ("full", Graph::Full),
    ("random_regular", Graph::RandomRegular(0)),
];

type Link = (u32, u32);

impl Graph {
    /// The links between `n` nodes, none twice.
    ///
    /// # Errors
    /// What the shape needs, in one line.
    pub(super) fn links(self, n: u32, seed: u64) -> Result<Vec<Link>, String> {
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
            Graph::RandomRegular(degree) => random_regular(n, degree, seed)?,
        })
    }
}

/// A connected graph in which every node has `degree` links: a circulant graph, then shaken by many
/// exchanges of two links' ends (a Markov chain over the simple regular graphs).
fn random_regular(n: u32, degree: u64, seed: u64) -> Result<Vec<Link>, String> {
    let count = u64::from(n);
    if degree >= count || (degree * count) % 2 == 1 {
        return Err(format!(
            "expected more nodes than the degree and an even product, found {n} nodes of degree {degree}"
        ));
    }
    if degree * count / 2 > LINKS_MAX {
        return Err(format!("expected at most {LINKS_MAX} links, found {n} nodes of degree {degree}"));
    }
    let mut links: Vec<Link> = vec![];
    for offset in 1..=degree / 2 {
        links.extend((0..n).map(|a| (a, ((u64::from(a) + offset) % count) as u32)));
    }
    if degree % 2 == 1 {
        links.extend((0..n / 2).map(|a| (a, a + n / 2)));
    }
    let mut peers = vec![vec![]; n as usize];
    for &(a, b) in &links {
        peers[a as usize].push(b);
        peers[b as usize].push(a);
    }
    let purpose = u64::from(u32::from_be_bytes(*b"ring")) << 32;
    let mut counter = 0;
    // Almost every regular graph of degree 3 and more is connected, so the second round is rare.
    loop {
        for _ in 0..links.len() * 8 {
            let drawn = draw(seed, purpose, counter);
            counter += 1;
            let count = links.len() as u64;
            let pick = |bits: u64| (((bits & 0x7fff_ffff) * count) >> 31) as usize;
            exchange(&mut links, &mut peers, pick(drawn), pick(drawn >> 31), drawn >> 63 == 1);
        }
        if connected(&peers) {
            return Ok(links);
        }
    }
}

/// Makes a-b, c-d into a-d, c-b (or, turned, a-c, d-b) unless that doubles a link or joins a node to itself.
fn exchange(links: &mut [Link], peers: &mut [Vec<u32>], first: usize, second: usize, turned: bool) {
    let (a, b) = links[first];
    let (c, d) = if turned { (links[second].1, links[second].0) } else { links[second] };
    let joined = |x: u32, y: u32| x == y || peers[x as usize].contains(&y);
    if first == second || joined(a, d) || joined(c, b) {
        return;
    }
    for (node, old, new) in [(a, b, d), (b, a, c), (c, d, b), (d, c, a)] {
        let list = &mut peers[node as usize];
        let at = list.iter().position(|peer| *peer == old).expect("both ends know the link");
        list[at] = new;
    }
    links[first] = (a, d);
    links[second] = (c, b);
}

/// Whether every node reaches every other.
fn connected(peers: &[Vec<u32>]) -> bool {
    let mut seen = vec![false; peers.len()];
    let mut open = vec![0];
    let mut reached = 0;
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node as usize], true) {
            reached += 1;
            open.extend(&peers[node as usize]);
        }
    }
    reached == peers.len()
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
