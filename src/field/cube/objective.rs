//! What a loss makes of four samples in a kernel: from outputs and columns of the samples to the loss and its derivatives.

use cubecl::prelude::*;

use super::Lanes;
use super::code::{Code, Number};
use super::perceptron::{slopes, values};
use super::plan::Plan;
use super::tangents::WithTangents;
use super::workgroup::Workgroup;
use crate::calculus::{Folded, MaybeKnown};
use crate::field::loss::{Loss, Needs, Sample, column};

/// What the columns of a batch's samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    /// What the loss is told: see [`Needs::columns`].
    Of(Loss),
    /// The derivatives by the outputs, behind the point. There is no loss.
    Cotangent,
}

impl Meaning {
    /// Columns of a sample, of whose network's output so many columns take part.
    pub(super) fn columns(&self, channels: usize) -> usize {
        match self {
            Meaning::Of(loss) => loss.needs().columns(),
            Meaning::Cotangent => column::VALUE + channels,
        }
    }
}

/// Puts the derivatives by a group's outputs into `by_values`, after [`output_layer`](super::perceptron::output_layer), and gives
/// the sum of their losses. Samples whose lane of `counts` is 0 have no say; one unit of the network's value is `unit`.
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
    let groups = comptime!(plan.sample_groups()).runtime();
    let mut sum = 0.0f32;
    if comptime!(meaning == Meaning::Cotangent) {
        let from = comptime!(column::VALUE).runtime() * groups + group;
        for channel in 0..plan.channels {
            let by_output = workgroup.samples[from + channel * groups];
            workgroup.by_values[channel * groups + group] = by_output;
        }
    } else {
        let outputs = outputs(workgroup, parameters, group, plan);
        let at = loss_of(workgroup, &outputs, group, Lanes::new(unit), meaning, plan);
        let counted = at.loss * counts / Lanes::new(unit);
        #[unroll]
        for lane in 0..4usize {
            sum += counted[lane];
        }
        workgroup.by_values[group] = at.by_value * counts;
        if comptime!(plan.channels > 1) {
            workgroup.by_values[groups + group] = at.by_x * counts;
            workgroup.by_values[2 * groups + group] = at.by_y * counts;
            workgroup.by_values[3 * groups + group] = at.by_z * counts;
        }
    }
    sum
}

/// A group's outputs; no derivatives unless the network has them.
#[cube]
fn outputs(
    workgroup: &Workgroup,
    parameters: &Array<f32>,
    group: usize,
    #[comptime] plan: Plan,
) -> WithTangents {
    let value = values(workgroup, parameters, group, plan);
    if comptime!(plan.channels > 1) {
        let apart = comptime!(plan.sample_groups()).runtime();
        WithTangents {
            value,
            x: slopes(workgroup, group + apart, plan),
            y: slopes(workgroup, group + 2 * apart, plan),
            z: slopes(workgroup, group + 3 * apart, plan),
        }
    } else {
        let zero = Lanes::new(0.0);
        WithTangents {
            value,
            x: zero,
            y: zero,
            z: zero,
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

/// A column of a group's samples.
#[cube]
fn taken(
    workgroup: &Workgroup,
    group: usize,
    #[comptime] column: usize,
    #[comptime] plan: Plan,
) -> Lanes {
    workgroup.samples[comptime!(column * plan.sample_groups()).runtime() + group]
}

#[cube]
fn loss_of(
    workgroup: &Workgroup,
    outputs: &WithTangents,
    group: usize,
    unit: Lanes,
    #[comptime] meaning: Meaning,
    #[comptime] plan: Plan,
) -> LossAt {
    let needs = comptime!(match meaning {
        Meaning::Of(loss) => loss.needs(),
        Meaning::Cotangent => Needs::Error,
    });
    let zero = Lanes::new(0.0);
    let error = unit * (outputs.value - taken(workgroup, group, column::VALUE, plan));
    let distance = if comptime!(needs >= Needs::Distance) {
        taken(workgroup, group, column::DISTANCE, plan)
    } else {
        zero
    };
    if comptime!(needs == Needs::Gradient) {
        let x = unit * (outputs.x - taken(workgroup, group, comptime!(column::SLOPES), plan));
        let y = unit * (outputs.y - taken(workgroup, group, comptime!(column::SLOPES + 1), plan));
        let z = unit * (outputs.z - taken(workgroup, group, comptime!(column::SLOPES + 2), plan));
        let gradient_x = taken(workgroup, group, comptime!(column::GRADIENT), plan);
        let gradient_y = taken(workgroup, group, comptime!(column::GRADIENT + 1), plan);
        let gradient_z = taken(workgroup, group, comptime!(column::GRADIENT + 2), plan);
        written(
            error, distance, x, y, z, gradient_x, gradient_y, gradient_z, meaning,
        )
    } else {
        written(error, distance, zero, zero, zero, zero, zero, zero, meaning)
    }
}

/// The formulas of the loss's terms, which write their code here.
#[cube]
#[allow(unused_variables, clippy::too_many_arguments)]
fn written(
    error: Lanes,
    distance: Lanes,
    error_x: Lanes,
    error_y: Lanes,
    error_z: Lanes,
    gradient_x: Lanes,
    gradient_y: Lanes,
    gradient_z: Lanes,
    #[comptime] meaning: Meaning,
) -> LossAt {
    intrinsic!(|scope| {
        let Meaning::Of(loss) = meaning else {
            unreachable!("cotangents have no loss");
        };
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
