//! A field as a sum of B-splines on sparse lattices, taken from the exact distance: where a fit starts.
//!
//! Level after level, each at least twice as fine as the one before, a spline interpolates what the coarser levels leave of the exact
//! distance, at the nodes where they leave too much ([`interpolate()`]). Any set of nodes will do: a B-spline fades smoothly by
//! itself, so there are no hanging nodes to care for, and the sum is as smooth as its splines everywhere (once
//! continuously differentiable of degree 2, twice of degree 3).
//!
//! Sources: hierarchical B-splines are Forsey and Bartels 1988; distance fields that are refined where they are not yet
//! good are Frisken et al. 2000, "Adaptively sampled distance fields".

mod basis;
mod evaluate;
mod interpolate;
mod lattice;
mod nodes;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use basis::weights;
pub use evaluate::SplineField;
pub(crate) use evaluate::whole_bricks;
pub use interpolate::{Refinement, interpolate};
pub(crate) use lattice::{Lattice, NODES, SIDE};

/// A sum of uniform tensor-product B-splines over the unit frame `[-1, 1]³`, from coarse to fine.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseSpline {
    /// Of the polynomials.
    pub degree: Degree,
    /// What is added up.
    pub levels: Vec<SplineLevel>,
}

/// Degree of a B-spline in each axis.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Degree {
    /// 2: three nodes an axis, once continuously differentiable.
    #[default]
    Quadratic,
    /// 3: four nodes an axis, twice continuously differentiable.
    Cubic,
}

/// The splines of one width.
///
/// Node `i` of an axis, from -1 to `cells + 1`, lies at `-1 + 2 i / cells`. Nodes are kept in bricks of 4 × 4 × 4; node `i` has
/// the place `i + 1` on its axis, and brick `(x, y, z)` of `s = ⌈(cells + 3) / 4⌉` an axis is number `x + s (y + s z)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SplineLevel {
    /// Cells along an axis of the unit frame.
    pub cells: u32,
    /// `[B]`, ascending: numbers of the bricks with any coefficient.
    pub bricks: Vec<u32>,
    /// `[B]`: which nodes of each brick have one; node `(x, y, z)` is bit `x + 4 (y + 4 z)`.
    pub masks: Vec<u64>,
    /// `[N]`: the coefficients, brick by brick, each from its lowest bit to its highest. Those of all levels but the first are
    /// numbers of half precision, which what coarser levels leave is small enough for.
    pub coefficients: Vec<f32>,
}

/// Most cells along an axis of a level.
pub const MOST_CELLS: u32 = 1024;

impl SparseSpline {
    /// Number of coefficients.
    pub fn coefficient_count(&self) -> usize {
        let counts = self.levels.iter().map(|level| level.coefficients.len());
        counts.sum()
    }

    /// Checks what a file may have wrong.
    ///
    /// # Errors
    /// Says in words what does not fit.
    pub fn check(&self) -> Result<(), String> {
        for (index, level) in self.levels.iter().enumerate() {
            let named = |text| format!("level {index}: {text}");
            level.check().map_err(named)?;
            // Each has a table of its bricks: of many fine ones that would be much memory for nothing.
            let coarser = index.checked_sub(1).map(|before| self.levels[before].cells);
            let is_finer = |coarser| level.cells > coarser && level.cells.is_multiple_of(coarser);
            if let Some(coarser) = coarser.filter(|&coarser| !is_finer(coarser)) {
                let cells = level.cells;
                return Err(named(format!(
                    "it has {cells} cells an axis, the level before {coarser}: each has a multiple of the one before"
                )));
            }
        }
        Ok(())
    }
}

impl fmt::Display for SparseSpline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = |level: Option<&SplineLevel>| level.map_or(0, |level| level.cells);
        let (coarsest, finest) = (cells(self.levels.first()), cells(self.levels.last()));
        let degree = match self.degree {
            Degree::Quadratic => "quadratic",
            Degree::Cubic => "cubic",
        };
        let count = self.coefficient_count();
        write!(
            f,
            "{degree} spline {coarsest}..{finest} ({count} coefficients)"
        )
    }
}

impl SplineLevel {
    fn check(&self) -> Result<(), String> {
        if !(1..=MOST_CELLS).contains(&self.cells) {
            return Err(format!("it has {} cells an axis", self.cells));
        }
        let bricks = Lattice::new(self.cells).bricks();
        if self.bricks.len() != self.masks.len() {
            let (numbers, masks) = (self.bricks.len(), self.masks.len());
            return Err(format!("it has {numbers} bricks and {masks} masks"));
        }
        if let Some(pair) = self.bricks.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(format!("brick {} follows brick {}", pair[1], pair[0]));
        }
        if let Some(number) = self.bricks.last().filter(|number| **number >= bricks) {
            return Err(format!("brick {number} lies beyond the last of {bricks}"));
        }
        let marked: usize = self.masks.iter().map(|m| m.count_ones() as usize).sum();
        if marked != self.coefficients.len() {
            let found = self.coefficients.len();
            return Err(format!("it has {found} coefficients for {marked} nodes"));
        }
        match self.coefficients.iter().position(|c| !c.is_finite()) {
            Some(index) => Err(format!(
                "coefficient {index} is {}",
                self.coefficients[index]
            )),
            None => Ok(()),
        }
    }
}
