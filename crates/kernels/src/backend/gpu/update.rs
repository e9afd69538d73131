//! The end of a step: sums over workgroups, the update, and a clean gradient for the next step, in one kernel.

use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::code::{Code, Number};
use super::network::UNITS;
use super::plan::Plan;
use super::{Lanes, grid_sums};
use crate::optimizer::{Rule, UpdateRule, UpdateStep, WithRule};

/// Numbers of a step that are the same for all parameters, as kernels take them.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Constants {
    c0: f32,
    c1: f32,
    c2: f32,
    c3: f32,
    c4: f32,
    c5: f32,
    c6: f32,
    c7: f32,
}

/// Those of a step.
pub(super) fn constants<R: Runtime>(step: UpdateStep) -> ConstantsLaunch<R> {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = step.constants().map(|number| number as f32);
    ConstantsLaunch::new(c0, c1, c2, c3, c4, c5, c6, c7)
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

/// A step by the sums of a batch, times `share`. The sums of the grid are 0 afterwards; the batch's loss is added to
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
    #[comptime] rule: Rule,
    #[comptime] plan: Plan,
) {
    if CUBE_POS < comptime!(grid_cubes(&plan)) {
        let index = ABSOLUTE_POS;
        if index < plan.table {
            let gradient = grid_sums::take(low, high, floats, index, plan) * share;
            update(parameters, first, second, index, gradient, &constants, rule);
        }
    } else {
        let place = place_of_unit(plan);
        let sum = sum_over_cubes(sums, cubes as usize, place, plan) * share;
        if UNIT_POS < comptime!(NUMBERS as u32) && place <= comptime!(plan.perceptron()) {
            if place == comptime!(plan.perceptron()) {
                losses[0] += sum;
            } else {
                let index = place + plan.table;
                update(parameters, first, second, index, sum, &constants, rule);
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

/// A step by a given gradient.
#[cube(launch)]
pub(super) fn step_by(
    parameters: &mut Array<f32>,
    first: &mut Array<f32>,
    second: &mut Array<f32>,
    gradient: &Array<f32>,
    constants: Constants,
    #[comptime] rule: Rule,
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
            rule,
        );
    }
}

/// The rule for one parameter. Without a gradient it keeps its value and its moments.
#[cube]
fn update(
    parameters: &mut Array<f32>,
    first: &mut Array<f32>,
    second: &mut Array<f32>,
    index: usize,
    gradient: f32,
    constants: &Constants,
    #[comptime] rule: Rule,
) {
    if gradient != 0.0 {
        // Formulas are written over four numbers at a time; compilers leave out the three that nobody reads.
        let before = State {
            parameter: Lanes::new(parameters[index]),
            first: Lanes::new(first[index]),
            second: Lanes::new(second[index]),
        };
        let constants = StepConstants {
            c0: Lanes::new(constants.c0),
            c1: Lanes::new(constants.c1),
            c2: Lanes::new(constants.c2),
            c3: Lanes::new(constants.c3),
            c4: Lanes::new(constants.c4),
            c5: Lanes::new(constants.c5),
            c6: Lanes::new(constants.c6),
            c7: Lanes::new(constants.c7),
        };
        let after = apply(before, Lanes::new(gradient), constants, rule);
        parameters[index] = after.parameter[0];
        first[index] = after.first[0];
        second[index] = after.second[0];
    }
}

/// A parameter and its moments.
#[derive(CubeType)]
struct State {
    parameter: Lanes,
    first: Lanes,
    second: Lanes,
}

/// [`Constants`] in a formula. Only their expanded form is read.
#[derive(CubeType)]
#[allow(dead_code)]
struct StepConstants {
    c0: Lanes,
    c1: Lanes,
    c2: Lanes,
    c3: Lanes,
    c4: Lanes,
    c5: Lanes,
    c6: Lanes,
    c7: Lanes,
}

#[cube]
#[allow(unused_variables)]
fn apply(
    before: State,
    gradient: Lanes,
    constants: StepConstants,
    #[comptime] rule: Rule,
) -> State {
    intrinsic!(|scope| rule.visit(Apply {
        scope,
        before,
        gradient,
        constants
    }))
}

struct Apply<'a> {
    scope: &'a mut Scope,
    before: StateExpand,
    gradient: Number,
    constants: StepConstantsExpand,
}

impl WithRule for Apply<'_> {
    type Output = StateExpand;

    fn with<R: UpdateRule>(self) -> StateExpand {
        let StepConstantsExpand {
            c0,
            c1,
            c2,
            c3,
            c4,
            c5,
            c6,
            c7,
        } = self.constants;
        let StateExpand {
            parameter,
            first,
            second,
        } = self.before;
        let constants = [c0, c1, c2, c3, c4, c5, c6, c7];
        let mut code = Code(self.scope);
        let moments = [first, second];
        let (parameter, [first, second]) =
            R::apply(&mut code, &parameter, &self.gradient, &moments, &constants);
        StateExpand {
            parameter,
            first,
            second,
        }
    }
}
