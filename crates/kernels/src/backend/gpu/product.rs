//! A product of a layer's weights with the samples of a tile: in blocks of four rows by four samples held in registers, or on
//! tensor cores in blocks of 16 rows by 32 samples held by a plane, which are as many numbers a unit.

use cubecl::prelude::*;

use super::Lanes;
use super::activation::{change, value};
use super::layer_product::{Finish, Product};
use super::plan::Plan;
use super::tensor_cores::{COLUMNS, DEPTH_OF_ONE, PLANE, ROWS, Rights, Split, Sums};
use super::weights::{load, stage};
use super::workgroup::Workgroup;

/// One layer's product, from rows at `input` to rows at `output`. Forward, a layer's weights `[outputs, inputs]` and then
/// its biases lie at `weights`; back, they are read the other way round.
#[cube]
pub(super) fn product(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    weights: usize,
    input: usize,
    output: usize,
    omega: f32,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    let passes = comptime!(product.outputs.div_ceil(plan.rows));
    for pass in 0..passes {
        let first_row = pass * plan.rows;
        // The units are done with what was staged before, and with the rows that this product overwrites.
        sync_cube();
        let sums = if comptime!(plan.tensor_cores) {
            sums_of_planes(
                workgroup, parameters, weights, input, first_row, product, plan,
            )
        } else {
            sums_of_units(
                workgroup, parameters, weights, input, first_row, product, plan,
            )
        };
        finish(
            workgroup, parameters, sums, weights, output, first_row, omega, product, plan,
        );
    }
}

/// What a unit has of a pass: sums of four rows by four samples.
#[derive(CubeType)]
struct Block {
    sums0: Lanes,
    sums1: Lanes,
    sums2: Lanes,
    sums3: Lanes,
}

/// Four neighbouring rows of a group of samples.
#[cube]
fn sums_of_units(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    weights: usize,
    input: usize,
    first_row: usize,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) -> Block {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let blocks = comptime!(plan.rows / 4);
    let depth = comptime!(plan.depth());
    let inputs = comptime!(product.inputs);
    let chunks = comptime!(product.inputs.div_ceil(plan.depth()));
    let group = UNIT_POS as usize % groups;
    let block = UNIT_POS as usize / groups;
    let mut sums0 = Lanes::new(0.0);
    let mut sums1 = Lanes::new(0.0);
    let mut sums2 = Lanes::new(0.0);
    let mut sums3 = Lanes::new(0.0);
    let mut coming = Array::<Lanes>::new(comptime!(plan.columns_of_a_unit()));
    load(
        &mut coming,
        parameters,
        weights,
        first_row,
        0,
        product,
        plan,
    );
    for chunk in 0..chunks {
        let first = chunk * depth;
        stage(workgroup, &coming, product, plan);
        sync_cube();
        // The next weights are on their way while these are worked with.
        if chunk + 1 < chunks {
            let next = first + depth;
            load(
                &mut coming,
                parameters,
                weights,
                first_row,
                next,
                product,
                plan,
            );
        }
        // Known when the kernel is compiled, the loop unrolls.
        let end = if comptime!(inputs % depth == 0) {
            depth.runtime()
        } else {
            min(inputs - first, depth)
        };
        for k in 0..end {
            let values = workgroup.rows[(input + first + k) * stride + group];
            let column = workgroup.staged[k * (blocks + 1) + block];
            sums0 = fma(Lanes::new(column[0]), values, sums0);
            sums1 = fma(Lanes::new(column[1]), values, sums1);
            sums2 = fma(Lanes::new(column[2]), values, sums2);
            sums3 = fma(Lanes::new(column[3]), values, sums3);
        }
        sync_cube();
    }
    Block {
        sums0,
        sums1,
        sums2,
        sums3,
    }
}

/// Two rows, 8 apart, of two neighbouring groups of samples: a plane has 16 rows of 8 groups.
#[cube]
fn sums_of_planes(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    weights: usize,
    input: usize,
    first_row: usize,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) -> Block {
    let stride = comptime!(plan.stride());
    let blocks = comptime!(plan.rows / ROWS);
    let depth = comptime!(plan.depth());
    let inputs = comptime!(product.inputs);
    let chunks = comptime!(product.inputs.div_ceil(plan.depth()));
    let unit = UNIT_POS as usize % PLANE;
    let (block, first_group) = block_of_plane(plan);
    let group = first_group + unit / 4;
    let mut sums = Sums::new();
    let mut coming = Array::<Lanes>::new(comptime!(plan.columns_of_a_unit()));
    load(
        &mut coming,
        parameters,
        weights,
        first_row,
        0,
        product,
        plan,
    );
    for chunk in 0..chunks {
        let first = chunk * depth;
        stage(workgroup, &coming, product, plan);
        sync_cube();
        if chunk + 1 < chunks {
            let next = first + depth;
            load(
                &mut coming,
                parameters,
                weights,
                first_row,
                next,
                product,
                plan,
            );
        }
        let end = if comptime!(inputs % depth == 0) {
            comptime!(depth / DEPTH_OF_ONE).runtime()
        } else {
            (min(inputs - first, depth) + comptime!(DEPTH_OF_ONE - 1)) / DEPTH_OF_ONE
        };
        // Planes beyond the last row have nothing to do.
        if first_row + block * ROWS < product.outputs {
            for step in 0..end {
                // Every other input: the rows of a plane's units lie in different banks.
                let mut k = first + step * DEPTH_OF_ONE + 2 * (unit % 4);
                let mut next = k + 1;
                if comptime!(inputs % DEPTH_OF_ONE != 0) {
                    // What is beyond the last input has a weight of 0, but must be a number.
                    k = min(k, inputs - 1);
                    next = min(next, inputs - 1);
                }
                let left = workgroup.staged[(step * blocks + block) * PLANE + unit];
                let right = Rights::of_columns(
                    workgroup.rows[(input + k) * stride + group],
                    workgroup.rows[(input + next) * stride + group],
                );
                sums.add_products(&Split::left(left), &right);
            }
        }
        sync_cube();
    }
    Block {
        sums0: sums.row(0usize, 0usize),
        sums1: sums.row(0usize, 1usize),
        sums2: sums.row(1usize, 0usize),
        sums3: sums.row(1usize, 1usize),
    }
}

/// The block of rows of a pass that a plane works on, and the first of its groups of samples.
#[cube]
fn block_of_plane(#[comptime] plan: Plan) -> (usize, usize) {
    let across = comptime!(plan.tile / COLUMNS);
    let plane = UNIT_POS as usize / PLANE;
    (plane / across, plane % across * comptime!(COLUMNS / 4))
}

/// Makes of a pass's sums what they are to become, in their place.
#[cube]
fn finish(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    block: Block,
    weights: usize,
    output: usize,
    first_row: usize,
    omega: f32,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    let stride = comptime!(plan.stride());
    let biases = weights + comptime!(product.inputs * product.outputs).runtime();
    // Sums 1 to 3 lie so many rows and groups from the first.
    let (row, group, rows, groups) = if comptime!(plan.tensor_cores) {
        let unit = UNIT_POS as usize % PLANE;
        let (own, first_group) = block_of_plane(plan);
        let row = first_row + own * ROWS + unit / 4;
        let group = first_group + 2 * (unit % 4);
        (
            row,
            group,
            comptime!([0usize, 8, 8]),
            comptime!([1usize, 0, 1]),
        )
    } else {
        let groups = comptime!(plan.groups());
        let row = first_row + UNIT_POS as usize / groups * 4;
        let group = UNIT_POS as usize % groups;
        (
            row,
            group,
            comptime!([1usize, 2, 3]),
            comptime!([0usize, 0, 0]),
        )
    };
    let place = (output + row) * stride + group;
    finish_row(
        workgroup,
        parameters,
        block.sums0,
        place,
        biases,
        row,
        omega,
        product,
        plan,
    );
    finish_row(
        workgroup,
        parameters,
        block.sums1,
        place + comptime!(rows[0] * plan.stride() + groups[0]),
        biases,
        row + comptime!(rows[0]),
        omega,
        product,
        plan,
    );
    finish_row(
        workgroup,
        parameters,
        block.sums2,
        place + comptime!(rows[1] * plan.stride() + groups[1]),
        biases,
        row + comptime!(rows[1]),
        omega,
        product,
        plan,
    );
    finish_row(
        workgroup,
        parameters,
        block.sums3,
        place + comptime!(rows[2] * plan.stride() + groups[2]),
        biases,
        row + comptime!(rows[2]),
        omega,
        product,
        plan,
    );
}

/// Rows that fill the last block of four have a place, but are read by nobody; those behind them have none.
#[cube]
fn finish_row(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    sums: Lanes,
    place: usize,
    biases: usize,
    row: usize,
    omega: f32,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    let outputs = comptime!(product.outputs);
    if row < comptime!(product.outputs.next_multiple_of(4)) {
        let mut result = sums;
        if comptime!(product.finish == Finish::Layer) {
            if row < outputs {
                result += Lanes::new(parameters[biases + row]);
            }
            if comptime!(!plan.keeps_sums()) {
                result = value(result, Lanes::new(1.0), plan.activation);
            }
        }
        if comptime!(product.finish == Finish::Slopes) {
            result = change(
                workgroup.rows[place],
                result,
                Lanes::new(omega),
                plan.activation,
            );
        }
        workgroup.rows[place] = result;
    }
}
