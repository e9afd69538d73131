//! The triangles of a leaf, prepared for the distance to a point: each has its own frame, in which it is flat and the
//! distance is a matter of two dimensions, without a division.

use pulp::Simd;

use super::bvh::{Block, Lanes, Leaf, NOWHERE, WIDTH};
use super::vector::load;

/// Up to [`WIDTH`] triangles `abc`, each seen from its corner `a`: `x` along `ab`, `y` towards `c`.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Facets {
    /// Corner `a`; [`NOWHERE`] in unused lanes.
    a: [Lanes; 3],
    /// Unit vectors of the frame in space. They come from `f64`: those of slivers would be noise in `f32`.
    x: [Lanes; 3],
    y: [Lanes; 3],
    normal: [Lanes; 3],
    /// Length of `ab`.
    ab: Lanes,
    /// Unit vector of `bc` in the frame, and its length.
    bc: [Lanes; 3],
    /// Unit vector of `ac` in the frame, and its length.
    ac: [Lanes; 3],
    /// A box around them, turned into their mean plane: it is thin, so that points far above pass it by.
    pub around: Block,
    /// How many there are.
    pub count: u32,
}

/// One triangle in each lane, or one and the same in all.
#[derive(Clone, Copy)]
pub(super) struct Facet<V> {
    a: [V; 3],
    x: [V; 3],
    y: [V; 3],
    normal: [V; 3],
    ab: V,
    bc: [V; 3],
    ac: [V; 3],
}

impl Facets {
    /// Prepares the triangles of `leaf`.
    pub fn of(leaf: &Leaf) -> Facets {
        let zero = [[0.0; WIDTH]; 3];
        let mut facets = Facets {
            a: [[NOWHERE; WIDTH]; 3],
            x: unit_lanes(0),
            y: unit_lanes(1),
            normal: unit_lanes(2),
            ab: [0.0; WIDTH],
            bc: zero,
            ac: zero,
            around: Block::EMPTY,
            count: 0,
        };
        let mut sum = [0.0; 3];
        for lane in (0..WIDTH).filter(|&lane| leaf.triangles[lane] != u32::MAX) {
            let normal = facets.set(lane, leaf.triangle(lane));
            sum = std::array::from_fn(|axis| sum[axis] + normal[axis]);
            facets.count += 1;
        }
        facets.around = turned_block(leaf, sum);
        facets
    }

    /// Puts a triangle into `lane` and returns its normal, as long as twice its area.
    fn set(&mut self, lane: usize, corners: [[f32; 3]; 3]) -> [f64; 3] {
        let [a, b, c] = corners.map(|corner| corner.map(f64::from));
        let (to_b, to_c) = (sub(b, a), sub(c, a));
        let across = cross(to_b, to_c);
        // Without an area any frame that holds the longest side will do.
        let along = if dot(to_b, to_b) > 0.0 { to_b } else { to_c };
        let x = unit(along).unwrap_or([1.0, 0.0, 0.0]);
        let normal = unit(across).unwrap_or_else(|| some_normal(x));
        let y = cross(normal, x);
        let flat = |v: [f64; 3]| [dot(v, x), dot(v, y)];
        let side = |v: [f64; 2]| {
            let length = v[0].hypot(v[1]);
            // A side of no length needs a direction all the same, or every point would be at no distance from it.
            match length > 0.0 {
                true => [v[0] / length, v[1] / length, length],
                false => [1.0, 0.0, 0.0],
            }
        };
        let (ab, ac) = (flat(to_b), flat(to_c));
        fill(&mut self.a, lane, a);
        fill(&mut self.x, lane, x);
        fill(&mut self.y, lane, y);
        fill(&mut self.normal, lane, normal);
        self.ab[lane] = ab[0] as f32;
        fill(&mut self.bc, lane, side([ac[0] - ab[0], ac[1] - ab[1]]));
        fill(&mut self.ac, lane, side(ac));
        across
    }

    /// The unit normal of the triangle in `lane`; some vector if it has no area.
    #[inline(always)]
    pub fn normal(&self, lane: usize) -> [f32; 3] {
        [0, 1, 2].map(|axis| self.normal[axis][lane])
    }

    /// Vector number `part` of the triangles.
    #[inline(always)]
    pub fn part<S: Simd>(&self, part: usize) -> Facet<S::f32s> {
        Facet {
            a: each::<S>(&self.a, part),
            x: each::<S>(&self.x, part),
            y: each::<S>(&self.y, part),
            normal: each::<S>(&self.normal, part),
            ab: load::<S>(&self.ab, part),
            bc: each::<S>(&self.bc, part),
            ac: each::<S>(&self.ac, part),
        }
    }

    /// The triangle in `lane`, in all lanes.
    #[inline(always)]
    pub fn splat<S: Simd>(&self, simd: S, lane: usize) -> Facet<S::f32s> {
        let lane = lane % WIDTH;
        Facet {
            a: splat(simd, &self.a, lane),
            x: splat(simd, &self.x, lane),
            y: splat(simd, &self.y, lane),
            normal: splat(simd, &self.normal, lane),
            ab: simd.splat_f32s(self.ab[lane]),
            bc: splat(simd, &self.bc, lane),
            ac: splat(simd, &self.ac, lane),
        }
    }
}

#[inline(always)]
fn each<S: Simd>(lanes: &[Lanes; 3], part: usize) -> [S::f32s; 3] {
    [
        load::<S>(&lanes[0], part),
        load::<S>(&lanes[1], part),
        load::<S>(&lanes[2], part),
    ]
}

#[inline(always)]
fn splat<S: Simd>(simd: S, lanes: &[Lanes; 3], lane: usize) -> [S::f32s; 3] {
    [
        simd.splat_f32s(lanes[0][lane]),
        simd.splat_f32s(lanes[1][lane]),
        simd.splat_f32s(lanes[2][lane]),
    ]
}

/// Squared distances from points to triangles, lane by lane.
///
/// The closest point of a triangle lies on one of its edges, or inside if the point stands over the inside. All cases
/// are computed and one is selected.
#[inline(always)]
pub(super) fn squared_distances<S: Simd>(
    simd: S,
    facet: Facet<S::f32s>,
    point: [S::f32s; 3],
) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    let q = [
        simd.sub_f32s(point[0], facet.a[0]),
        simd.sub_f32s(point[1], facet.a[1]),
        simd.sub_f32s(point[2], facet.a[2]),
    ];
    let x = dot_of(simd, q, facet.x);
    let y = dot_of(simd, q, facet.y);
    let z = dot_of(simd, q, facet.normal);

    let beyond = simd.sub_f32s(x, clamp(simd, x, facet.ab));
    let to_ab = simd.mul_add_e_f32s(beyond, beyond, simd.mul_f32s(y, y));
    // For the others the distance along the edge, and how far to its right.
    let from_b = simd.sub_f32s(x, facet.ab);
    let (to_bc, right_of_bc) = from_edge(simd, [from_b, y], facet.bc);
    let (to_ac, right_of_ac) = from_edge(simd, [x, y], facet.ac);

    // Inside is left of `ab` and `bc` and right of `ac`.
    let outside_ab = simd.sub_f32s(zero, y);
    let left_of_ac = simd.sub_f32s(zero, right_of_ac);
    let outside = simd.max_f32s(outside_ab, simd.max_f32s(right_of_bc, left_of_ac));
    let to_edges = simd.min_f32s(to_ab, simd.min_f32s(to_bc, to_ac));
    let inside = simd.less_than_f32s(outside, zero);
    let across = simd.select_f32s(inside, zero, to_edges);
    simd.mul_add_e_f32s(z, z, across)
}

/// Squared distance to an edge from its start, in the plane, and how far to the right of it.
#[inline(always)]
fn from_edge<S: Simd>(
    simd: S,
    [x, y]: [S::f32s; 2],
    [along_x, along_y, length]: [S::f32s; 3],
) -> (S::f32s, S::f32s) {
    let along = simd.mul_add_e_f32s(x, along_x, simd.mul_f32s(y, along_y));
    let right = simd.sub_f32s(simd.mul_f32s(x, along_y), simd.mul_f32s(y, along_x));
    let beyond = simd.sub_f32s(along, clamp(simd, along, length));
    let squared = simd.mul_add_e_f32s(beyond, beyond, simd.mul_f32s(right, right));
    (squared, right)
}

#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::f32s, length: S::f32s) -> S::f32s {
    simd.min_f32s(simd.max_f32s(x, simd.splat_f32s(0.0)), length)
}

#[inline(always)]
pub(super) fn dot_of<S: Simd>(simd: S, p: [S::f32s; 3], q: [S::f32s; 3]) -> S::f32s {
    let xy = simd.mul_add_e_f32s(p[1], q[1], simd.mul_f32s(p[0], q[0]));
    simd.mul_add_e_f32s(p[2], q[2], xy)
}

/// The box around the triangles of `leaf` whose third axis is `normal`.
fn turned_block(leaf: &Leaf, normal: [f64; 3]) -> Block {
    let Some(normal) = unit(normal) else {
        return grown_around(leaf, Block::EMPTY.axes);
    };
    let x = some_normal(normal);
    let axes = [x, cross(normal, x), normal];
    grown_around(leaf, axes.map(|axis| axis.map(|x| x as f32)))
}

/// The box around the triangles of `leaf` along `axes`, grown by more than the rounding of a point that is turned.
fn grown_around(leaf: &Leaf, axes: [[f32; 3]; 3]) -> Block {
    const ROUNDING: f32 = 1e-6;
    let mut block = Block {
        axes,
        ..Block::EMPTY
    };
    for lane in (0..WIDTH).filter(|&lane| leaf.triangles[lane] != u32::MAX) {
        for corner in leaf.triangle(lane) {
            for (axis, direction) in axes.iter().enumerate() {
                let along: f32 = (0..3).map(|i| direction[i] * corner[i]).sum();
                block.lo[axis] = block.lo[axis].min(along - ROUNDING);
                block.hi[axis] = block.hi[axis].max(along + ROUNDING);
            }
        }
    }
    block
}

fn unit_lanes(axis: usize) -> [Lanes; 3] {
    std::array::from_fn(|i| [if i == axis { 1.0 } else { 0.0 }; WIDTH])
}

fn fill(lanes: &mut [Lanes; 3], lane: usize, values: [f64; 3]) {
    for (lanes, value) in lanes.iter_mut().zip(values) {
        lanes[lane] = value as f32;
    }
}

fn sub(p: [f64; 3], q: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| p[i] - q[i])
}

fn dot(p: [f64; 3], q: [f64; 3]) -> f64 {
    p[0] * q[0] + p[1] * q[1] + p[2] * q[2]
}

fn cross(p: [f64; 3], q: [f64; 3]) -> [f64; 3] {
    [
        p[1] * q[2] - p[2] * q[1],
        p[2] * q[0] - p[0] * q[2],
        p[0] * q[1] - p[1] * q[0],
    ]
}

fn unit(v: [f64; 3]) -> Option<[f64; 3]> {
    let length = dot(v, v).sqrt();
    (length > 0.0).then(|| v.map(|x| x / length))
}

/// A unit vector at right angles to the unit vector `v`.
fn some_normal(v: [f64; 3]) -> [f64; 3] {
    let smallest = (0..3)
        .min_by(|&i, &j| v[i].abs().total_cmp(&v[j].abs()))
        .unwrap_or(0);
    let axis = std::array::from_fn(|i| if i == smallest { 1.0 } else { 0.0 });
    unit(cross(v, axis)).unwrap_or(axis)
}
