//! How much a surface bends.

use super::Mesh;
use super::fold::{double_areas, for_each_fold};

/// How much each triangle has part in the bending of the surface, `[F]`: half the sum over its edges of their length times the angle between
/// both faces. That is the triangle's part of the integral of the mean curvature's size (Cohen-Steiner and Morvan 2003); edges of one face
/// or of more than two have none.
pub fn bending(mesh: &Mesh) -> Vec<f64> {
    let mut bending = vec![0.0; mesh.triangles.len()];
    for_each_fold(mesh, &double_areas(mesh), |fold| {
        for face in fold.faces {
            bending[face] += 0.5 * fold.angle * fold.length;
        }
    });
    bending
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn boxes_bend_in_their_edges_and_spheres_everywhere() {
        let sum = |mesh: &Mesh| bending(mesh).iter().sum::<f64>();
        // Each edge of a box turns by a right angle; the whole is divided between two faces.
        let cuboid = shapes::cuboid([0.0; 3], [1.0, 2.0, 3.0]);
        assert!((sum(&cuboid) - 24.0 * PI / 2.0).abs() < 1e-9);
        // The integral of the mean curvature 1/r, with the angle taken whole and not half: 8 π r.
        let sphere = shapes::icosphere(5, 0.5);
        assert!(
            (sum(&sphere) / (8.0 * PI * 0.5) - 1.0).abs() < 0.01,
            "{}",
            sum(&sphere)
        );
        assert_eq!(sum(&shapes::sheet(1.0, 1.0, 3, 3)), 0.0);
    }
}
