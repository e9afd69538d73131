//! A tree of boxes, to find those that overlap a given one.

use rayon::prelude::*;

use super::Bounds;

/// A complete binary tree over runs of [`RUN`] boxes, sorted along a Morton curve; node `n` has the children `2n` and
/// `2n + 1`.
pub(super) struct BoxTree {
    /// What is in the tree, in the order of the curve.
    items: Vec<Item>,
    nodes: Vec<Bounds>,
    /// Index of the first leaf, a power of two.
    leaves: usize,
}

struct Item {
    bounds: Bounds,
    index: u32,
}

const RUN: usize = 8;

impl BoxTree {
    /// The tree over `boxes`, which lie in the unit frame.
    pub fn over(boxes: &[Bounds]) -> BoxTree {
        let mut items: Vec<Item> = (0..)
            .zip(boxes)
            .map(|(index, &bounds)| Item { bounds, index })
            .collect();
        items.par_sort_by_cached_key(|item| curve_key(item.bounds.center()));
        let leaves = items.len().div_ceil(RUN).next_power_of_two();
        let mut nodes = vec![Bounds::EMPTY; 2 * leaves];
        for (leaf, run) in items.chunks(RUN).enumerate() {
            nodes[leaves + leaf] = run
                .iter()
                .map(|item| item.bounds)
                .fold(Bounds::EMPTY, around);
        }
        for node in (1..leaves).rev() {
            nodes[node] = around(nodes[2 * node], nodes[2 * node + 1]);
        }
        BoxTree {
            items,
            nodes,
            leaves,
        }
    }

    /// Calls `answer` with the index of each box and those of the boxes that overlap or touch it once it is grown by
    /// `margin`, itself among them; the answers, in the order of the curve.
    pub fn map_overlapping<T: Send>(
        &self,
        margin: f64,
        answer: impl Fn(u32, &[u32]) -> T + Sync,
    ) -> Vec<T> {
        let runs = self.items.par_chunks(RUN).enumerate();
        let answers = runs.flat_map_iter(|(run, items)| {
            // What is near to one of a run is near to the others.
            let near = self.overlapping(&self.nodes[self.leaves + run].grown(margin));
            let mut indices = Vec::new();
            let answers: Vec<T> = items
                .iter()
                .map(|item| {
                    let bounds = item.bounds.grown(margin);
                    let overlapping = near.iter().filter(|other| overlap(&other.bounds, &bounds));
                    indices.clear();
                    indices.extend(overlapping.map(|other| other.index));
                    answer(item.index, &indices)
                })
                .collect();
            answers
        });
        answers.collect()
    }

    /// The indices of the boxes that overlap or touch `bounds`, which may be infinite.
    pub fn indices_overlapping(&self, bounds: &Bounds) -> Vec<u32> {
        let found = self.overlapping(bounds);
        found.into_iter().map(|item| item.index).collect()
    }

    fn overlapping(&self, bounds: &Bounds) -> Vec<&Item> {
        let mut found = Vec::new();
        let mut open = vec![1];
        while let Some(node) = open.pop() {
            if !overlap(&self.nodes[node], bounds) {
                continue;
            }
            if node < self.leaves {
                open.extend([2 * node, 2 * node + 1]);
                continue;
            }
            let first = ((node - self.leaves) * RUN).min(self.items.len());
            let last = (first + RUN).min(self.items.len());
            let items = self.items[first..last].iter();
            found.extend(items.filter(|item| overlap(&item.bounds, bounds)));
        }
        found
    }
}

/// The place of a point along a Morton curve: near keys are near in space.
fn curve_key(point: [f64; 3]) -> u64 {
    let cells =
        point.map(|x| (((x + 1.0) * 0.5).clamp(0.0, 1.0) * f64::from((1 << 20) - 1)) as u64);
    (0..20).fold(0, |key, bit| {
        (0..3).fold(key, |key, axis| {
            key | ((cells[axis] >> bit) & 1) << (3 * bit + axis as u64)
        })
    })
}

fn around(a: Bounds, b: Bounds) -> Bounds {
    // Corner by corner, so that the empty box adds nothing.
    Bounds {
        min: std::array::from_fn(|axis| a.min[axis].min(b.min[axis])),
        max: std::array::from_fn(|axis| a.max[axis].max(b.max[axis])),
    }
}

fn overlap(a: &Bounds, b: &Bounds) -> bool {
    (0..3).all(|axis| a.min[axis] <= b.max[axis] && b.min[axis] <= a.max[axis])
}
