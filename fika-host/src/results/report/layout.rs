//! Where nodes lie on the map: the same places for the same network, in bounded time.

use std::f32::consts::{PI, TAU};

/// Up to so many nodes lie on a circle.
const CIRCLE_MAX: usize = 12;
/// Rounds of smoothing before.
const SMOOTHINGS: u32 = 200;
/// Rounds of the forces.
const ROUNDS: u32 = 150;
/// The last of them, in which no node stands for others.
const EXACT: u32 = 5;
/// How far nodes repel each other, in wanted distances.
const REACH: f32 = 2.0;
/// Nodes of a cell of the grid, on average.
const CELL_NODES: f32 = 4.0;
/// Rows and columns of the grid.
const GRID_MAX: f32 = 128.0;

/// A point of the unit square; inside, of the plane.
pub(super) type Point = (f32, f32);

/// Places for `nodes` nodes with these links, whose ends are nodes.
///
/// Few nodes lie on a circle. Of more, linked ones attract each other and near ones repel each other
/// (Fruchterman and Reingold, 1991). Most pairs of a dense network are near: nodes that are some cells of a grid apart
/// repel each other cell by cell, and one by one only at the end, to spread evenly.
pub(super) fn layout(nodes: usize, links: &[(u32, u32)]) -> Vec<Point> {
    if nodes <= CIRCLE_MAX {
        let angle = |node: usize| TAU * (node as f32 / nodes as f32 - 0.25);
        return (0..nodes).map(|node| (0.5 + 0.5 * angle(node).cos(), 0.5 + 0.5 * angle(node).sin())).collect();
    }
    let neighbours = Neighbours::new(nodes, links);
    // Evenly over a disc, by the golden angle: a start without chance.
    let start = |node: usize| {
        let (radius, angle) = (((node as f32 + 0.5) / nodes as f32).sqrt(), node as f32 * 2.399_963_2);
        (radius * angle.cos(), radius * angle.sin())
    };
    let mut places: Vec<Point> = (0..nodes).map(start).collect();
    unfold(&mut places, &neighbours);
    // The wanted distance: that of a disc of radius 1 with so many nodes.
    let wanted = (PI / nodes as f32).sqrt();
    for round in 0..ROUNDS {
        let grid = Grid::new(&places, wanted, round + EXACT >= ROUNDS);
        let heat = 0.1 * (1.0 - round as f32 / ROUNDS as f32);
        let moved = |node: usize| {
            let place = places[node];
            let (mut dx, mut dy) = grid.repel(node, place, wanted);
            for other in neighbours.of(node) {
                let other = places[*other as usize];
                let (x, y) = (other.0 - place.0, other.1 - place.1);
                let pull = length(x, y) / wanted;
                (dx, dy) = (dx + x * pull, dy + y * pull);
            }
            // Without a pull to the middle, parts that nothing links would drift apart.
            let (dx, dy) = (dx - place.0 * wanted, dy - place.1 * wanted);
            let length = length(dx, dy).max(1e-12);
            let step = length.min(heat) / length;
            (place.0 + dx * step, place.1 + dy * step)
        };
        places = (0..nodes).map(moved).collect();
    }
    fit(&places)
}

fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// Who is linked to whom.
struct Neighbours {
    /// Where those of each node begin.
    first: Vec<u32>,
    all: Vec<u32>,
}

impl Neighbours {
    fn new(nodes: usize, links: &[(u32, u32)]) -> Neighbours {
        let ends = || links.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
        let (first, all) = group(nodes, ends);
        Neighbours { first, all }
    }

    fn of(&self, node: usize) -> &[u32] {
        &self.all[self.first[node] as usize..self.first[node + 1] as usize]
    }
}

/// The values of each key below `keys`, in their order, and where those of each key begin.
fn group<I: Iterator<Item = (u32, u32)>>(keys: usize, pairs: impl Fn() -> I) -> (Vec<u32>, Vec<u32>) {
    let mut first = vec![0; keys + 1];
    pairs().for_each(|(key, _)| first[key as usize + 1] += 1);
    (0..keys).for_each(|key| first[key + 1] += first[key]);
    let (mut next, mut all) = (first.clone(), vec![0; first[keys] as usize]);
    for (key, value) in pairs() {
        let next = &mut next[key as usize];
        all[*next as usize] = value;
        *next += 1;
    }
    (first, all)
}

/// Smooths the start along the links, again and again, so that what lies between the same nodes lies together:
/// power iteration towards the slowest two vectors of the network (Koren, "Drawing graphs by eigenvectors",
/// 2005). Without it the forces would have to untangle a large network, which they do badly.
fn unfold(places: &mut Vec<Point>, neighbours: &Neighbours) {
    let start = places.clone();
    let count = places.len() as f32;
    let mean = |of: &dyn Fn(&Point) -> f32, places: &[Point]| places.iter().map(of).sum::<f32>() / count;
    for _ in 0..SMOOTHINGS {
        let smooth = |node: usize| {
            let (place, near) = (places[node], neighbours.of(node));
            let sum = near.iter().fold((0.0, 0.0), |(x, y), other| {
                let other = places[*other as usize];
                (x + other.0, y + other.1)
            });
            let degree = near.len() as f32;
            if near.is_empty() { place } else { ((place.0 + sum.0 / degree) / 2.0, (place.1 + sum.1 / degree) / 2.0) }
        };
        *places = (0..places.len()).map(smooth).collect();
        let (x, y) = (mean(&|place| place.0, places), mean(&|place| place.1, places));
        places.iter_mut().for_each(|place| *place = (place.0 - x, place.1 - y));
        // The second is to be another one than the first.
        let square = mean(&|place| place.0 * place.0, places).max(1e-18);
        let shared = mean(&|place| place.0 * place.1, places) / square;
        places.iter_mut().for_each(|place| place.1 -= shared * place.0);
        let (wide, tall) = (square.sqrt(), mean(&|place| place.1 * place.1, places).max(1e-18).sqrt());
        places.iter_mut().for_each(|place| *place = (place.0 / wide / 2.0, place.1 / tall / 2.0));
    }
    // Nodes that are linked alike would lie at one place.
    for (place, start) in places.iter_mut().zip(start) {
        *place = (place.0 + start.0 / 10.0, place.1 + start.1 / 10.0);
    }
}

/// The nodes by where they are.
#[derive(Default)]
struct Grid {
    left: f32,
    top: f32,
    side: f32,
    columns: usize,
    rows: usize,
    /// Where the nodes of each cell begin.
    first: Vec<u32>,
    /// Each with its place, row by row.
    sorted: Vec<(f32, Point)>,
    /// The force of all cells that do not touch it on each cell.
    far: Vec<Point>,
}

impl Grid {
    /// `exact`: with cells so large that others than neighbouring ones do not repel each other.
    fn new(places: &[Point], wanted: f32, exact: bool) -> Grid {
        let ((left, width), (top, height)) = (range(places, |place| place.0), range(places, |place| place.1));
        let even = if exact { f32::MAX } else { (width * height / places.len() as f32 * CELL_NODES).sqrt() };
        let side = even.min(REACH * wanted).max(width.max(height) / GRID_MAX);
        let cells = |length: f32| (length / side).min(GRID_MAX) as usize + 1;
        let mut grid = Grid { left, top, side, columns: cells(width), rows: cells(height), ..Grid::default() };
        let cell = |node: usize| (grid.cell(places[node]) as u32, node as u32);
        let (first, sorted) = group(grid.columns * grid.rows, || (0..places.len()).map(cell));
        grid.sorted = sorted.into_iter().map(|node| (node as f32, places[node as usize])).collect();
        grid.first = first;
        grid.far = grid.far(wanted);
        grid
    }

    fn cell(&self, (x, y): Point) -> usize {
        let at = |offset: f32, cells: usize| ((offset / self.side) as usize).min(cells - 1);
        at(y - self.top, self.rows) * self.columns + at(x - self.left, self.columns)
    }

    /// Each cell's force, as if all nodes of a cell lay in their middle.
    fn far(&self, wanted: f32) -> Vec<Point> {
        let middle = |cell: usize| {
            let nodes = &self.sorted[self.first[cell] as usize..self.first[cell + 1] as usize];
            let sum = nodes.iter().fold((0.0, 0.0), |sum, (_, place)| (sum.0 + place.0, sum.1 + place.1));
            let count = nodes.len() as f32;
            (count, (sum.0 / count.max(1.0), sum.1 / count.max(1.0)))
        };
        let middles: Vec<(f32, Point)> = (0..self.columns * self.rows).map(middle).collect();
        let cells = (REACH * wanted / self.side).ceil() as usize;
        let force = |cell: usize| {
            let ((count, place), mut force) = (middles[cell], (0.0, 0.0));
            if count == 0.0 || cells <= 1 {
                return force;
            }
            let (column, row) = (cell % self.columns, cell / self.columns);
            for other_row in row.saturating_sub(cells)..(row + cells + 1).min(self.rows) {
                let touches = other_row.abs_diff(row) <= 1;
                let first = other_row * self.columns;
                for other in column.saturating_sub(cells)..(column + cells + 1).min(self.columns) {
                    if !(touches && other.abs_diff(column) <= 1) {
                        let (count, at) = middles[first + other];
                        let (x, y) = repulsion((place.0 - at.0, place.1 - at.1), wanted);
                        force = (force.0 + x * count, force.1 + y * count);
                    }
                }
            }
            force
        };
        (0..middles.len()).map(force).collect()
    }

    /// The force of all others on a node.
    fn repel(&self, node: usize, place: Point, wanted: f32) -> Point {
        let cell = self.cell(place);
        let (column, row) = (cell % self.columns, cell / self.columns);
        let (mut dx, mut dy) = self.far[cell];
        for row in row.saturating_sub(1)..(row + 2).min(self.rows) {
            let from = self.first[row * self.columns + column.saturating_sub(1)];
            let to = self.first[row * self.columns + (column + 2).min(self.columns)];
            for (other, at) in &self.sorted[from as usize..to as usize] {
                // Two nodes at one place part by their numbers; the node itself is no distance away.
                let apart = 1e-6 * (node as f32 - other);
                let (x, y) = repulsion((place.0 - at.0 + apart, place.1 - at.1), wanted);
                (dx, dy) = (dx + x, dy + y);
            }
        }
        (dx, dy)
    }
}

/// The force on a node that is so far from another.
fn repulsion((x, y): Point, wanted: f32) -> Point {
    let square = (x * x + y * y).max(1e-12);
    let reach = REACH * wanted;
    let strength = if square < reach * reach { wanted * wanted / square } else { 0.0 };
    (x * strength, y * strength)
}

/// The lowest value, and how far it is to the highest.
fn range(places: &[Point], of: fn(&Point) -> f32) -> (f32, f32) {
    let (low, high) = places.iter().map(of).fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
    (low, (high - low).max(1e-9))
}

/// Stretched to the unit square.
fn fit(places: &[Point]) -> Vec<Point> {
    let ((left, width), (top, height)) = (range(places, |place| place.0), range(places, |place| place.1));
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
        let linked: f32 = (0..40).map(|node| distance(node, (node + 1) % 40)).sum();
        let opposite: f32 = (0..40).map(|node| distance(node, (node + 20) % 40)).sum();
        assert!(linked * 3.0 < opposite, "{linked} {opposite}");
    }

    #[test]
    fn a_dense_network_is_spread_evenly() {
        let links: Vec<(u32, u32)> = (0..4_000).map(|link| (link % 400, link * 7_919 / 13 % 400)).collect();
        let places = layout(400, &links);
        let distance = |a: &Point, b: &Point| (a.0 - b.0).hypot(a.1 - b.1);
        let nearest = |node: usize| {
            let others = places.iter().enumerate().filter(|(other, _)| *other != node);
            others.map(|(_, other)| distance(&places[node], other)).fold(f32::MAX, f32::min)
        };
        // On a square grid of 20 by 20 it would be a twentieth.
        let crowded = (0..400).filter(|node| nearest(*node) < 0.33 / 20.0).count();
        assert!(crowded < 20, "{crowded} nodes lie nearly upon others");
    }

    #[test]
    fn few_nodes_lie_on_a_circle_and_none_nowhere() {
        assert_eq!(layout(0, &[]), []);
        let places = layout(4, &[]);
        assert!(places.iter().all(|(x, y)| ((x - 0.5).hypot(y - 0.5) - 0.5).abs() < 1e-6), "{places:?}");
        assert!(layout(300, &[]).iter().all(|(x, y)| x.is_finite() && y.is_finite()));
    }
}
