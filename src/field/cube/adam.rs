//! The end of a step: sums over workgroups, Adam, and a clean gradient for the next step, in one kernel.

use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::grid_sums;
use super::network::UNITS;
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

/// Workgroups of [`step()`] and [`gather()`]: those of the grid's parameters, then those of the numbers that workgroups have
/// summed. There may be some more, which find nothing to do: a device has only so many in a row.
pub(super) fn cubes<R: Runtime>(client: &ComputeClient<R>, plan: &Plan) -> CubeCount {
    let cubes = grid_cubes(plan) + plan.sums().div_ceil(NUMBERS);
    calculate_cube_count_elemwise(client, cubes * UNITS as usize, CubeDim::new_1d(UNITS))
}

fn grid_cubes(plan: &Plan) -> usize {
    plan.table.div_ceil(UNITS as usize)
}

/// Numbers that a workgroup adds up over all workgroups of a batch. Its other units share the work, so that no unit waits for
/// hundreds of numbers, one after the other.
const NUMBERS: usize = 32;

/// A step of Adam by the sums of a batch, times `share`. The sums of the grid are 0 afterwards; the batch's loss is added to
/// `losses` `[1]`.
#[cube(launch)]
pub(super) fn step(
    parameters: &mut Array<f32>,
    first: &mut Array<f32>,
    second: &mut Array<f32>,
    low: &mut Array<u32>,
    high: &mut Array<u32>,
    floats: &mut Array<f32>,
    sums: &Array<f32>,
    losses: &mut Array<f32>,
    cubes: u32,
    share: f32,
    constants: Constants,
    #[comptime] plan: Plan,
) {
    if CUBE_POS < comptime!(grid_cubes(&plan)) {
        let index = ABSOLUTE_POS;
        if index < plan.table {
            let gradient = grid_sums::take(low, high, floats, index, plan) * share;
            update(parameters, first, second, index, gradient, &constants);
        }
    } else {
        let place = place_of_unit(plan);
        let sum = sum_over_cubes(sums, cubes as usize, place, plan) * share;
        if UNIT_POS < comptime!(NUMBERS as u32) && place <= comptime!(plan.perceptron()) {
            if place == comptime!(plan.perceptron()) {
                losses[0] += sum;
            } else {
                let index = place + plan.table;
                update(parameters, first, second, index, sum, &constants);
            }
        }
    }
}

/// The sums of a batch, times `share`, as a gradient `[P]` and a loss `[1]`.
#[cube(launch)]
pub(super) fn gather(
    gradient: &mut Array<f32>,
    low: &mut Array<u32>,
    high: &mut Array<u32>,
    floats: &mut Array<f32>,
    sums: &Array<f32>,
    loss: &mut Array<f32>,
    cubes: u32,
    share: f32,
    #[comptime] plan: Plan,
) {
    if CUBE_POS < comptime!(grid_cubes(&plan)) {
        let index = ABSOLUTE_POS;
        if index < plan.table {
            gradient[index] = grid_sums::take(low, high, floats, index, plan) * share;
        }
    } else {
        let place = place_of_unit(plan);
        let sum = sum_over_cubes(sums, cubes as usize, place, plan) * share;
        if UNIT_POS < comptime!(NUMBERS as u32) && place <= comptime!(plan.perceptron()) {
            if place == comptime!(plan.perceptron()) {
                loss[0] = sum;
            } else {
                gradient[place + plan.table] = sum;
            }
        }
    }
}

/// Which of the numbers that workgroups have summed a unit works on.
#[cube]
fn place_of_unit(#[comptime] plan: Plan) -> usize {
    (CUBE_POS - comptime!(grid_cubes(&plan))) * NUMBERS + UNIT_POS as usize % NUMBERS
}

/// The sum over all workgroups of number `place`, for the first [`NUMBERS`] units. Always in the same order. Synchronises.
#[cube]
fn sum_over_cubes(sums: &Array<f32>, cubes: usize, place: usize, #[comptime] plan: Plan) -> f32 {
    let length = comptime!(plan.sums()).runtime();
    let parts = comptime!(UNITS as usize / NUMBERS);
    let mut partial = SharedMemory::<f32>::new(comptime!(UNITS as usize));
    let mut sum = 0.0f32;
    if place < length {
        for cube in range_stepped(UNIT_POS as usize / NUMBERS, cubes, parts) {
            sum += sums[cube * length + place];
        }
    }
    partial[UNIT_POS as usize] = sum;
    sync_cube();
    let mut total = 0.0f32;
    if UNIT_POS < comptime!(NUMBERS as u32) {
        for part in 0..parts {
            total += partial[part * NUMBERS + UNIT_POS as usize];
        }
    }
    total
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
