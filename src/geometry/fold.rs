//! Where two faces of a mesh meet, and how sharply.

use super::Mesh;
use super::edges::Edges;
use super::vector::{cross, dot, length, minus};
use super::weld::first_at_same_place;

/// An edge between exactly two faces.
pub(super) struct Fold {
    /// The faces, counted from 0.
    pub faces: [usize; 2],
    /// Length of the edge, in own units.
    pub length: f64,
    /// Angle between the faces' normals, 0 to π.
    pub angle: f64,
}

/// Twice each triangle's area along its normal, `[F, 3]`.
pub(super) fn double_areas(mesh: &Mesh) -> Vec<[f64; 3]> {
    (0..mesh.triangles.len())
        .map(|triangle| {
            let [a, b, c] = mesh.corners(triangle);
            cross(minus(b, a), minus(c, a))
        })
        .collect()
}

/// Calls `visit` with each fold of a mesh whose [`double_areas`] are given; edges of one face or of more than two are none.
pub(super) fn for_each_fold(mesh: &Mesh, double_areas: &[[f64; 3]], mut visit: impl FnMut(Fold)) {
    let place = first_at_same_place(&mesh.positions);
    for (low, sides) in Edges::of(&mesh.triangles, &place).iter() {
        let &[one, other] = sides else {
            continue;
        };
        let [low, high] = [low, one.high()].map(|vertex| mesh.positions[vertex as usize]);
        let faces = [one, other].map(|side| side.face() as usize);
        let [one, other] = faces.map(|face| double_areas[face]);
        visit(Fold {
            faces,
            length: length(minus(high, low)),
            angle: length(cross(one, other)).atan2(dot(one, other)),
        });
    }
}
