//! Distances to an outer surface, and directions from it.

use rayon::prelude::*;

use super::outer_surface::{Cell, LATTICE, LEAST, OuterSurface, interpolated};
use crate::distance::{SignPolicy, SignedDistance};
use crate::geometry::Mesh;

/// Least cells along an edge of the frame.
const CELLS: usize = (LATTICE / LEAST) as usize;

/// No cell.
const NONE: u32 = u32::MAX;

/// An [`OuterSurface`] that is ready to be asked from beyond the unit frame.
pub(super) struct OuterDistance {
    surface: OuterSurface,
    mesh: Mesh,
    search: SignedDistance,
    /// Which cell covers a least cell: `[axis, low or high side, CELLS, CELLS]`.
    covering: Vec<u32>,
}

impl OuterDistance {
    /// # Panics
    /// If the surface did not pass its check.
    pub(super) fn new(surface: &OuterSurface) -> Self {
        let mesh = surface.mesh();
        let search = SignedDistance::new(&mesh, SignPolicy::None).expect("a checked surface");
        let mut covering = vec![NONE; 6 * CELLS * CELLS];
        for (index, cell) in (0..).zip(&surface.cells) {
            let Cell { axis, low, size } = surface.square(cell).expect("a checked surface");
            let face = 2 * axis + usize::from(low[axis] == LATTICE);
            let [u, v] = [1, 2].map(|next| usize::from(low[(axis + next) % 3] / LEAST));
            let side = usize::from(size / LEAST);
            for row in u..u + side {
                let start = (face * CELLS + row) * CELLS + v;
                covering[start..start + side].fill(index);
            }
        }
        Self {
            surface: surface.clone(),
            mesh,
            search,
            covering,
        }
    }

    /// The distances of `points`, `[N, 3]`, to the triangles and lone places.
    pub(super) fn distances(&self, points: &[[f32; 3]]) -> Vec<f32> {
        let mut distances = vec![0.0; points.len()];
        self.search.distances(points, &mut distances);
        distances
    }

    /// The directions in which `points`, `[N, 3]` beyond the frame, lie from the nearest point of the shape, of length 1.
    ///
    /// The nearest point of a triangle would give the direction of its normal, which is that of the shape only about its
    /// middle. So there is a second look: where the way to it enters the frame, the nearest point of the shape is
    /// interpolated, which is right to the second order of the cell's size.
    pub(super) fn directions(&self, points: &[[f32; 3]]) -> Vec<[f32; 3]> {
        let points: Vec<[f64; 3]> = points.iter().map(|point| point.map(f64::from)).collect();
        let places = self.search.closest_places(&self.mesh, &points);
        let direction = |(&point, place): (&[f64; 3], &crate::distance::Place)| {
            let corners = self.mesh.corners(place.triangle as usize);
            let first: [f64; 3] = std::array::from_fn(|axis| {
                let parts = (0..3).map(|corner| place.weights[corner] * corners[corner][axis]);
                parts.sum()
            });
            let nearest = self.second_look(point, first).unwrap_or(first);
            let way: [f64; 3] = std::array::from_fn(|axis| point[axis] - nearest[axis]);
            let length = way[0].hypot(way[1]).hypot(way[2]);
            way.map(|x| (x / length) as f32)
        };
        points.par_iter().zip(&places).map(direction).collect()
    }

    /// The interpolated nearest point at the place where the way from `point` to `first` enters the frame; `None` where no
    /// cell covers it.
    fn second_look(&self, point: [f64; 3], first: [f64; 3]) -> Option<[f64; 3]> {
        let beyond = (0..3).filter(|&axis| point[axis].abs() > 1.0);
        let share = |axis: usize| (point[axis].abs() - 1.0) / (point[axis] - first[axis]).abs();
        // The last plane of a face that is passed is that of the face where it enters.
        let axis = beyond.max_by(|&a, &b| share(a).total_cmp(&share(b)))?;
        let (share, high) = (share(axis), point[axis] > 0.0);
        let steps = [1, 2].map(|next| {
            let along = (axis + next) % 3;
            let entered = point[along] + share * (first[along] - point[along]);
            (entered.clamp(-1.0, 1.0) + 1.0) * f64::from(LATTICE / 2)
        });
        let [row, column] = steps.map(|step| ((step / f64::from(LEAST)) as usize).min(CELLS - 1));
        let face = 2 * axis + usize::from(high);
        let index = self.covering[(face * CELLS + row) * CELLS + column];
        let cell = self.surface.cells.get(index as usize)?;
        let [low, _, _, end] = cell.map(|corner| self.surface.places[corner as usize]);
        let shares = [0, 1].map(|side| {
            let along = (axis + 1 + side) % 3;
            (steps[side] - f64::from(low[along])) / f64::from(end[along] - low[along])
        });
        let corners = cell.map(|corner| self.surface.nearest[corner as usize].map(f64::from));
        Some(interpolated(corners, shares))
    }
}
