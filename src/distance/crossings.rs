//! Counting how often a ray along an axis crosses the surface.
//!
//! Each triangle answers exactly ([`turn`]), since all coordinates lie on a lattice
//! ([`on_lattice`](crate::geometry::on_lattice)): no count of a closed surface is ever off.

use pulp::Simd;

use super::bvh::{Bvh, Child, Leaf, Node, Target, WIDTH};
use super::vector::{bits, load, take_lowest, vectors};
use crate::geometry::turn;

/// What a ray met on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Crossings {
    /// Faces left through minus faces entered through: the winding number, if the surface is closed.
    pub winding: i32,
    /// All faces crossed.
    pub count: u32,
}

/// A direction along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    pub axis: usize,
    pub forward: bool,
}

impl Heading {
    /// The end of the way along its axis.
    #[inline(always)]
    pub fn infinity(self) -> f32 {
        if self.forward {
            f32::INFINITY
        } else {
            f32::NEG_INFINITY
        }
    }
}

/// The nodes that a count has still to visit, kept between counts to spare the allocation.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<Child>);

impl Bvh {
    /// Whether `point` lies outside the box around the mesh, where nothing can be inside.
    pub fn is_outside(&self, point: [f32; 3]) -> bool {
        (0..3).any(|axis| point[axis] < self.lo[axis] || point[axis] > self.hi[axis])
    }

    /// The way along `axis` that leaves the box sooner.
    pub fn shorter_way(&self, point: [f32; 3], axis: usize) -> Heading {
        let forward = self.hi[axis] - point[axis] < point[axis] - self.lo[axis];
        Heading { axis, forward }
    }

    /// The direction that leaves the box soonest: it meets the fewest triangles.
    pub fn shortest_way(&self, point: [f32; 3]) -> Heading {
        let ways = [0, 1, 2].map(|axis| {
            let length = (self.hi[axis] - point[axis]).min(point[axis] - self.lo[axis]);
            (length, self.shorter_way(point, axis))
        });
        let shorter = |a: (f32, Heading), b: (f32, Heading)| if b.0 < a.0 { b } else { a };
        ways.into_iter().reduce(shorter).map_or(
            Heading {
                axis: 0,
                forward: true,
            },
            |(_, way)| way,
        )
    }

    /// Counts the crossings of the ray from `point` in direction `heading`, up to the coordinate `end` along its axis,
    /// which may be infinite and must not be at the surface.
    #[inline(always)]
    pub fn crossings<S: Simd>(
        &self,
        simd: S,
        point: [f32; 3],
        heading: Heading,
        end: f32,
        pending: &mut Pending,
    ) -> Crossings {
        match (heading.axis, heading.forward) {
            (0, true) => self.count::<S, 0, true>(simd, point, end, pending),
            (0, false) => self.count::<S, 0, false>(simd, point, end, pending),
            (1, true) => self.count::<S, 1, true>(simd, point, end, pending),
            (1, false) => self.count::<S, 1, false>(simd, point, end, pending),
            (_, true) => self.count::<S, 2, true>(simd, point, end, pending),
            (_, false) => self.count::<S, 2, false>(simd, point, end, pending),
        }
    }

    #[inline(always)]
    fn count<S: Simd, const AXIS: usize, const FORWARD: bool>(
        &self,
        simd: S,
        point: [f32; 3],
        end: f32,
        pending: &mut Pending,
    ) -> Crossings {
        let mut crossings = Crossings::default();
        let pending = &mut pending.0;
        pending.clear();
        pending.push(Child::new(Target::Node(0)));
        let (mut lo, mut hi) = (point, point);
        if FORWARD {
            hi[AXIS] = end;
        } else {
            lo[AXIS] = end;
        }
        while let Some(child) = pending.pop() {
            match child.target() {
                Target::Node(index) => {
                    let node = &self.nodes[index];
                    let mut met = children_meeting(simd, node, lo, hi);
                    while let Some(lane) = take_lowest(&mut met) {
                        pending.push(node.children[lane % WIDTH]);
                    }
                }
                Target::Leaf(index) => {
                    let leaf = &self.leaves[index];
                    let mut met = triangles_meeting(simd, leaf, lo, hi);
                    while let Some(lane) = take_lowest(&mut met) {
                        let turn = crossing::<AXIS, FORWARD>(leaf, lane % WIDTH, point, end);
                        crossings.winding += turn;
                        crossings.count += turn.unsigned_abs();
                    }
                }
            }
        }
        crossings
    }
}

/// Children whose box meets the box from `lo` to `hi`.
#[inline(always)]
fn children_meeting<S: Simd>(simd: S, node: &Node, lo: [f32; 3], hi: [f32; 3]) -> u32 {
    let mut meeting = 0;
    for part in 0..vectors::<S>() {
        let mut apart = simd.splat_f32s(f32::NEG_INFINITY);
        for axis in 0..3 {
            let below = simd.sub_f32s(load::<S>(&node.lo[axis], part), simd.splat_f32s(hi[axis]));
            let above = simd.sub_f32s(simd.splat_f32s(lo[axis]), load::<S>(&node.hi[axis], part));
            apart = simd.max_f32s(apart, simd.max_f32s(below, above));
        }
        let meets = simd.less_than_or_equal_f32s(apart, simd.splat_f32s(0.0));
        meeting |= bits::<S>(meets) << (part * S::F32_LANES);
    }
    meeting
}

/// Triangles whose box meets the box from `lo` to `hi`: the others are surely missed.
#[inline(always)]
fn triangles_meeting<S: Simd>(simd: S, leaf: &Leaf, lo: [f32; 3], hi: [f32; 3]) -> u32 {
    let mut meeting = 0;
    for part in 0..vectors::<S>() {
        let mut apart = simd.splat_f32s(f32::NEG_INFINITY);
        for axis in 0..3 {
            let a = load::<S>(&leaf.corners[0][axis], part);
            let b = load::<S>(&leaf.corners[1][axis], part);
            let c = load::<S>(&leaf.corners[2][axis], part);
            let least = simd.min_f32s(a, simd.min_f32s(b, c));
            let most = simd.max_f32s(a, simd.max_f32s(b, c));
            let below = simd.sub_f32s(least, simd.splat_f32s(hi[axis]));
            let above = simd.sub_f32s(simd.splat_f32s(lo[axis]), most);
            apart = simd.max_f32s(apart, simd.max_f32s(below, above));
        }
        let meets = simd.less_than_or_equal_f32s(apart, simd.splat_f32s(0.0));
        meeting |= bits::<S>(meets) << (part * S::F32_LANES);
    }
    meeting
}

/// 1 if the ray leaves through the triangle in `lane`, -1 if it enters through it, 0 if it misses it.
#[inline(always)]
fn crossing<const AXIS: usize, const FORWARD: bool>(
    leaf: &Leaf,
    lane: usize,
    point: [f32; 3],
    end: f32,
) -> i32 {
    let mut corners = [[0.0; 3]; 3];
    for (to, from) in corners.iter_mut().zip(&leaf.corners) {
        *to = [
            f64::from(from[0][lane]),
            f64::from(from[1][lane]),
            f64::from(from[2][lane]),
        ];
    }
    let point = [
        f64::from(point[0]),
        f64::from(point[1]),
        f64::from(point[2]),
    ];
    turn::<AXIS, FORWARD>(corners, point, f64::from(end))
}
