//! Adam in one pass over memory, the sum over the threads' gradients included.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::matrix::{vector_at, vector_at_mut};
use crate::field::backend::AdamStep;
use crate::instruction_set::instruction_set;

/// Elements a task: its arrays fit a core's cache.
const CHUNK: usize = 1 << 13;

/// Updates parameters and both moments in place by the sum of `gradients`, which are cleared; all slices are `[P]`.
pub(super) fn adam(
    parameters: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradients: &mut [&mut [f32]],
    step: AdamStep,
) {
    // One list a chunk: each thread's part of the gradient.
    let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
    parts.resize_with(parameters.len().div_ceil(CHUNK), Vec::new);
    for gradient in gradients {
        for (part, chunk) in parts.iter_mut().zip(gradient.chunks_mut(CHUNK)) {
            part.push(chunk);
        }
    }
    parameters
        .par_chunks_mut(CHUNK)
        .zip(first.par_chunks_mut(CHUNK))
        .zip(second.par_chunks_mut(CHUNK))
        .zip(parts)
        .for_each(|(((parameters, first), second), gradients)| {
            instruction_set().dispatch(Update {
                parameters,
                first,
                second,
                gradients,
                step,
            });
        });
}

struct Update<'a> {
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradients: Vec<&'a mut [f32]>,
    step: AdamStep,
}

impl WithSimd for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = S::F32_LANES;
        let whole = self.parameters.len() / lanes * lanes;
        for place in (0..whole).step_by(lanes) {
            self.vector(simd, place);
        }
        for place in whole..self.parameters.len() {
            // The same arithmetic on one element.
            self.vector(pulp::Scalar, place);
        }
    }
}

impl Update<'_> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, place: usize) {
        let AdamStep {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            ..
        } = self.step;
        let zero = simd.splat_f32s(0.0);
        let mut gradient = zero;
        for part in &mut self.gradients {
            let part = vector_at_mut::<S>(part, place);
            gradient = simd.add_f32s(gradient, *part);
            *part = zero;
        }
        let untouched = simd.equal_f32s(gradient, zero);
        // Entries of the grid that no sample touched are left alone; in a large table most vectors are such.
        if simd.first_true_m32s(simd.not_m32s(untouched)) == S::F32_LANES {
            return;
        }
        let (first_correction, second_correction) = self.step.bias_corrections();
        let first = vector_at::<S>(self.first, place);
        let second = vector_at::<S>(self.second, place);
        let parameter = vector_at::<S>(self.parameters, place);
        let fresh = simd.mul_f32s(simd.splat_f32s(1.0 - beta1), gradient);
        let moved_first = simd.mul_add_e_f32s(simd.splat_f32s(beta1), first, fresh);
        let square = simd.mul_f32s(gradient, gradient);
        let fresh = simd.mul_f32s(simd.splat_f32s(1.0 - beta2), square);
        let moved_second = simd.mul_add_e_f32s(simd.splat_f32s(beta2), second, fresh);
        let corrected = simd.mul_f32s(moved_second, simd.splat_f32s(second_correction));
        let root = simd.add_f32s(simd.sqrt_f32s(corrected), simd.splat_f32s(epsilon));
        let rate = simd.splat_f32s(learning_rate * first_correction);
        let change = simd.div_f32s(simd.mul_f32s(rate, moved_first), root);
        let moved = simd.sub_f32s(parameter, change);
        *vector_at_mut::<S>(self.first, place) = simd.select_f32s(untouched, first, moved_first);
        *vector_at_mut::<S>(self.second, place) = simd.select_f32s(untouched, second, moved_second);
        *vector_at_mut::<S>(self.parameters, place) = simd.select_f32s(untouched, parameter, moved);
    }
}
