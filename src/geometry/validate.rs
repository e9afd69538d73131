//! The checks that every mesh passes before anything is computed from it.

use rayon::prelude::*;

use super::doubled::{Doubled, Role};
use super::edges::Edges;
use super::orientation::orient;
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
    /// Triangles dropped because another one has the same corners, whichever way they look. (Two that look in opposite
    /// directions both stay where they are a wall without thickness, within a body or on it.)
    pub duplicate_triangles: u64,
    /// Triangles turned because they looked another way than their neighbours.
    pub turned_triangles: u64,
    /// Closed bodies that were inside out and were turned as a whole. Their triangles are not among
    /// [`turned_triangles`](Self::turned_triangles).
    pub turned_bodies: u64,
    /// Vertices merged into another at exactly the same place, by formats that repeat vertices.
    pub vertices_welded: u64,
    /// Points without faces that the surface was put through; 0 for a mesh of faces.
    #[serde(default)]
    pub points: u64,
    /// What else was left out, repaired or doubted, one sentence each.
    pub notes: Vec<String>,
    /// Numbers of the dropped triangles before anything was dropped, ascending.
    #[serde(skip)]
    pub dropped: Vec<u32>,
    /// Numbers of the triangles, as they are now, that were turned, alone or with their body, ascending: their last two
    /// corners have changed places.
    #[serde(skip)]
    pub turned: Vec<u32>,
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

    fn repairs_in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |count: u64, one: &str, more: &str| match count {
            0 => {}
            1 => words.push(format!("1 {one}.")),
            _ => words.push(format!("{count} {more}.")),
        };
        say(
            self.duplicate_triangles,
            "face is a copy of another one, in one direction or the other, and was left out",
            "faces are copies of others, in one direction or the other, and were left out",
        );
        say(
            self.turned_triangles,
            "face looked another way than its neighbours and was turned",
            "faces looked another way than their neighbours and were turned",
        );
        say(
            self.turned_bodies,
            "body was inside out and was turned",
            "bodies were inside out and were turned",
        );
        words
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

/// Checks `mesh`, drops the triangles that are nothing, turns those that look the wrong way, and says what it did.
///
/// Where faces agree about which side is out and bodies look outwards, no triangle is touched. An open, inverted or self-intersecting mesh is valid, and so are a single triangle and a flat sheet: what is unusual
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
    let edges = Edges::of(&mesh.triangles, &place);
    let mut doubled = Doubled::of(&mesh.triangles, &place, &edges);
    let mut orientation = orient(&mesh, &edges, doubled.as_ref());
    drop(edges);
    let turned = &mut orientation.turned;
    if let Some(doubled) = &mut doubled {
        doubled.settle(turned);
    }
    let role = |face: u32| doubled.as_ref().map_or(Role::Single, |d| d.role(face));
    let mut number = 0;
    let mut kept = 0;
    mesh.triangles.retain_mut(|triangle| {
        let [a, b, c] = triangle.map(|vertex| place[vertex as usize]);
        let is_copy = role(number) == Role::Dropped;
        let keep = !is_copy && a != b && b != c && c != a;
        if keep && turned[number as usize] {
            triangle.swap(1, 2);
            cleanup.turned.push(kept);
        }
        if !keep {
            cleanup.dropped.push(number);
        }
        cleanup.duplicate_triangles += u64::from(is_copy);
        kept += u32::from(keep);
        number += 1;
        keep
    });
    cleanup.turned_triangles = orientation.turned_faces;
    cleanup.turned_bodies = orientation.turned_bodies;
    cleanup.notes = cleanup.repairs_in_words();
    cleanup.notes.append(&mut orientation.notes);
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
mod tests;
