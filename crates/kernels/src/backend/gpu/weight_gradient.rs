//! The gradient by the layers' weights and biases: sums over the samples of a tile.

use cubecl::prelude::*;

use super::Lanes;
use super::plan::Plan;
use super::tensor_cores::{COLUMNS, PLANE, ROWS, Rights, SIDE_BY_SIDE, Split, Sums};
use super::workgroup::Workgroup;

/// The gradient by the output layer's weights and bias: `input` is the first row of what went in.
#[cube]
pub(super) fn output_gradient(
    workgroup: &Workgroup,
    sums: &mut SliceMut<f32>,
    start: usize,
    first_tile: bool,
    input: usize,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    // One more for the bias.
    for k in range_stepped(
        UNIT_POS as usize,
        comptime!(plan.width + 1),
        comptime!(plan.units()),
    ) {
        let mut sum = Lanes::new(0.0);
        if k < plan.width {
            for group in 0..groups {
                let values = workgroup.rows[(input + k) * stride + group];
                sum = fma(workgroup.by_values[group], values, sum);
            }
        } else {
            // A bias moves values alone.
            for group in 0..comptime!(plan.sample_groups()) {
                sum += workgroup.by_values[group];
            }
        }
        add_sum(sums, start + k, total(sum), first_tile);
    }
}

/// The gradient by a hidden layer's weights and biases: `by_layer` and `input` are the first rows of the gradient by the
/// layer's sums and of what went in.
#[cube]
pub(super) fn layer_gradient(
    workgroup: &Workgroup,
    sums: &mut SliceMut<f32>,
    start: usize,
    first_tile: bool,
    by_layer: usize,
    input: usize,
    #[comptime] inputs: usize,
    #[comptime] plan: Plan,
) {
    if comptime!(plan.tensor_cores) {
        weights_by_planes(
            workgroup, sums, start, first_tile, by_layer, input, inputs, plan,
        );
    } else {
        weights_by_units(
            workgroup, sums, start, first_tile, by_layer, input, inputs, plan,
        );
    }
    let stride = comptime!(plan.stride());
    let outputs = comptime!(plan.width);
    for row in range_stepped(UNIT_POS as usize, outputs, comptime!(plan.units())) {
        let mut sum = Lanes::new(0.0);
        for group in 0..comptime!(plan.sample_groups()) {
            sum += workgroup.rows[(by_layer + row) * stride + group];
        }
        let place = start + comptime!(inputs * outputs).runtime() + row;
        add_sum(sums, place, total(sum), first_tile);
    }
}

/// A plane takes 16 outputs by 32 inputs at a time.
#[cube]
fn weights_by_planes(
    workgroup: &Workgroup,
    sums: &mut SliceMut<f32>,
    start: usize,
    first_tile: bool,
    by_layer: usize,
    input: usize,
    #[comptime] inputs: usize,
    #[comptime] plan: Plan,
) {
    let stride = comptime!(plan.stride());
    let outputs = comptime!(plan.width);
    let across = comptime!(inputs.div_ceil(COLUMNS));
    let blocks = comptime!(plan.width.div_ceil(ROWS) * inputs.div_ceil(COLUMNS));
    let unit = UNIT_POS as usize % PLANE;
    let plane = UNIT_POS as usize / PLANE;
    let line = spread(unit / 4);
    for block in range_stepped(plane, blocks, comptime!(plan.units() / PLANE)) {
        let row = block / across * ROWS + line;
        let column = block % across * COLUMNS;
        // Rows that nobody adds up must be there, too.
        let upper = (by_layer + min(row, outputs - 1)) * stride;
        let lower = (by_layer + min(row + 8, outputs - 1)) * stride;
        let mut products = Sums::new();
        for step in 0..comptime!(plan.groups() / 4) {
            let group = step * 4 + unit % 4;
            let by_upper = workgroup.rows[upper + group];
            let by_lower = workgroup.rows[lower + group];
            let mut rows = Array::<Lanes>::new(SIDE_BY_SIDE);
            #[unroll]
            for index in 0..SIDE_BY_SIDE {
                let own = min(column + comptime!(8 * index) + line, inputs - 1);
                rows[index] = workgroup.rows[(input + own) * stride + group];
            }
            // Two of four samples at a time.
            #[unroll]
            for half in 0..2usize {
                let first = comptime!(2 * half);
                let mut left = Lanes::new(by_upper[first]);
                left[1] = by_lower[first];
                left[2] = by_upper[comptime!(first + 1)];
                left[3] = by_lower[comptime!(first + 1)];
                products.add_products(&Split::left(left), &Rights::of_rows(&rows, first));
            }
        }
        #[unroll]
        for low in 0..2usize {
            #[unroll]
            for side in 0..2usize {
                let of_matrices = products.row(low, side);
                #[unroll]
                for index in 0..SIDE_BY_SIDE {
                    let k = column + comptime!(8 * index + 4 * side) + unit % 4;
                    if k < inputs {
                        add_weight(
                            sums,
                            start,
                            row + comptime!(8 * low),
                            k,
                            of_matrices[index],
                            first_tile,
                            inputs,
                            outputs,
                        );
                    }
                }
            }
        }
    }
}

/// A row or column of a matrix of 8: neighbours among a plane's units read rows that lie in different banks.
#[cube]
fn spread(line: usize) -> usize {
    line / 2 + line % 2 * 4
}

/// A unit takes blocks of four, or two, outputs by four inputs.
#[cube]
fn weights_by_units(
    workgroup: &Workgroup,
    sums: &mut SliceMut<f32>,
    start: usize,
    first_tile: bool,
    by_layer: usize,
    input: usize,
    #[comptime] inputs: usize,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let units = comptime!(plan.units());
    let outputs = comptime!(plan.width);
    // A unit's four inputs lie that far apart, so that neighbouring units read neighbouring rows.
    let apart = comptime!(inputs.div_ceil(4));
    // Where there are units enough, blocks are half as high.
    let high = comptime!(2 * outputs.div_ceil(4) * inputs.div_ceil(4) > units);
    let height = comptime!(if high { 4usize } else { 2 });
    let blocks = comptime!(outputs.div_ceil(height) * inputs.div_ceil(4));
    for item in range_stepped(UNIT_POS as usize, blocks, units) {
        let column = item % apart;
        let row = item / apart * height;
        let mut sums0 = Lanes::new(0.0);
        let mut sums1 = Lanes::new(0.0);
        let mut sums2 = Lanes::new(0.0);
        let mut sums3 = Lanes::new(0.0);
        for group in 0..groups {
            let by_place = (by_layer + row) * stride + group;
            let by0 = workgroup.rows[by_place];
            let by1 = workgroup.rows[by_place + stride];
            let mut by2 = by0;
            let mut by3 = by1;
            if comptime!(high) {
                by2 = workgroup.rows[by_place + 2 * stride];
                by3 = workgroup.rows[by_place + 3 * stride];
            }
            let in_place = (input + column) * stride + group;
            let in0 = workgroup.rows[in_place];
            let in1 = workgroup.rows[in_place + apart * stride];
            let in2 = workgroup.rows[in_place + 2 * apart * stride];
            let in3 = workgroup.rows[in_place + 3 * apart * stride];
            #[unroll]
            for lane in 0..4usize {
                let mut inputs = Lanes::new(in0[lane]);
                inputs[1] = in1[lane];
                inputs[2] = in2[lane];
                inputs[3] = in3[lane];
                sums0 = fma(Lanes::new(by0[lane]), inputs, sums0);
                sums1 = fma(Lanes::new(by1[lane]), inputs, sums1);
                if comptime!(high) {
                    sums2 = fma(Lanes::new(by2[lane]), inputs, sums2);
                    sums3 = fma(Lanes::new(by3[lane]), inputs, sums3);
                }
            }
        }
        #[unroll]
        for lane in 0..4usize {
            let k = column + lane * apart;
            if k < inputs {
                add_weight(
                    sums,
                    start,
                    row,
                    k,
                    sums0[lane],
                    first_tile,
                    inputs,
                    outputs,
                );
                add_weight(
                    sums,
                    start,
                    row + 1,
                    k,
                    sums1[lane],
                    first_tile,
                    inputs,
                    outputs,
                );
                if comptime!(high) {
                    add_weight(
                        sums,
                        start,
                        row + 2,
                        k,
                        sums2[lane],
                        first_tile,
                        inputs,
                        outputs,
                    );
                    add_weight(
                        sums,
                        start,
                        row + 3,
                        k,
                        sums3[lane],
                        first_tile,
                        inputs,
                        outputs,
                    );
                }
            }
        }
    }
}

#[cube]
fn add_weight(
    sums: &mut SliceMut<f32>,
    start: usize,
    row: usize,
    column: usize,
    sum: f32,
    first_tile: bool,
    #[comptime] inputs: usize,
    #[comptime] outputs: usize,
) {
    if row < outputs {
        add_sum(sums, start + row * inputs + column, sum, first_tile);
    }
}

/// Adds to a sum of this workgroup's own; its first tile starts it.
#[cube]
fn add_sum(sums: &mut SliceMut<f32>, place: usize, term: f32, first_tile: bool) {
    let mut sum = term;
    if !first_tile {
        sum += sums[place];
    }
    sums[place] = sum;
}

/// The sum of four samples.
#[cube]
fn total(lanes: Lanes) -> f32 {
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}
