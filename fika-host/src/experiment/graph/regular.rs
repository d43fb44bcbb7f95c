//! Random graphs in which all nodes have the same number of links.

use fika_core::hash::draw;

use super::link::Link;
use crate::limits::LINKS_MAX;

/// A connected graph in which every node has `degree` links: a circulant graph, then shaken by many
/// exchanges of two links' ends (a Markov chain over the simple regular graphs).
pub(super) fn random_regular(n: u32, degree: u64, seed: u64) -> Result<Vec<Link>, String> {
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
