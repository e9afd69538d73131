//! How much of a surface lies at creases.

use super::Mesh;
use super::edges::Edges;
use super::vector::{cross, dot, length, minus};
use super::weld::first_at_same_place;

/// A turn by less, in radians, is no crease: 20 degrees.
const CREASE: f64 = 0.35;

/// The share of a mesh's area within which the surface turns by a crease's angle over a length of `width` (own units), from 0 to 1: what
/// anything that is known at points so far apart rounds off.
///
/// Where edges lie closer together than that, their angles add up. Edges of one face or of more than two have no part in it.
pub fn creased_share(mesh: &Mesh, width: f64) -> f64 {
    let normals: Vec<[f64; 3]> = (0..mesh.triangles.len())
        .map(|triangle| {
            let [a, b, c] = mesh.corners(triangle);
            cross(minus(b, a), minus(c, a))
        })
        .collect();
    let area = normals
        .iter()
        .map(|&normal| 0.5 * length(normal))
        .sum::<f64>();
    let place = first_at_same_place(&mesh.positions);
    let mut creased = 0.0;
    for (low, sides) in Edges::of(&mesh.triangles, &place).iter() {
        let &[one, other] = sides else {
            continue;
        };
        let [low, high] = [low, one.high()].map(|vertex| mesh.positions[vertex as usize]);
        let edge = length(minus(high, low));
        let [one, other] = [one, other].map(|side| normals[side.face() as usize]);
        let angle = length(cross(one, other)).atan2(dot(one, other));
        // Of both faces a third belongs to each of their edges.
        let own = (length(one) + length(other)) / 6.0;
        // From the middle of one face to that of the other.
        let across = 2.0 * own / edge;
        if angle * (width / across).max(1.0) > CREASE {
            creased += own.min(edge * width);
        }
    }
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
