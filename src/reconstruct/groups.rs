//! Where groups of points lie, and which of them are far from a place: what all sums over points have in common.

use rayon::prelude::*;

use super::tree::{Node, PointTree};
use super::vector::{minus, plus, squared_distance, squared_distance_to_box};

/// Places that go down the tree together.
pub(super) const LANES: usize = 16;

/// A group of points is far if a place is at least this many times its radius away from its middle.
const FAR: f32 = 2.2;

/// One number for each place.
pub(super) type Lanes = [f32; LANES];

/// Up to [`LANES`] places near each other. Lanes without a place repeat the last one.
pub(super) struct Places {
    pub at: [Lanes; 3],
    lo: [f32; 3],
    hi: [f32; 3],
    /// The widest ball that a place of the transposed sum is spread over.
    ball: f32,
    pub balls: Lanes,
}

impl Places {
    #[inline(always)]
    pub fn new(places: &[[f32; 3]], balls: Option<&[f32]>) -> Places {
        let mut group = Places {
            at: [[0.0; LANES]; 3],
            lo: [f32::INFINITY; 3],
            hi: [f32::NEG_INFINITY; 3],
            ball: 0.0,
            balls: [0.0; LANES],
        };
        for lane in 0..LANES {
            let index = lane.min(places.len() - 1);
            for (axis, x) in places[index].into_iter().enumerate() {
                group.at[axis][lane] = x;
                group.lo[axis] = group.lo[axis].min(x);
                group.hi[axis] = group.hi[axis].max(x);
            }
            group.balls[lane] = balls.map_or(0.0, |balls| balls[index]);
            group.ball = group.ball.max(group.balls[lane]);
        }
        group
    }
}

/// Where the groups of points lie, for both sums.
#[derive(Debug)]
pub(super) struct Groups {
    /// For each box of the tree the middle of its points, how far they reach from there, and the widest of their balls.
    pub groups: Vec<Group>,
    /// The radius of the ball that each point is spread over.
    pub balls: Vec<f32>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub center: [f32; 3],
    radius: f32,
    ball: f32,
}

impl Groups {
    /// The groups of `tree`, each of whose points is spread over a ball of one of the radii `balls`.
    pub fn new(tree: &PointTree, balls: Vec<f32>) -> Groups {
        let group = |node: &Node| {
            let points = &tree.points[node.range()];
            let share = 1.0 / points.len() as f32;
            // From a corner: sums of many large numbers lose digits.
            let sum = |sum, &point: &[f32; 3]| plus(sum, share, minus(point, node.lo));
            let center = plus(node.lo, 1.0, points.iter().fold([0.0; 3], sum));
            let squared = points.iter().map(|&point| squared_distance(point, center));
            Group {
                center,
                radius: squared.fold(0.0, f32::max).sqrt(),
                ball: balls[node.range()].iter().copied().fold(0.0, f32::max),
            }
        };
        Groups {
            groups: tree.nodes.par_iter().map(group).collect(),
            balls,
        }
    }

    /// The radius of the ball that a point is spread over.
    pub fn ball(&self, at: usize) -> f32 {
        self.balls[at]
    }

    /// Calls `far` with each box that is far from all places and `near` with each point of the others.
    #[inline(always)]
    pub fn walk(
        &self,
        tree: &PointTree,
        places: &Places,
        pending: &mut Vec<u32>,
        mut far: impl FnMut(usize),
        mut near: impl FnMut(usize),
    ) {
        pending.clear();
        pending.push(0);
        while let Some(index) = pending.pop() {
            let index = index as usize;
            let group = &self.groups[index];
            let reach = (FAR * group.radius).max(group.radius + group.ball.max(places.ball));
            let node = &tree.nodes[index];
            if squared_distance_to_box(group.center, places.lo, places.hi) > reach * reach {
                far(index);
            } else if node.second == 0 {
                node.range().for_each(&mut near);
            } else {
                pending.extend([node.second, index as u32 + 1]);
            }
        }
    }
}

/// One over the cube of a distance, or what takes its place within the ball that a point is spread over: more of it lies near
/// the middle, so that value and slope are those of the cube at the border.
#[inline(always)]
pub(super) fn inverse_cube(squared: f32, ball: f32) -> f32 {
    let inner = ball * ball;
    let outside = squared.max(inner).max(f32::MIN_POSITIVE);
    let cube = 1.0 / (outside * outside.sqrt());
    let share = (squared / outside).min(1.0);
    cube * (2.5 - 1.5 * share)
}
