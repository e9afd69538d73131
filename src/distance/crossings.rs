//! Counting how often a ray along an axis crosses the surface.
//!
//! Seen along the ray the triangles are flat, and whether the point lies in one is asked edge by edge. Each edge answers
//! exactly, since all coordinates lie on a lattice ([`on_lattice`]). A point exactly on an edge is
//! taken as moved by an infinitely small step, the same for all triangles (simulation of simplicity, Edelsbrunner and
//! Mücke 1990). So a ray through an edge or a vertex meets one of the triangles there, as it must, and no count of a
//! closed surface is ever off.

use super::bvh::{Bvh, Child, Leaf, Target, WIDTH};

/// What a ray met on its way to infinity.
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

    /// Counts the crossings of the ray from `point` in direction `heading`.
    #[inline(always)]
    pub fn crossings(&self, point: [f32; 3], heading: Heading, pending: &mut Pending) -> Crossings {
        match (heading.axis, heading.forward) {
            (0, true) => self.count::<0, true>(point, pending),
            (0, false) => self.count::<0, false>(point, pending),
            (1, true) => self.count::<1, true>(point, pending),
            (1, false) => self.count::<1, false>(point, pending),
            (_, true) => self.count::<2, true>(point, pending),
            (_, false) => self.count::<2, false>(point, pending),
        }
    }

    #[inline(always)]
    fn count<const AXIS: usize, const FORWARD: bool>(
        &self,
        point: [f32; 3],
        pending: &mut Pending,
    ) -> Crossings {
        let (u, v) = ((AXIS + 1) % 3, (AXIS + 2) % 3);
        let mut crossings = Crossings::default();
        let pending = &mut pending.0;
        pending.clear();
        pending.push(Child::new(Target::Node(0)));
        while let Some(child) = pending.pop() {
            match child.target() {
                Target::Node(index) => {
                    let node = &self.nodes[index];
                    let mut met = [false; WIDTH];
                    for (lane, met) in met.iter_mut().enumerate() {
                        let ahead = if FORWARD {
                            node.hi[AXIS][lane] >= point[AXIS]
                        } else {
                            node.lo[AXIS][lane] <= point[AXIS]
                        };
                        *met = ahead
                            & (node.lo[u][lane] <= point[u])
                            & (node.hi[u][lane] >= point[u])
                            & (node.lo[v][lane] <= point[v])
                            & (node.hi[v][lane] >= point[v]);
                    }
                    for (lane, met) in met.into_iter().enumerate() {
                        if met {
                            pending.push(node.children[lane]);
                        }
                    }
                }
                Target::Leaf(index) => {
                    let leaf = &self.leaves[index];
                    for (lane, may_meet) in may_meet::<AXIS, FORWARD>(leaf, point)
                        .into_iter()
                        .enumerate()
                    {
                        if may_meet {
                            let turn = crossing::<AXIS, FORWARD>(leaf, lane, point);
                            crossings.winding += turn;
                            crossings.count += turn.unsigned_abs();
                        }
                    }
                }
            }
        }
        crossings
    }
}

/// Lanes whose triangle is not surely missed: the ray passes its box.
#[inline(always)]
fn may_meet<const AXIS: usize, const FORWARD: bool>(leaf: &Leaf, point: [f32; 3]) -> [bool; WIDTH] {
    let (u, v) = ((AXIS + 1) % 3, (AXIS + 2) % 3);
    let [a, b, c] = &leaf.corners;
    let mut may = [false; WIDTH];
    for lane in 0..WIDTH {
        let below = |axis: usize| {
            (a[axis][lane] <= point[axis])
                | (b[axis][lane] <= point[axis])
                | (c[axis][lane] <= point[axis])
        };
        let above = |axis: usize| {
            (a[axis][lane] >= point[axis])
                | (b[axis][lane] >= point[axis])
                | (c[axis][lane] >= point[axis])
        };
        let ahead = if FORWARD { above(AXIS) } else { below(AXIS) };
        may[lane] = below(u) & above(u) & below(v) & above(v) & ahead;
    }
    may
}

/// 1 if the ray leaves through the triangle in `lane`, -1 if it enters through it, 0 if it misses it.
#[inline(always)]
fn crossing<const AXIS: usize, const FORWARD: bool>(
    leaf: &Leaf,
    lane: usize,
    point: [f32; 3],
) -> i32 {
    let (u, v) = ((AXIS + 1) % 3, (AXIS + 2) % 3);
    let corners = leaf.triangle(lane).map(|p| p.map(f64::from));
    let point = point.map(f64::from);
    let [a, b, c] = corners.map(|p| [p[u], p[v]]);
    let from = [point[u], point[v]];
    let [(at_c, side_c), (at_a, side_a), (at_b, side_b)] =
        [side(a, b, from), side(b, c, from), side(c, a, from)];
    if side_a != side_b || side_b != side_c {
        return 0;
    }
    // The edge functions are the weights of the opposite corners, so this is where the ray meets the plane.
    let met = (at_a * corners[0][AXIS] + at_b * corners[1][AXIS] + at_c * corners[2][AXIS])
        / (at_a + at_b + at_c);
    let ahead = if FORWARD {
        met > point[AXIS]
    } else {
        met < point[AXIS]
    };
    // A triangle seen counter-clockwise along the axis looks forward.
    i32::from(ahead) * if side_a == FORWARD { 1 } else { -1 }
}

/// Twice the area of the triangle from the edge `from`–`to` to `point`, and whether `point`, moved by a step that is
/// infinitely small in the first coordinate and still smaller in the second, lies to the left of the edge.
#[inline(always)]
fn side(from: [f64; 2], to: [f64; 2], point: [f64; 2]) -> (f64, bool) {
    let edge = [to[0] - from[0], to[1] - from[1]];
    let area = edge[0] * (point[1] - from[1]) - edge[1] * (point[0] - from[0]);
    let left = if area != 0.0 {
        area > 0.0
    } else if edge[1] != 0.0 {
        edge[1] < 0.0
    } else {
        edge[0] > 0.0
    };
    (area, left)
}

/// Rounds a coordinate of the unit frame to a multiple of 2⁻²⁴, half a step of `f32` below one.
///
/// Differences of two such numbers have 25 bits, and products of two differences fit into `f64`: that makes counting
/// crossings exact. A vertex moves by 3e-8 at most, as rounding to `f32` moves it anyway.
pub(super) fn on_lattice<T: Into<f64>>(x: T) -> f32 {
    const STEPS: f64 = (1 << 24) as f64;
    ((x.into() * STEPS).round() / STEPS) as f32
}
