//! Building the hierarchy: top down, cut by the surface area heuristic over bins (Wald 2007, "On fast Construction of
//! SAH-based Bounding Volume Hierarchies"), straight into wide nodes.

use rayon::prelude::*;

use super::bvh::{Bvh, Child, Leaf, Node, Target, WIDTH};
use super::facets::Facets;
use crate::CancelToken;

/// Builds the hierarchy over `triangles` with vertices at `positions`; `None` if cancelled.
///
/// The result does not depend on the number of threads.
pub(super) fn build(
    positions: &[[f32; 3]],
    triangles: &[[u32; 3]],
    cancel: &CancelToken,
) -> Option<Bvh> {
    let corners = |index: u32| triangles[index as usize].map(|v| positions[v as usize]);
    let mut items: Vec<Item> = (0..triangles.len() as u32)
        .into_par_iter()
        .map(|triangle| {
            let mut space = Space::EMPTY;
            corners(triangle)
                .into_iter()
                .for_each(|corner| space.include(corner));
            Item { space, triangle }
        })
        .collect();
    let tree = Builder { corners, cancel }.build(&mut items)?;
    let space = items
        .iter()
        .fold(Space::EMPTY, |space, item| space.around(&item.space));
    let facets = tree.leaves.par_iter().map(Facets::of).collect();
    Some(Bvh {
        nodes: tree.nodes,
        leaves: tree.leaves,
        facets,
        lo: space.lo,
        hi: space.hi,
    })
}

/// Above this many triangles the children of a node are built in parallel, and cancellation is looked at.
const PARALLEL: usize = 16_384;

/// Places along an axis where a cut is tried.
const BINS: usize = 16;

/// A triangle to be sorted in.
#[derive(Clone, Copy)]
struct Item {
    space: Space,
    triangle: u32,
}

/// A box.
#[derive(Clone, Copy)]
struct Space {
    lo: [f32; 3],
    hi: [f32; 3],
}

impl Space {
    const EMPTY: Space = Space {
        lo: [f32::INFINITY; 3],
        hi: [f32::NEG_INFINITY; 3],
    };

    fn include(&mut self, point: [f32; 3]) {
        for (axis, x) in point.into_iter().enumerate() {
            self.lo[axis] = self.lo[axis].min(x);
            self.hi[axis] = self.hi[axis].max(x);
        }
    }

    /// The box around both; the empty box adds nothing.
    fn around(mut self, other: &Space) -> Space {
        for axis in 0..3 {
            self.lo[axis] = self.lo[axis].min(other.lo[axis]);
            self.hi[axis] = self.hi[axis].max(other.hi[axis]);
        }
        self
    }

    /// Half the surface area; zero for the empty box.
    fn half_area(&self) -> f32 {
        let [x, y, z] = [0, 1, 2].map(|axis| (self.hi[axis] - self.lo[axis]).max(0.0));
        x * y + y * z + z * x
    }

    /// Twice the centre: the factor does not matter for sorting.
    fn middle(&self, axis: usize) -> f32 {
        self.lo[axis] + self.hi[axis]
    }
}

/// A part of the hierarchy; its root is node 0, and indices count within the part.
#[derive(Default)]
struct Part {
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
}

struct Builder<'a, C> {
    corners: C,
    cancel: &'a CancelToken,
}

impl<C: Fn(u32) -> [[f32; 3]; 3] + Sync> Builder<'_, C> {
    /// Builds a part over at least one item.
    fn build(&self, items: &mut [Item]) -> Option<Part> {
        if items.len() <= PARALLEL {
            let mut part = Part::default();
            self.append_node(items, &mut part);
            return Some(part);
        }
        if self.cancel.is_cancelled() {
            return None;
        }
        let groups = split(items);
        let parts: Vec<Option<(Space, Part)>> = groups
            .into_par_iter()
            .map(|group| {
                let space = around_all(group);
                self.build(group).map(|part| (space, part))
            })
            .collect();
        let mut whole = Part {
            nodes: vec![Node::empty()],
            leaves: Vec::new(),
        };
        for (lane, part) in parts.into_iter().enumerate() {
            let (space, part) = part?;
            let root = whole.absorb(part);
            set_child(&mut whole.nodes[0], lane, &space, Target::Node(root));
        }
        Some(whole)
    }

    /// Appends the node over `items`, with everything below it, and returns its index.
    fn append_node(&self, items: &mut [Item], part: &mut Part) -> usize {
        let index = part.nodes.len();
        part.nodes.push(Node::empty());
        for (lane, group) in split(items).into_iter().enumerate() {
            let space = around_all(group);
            let target = if group.len() <= WIDTH {
                part.leaves.push(self.leaf(group));
                Target::Leaf(part.leaves.len() - 1)
            } else {
                Target::Node(self.append_node(group, part))
            };
            set_child(&mut part.nodes[index], lane, &space, target);
        }
        index
    }

    fn leaf(&self, items: &[Item]) -> Leaf {
        let mut leaf = Leaf::empty();
        for (lane, item) in items.iter().enumerate() {
            let corners = (self.corners)(item.triangle);
            for axis in 0..3 {
                for (corner, position) in corners.iter().enumerate() {
                    leaf.corners[corner][axis][lane] = position[axis];
                }
            }
            leaf.triangles[lane] = item.triangle;
        }
        leaf
    }
}

impl Part {
    /// Appends another part and returns the index of its root.
    fn absorb(&mut self, part: Part) -> usize {
        let (nodes, leaves) = (self.nodes.len(), self.leaves.len());
        self.leaves.extend(part.leaves);
        self.nodes.extend(part.nodes.into_iter().map(|mut node| {
            node.children = node.children.map(|child| match child.target() {
                Target::Node(index) => Child::new(Target::Node(index + nodes)),
                Target::Leaf(index) => Child::new(Target::Leaf(index + leaves)),
            });
            node
        }));
        nodes
    }
}

fn set_child(node: &mut Node, lane: usize, space: &Space, target: Target) {
    for axis in 0..3 {
        node.lo[axis][lane] = space.lo[axis];
        node.hi[axis][lane] = space.hi[axis];
    }
    node.children[lane] = Child::new(target);
    for axis in 0..3 {
        node.around.lo[axis] = node.around.lo[axis].min(space.lo[axis]);
        node.around.hi[axis] = node.around.hi[axis].max(space.hi[axis]);
    }
}

fn around_all(items: &[Item]) -> Space {
    items
        .iter()
        .fold(Space::EMPTY, |space, item| space.around(&item.space))
}

/// Sorts `items` into at most [`WIDTH`] groups, cutting the group with the largest surface first.
fn split(items: &mut [Item]) -> Vec<&mut [Item]> {
    let mut groups = vec![(around_all(items).half_area(), items)];
    while groups.len() < WIDTH {
        let splittable = groups
            .iter()
            .enumerate()
            .filter(|(_, (_, group))| group.len() > WIDTH);
        let largest = splittable
            .max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))
            .map(|(index, _)| index);
        let Some(index) = largest else { break };
        let (_, group) = groups.swap_remove(index);
        let (left, right) = cut(group);
        for half in [left, right] {
            groups.push((around_all(half).half_area(), half));
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Cuts more than one item in two, where the sum of area times number of leaves is smallest.
fn cut(items: &mut [Item]) -> (&mut [Item], &mut [Item]) {
    let mut middles = Space::EMPTY;
    for item in items.iter() {
        middles.include([
            item.space.middle(0),
            item.space.middle(1),
            item.space.middle(2),
        ]);
    }
    let bins = Bins {
        lo: middles.lo,
        scale: [0, 1, 2].map(|axis| BINS as f32 / (middles.hi[axis] - middles.lo[axis])),
    };
    let boundary = bins.cheapest_cut(items).map(|(axis, last)| {
        let mut left = 0;
        for index in 0..items.len() {
            if bins.bin(&items[index], axis) <= last {
                items.swap(left, index);
                left += 1;
            }
        }
        left
    });
    // All centres at one place: any halves are as good as others.
    let boundary = boundary.unwrap_or(items.len() / 2);
    items.split_at_mut(boundary)
}

/// Equal slices of the space that the centres take up, along each axis.
struct Bins {
    lo: [f32; 3],
    scale: [f32; 3],
}

impl Bins {
    fn bin(&self, item: &Item, axis: usize) -> usize {
        // The scale of an axis without extent is infinite, and zero times infinity becomes bin 0.
        let place = (item.space.middle(axis) - self.lo[axis]) * self.scale[axis];
        (place as usize).min(BINS - 1)
    }

    /// The axis, and the last bin of the left side; `None` if every axis has all items in one bin.
    fn cheapest_cut(&self, items: &[Item]) -> Option<(usize, usize)> {
        let mut filled = [[(0_usize, Space::EMPTY); BINS]; 3];
        for item in items {
            for (axis, bins) in filled.iter_mut().enumerate() {
                let (count, space) = &mut bins[self.bin(item, axis)];
                *count += 1;
                *space = space.around(&item.space);
            }
        }
        let mut cheapest = None;
        let mut lowest = f32::INFINITY;
        for (axis, bins) in filled.iter().enumerate() {
            // Costs of the right sides first, from the right; then the left sides meet them.
            let mut right_cost = [0.0; BINS];
            let (mut count, mut space) = (0, Space::EMPTY);
            for bin in (1..BINS).rev() {
                count += bins[bin].0;
                space = space.around(&bins[bin].1);
                right_cost[bin] = cost(count, &space);
            }
            let right_count = |left: usize| items.len() - left;
            let (mut count, mut space) = (0, Space::EMPTY);
            for bin in 0..BINS - 1 {
                count += bins[bin].0;
                space = space.around(&bins[bin].1);
                let total = cost(count, &space) + right_cost[bin + 1];
                if count > 0 && right_count(count) > 0 && total < lowest {
                    lowest = total;
                    cheapest = Some((axis, bin));
                }
            }
        }
        cheapest
    }
}

/// What a group costs a query: the chance to meet its box, times the leaves in it. Counting whole leaves keeps them full.
fn cost(count: usize, space: &Space) -> f32 {
    count.div_ceil(WIDTH) as f32 * space.half_area()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::distance::bvh::NOWHERE;

    fn soup(count: u32, seed: u64) -> (Vec<[f32; 3]>, Vec<[u32; 3]>) {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let positions = (0..count * 3)
            .map(|_| [0; 3].map(|_| rng.random_range(-1.0..1.0)))
            .collect();
        (
            positions,
            (0..count).map(|i| [3 * i, 3 * i + 1, 3 * i + 2]).collect(),
        )
    }

    /// Visits every triangle below `child`, checking that it lies in the box that leads to it.
    fn check(bvh: &Bvh, target: Target, lo: [f32; 3], hi: [f32; 3], seen: &mut Vec<u32>) {
        match target {
            Target::Leaf(index) => {
                let leaf = &bvh.leaves[index];
                for lane in (0..WIDTH).filter(|&lane| leaf.triangles[lane] != u32::MAX) {
                    for corner in leaf.triangle(lane) {
                        assert!((0..3).all(|i| lo[i] <= corner[i] && corner[i] <= hi[i]));
                    }
                    seen.push(leaf.triangles[lane]);
                }
            }
            Target::Node(index) => {
                let node = &bvh.nodes[index];
                for lane in (0..WIDTH).filter(|&lane| node.lo[0][lane] <= node.hi[0][lane]) {
                    let (below_lo, below_hi) = (node.lo.map(|a| a[lane]), node.hi.map(|a| a[lane]));
                    assert!((0..3).all(|i| lo[i] <= below_lo[i] && below_hi[i] <= hi[i]));
                    check(bvh, node.children[lane].target(), below_lo, below_hi, seen);
                }
            }
        }
    }

    #[test]
    fn every_triangle_is_in_one_leaf_and_in_all_boxes_above_it() {
        for count in [1, 7, 8, 9, 100, 1000, 40_000] {
            let (positions, triangles) = soup(count, u64::from(count));
            let bvh = build(&positions, &triangles, &CancelToken::new()).unwrap();
            let mut seen = Vec::new();
            check(&bvh, Target::Node(0), bvh.lo, bvh.hi, &mut seen);
            seen.sort_unstable();
            assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn triangles_at_one_place_still_make_a_tree() {
        let positions = vec![[0.5, 0.5, 0.5], [0.6, 0.5, 0.5], [0.5, 0.6, 0.5]];
        let triangles = vec![[0, 1, 2]; 20_000];
        let bvh = build(&positions, &triangles, &CancelToken::new()).unwrap();
        let mut seen = Vec::new();
        check(&bvh, Target::Node(0), bvh.lo, bvh.hi, &mut seen);
        assert_eq!(seen.len(), triangles.len());
        assert!(
            bvh.leaves
                .iter()
                .all(|leaf| leaf.corners[0][0][0] < NOWHERE)
        );
    }

    #[test]
    fn cancelling_stops_the_build() {
        let (positions, triangles) = soup(20_000, 1);
        let cancel = CancelToken::new();
        cancel.cancel();
        assert!(build(&positions, &triangles, &cancel).is_none());
    }
}
