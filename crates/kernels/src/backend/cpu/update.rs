//! A step in one pass over memory, the sum over the threads' gradients included.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::matrix::{vector_at, vector_at_mut};
use super::vectors::Vectors;
use crate::instruction_set::instruction_set;
use crate::optimizer::{CONSTANTS, MOMENTS, Rule, UpdateRule, UpdateStep, WithRule};

/// Elements a task: its arrays fit a core's cache.
const CHUNK: usize = 1 << 13;

/// Updates parameters and moments in place by the sum of `gradients`, which are cleared; all slices are `[P]`.
pub(super) fn update(
    parameters: &mut [f32],
    [first, second]: [&mut [f32]; MOMENTS],
    gradients: &mut [&mut [f32]],
    step: UpdateStep,
) {
    // One list a chunk: each thread's part of the gradient.
    let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
    parts.resize_with(parameters.len().div_ceil(CHUNK), Vec::new);
    for gradient in gradients {
        for (part, chunk) in parts.iter_mut().zip(gradient.chunks_mut(CHUNK)) {
            part.push(chunk);
        }
    }
    let (rule, constants) = (step.update.rule(), step.constants());
    parameters
        .par_chunks_mut(CHUNK)
        .zip(first.par_chunks_mut(CHUNK))
        .zip(second.par_chunks_mut(CHUNK))
        .zip(parts)
        .for_each(|(((parameters, first), second), gradients)| {
            instruction_set().dispatch(Chunk {
                parameters,
                moments: [first, second],
                gradients,
                rule,
                constants,
            });
        });
}

struct Chunk<'a> {
    parameters: &'a mut [f32],
    moments: [&'a mut [f32]; MOMENTS],
    gradients: Vec<&'a mut [f32]>,
    rule: Rule,
    constants: [f64; CONSTANTS],
}

impl WithSimd for Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.rule.visit(Pass { simd, chunk: self });
    }
}

struct Pass<'a, S> {
    simd: S,
    chunk: Chunk<'a>,
}

impl<S: Simd> WithRule for Pass<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with<R: UpdateRule>(self) {
        let Self { simd, mut chunk } = self;
        let lanes = S::F32_LANES;
        let whole = chunk.parameters.len() / lanes * lanes;
        for place in (0..whole).step_by(lanes) {
            chunk.vector::<S, R>(simd, place);
        }
        for place in whole..chunk.parameters.len() {
            // The same arithmetic on one element.
            chunk.vector::<pulp::Scalar, R>(pulp::Scalar, place);
        }
    }
}

impl Chunk<'_> {
    #[inline(always)]
    fn vector<S: Simd, R: UpdateRule>(&mut self, simd: S, place: usize) {
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
        let mut constants = [zero; CONSTANTS];
        for (vector, number) in constants.iter_mut().zip(self.constants) {
            *vector = simd.splat_f32s(number as f32);
        }
        let parameter = vector_at::<S>(self.parameters, place);
        let mut moments = [zero; MOMENTS];
        for (moment, numbers) in moments.iter_mut().zip(&self.moments) {
            *moment = vector_at::<S>(numbers, place);
        }
        let mut vectors = Vectors(simd);
        let (moved, after) = R::apply(&mut vectors, &parameter, &gradient, &moments, &constants);
        *vector_at_mut::<S>(self.parameters, place) = simd.select_f32s(untouched, parameter, moved);
        for ((numbers, before), after) in self.moments.iter_mut().zip(moments).zip(after) {
            *vector_at_mut::<S>(numbers, place) = simd.select_f32s(untouched, before, after);
        }
    }
}
