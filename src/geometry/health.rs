//! What is right and wrong with a mesh, in numbers and in words.

use rayon::prelude::*;

use super::intersections::Intersections;
use super::orientation::NO_VOLUME;
use super::vector::{cross, dot, minus};
use super::{Bounds, Cleanup, Mesh, Similarity, Topology};
use crate::CancelToken;

/// The state of a mesh: what decides how far a signed distance to it can be trusted.
///
/// All is told of the mesh that distances are computed from: faces that looked the wrong way are turned, and copies are left
/// out, as the counts of these say. Edges and bodies are counted with vertices taken as one where they lie at the same
/// place, see [`Topology`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HealthReport {
    /// Vertices, also those that no face uses.
    pub vertices: u64,
    /// Triangles.
    pub faces: u64,
    /// Connected parts of the surface.
    pub bodies: u64,
    /// Whether every edge belongs to exactly two faces.
    pub watertight: bool,
    /// Whether neighbouring faces agree about which side is out, once those that did not were turned.
    pub consistently_wound: bool,
    /// Edges of one face only: the rims of holes.
    pub boundary_edges: u64,
    /// Edges of more than two faces.
    pub non_manifold_edges: u64,
    /// Pairs of triangles without a common vertex that cut through each other; `None` if the mesh has more than
    /// [`SELF_INTERSECTION_LIMIT`] triangles, for which the search is not made.
    pub self_intersections: Option<u64>,
    /// Whether the search for them was given up, because so many triangles lie over each other: there may be more.
    #[serde(default)]
    pub more_self_intersections: bool,
    /// Triangles without an area, dropped ones included.
    pub degenerate_triangles: u64,
    /// Triangles whose corners are those of another one, dropped ones included.
    pub duplicate_triangles: u64,
    /// Those of them that were dropped. The others are walls without thickness.
    #[serde(default)]
    pub merged_faces: u64,
    /// Faces that looked another way than their neighbours and were turned.
    #[serde(default)]
    pub turned_faces: u64,
    /// Closed bodies that were inside out and were turned.
    #[serde(default)]
    pub turned_bodies: u64,
    /// The axis-aligned box around the faces, in the mesh's own units.
    pub bounds: Bounds,
    /// Area of all faces, in own units squared.
    pub area: f64,
    /// Enclosed volume in own units cubed, negative if the faces look inwards; 0 if it is within rounding of it. `None`
    /// unless every edge is run along as often in one direction as in the other, since then nothing is enclosed.
    pub volume: Option<f64>,
    /// Whether the surface is closed and looks inwards. A body that [`validate`](super::validate()) saw is turned, see
    /// `turned_bodies`.
    pub inverted: bool,
    /// Points without faces that the surface was put through; 0 for a mesh of faces.
    #[serde(default)]
    pub points: u64,
    /// What was left out, repaired or doubted on the way in, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Largest number of triangles for which self-intersections are searched: of a million it would take as long as all else that comes before a fit.
pub const SELF_INTERSECTION_LIMIT: usize = 200_000;

impl HealthReport {
    /// Examines `mesh`, which passed [`validate`](super::validate()) with result `cleanup`.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist.
    pub fn of(mesh: &Mesh, cleanup: &Cleanup) -> HealthReport {
        HealthReport::examine(mesh, cleanup, &CancelToken::new()).expect("nobody cancels it")
    }

    /// Like [`of`](Self::of), looking at `cancel` several times a second; `None` if it is set.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist.
    pub fn examine(mesh: &Mesh, cleanup: &Cleanup, cancel: &CancelToken) -> Option<HealthReport> {
        let topology = Topology::of(mesh);
        let bounds = mesh.bounds();
        let (area, volume) = area_and_volume(mesh, &bounds);
        let volume = topology.closed.then_some(volume);
        if cancel.is_cancelled() {
            return None;
        }
        let intersections = match mesh.triangles.len() <= SELF_INTERSECTION_LIMIT {
            true => Some(Intersections::of(mesh, cancel)?),
            false => None,
        };
        Some(HealthReport {
            vertices: mesh.positions.len() as u64,
            faces: mesh.triangles.len() as u64,
            bodies: topology.bodies,
            watertight: topology.watertight(),
            consistently_wound: topology.consistently_wound,
            boundary_edges: topology.boundary_edges,
            non_manifold_edges: topology.non_manifold_edges,
            self_intersections: intersections.map(|found| found.count),
            more_self_intersections: intersections.is_some_and(|found| !found.complete),
            degenerate_triangles: cleanup.degenerate_triangles,
            duplicate_triangles: cleanup.duplicate_triangles + opposite_pairs(mesh),
            merged_faces: cleanup.duplicate_triangles,
            turned_faces: cleanup.turned_triangles,
            turned_bodies: cleanup.turned_bodies,
            bounds,
            area,
            volume,
            inverted: volume.is_some_and(|volume| volume < 0.0),
            points: cleanup.points,
            notes: cleanup.notes.clone(),
        })
    }

    /// What a user should know before fitting, one sentence each; empty for a sound mesh.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.notes.clone();
        let mut warn = |applies: bool, words: String| {
            if applies {
                warnings.push(words);
            }
        };
        warn(
            self.boundary_edges > 0,
            format!(
                "The surface is open ({}).",
                counted(self.boundary_edges, "boundary edge")
            ),
        );
        warn(
            self.non_manifold_edges > 0,
            format!(
                "{} shared by more than two faces.",
                counted_is(self.non_manifold_edges, "edge")
            ),
        );
        warn(
            !self.consistently_wound,
            "Neighbouring faces disagree about which side is out, and there is no way to turn them that they all agree."
                .into(),
        );
        warn(
            self.inverted,
            "The surface is inside out: its inside is taken as inside all the same.".into(),
        );
        let crossings = self.self_intersections.unwrap_or(0);
        warn(
            crossings > 0,
            format!(
                "The surface cuts through itself ({}{} of triangles): distances inside refer to the inner parts, too.",
                if self.more_self_intersections {
                    "at least "
                } else {
                    ""
                },
                counted(crossings, "pair")
            ),
        );
        warn(
            self.more_self_intersections && crossings == 0,
            "So many triangles lie over each other that not all were searched for places where the surface cuts through itself.".into(),
        );
        warn(
            self.degenerate_triangles > 0,
            format!(
                "{} without an area.",
                counted_is(self.degenerate_triangles, "triangle")
            ),
        );
        warn(
            self.duplicate_triangles > self.merged_faces,
            format!(
                "{} without thickness: two faces with the same corners.",
                counted_is(self.duplicate_triangles - self.merged_faces, "wall")
            ),
        );
        warnings
    }
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn counted_is(count: u64, noun: &str) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, noun))
}

/// Area, and volume by the divergence theorem: the sum of the signed tetrahedra between the faces and one point.
fn area_and_volume(mesh: &Mesh, bounds: &Bounds) -> (f64, f64) {
    // Summed in the unit frame, so that neither size nor place costs digits; blocks of a fixed length are added up in
    // their order, so that the result does not depend on the number of threads.
    const BLOCK: usize = 4096;
    let Some(frame) = Similarity::to_unit_frame(bounds) else {
        return (0.0, 0.0);
    };
    let sums: Vec<(f64, f64)> = mesh
        .triangles
        .par_chunks(BLOCK)
        .map(|block| {
            block.iter().fold((0.0, 0.0), |(area, volume), triangle| {
                let [a, b, c] = triangle.map(|v| frame.apply(mesh.positions[v as usize]));
                let normal = cross(minus(b, a), minus(c, a));
                (
                    area + dot(normal, normal).sqrt() / 2.0,
                    volume + dot(normal, a) / 6.0,
                )
            })
        })
        .collect();
    let (area, volume) = sums
        .iter()
        .fold((0.0, 0.0), |sum, block| (sum.0 + block.0, sum.1 + block.1));
    // What is left of a sum that is zero but for rounding has no meaning, least of all its sign.
    let volume = if volume.abs() > NO_VOLUME * area {
        volume
    } else {
        0.0
    };
    (area / frame.scale.powi(2), volume / frame.scale.powi(3))
}

/// Number of triangles that lie on another one and look the other way.
fn opposite_pairs(mesh: &Mesh) -> u64 {
    let place = super::weld::first_at_same_place(&mesh.positions);
    let mut corners: Vec<[u32; 3]> = mesh
        .triangles
        .par_iter()
        .map(|triangle| {
            let mut corners = triangle.map(|vertex| place[vertex as usize]);
            corners.sort_unstable();
            corners
        })
        .collect();
    corners.par_sort_unstable();
    corners.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{shapes, validate};

    fn health(mesh: Mesh) -> HealthReport {
        let (mesh, cleanup) = validate(mesh).unwrap();
        HealthReport::of(&mesh, &cleanup)
    }

    #[test]
    fn a_sound_mesh_has_no_warnings() {
        assert_eq!(health(shapes::torus(1.0, 0.3, 24, 12)).warnings(), [""; 0]);
    }

    #[test]
    fn an_inverted_sphere_is_watertight_and_turned() {
        let report = health(shapes::icosphere(4, 1.0).flipped());
        assert!(report.watertight && !report.inverted);
        assert!((report.volume.unwrap() - 4.18).abs() < 0.02);
        assert_eq!((report.turned_bodies, report.turned_faces), (1, 0));
        assert_eq!(report.warnings().len(), 1);
        assert!(report.warnings()[0].contains("inside out"));
        // Without that check it is as it came.
        let mesh = shapes::icosphere(4, 1.0).flipped();
        let report = HealthReport::of(&mesh, &Cleanup::default());
        assert!(report.inverted && report.volume.unwrap() < -4.1);
    }

    #[test]
    fn an_open_surface_has_no_volume() {
        let report = health(shapes::hemisphere(1.0, 32, 8));
        assert_eq!(report.volume, None);
        assert!(!report.inverted);
        assert!(report.warnings()[0].contains("32 boundary edges"));
    }

    #[test]
    fn two_overlapping_spheres_cut_each_other() {
        let other = shapes::icosphere(3, 1.0).translated([0.9, 0.05, 0.0]);
        let report = health(shapes::icosphere(3, 1.0).joined(&other));
        assert_eq!((report.bodies, report.watertight), (2, true));
        assert!(
            report.self_intersections.unwrap() > 50,
            "{:?}",
            report.self_intersections
        );
    }

    #[test]
    fn a_thin_wall_is_kept_and_counted() {
        let wall = shapes::sheet(1.0, 1.0, 2, 2);
        let both = wall.clone().joined(&wall.clone().flipped());
        let report = health(shapes::icosphere(2, 0.3).joined(&both));
        assert_eq!((report.faces, report.duplicate_triangles), (336, 8));
        assert!(report.warnings().contains(
            &"8 walls are without thickness: two faces with the same corners.".to_owned()
        ));
        // Where there is nothing else it is a sheet that was doubled.
        let report = health(both);
        assert_eq!((report.faces, report.merged_faces), (8, 8));
    }

    #[test]
    fn size_and_place_change_neither_area_nor_volume_relative_to_the_mesh() {
        let unit = health(shapes::torus(1.0, 0.3, 48, 24));
        for (scale, offset) in [(1e9, 0.0), (1e-9, 0.0), (1.0, 1e6)] {
            let moved = shapes::torus(1.0, 0.3, 48, 24)
                .scaled(scale)
                .translated([offset; 3]);
            let report = health(moved);
            assert!((report.area / scale.powi(2) / unit.area - 1.0).abs() < 1e-8);
            let volume = report.volume.unwrap() / scale.powi(3);
            assert!((volume / unit.volume.unwrap() - 1.0).abs() < 1e-8);
        }
    }
}
