//! Batches over the threads of the rayon pool.
//!
//! Work is cut into as many equal runs of tiles as the pool has threads, each with its own gradient, summed in order: the
//! result depends on the number of threads but not on their timing.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::tile::{Network, TILE};
use crate::field::architecture::Architecture;
use crate::field::backend::Loss;

/// Values `[N]` and, where `gradients` is given, gradients by position `[N, 3]`.
pub(super) fn evaluate(
    architecture: &Architecture,
    parameters: &[f32],
    points: &[[f32; 3]],
    values: &mut [f32],
    gradients: Option<&mut [[f32; 3]]>,
) {
    let network = Network::new(architecture, parameters);
    let run = run_length(points.len());
    let runs = points.par_chunks(run).zip(values.par_chunks_mut(run));
    match gradients {
        None => runs.for_each(|(points, values)| {
            let network = &network;
            Arch::new().dispatch(Evaluate {
                network,
                points,
                values,
                gradients: None,
            });
        }),
        Some(gradients) => {
            let runs = runs.zip(gradients.par_chunks_mut(run));
            runs.for_each(|((points, values), gradients)| {
                let network = &network;
                Arch::new().dispatch(Evaluate {
                    network,
                    points,
                    values,
                    gradients: Some(gradients),
                });
            });
        }
    }
}

/// Where the gradient by the values comes from.
#[derive(Clone, Copy)]
pub(super) enum Cotangent<'a> {
    /// Given, `[N]`.
    Given(&'a [f32]),
    /// The derivative of a mean loss against targets `[N]`.
    Loss(Loss, &'a [f32]),
}

/// The gradient by the parameters, `[P]`, and the mean loss (0 where the cotangent is given).
pub(super) fn backward(
    architecture: &Architecture,
    parameters: &[f32],
    points: &[[f32; 3]],
    cotangent: Cotangent<'_>,
) -> (f32, Vec<f32>) {
    let network = Network::new(architecture, parameters);
    let run = run_length(points.len());
    let passes: Vec<(f64, Vec<f32>)> = points
        .par_chunks(run)
        .enumerate()
        .map(|(index, chunk)| {
            let mut gradient = vec![0.0; parameters.len()];
            let loss = Arch::new().dispatch(Backward {
                network: &network,
                points: chunk,
                first: index * run,
                total: points.len(),
                cotangent,
                gradient: &mut gradient,
            });
            (loss, gradient)
        })
        .collect();
    let loss: f64 = passes.iter().map(|(loss, _)| loss).sum();
    let mut gradients = passes.into_iter().map(|(_, gradient)| gradient);
    let mut total = gradients
        .next()
        .unwrap_or_else(|| vec![0.0; parameters.len()]);
    for gradient in gradients {
        let chunks = total
            .par_chunks_mut(1 << 14)
            .zip(gradient.par_chunks(1 << 14));
        chunks.for_each(|(total, gradient)| {
            for (total, gradient) in total.iter_mut().zip(gradient) {
                *total += gradient;
            }
        });
    }
    ((loss / points.len().max(1) as f64) as f32, total)
}

/// Points for each thread: whole tiles.
fn run_length(points: usize) -> usize {
    let tiles = points.div_ceil(TILE).max(1);
    tiles.div_ceil(rayon::current_num_threads()) * TILE
}

struct Evaluate<'a> {
    network: &'a Network<'a>,
    points: &'a [[f32; 3]],
    values: &'a mut [f32],
    gradients: Option<&'a mut [[f32; 3]]>,
}

impl WithSimd for Evaluate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut workspace = self.network.workspace();
        let mut gradients = self.gradients.map(|gradients| gradients.chunks_mut(TILE));
        for (points, values) in self.points.chunks(TILE).zip(self.values.chunks_mut(TILE)) {
            self.network.forward(simd, points, &mut workspace);
            values.copy_from_slice(&workspace.values[..points.len()]);
            if let Some(gradients) = gradients.as_mut().and_then(Iterator::next) {
                self.network
                    .position_gradient(simd, &mut workspace, gradients);
            }
        }
    }
}

struct Backward<'a> {
    network: &'a Network<'a>,
    points: &'a [[f32; 3]],
    /// Number of the first point in the whole batch.
    first: usize,
    /// Points in the whole batch.
    total: usize,
    cotangent: Cotangent<'a>,
    gradient: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let mut workspace = self.network.workspace();
        let mut value_gradient = [0.0; TILE];
        let mut loss = 0.0;
        let mut first = self.first;
        for points in self.points.chunks(TILE) {
            self.network.forward(simd, points, &mut workspace);
            let range = first..first + points.len();
            let value_gradient = &mut value_gradient[..points.len()];
            match self.cotangent {
                Cotangent::Given(given) => value_gradient.copy_from_slice(&given[range]),
                Cotangent::Loss(kind, targets) => {
                    let values = workspace.values.iter().zip(&targets[range]);
                    for (gradient, (value, target)) in value_gradient.iter_mut().zip(values) {
                        let residual = value - target;
                        let (term, slope) = match kind {
                            Loss::L1 => (residual.abs(), sign(residual)),
                            Loss::L2 => (residual * residual, 2.0 * residual),
                        };
                        loss += f64::from(term);
                        *gradient = slope / self.total as f32;
                    }
                }
            }
            self.network
                .backward(simd, value_gradient, &mut workspace, self.gradient);
            first += points.len();
        }
        loss
    }
}

/// -1, 0 or 1; `f32::signum` has no 0.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
