//! What a loss makes of a tile: from outputs and samples to the loss and its derivative by the outputs.

use pulp::{NullaryFnOnce, Simd};

use super::vectors::Vectors;
use crate::backend::Objective;
use crate::loss::{Needs, Sample, column};

/// The samples of a tile and what comes of them, an array a column.
pub(super) struct Tile {
    /// Columns of the samples behind the point, as far as the loss looks at them; `[tile]` each.
    wanted: Vec<Vec<f32>>,
    /// The derivative of the loss by each output, `[tile]` each.
    pub by_outputs: Vec<Vec<f32>>,
    /// `[tile]`
    losses: Vec<f32>,
}

impl Tile {
    /// Room for `tile` samples, a multiple of all vectors' lanes.
    pub(super) fn new(needs: Needs, tile: usize) -> Self {
        let columns = |count: usize| vec![vec![0.0; tile]; count];
        Self {
            wanted: columns(needs.columns() - column::VALUE),
            by_outputs: columns(needs.outputs()),
            losses: vec![0.0; tile],
        }
    }

    /// Takes a sample's row.
    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, row: &[f32]) {
        for (column, &number) in self.wanted.iter_mut().zip(&row[column::VALUE..]) {
            column[place] = number;
        }
    }

    /// Takes what the derivatives by the outputs are, sample by sample, where there is no loss.
    #[inline(always)]
    pub(super) fn set_cotangents<'a>(&mut self, rows: impl Iterator<Item = &'a [f32]>) {
        for (place, row) in rows.enumerate() {
            for (column, &by_output) in self.by_outputs.iter_mut().zip(row) {
                column[place] = by_output;
            }
        }
    }

    /// The sum of the loss over the first `count` samples, at which the network's outputs, `[tile]` each, are as given; and the
    /// derivatives by them of `share` times it.
    #[inline(always)]
    pub(super) fn evaluate<S: Simd>(
        &mut self,
        simd: S,
        objective: Objective,
        outputs: &[Vec<f32>],
        share: f32,
        count: usize,
    ) -> f64 {
        simd.vectorize(Pass {
            simd,
            tile: self,
            objective,
            outputs,
            share,
        });
        // A tile's terms are alike: their sum loses nothing that a mean of thousands would show.
        f64::from(self.losses[..count].iter().sum::<f32>())
    }

    /// A column of the samples, four or more at a time; zeros where the loss does not look at it.
    #[inline(always)]
    fn wanted<S: Simd>(&self, simd: S, column: usize, vector: usize) -> S::f32s {
        match self.wanted.get(column - column::VALUE) {
            Some(numbers) => S::as_simd_f32s(numbers).0[vector],
            None => simd.splat_f32s(0.0),
        }
    }
}

/// A function of its own in the instruction set that was dispatched to, as products are: inlined, the terms' code would
/// crowd the encoding's out of the registers.
struct Pass<'a, S> {
    simd: S,
    tile: &'a mut Tile,
    objective: Objective,
    outputs: &'a [Vec<f32>],
    share: f32,
}

impl<S: Simd> NullaryFnOnce for Pass<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            simd,
            tile,
            objective: Objective { loss, unit },
            outputs,
            share,
        } = self;
        let (share, scale) = (simd.splat_f32s(share), simd.splat_f32s(1.0 / unit));
        let unit = simd.splat_f32s(unit);
        let both = outputs.len() > 1;
        for vector in 0..tile.losses.len() / S::F32_LANES {
            let zero = simd.splat_f32s(0.0);
            let mut sample = Sample {
                error: zero,
                distance: tile.wanted(simd, column::DISTANCE, vector),
                slope_errors: [zero; 3],
                gradient: [zero; 3],
            };
            let value = S::as_simd_f32s(&outputs[0]).0[vector];
            let wanted = tile.wanted(simd, column::VALUE, vector);
            sample.error = simd.mul_f32s(unit, simd.sub_f32s(value, wanted));
            if both {
                for axis in 0..3 {
                    let slope = S::as_simd_f32s(&outputs[1 + axis]).0[vector];
                    let wanted = tile.wanted(simd, column::SLOPES + axis, vector);
                    sample.slope_errors[axis] = simd.mul_f32s(unit, simd.sub_f32s(slope, wanted));
                    sample.gradient[axis] = tile.wanted(simd, column::GRADIENT + axis, vector);
                }
            }
            let at = loss.at(&mut Vectors(simd), &sample);
            S::as_mut_simd_f32s(&mut tile.losses).0[vector] = simd.mul_f32s(scale, at.loss);
            let by_value = simd.mul_f32s(share, at.by_value);
            S::as_mut_simd_f32s(&mut tile.by_outputs[0]).0[vector] = by_value;
            if both {
                for axis in 0..3 {
                    let by_slope = simd.mul_f32s(share, at.by_slopes[axis]);
                    S::as_mut_simd_f32s(&mut tile.by_outputs[1 + axis]).0[vector] = by_slope;
                }
            }
        }
    }
}
