//! What a loss makes of four samples in a kernel: from outputs and columns of the samples to the loss and its derivatives.

use cubecl::prelude::*;

use super::Lanes;
use super::code::{Code, Number};
use super::draw::Batch;
use super::perceptron::values;
use super::plan::Plan;
use super::workgroup::Workgroup;
use crate::calculus::{Folded, MaybeKnown};
use crate::loss::{Loss, Needs, Sample, column};

/// What the columns of a batch's samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    /// What a loss is told that looks at values alone: see [`Needs::columns`].
    Of(Loss),
    /// The derivatives by the outputs, behind the point: by the value, and with two columns a sample by its gradient.
    Cotangent,
    /// The same, and the loss behind them.
    CotangentAndLoss,
}

/// Column of the derivative by the value, where it is given.
const BY_VALUE: usize = column::VALUE;

/// Column of the first derivative by the gradient, where they are given.
pub(super) const DIRECTION: usize = BY_VALUE + 1;

/// Column of the loss, where it is given.
const LOSS: usize = DIRECTION + 3;

impl Meaning {
    /// Columns of a sample's row, where the sample is so many columns of a tile.
    pub(super) fn columns(&self, channels: usize) -> usize {
        match self {
            Meaning::Of(loss) => loss.needs().columns(),
            Meaning::Cotangent if channels == 1 => DIRECTION,
            Meaning::Cotangent => LOSS,
            Meaning::CotangentAndLoss => LOSS + 1,
        }
    }
}

/// Puts the derivatives by a group's outputs into `by_values`, after [`output_layer`](super::perceptron::output_layer) where there
/// is a loss to compute, and gives the sum of the losses. Samples whose lane of `counts` is 0 have no say.
#[cube]
pub(super) fn evaluate(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    group: usize,
    counts: Lanes,
    unit: f32,
    #[comptime] meaning: Meaning,
    #[comptime] plan: Plan,
) -> f32 {
    let mut sum = 0.0f32;
    if let Meaning::Of(loss) = comptime!(meaning) {
        let needs = comptime!(loss.needs());
        let zero = Lanes::new(0.0);
        let wanted = taken(workgroup, group, column::VALUE, plan);
        let unit = Lanes::new(unit);
        let error = unit * (values(workgroup, parameters, group, plan) - wanted);
        let mut distance = zero;
        if comptime!(needs >= Needs::Distance) {
            distance = taken(workgroup, group, column::DISTANCE, plan);
        }
        let at = loss_at(error, distance, zero, zero, zero, zero, zero, zero, loss);
        sum = total(at.loss * counts / unit);
        workgroup.by_values[group] = at.by_value * counts;
    } else {
        workgroup.by_values[group] = taken(workgroup, group, BY_VALUE, plan);
        if comptime!(plan.channels > 1) {
            let groups = comptime!(plan.sample_groups());
            workgroup.by_values[groups + group] = Lanes::new(1.0);
        }
        if comptime!(meaning == Meaning::CotangentAndLoss) {
            sum = total(taken(workgroup, group, LOSS, plan));
        }
    }
    sum
}

/// A column of a group's samples.
#[cube]
fn taken(
    workgroup: &Workgroup,
    group: usize,
    #[comptime] column: usize,
    #[comptime] plan: Plan,
) -> Lanes {
    let start = comptime!(column * plan.sample_groups());
    workgroup.samples[start + group]
}

/// The sum of four samples.
#[cube]
fn total(lanes: Lanes) -> f32 {
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// From `outputs` `[count, 4]`, value and gradient, of a batch's samples, drawn from `pool` `[capacity, Needs::columns]`, to `rows`
/// `[count, Meaning::CotangentAndLoss.columns]`. A unit does four samples.
#[cube(launch)]
pub(super) fn cotangents(
    outputs: &Array<f32>,
    pool: &Array<f32>,
    rows: &mut Array<f32>,
    batch: Batch,
    unit: f32,
    #[comptime] loss: Loss,
) {
    let place = ABSOLUTE_POS * 4;
    if place < batch.count as usize {
        let columns = comptime!(Needs::Gradient.columns());
        let unit = Lanes::new(unit);
        let error = unit
            * (output(outputs, place, 0usize, &batch)
                - batch.column(pool, place, column::VALUE, columns));
        let mut errors = Array::<Lanes>::new(3usize);
        let mut gradient = Array::<Lanes>::new(3usize);
        #[unroll]
        for axis in 0..3usize {
            let slope = output(outputs, place, comptime!(1 + axis), &batch);
            let at = comptime!(column::SLOPES + axis);
            errors[axis] = unit * (slope - batch.column(pool, place, at, columns));
            let at = comptime!(column::GRADIENT + axis);
            gradient[axis] = batch.column(pool, place, at, columns);
        }
        let distance = batch.column(pool, place, column::DISTANCE, columns);
        let at = loss_at(
            error,
            distance,
            errors[0],
            errors[1],
            errors[2],
            gradient[0],
            gradient[1],
            gradient[2],
            loss,
        );
        #[unroll]
        for axis in 0..3usize {
            let coordinate = batch.column(pool, place, axis, columns);
            store(rows, place, axis, coordinate, &batch);
        }
        store(rows, place, BY_VALUE, at.by_value, &batch);
        store(rows, place, DIRECTION, at.by_x, &batch);
        store(rows, place, comptime!(DIRECTION + 1), at.by_y, &batch);
        store(rows, place, comptime!(DIRECTION + 2), at.by_z, &batch);
        store(rows, place, LOSS, at.loss / unit, &batch);
    }
}

/// A column of four samples' outputs.
#[cube]
fn output(outputs: &Array<f32>, place: usize, #[comptime] column: usize, batch: &Batch) -> Lanes {
    let mut values = Lanes::new(0.0);
    #[unroll]
    for lane in 0..4usize {
        if place + lane < batch.count as usize {
            values[lane] = outputs[(place + lane) * 4 + column];
        }
    }
    values
}

/// Writes a column of four samples, as far as there are so many.
#[cube]
fn store(
    rows: &mut Array<f32>,
    place: usize,
    #[comptime] column: usize,
    values: Lanes,
    batch: &Batch,
) {
    let columns = comptime!(LOSS + 1);
    #[unroll]
    for lane in 0..4usize {
        if place + lane < batch.count as usize {
            rows[(place + lane) * columns + column] = values[lane];
        }
    }
}

/// A loss and its derivatives at four samples.
#[derive(CubeType)]
struct LossAt {
    loss: Lanes,
    by_value: Lanes,
    by_x: Lanes,
    by_y: Lanes,
    by_z: Lanes,
}

/// The formulas of the loss's terms, which write their code here.
#[cube]
#[allow(unused_variables, clippy::too_many_arguments)]
fn loss_at(
    error: Lanes,
    distance: Lanes,
    error_x: Lanes,
    error_y: Lanes,
    error_z: Lanes,
    gradient_x: Lanes,
    gradient_y: Lanes,
    gradient_z: Lanes,
    #[comptime] loss: Loss,
) -> LossAt {
    intrinsic!(|scope| {
        let number = |number: Number| MaybeKnown::Number(number);
        let sample = Sample {
            error: number(error),
            distance: number(distance),
            slope_errors: [error_x, error_y, error_z].map(number),
            gradient: [gradient_x, gradient_y, gradient_z].map(number),
        };
        let mut code = Code(scope);
        let mut folded = Folded(&mut code);
        let at = loss.at(&mut folded, &sample);
        let [by_x, by_y, by_z] = at.by_slopes.map(|slope| folded.number(&slope));
        LossAtExpand {
            loss: folded.number(&at.loss),
            by_value: folded.number(&at.by_value),
            by_x,
            by_y,
            by_z,
        }
    })
}
