//! The search for the closest triangle, for a group of neighbouring points at once.
//!
//! A group goes down the hierarchy together, which costs it little more than one point alone. What it meets on its way is
//! tested against all its points in one step, so that each point is measured against the few leaves that it needs.

use pulp::Simd;

use super::bvh::{Block, Bvh, Child, Lanes, Node, Slot, Target, WIDTH};
use super::facets::{Facets, dot_of, squared_distances};
use super::triangle::{larger, smaller, squared_distance};
use super::vector::{bits, load, store, take_lowest, vectors};

/// Up to [`WIDTH`] points and the closest triangle of each found so far.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Group {
    /// Lanes without a point repeat another one.
    points: [Lanes; 3],
    /// One bit for each lane that has a point.
    used: u32,
    /// Box around the points.
    lo: [f32; 3],
    hi: [f32; 3],
    /// Squared distances; where there is no slot, the bound that a triangle must beat.
    squared: Lanes,
    /// Where the closest triangles are, [`NO_SLOT`] while none is found.
    slots: [u32; WIDTH],
    /// Squared distance up to which a box may hold something closer, whatever was rounded.
    limits: Lanes,
    /// The largest of them.
    limit: f32,
}

/// No triangle yet.
const NO_SLOT: u32 = u32::MAX;

/// What rounding may do to a distance in the unit frame, and to its last digits if it is long. It lets a box be visited
/// that holds a triangle just as close, so that the distance found does not depend on where the search began.
const ROUNDING: f32 = 1e-6;
const RELATIVE_ROUNDING: f32 = 2e-6;

/// The nodes that a search has still to visit, kept between searches to spare the allocation.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<(f32, Child)>);

impl Group {
    /// A group of `points`, at most [`WIDTH`] and at least one, with nothing found yet.
    #[inline(always)]
    pub fn new(points: &[[f32; 3]]) -> Group {
        let mut group = Group {
            points: [[0.0; WIDTH]; 3],
            used: (1_u32 << points.len()) - 1,
            lo: points[0],
            hi: points[0],
            squared: [0.0; WIDTH],
            slots: [NO_SLOT; WIDTH],
            limits: [0.0; WIDTH],
            limit: 0.0,
        };
        for lane in 0..WIDTH {
            let point = points.get(lane).unwrap_or(&points[0]);
            for (axis, &x) in point.iter().enumerate() {
                group.points[axis][lane] = x;
                group.lo[axis] = smaller(group.lo[axis], x);
                group.hi[axis] = larger(group.hi[axis], x);
            }
            if lane < points.len() {
                group.squared[lane] = f32::INFINITY;
            }
        }
        group
    }

    /// The triangle closest to the point in `lane`.
    #[inline(always)]
    pub fn slot(&self, lane: usize) -> Option<Slot> {
        Some(self.slots[lane])
            .filter(|&slot| slot != NO_SLOT)
            .map(Slot::from_number)
    }

    /// Lets only triangles count that are nearer to the point in `lane` than the root of `squared`.
    #[inline(always)]
    pub fn bound(&mut self, lane: usize, squared: f32) {
        if squared < self.squared[lane] {
            self.squared[lane] = squared;
            self.slots[lane] = NO_SLOT;
        }
    }

    /// Forgets bounds that no triangle beat; whether there were any.
    #[inline(always)]
    pub fn forget_bounds(&mut self) -> bool {
        let mut any = false;
        for lane in (0..WIDTH).filter(|lane| self.used >> lane & 1 == 1) {
            if self.slots[lane] == NO_SLOT {
                self.squared[lane] = f32::INFINITY;
                any = true;
            }
        }
        any
    }

    /// Distances to the triangles found, right to the last digits: the search turns the points into the frames of the
    /// triangles, which costs some. Call it when every point has a triangle.
    #[inline(always)]
    pub fn distances(&self, bvh: &Bvh) -> Lanes {
        let mut corners = [[[0.0; WIDTH]; 3]; 3];
        let mut normals = [[0.0; WIDTH]; 3];
        for lane in 0..WIDTH {
            let Some(slot) = self.slot(lane) else {
                continue;
            };
            let (triangle, facets) = (bvh.corners(slot), &bvh.facets[slot.leaf as usize]);
            let normal = facets.normal(slot.lane as usize);
            for axis in 0..3 {
                for corner in 0..3 {
                    corners[corner][axis][lane] = triangle[corner][axis];
                }
                normals[axis][lane] = normal[axis];
            }
        }
        let mut distances = [0.0; WIDTH];
        for (lane, distance) in distances.iter_mut().enumerate() {
            let at = |lanes: &[Lanes; 3]| [lanes[0][lane], lanes[1][lane], lanes[2][lane]];
            let triangle = [at(&corners[0]), at(&corners[1]), at(&corners[2])];
            *distance = squared_distance(triangle, at(&normals), at(&self.points)).sqrt();
        }
        distances
    }

    #[inline(always)]
    fn point<S: Simd>(&self, part: usize) -> [S::f32s; 3] {
        [
            load::<S>(&self.points[0], part),
            load::<S>(&self.points[1], part),
            load::<S>(&self.points[2], part),
        ]
    }

    /// Computes the limits from the distances.
    #[inline(always)]
    fn tighten<S: Simd>(&mut self, simd: S) {
        let mut largest = simd.splat_f32s(0.0);
        for part in 0..vectors::<S>() {
            let distance = simd.sqrt_f32s(load::<S>(&self.squared, part));
            let reach = simd.mul_add_e_f32s(
                distance,
                simd.splat_f32s(1.0 + RELATIVE_ROUNDING),
                simd.splat_f32s(ROUNDING),
            );
            let limit = simd.mul_f32s(reach, reach);
            store::<S>(&mut self.limits, part, limit);
            largest = simd.max_f32s(largest, limit);
        }
        self.limit = simd.reduce_max_f32s(largest);
    }

    /// The points that may be closer to something in `block` than to what they have.
    #[inline(always)]
    fn reaching<S: Simd>(&self, simd: S, block: &Block) -> u32 {
        let mut reaching = 0;
        for part in 0..vectors::<S>() {
            let point = self.point::<S>(part);
            let mut squared = simd.splat_f32s(0.0);
            for axis in 0..3 {
                let direction = [
                    simd.splat_f32s(block.axes[axis][0]),
                    simd.splat_f32s(block.axes[axis][1]),
                    simd.splat_f32s(block.axes[axis][2]),
                ];
                let along = dot_of(simd, point, direction);
                squared = add_outside(
                    simd,
                    squared,
                    simd.sub_f32s(simd.splat_f32s(block.lo[axis]), along),
                    simd.sub_f32s(along, simd.splat_f32s(block.hi[axis])),
                );
            }
            let near = simd.less_than_f32s(squared, load::<S>(&self.limits, part));
            reaching |= bits::<S>(near) << (part * S::F32_LANES);
        }
        reaching & self.used
    }

    /// Measures all points against one triangle: a good start for a search.
    #[inline(always)]
    pub fn measure<S: Simd>(&mut self, simd: S, facets: &Facets, slot: Slot) {
        let facet = facets.splat(simd, slot.lane as usize);
        let number = slot.number();
        for part in 0..vectors::<S>() {
            let squared = squared_distances(simd, facet, self.point::<S>(part));
            let best = load::<S>(&self.squared, part);
            store::<S>(&mut self.squared, part, simd.min_f32s(squared, best));
            let slots = &mut S::as_mut_simd_u32s(&mut self.slots).0[part];
            // Of triangles that are just as close the first counts, in whatever order they are met.
            let number = simd.splat_u32s(number);
            let closer = simd.less_than_f32s(squared, best);
            let as_close = simd.less_than_or_equal_f32s(squared, best);
            let earlier = simd.less_than_u32s(number, *slots);
            let better = simd.or_m32s(closer, simd.and_m32s(as_close, earlier));
            *slots = simd.select_u32s(better, number, *slots);
        }
    }

    /// Measures the point in `lane` against all triangles of a leaf.
    #[inline(always)]
    fn measure_leaf<S: Simd>(&mut self, simd: S, facets: &Facets, leaf: u32, lane: usize) {
        let point = [
            simd.splat_f32s(self.points[0][lane]),
            simd.splat_f32s(self.points[1][lane]),
            simd.splat_f32s(self.points[2][lane]),
        ];
        for part in 0..vectors::<S>() {
            let squared = squared_distances(simd, facets.part::<S>(part), point);
            let least = simd.reduce_min_f32s(squared);
            let at = bits::<S>(simd.equal_f32s(squared, simd.splat_f32s(least)));
            let facet = part as u32 * S::F32_LANES as u32 + at.trailing_zeros();
            let number = Slot { leaf, lane: facet }.number();
            let (best, slot) = (self.squared[lane], self.slots[lane]);
            if (least < best) | ((least == best) & (number < slot)) {
                self.squared[lane] = least;
                self.slots[lane] = number;
            }
        }
    }
}

/// `squared` and the square of the larger of two numbers, if that is positive.
#[inline(always)]
fn add_outside<S: Simd>(simd: S, squared: S::f32s, below: S::f32s, above: S::f32s) -> S::f32s {
    let outside = simd.max_f32s(simd.max_f32s(below, above), simd.splat_f32s(0.0));
    simd.mul_add_e_f32s(outside, outside, squared)
}

/// From this many points on it is cheaper to measure each triangle against all points than each point against all
/// triangles, which ends in a search for the smallest distance.
const MANY: u32 = 9;

impl Bvh {
    /// Improves the distances of `group` to those of the closest triangles of all.
    ///
    /// Where the search starts changes its speed and never the distances that it ends with.
    #[inline(always)]
    pub fn search<S: Simd>(&self, simd: S, group: &mut Group, pending: &mut Pending) {
        let pending = &mut pending.0;
        pending.clear();
        pending.push((0.0, Child::new(Target::Node(0))));
        group.tighten(simd);
        while let Some((squared, child)) = pending.pop() {
            if squared >= group.limit {
                continue;
            }
            match child.target() {
                Target::Node(index) => {
                    let node = &self.nodes[index];
                    if group.reaching(simd, &node.around) != 0 {
                        push_near_first(simd, node, group, pending);
                    }
                }
                Target::Leaf(index) => {
                    let facets = &self.facets[index];
                    let mut reaching = group.reaching(simd, &facets.around);
                    if reaching == 0 {
                        continue;
                    }
                    if reaching.count_ones() >= MANY {
                        for lane in 0..facets.count {
                            let leaf = index as u32;
                            group.measure(simd, facets, Slot { leaf, lane });
                        }
                    } else {
                        while let Some(lane) = take_lowest(&mut reaching) {
                            group.measure_leaf(simd, facets, index as u32, lane % WIDTH);
                        }
                    }
                    group.tighten(simd);
                }
            }
        }
    }
}

/// Pushes the children that are in reach of the box around the group, the nearest last, so that it is visited next.
#[inline(always)]
fn push_near_first<S: Simd>(simd: S, node: &Node, group: &Group, pending: &mut Vec<(f32, Child)>) {
    let mut distances = [0.0; WIDTH];
    let mut reached = 0;
    for part in 0..vectors::<S>() {
        let mut squared = simd.splat_f32s(0.0);
        for axis in 0..3 {
            squared = add_outside(
                simd,
                squared,
                simd.sub_f32s(
                    load::<S>(&node.lo[axis], part),
                    simd.splat_f32s(group.hi[axis]),
                ),
                simd.sub_f32s(
                    simd.splat_f32s(group.lo[axis]),
                    load::<S>(&node.hi[axis], part),
                ),
            );
        }
        store::<S>(&mut distances, part, squared);
        let near = simd.less_than_f32s(squared, simd.splat_f32s(group.limit));
        reached |= bits::<S>(near) << (part * S::F32_LANES);
    }
    let first = pending.len();
    while let Some(lane) = take_lowest(&mut reached) {
        let squared = distances[lane % WIDTH];
        pending.push((squared, node.children[lane % WIDTH]));
        let mut at = pending.len() - 1;
        while at > first && pending[at - 1].0 < squared {
            pending.swap(at, at - 1);
            at -= 1;
        }
    }
}
