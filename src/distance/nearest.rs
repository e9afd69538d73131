//! The search for the closest triangle.

use super::bvh::{Bvh, Child, Lanes, Node, Slot, Target, WIDTH};
use super::triangle::{larger, squared_distance, squared_distances};

/// The closest triangle found so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearest {
    /// Squared distance; while there is no `slot`, the bound that a triangle must beat.
    pub squared: f32,
    pub slot: Option<Slot>,
}

impl Nearest {
    /// Nothing found yet; only triangles nearer than the root of `squared` count.
    pub fn within(squared: f32) -> Nearest {
        Nearest {
            squared,
            slot: None,
        }
    }
}

/// The nodes that a search has still to visit, kept between searches to spare the allocation.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<(f32, Child)>);

impl Bvh {
    /// Measures `point` against one triangle: a good start for [`search`](Self::search).
    pub fn measure(&self, point: [f32; 3], slot: Slot) -> Nearest {
        let leaf = &self.leaves[slot.leaf as usize];
        let squared = squared_distance(leaf, slot.lane as usize, point);
        Nearest {
            squared,
            slot: Some(slot),
        }
    }

    /// Improves `best` to the closest triangle of all.
    ///
    /// Where the search starts changes its speed and never the squared distance that it ends with.
    pub fn search(&self, point: [f32; 3], best: &mut Nearest, pending: &mut Pending) {
        let pending = &mut pending.0;
        pending.clear();
        pending.push((0.0, Child::new(Target::Node(0))));
        while let Some((squared, child)) = pending.pop() {
            if squared >= best.squared {
                continue;
            }
            match child.target() {
                Target::Node(index) => {
                    push_near_first(&self.nodes[index], point, best.squared, pending)
                }
                Target::Leaf(index) => {
                    let squared = squared_distances(&self.leaves[index], point);
                    for (lane, &squared) in squared.iter().enumerate() {
                        if squared < best.squared {
                            let slot = Slot {
                                leaf: index as u32,
                                lane: lane as u32,
                            };
                            *best = Nearest {
                                squared,
                                slot: Some(slot),
                            };
                        }
                    }
                }
            }
        }
    }
}

/// Pushes the children that are nearer than `limit`, the nearest last, so that it is visited next.
#[inline(always)]
fn push_near_first(node: &Node, point: [f32; 3], limit: f32, pending: &mut Vec<(f32, Child)>) {
    let squared = squared_distances_to_boxes(node, point);
    let first = pending.len();
    for (lane, &squared) in squared.iter().enumerate() {
        if squared < limit {
            pending.push((squared, node.children[lane]));
            let mut at = pending.len() - 1;
            while at > first && pending[at - 1].0 < squared {
                pending.swap(at, at - 1);
                at -= 1;
            }
        }
    }
}

#[inline(always)]
fn squared_distances_to_boxes(node: &Node, point: [f32; 3]) -> Lanes {
    let mut squared = [0.0; WIDTH];
    for (axis, x) in point.into_iter().enumerate() {
        let (lo, hi) = (&node.lo[axis], &node.hi[axis]);
        for (lane, squared) in squared.iter_mut().enumerate() {
            let outside = larger(larger(lo[lane] - x, x - hi[lane]), 0.0);
            *squared += outside * outside;
        }
    }
    squared
}
