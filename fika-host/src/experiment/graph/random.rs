//! Random graphs that resemble real networks.

use super::link::{Link, check_count};
use crate::experiment::presets::Degrees;
use crate::experiment::shares::{below, purpose};

/// Draws numbers in a row.
struct Draws {
    seed: u64,
    purpose: u64,
    counter: u64,
}

impl Draws {
    fn new(seed: u64, name: [u8; 4]) -> Draws {
        Draws { seed, purpose: purpose(name), counter: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.counter += 1;
        below(self.seed, self.purpose, self.counter - 1, bound)
    }
}

/// Each node in turn draws others that are not its neighbours yet, until it has made as many links as it is dealt or is
/// joined to all. It may have more links: those that others make to it.
pub(super) fn out_degrees(n: u32, degrees: &Degrees, seed: u64) -> Result<Vec<Link>, String> {
    let degrees = degrees.deal(n as usize, seed);
    check_count(degrees.iter().map(|degree| u64::from(*degree)).sum())?;
    let mut draws = Draws::new(seed, *b"outd");
    let mut peers: Vec<Vec<u32>> = vec![vec![]; n as usize];
    let mut links = vec![];
    for (node, degree) in (0..n).zip(degrees) {
        let mut left = degree.min(n - 1 - peers[node as usize].len() as u32);
        while left > 0 {
            let other = draws.below(n.into()) as u32;
            if other != node && !peers[node as usize].contains(&other) {
                peers[node as usize].push(other);
                peers[other as usize].push(node);
                links.push((node, other));
                left -= 1;
            }
        }
    }
    Ok(links)
}

/// Begins with `m + 1` nodes that are all joined.
pub(super) fn scale_free(n: u32, m: u32, seed: u64) -> Result<Vec<Link>, String> {
    if n <= m {
        return Err(format!("expected more nodes than m, found {n} nodes and m = {m}"));
    }
    check_count(u64::from(n) * u64::from(m))?;
    let mut draws = Draws::new(seed, *b"free");
    let mut links: Vec<Link> = (0..=m).flat_map(|a| (a + 1..=m).map(move |b| (a, b))).collect();
    let mut others: Vec<u32> = vec![];
    for node in m + 1..n {
        others.clear();
        while others.len() < m as usize {
            // Each end of a link is equally likely, so a node is drawn in proportion to its links.
            let drawn = draws.below(2 * links.len() as u64);
            let (a, b) = links[(drawn / 2) as usize];
            let other = if drawn.is_multiple_of(2) { a } else { b };
            if !others.contains(&other) {
                others.push(other);
            }
        }
        links.extend(others.iter().map(|other| (*other, node)));
    }
    Ok(links)
}

/// `degree` is even. A link that is drawn anew keeps its first end and never doubles another.
pub(super) fn small_world(n: u32, degree: u32, beta_ppm: u32, seed: u64) -> Result<Vec<Link>, String> {
    if degree % 2 == 1 || degree + 1 >= n {
        return Err(format!("expected an even k and at least k + 2 nodes, found {n} nodes and k = {degree}"));
    }
    check_count(u64::from(n) * u64::from(degree / 2))?;
    let mut draws = Draws::new(seed, *b"smal");
    let mut peers: Vec<Vec<u32>> = vec![vec![]; n as usize];
    let mut links = vec![];
    for offset in 1..=degree / 2 {
        for a in 0..n {
            let b = ((u64::from(a) + u64::from(offset)) % u64::from(n)) as u32;
            peers[a as usize].push(b);
            peers[b as usize].push(a);
            links.push((a, b));
        }
    }
    for link in &mut links {
        let (a, b) = *link;
        if draws.below(1_000_000) >= beta_ppm.into() || peers[a as usize].len() as u32 == n - 1 {
            continue;
        }
        let other = loop {
            let other = draws.below(n.into()) as u32;
            if other != a && !peers[a as usize].contains(&other) {
                break other;
            }
        };
        peers[a as usize].retain(|peer| *peer != b);
        peers[b as usize].retain(|peer| *peer != a);
        peers[a as usize].push(other);
        peers[other as usize].push(a);
        *link = (a, other);
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(n: u32, links: &[Link]) -> Vec<u32> {
        let mut degrees = vec![0; n as usize];
        for (a, b) in links {
            degrees[*a as usize] += 1;
            degrees[*b as usize] += 1;
        }
        degrees
    }

    fn assert_simple(n: u32, links: &[Link]) {
        let mut sorted: Vec<_> = links.iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]), "a link is doubled");
        assert!(sorted.iter().all(|(a, b)| a != b && **b < n));
    }

    #[test]
    fn nodes_make_as_many_links_as_they_are_dealt() {
        let shares = Degrees::cumulative(&[200_000, 500_000, 1_000_000]).unwrap();
        for seed in 0..10 {
            let links = out_degrees(100, &shares, seed).unwrap();
            assert_simple(100, &links);
            let made = |node| links.iter().filter(|(from, _)| *from == node).count() as u32;
            assert_eq!((0..100).map(made).collect::<Vec<_>>(), shares.deal(100, seed));
            assert_eq!(links, out_degrees(100, &shares, seed).unwrap());
        }
        assert_ne!(out_degrees(100, &shares, 1), out_degrees(100, &shares, 2));
        // Nodes that want more neighbours than there are join all.
        let crowd = out_degrees(10, &Degrees::Fixed(50), 1).unwrap();
        assert_simple(10, &crowd);
        assert_eq!(crowd.len(), 45);
        assert!(out_degrees(0, &shares, 1).unwrap().is_empty() && out_degrees(1, &shares, 1).unwrap().is_empty());
        assert!(out_degrees(200_000, &Degrees::Fixed(21), 1).unwrap_err().contains("at most 4000000 links"));
        assert!(Degrees::cumulative(&[500_000, 400_000, 1_000_000]).is_err() && Degrees::cumulative(&[5]).is_err());
    }

    #[test]
    fn scale_free_networks_have_hubs() {
        let links = scale_free(2_000, 3, 5).unwrap();
        assert_simple(2_000, &links);
        assert_eq!(links.len(), 6 + 3 * (2_000 - 4));
        let degrees = degrees(2_000, &links);
        assert!(degrees.iter().all(|degree| *degree >= 3));
        // An even choice of partners would give 3 + ln n or so at most.
        assert!(degrees.iter().max() > Some(&50));
        assert!(scale_free(3, 3, 1).unwrap_err().contains("more nodes than m"));
    }

    #[test]
    fn small_worlds_keep_their_number_of_links() {
        let ring = small_world(50, 4, 0, 1).unwrap();
        assert_eq!(degrees(50, &ring), vec![4; 50]);
        assert!(ring.iter().all(|(a, b)| (b + 50 - a) % 50 <= 2));
        let moved = |beta| {
            let links = small_world(1_000, 6, beta, 9).unwrap();
            assert_simple(1_000, &links);
            assert_eq!(links.len(), 3_000);
            links.iter().filter(|(a, b)| (b + 1_000 - a) % 1_000 > 3).count()
        };
        assert!((200..400).contains(&moved(100_000)), "{}", moved(100_000));
        assert!(moved(1_000_000) > 2_900);
        assert_simple(6, &small_world(6, 4, 1_000_000, 1).unwrap());
        assert!(small_world(6, 3, 1, 1).is_err() && small_world(5, 4, 1, 1).is_err());
    }
}
