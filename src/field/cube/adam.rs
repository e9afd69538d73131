//! The end of a step: sums over workgroups, Adam, and a clean gradient for the next step, in one kernel.

use cubecl::prelude::*;

use super::fixed_point;
use super::plan::Plan;

/// Constants of one step of Adam, as kernels take them.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Constants {
    pub beta1: f32,
    pub beta2: f32,
    pub epsilon: f32,
    /// Learning rate, with the first moment's start at zero undone.
    pub rate: f32,
    /// What undoes the second moment's start at zero.
    pub second_correction: f32,
}

/// A step of Adam by the sums of a batch, times `share`. The sums of the grid are 0 afterwards, `loss` `[1]` is the batch's.
#[cube(launch)]
pub(super) fn step(
    parameters: &mut Array<f32>,
    first: &mut Array<f32>,
    second: &mut Array<f32>,
    low: &mut Array<u32>,
    high: &mut Array<u32>,
    sums: &Array<f32>,
    loss: &mut Array<f32>,
    cubes: u32,
    share: f32,
    constants: Constants,
    #[comptime] plan: Plan,
) {
    let index = ABSOLUTE_POS;
    if index < parameters.len() {
        let gradient = collect(low, high, sums, cubes, index, plan) * share;
        update(parameters, first, second, index, gradient, &constants);
    }
    if index == parameters.len() {
        loss[0] = collect(low, high, sums, cubes, index, plan) * share;
    }
}

/// The sums of a batch, times `share`, as a gradient `[P]` and a loss `[1]`.
#[cube(launch)]
pub(super) fn gather(
    gradient: &mut Array<f32>,
    low: &mut Array<u32>,
    high: &mut Array<u32>,
    sums: &Array<f32>,
    loss: &mut Array<f32>,
    cubes: u32,
    share: f32,
    #[comptime] plan: Plan,
) {
    let index = ABSOLUTE_POS;
    if index <= gradient.len() {
        let sum = collect(low, high, sums, cubes, index, plan) * share;
        if index < gradient.len() {
            gradient[index] = sum;
        } else {
            loss[0] = sum;
        }
    }
}

/// A step of Adam by a given gradient.
#[cube(launch)]
pub(super) fn step_by(
    parameters: &mut Array<f32>,
    first: &mut Array<f32>,
    second: &mut Array<f32>,
    gradient: &Array<f32>,
    constants: Constants,
) {
    let index = ABSOLUTE_POS;
    if index < parameters.len() {
        update(
            parameters,
            first,
            second,
            index,
            gradient[index],
            &constants,
        );
    }
}

/// The sum over all workgroups of number `index`: the parameters' gradient, then the loss. Always in the same order.
#[cube]
fn collect(
    low: &mut Array<u32>,
    high: &mut Array<u32>,
    sums: &Array<f32>,
    cubes: u32,
    index: usize,
    #[comptime] plan: Plan,
) -> f32 {
    let table = comptime!(plan.table).runtime();
    let mut sum = 0.0f32;
    if index < table {
        sum = fixed_point::take_sum(low, high, index);
    } else {
        let length = comptime!(plan.sums()).runtime();
        for cube in 0..cubes as usize {
            sum += sums[cube * length + index - table];
        }
    }
    sum
}

/// Adam for one parameter. Without a gradient it keeps its value and both moments.
#[cube]
fn update(
    parameters: &mut Array<f32>,
    first: &mut Array<f32>,
    second: &mut Array<f32>,
    index: usize,
    gradient: f32,
    constants: &Constants,
) {
    if gradient != 0.0 {
        let mean = constants.beta1 * first[index] + (1.0 - constants.beta1) * gradient;
        let square =
            constants.beta2 * second[index] + (1.0 - constants.beta2) * gradient * gradient;
        first[index] = mean;
        second[index] = square;
        let denominator = (square * constants.second_correction).sqrt() + constants.epsilon;
        parameters[index] -= constants.rate * mean / denominator;
    }
}
