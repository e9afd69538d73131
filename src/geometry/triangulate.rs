//! Faces of any number of corners, and how they become triangles.

use super::corner_tree::turn;
use super::ear_clipping::clip_ears;
use super::{Mesh, MeshError};

/// The faces of a file as it lists them, before they are cut into triangles.
#[derive(Debug, Default)]
pub(super) struct PolygonMesh {
    pub positions: Vec<[f64; 3]>,
    /// Vertex indices of all faces, one after the other. Wide enough for the wrong ones, which are reported as given.
    corners: Vec<u32>,
    /// Where each face ends in `corners`.
    ends: Vec<usize>,
    /// The first corner that fits no index: its face, and what the file says.
    misfit: Option<(usize, i64)>,
    /// Faces of fewer than three corners: they enclose nothing and are left out.
    pub lines_and_points: u64,
}

impl PolygonMesh {
    /// Appends a face, or counts it as [`lines_and_points`](Self::lines_and_points).
    pub fn push_face(&mut self, corners: impl ExactSizeIterator<Item = i64>) {
        if corners.len() < 3 {
            self.lines_and_points += 1;
            return;
        }
        for corner in corners {
            let index = u32::try_from(corner).unwrap_or(u32::MAX);
            if i64::from(index) != corner && self.misfit.is_none() {
                self.misfit = Some((self.ends.len(), corner));
            }
            self.corners.push(index);
        }
        self.ends.push(self.corners.len());
    }

    /// Appends what was read from a later part of the same file, whose faces count vertices from `first_vertex`.
    pub fn append(&mut self, other: PolygonMesh, first_vertex: u32) {
        let (faces, corners) = (self.ends.len(), self.corners.len());
        self.positions.extend(other.positions);
        let shifted = other.corners.iter();
        let shifted = shifted.map(|corner| corner.saturating_add(first_vertex));
        self.corners.extend(shifted);
        self.ends.extend(other.ends.iter().map(|end| corners + end));
        let misfit = other.misfit.map(|(face, vertex)| (faces + face, vertex));
        self.misfit = self.misfit.or(misfit);
        self.lines_and_points += other.lines_and_points;
    }

    /// The parts of one file as one, all of whose faces count vertices from the beginning of the file.
    pub fn joined(parts: impl Iterator<Item = PolygonMesh>) -> PolygonMesh {
        let parts: Vec<PolygonMesh> = parts.collect();
        let total = |count: fn(&PolygonMesh) -> usize| parts.iter().map(count).sum();
        let mut joined = PolygonMesh {
            positions: Vec::with_capacity(total(|part| part.positions.len())),
            corners: Vec::with_capacity(total(|part| part.corners.len())),
            ends: Vec::with_capacity(total(|part| part.ends.len())),
            ..Default::default()
        };
        for part in parts {
            joined.append(part, 0);
        }
        joined
    }

    /// How many triangles the faces make.
    pub fn triangle_count(&self) -> u64 {
        (self.corners.len() - 2 * self.ends.len()) as u64
    }

    /// Cuts the faces into triangles; also returns how many had more than three corners.
    ///
    /// # Errors
    /// [`MeshError::MissingVertex`] if a face names a vertex that does not exist.
    pub fn into_triangles(self) -> Result<(Mesh, u64), MeshError> {
        let vertices = self.positions.len();
        if let Some((face, vertex)) = self.misfit {
            return Err(MeshError::MissingVertex {
                face,
                vertex,
                vertices,
            });
        }
        let mut triangles =
            Vec::with_capacity(self.corners.len().saturating_sub(2 * self.ends.len()));
        let mut polygons = 0;
        let mut start = 0;
        for (face, &end) in self.ends.iter().enumerate() {
            let corners = &self.corners[start..end];
            start = end;
            if let Some(&vertex) = corners.iter().find(|&&corner| corner as usize >= vertices) {
                let vertex = vertex.into();
                return Err(MeshError::MissingVertex {
                    face,
                    vertex,
                    vertices,
                });
            }
            match *corners {
                [a, b, c] => triangles.push([a, b, c]),
                _ => {
                    polygons += 1;
                    cut_polygon(&self.positions, corners, &mut triangles);
                }
            }
        }
        let positions = self.positions;
        Ok((
            Mesh {
                positions,
                triangles,
            },
            polygons,
        ))
    }
}

/// Cuts one polygon into triangles: a fan from its first corner where that is one of few and sees them all, else by clipping
/// ears.
fn cut_polygon(positions: &[[f64; 3]], corners: &[u32], triangles: &mut Vec<[u32; 3]>) {
    // Thousands of triangles that meet in one corner are slow to search in.
    const MOST_OF_FAN: usize = 64;
    let flat = flatten(positions, corners);
    let count = corners.len();
    if count <= MOST_OF_FAN && (1..count - 1).all(|i| turn(flat[0], flat[i], flat[i + 1]) > 0.0) {
        triangles.extend((1..count - 1).map(|i| [corners[0], corners[i], corners[i + 1]]));
        return;
    }
    clip_ears(&flat, &mut |triangle| {
        triangles.push(triangle.map(|corner| corners[corner]));
    });
}

/// The corners in the plane that the polygon lies in as nearly as possible, counter-clockwise.
fn flatten(positions: &[[f64; 3]], corners: &[u32]) -> Vec<[f64; 2]> {
    let origin = positions[corners[0] as usize];
    let point = |i: usize| -> [f64; 3] {
        let position = positions[corners[i % corners.len()] as usize];
        std::array::from_fn(|axis| position[axis] - origin[axis])
    };
    // Newell's normal: its largest component names the plane onto which the polygon shows most of its area.
    let mut normal = [0.0_f64; 3];
    for i in 0..corners.len() {
        let (p, q) = (point(i), point(i + 1));
        for (axis, sum) in normal.iter_mut().enumerate() {
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            *sum += p[u] * q[v] - p[v] * q[u];
        }
    }
    let axis = (0..3)
        .max_by(|&a, &b| normal[a].abs().total_cmp(&normal[b].abs()))
        .unwrap_or(2);
    let (mut u, mut v) = ((axis + 1) % 3, (axis + 2) % 3);
    if normal[axis] < 0.0 {
        (u, v) = (v, u);
    }
    // As the file has them, so that corners on one line stay on it.
    let used = corners
        .iter()
        .map(|&corner| positions[corner as usize])
        .map(|position| [position[u], position[v]]);
    let largest = (used.clone().flatten()).fold(0.0_f64, |most, x| most.max(x.abs()));
    // Products of four coordinates must stay finite; a power of two costs no digit.
    let scale = match largest {
        0.0 | 1e-50..1e50 => 1.0,
        _ => (-largest.log2().floor()).clamp(-1000.0, 1000.0).exp2(),
    };
    used.map(|place| place.map(|x| x * scale)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{HealthReport, validate};

    fn cut(outline: &[[f64; 3]]) -> Mesh {
        let mut mesh = PolygonMesh {
            positions: outline.to_vec(),
            ..Default::default()
        };
        mesh.push_face((0..outline.len() as i64).collect::<Vec<_>>().into_iter());
        mesh.into_triangles().unwrap().0
    }

    /// Sum of the unsigned and of the signed areas as seen along an axis.
    fn areas(mesh: &Mesh, drop: usize) -> (f64, f64) {
        let pick = |p: [f64; 3]| [p[(drop + 1) % 3], p[(drop + 2) % 3]];
        (0..mesh.triangles.len()).fold((0.0, 0.0), |sum, index| {
            let [a, b, c] = mesh.corners(index).map(pick);
            let area = turn(a, b, c) / 2.0;
            (sum.0 + area.abs(), sum.1 + area)
        })
    }

    #[test]
    fn a_concave_polygon_is_covered_once_in_any_plane_and_direction() {
        // A comb: area 6 below, three teeth of area 2.
        let comb = [
            [0.0, 0.0],
            [5.0, 0.0],
            [5.0, 3.2],
            [4.0, 1.2],
            [3.0, 3.2],
            [2.5, 1.2],
            [2.0, 3.2],
            [1.0, 1.2],
            [0.0, 3.2],
        ];
        let shoelace =
            |i: usize| comb[i][0] * comb[(i + 1) % 9][1] - comb[i][1] * comb[(i + 1) % 9][0];
        let area: f64 = (0..9).map(shoelace).sum::<f64>() / 2.0;
        for drop in 0..3 {
            for reversed in [false, true] {
                let mut outline: Vec<[f64; 3]> = comb
                    .iter()
                    .map(|p| {
                        let mut point = [0.0; 3];
                        point[(drop + 1) % 3] = p[0];
                        point[(drop + 2) % 3] = p[1];
                        point[drop] = 0.1 * p[0];
                        point
                    })
                    .collect();
                if reversed {
                    outline.reverse();
                }
                let mesh = cut(&outline);
                assert_eq!(mesh.triangles.len(), 7);
                let (covered, signed) = areas(&mesh, drop);
                assert!((covered - area).abs() < 1e-12, "{covered} of {area}");
                let expected = if reversed { -area } else { area };
                assert!((signed - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_prism_with_a_concave_outline_and_a_hole_is_watertight() {
        // A wound strip of 3,000 corners, with points on the straight lines of its ends; cap, walls and floor share them.
        let half = 1500;
        let arm = |i: usize, width: f64| {
            let angle = 12.0 * f64::from(i as u32) / f64::from(half as u32);
            let radius = 1.0 + 0.3 * angle + width;
            [radius * angle.cos(), radius * angle.sin()]
        };
        let mut outline: Vec<[f64; 2]> = (0..half).map(|i| arm(i, 0.4)).collect();
        outline.extend((0..half).rev().map(|i| arm(i, 0.0)));
        outline.push([1.1, 0.0]);
        outline.push([1.3, 0.0]);
        let count = outline.len() as i64;
        let mut prism = PolygonMesh::default();
        for height in [0.0, 2.0] {
            let corners = outline.iter().map(|&[x, y]| [x, height, -y]);
            prism.positions.extend(corners);
        }
        let flat: f64 = (0..outline.len())
            .map(|i| (outline[i], outline[(i + 1) % outline.len()]))
            .map(|(p, q)| (p[0] * q[1] - p[1] * q[0]) / 2.0)
            .sum();
        prism.push_face((0..count).rev().collect::<Vec<_>>().into_iter());
        prism.push_face((count..2 * count).collect::<Vec<_>>().into_iter());
        for i in 0..count {
            let j = (i + 1) % count;
            prism.push_face([i, j, count + j, count + i].into_iter());
        }
        let (mesh, polygons) = prism.into_triangles().unwrap();
        assert_eq!(polygons, count as u64 + 2);
        let (mesh, cleanup) = validate(mesh).unwrap();
        assert_eq!(cleanup.degenerate_triangles, 0);
        let health = HealthReport::of(&mesh, &cleanup);
        assert!(health.watertight && health.consistently_wound);
        assert_eq!((health.bodies, health.self_intersections), (1, Some(0)));
        assert!((health.volume.unwrap() - 2.0 * flat).abs() < 1e-9 * flat);
    }

    #[test]
    fn size_and_place_of_a_polygon_do_not_matter() {
        for (scale, offset) in [(1e-150, 0.0), (1e150, 0.0), (1.0, 1e9), (1e-3, 500_000.0)] {
            let arrow = [[0.0, 0.0], [4.0, -2.0], [1.0, 0.0], [4.0, 2.0]];
            let corners = arrow.map(|[x, y]| [offset + scale * x, scale * y, 0.0]);
            let mesh = cut(&corners);
            assert_eq!(mesh.triangles, [[0, 1, 2], [0, 2, 3]], "{scale:e}");
            // The reflex corner first: the fan would cover the notch.
            let turned = [corners[2], corners[3], corners[0], corners[1]];
            let (covered, signed) = areas(&cut(&turned), 2);
            let expected = areas(&mesh, 2).1;
            assert!((covered - expected).abs() < 1e-9 * expected);
            assert!((signed - expected).abs() < 1e-9 * expected);
        }
    }

    #[test]
    fn polygons_that_are_no_polygons_still_give_their_triangles() {
        let bow_tie = [
            [0.0, 0.0, 0.0],
            [1.0, 1.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
        ];
        assert_eq!(cut(&bow_tie).triangles.len(), 2);
        assert_eq!(cut(&[[1.0; 3]; 6]).triangles.len(), 4);
    }

    #[test]
    fn missing_vertices_are_named_as_the_file_names_them() {
        for wrong in [3, -1, 1 << 40] {
            let mut mesh = PolygonMesh {
                positions: vec![[0.0; 3]; 3],
                ..Default::default()
            };
            mesh.push_face([0, 1, 2].into_iter());
            mesh.push_face([0, 1, wrong].into_iter());
            let expected = MeshError::MissingVertex {
                face: 1,
                vertex: wrong,
                vertices: 3,
            };
            assert_eq!(mesh.into_triangles().unwrap_err(), expected);
        }
    }
}
