//! From an exact distance to a sparse spline.

use half::f16;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::evaluate::SplineField;
use super::lattice::Lattice;
use super::nodes::{Nodes, Numbers};
use super::{Degree, MOST_CELLS, SparseSpline, SplineLevel};
use crate::field::ScalarField;
use crate::geometry::UNIT_LONGEST_SIDE;
use crate::setting::Setting;

/// How far a sparse spline is refined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Refinement {
    /// Of the polynomials.
    pub degree: Degree,
    /// Cells along an axis of the coarsest level, which is dense.
    pub coarsest: u32,
    /// Most cells along an axis of a level.
    pub finest: u32,
    /// Nodes where coarser levels are off by less have no spline; longest side 1.
    pub tolerance: f64,
    /// The same, as a share of the distance: the larger one counts.
    pub share: f64,
    /// Most coefficients.
    pub coefficients: u32,
}

/// Nodes that are looked at for one level, some 30 bytes each: a shape that would take more is left as it is by then.
const MOST_CANDIDATES: usize = 1 << 24;

impl Default for Refinement {
    /// As fine as keeps a shape of everyday detail true to 3 degrees, in some two megabytes.
    fn default() -> Self {
        Self {
            degree: Degree::Quadratic,
            coarsest: 20,
            finest: 320,
            tolerance: 1e-5,
            share: 0.12,
            coefficients: 1 << 21,
        }
    }
}

impl Refinement {
    /// The same, with finer levels where a shape has walls of `thickness` (unit frame) that are thinner than two cells: these
    /// would be lost between the nodes.
    pub fn for_thickness(mut self, thickness: f64) -> Self {
        while 4.0 / f64::from(self.finest) > thickness && 2 * self.finest <= MOST_CELLS {
            self.finest *= 2;
        }
        self
    }

    /// Its numbers.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let most = MOST_CELLS;
        vec![
            Setting::whole("coarsest", self.coarsest, 4, 64),
            Setting::whole("finest", self.finest, 4, most),
            Setting::positive("tolerance", self.tolerance as f32, 1.0),
            Setting::share("share", self.share as f32),
            Setting::whole("coefficients", self.coefficients, 1, 1 << 26),
        ]
    }

    /// About how many coefficients a shape takes: they lie along its surface.
    pub fn typical_coefficients(&self) -> u32 {
        self.coefficients.min(6 * self.finest * self.finest)
    }
}

/// Steps of the conjugate gradients: the equations' condition is 8 at degree 2 and 27 at degree 3, so each step leaves
/// 0.48 and 0.68 of the error.
const fn steps(degree: Degree) -> usize {
    match degree {
        Degree::Quadratic => 8,
        Degree::Cubic => 14,
    }
}

/// Interpolates `oracle`, the exact distance at points `[N, 3]` of the unit frame and somewhat beyond it.
///
/// # Errors
/// Those of `oracle`.
pub fn interpolate<E>(
    refinement: &Refinement,
    mut oracle: impl FnMut(&[[f32; 3]]) -> Result<Vec<f32>, E>,
) -> Result<SparseSpline, E> {
    let degree = refinement.degree;
    let mut spline = SparseSpline {
        degree,
        levels: Vec::new(),
    };
    let coarsest = Nodes::all(Lattice::new(refinement.coarsest));
    spline.levels.push(dense(&coarsest, degree, &mut oracle)?);
    if 2 * refinement.coarsest > refinement.finest {
        return Ok(spline);
    }
    let mut candidates = coarsest.refined();
    while candidates.count() <= MOST_CANDIDATES {
        let lattice = candidates.lattice;
        let points = candidates.points();
        let exact = oracle(&points)?;
        let mut known = vec![0.0; points.len()];
        SplineField::new(&spline).values(&points, &mut known);
        let left: Vec<f32> = exact.iter().zip(known).map(|(a, b)| a - b).collect();
        let room = (refinement.coefficients as usize).saturating_sub(spline.coefficient_count());
        let (nodes, complete) = chosen(&candidates, &exact, &left, refinement, room);
        if nodes.count() > 0 {
            let values = nodes.picked(&candidates, &left);
            spline.levels.push(solved(&nodes, &values, degree));
        }
        if !complete || 2 * lattice.cells > refinement.finest {
            break;
        }
        // Where a surface is, there may be something between the nodes.
        let near = 2.0 / lattice.cells as f32;
        let at_surface = candidates.filtered(|index| exact[index].abs() < near);
        candidates = nodes.united(&at_surface).refined();
    }
    Ok(spline)
}

/// The coarsest level, which has every node. It does not interpolate, for that takes neighbours that the outermost nodes
/// do not have: its coefficients are what makes polynomials of degree 1 come back exactly and curvature nearly (the
/// quasi-interpolant of de Boor and Fix 1973), and finer levels do the rest.
fn dense<E>(
    nodes: &Nodes,
    degree: Degree,
    oracle: &mut impl FnMut(&[[f32; 3]]) -> Result<Vec<f32>, E>,
) -> Result<SplineLevel, E> {
    let points = nodes.points();
    let step = 2.0 / nodes.lattice.cells as f32;
    let [_, beside] = degree.at_nodes();
    let exact = oracle(&points)?;
    let mut coefficients: Vec<f32> = exact.iter().map(|f| f * (1.0 + 6.0 * beside)).collect();
    for axis in 0..3 {
        for step in [-step, step] {
            let mut moved = points.clone();
            moved.iter_mut().for_each(|point| point[axis] += step);
            for (coefficient, value) in coefficients.iter_mut().zip(oracle(&moved)?) {
                *coefficient -= beside * value;
            }
        }
    }
    Ok(SplineLevel {
        cells: nodes.lattice.cells,
        bricks: nodes.bricks.clone(),
        masks: nodes.masks.clone(),
        coefficients,
    })
}

/// The nodes that are to have a spline, at most `most`, and whether these are all that the tolerance asks for.
fn chosen(
    candidates: &Nodes,
    exact: &[f32],
    left: &[f32],
    refinement: &Refinement,
    most: usize,
) -> (Nodes, bool) {
    let tolerance = (refinement.tolerance * UNIT_LONGEST_SIDE) as f32;
    let share = refinement.share as f32;
    let mut looser = 1.0;
    let mut complete = true;
    loop {
        let is_off =
            |index: usize| left[index].abs() > looser * tolerance.max(share * exact[index].abs());
        // The neighbours' splines keep what surrounds such a node as it is.
        let nodes = candidates.filtered(is_off).grown().common(candidates);
        if nodes.count() <= most {
            return (nodes, complete);
        }
        looser *= 1.3;
        complete = false;
    }
}

/// The splines that have `values` at `nodes`: the equations are solved by conjugate gradients (Hestenes and Stiefel 1952).
fn solved(nodes: &Nodes, values: &Numbers, degree: Degree) -> SplineLevel {
    let at_nodes = degree.at_nodes();
    let mut solution = values.clone();
    let found = nodes.spline_values(&solution, at_nodes);
    let mut rest = combined(values, -1.0, &found);
    let mut direction = rest.clone();
    let mut square = dot(&rest, &rest);
    for _ in 0..steps(degree) {
        let through = nodes.spline_values(&direction, at_nodes);
        let curvature = dot(&direction, &through);
        if curvature <= 0.0 {
            break; // nothing is left
        }
        let length = (square / curvature) as f32;
        solution = combined(&solution, length, &direction);
        rest = combined(&rest, -length, &through);
        let next = dot(&rest, &rest);
        direction = combined(&rest, (next / square) as f32, &direction);
        square = next;
    }
    SplineLevel {
        cells: nodes.lattice.cells,
        coefficients: in_half_precision(&nodes.flat(&solution)),
        bricks: nodes.bricks.clone(),
        masks: nodes.masks.clone(),
    }
}

/// Rounds; the next level makes up for it.
fn in_half_precision(numbers: &[f32]) -> Vec<f32> {
    let rounded = numbers.iter().map(|&number| f16::from_f32(number).to_f32());
    rounded.collect()
}

/// `a + factor b`
fn combined(a: &Numbers, factor: f32, b: &Numbers) -> Numbers {
    let bricks = a.par_iter().zip(b);
    let sums = bricks.map(|(a, b)| std::array::from_fn(|node| a[node] + factor * b[node]));
    sums.collect()
}

/// In order, so that it does not depend on the number of threads.
fn dot(a: &Numbers, b: &Numbers) -> f64 {
    let bricks = a.iter().zip(b);
    let products = bricks.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
    products.map(f64::from).sum()
}
