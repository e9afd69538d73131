//! What single precision leaves of a surface that lies far from the origin.

use super::Surface;
use crate::geometry::Bounds;

/// The positions of a surface as a file or message holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldPositions {
    /// `[V, 3]`, own units. Vertices may have come to lie at one place.
    pub positions: Vec<[f64; 3]>,
    /// How far the farthest of them is from where it was, in own units.
    pub largest_shift: f64,
    /// Triangles of which two corners have come to lie at one place.
    pub collapsed_triangles: u64,
}

/// Share of a cell by which rounding may move a coordinate before anything is done about it. Vertices differ by a thousandth
/// of a cell at least (`vertices.rs`), so up to here none of them meet, and a surface stays as closed as it was.
const HARMLESS: f64 = 1.0 / 4000.0;

/// Share of a cell that a user wants to know about.
const NOTABLE: f64 = 1.0 / 100.0;

/// Cells along the longest side of a surface that no grid is known of.
const CELLS: f64 = 1024.0;

impl Surface {
    /// The positions as they are.
    pub(super) fn held_exactly(&self) -> HeldPositions {
        HeldPositions {
            positions: self.positions.clone(),
            largest_shift: 0.0,
            collapsed_triangles: 0,
        }
    }

    /// The positions if the way to each from `origin` is held in `f32`.
    pub fn held_in_f32(&self, origin: [f64; 3]) -> HeldPositions {
        let round = |position: &[f64; 3]| -> [f64; 3] {
            std::array::from_fn(|axis| {
                origin[axis] + f64::from((position[axis] - origin[axis]) as f32)
            })
        };
        let positions: Vec<[f64; 3]> = self.positions.iter().map(round).collect();
        let squared_shifts = positions.iter().zip(&self.positions).map(|(held, exact)| {
            (0..3)
                .map(|axis| (held[axis] - exact[axis]).powi(2))
                .sum::<f64>()
        });
        let place = |vertex: u32| positions[vertex as usize];
        let collapsed = self
            .triangles
            .iter()
            .map(|triangle| triangle.map(place))
            .filter(|[a, b, c]| a == b || b == c || c == a)
            .count();
        HeldPositions {
            largest_shift: squared_shifts.fold(0.0, f64::max).sqrt(),
            collapsed_triangles: collapsed as u64,
            positions,
        }
    }

    /// Whether `f32` holds the ways from `origin` to all vertices so well that nothing comes of it.
    pub fn fits_f32(&self, origin: [f64; 3]) -> bool {
        let bounds = self.bounds();
        error_of_f32(&bounds, origin) <= HARMLESS * self.cell(&bounds)
    }

    /// In words, how `holder` with its single precision has changed the surface, and what to do; `None` where that is less
    /// than a hundredth of a cell.
    pub fn warning_about(&self, held: &HeldPositions, holder: &str, cure: &str) -> Option<String> {
        let cells = held.largest_shift / self.cell(&self.bounds());
        // Not the other way round: what has become infinite is not a number of cells.
        (cells > NOTABLE || !cells.is_finite()).then(|| {
            let collapsed = match held.collapsed_triangles {
                0 => String::new(),
                count => format!(
                    ", and {count} of {} triangles collapsed",
                    self.triangles.len()
                ),
            };
            format!(
                "{holder} coordinates in single precision, too coarse so far from the origin: vertices were moved by up to \
                 {:.3} ({cells:.2} cells){collapsed}; {cure}",
                held.largest_shift
            )
        })
    }

    fn cell(&self, bounds: &Bounds) -> f64 {
        match self.stats.voxel_size > 0.0 {
            true => self.stats.voxel_size,
            false => bounds.longest_side() / CELLS,
        }
    }
}

/// How far rounding to `f32` can move a coordinate of a point in a box, as seen from `origin`: half the gap between
/// neighbouring numbers where they are largest.
fn error_of_f32(bounds: &Bounds, origin: [f64; 3]) -> f64 {
    let corners = [bounds.min, bounds.max].into_iter();
    let ways = corners.flat_map(|corner| (0..3).map(move |axis| corner[axis] - origin[axis]));
    let farthest = ways.fold(0.0, |far: f64, x| far.max(x.abs())) as f32;
    f64::from(farthest.next_up() - farthest) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CancelToken;
    use crate::extract::closed_forms::{UNIT, sphere};
    use crate::extract::{Grid, MeshFileFormat, Resolution, SurfaceSettings, extract_surface};
    use crate::geometry::{Mesh, MeshFormat, Similarity, Topology, parse_mesh};

    /// A ball of the radius 4, 40 cells across, so far out along all axes.
    fn ball(away: f64) -> Surface {
        let frame = Similarity {
            center: [away, -away, away],
            scale: 0.2,
        };
        let corner = |p: [f64; 3]| frame.invert(p);
        let bounds = Bounds {
            min: corner(UNIT.min),
            max: corner(UNIT.max),
        };
        let grid = Grid::covering(&bounds, Resolution::Cells(50), 0.0).unwrap();
        let settings = SurfaceSettings::default();
        let cancel = CancelToken::new();
        extract_surface(&sphere(0.8), &grid, &frame, &settings, &cancel, &mut |_| {}).unwrap()
    }

    fn topology(surface: &Surface, positions: Vec<[f64; 3]>) -> Topology {
        Topology::of(&Mesh {
            positions,
            triangles: surface.triangles.clone(),
        })
    }

    const FORMATS: [(MeshFileFormat, MeshFormat); 4] = [
        (MeshFileFormat::Obj, MeshFormat::Obj),
        (MeshFileFormat::Ply, MeshFormat::Ply),
        (MeshFileFormat::Stl, MeshFormat::Stl),
        (MeshFileFormat::Glb, MeshFormat::Glb),
    ];

    #[test]
    fn what_is_said_of_a_file_is_what_a_reader_finds_in_it() {
        for away in [0.0, 3.0, 30.0, 5e5, 5e8] {
            let surface = ball(away);
            for (format, reader) in FORMATS {
                // So far out hardly a triangle of an STL is left, and a reader takes copies for one.
                if format == MeshFileFormat::Stl && away > 1e6 {
                    continue;
                }
                let held = format.held(&surface);
                let mut bytes = Vec::new();
                crate::extract::write_mesh_to(&surface, format, &mut bytes).unwrap();
                let read = parse_mesh(&bytes, reader, "written").unwrap();
                let said = topology(&surface, held.positions.clone());
                assert_eq!(Topology::of(&read.mesh), said, "{format:?} at {away}");
                let bounds = Bounds::around(held.positions.iter().copied());
                let found = read.mesh.bounds();
                for axis in 0..3 {
                    // The translation of a node and the position are added in f64 by us, in f32 by others.
                    assert!((found.min[axis] - bounds.min[axis]).abs() <= 1e-12 * away);
                    assert!((found.max[axis] - bounds.max[axis]).abs() <= 1e-12 * away);
                }
                if format != MeshFileFormat::Stl {
                    assert!(held.largest_shift < 1e-3 * 0.2, "{format:?} at {away}");
                    assert!(
                        said.watertight() && said.bodies == 1,
                        "{format:?} at {away}"
                    );
                    assert!(surface.warning_about(&held, "", "").is_none());
                }
            }
        }
    }

    #[test]
    fn an_stl_far_from_the_origin_is_coarse_and_that_is_said() {
        let stl = MeshFileFormat::Stl;
        let near = ball(3.0);
        assert!(
            near.warning_about(&stl.held(&near), "STL holds", "")
                .is_none()
        );

        // At 500 km neighbouring numbers are 1/32 apart: a coordinate is moved by up to 1/64, a cell is 0.2 wide.
        let far = ball(5e5);
        let held = stl.held(&far);
        let most = 3_f64.sqrt() / 64.0;
        assert!(held.largest_shift <= most && held.largest_shift > 0.7 * most);
        let words = far.warning_about(&held, "STL holds", "write .obj").unwrap();
        assert!(
            words.starts_with("STL holds coordinates in single precision"),
            "{words}"
        );
        assert!(
            words.contains("cells)") && words.ends_with("write .obj"),
            "{words}"
        );

        // At 500,000 km they are 32 apart: of a ball 8 wide nothing is left.
        let lost = stl.held(&ball(5e8));
        assert!(lost.collapsed_triangles > 0);
        assert!(!topology(&ball(5e8), lost.positions).watertight());
    }

    #[test]
    fn the_gap_between_numbers_is_what_rounding_costs() {
        let at = |x: f64| Bounds {
            min: [x; 3],
            max: [x + 1.0; 3],
        };
        assert_eq!(error_of_f32(&at(500_000.0), [0.0; 3]), 1.0 / 64.0);
        assert_eq!(
            error_of_f32(&at(500_000.0), [500_000.0; 3]),
            2_f64.powi(-24)
        );
        assert_eq!(error_of_f32(&at(1e300), [0.0; 3]).partial_cmp(&1e300), None);
    }
}
