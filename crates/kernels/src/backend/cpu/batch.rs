//! Batches over the threads of the rayon pool.
//!
//! Work is cut into as many equal runs of tiles as the pool has threads, each with its own gradient, summed in order: the
//! result depends on the number of threads but not on their timing.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::network::{Gradient, Network};
use super::objective::Tile;
use super::points::Points;
use super::second_order;
use super::tile::Workspace;
use crate::backend::{BatchDraw, Objective};
use crate::instruction_set::instruction_set;
use crate::loss::Needs;
use crate::network::Architecture;

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

/// Rows of samples, so many columns each.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub numbers: &'a [f32],
    pub columns: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn row(self, index: usize) -> &'a [f32] {
        &self.numbers[index * self.columns..][..self.columns]
    }
}

/// What a batch consists of.
#[derive(Clone, Copy)]
pub(super) enum Batch<'a> {
    /// Points with the gradient by the network's outputs there: by its value, or by value and gradient, four columns.
    Cotangent(&'a [[f32; 3]], Rows<'a>),
    /// Samples and what is made small: all of them, or those that are drawn.
    Samples(Objective, Rows<'a>, Option<BatchDraw>),
}

impl<'a> Batch<'a> {
    fn len(&self) -> usize {
        match self {
            Batch::Cotangent(points, _) => points.len(),
            Batch::Samples(_, _, Some(draw)) => draw.count as usize,
            Batch::Samples(_, rows, None) => rows.numbers.len() / rows.columns,
        }
    }

    /// What is looked at of a network, and of samples.
    fn needs(&self) -> Needs {
        match self {
            Batch::Cotangent(_, rows) if rows.columns > 1 => Needs::Gradient,
            Batch::Cotangent(..) => Needs::Error,
            Batch::Samples(objective, ..) => objective.loss.needs(),
        }
    }

    /// The row of the sample at `place`.
    #[inline(always)]
    fn row(&self, place: usize) -> &'a [f32] {
        match *self {
            Batch::Cotangent(_, rows) | Batch::Samples(_, rows, None) => rows.row(place),
            Batch::Samples(_, rows, Some(draw)) => rows.row(draw.index(place as u32) as usize),
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
            let range = first..(first + run).min(batch.len());
            let backward = Backward {
                network,
                batch,
                range,
                gradient,
            };
            let loss = match batch.needs() {
                Needs::Gradient => instruction_set().dispatch(ThroughBoth(backward)),
                _ => instruction_set().dispatch(backward),
            };
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
    range: Range<usize>,
    gradient: &'a mut Gradient,
}

impl Backward<'_> {
    /// Takes a tile's points and samples.
    #[inline(always)]
    fn take(&self, range: Range<usize>, points: &mut Points, tile: &mut Tile) {
        if let Batch::Cotangent(given, _) = self.batch {
            points.set(given[range.clone()].iter().copied());
            return tile.set_cotangents(range.map(|place| self.batch.row(place)));
        }
        // The next tile's samples lie all over the pool: they are on their way while this one is worked on.
        let next = range.end..(range.end + range.len()).min(self.range.end);
        for place in next {
            prefetch(self.batch.row(place));
        }
        points.set(range.enumerate().map(|(place, sample)| {
            let row = self.batch.row(sample);
            tile.set(place, row);
            [row[0], row[1], row[2]]
        }));
    }

    /// The sum of a tile's losses, with the cotangents in `tile`; nothing to do where these are given.
    #[inline(always)]
    fn evaluate<S: Simd>(
        &self,
        simd: S,
        outputs: &[Vec<f32>],
        tile: &mut Tile,
        count: usize,
    ) -> f64 {
        match self.batch {
            Batch::Cotangent(..) => 0.0,
            Batch::Samples(objective, ..) => {
                let share = 1.0 / self.batch.len() as f32;
                tile.evaluate(simd, objective, outputs, share, count)
            }
        }
    }
}

impl WithSimd for Backward<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let mut workspace = Workspace::new(self.network);
        let size = self.network.tile;
        let mut tile = Tile::new(self.batch.needs(), size);
        let mut loss = 0.0;
        for first in self.range.clone().step_by(size) {
            let range = first..(first + size).min(self.range.end);
            let count = range.len();
            self.take(range, &mut workspace.points, &mut tile);
            self.network.forward(simd, &mut workspace);
            let outputs = std::slice::from_ref(&workspace.values);
            loss += self.evaluate(simd, outputs, &mut tile, count);
            let by_values = &tile.by_outputs[0][..count];
            self.network
                .backward(simd, by_values, &mut workspace, self.gradient);
        }
        loss
    }
}

/// The same through both outputs, value and gradient by position.
struct ThroughBoth<'a>(Backward<'a>);

impl WithSimd for ThroughBoth<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let work = self.0;
        let mut first_order = Workspace::new(work.network);
        let mut workspace = second_order::Workspace::new(work.network);
        let size = work.network.tile;
        let mut tile = Tile::new(Needs::Gradient, size);
        let mut outputs = vec![vec![0.0; size]; 4];
        let mut slopes = vec![[0.0; 3]; size];
        let mut loss = 0.0;
        for first in work.range.clone().step_by(size) {
            let range = first..(first + size).min(work.range.end);
            let count = range.len();
            work.take(range, &mut workspace.points, &mut tile);
            if let Batch::Samples(..) = work.batch {
                first_order.points.set(workspace.points.iter());
                work.network.forward(simd, &mut first_order);
                outputs[0].copy_from_slice(&first_order.values);
                let slopes = &mut slopes[..count];
                (work.network).position_gradient(simd, &mut first_order, slopes);
                for (row, slopes) in slopes.iter().enumerate() {
                    for axis in 0..3 {
                        outputs[1 + axis][row] = slopes[axis];
                    }
                }
                loss += work.evaluate(simd, &outputs, &mut tile, count);
            }
            let [by_values, by_slopes @ ..] = tile.by_outputs.as_slice() else {
                unreachable!("there are four outputs");
            };
            let directions = (0..count).map(|row| [0, 1, 2].map(|axis| by_slopes[axis][row]));
            workspace.directions.set(directions);
            let by_values = &by_values[..count];
            (work.network).backward_along(simd, by_values, &mut workspace, work.gradient);
        }
        loss
    }
}

/// Asks for a value's cache line ahead of its use; does nothing where there is no such instruction.
#[inline(always)]
fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and faults nowhere; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
