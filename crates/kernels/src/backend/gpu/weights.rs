//! A layer's weights on their way to shared memory, as a product reads them there.

use cubecl::prelude::*;

use super::Lanes;
use super::layer_product::Product;
use super::plan::Plan;
use super::tensor_cores::{DEPTH_OF_ONE, PLANE, ROWS};
use super::workgroup::Workgroup;

/// The weights that a unit brings into shared memory, four at a time: those of inputs from `first` on and of the outputs of
/// a pass; 0 where there are none.
#[cube]
pub(super) fn load(
    columns: &mut Array<Lanes>,
    parameters: &Array<f32>,
    weights: usize,
    first_row: usize,
    first: usize,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    #[unroll]
    for turn in 0..comptime!(plan.columns_of_a_unit()) {
        let mut column = Lanes::new(0.0);
        #[unroll]
        for lane in 0..4usize {
            let (k, in_pass) = weight_of_unit(turn, lane, product, plan);
            let row = first_row + in_pass;
            let input = first + k;
            if row < product.outputs && input < product.inputs {
                let place = if comptime!(product.forward) {
                    row * product.inputs + input
                } else {
                    input * product.outputs + row
                };
                column[lane] = parameters[weights + place];
            }
        }
        columns[turn] = column;
    }
}

/// Brings what a unit has loaded into shared memory.
#[cube]
pub(super) fn stage(
    workgroup: &mut Workgroup,
    columns: &Array<Lanes>,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    let blocks = comptime!(plan.rows / 4);
    #[unroll]
    for turn in 0..comptime!(plan.columns_of_a_unit()) {
        if comptime!(plan.tensor_cores) {
            let item = UNIT_POS as usize + comptime!(turn * plan.units());
            if item < comptime!(plan.staged()) {
                workgroup.staged[item] = columns[turn];
            }
        } else {
            let (k, row) = weight_of_unit(turn, 0usize, product, plan);
            let block = row / 4;
            if k < comptime!(plan.depth()) && block < blocks {
                workgroup.staged[k * (blocks + 1) + block] = columns[turn];
            }
        }
    }
}

/// Input and row of one of the four weights that a unit loads in a turn. Neighbouring units read neighbouring weights.
#[cube]
fn weight_of_unit(
    #[comptime] turn: usize,
    #[comptime] lane: usize,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) -> (usize, usize) {
    let item = UNIT_POS as usize + comptime!(turn * plan.units());
    if comptime!(plan.tensor_cores) {
        // As a unit of a plane holds them: see `Split::left`.
        let unit = item % PLANE;
        let block = item / PLANE % comptime!(plan.rows / ROWS);
        let step = item / comptime!(PLANE * plan.rows / ROWS);
        (
            step * DEPTH_OF_ONE + 2 * (unit % 4) + comptime!(lane / 2),
            block * ROWS + unit / 4 + comptime!(lane % 2 * 8),
        )
    } else if comptime!(product.forward) {
        let depth = comptime!(plan.depth());
        (item % depth, item / depth * 4 + lane)
    } else {
        let blocks = comptime!(plan.rows / 4);
        (item / blocks, item % blocks * 4 + lane)
    }
}
