//! One link for each pair of nodes.

use super::graph::TopologyLink;

/// The links without loops, and each pair once, in their order; also what was changed, in one line. Of edges between
/// the same nodes the first one's figures hold, and others fill in what it leaves open.
pub(super) fn merged(mut links: Vec<(usize, TopologyLink)>) -> (Vec<TopologyLink>, Option<String>) {
    let loops = links.iter().filter(|(_, link)| link.a == link.b).count();
    let first_loop = links.iter().find(|(_, link)| link.a == link.b).map_or(0, |(line, _)| *line);
    links.retain(|(_, link)| link.a != link.b);
    let pair = |link: &TopologyLink| (link.a.min(link.b), link.a.max(link.b));
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by_key(|index| pair(&links[*index].1));
    let (mut doubled, mut unlike, mut first_double) = (vec![false; links.len()], 0, usize::MAX);
    let mut first = 0;
    for at in 1..order.len() {
        let (kept, other) = (order[first], order[at]);
        if pair(&links[kept].1) != pair(&links[other].1) {
            first = at;
            continue;
        }
        doubled[other] = true;
        first_double = first_double.min(other);
        let (_, other) = links[other];
        unlike += usize::from(!fill(&mut links[kept].1, &other));
    }
    let mut changes = vec![];
    let count = doubled.iter().filter(|doubled| **doubled).count();
    if count > 0 {
        let unlike = match unlike {
            0 => String::new(),
            unlike => format!("; {unlike} with other figures, of which the first hold"),
        };
        let line = links[first_double].0;
        changes.push(format!(
            "{count} of the edges join nodes that another one joins: merged (first in line {line}{unlike})"
        ));
    }
    if loops > 0 {
        changes.push(format!("{loops} of the edges join a node to itself: dropped (first in line {first_loop})"));
    }
    let kept = links.into_iter().zip(doubled).filter(|(_, doubled)| !doubled).map(|((_, link), _)| link);
    (kept.collect(), (!changes.is_empty()).then(|| changes.join("; ")))
}

/// Fills in what `link` leaves open; false if the other says something else.
fn fill(link: &mut TopologyLink, other: &TopologyLink) -> bool {
    fn one<T: Copy + PartialEq>(mine: &mut Option<T>, other: Option<T>) -> bool {
        let same = mine.is_none() || other.is_none() || *mine == other;
        *mine = mine.or(other);
        same
    }
    let same = [
        one(&mut link.latency_us, other.latency_us),
        one(&mut link.jitter_us, other.jitter_us),
        one(&mut link.bandwidth_bps, other.bandwidth_bps),
        one(&mut link.loss_ppm, other.loss_ppm),
        one(&mut link.message_loss_ppm, other.message_loss_ppm),
    ];
    same.into_iter().all(|same| same)
}
