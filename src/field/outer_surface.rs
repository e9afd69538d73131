//! What of a shape is nearest to anything beyond the unit frame, as a coarse mesh.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::distance::closest_point;
use crate::geometry::{Bounds, Mesh};

/// The part of a surface that is seen from beyond the unit frame `[-1, 1]³`: from there, the distance to it is that to the
/// whole shape.
///
/// The way from a point beyond the frame to the nearest point of the shape leads through the frame's border, and ends where
/// the way from that place on the border ends. So what is nearest to places on the border is all that can be nearest to
/// anything beyond it. It is known at the places of a lattice; between those of a cell it is interpolated, where that is
/// close enough. Where the nearest point jumps from one part of the shape to another there are finer places, but no cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OuterSurface {
    /// Places on the border, `[V, 3]`: each coordinate in steps of 1/64 from -1, at most 128.
    pub places: Vec<Place>,
    /// The nearest points of the shape to the places, `[V, 3]` in the unit frame.
    pub nearest: Vec<[f32; 3]>,
    /// Squares on the border by the indices of the places at their corners, `[C, 4]`. On a face that stands upright on axis
    /// `a`, the second lies from the first along axis `a + 1`, the third along axis `a + 2` (both modulo 3), the fourth along
    /// both.
    pub cells: Vec<[u32; 4]>,
}

/// A place on the border of the frame, in steps of the lattice.
pub type Place = [u8; 3];

/// Steps of the lattice along each edge of the frame.
pub(super) const LATTICE: u8 = 128;

/// How closely an outer surface follows the shape: what a distance beyond the unit frame is worth, and what it costs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum OuterDetail {
    /// Distances within 1 % and directions within 2°, in 70 to 400 KB.
    #[default]
    Fine,
    /// Distances off by half a percent in the mean, but by up to two fifths close to the frame, and directions within 2° in the
    /// median, in 3 to 5 KB.
    Coarse,
}

/// How far a cell may be off, and what becomes of one that is.
#[derive(Clone, Copy)]
struct Limits {
    /// How much the distance to the outer surface may be off, as a share of the distance and [`SLACK`].
    distance: f64,
    /// How far an interpolated nearest point may be off, as a share of the same.
    place: f64,
    /// Sides of cells, in steps of the lattice: the largest ones are quartered where they are off, down to the least, of which
    /// only the places are kept.
    largest: u8,
    least: u8,
}

impl OuterDetail {
    /// About what it takes in a file.
    pub fn typical_bytes(self) -> u64 {
        match self {
            OuterDetail::Fine => 200_000,
            OuterDetail::Coarse => 4_000,
        }
    }

    fn limits(self) -> Limits {
        match self {
            // A place that is off by a fiftieth of the distance turns the direction by about one degree.
            OuterDetail::Fine => Limits {
                distance: 0.004,
                place: 0.02,
                largest: 8,
                least: LEAST,
            },
            // One size of cells: finer ones take many times the bytes and halve the error (measured on scans).
            OuterDetail::Coarse => Limits {
                distance: 0.03,
                place: 0.15,
                largest: 32,
                least: 32,
            },
        }
    }
}

/// In the unit frame. A surface may be a tenth of it below the border, and a share of that alone would ask for finer cells than
/// 1 % and 2° need, as the tests' closed forms show.
const SLACK: f64 = 0.25;

/// The least side of a cell, in steps of the lattice: it has a place in its middle, too.
pub(super) const LEAST: u8 = 2;

/// Of places without a cell, those whose nearest points fall into one cube of a lattice of this step stand for each other.
/// Where the nearest point jumps there are many, and what they say is mostly the same.
const SAME: f32 = 1.0 / 128.0;

/// The triangles of a cell, by its corners.
const HALVES: [[usize; 3]; 2] = [[0, 1, 3], [0, 3, 2]];

/// A square on the border of the frame.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// The axis that it stands upright on.
    pub axis: usize,
    /// Its corner with the least coordinates.
    pub low: Place,
    /// Its side, in steps of the lattice.
    pub size: u8,
}

impl OuterSurface {
    /// The outer surface of a shape in the unit frame, in some detail. `closest` gives the nearest points of the shape, `[N, 3]`, to points
    /// `[N, 3]` on the border of the frame; it is called a few times with thousands.
    ///
    /// # Errors
    /// Those of `closest`.
    pub fn of<E>(
        detail: OuterDetail,
        mut closest: impl FnMut(&[[f32; 3]]) -> Result<Vec<[f32; 3]>, E>,
    ) -> Result<OuterSurface, E> {
        let mut nearest: HashMap<Place, [f32; 3]> = HashMap::new();
        let mut found = Collection::default();
        let mut alone = Vec::new();
        let limits = detail.limits();
        let mut cells = largest_cells(limits.largest);
        while !cells.is_empty() {
            let mut places: Vec<Place> = (cells.iter().flat_map(Cell::places))
                .filter(|place| !nearest.contains_key(place))
                .collect();
            places.sort_unstable();
            places.dedup();
            let points: Vec<[f32; 3]> = places.iter().map(|&place| point(place)).collect();
            nearest.extend(places.into_iter().zip(closest(&points)?));
            let mut finer = Vec::new();
            for cell in &cells {
                let places = cell.places();
                let feet = places.map(|place| nearest[&place]);
                if stands_for(&places, &feet, limits) {
                    found.add_cell([0, 2, 6, 8].map(|at| (places[at], feet[at])));
                } else if cell.size > limits.least {
                    finer.extend(cell.quarters());
                } else {
                    alone.extend(places.into_iter().zip(feet));
                }
            }
            cells = finer;
        }
        let around = |foot: &[f32; 3]| foot.map(|x| (x / SAME).round() as i16);
        let mut known: HashSet<[i16; 3]> = found.surface.nearest.iter().map(around).collect();
        for (place, foot) in alone {
            if known.insert(around(&foot)) {
                found.add_place(place, foot);
            }
        }
        Ok(found.surface)
    }

    /// The square of a cell; `None` if it is no square of whole [`LEAST`] cells on one face of the frame.
    pub(super) fn square(&self, cell: &[u32; 4]) -> Option<Cell> {
        let corners = cell.map(|corner| self.places[corner as usize]);
        let [low, _, _, high] = corners;
        let axis = (0..3).find(|&axis| low[axis] == high[axis])?;
        let [u, v] = [1, 2].map(|next| (axis + next) % 3);
        let size = high[u].checked_sub(low[u]).filter(|&size| size > 0)?;
        let square = Cell { axis, low, size };
        let whole = [size, low[u], low[v]].iter().all(|x| x % LEAST == 0);
        let on_face = low[axis] == 0 || low[axis] == LATTICE;
        // Checked first: the sum of two places need not be one.
        let as_told = high[v].checked_sub(low[v]) == Some(size)
            && corners == [[0, 0], [size, 0], [0, size], [size, size]].map(|by| square.moved(by));
        (whole && on_face && as_told).then_some(square)
    }

    /// Checks what was read from somewhere.
    ///
    /// # Errors
    /// Says what is wrong with which place, nearest point or cell.
    pub(super) fn check(&self) -> Result<(), String> {
        let count = self.places.len();
        if self.nearest.len() != count {
            return Err(format!(
                "there are {count} places and {} nearest points",
                self.nearest.len()
            ));
        }
        let border = |place: &Place| place.iter().any(|&x| x == 0 || x == LATTICE);
        let inside = |place: &Place| place.iter().all(|&x| x <= LATTICE);
        if let Some(row) = (self.places.iter()).position(|place| !border(place) || !inside(place)) {
            let place = self.places[row];
            return Err(format!("place {row} is {place:?}: not on the border"));
        }
        let within = |point: &[f32; 3]| point.iter().all(|x| x.abs() <= 1.0);
        if let Some(row) = self.nearest.iter().position(|point| !within(point)) {
            let point = self.nearest[row];
            return Err(format!(
                "nearest point {row} is {point:?}: not in the unit frame"
            ));
        }
        let known = |cell: &[u32; 4]| cell.iter().all(|&corner| (corner as usize) < count);
        if let Some(row) =
            (self.cells.iter()).position(|cell| !known(cell) || self.square(cell).is_none())
        {
            let cell = self.cells[row];
            return Err(format!("cell {row} is {cell:?}: no square of places"));
        }
        match self.has_extent() {
            true => Ok(()),
            false => Err("its nearest points are one point".to_owned()),
        }
    }

    /// Whether the nearest points have an extent, without which there is nothing to search.
    pub fn has_extent(&self) -> bool {
        let nearest = self.nearest.iter().map(|point| point.map(f64::from));
        Bounds::around(nearest).longest_side() > 1e-6
    }

    /// Two triangles of nearest points for each cell, and for a place without a cell a triangle that is but a point: no point beyond
    /// the frame has a nearer one. The first triangles are those of the cells, in order.
    pub(crate) fn triangles(&self) -> Vec<[u32; 3]> {
        let halves = |cell: &[u32; 4]| HALVES.map(|half| half.map(|corner| cell[corner]));
        let mut triangles: Vec<[u32; 3]> = self.cells.iter().flat_map(halves).collect();
        let mut alone = vec![true; self.nearest.len()];
        for &vertex in self.cells.iter().flatten() {
            alone[vertex as usize] = false;
        }
        let alone = (0..).zip(alone).filter(|&(_, alone)| alone);
        triangles.extend(alone.map(|(vertex, _)| [vertex; 3]));
        triangles
    }

    /// Its [`triangles`](Self::triangles) as a mesh.
    pub(super) fn mesh(&self) -> Mesh {
        Mesh::from_arrays(&self.nearest, &self.triangles())
    }
}

impl Cell {
    /// Its corners, the middles of its sides and its centre, in rows of three.
    fn places(&self) -> [Place; 9] {
        let half = self.size / 2;
        std::array::from_fn(|index| self.moved([index as u8 % 3 * half, index as u8 / 3 * half]))
    }

    fn quarters(&self) -> [Cell; 4] {
        let half = self.size / 2;
        std::array::from_fn(|index| Cell {
            low: self.moved([index as u8 % 2 * half, index as u8 / 2 * half]),
            size: half,
            ..*self
        })
    }

    /// The place so far from its low corner.
    fn moved(&self, [u, v]: [u8; 2]) -> Place {
        let mut place = self.low;
        place[(self.axis + 1) % 3] += u;
        place[(self.axis + 2) % 3] += v;
        place
    }
}

/// The border of the frame, cut into cells of one size.
fn largest_cells(size: u8) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (axis, side) in (0..3).flat_map(|axis| [(axis, 0), (axis, LATTICE)]) {
        let mut face = Cell {
            axis,
            low: [0; 3],
            size,
        };
        face.low[axis] = side;
        let steps = (0..LATTICE).step_by(size.into());
        for (u, v) in steps
            .clone()
            .flat_map(|u| steps.clone().map(move |v| (u, v)))
        {
            let low = face.moved([u, v]);
            cells.push(Cell { low, ..face });
        }
    }
    cells
}

fn point(place: Place) -> [f32; 3] {
    place.map(|x| f32::from(x) / f32::from(LATTICE / 2) - 1.0)
}

/// Whether a cell's corners say enough about all its places: whether the triangles of their nearest points give about the
/// right distances, and interpolation about the right nearest points.
fn stands_for(places: &[Place; 9], feet: &[[f32; 3]; 9], limits: Limits) -> bool {
    let corners = [0, 2, 6, 8].map(|at| feet[at]);
    [1, 3, 4, 5, 7].iter().all(|&at| {
        let from = point(places[at]);
        let exact = length(from.map(f64::from), feet[at].map(f64::from));
        let distances = HALVES.map(|half| {
            let triangle = half.map(|corner| corners[corner]);
            length(from.map(f64::from), closest_point(triangle, from))
        });
        let share = [(at % 3) as f64 / 2.0, (at / 3) as f64 / 2.0];
        let place = interpolated(corners.map(|corner| corner.map(f64::from)), share);
        let scale = exact + SLACK;
        (distances[0].min(distances[1]) - exact).abs() <= limits.distance * scale
            && length(place, feet[at].map(f64::from)) <= limits.place * scale
    })
}

/// What lies between the corners of a cell, at these shares of its sides.
pub(super) fn interpolated(corners: [[f64; 3]; 4], [u, v]: [f64; 2]) -> [f64; 3] {
    let weights = [(1.0 - u) * (1.0 - v), u * (1.0 - v), (1.0 - u) * v, u * v];
    std::array::from_fn(|axis| {
        (0..4)
            .map(|corner| weights[corner] * corners[corner][axis])
            .sum()
    })
}

fn length(from: [f64; 3], to: [f64; 3]) -> f64 {
    let squares = (0..3).map(|axis| (to[axis] - from[axis]).powi(2));
    squares.sum::<f64>().sqrt()
}

/// An outer surface that grows; no place is in it twice.
#[derive(Default)]
struct Collection {
    surface: OuterSurface,
    indices: HashMap<Place, u32>,
}

impl Collection {
    fn add_place(&mut self, place: Place, foot: [f32; 3]) -> u32 {
        let OuterSurface {
            places, nearest, ..
        } = &mut self.surface;
        *self.indices.entry(place).or_insert_with(|| {
            places.push(place);
            nearest.push(foot);
            places.len() as u32 - 1
        })
    }

    fn add_cell(&mut self, corners: [(Place, [f32; 3]); 4]) {
        let cell = corners.map(|(place, foot)| self.add_place(place, foot));
        self.surface.cells.push(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ball(points: &[[f32; 3]]) -> Result<Vec<[f32; 3]>, ()> {
        let to_surface = |p: &[f32; 3]| {
            let length = p.iter().map(|x| x * x).sum::<f32>().sqrt();
            p.map(|x| 0.9 * x / length)
        };
        Ok(points.iter().map(to_surface).collect())
    }

    #[test]
    fn the_cells_of_a_smooth_shape_cover_the_border_and_its_triangles_the_shape() {
        let surface = OuterSurface::of(OuterDetail::Fine, ball).unwrap();
        assert_eq!(surface.check(), Ok(()));
        let squares = surface
            .cells
            .iter()
            .map(|cell| surface.square(cell).unwrap());
        let covered: f64 = squares.map(|square| f64::from(square.size).powi(2)).sum();
        assert_eq!(covered, 6.0 * f64::from(LATTICE).powi(2));
        let mesh = surface.mesh();
        let area: f64 = (0..mesh.triangles.len())
            .map(|triangle| {
                let [a, b, c] = mesh.corners(triangle);
                let sides = [length(a, b), length(b, c), length(c, a)];
                let half = sides.iter().sum::<f64>() / 2.0; // Heron
                let product: f64 = sides.iter().map(|side| half - side).product();
                (half * product).max(0.0).sqrt()
            })
            .sum();
        let exact = 4.0 * std::f64::consts::PI * 0.81;
        assert!((area / exact - 1.0).abs() < 0.01, "{area}, exact {exact}");
        assert!(mesh.triangles.len() < 8000, "{}", mesh.triangles.len());
    }

    #[test]
    fn where_the_nearest_point_jumps_there_is_no_cell() {
        let two_points = |points: &[[f32; 3]]| {
            let nearest = |p: &[f32; 3]| [0.9f32.copysign(p[0] - 0.3), 0.0, 0.0];
            Ok::<_, ()>(points.iter().map(nearest).collect())
        };
        let surface = OuterSurface::of(OuterDetail::Fine, two_points).unwrap();
        assert_eq!(surface.check(), Ok(()));
        for cell in &surface.cells {
            let [a, b, c, d] = cell.map(|corner| surface.nearest[corner as usize]);
            assert!(a == b && a == c && a == d);
        }
    }

    #[test]
    fn a_coarse_one_is_small() {
        let coarse = OuterSurface::of(OuterDetail::Coarse, ball).unwrap();
        assert_eq!(coarse.check(), Ok(()));
        let fine = OuterSurface::of(OuterDetail::Fine, ball).unwrap();
        let bytes = |s: &OuterSurface| 15 * s.places.len() + 16 * s.cells.len();
        let (coarse, fine) = (bytes(&coarse), bytes(&fine));
        assert!(coarse < 6000 && 8 * coarse < fine, "{coarse}, {fine} bytes");
    }

    #[test]
    fn what_is_no_outer_surface_is_told() {
        let nothing = OuterSurface::of(OuterDetail::Fine, |points| {
            Ok::<_, ()>(vec![[0.5; 3]; points.len()])
        });
        assert_eq!(
            nothing.unwrap().check(),
            Err("its nearest points are one point".to_owned())
        );
        assert_eq!(
            OuterSurface::of(OuterDetail::Fine, |_| Err("cancelled")),
            Err("cancelled")
        );
        let whole = OuterSurface::of(OuterDetail::Fine, ball).unwrap();
        let words = |change: fn(&mut OuterSurface)| {
            let mut damaged = whole.clone();
            change(&mut damaged);
            damaged.check().unwrap_err()
        };
        assert!(words(|s| s.places[3] = [1, 2, 3]).contains("place 3"));
        assert!(words(|s| s.places[3] = [0, 2, 200]).contains("place 3"));
        assert!(words(|s| s.nearest[4][1] = f32::NAN).contains("nearest point 4"));
        assert!(words(|s| s.cells[5][2] = u32::MAX).contains("cell 5"));
        assert!(words(|s| s.cells[6].swap(1, 2)).contains("cell 6"));
        assert!(words(|s| s.nearest.truncate(7)).contains("places and"));
    }
}
