//! What a surface is like as a whole, as far as the sign depends on it.

use super::bvh::{Bvh, Leaf, WIDTH};
use crate::geometry::{Mesh, Topology};

/// The facts that select the rule of the sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surface {
    /// The winding number is a whole number everywhere.
    pub closed: bool,
    /// Closed, and more volume is enclosed by faces that look inwards than by others.
    pub inverted: bool,
    /// All in one plane: there is no inside.
    pub flat: bool,
}

impl Surface {
    /// Examines `mesh` and its hierarchy.
    pub fn of(mesh: &Mesh, bvh: &Bvh) -> Surface {
        let flat = is_flat(bvh);
        let closed = !flat && Topology::of(mesh).closed;
        let inverted = closed && volume(bvh) < -ROUNDING;
        Surface {
            closed,
            inverted,
            flat,
        }
    }
}

/// Whether all triangles lie in one plane, to a millionth of the longest side.
fn is_flat(bvh: &Bvh) -> bool {
    const THICKNESS: f64 = 1e-6;
    // The plane of the largest triangle is the one that rounding tilts least.
    let squared_area =
        |corners: &[[f64; 3]; 3]| normal_of(*corners).iter().map(|x| x * x).sum::<f64>();
    let largest = triangles(bvh).max_by(|a, b| squared_area(a).total_cmp(&squared_area(b)));
    let Some(corners) = largest.filter(|corners| squared_area(corners) > 0.0) else {
        return true;
    };
    let length = squared_area(&corners).sqrt();
    let normal = normal_of(corners).map(|x| x / length);
    let height = |p: [f64; 3]| {
        (0..3)
            .map(|i| normal[i] * (p[i] - corners[0][i]))
            .sum::<f64>()
    };
    triangles(bvh).all(|corners| {
        corners
            .into_iter()
            .all(|corner| height(corner).abs() <= THICKNESS)
    })
}

/// A volume closer to zero than this, in the unit frame, is rounding of vertices to `f32`.
const ROUNDING: f64 = 1e-6;

/// Signed volume of a closed surface, in the frame of the hierarchy.
fn volume(bvh: &Bvh) -> f64 {
    let tetrahedra = triangles(bvh).map(|corners| {
        let normal = normal_of(corners);
        (0..3).map(|i| normal[i] * corners[0][i]).sum::<f64>() / 6.0
    });
    tetrahedra.sum()
}

fn triangles(bvh: &Bvh) -> impl Iterator<Item = [[f64; 3]; 3]> {
    bvh.leaves.iter().flat_map(|leaf: &Leaf| {
        let used = (0..WIDTH).filter(|&lane| leaf.triangles[lane] != u32::MAX);
        used.map(|lane| leaf.triangle(lane).map(|corner| corner.map(f64::from)))
    })
}

/// The normal of a triangle, as long as twice its area.
pub(super) fn normal_of([a, b, c]: [[f64; 3]; 3]) -> [f64; 3] {
    let u: [f64; 3] = std::array::from_fn(|i| b[i] - a[i]);
    let v: [f64; 3] = std::array::from_fn(|i| c[i] - a[i]);
    [
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    ]
}
