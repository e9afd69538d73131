//! Adam in one pass over memory.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::field::backend::AdamStep;

/// Elements a task: four arrays of it fit a core's cache.
const CHUNK: usize = 1 << 14;

/// Updates parameters and both moments in place; all slices are `[P]`.
pub(super) fn adam(
    parameters: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
    step: AdamStep,
) {
    parameters
        .par_chunks_mut(CHUNK)
        .zip(first.par_chunks_mut(CHUNK))
        .zip(second.par_chunks_mut(CHUNK))
        .zip(gradient.par_chunks(CHUNK))
        .for_each(|(((parameters, first), second), gradient)| {
            Arch::new().dispatch(Update {
                parameters,
                first,
                second,
                gradient,
                step,
            });
        });
}

struct Update<'a> {
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradient: &'a [f32],
    step: AdamStep,
}

impl WithSimd for Update<'_> {
    type Output = ();

    // Left to the compiler's vectoriser, inside the instruction set that was dispatched to.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let AdamStep {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            ..
        } = self.step;
        let (first_correction, second_correction) = self.step.bias_corrections();
        let rate = learning_rate * first_correction;
        let moments = self.first.iter_mut().zip(self.second);
        let elements = self.parameters.iter_mut().zip(moments).zip(self.gradient);
        for ((parameter, (first, second)), &gradient) in elements {
            *first = beta1 * *first + (1.0 - beta1) * gradient;
            *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
            *parameter -= rate * *first / ((*second * second_correction).sqrt() + epsilon);
        }
    }
}
