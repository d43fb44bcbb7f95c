//! Where nodes lie on the map: the same places for the same network, in bounded time.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Up to so many nodes lie on a circle.
const CIRCLE_MAX: usize = 12;
/// Rounds of smoothing before.
const SMOOTHINGS: u32 = 200;
/// Rounds of the forces.
const ROUNDS: u32 = 150;

/// A point of the unit square.
pub(super) type Point = (f64, f64);

/// Places for `nodes` nodes with these links, whose ends are nodes.
///
/// Few nodes lie on a circle. Of more, linked ones attract each other and near ones repel each other
/// (Fruchterman and Reingold, 1991); only nodes in neighbouring cells of a grid repel, so a round takes about
/// as many steps as there are nodes and links.
pub(super) fn layout(nodes: usize, links: &[(u32, u32)]) -> Vec<Point> {
    if nodes <= CIRCLE_MAX {
        let angle = |node: usize| TAU * (node as f64 / nodes as f64 - 0.25);
        return (0..nodes).map(|node| (0.5 + 0.5 * angle(node).cos(), 0.5 + 0.5 * angle(node).sin())).collect();
    }
    // Evenly over a disc, by the golden angle: a start without chance.
    let start = |node: usize| {
        let (radius, angle) = (((node as f64 + 0.5) / nodes as f64).sqrt(), node as f64 * 2.399_963_229_728_653);
        (radius * angle.cos(), radius * angle.sin())
    };
    let mut places: Vec<Point> = (0..nodes).map(start).collect();
    unfold(&mut places, links);
    // The wanted distance: that of a disc of radius 1 with so many nodes.
    let wanted = (std::f64::consts::PI / nodes as f64).sqrt();
    for round in 0..ROUNDS {
        let mut forces = vec![(0.0, 0.0); nodes];
        repel(&places, wanted, &mut forces);
        for (one, other) in links {
            let (one, other) = (*one as usize, *other as usize);
            let (dx, dy) = (places[other].0 - places[one].0, places[other].1 - places[one].1);
            let pull = dx.hypot(dy) / wanted;
            push(&mut forces, one, dx * pull, dy * pull);
            push(&mut forces, other, -dx * pull, -dy * pull);
        }
        let heat = 0.1 * (1.0 - f64::from(round) / f64::from(ROUNDS));
        for (place, (dx, dy)) in places.iter_mut().zip(forces) {
            // Without a pull to the middle, parts that nothing links would drift apart.
            let (dx, dy) = (dx - place.0 * wanted, dy - place.1 * wanted);
            let length = dx.hypot(dy).max(1e-12);
            let step = length.min(heat);
            *place = (place.0 + dx / length * step, place.1 + dy / length * step);
        }
    }
    fit(&places)
}

/// Smooths the start along the links, again and again, so that what lies between the same nodes lies together:
/// power iteration towards the slowest two vectors of the network (Koren, "Drawing graphs by eigenvectors",
/// 2005). Without it the forces would have to untangle a large network, which they do badly.
fn unfold(places: &mut [Point], links: &[(u32, u32)]) {
    let mut degrees = vec![0.0; places.len()];
    links.iter().flat_map(|(one, other)| [*one, *other]).for_each(|node| degrees[node as usize] += 1.0);
    let start = places.to_vec();
    for _ in 0..SMOOTHINGS {
        let mut sums = vec![(0.0, 0.0); places.len()];
        for (one, other) in links {
            let (one, other) = (*one as usize, *other as usize);
            push(&mut sums, one, places[other].0, places[other].1);
            push(&mut sums, other, places[one].0, places[one].1);
        }
        for ((place, sum), degree) in places.iter_mut().zip(sums).zip(&degrees).filter(|(_, degree)| **degree > 0.0) {
            *place = ((place.0 + sum.0 / degree) / 2.0, (place.1 + sum.1 / degree) / 2.0);
        }
        let count = places.len() as f64;
        let mean = |of: fn(&Point) -> f64, places: &[Point]| places.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|place| place.0, places), mean(|place| place.1, places));
        places.iter_mut().for_each(|place| *place = (place.0 - x, place.1 - y));
        // The second is to be another one than the first.
        let square = mean(|place| place.0 * place.0, places).max(1e-18);
        let shared = mean(|place| place.0 * place.1, places) / square;
        places.iter_mut().for_each(|place| place.1 -= shared * place.0);
        let (wide, tall) = (square.sqrt(), mean(|place| place.1 * place.1, places).max(1e-18).sqrt());
        places.iter_mut().for_each(|place| *place = (place.0 / wide / 2.0, place.1 / tall / 2.0));
    }
    // Nodes that are linked alike would lie at one place.
    places
        .iter_mut()
        .zip(start)
        .for_each(|(place, start)| *place = (place.0 + start.0 / 10.0, place.1 + start.1 / 10.0));
}

/// Every node repels those within two wanted distances.
fn repel(places: &[Point], wanted: f64, forces: &mut [Point]) {
    let reach = 2.0 * wanted;
    let cell = |(x, y): Point| ((x / reach).floor() as i64, (y / reach).floor() as i64);
    let mut cells: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (node, place) in places.iter().enumerate() {
        cells.entry(cell(*place)).or_default().push(node);
    }
    for (node, place) in places.iter().enumerate() {
        let (column, row) = cell(*place);
        let near = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (column + dx, row + dy)));
        for other in near.filter_map(|cell| cells.get(&cell)).flatten().copied().filter(|other| *other != node) {
            // Two nodes at one place part by their numbers.
            let apart = 1e-6 * (node as f64 - other as f64);
            let (dx, dy) = (place.0 - places[other].0 + apart, place.1 - places[other].1);
            let square = (dx * dx + dy * dy).max(1e-12);
            if square < reach * reach {
                let strength = wanted * wanted / square;
                push(forces, node, dx * strength, dy * strength);
            }
        }
    }
}

fn push(forces: &mut [Point], node: usize, dx: f64, dy: f64) {
    forces[node] = (forces[node].0 + dx, forces[node].1 + dy);
}

/// Stretched to the unit square.
fn fit(places: &[Point]) -> Vec<Point> {
    let range = |of: fn(&Point) -> f64| {
        let (low, high) = places.iter().map(of).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        (low, (high - low).max(1e-9))
    };
    let ((left, width), (top, height)) = (range(|place| place.0), range(|place| place.1));
    places.iter().map(|(x, y)| ((x - left) / width, (y - top) / height)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_nodes_come_near_and_all_stay_inside() {
        // A ring of 40, whose neighbours by number are linked.
        let links: Vec<(u32, u32)> = (0..40).map(|node| (node, (node + 1) % 40)).collect();
        let places = layout(40, &links);
        assert_eq!(places, layout(40, &links));
        assert!(places.iter().all(|(x, y)| (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y)), "{places:?}");
        let distance = |a: usize, b: usize| (places[a].0 - places[b].0).hypot(places[a].1 - places[b].1);
        let linked: f64 = (0..40).map(|node| distance(node, (node + 1) % 40)).sum();
        let opposite: f64 = (0..40).map(|node| distance(node, (node + 20) % 40)).sum();
        assert!(linked * 3.0 < opposite, "{linked} {opposite}");
    }

    #[test]
    fn few_nodes_lie_on_a_circle_and_none_nowhere() {
        assert_eq!(layout(0, &[]), []);
        let places = layout(4, &[]);
        assert!(places.iter().all(|(x, y)| ((x - 0.5).hypot(y - 0.5) - 0.5).abs() < 1e-9), "{places:?}");
        assert!(layout(300, &[]).iter().all(|(x, y)| x.is_finite() && y.is_finite()));
    }
}
