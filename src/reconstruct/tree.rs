//! Points in a hierarchy of boxes, and the nearest of them.

use rayon::prelude::*;

use super::vector::{squared_distance, squared_distance_to_box};

/// Points in a box at the end of the hierarchy, at most.
const LEAF: usize = 8;

/// Points of the unit frame, sorted so that those of each box of a k-d tree (Bentley 1975) lie side by side.
#[derive(Debug)]
pub(super) struct PointTree {
    /// In the order of the tree.
    pub points: Vec<[f32; 3]>,
    /// For each of them the place where it came.
    pub order: Vec<u32>,
    /// Boxes, each before those within it.
    pub nodes: Vec<Node>,
}

/// A box around some of the points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub lo: [f32; 3],
    pub hi: [f32; 3],
    /// Its points are those from here
    pub start: u32,
    /// to before here.
    pub end: u32,
    /// The second of the two boxes within it; the first is the next node. 0 if there are none.
    pub second: u32,
}

impl Node {
    /// Its points, as a range of places in the tree.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Points found near a place, the nearest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    /// Squared distance, and place in the tree.
    pub found: Vec<(f32, u32)>,
    pending: Vec<(f32, u32)>,
}

impl PointTree {
    /// Sorts `points`, of which there is at least one.
    pub fn new(points: &[[f32; 3]]) -> PointTree {
        let mut order: Vec<u32> = (0..points.len() as u32).collect();
        let mut nodes = Vec::with_capacity(points.len() / LEAF * 4 + 1);
        split(points, &mut order, 0, &mut nodes);
        PointTree {
            points: order.iter().map(|&at| points[at as usize]).collect(),
            order,
            nodes,
        }
    }

    /// Rows that belong to the points as they came, in the order of the tree.
    pub fn sorted<T: Copy>(&self, rows: &[T]) -> Vec<T> {
        self.order.iter().map(|&at| rows[at as usize]).collect()
    }

    /// The `count` points nearest to `place`; fewer if there are fewer.
    pub fn nearest(&self, place: [f32; 3], count: usize, neighbours: &mut Neighbours) {
        let Neighbours { found, pending } = neighbours;
        found.clear();
        pending.clear();
        pending.push((0.0, 0));
        while let Some((distance, index)) = pending.pop() {
            let farthest = |found: &Vec<(f32, u32)>| match found.len() == count {
                true => found.last().map_or(f32::INFINITY, |last| last.0),
                false => f32::INFINITY,
            };
            if distance > farthest(found) {
                continue;
            }
            let node = &self.nodes[index as usize];
            if node.second != 0 {
                let [near, far] = [index + 1, node.second].map(|child| {
                    let node = &self.nodes[child as usize];
                    (squared_distance_to_box(place, node.lo, node.hi), child)
                });
                let (near, far) = if near.0 <= far.0 {
                    (near, far)
                } else {
                    (far, near)
                };
                pending.extend([far, near]);
                continue;
            }
            for at in node.range() {
                let squared = squared_distance(place, self.points[at]);
                // Equal distances by place in the tree, so that the outcome does not depend on the way here.
                let entry = (squared, at as u32);
                if found.len() == count && found.last().is_none_or(|last| *last <= entry) {
                    continue;
                }
                let behind = found.partition_point(|other| *other < entry);
                found.truncate(count - 1);
                found.insert(behind.min(found.len()), entry);
            }
        }
    }

    /// The point nearest to `place`, by its place in the tree, and its squared distance.
    pub fn closest(&self, place: [f32; 3], pending: &mut Vec<(f32, u32)>) -> (f32, u32) {
        let mut best = (f32::INFINITY, 0);
        pending.clear();
        pending.push((0.0, 0));
        while let Some((distance, index)) = pending.pop() {
            if distance >= best.0 {
                continue;
            }
            let node = &self.nodes[index as usize];
            if node.second == 0 {
                for at in node.range() {
                    let squared = squared_distance(place, self.points[at]);
                    if squared < best.0 {
                        best = (squared, at as u32);
                    }
                }
                continue;
            }
            let [a, b] = [index + 1, node.second].map(|child| {
                let node = &self.nodes[child as usize];
                (squared_distance_to_box(place, node.lo, node.hi), child)
            });
            pending.extend(if a.0 <= b.0 { [b, a] } else { [a, b] });
        }
        best
    }

    /// Calls `visit` with each point within the square root of `squared` of `place`, and its squared distance.
    pub fn within(
        &self,
        place: [f32; 3],
        squared: f32,
        pending: &mut Vec<(f32, u32)>,
        mut visit: impl FnMut(usize, f32),
    ) {
        pending.clear();
        pending.push((0.0, 0));
        while let Some((_, index)) = pending.pop() {
            let node = &self.nodes[index as usize];
            if squared_distance_to_box(place, node.lo, node.hi) > squared {
                continue;
            }
            if node.second != 0 {
                pending.extend([(0.0, node.second), (0.0, index + 1)]);
                continue;
            }
            for at in node.range() {
                let distance = squared_distance(place, self.points[at]);
                if distance <= squared {
                    visit(at, distance);
                }
            }
        }
    }

    /// For each point, in the order of the tree, the `count` nearest others, the nearest first: `[N, count]`, by their places
    /// in the tree. `count` is less than the number of points.
    pub fn neighbours_of_all(&self, count: usize) -> Vec<u32> {
        let mut all = vec![0; self.points.len() * count];
        let rows = all.par_chunks_exact_mut(count).enumerate();
        rows.for_each_init(Neighbours::default, |neighbours, (at, row)| {
            self.nearest(self.points[at], count + 1, neighbours);
            // Itself is among them, unless so many others lie at its place that it is not.
            let others = neighbours
                .found
                .iter()
                .filter(|(_, other)| *other as usize != at);
            for (place, (_, other)) in row.iter_mut().zip(others) {
                *place = *other;
            }
        });
        all
    }
}

/// Makes the box around the points that `order` lists, and those within it.
fn split(points: &[[f32; 3]], order: &mut [u32], start: usize, nodes: &mut Vec<Node>) {
    let (mut lo, mut hi) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
    for &at in order.iter() {
        let point = points[at as usize];
        for axis in 0..3 {
            lo[axis] = lo[axis].min(point[axis]);
            hi[axis] = hi[axis].max(point[axis]);
        }
    }
    let index = nodes.len();
    nodes.push(Node {
        lo,
        hi,
        start: start as u32,
        end: (start + order.len()) as u32,
        second: 0,
    });
    if order.len() <= LEAF {
        return;
    }
    let side = |axis: usize| hi[axis] - lo[axis];
    let axis = (1..3).fold(
        0,
        |most, axis| if side(axis) > side(most) { axis } else { most },
    );
    let middle = order.len() / 2;
    order.select_nth_unstable_by(middle, |&a, &b| {
        let [x, y] = [a, b].map(|at| points[at as usize][axis]);
        x.total_cmp(&y).then(a.cmp(&b))
    });
    let (first, second) = order.split_at_mut(middle);
    split(points, first, start, nodes);
    nodes[index].second = nodes.len() as u32;
    split(points, second, start + middle, nodes);
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    fn cloud(count: usize) -> Vec<[f32; 3]> {
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        (0..count)
            // Few places, so that many points are equally far.
            .map(|_| std::array::from_fn(|_| rng.random_range(0..30) as f32 / 30.0))
            .collect()
    }

    #[test]
    fn the_nearest_are_those_that_a_full_search_finds() {
        let points = cloud(700);
        let tree = PointTree::new(&points);
        let (mut neighbours, mut pending) = (Neighbours::default(), Vec::new());
        for place in cloud(50).into_iter().chain([[9.0, -3.0, 0.5]]) {
            let distances = tree.points.iter().map(|&p| squared_distance(place, p));
            let mut all: Vec<(f32, u32)> = distances.zip(0..).collect();
            all.sort_by(|a, b| a.partial_cmp(b).unwrap());
            tree.nearest(place, 16, &mut neighbours);
            assert_eq!(neighbours.found, all[..16]);
            assert_eq!(tree.closest(place, &mut pending).0, all[0].0);
            let mut seen = 0;
            tree.within(place, 0.02, &mut pending, |_, _| seen += 1);
            assert_eq!(seen, all.iter().filter(|(d, _)| *d <= 0.02).count());
        }
    }

    #[test]
    fn every_point_is_in_one_leaf_and_has_others_for_neighbours() {
        let points = cloud(100);
        let tree = PointTree::new(&points);
        let leaves = tree.nodes.iter().filter(|node| node.second == 0);
        let places: Vec<usize> = leaves.flat_map(Node::range).collect();
        assert_eq!(places, (0..100).collect::<Vec<_>>());
        assert_eq!(tree.sorted(&points), tree.points);
        let rows = tree.neighbours_of_all(5);
        for (at, row) in rows.chunks_exact(5).enumerate() {
            assert!(row.iter().all(|&other| other as usize != at));
        }
    }

    #[test]
    fn few_points_are_all_neighbours() {
        let tree = PointTree::new(&[[0.0; 3]]);
        let mut neighbours = Neighbours::default();
        tree.nearest([1.0, 0.0, 0.0], 4, &mut neighbours);
        assert_eq!(neighbours.found, [(1.0, 0)]);
    }
}
