//! The layers, for a tile of samples: products in blocks of four rows by four samples, held in registers.

use cubecl::prelude::*;

use super::Lanes;
use super::plan::{DEPTH, Plan};
use super::sine::{cosine, sine};
use super::workgroup::Workgroup;

/// What a product's sums become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Finish {
    /// A layer: biases are added; ReLU follows, a sine later.
    Layer,
    /// The gradient by a layer's sums, in the place of what the layer kept.
    Slopes,
    /// The sums as they are.
    Keep,
}

/// A product of a layer's weights with rows of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Product {
    /// Rows that go in.
    inputs: usize,
    /// Rows that come out.
    outputs: usize,
    finish: Finish,
}

/// First row of what hidden layer `layer` gives to the next.
#[cube]
fn activated_row(layer: usize, #[comptime] plan: Plan) -> usize {
    if comptime!(plan.sine) {
        comptime!(plan.activated()).runtime()
    } else {
        hidden_row(layer, plan)
    }
}

/// First row of what hidden layer `layer` keeps.
#[cube]
fn hidden_row(layer: usize, #[comptime] plan: Plan) -> usize {
    comptime!(plan.first_hidden()).runtime() + layer * comptime!(plan.padded()).runtime()
}

/// Place in the flat vector of the weights of hidden layer `layer`, from 1.
#[cube]
fn middle_weights(layer: usize, #[comptime] plan: Plan) -> usize {
    comptime!(plan.table + plan.first_parameters()).runtime()
        + (layer - 1) * comptime!(plan.middle_parameters()).runtime()
}

#[cube]
fn omega(layer: usize, #[comptime] plan: Plan) -> f32 {
    let first = comptime!(f32::from_bits(plan.first_omega)).runtime();
    let other = comptime!(f32::from_bits(plan.omega)).runtime();
    select(layer == 0, first, other)
}

/// From encoded positions to values. The result is the sums of groups of units, see [`values`].
#[cube]
pub(super) fn forward(workgroup: &mut Workgroup, parameters: &Array<f32>, #[comptime] plan: Plan) {
    let first = comptime!(Product {
        inputs: plan.encoded,
        outputs: plan.width,
        finish: Finish::Layer,
    });
    let weights = comptime!(plan.table).runtime();
    product(
        workgroup,
        parameters,
        weights,
        0,
        hidden_row(0, plan),
        1.0,
        first,
        plan,
    );
    activate(workgroup, 0, plan);
    if comptime!(plan.layers > 1) {
        let middle = comptime!(Product {
            inputs: plan.width,
            outputs: plan.width,
            finish: Finish::Layer,
        });
        for layer in 1..plan.layers {
            let weights = middle_weights(layer, plan);
            let input = activated_row(layer - 1, plan);
            let output = hidden_row(layer, plan);
            product(
                workgroup, parameters, weights, input, output, 1.0, middle, plan,
            );
            activate(workgroup, layer, plan);
        }
    }
    output_layer(workgroup, parameters, plan);
}

/// Back from values to the gradient by the encoded positions, which takes their place. With `gradients`, every layer's
/// weights and biases get their part of the gradient on the way: see [`add_sum`].
#[cube]
pub(super) fn backward(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    sums: &mut Array<f32>,
    sums_start: usize,
    first_tile: bool,
    #[comptime] gradients: bool,
    #[comptime] plan: Plan,
) {
    let width = comptime!(plan.width);
    if gradients {
        let start = sums_start + comptime!(plan.output_weights()).runtime();
        output_gradient(workgroup, sums, start, first_tile, plan);
        sync_cube();
    }
    back_through_output(workgroup, parameters, plan);
    sync_cube();
    if comptime!(plan.layers > 1) {
        let middle = comptime!(Product {
            inputs: width,
            outputs: width,
            finish: Finish::Slopes,
        });
        for step in 1..plan.layers {
            let layer = plan.layers - step;
            let by_layer = hidden_row(layer, plan);
            let weights = middle_weights(layer, plan);
            if gradients {
                activate(workgroup, layer - 1, plan);
                let start = sums_start + weights - comptime!(plan.table).runtime();
                let input = activated_row(layer - 1, plan);
                layer_gradient(
                    workgroup, sums, start, first_tile, by_layer, input, width, plan,
                );
            }
            let output = hidden_row(layer - 1, plan);
            let omega = omega(layer - 1, plan);
            product(
                workgroup, parameters, weights, by_layer, output, omega, middle, plan,
            );
            sync_cube();
        }
    }
    let by_first = hidden_row(0, plan);
    if gradients {
        layer_gradient(
            workgroup,
            sums,
            sums_start,
            first_tile,
            by_first,
            0,
            plan.encoded,
            plan,
        );
    }
    if comptime!(plan.levels > 0 || !gradients) {
        let first = comptime!(Product {
            inputs: plan.width,
            outputs: plan.encoded,
            finish: Finish::Keep,
        });
        let weights = comptime!(plan.table).runtime();
        product(
            workgroup, parameters, weights, by_first, 0, 1.0, first, plan,
        );
        sync_cube();
    }
}

/// One layer's product, from rows at `input` to rows at `output`. Forward, a layer's weights `[outputs, inputs]` and then
/// its biases lie at `weights`; back, they are read the other way round.
#[cube]
fn product(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    weights: usize,
    input: usize,
    output: usize,
    omega: f32,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let blocks = comptime!(plan.rows / 4);
    let Product {
        inputs,
        outputs,
        finish,
    } = comptime!(product);
    let padded = comptime!(outputs.next_multiple_of(4));
    let passes = comptime!(outputs.div_ceil(plan.rows));
    let chunks = comptime!(inputs.div_ceil(DEPTH));
    let group = UNIT_POS as usize % groups;
    let block = UNIT_POS as usize / groups;
    for pass in 0..passes {
        let mut sums0 = Lanes::new(0.0);
        let mut sums1 = Lanes::new(0.0);
        let mut sums2 = Lanes::new(0.0);
        let mut sums3 = Lanes::new(0.0);
        for chunk in 0..chunks {
            let first = chunk * DEPTH;
            // The units are done with what was staged before, and with the rows that this product overwrites.
            sync_cube();
            stage(
                workgroup,
                parameters,
                weights,
                pass * plan.rows,
                first,
                product,
                plan,
            );
            sync_cube();
            let end = min(inputs - first, DEPTH);
            for k in 0..end {
                let values = workgroup.rows[(input + first + k) * stride + group];
                let column = workgroup.staged[k * (blocks + 1) + block];
                sums0 = fma(Lanes::new(column[0]), values, sums0);
                sums1 = fma(Lanes::new(column[1]), values, sums1);
                sums2 = fma(Lanes::new(column[2]), values, sums2);
                sums3 = fma(Lanes::new(column[3]), values, sums3);
            }
        }
        let row = pass * plan.rows + block * 4;
        if row < padded {
            let biases = weights + inputs * outputs;
            let place = (output + row) * stride + group;
            finish_row(
                workgroup, parameters, sums0, place, biases, row, omega, outputs, finish, plan,
            );
            finish_row(
                workgroup,
                parameters,
                sums1,
                place + stride,
                biases,
                row + 1,
                omega,
                outputs,
                finish,
                plan,
            );
            finish_row(
                workgroup,
                parameters,
                sums2,
                place + 2 * stride,
                biases,
                row + 2,
                omega,
                outputs,
                finish,
                plan,
            );
            finish_row(
                workgroup,
                parameters,
                sums3,
                place + 3 * stride,
                biases,
                row + 3,
                omega,
                outputs,
                finish,
                plan,
            );
        }
    }
}

#[cube]
fn finish_row(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    sums: Lanes,
    place: usize,
    biases: usize,
    row: usize,
    omega: f32,
    #[comptime] outputs: usize,
    #[comptime] finish: Finish,
    #[comptime] plan: Plan,
) {
    let mut result = sums;
    if comptime!(finish == Finish::Layer) {
        // Rows that fill the last block are read by nobody.
        if row < outputs {
            result += Lanes::new(parameters[biases + row]);
        }
        if comptime!(!plan.sine) {
            result = max(result, Lanes::new(0.0));
        }
    }
    if comptime!(finish == Finish::Slopes) {
        result *= slopes(workgroup.rows[place], omega, plan);
    }
    workgroup.rows[place] = result;
}

/// The activation's derivative, given what its layer keeps.
#[cube]
fn slopes(kept: Lanes, omega: f32, #[comptime] plan: Plan) -> Lanes {
    if comptime!(plan.sine) {
        let omega = Lanes::new(omega);
        omega * cosine(omega * kept)
    } else {
        let mut result = Lanes::new(0.0);
        #[unroll]
        for lane in 0..4usize {
            result[lane] = select(kept[lane] > 0.0, 1.0f32, 0.0f32);
        }
        result
    }
}

/// Brings weights into shared memory: for each of up to [`DEPTH`] inputs the outputs of a pass, 0 where there are none.
#[cube]
fn stage(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    weights: usize,
    first_row: usize,
    first: usize,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    let blocks = comptime!(plan.rows / 4);
    let units = comptime!(plan.units());
    let forward = comptime!(product.finish == Finish::Layer);
    for item in range_stepped(UNIT_POS as usize, comptime!(DEPTH * blocks), units) {
        // Neighbouring units read neighbouring weights.
        let k = if forward { item % DEPTH } else { item / blocks };
        let block = if forward { item / DEPTH } else { item % blocks };
        let input = first + k;
        let mut column = Lanes::new(0.0);
        #[unroll]
        for lane in 0..4usize {
            let row = first_row + block * 4 + lane;
            if row < product.outputs && input < product.inputs {
                let place = if forward {
                    row * product.inputs + input
                } else {
                    input * product.outputs + row
                };
                column[lane] = parameters[weights + place];
            }
        }
        workgroup.staged[k * (blocks + 1) + block] = column;
    }
}

/// Makes a sine's activated layer from what goes into it; a ReLU's is there already. Synchronises.
#[cube]
fn activate(workgroup: &mut Workgroup, layer: usize, #[comptime] plan: Plan) {
    sync_cube();
    if comptime!(plan.sine) {
        let groups = comptime!(plan.groups());
        let stride = comptime!(plan.stride());
        let items = comptime!(plan.padded() * groups);
        let omega = Lanes::new(omega(layer, plan));
        let input = hidden_row(layer, plan);
        let output = comptime!(plan.activated());
        for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
            let row = item / groups;
            let group = item % groups;
            let kept = workgroup.rows[(input + row) * stride + group];
            workgroup.rows[(output + row) * stride + group] = sine(omega * kept);
        }
        sync_cube();
    }
}

/// The sums of the output layer, a part of the inputs a unit. Synchronises.
#[cube]
fn output_layer(workgroup: &mut Workgroup, parameters: &Array<f32>, #[comptime] plan: Plan) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let weights = comptime!(plan.table + plan.output_weights());
    let group = UNIT_POS as usize % groups;
    let part = UNIT_POS as usize / groups;
    let input = activated_row(comptime!(plan.layers - 1).runtime(), plan);
    let mut sums = Lanes::new(0.0);
    for k in range_stepped(part, plan.width, comptime!(plan.rows / 4)) {
        let weight = Lanes::new(parameters[weights + k]);
        sums = fma(weight, workgroup.rows[(input + k) * stride + group], sums);
    }
    workgroup.sums[part * groups + group] = sums;
    sync_cube();
}

/// The values of four samples, after [`forward`].
#[cube]
pub(super) fn values(
    workgroup: &Workgroup,
    parameters: &Array<f32>,
    group: usize,
    #[comptime] plan: Plan,
) -> Lanes {
    let groups = comptime!(plan.groups());
    let bias = comptime!(plan.table + plan.perceptron() - 1);
    let mut values = Lanes::new(parameters[bias]);
    for part in 0..comptime!(plan.rows / 4) {
        values += workgroup.sums[part * groups + group];
    }
    values
}

/// The gradient by the last hidden layer's sums, in the place of what the layer kept.
#[cube]
fn back_through_output(workgroup: &mut Workgroup, parameters: &Array<f32>, #[comptime] plan: Plan) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let weights = comptime!(plan.table + plan.output_weights());
    let items = comptime!(plan.width * groups);
    let last = comptime!(plan.layers - 1).runtime();
    let omega = omega(last, plan);
    for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
        let row = item / groups;
        let group = item % groups;
        let place = (hidden_row(last, plan) + row) * stride + group;
        let by_hidden = workgroup.by_values[group] * Lanes::new(parameters[weights + row]);
        workgroup.rows[place] = by_hidden * slopes(workgroup.rows[place], omega, plan);
    }
}

/// The gradient by the output layer's weights and bias.
#[cube]
fn output_gradient(
    workgroup: &Workgroup,
    sums: &mut Array<f32>,
    start: usize,
    first_tile: bool,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let input = activated_row(comptime!(plan.layers - 1).runtime(), plan);
    // One more for the bias.
    for k in range_stepped(
        UNIT_POS as usize,
        comptime!(plan.width + 1),
        comptime!(plan.units()),
    ) {
        let mut sum = Lanes::new(0.0);
        for group in 0..groups {
            let mut term = workgroup.by_values[group];
            if k < plan.width {
                term *= workgroup.rows[(input + k) * stride + group];
            }
            sum += term;
        }
        add_sum(sums, start + k, total(sum), first_tile);
    }
}

/// The gradient by a hidden layer's weights and biases: `by_layer` and `input` are the first rows of the gradient by the
/// layer's sums and of what went in.
#[cube]
fn layer_gradient(
    workgroup: &Workgroup,
    sums: &mut Array<f32>,
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
    let blocks = comptime!(outputs.div_ceil(4) * inputs.div_ceil(4));
    for item in range_stepped(UNIT_POS as usize, blocks, units) {
        let column = item % apart;
        let row = item / apart * 4;
        let mut sums0 = Lanes::new(0.0);
        let mut sums1 = Lanes::new(0.0);
        let mut sums2 = Lanes::new(0.0);
        let mut sums3 = Lanes::new(0.0);
        for group in 0..groups {
            let by_place = (by_layer + row) * stride + group;
            let by0 = workgroup.rows[by_place];
            let by1 = workgroup.rows[by_place + stride];
            let by2 = workgroup.rows[by_place + 2 * stride];
            let by3 = workgroup.rows[by_place + 3 * stride];
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
                sums2 = fma(Lanes::new(by2[lane]), inputs, sums2);
                sums3 = fma(Lanes::new(by3[lane]), inputs, sums3);
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
    for row in range_stepped(UNIT_POS as usize, outputs, units) {
        let mut sum = Lanes::new(0.0);
        for group in 0..groups {
            sum += workgroup.rows[(by_layer + row) * stride + group];
        }
        let place = start + comptime!(inputs * outputs).runtime() + row;
        add_sum(sums, place, total(sum), first_tile);
    }
}

#[cube]
fn add_weight(
    sums: &mut Array<f32>,
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
fn add_sum(sums: &mut Array<f32>, place: usize, term: f32, first_tile: bool) {
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
