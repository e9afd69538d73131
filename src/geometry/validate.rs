//! The checks that every mesh passes before anything is computed from it.

use rayon::prelude::*;

use super::weld::first_at_same_place;
use super::{Mesh, Similarity};

/// What was done to a mesh, and what was found, on the way in.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cleanup {
    /// Faces with more than three corners that were cut into triangles.
    pub polygons_triangulated: u64,
    /// Triangles without an area. Those with two corners at one place are dropped. Those whose three different corners
    /// lie on one line stay: without them a closed surface would have a slit.
    pub degenerate_triangles: u64,
    /// Triangles dropped because another one has the same corners and looks the same way. (Two that look in opposite
    /// directions both stay: together they are a thin wall.)
    pub duplicate_triangles: u64,
    /// Vertices merged into another at exactly the same place, by formats that repeat vertices.
    pub vertices_welded: u64,
    /// What else was left out, repaired or doubted, one sentence each.
    pub notes: Vec<String>,
    /// Numbers of the dropped triangles before anything was dropped, ascending.
    #[serde(skip)]
    pub dropped: Vec<u32>,
}

impl Cleanup {
    /// For each triangle that was kept, of which there are `kept`, the number that it had before; `None` if every triangle
    /// has its number still.
    pub fn numbers_before(&self, kept: usize) -> Option<Vec<u32>> {
        if self.dropped.is_empty() {
            return None;
        }
        let mut dropped = self.dropped.iter().copied().peekable();
        let all = 0..(kept + self.dropped.len()) as u32;
        Some(
            all.filter(|number| dropped.next_if_eq(number).is_none())
                .collect(),
        )
    }
}

/// Why a mesh cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MeshError {
    /// Neither vertices nor faces.
    #[error("the mesh is empty: it has no vertices and no faces")]
    Empty,
    /// Vertices, but no faces.
    #[error(
        "point cloud given as a mesh: {vertices} vertices and no faces; reconstruct a surface from it first"
    )]
    NoFaces {
        /// Number of vertices.
        vertices: usize,
    },
    /// A face names a vertex that is not there.
    #[error(
        "face {face} names vertex {vertex}, but there are only {vertices} vertices (both counted from 0)"
    )]
    MissingVertex {
        /// Index of the face, counted from 0.
        face: usize,
        /// The vertex index that the face names, counted from 0.
        vertex: i64,
        /// Number of vertices.
        vertices: usize,
    },
    /// A coordinate is NaN or infinite.
    #[error(
        "vertex {vertex} (counted from 0) is at {position:?}: every coordinate must be a finite number"
    )]
    NotFinite {
        /// Index of the vertex, counted from 0.
        vertex: usize,
        /// Where it claims to be.
        position: [f64; 3],
    },
    /// All vertices lie at one place.
    #[error("the mesh has no extent: all its vertices lie at {position:?}")]
    NoExtent {
        /// That place.
        position: [f64; 3],
    },
    /// The extent is too large or too small for the arithmetic.
    #[error(
        "the mesh measures {longest_side:e} along its longest side: too much or too little to compute with; rescale it"
    )]
    ExtentOutOfRange {
        /// Longest edge of the bounding box.
        longest_side: f64,
    },
    /// No triangle has an area.
    #[error(
        "none of the {triangles} triangles has an area: each has its corners on one line or at one point"
    )]
    AllDegenerate {
        /// Number of triangles.
        triangles: usize,
    },
    /// More memory than it may take, see [`SizeLimit`](super::SizeLimit).
    #[error(
        "the mesh would have {vertices} vertices and {triangles} triangles, which take {bytes} bytes: at most {limit} \
         are allowed; decimate it first, or raise the limit"
    )]
    OverLimit {
        /// Vertices that it would have.
        vertices: u64,
        /// Triangles that it would have.
        triangles: u64,
        /// What they would take.
        bytes: u64,
        /// What they may take.
        limit: u64,
    },
    /// More vertices or triangles than the indices can count.
    #[error("the mesh has {count} {what}: at most {limit} can be handled; decimate it first")]
    TooLarge {
        /// `vertices` or `triangles`.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// Largest number of vertices or of triangles: edges are sorted as pairs of 31-bit indices.
pub(super) const COUNT_LIMIT: usize = 1 << 31;

/// Checks `mesh`, drops the triangles that are nothing, and says what it did.
///
/// An open, inverted or self-intersecting mesh is valid, and so are a single triangle and a flat sheet: what is unusual
/// about them is told by [`HealthReport`](super::HealthReport).
///
/// # Errors
/// [`MeshError`] if no surface can be computed with.
pub fn validate(mut mesh: Mesh) -> Result<(Mesh, Cleanup), MeshError> {
    check_numbers(&mesh)?;
    let mut cleanup = Cleanup::default();

    let triangles = mesh.triangles.len();
    let collinear = mesh.triangles.par_iter();
    let collinear = collinear.filter(|&&t| is_degenerate(&mesh, t)).count();
    if collinear == triangles {
        return Err(MeshError::AllDegenerate { triangles });
    }
    cleanup.degenerate_triangles = collinear as u64;

    let place = first_at_same_place(&mesh.positions);
    let placed = |triangle: &[u32; 3]| triangle.map(|vertex| place[vertex as usize]);
    let is_nothing = |triangle: &[u32; 3]| {
        let [a, b, c] = placed(triangle);
        a == b || b == c || c == a
    };
    let numbered = mesh.triangles.par_iter().enumerate();
    let nothing: Vec<u32> = numbered
        .filter(|(_, triangle)| is_nothing(triangle))
        .map(|(number, _)| number as u32)
        .collect();
    let duplicates = duplicates(&mesh.triangles, &nothing, placed);
    cleanup.duplicate_triangles = duplicates.len() as u64;
    cleanup.dropped = nothing.into_iter().chain(duplicates).collect();
    cleanup.dropped.sort_unstable();
    let mut dropped = cleanup.dropped.iter().copied().peekable();
    let mut number = 0;
    mesh.triangles.retain(|_| {
        let keep = dropped.next_if_eq(&number).is_none();
        number += 1;
        keep
    });
    Ok((mesh, cleanup))
}

fn check_numbers(mesh: &Mesh) -> Result<(), MeshError> {
    let vertices = mesh.positions.len();
    if mesh.triangles.is_empty() {
        return Err(match vertices {
            0 => MeshError::Empty,
            _ => MeshError::NoFaces { vertices },
        });
    }
    for (what, count) in [("vertices", vertices), ("triangles", mesh.triangles.len())] {
        if count >= COUNT_LIMIT {
            let limit = COUNT_LIMIT - 1;
            return Err(MeshError::TooLarge { what, count, limit });
        }
    }
    let infinite = |position: &[f64; 3]| position.iter().any(|x| !x.is_finite());
    if let Some(vertex) = mesh.positions.iter().position(infinite) {
        let position = mesh.positions[vertex];
        return Err(MeshError::NotFinite { vertex, position });
    }
    for (face, triangle) in mesh.triangles.iter().enumerate() {
        if let Some(&vertex) = triangle.iter().find(|&&v| v as usize >= vertices) {
            let vertex = vertex.into();
            return Err(MeshError::MissingVertex {
                face,
                vertex,
                vertices,
            });
        }
    }
    let bounds = mesh.bounds();
    let longest_side = bounds.longest_side();
    if longest_side == 0.0 {
        return Err(MeshError::NoExtent {
            position: bounds.min,
        });
    }
    if Similarity::to_unit_frame(&bounds).is_none() {
        return Err(MeshError::ExtentOutOfRange { longest_side });
    }
    Ok(())
}

/// Numbers of the triangles that have the same corners in the same order of turning as an earlier one. Those in `nothing`,
/// ascending, do not count.
fn duplicates(
    triangles: &[[u32; 3]],
    nothing: &[u32],
    placed: impl Fn(&[u32; 3]) -> [u32; 3] + Sync,
) -> Vec<u32> {
    let mut keyed: Vec<([u32; 3], u32)> = triangles
        .par_iter()
        .enumerate()
        .map(|(number, triangle)| (smallest_first(placed(triangle)), number as u32))
        .filter(|(_, number)| nothing.binary_search(number).is_err())
        .collect();
    keyed.par_sort_unstable();
    keyed
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .map(|pair| pair[1].1)
        .collect()
}

/// The same triangle, turned so that its smallest index comes first: equal for equal triangles.
pub(super) fn smallest_first(triangle: [u32; 3]) -> [u32; 3] {
    let [a, b, c] = triangle;
    if a <= b && a <= c {
        [a, b, c]
    } else if b <= c {
        [b, c, a]
    } else {
        [c, a, b]
    }
}

/// Whether the corners of `triangle` lie on one line, as nearly as `f64` can tell.
fn is_degenerate(mesh: &Mesh, triangle: [u32; 3]) -> bool {
    // Height over longest edge. Rounding alone gives about 1e-16; a real sliver of a scan is far above.
    const FLATNESS: f64 = 1e-12;
    let [a, b, c] = triangle.map(|vertex| mesh.positions[vertex as usize]);
    let edge =
        |from: [f64; 3], to: [f64; 3]| -> [f64; 3] { std::array::from_fn(|i| to[i] - from[i]) };
    let edges = [edge(a, b), edge(b, c), edge(c, a)];
    let longest = edges
        .as_flattened()
        .iter()
        .fold(0.0, |m: f64, x| m.max(x.abs()));
    if longest == 0.0 {
        return true;
    }
    // Divided first: the squares of coordinates near 1e-200 would vanish.
    let [u, v, _] = edges.map(|edge| edge.map(|x| x / longest));
    let normal = [
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    ];
    normal.iter().map(|x| x * x).sum::<f64>() <= FLATNESS * FLATNESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    fn mesh(positions: &[[f64; 3]], triangles: &[[u32; 3]]) -> Mesh {
        Mesh::from_arrays(positions, triangles)
    }

    const CORNERS: [[f64; 3]; 3] = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];

    #[test]
    fn one_triangle_and_a_flat_sheet_are_meshes() {
        let (kept, cleanup) = validate(mesh(&CORNERS, &[[0, 1, 2]])).unwrap();
        assert_eq!(kept.triangles.len(), 1);
        assert_eq!(cleanup, Cleanup::default());
        assert!(validate(shapes::sheet(2.0, 1.0, 3, 2)).is_ok());
    }

    #[test]
    fn what_is_no_surface_is_refused_in_words() {
        let cases = [
            (mesh(&[], &[]), "the mesh is empty"),
            (mesh(&CORNERS, &[]), "3 vertices and no faces"),
            (
                mesh(&CORNERS, &[[0, 1, 2], [0, 1, 7]]),
                "face 1 names vertex 7, but there are only 3",
            ),
            (
                mesh(
                    &[CORNERS[0], [0.0, f64::NAN, 0.0], CORNERS[2]],
                    &[[0, 1, 2]],
                ),
                "vertex 1",
            ),
            (
                mesh(
                    &[CORNERS[0], CORNERS[1], [f64::INFINITY, 0.0, 0.0]],
                    &[[0, 1, 2]],
                ),
                "vertex 2",
            ),
            (
                mesh(&[[5.0; 3]; 3], &[[0, 1, 2]]),
                "no extent: all its vertices lie at [5.0, 5.0, 5.0]",
            ),
            (
                mesh(&[[0.0; 3], [1.0; 3], [2.0; 3]], &[[0, 1, 2]]),
                "none of the 1 triangles has an area",
            ),
            (
                mesh(&CORNERS.map(|p| p.map(|x| x * 1e-310)), &[[0, 1, 2]]),
                "rescale",
            ),
            (
                mesh(
                    &[[-1.5e308, 0.0, 0.0], [1.5e308, 0.0, 0.0], [0.0, 1.0, 0.0]],
                    &[[0, 1, 2]],
                ),
                "rescale",
            ),
        ];
        for (broken, words) in cases {
            let message = validate(broken).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn degenerate_and_duplicate_triangles_are_counted() {
        // The last vertex is a copy of the first, and vertex 3 lies on the edge from 0 to 1.
        let positions = [
            CORNERS[0],
            CORNERS[1],
            CORNERS[2],
            [0.5, 0.0, 0.0],
            CORNERS[0],
        ];
        let triangles = [
            [0, 1, 2],
            [1, 2, 4], // the same triangle, turned
            [2, 1, 0], // the same, seen from behind
            [0, 1, 1],
            [0, 4, 2], // two corners at one place
            [0, 3, 1], // on one line
        ];
        let (kept, cleanup) = validate(mesh(&positions, &triangles)).unwrap();
        assert_eq!(cleanup.degenerate_triangles, 3);
        assert_eq!(cleanup.duplicate_triangles, 1);
        assert_eq!(kept.triangles, [[0, 1, 2], [2, 1, 0], [0, 3, 1]]);
        assert_eq!(cleanup.dropped, [1, 3, 4]);
        assert_eq!(cleanup.numbers_before(3), Some(vec![0, 2, 5]));
        assert_eq!(Cleanup::default().numbers_before(3), None);
    }

    #[test]
    fn size_and_place_do_not_make_triangles_degenerate() {
        for (scale, offset) in [
            (1e-9, 0.0),
            (1e9, 0.0),
            (1.0, 1e9),
            (1e-150, 0.0),
            (1e150, 0.0),
        ] {
            let mut sphere = shapes::icosphere(2, scale);
            for position in &mut sphere.positions {
                position[0] += offset;
            }
            let faces = sphere.triangles.len();
            let (kept, cleanup) = validate(sphere).unwrap();
            assert_eq!(
                kept.triangles.len(),
                faces,
                "scale {scale:e}, offset {offset:e}"
            );
            assert_eq!(cleanup, Cleanup::default());
        }
    }
}
