//! A sparse spline laid out for evaluation on the processor.

use rayon::prelude::*;

use super::basis::{Window, window};
use super::lattice::{Lattice, NODES, SIDE, bits};
use super::{Degree, SparseSpline, SplineLevel};
use crate::field::ScalarField;

/// A sparse spline that is ready to be asked: bricks are whole, and found by a table.
pub struct SplineField {
    degree: Degree,
    levels: Vec<Level>,
}

struct Level {
    lattice: Lattice,
    /// `[bricks]`: which of `coefficients` a brick has; 0 for those without any.
    table: Vec<u32>,
    /// The first one is all zero.
    coefficients: Vec<[f32; NODES]>,
}

/// Points of a task: enough to pay for it, few enough that their sums stay in the nearest cache.
const CHUNK: usize = 512;

impl SplineField {
    /// Lays a spline out. Its levels pass [`SparseSpline::check`].
    pub fn new(spline: &SparseSpline) -> Self {
        Self {
            degree: spline.degree,
            levels: spline.levels.iter().map(Level::new).collect(),
        }
    }

    /// Adds the values at points `[N, 3]` to `values`, `[N]`, and the gradients to `gradients`, `[N, 3]`.
    ///
    /// # Panics
    /// Panics if the lengths differ.
    pub fn add(&self, points: &[[f32; 3]], values: &mut [f32], gradients: Option<&mut [[f32; 3]]>) {
        assert_eq!(points.len(), values.len());
        let tasks = points.par_chunks(CHUNK).zip(values.par_chunks_mut(CHUNK));
        match gradients {
            None => tasks.for_each(|(points, values)| match self.degree {
                Degree::Quadratic => self.add_values::<3>(points, values),
                Degree::Cubic => self.add_values::<4>(points, values),
            }),
            Some(gradients) => {
                assert_eq!(points.len(), gradients.len());
                let tasks = tasks.zip(gradients.par_chunks_mut(CHUNK));
                tasks.for_each(|((points, values), gradients)| match self.degree {
                    Degree::Quadratic => self.add_both::<3>(points, values, gradients),
                    Degree::Cubic => self.add_both::<4>(points, values, gradients),
                });
            }
        }
    }

    fn add_values<const W: usize>(&self, points: &[[f32; 3]], values: &mut [f32]) {
        for level in &self.levels {
            let cells = level.lattice.cells as f32;
            for (point, value) in points.iter().zip(&mut *values) {
                let [x, y, z] = point.map(|coordinate| window::<W>(cells, coordinate));
                let Some(bricks) = level.bricks(&x, &y, &z) else {
                    continue;
                };
                let mut sum = 0.0;
                for k in 0..W {
                    let mut layer = 0.0;
                    for j in 0..W {
                        let mut row = 0.0;
                        for i in 0..W {
                            row += x.weights[i] * bricks.at([i, j, k]);
                        }
                        layer += y.weights[j] * row;
                    }
                    sum += z.weights[k] * layer;
                }
                *value += sum;
            }
        }
    }

    fn add_both<const W: usize>(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        for level in &self.levels {
            let cells = level.lattice.cells as f32;
            let places = points.iter().zip(&mut *values).zip(&mut *gradients);
            for ((point, value), gradient) in places {
                let [x, y, z] = point.map(|coordinate| window::<W>(cells, coordinate));
                let Some(bricks) = level.bricks(&x, &y, &z) else {
                    continue;
                };
                let mut sums = [0.0; 4];
                for k in 0..W {
                    // Value, then the derivatives by x and y.
                    let mut layer = [0.0; 3];
                    for j in 0..W {
                        let mut row = [0.0; 2];
                        for i in 0..W {
                            let coefficient = bricks.at([i, j, k]);
                            row[0] += x.weights[i] * coefficient;
                            row[1] += x.slopes[i] * coefficient;
                        }
                        layer[0] += y.weights[j] * row[0];
                        layer[1] += y.weights[j] * row[1];
                        layer[2] += y.slopes[j] * row[0];
                    }
                    for (sum, part) in sums.iter_mut().zip(layer) {
                        *sum += z.weights[k] * part;
                    }
                    sums[3] += z.slopes[k] * layer[0];
                }
                *value += sums[0];
                for axis in 0..3 {
                    gradient[axis] += sums[1 + axis];
                }
            }
        }
    }
}

impl ScalarField for SplineField {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        values.fill(0.0);
        self.add(points, values, None);
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        values.fill(0.0);
        gradients.fill([0.0; 3]);
        self.add(points, values, Some(gradients));
    }
}

/// The up to eight bricks that a window lies in.
struct Bricks<'a> {
    /// Lower and upper by axis: the upper of axis `a` where bit `a` of the index is set.
    bricks: [&'a [f32; NODES]; 8],
    /// By axis: place of the window's first node in the lower brick.
    first: [u32; 3],
}

impl Bricks<'_> {
    /// The coefficient of a node of the window.
    #[inline(always)]
    fn at(&self, node: [usize; 3]) -> f32 {
        let (mut brick, mut bit) = (0, 0);
        for (axis, (first, node)) in self.first.iter().zip(node).enumerate() {
            let place = first + node as u32;
            brick |= ((place / SIDE) as usize & 1) << axis;
            bit |= (place % SIDE) << (2 * axis);
        }
        self.bricks[brick][bit as usize & (NODES - 1)]
    }
}

impl Level {
    fn new(level: &SplineLevel) -> Self {
        let (table, coefficients) = whole_bricks(level);
        Self {
            lattice: Lattice::new(level.cells),
            table,
            coefficients,
        }
    }

    /// The bricks about a point; `None` if they have no coefficient.
    #[inline(always)]
    fn bricks<const W: usize>(
        &self,
        x: &Window<W>,
        y: &Window<W>,
        z: &Window<W>,
    ) -> Option<Bricks<'_>> {
        let first = [x.first, y.first, z.first];
        let lower = first.map(|place| place / SIDE);
        let last = (W - 1) as u32;
        let upper = first.map(|place| (place + last) / SIDE);
        let mut found = [0; 8];
        for (corner, found) in found.iter_mut().enumerate() {
            let brick = std::array::from_fn(|axis| match corner >> axis & 1 {
                0 => lower[axis],
                _ => upper[axis],
            });
            *found = self.table[self.lattice.number(brick) as usize];
        }
        if found.iter().all(|&index| index == 0) {
            return None;
        }
        Some(Bricks {
            bricks: found.map(|index| &self.coefficients[index as usize]),
            first: first.map(|place| place % SIDE),
        })
    }
}

/// A level with whole bricks: which of them a place of the lattice has, by its number, and their coefficients. The first brick is all zero,
/// for the places without any.
pub(crate) fn whole_bricks(level: &SplineLevel) -> (Vec<u32>, Vec<[f32; NODES]>) {
    let mut table = vec![0; Lattice::new(level.cells).bricks() as usize];
    let mut coefficients = vec![[0.0; NODES]; 1 + level.bricks.len()];
    let mut given = level.coefficients.iter();
    let bricks = level.bricks.iter().zip(&level.masks);
    for (index, (&number, &mask)) in bricks.enumerate() {
        table[number as usize] = 1 + index as u32;
        for (bit, &coefficient) in bits(mask).zip(&mut given) {
            coefficients[1 + index][bit as usize] = coefficient;
        }
    }
    (table, coefficients)
}
