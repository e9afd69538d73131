//! Counting the pairs of triangles that cut through each other.

use super::box_tree::{BoxTree, most_pairs};
use super::weld::first_at_same_place;
use super::{Bounds, Mesh, Similarity};
use crate::CancelToken;

/// Pairs of triangles that cut through each other and have no vertex in common.
///
/// An edge of one must pass through the inside of the other: touching, as of stacked boxes, and lying in one plane do
/// not count. Neighbours, which meet in a common vertex anyway, are not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Intersections {
    /// How many were found.
    pub count: u64,
    /// Whether all were looked for; else there may be more.
    pub complete: bool,
}

impl Intersections {
    /// Looks for them in `mesh`; `None` if cancelled.
    pub fn of(mesh: &Mesh, cancel: &CancelToken) -> Option<Intersections> {
        let found = intersections_within(mesh, most_pairs(mesh.triangles.len()), cancel);
        (!cancel.is_cancelled()).then_some(found)
    }
}

/// For each of `triangles`, in order, whether another one cuts through it; neighbours that meet in one corner are compared, too, as those
/// of a fold are. `None` if cancelled, or if more triangles lie over each other than can be compared.
pub(crate) fn cut_faces(
    positions: &[[f64; 3]],
    triangles: &[[u32; 3]],
    cancel: &CancelToken,
) -> Option<Vec<bool>> {
    let used = triangles.iter().flatten().map(|&v| positions[v as usize]);
    let Some(frame) = Similarity::to_unit_frame(&Bounds::around(used)) else {
        return Some(vec![false; triangles.len()]);
    };
    let face = |index: u32| {
        let vertices = triangles[index as usize];
        Face {
            corners: vertices.map(|v| frame.apply(positions[v as usize])),
            vertices,
        }
    };
    let around = |index: usize| Bounds::around(face(index as u32).corners);
    let tree = BoxTree::over_each(triangles.len(), around);
    let most = most_pairs(triangles.len());
    let found = tree.map_overlapping(0.0, most, cancel, |index, near| {
        let this = face(index);
        let cut = near.iter().any(|&other| {
            let other = face(other);
            this.common_vertices(&other) < 2 && this.cuts(&other)
        });
        (index, cut)
    });
    let mut cut = vec![false; triangles.len()];
    for (index, is_cut) in found.answers {
        cut[index as usize] = is_cut;
    }
    found.complete.then_some(cut)
}

/// Those among the first `most_pairs` pairs.
fn intersections_within(mesh: &Mesh, most_pairs: u64, cancel: &CancelToken) -> Intersections {
    let Some(frame) = Similarity::to_unit_frame(&mesh.bounds()) else {
        return Intersections {
            count: 0,
            complete: true,
        };
    };
    let place = first_at_same_place(&mesh.positions);
    // Made when they are looked at: those of a million triangles would take a hundred megabytes.
    let face = |index: u32| {
        let triangle = mesh.triangles[index as usize];
        Face {
            corners: triangle.map(|v| frame.apply(mesh.positions[v as usize])),
            vertices: triangle.map(|v| place[v as usize]),
        }
    };
    let around = |index: usize| Bounds::around(face(index as u32).corners);
    let tree = BoxTree::over_each(mesh.triangles.len(), around);
    let cuts = tree.map_overlapping(0.0, most_pairs, cancel, |index, near| {
        let this = face(index);
        let later = near.iter().filter(|&&other| other > index);
        later
            .map(|&other| face(other))
            .filter(|other| this.common_vertices(other) == 0 && this.cuts(other))
            .count() as u64
    });
    Intersections {
        count: cuts.answers.into_iter().sum(),
        complete: cuts.complete,
    }
}

/// A triangle in the unit frame.
#[derive(Clone, Copy)]
struct Face {
    corners: [[f64; 3]; 3],
    /// Equal where corners lie at the same place.
    vertices: [u32; 3],
}

impl Face {
    fn common_vertices(&self, other: &Face) -> usize {
        let common = |vertex: &&u32| other.vertices.contains(vertex);
        self.vertices.iter().filter(common).count()
    }

    /// Whether one triangle has an edge that passes through the inside of the other.
    fn cuts(&self, other: &Face) -> bool {
        self.is_pierced_by(other) || other.is_pierced_by(self)
    }

    fn is_pierced_by(&self, other: &Face) -> bool {
        let [a, b, c] = self.corners;
        let heights = other.corners.map(|corner| volume(a, b, c, corner));
        (0..3).any(|i| {
            let j = (i + 1) % 3;
            let straddles = heights[i].min(heights[j]) < -FLAT && heights[i].max(heights[j]) > FLAT;
            straddles && {
                let (from, to) = (other.corners[i], other.corners[j]);
                let sides = [
                    volume(from, to, a, b),
                    volume(from, to, b, c),
                    volume(from, to, c, a),
                ];
                sides.iter().all(|&v| v > FLAT) || sides.iter().all(|&v| v < -FLAT)
            }
        })
    }
}

/// Volumes below this are rounding: coordinates are of order one, so six products of them are off by about 1e-15.
const FLAT: f64 = 1e-14;

/// Six times the signed volume of a tetrahedron: on which side of the plane `abc` the point `d` lies.
fn volume(a: [f64; 3], b: [f64; 3], c: [f64; 3], d: [f64; 3]) -> f64 {
    let [u, v, w] = [b, c, d].map(|p| -> [f64; 3] { std::array::from_fn(|i| p[i] - a[i]) });
    u[0] * (v[1] * w[2] - v[2] * w[1])
        + u[1] * (v[2] * w[0] - v[0] * w[2])
        + u[2] * (v[0] * w[1] - v[1] * w[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    fn all(mesh: &Mesh) -> u64 {
        let found = Intersections::of(mesh, &CancelToken::new()).unwrap();
        assert!(found.complete);
        found.count
    }

    /// Every pair, in the order given.
    fn count_all_pairs(mesh: &Mesh) -> u64 {
        let frame = Similarity::to_unit_frame(&mesh.bounds()).unwrap();
        let place = first_at_same_place(&mesh.positions);
        let faces: Vec<Face> = mesh
            .triangles
            .iter()
            .map(|t| Face {
                corners: t.map(|v| frame.apply(mesh.positions[v as usize])),
                vertices: t.map(|v| place[v as usize]),
            })
            .collect();
        let mut cuts = 0;
        for (i, face) in faces.iter().enumerate() {
            for other in &faces[i + 1..] {
                cuts += u64::from(face.common_vertices(other) == 0 && face.cuts(other));
            }
        }
        cuts
    }

    #[test]
    fn the_tree_finds_what_all_pairs_find() {
        let mut mesh = shapes::torus(1.0, 0.4, 20, 10);
        for (index, offset) in [[0.3, 0.1, 0.2], [-0.4, 0.7, 0.11], [0.05, -0.5, -0.3]]
            .into_iter()
            .enumerate()
        {
            mesh = mesh.joined(&shapes::icosphere(index as u32, 0.6).translated(offset));
        }
        let expected = count_all_pairs(&mesh);
        assert!(expected > 100);
        assert_eq!(all(&mesh), expected);
    }

    #[test]
    fn a_tangle_is_counted_up_to_a_limit_and_not_at_all_once_cancelled() {
        // Triangles through one point, each in a direction of its own: any two cut each other.
        let direction = |i: f64| [(0.7 * i).cos(), (0.7 * i).sin(), (1.3 * i).sin()];
        let mut mesh = Mesh::default();
        for i in 0..20_000_u32 {
            let [u, v] = [direction(f64::from(i)), direction(1.7 * f64::from(i) + 0.5)];
            let corner = |s: f64, t: f64| std::array::from_fn(|axis| s * u[axis] + t * v[axis]);
            let corners = [corner(1.0, 0.0), corner(-0.6, 0.8), corner(-0.5, -0.9)];
            mesh.positions.extend(corners);
            mesh.triangles.push([3 * i, 3 * i + 1, 3 * i + 2]);
        }
        let found = Intersections::of(&mesh, &CancelToken::new()).unwrap();
        let most = most_pairs(20_000);
        assert!(
            !found.complete && found.count > 10_000 && found.count <= most,
            "{found:?}"
        );
        let few = intersections_within(&mesh, 200_000, &CancelToken::new());
        assert!(!few.complete && few.count <= 200_000, "{few:?}");

        let cancel = CancelToken::new();
        cancel.cancel();
        assert_eq!(Intersections::of(&mesh, &cancel), None);
    }

    #[test]
    fn crossing_sheets_cut_and_stacked_boxes_do_not() {
        let sheet = shapes::sheet(2.0, 2.0, 1, 1);
        let mut upright = sheet.clone();
        for position in &mut upright.positions {
            *position = [position[0] * 0.9, position[2], position[1] * 0.9];
        }
        assert!(all(&sheet.joined(&upright)) > 0);

        let below = shapes::cuboid([-1.0, -1.0, 0.0], [1.0, 1.0, 1.0]);
        let above = shapes::cuboid([-0.5, -0.5, 1.0], [0.5, 0.5, 2.0]);
        assert_eq!(all(&below.joined(&above)), 0);
    }
}
