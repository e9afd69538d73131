//! How much of a surface lies at creases.

use super::Mesh;
use super::fold::{double_areas, for_each_fold};
use super::vector::length;

/// A turn by less, in radians, is no crease: 20 degrees.
const CREASE: f64 = 0.35;

/// The share of a mesh's area within which the surface turns by a crease's angle over a length of `width` (own units), from 0 to 1: what
/// anything that is known at points so far apart rounds off.
///
/// Where edges lie closer together than that, their angles add up. Edges of one face or of more than two have no part in it.
pub fn creased_share(mesh: &Mesh, width: f64) -> f64 {
    let double_areas = double_areas(mesh);
    let sizes: Vec<f64> = double_areas.iter().map(|&area| length(area)).collect();
    let area = 0.5 * sizes.iter().sum::<f64>();
    let mut creased = 0.0;
    for_each_fold(mesh, &double_areas, |fold| {
        // Of both faces a third belongs to each of their edges.
        let own = fold.faces.map(|face| sizes[face]).iter().sum::<f64>() / 6.0;
        // From the middle of one face to that of the other.
        let across = 2.0 * own / fold.length;
        if fold.angle * (width / across).max(1.0) > CREASE {
            creased += own.min(fold.length * width);
        }
    });
    (creased / area).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn a_box_has_creases_at_its_edges_alone() {
        let cuboid = shapes::cuboid([0.0; 3], [1.0, 2.0, 3.0]);
        // Twelve edges of 24 in all, on a surface of 22.
        let share = creased_share(&cuboid, 0.01);
        assert!((share - 24.0 * 0.01 / 22.0).abs() < 1e-9, "{share}");
    }

    #[test]
    fn a_sphere_is_creased_where_one_looks_from_afar() {
        // Edges turn by some 2 degrees each, 0.035 apart.
        let sphere = shapes::icosphere(5, 1.0);
        assert_eq!(creased_share(&sphere, 0.05), 0.0);
        assert!(creased_share(&sphere, 1.0) > 0.9);
        assert_eq!(creased_share(&shapes::sheet(1.0, 1.0, 3, 3), 0.1), 0.0);
    }
}
