//! Batches over the threads of the rayon pool.
//!
//! Work is cut into as many equal runs of tiles as the pool has threads, each with its own gradient, summed in order: the
//! result depends on the number of threads but not on their timing.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::network::{Gradient, Network};
use super::second_order;
use super::tile::Workspace;
use crate::field::architecture::Architecture;
use crate::field::backend::Loss;
use crate::field::batch_draw::BatchDraw;
use crate::instruction_set::instruction_set;

/// Values `[N]` and, where `gradients` is given, gradients by position `[N, 3]`.
pub(super) fn evaluate(
    architecture: &Architecture,
    parameters: &[f32],
    points: &[[f32; 3]],
    values: &mut [f32],
    gradients: Option<&mut [[f32; 3]]>,
) {
    let network = &Network::new(architecture, parameters, gradients.is_some());
    let run = run_length(points.len(), network.tile);
    let runs = points.par_chunks(run).zip(values.par_chunks_mut(run));
    let evaluate = |points, values, gradients| {
        instruction_set().dispatch(Evaluate {
            network,
            points,
            values,
            gradients,
        });
    };
    match gradients {
        None => runs.for_each(|(points, values)| evaluate(points, values, None)),
        Some(gradients) => {
            let runs = runs.zip(gradients.par_chunks_mut(run));
            runs.for_each(|((points, values), gradients)| {
                evaluate(points, values, Some(gradients));
            });
        }
    }
}

/// What a batch consists of.
#[derive(Clone, Copy)]
pub(super) enum Batch<'a> {
    /// Points with the gradient by their values.
    Cotangent(&'a [[f32; 3]], &'a [f32]),
    /// Points with the targets of a mean loss.
    Targets(Loss, &'a [[f32; 3]], &'a [f32]),
    /// Rows of a pool, point and target each, and a mean loss.
    Drawn(Loss, &'a [[f32; 4]], BatchDraw),
}

impl Batch<'_> {
    fn len(&self) -> usize {
        match self {
            Batch::Cotangent(points, _) | Batch::Targets(_, points, _) => points.len(),
            Batch::Drawn(_, _, draw) => draw.count as usize,
        }
    }
}

/// Adds the gradient by the parameters to one gradient a thread, which are given zero, and returns the mean loss (0 where
/// the cotangent is given).
pub(super) fn backward(
    architecture: &Architecture,
    parameters: &[f32],
    batch: Batch<'_>,
    gradients: &mut Vec<Gradient>,
) -> f32 {
    let network = &Network::new(architecture, parameters, true);
    let threads = rayon::current_num_threads();
    gradients.resize_with(threads, || Gradient::zeros(architecture));
    let run = run_length(batch.len(), network.tile);
    let losses: Vec<f64> = gradients
        .par_iter_mut()
        .enumerate()
        .map(|(index, gradient)| {
            let first = (index * run).min(batch.len());
            let loss = instruction_set().dispatch(Backward {
                network,
                batch,
                range: first..(first + run).min(batch.len()),
                gradient,
            });
            gradient.collect();
            loss
        })
        .collect();
    (losses.into_iter().sum::<f64>() / batch.len().max(1) as f64) as f32
}

/// The gradient by the parameters, `[P]`, and the mean loss (0 where the cotangent is given).
pub(super) fn gradient(
    architecture: &Architecture,
    parameters: &[f32],
    batch: Batch<'_>,
) -> (f32, Vec<f32>) {
    let mut gradients = Vec::new();
    let loss = backward(architecture, parameters, batch, &mut gradients);
    (loss, sum(gradients))
}

/// The gradient by the parameters, `[P]`, given the gradients by the points' values and by their gradients by position.
pub(super) fn gradient_by_both_outputs(
    architecture: &Architecture,
    parameters: &[f32],
    points: &[[f32; 3]],
    by_outputs: &[[f32; 4]],
) -> Vec<f32> {
    let network = &Network::new(architecture, parameters, true);
    let threads = rayon::current_num_threads();
    let run = run_length(points.len(), network.tile);
    let gradients = (0..threads).into_par_iter().map(|index| {
        let first = (index * run).min(points.len());
        let range = first..(first + run).min(points.len());
        let mut gradient = Gradient::zeros(architecture);
        instruction_set().dispatch(BackwardThroughBoth {
            network,
            points: &points[range.clone()],
            by_outputs: &by_outputs[range],
            gradient: &mut gradient,
        });
        gradient.collect();
        gradient
    });
    sum(gradients.collect())
}

/// The sum over the threads, in order.
fn sum(gradients: Vec<Gradient>) -> Vec<f32> {
    let mut parts = gradients.into_iter().map(|gradient| gradient.flat);
    let mut total = parts.next().expect("the pool has a thread");
    for part in parts {
        let chunks = total.par_chunks_mut(1 << 14).zip(part.par_chunks(1 << 14));
        chunks.for_each(|(total, part)| {
            for (total, part) in total.iter_mut().zip(part) {
                *total += part;
            }
        });
    }
    total
}

/// Points for each thread: whole tiles.
fn run_length(points: usize, tile: usize) -> usize {
    let tiles = points.div_ceil(tile).max(1);
    tiles.div_ceil(rayon::current_num_threads()) * tile
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
        let mut workspace = Workspace::new(self.network);
        let tile = self.network.tile;
        let mut gradients = self.gradients.map(|gradients| gradients.chunks_mut(tile));
        for (points, values) in self.points.chunks(tile).zip(self.values.chunks_mut(tile)) {
            workspace.points.set(points.iter().copied());
            self.network.forward(simd, &mut workspace);
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
    batch: Batch<'a>,
    /// The part of the batch.
    range: std::ops::Range<usize>,
    gradient: &'a mut Gradient,
}

impl WithSimd for Backward<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let mut workspace = Workspace::new(self.network);
        let tile = self.network.tile;
        // Targets on the way in, the gradient by the values on the way out.
        let mut by_values = vec![0.0; tile];
        let total = self.batch.len();
        let mut loss = 0.0;
        for first in self.range.clone().step_by(tile) {
            let range = first..(first + tile).min(self.range.end);
            let by_values = &mut by_values[..range.len()];
            match self.batch {
                Batch::Cotangent(points, given) => {
                    workspace.points.set(points[range.clone()].iter().copied());
                    by_values.copy_from_slice(&given[range]);
                }
                Batch::Targets(_, points, targets) => {
                    workspace.points.set(points[range.clone()].iter().copied());
                    by_values.copy_from_slice(&targets[range]);
                }
                Batch::Drawn(_, pool, draw) => {
                    // The next tile's samples lie all over the pool: they are on their way while this one is worked on.
                    let next = range.end..(range.end + tile).min(self.range.end);
                    for place in next {
                        prefetch(&pool[draw.index(place as u32) as usize]);
                    }
                    let rows = range.map(|place| pool[draw.index(place as u32) as usize]);
                    let rows = rows.zip(by_values.iter_mut());
                    workspace.points.set(rows.map(|([x, y, z, target], slot)| {
                        *slot = target;
                        [x, y, z]
                    }));
                }
            }
            self.network.forward(simd, &mut workspace);
            if let Batch::Targets(kind, ..) | Batch::Drawn(kind, ..) = self.batch {
                loss += loss_and_slopes(kind, &workspace.values, by_values, total);
            }
            self.network
                .backward(simd, by_values, &mut workspace, self.gradient);
        }
        loss
    }
}

struct BackwardThroughBoth<'a> {
    network: &'a Network<'a>,
    points: &'a [[f32; 3]],
    by_outputs: &'a [[f32; 4]],
    gradient: &'a mut Gradient,
}

impl WithSimd for BackwardThroughBoth<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut workspace = second_order::Workspace::new(self.network);
        let tile = self.network.tile;
        let tiles = self.points.chunks(tile);
        for (points, by_outputs) in tiles.zip(self.by_outputs.chunks(tile)) {
            workspace.points.set(points.iter().copied());
            self.network
                .backward_with_tangents(simd, by_outputs, &mut workspace, self.gradient);
        }
    }
}

/// Asks for a value's cache line ahead of its use; does nothing where there is no such instruction.
#[inline(always)]
fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and faults nowhere; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// The sum of the losses; the targets become the gradient of the mean over `total` by the values.
#[inline(always)]
fn loss_and_slopes(kind: Loss, values: &[f32], targets: &mut [f32], total: usize) -> f64 {
    let share = 1.0 / total as f32;
    let mut loss = 0.0;
    for (slot, value) in targets.iter_mut().zip(values) {
        let residual = value - *slot;
        let (term, slope) = match kind {
            Loss::L1 => (residual.abs(), sign(residual)),
            Loss::L2 => (residual * residual, 2.0 * residual),
        };
        loss += term;
        *slot = slope * share;
    }
    // A tile's terms are alike: their sum loses nothing that a mean of thousands would show.
    f64::from(loss)
}

/// -1, 0 or 1; `f32::signum` has no 0.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
