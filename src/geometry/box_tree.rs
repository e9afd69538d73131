//! A tree of boxes, to find those that overlap a given one.

use rayon::prelude::*;

use super::Bounds;
use crate::CancelToken;

/// A complete binary tree over runs of [`RUN`] boxes, sorted along a Morton curve; node `n` has the children `2n` and
/// `2n + 1`.
pub(super) struct BoxTree {
    /// What is in the tree, in the order of the curve.
    items: Vec<Item>,
    nodes: Vec<Room>,
    /// Index of the first leaf, a power of two.
    leaves: usize,
}

struct Item {
    room: Room,
    index: u32,
}

/// A box in single precision, which holds the one in double precision: half of the memory, and what overlaps still does.
#[derive(Clone, Copy)]
struct Room {
    min: [f32; 3],
    max: [f32; 3],
}

impl Room {
    const EMPTY: Room = Room {
        min: [f32::INFINITY; 3],
        max: [f32::NEG_INFINITY; 3],
    };

    fn of(bounds: &Bounds) -> Room {
        let below = |x: f64| Some(x as f32).filter(|&y| f64::from(y) <= x);
        let above = |x: f64| Some(x as f32).filter(|&y| f64::from(y) >= x);
        Room {
            min: (bounds.min).map(|x| below(x).unwrap_or_else(|| (x as f32).next_down())),
            max: (bounds.max).map(|x| above(x).unwrap_or_else(|| (x as f32).next_up())),
        }
    }

    /// The box around both; the empty box adds nothing.
    fn around(self, other: Room) -> Room {
        Room {
            min: std::array::from_fn(|axis| self.min[axis].min(other.min[axis])),
            max: std::array::from_fn(|axis| self.max[axis].max(other.max[axis])),
        }
    }

    fn overlaps(&self, other: &Room) -> bool {
        (0..3).all(|axis| self.min[axis] <= other.max[axis] && other.min[axis] <= self.max[axis])
    }

    fn grown(&self, margin: f64) -> Room {
        Room::of(&Bounds {
            min: self.min.map(|x| f64::from(x) - margin),
            max: self.max.map(|x| f64::from(x) + margin),
        })
    }
}

const RUN: usize = 8;

/// Runs that are worked on at once; in between it is looked at what is left to do.
const BLOCK: usize = 64;

/// As many pairs of that many boxes are compared before one can call it a tangle: where thousands of boxes lie over each
/// other, each has all the others near it. Of ordinary meshes some dozens for each are compared.
pub(super) fn most_pairs(boxes: usize) -> u64 {
    10_000_000 + 100 * boxes as u64
}

impl BoxTree {
    /// The tree over `boxes`, which lie in the unit frame.
    pub fn over(boxes: &[Bounds]) -> BoxTree {
        BoxTree::over_each(boxes.len(), |index| boxes[index])
    }

    /// The tree over `count` boxes, which lie in the unit frame.
    pub fn over_each(count: usize, bounds: impl Fn(usize) -> Bounds + Sync) -> BoxTree {
        let all = (0..count as u32).into_par_iter();
        let mut order: Vec<(u64, u32)> = all
            .map(|index| (curve_key(bounds(index as usize).center()), index))
            .collect();
        order.par_sort_unstable();
        let items: Vec<Item> = order
            .into_par_iter()
            .map(|(_, index)| Item {
                room: Room::of(&bounds(index as usize)),
                index,
            })
            .collect();
        let leaves = items.len().div_ceil(RUN).next_power_of_two();
        let mut nodes = vec![Room::EMPTY; 2 * leaves];
        for (leaf, run) in items.chunks(RUN).enumerate() {
            let rooms = run.iter().map(|item| item.room);
            nodes[leaves + leaf] = rooms.fold(Room::EMPTY, Room::around);
        }
        for node in (1..leaves).rev() {
            nodes[node] = nodes[2 * node].around(nodes[2 * node + 1]);
        }
        BoxTree {
            items,
            nodes,
            leaves,
        }
    }

    /// Calls `answer` with the index of each box and those of the boxes that overlap or touch it once it is grown by
    /// `margin`, itself among them.
    ///
    /// Ends early when more than `most_pairs` pairs of boxes would have to be compared, as where thousands of boxes lie over
    /// each other, and soon after `cancel` is set. What is done until then does not depend on the number of threads.
    pub fn map_overlapping<T: Send>(
        &self,
        margin: f64,
        most_pairs: u64,
        cancel: &CancelToken,
        answer: impl Fn(u32, &[u32]) -> T + Sync,
    ) -> Overlaps<T> {
        let mut overlaps = Overlaps {
            answers: Vec::new(),
            pairs: 0,
            complete: false,
        };
        let answered = |run: usize, most: u64| match cancel.is_cancelled() {
            true => None,
            false => self.answers_of_run(run, margin, most, &answer),
        };
        let runs = self.items.len().div_ceil(RUN);
        for first in (0..runs).step_by(BLOCK) {
            let block = first..(first + BLOCK).min(runs);
            let share = (most_pairs - overlaps.pairs) / block.len() as u64;
            let done: Vec<_> = (block.clone().into_par_iter())
                .map(|run| answered(run, share))
                .collect();
            for (run, done) in block.zip(done) {
                // A run that had too small a share gets all that is left.
                let done = done.or_else(|| answered(run, most_pairs - overlaps.pairs));
                let Some((answers, pairs)) =
                    done.filter(|done| done.1 + overlaps.pairs <= most_pairs)
                else {
                    return overlaps;
                };
                overlaps.answers.extend(answers);
                overlaps.pairs += pairs;
            }
        }
        overlaps.complete = true;
        overlaps
    }

    /// The answers for one run and how many pairs were compared for them; `None` if there are more than `most`.
    fn answers_of_run<T>(
        &self,
        run: usize,
        margin: f64,
        most: u64,
        answer: &impl Fn(u32, &[u32]) -> T,
    ) -> Option<(Vec<T>, u64)> {
        let items = self.run(run);
        // What is near to one of a run is near to the others.
        let around = self.nodes[self.leaves + run].grown(margin);
        let near = self.overlapping(&around, most / items.len() as u64)?;
        let mut indices = Vec::new();
        let answers = items.iter().map(|item| {
            let room = item.room.grown(margin);
            let overlapping = near.iter().filter(|other| other.room.overlaps(&room));
            indices.clear();
            indices.extend(overlapping.map(|other| other.index));
            answer(item.index, &indices)
        });
        Some((answers.collect(), (near.len() * items.len()) as u64))
    }

    /// The indices of the boxes that overlap or touch `bounds`, which may be infinite.
    pub fn indices_overlapping(&self, bounds: &Bounds) -> Vec<u32> {
        let found = self.overlapping(&Room::of(bounds), u64::MAX);
        let found = found.unwrap_or_default();
        found.into_iter().map(|item| item.index).collect()
    }

    /// The items of which the boxes overlap or touch `bounds`; `None` if they are more than `most`.
    fn overlapping(&self, room: &Room, most: u64) -> Option<Vec<&Item>> {
        let mut found = Vec::new();
        let mut open = vec![1];
        while let Some(node) = open.pop() {
            if !self.nodes[node].overlaps(room) {
                continue;
            }
            if node < self.leaves {
                open.extend([2 * node, 2 * node + 1]);
                continue;
            }
            let items = self.run(node - self.leaves).iter();
            found.extend(items.filter(|item| item.room.overlaps(room)));
            if found.len() as u64 > most {
                return None;
            }
        }
        Some(found)
    }

    fn run(&self, run: usize) -> &[Item] {
        let first = (run * RUN).min(self.items.len());
        &self.items[first..(first + RUN).min(self.items.len())]
    }
}

/// What [`BoxTree::map_overlapping`] got to.
pub(super) struct Overlaps<T> {
    /// The answers, in the order of the curve.
    pub answers: Vec<T>,
    /// Pairs of boxes that were compared for them.
    pub pairs: u64,
    /// Whether these are all answers.
    pub complete: bool,
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    /// Boxes of a share of `1 / across` in a row, each of which touches two neighbours.
    fn row(count: usize) -> Vec<Bounds> {
        let edge = |i: usize| 2.0 * i as f64 / count as f64 - 1.0;
        (0..count)
            .map(|i| Bounds {
                min: [edge(i), 0.0, 0.0],
                max: [edge(i + 1), 0.1, 0.1],
            })
            .collect()
    }

    #[test]
    fn every_box_meets_its_neighbours_within_few_pairs() {
        const COUNT: usize = 5000;
        let tree = BoxTree::over(&row(COUNT));
        let cancel = CancelToken::new();
        let all = tree.map_overlapping(0.0, 40 * COUNT as u64, &cancel, |index, near| {
            (index, near.len())
        });
        assert!(all.complete && all.answers.len() == COUNT);
        for (index, near) in all.answers {
            let at_an_end = index == 0 || index == COUNT as u32 - 1;
            assert_eq!(near, if at_an_end { 2 } else { 3 });
        }
    }

    #[test]
    fn boxes_over_each_other_are_compared_up_to_the_limit_only() {
        const COUNT: usize = 20_000;
        let boxes = vec![Bounds::around([[0.0; 3], [0.5; 3]]); COUNT];
        let tree = BoxTree::over(&boxes);
        let all_pairs = (COUNT * COUNT) as u64;
        for most in [0, 1000, 1_000_000, all_pairs / 10] {
            let seen = AtomicUsize::new(0);
            let cancel = CancelToken::new();
            let part = tree.map_overlapping(0.0, most, &cancel, |_, near| {
                seen.fetch_add(near.len(), Relaxed);
            });
            assert!(
                !part.complete && part.pairs <= most,
                "{} of {most}",
                part.pairs
            );
            assert!(seen.load(Relaxed) as u64 <= 2 * most);
            // One run is 160,000 pairs.
            assert!(part.pairs + 160_000 > most || most < 160_000);
        }
    }

    #[test]
    fn a_long_box_may_have_more_than_its_share() {
        const COUNT: usize = 20_000;
        let mut boxes = row(COUNT);
        boxes[7] = Bounds::around([[-1.0, 0.0, 0.0], [1.0, 0.1, 0.1]]);
        let tree = BoxTree::over(&boxes);
        let cancel = CancelToken::new();
        let most = 60 * COUNT as u64;
        let all = tree.map_overlapping(0.0, most, &cancel, |index, near| (index, near.len()));
        assert!(all.complete);
        assert!(all.answers.contains(&(7, COUNT)));
    }

    #[test]
    fn cancelling_ends_it_before_or_after_one_more_block() {
        let tree = BoxTree::over(&row(50_000));
        let cancel = CancelToken::new();
        let answered = AtomicUsize::new(0);
        let part = tree.map_overlapping(0.0, u64::MAX, &cancel, |_, _| {
            answered.fetch_add(1, Relaxed);
            cancel.cancel();
        });
        assert!(!part.complete && (1..=BLOCK * RUN).contains(&answered.load(Relaxed)));
        let none = tree.map_overlapping(0.0, u64::MAX, &cancel, |_, _| ());
        assert!(!none.complete && none.answers.is_empty());
    }
}
