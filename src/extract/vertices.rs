//! Vertices: where the level set crosses an edge of the grid, and which way it faces there.

use super::lattice::Sampler;
use super::{ExtractError, Grid, SurfaceSettings};
use rayon::prelude::*;

/// An edge of the grid that the level set crosses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    /// Index of the edge's lower end.
    pub index: [u32; 3],
    /// The axis along which it runs.
    pub axis: u8,
    /// Values at the lower and the upper end, relative to iso; one is negative, the other is not.
    pub ends: [f32; 2],
}

/// Vertices never come nearer to an end of their edge than this share of it. Several edges meet in a corner: where
/// the level set passes through it, their vertices would otherwise fall on one point.
const END_MARGIN: f64 = 1e-3;

/// A gradient shorter than this gives no direction.
const FLAT: f32 = 1e-6;

/// A place on an edge, as a share of it, and the value there.
#[derive(Clone, Copy)]
struct Probe {
    at: f64,
    value: f64,
}

/// The stretch of an edge that still holds the crossing.
#[derive(Clone, Copy)]
struct Bracket {
    low: Probe,
    high: Probe,
    /// The end before the last narrowing.
    past: Option<Probe>,
}

impl Bracket {
    fn new(crossing: &Crossing) -> Bracket {
        let [low, high] = crossing.ends.map(f64::from);
        Bracket {
            low: Probe {
                at: 0.0,
                value: low,
            },
            high: Probe {
                at: 1.0,
                value: high,
            },
            past: None,
        }
    }

    fn narrow(&mut self, probe: Probe) {
        let same_side = (probe.value < 0.0) == (self.low.value < 0.0);
        let end = if same_side {
            &mut self.low
        } else {
            &mut self.high
        };
        self.past = Some(std::mem::replace(end, probe));
    }

    fn holds(&self, at: f64) -> bool {
        at >= self.low.at && at <= self.high.at
    }

    /// Where the parabola through the last three probes crosses zero (Muller's method), or the line through both
    /// ends.
    fn guess(&self) -> f64 {
        let (low, high) = (self.low, self.high);
        let length = high.at - low.at;
        let slope = (high.value - low.value) / length;
        let line = low.at - low.value / slope;
        let bend = self.past.map_or(0.0, |past| {
            ((past.value - high.value) / (past.at - high.at) - slope) / (past.at - low.at)
        });
        // bend s² + b s + low.value = 0 for s from the low end; this form of the roots does not cancel.
        let b = slope - bend * length;
        let q = -0.5 * (b + (b * b - 4.0 * bend * low.value).sqrt().copysign(b));
        [low.at + low.value / q, low.at + q / bend, line]
            .into_iter()
            .find(|&at| self.holds(at))
            .unwrap_or(0.5 * (low.at + high.at))
    }
}

/// Vertices in the order of their crossings.
pub(super) struct Vertices {
    /// `[V, 3]`, own units.
    pub positions: Vec<[f64; 3]>,
    /// `[V, 3]`, zero where the gradient gives no direction; empty unless the settings ask for them.
    pub normals: Vec<[f32; 3]>,
}

/// Finds the vertex on each crossing.
///
/// Each evaluation narrows the stretch that holds the crossing. With normals, one more step follows the gradient
/// (Newton), which costs nothing extra.
pub(super) fn place_vertices(
    crossings: &[Crossing],
    grid: &Grid,
    settings: &SurfaceSettings,
    sampler: &mut Sampler,
) -> Result<Vertices, ExtractError> {
    let mut brackets: Vec<Bracket> = crossings.par_iter().map(Bracket::new).collect();
    let mut shares: Vec<f64> = brackets.par_iter().map(Bracket::guess).collect();
    for _ in 0..settings.refinements {
        let values = sampler.values(&points_at(crossings, &shares, sampler))?;
        (&mut brackets, &mut shares, &values)
            .into_par_iter()
            .for_each(|(bracket, share, &value)| {
                let value = f64::from(value);
                bracket.narrow(Probe { at: *share, value });
                *share = bracket.guess();
            });
    }
    let mut normals = Vec::new();
    if settings.normals {
        let points = points_at(crossings, &shares, sampler);
        let (values, gradients) = sampler.values_and_gradients(&points)?;
        let step = sampler.grid.step;
        (crossings, &mut brackets, &mut shares, &values, &gradients)
            .into_par_iter()
            .for_each(|(crossing, bracket, share, &value, gradient)| {
                let value = f64::from(value);
                let newton =
                    *share - value / (f64::from(gradient[usize::from(crossing.axis)]) * step);
                bracket.narrow(Probe { at: *share, value });
                *share = if bracket.holds(newton) {
                    newton
                } else {
                    bracket.guess()
                };
            });
        normals = gradients.into_par_iter().map(direction).collect();
    }
    let position = |crossing: &Crossing, share: f64| {
        let share = share.clamp(END_MARGIN, 1.0 - END_MARGIN);
        let mut at = crossing.index.map(f64::from);
        at[usize::from(crossing.axis)] += share;
        std::array::from_fn(|axis| grid.origin[axis] + grid.voxel_size * at[axis])
    };
    let positions = (crossings, &shares)
        .into_par_iter()
        .map(|(crossing, &share)| position(crossing, share));
    Ok(Vertices {
        positions: positions.collect(),
        normals,
    })
}

fn points_at(crossings: &[Crossing], shares: &[f64], sampler: &Sampler) -> Vec<[f32; 3]> {
    let grid = sampler.grid;
    let point = |(crossing, &share): (&Crossing, &f64)| {
        let mut at = crossing.index.map(f64::from);
        at[usize::from(crossing.axis)] += share;
        grid.point(at)
    };
    (crossings, shares).into_par_iter().map(point).collect()
}

/// The gradient at unit length; zero if it has none.
fn direction(gradient: [f32; 3]) -> [f32; 3] {
    let length = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
    match length.is_finite() && length > FLAT {
        true => gradient.map(|g| g / length),
        false => [0.0; 3],
    }
}

/// Gives vertices whose normal is zero the mean direction of the triangles around them, weighted by area.
pub(super) fn mend_normals(
    positions: &[[f64; 3]],
    triangles: &[[u32; 3]],
    normals: &mut [[f32; 3]],
) {
    if normals.iter().all(|normal| *normal != [0.0; 3]) {
        return;
    }
    let mut sums = std::collections::HashMap::new();
    for triangle in triangles {
        let [p, q, r] = triangle.map(|v| positions[v as usize]);
        let u: [f64; 3] = std::array::from_fn(|k| q[k] - p[k]);
        let v: [f64; 3] = std::array::from_fn(|k| r[k] - p[k]);
        let normal = [
            u[1] * v[2] - u[2] * v[1],
            u[2] * v[0] - u[0] * v[2],
            u[0] * v[1] - u[1] * v[0],
        ];
        for &vertex in triangle
            .iter()
            .filter(|&&v| normals[v as usize] == [0.0; 3])
        {
            let sum = sums.entry(vertex).or_insert([0.0; 3]);
            (0..3).for_each(|k| sum[k] += normal[k]);
        }
    }
    for (vertex, sum) in sums {
        let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        // Vertices of a level set always have triangles with area around them; a sum of zero means a fold.
        normals[vertex as usize] = match length > 0.0 {
            true => sum.map(|x| (x / length) as f32),
            false => [0.0, 0.0, 1.0],
        };
    }
}

#[cfg(test)]
mod tests {
    use crate::CancelToken;
    use crate::extract::closed_forms::*;
    use crate::extract::{Grid, Resolution, SurfaceSettings, extract_surface};
    use crate::field::ScalarField;
    use crate::geometry::{Bounds, Similarity};

    #[test]
    fn errors_fall_with_the_square_of_the_voxel_and_faster_when_refined() {
        let error = |cells: u32, refinements: u32| {
            let grid = Grid::covering(&UNIT, Resolution::Cells(cells), 0.0).unwrap();
            let settings = SurfaceSettings {
                refinements,
                normals: false,
                ..Default::default()
            };
            let surface = extract_with(&torus(0.55, 0.25), &grid, &settings).unwrap();
            let off = |p: &[f64; 3]| ((p[0].hypot(p[1]) - 0.55).hypot(p[2]) - 0.25).abs();
            surface.positions.iter().map(off).fold(0.0, f64::max)
        };
        let plain = [32, 64, 128].map(|cells| error(cells, 0));
        assert!(
            plain[0] / plain[1] > 3.0 && plain[1] / plain[2] > 3.0,
            "{plain:?}"
        );
        // Vertices keep a thousandth of a voxel from the ends of their edges: more cannot be won.
        let floor = 1.1e-3 * 1.8 / 64.0;
        let refined = [1, 2].map(|refinements| error(64, refinements));
        assert!(
            refined[0] < plain[1] / 10.0 && refined[1] < floor,
            "{refined:?}"
        );
    }

    #[test]
    fn volume_area_and_normals_converge_to_the_closed_forms() {
        let pi = std::f64::consts::PI;
        let cases: [(&dyn ScalarField, f64, f64); 2] = [
            (&sphere(0.8), 4.0 / 3.0 * pi * 0.512, 4.0 * pi * 0.64),
            (
                &torus(0.55, 0.25),
                2.0 * pi * pi * 0.55 * 0.0625,
                4.0 * pi * pi * 0.55 * 0.25,
            ),
        ];
        for (field, volume, area) in cases {
            let errors = [32, 64, 128].map(|cells| {
                let (v, a) = volume_and_area(&extract(field, cells));
                [(v / volume - 1.0).abs(), (a / area - 1.0).abs()]
            });
            assert!(errors[2].iter().all(|&e| e < 1e-3), "{errors:?}");
            assert!((0..2).all(|k| errors[0][k] / errors[1][k] > 3.0 && errors[1][k] / errors[2][k] > 3.0), "{errors:?}");
        }
        let surface = extract(&sphere(0.8), 48);
        for (position, normal) in surface
            .positions
            .iter()
            .zip(surface.normals.as_ref().unwrap())
        {
            assert!((length(*position) - 0.8).abs() < 1e-5);
            let along: f64 = (0..3)
                .map(|k| f64::from(normal[k]) * position[k] / 0.8)
                .sum();
            assert!(along > 0.9999);
        }
    }

    #[test]
    fn own_units_and_iso_are_those_of_the_frame() {
        let frame = Similarity {
            center: [1e4, -2e4, 5.0],
            scale: 1.0 / 300.0,
        };
        let bounds = Bounds {
            min: frame.invert(UNIT.min),
            max: frame.invert(UNIT.max),
        };
        for iso in [-60.0, 0.0, 45.0] {
            let grid = Grid::around_level_set(&bounds, Resolution::Cells(40), iso).unwrap();
            let settings = SurfaceSettings {
                iso,
                ..Default::default()
            };
            let surface = extract_surface(
                &sphere(0.8),
                &grid,
                &frame,
                &settings,
                &CancelToken::new(),
                &mut |_| (),
            )
            .unwrap();
            assert_eq!(topology(&surface), closed(2));
            for p in &surface.positions {
                let radius = length(std::array::from_fn(|k| p[k] - frame.center[k]));
                assert!((radius - 240.0 - iso).abs() < 1e-2, "{radius}");
            }
        }
    }
}
