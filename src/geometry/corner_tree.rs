//! A tree over corners of a polygon, to find one that lies in a triangle. Corners are taken out as they go.

use robust::{Coord, orient2d};

/// A binary tree of boxes over runs of at most [`RUN`] corners.
pub(super) struct CornerTree<'a> {
    /// The places of all corners of the polygon, also of those that are not in the tree.
    places: &'a [[f64; 2]],
    /// What was in the tree, leaf by leaf.
    corners: Vec<usize>,
    nodes: Vec<Node>,
    /// For each corner of the polygon the node that it is in, or [`NOWHERE`].
    leaf_of: Vec<u32>,
    /// Boxes and corners that searches have looked at.
    pub looked_at: u64,
}

struct Node {
    min: [f64; 2],
    max: [f64; 2],
    /// Corners below that are still there.
    left: u32,
    parent: u32,
    /// The first of two children, which lie side by side; 0 for a leaf.
    children: u32,
    /// The corners of a leaf, as a range of `corners`.
    range: [usize; 2],
}

const RUN: usize = 8;

const NOWHERE: u32 = u32::MAX;

impl<'a> CornerTree<'a> {
    /// The tree over some corners of a polygon, by their numbers.
    pub fn over(places: &'a [[f64; 2]], mut corners: Vec<usize>) -> CornerTree<'a> {
        let mut nodes = vec![Node::over([0, corners.len()], NOWHERE)];
        let mut leaf_of = vec![NOWHERE; places.len()];
        let mut at = 0;
        while at < nodes.len() {
            let [first, last] = nodes[at].range;
            let run = &mut corners[first..last];
            let (mut min, mut max) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
            for &corner in &*run {
                for axis in 0..2 {
                    min[axis] = min[axis].min(places[corner][axis]);
                    max[axis] = max[axis].max(places[corner][axis]);
                }
            }
            (nodes[at].min, nodes[at].max) = (min, max);
            if run.len() <= RUN {
                for &corner in &*run {
                    leaf_of[corner] = at as u32;
                }
            } else {
                let axis = usize::from(max[1] - min[1] > max[0] - min[0]);
                let half = run.len() / 2;
                run.select_nth_unstable_by(half, |&a, &b| {
                    places[a][axis].total_cmp(&places[b][axis])
                });
                nodes[at].children = nodes.len() as u32;
                nodes.push(Node::over([first, first + half], at as u32));
                nodes.push(Node::over([first + half, last], at as u32));
            }
            at += 1;
        }
        CornerTree {
            places,
            corners,
            nodes,
            leaf_of,
            looked_at: 0,
        }
    }

    /// Takes a corner out; tells whether it was in.
    pub fn remove(&mut self, corner: usize) -> bool {
        let mut at = std::mem::replace(&mut self.leaf_of[corner], NOWHERE);
        let was_in = at != NOWHERE;
        while at != NOWHERE {
            self.nodes[at as usize].left -= 1;
            at = self.nodes[at as usize].parent;
        }
        was_in
    }

    /// A corner in a counter-clockwise triangle or on its border that `blocks`.
    pub fn find_in(
        &mut self,
        triangle: [[f64; 2]; 3],
        blocks: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut open = vec![0];
        while let Some(at) = open.pop() {
            self.looked_at += 1;
            let node = &self.nodes[at];
            if node.left == 0 || node.is_apart_from(&triangle) {
                continue;
            }
            if node.children != 0 {
                let first = node.children as usize;
                open.extend([first, first + 1]);
                continue;
            }
            let [first, last] = node.range;
            self.looked_at += (last - first) as u64;
            let found = self.corners[first..last].iter().find(|&&corner| {
                self.leaf_of[corner] != NOWHERE
                    && contains(&triangle, self.places[corner])
                    && blocks(corner)
            });
            if let Some(&corner) = found {
                return Some(corner);
            }
        }
        None
    }
}

impl Node {
    fn over(range: [usize; 2], parent: u32) -> Node {
        Node {
            min: [0.0; 2],
            max: [0.0; 2],
            left: (range[1] - range[0]) as u32,
            parent,
            children: 0,
            range,
        }
    }

    /// Whether the box lies beyond one side of a counter-clockwise triangle for sure. A few boxes that rounding cannot
    /// tell from touching ones are let through.
    fn is_apart_from(&self, triangle: &[[f64; 2]; 3]) -> bool {
        const ROUNDING: f64 = 2e-15;
        (0..2).any(|axis| {
            triangle.iter().all(|p| p[axis] < self.min[axis])
                || triangle.iter().all(|p| p[axis] > self.max[axis])
        }) || (0..3).any(|i| {
            let (p, q) = (triangle[i], triangle[(i + 1) % 3]);
            let along = [q[0] - p[0], q[1] - p[1]];
            // The corner of the box that lies farthest to the left of the side.
            let x = if along[1] > 0.0 { self.min } else { self.max }[0];
            let y = if along[0] > 0.0 { self.max } else { self.min }[1];
            let (left, right) = (along[0] * (y - p[1]), along[1] * (x - p[0]));
            left - right < -ROUNDING * (left.abs() + right.abs())
        })
    }
}

/// Positive where the way from `a` over `b` to `c` turns left, zero where the three lie on one line: exactly so (Shewchuk
/// 1997, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates").
pub(super) fn turn(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    let [a, b, c] = [a, b, c].map(|[x, y]| Coord { x, y });
    orient2d(a, b, c)
}

/// Whether `point` lies in a counter-clockwise triangle or on its border.
fn contains(&[a, b, c]: &[[f64; 2]; 3], point: [f64; 2]) -> bool {
    turn(a, b, point) >= 0.0 && turn(b, c, point) >= 0.0 && turn(c, a, point) >= 0.0
}
