//! The layers, for a tile of samples: forward to the values, and back.

use cubecl::prelude::*;

use super::Lanes;
use super::activation::{change, value};
use super::layer_product::{Finish, Product};
use super::plan::Plan;
use super::product::product;
use super::tangents::{self, WithTangent};
use super::weight_gradient::{layer_gradient, output_gradient};
use super::workgroup::Workgroup;

/// First row of what hidden layer `layer` gives to the next.
#[cube]
fn activated_row(layer: usize, #[comptime] plan: Plan) -> usize {
    if comptime!(plan.keeps_sums()) {
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
    let first = comptime!(plan.activation.omega(0)).runtime();
    let other = comptime!(plan.activation.omega(1)).runtime();
    select(layer == 0, first, other)
}

/// From encoded positions to the last hidden layer.
#[cube]
pub(super) fn forward(workgroup: &mut Workgroup, parameters: &Array<f32>, #[comptime] plan: Plan) {
    let first = comptime!(Product {
        inputs: plan.encoded,
        outputs: plan.width,
        forward: true,
        finish: Finish::of_layer(&plan),
    });
    let weights = comptime!(plan.table).runtime();
    layer(workgroup, parameters, weights, 0, 0, first, plan);
    if comptime!(plan.layers > 1) {
        let middle = comptime!(Product {
            inputs: plan.width,
            ..first
        });
        for index in 1..plan.layers {
            let weights = middle_weights(index, plan);
            let input = activated_row(index - 1, plan);
            layer(workgroup, parameters, weights, input, index, middle, plan);
        }
    }
}

/// Hidden layer `index`, from rows at `input` to what it keeps and gives to the next. Synchronises.
#[cube]
fn layer(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    weights: usize,
    input: usize,
    index: usize,
    #[comptime] of_layer: Product,
    #[comptime] plan: Plan,
) {
    let output = hidden_row(index, plan);
    product(
        workgroup, parameters, weights, input, output, 1.0, of_layer, plan,
    );
    if comptime!(plan.channels > 1) {
        sync_cube();
        let biases = weights + comptime!(of_layer.inputs * of_layer.outputs).runtime();
        tangents::finish_layer(workgroup, parameters, biases, output, plan);
    }
    activate(workgroup, index, plan);
}

/// Back from values to the gradient by the encoded positions, which takes their place. With `gradients`, every layer's
/// weights and biases get their part of the gradient on the way, in `sums`.
#[cube]
pub(super) fn backward(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    sums: &mut SliceMut<f32>,
    first_tile: bool,
    #[comptime] gradients: bool,
    #[comptime] plan: Plan,
) {
    let width = comptime!(plan.width);
    if gradients {
        let start = comptime!(plan.output_weights()).runtime();
        let input = activated_row(comptime!(plan.layers - 1).runtime(), plan);
        output_gradient(workgroup, sums, start, first_tile, input, plan);
        sync_cube();
    }
    back_through_output(workgroup, parameters, plan);
    sync_cube();
    if comptime!(plan.layers > 1) {
        let middle = comptime!(Product {
            inputs: width,
            outputs: width,
            forward: false,
            finish: Finish::of_slopes(&plan),
        });
        for step in 1..plan.layers {
            let layer = plan.layers - step;
            let by_layer = hidden_row(layer, plan);
            let weights = middle_weights(layer, plan);
            if gradients {
                activate(workgroup, layer - 1, plan);
                let start = weights - comptime!(plan.table).runtime();
                let input = activated_row(layer - 1, plan);
                layer_gradient(
                    workgroup, sums, start, first_tile, by_layer, input, width, plan,
                );
            }
            let kept = hidden_row(layer - 1, plan);
            let omega = omega(layer - 1, plan);
            // With a derivative by position what the layer kept is needed for both of a sample's columns.
            let output = if comptime!(plan.channels > 1) {
                comptime!(plan.activated()).runtime()
            } else {
                kept
            };
            product(
                workgroup, parameters, weights, by_layer, output, omega, middle, plan,
            );
            sync_cube();
            if comptime!(plan.channels > 1) {
                back_through_layer(workgroup, output, kept, omega, plan);
                sync_cube();
            }
        }
    }
    let by_first = hidden_row(0, plan);
    if gradients {
        layer_gradient(
            workgroup,
            sums,
            0,
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
            forward: false,
            finish: Finish::Keep,
        });
        let weights = comptime!(plan.table).runtime();
        product(
            workgroup, parameters, weights, by_first, 0, 1.0, first, plan,
        );
        sync_cube();
    }
}

/// Makes the activated layer from what goes into it, unless that is what the layer keeps. Synchronises.
#[cube]
fn activate(workgroup: &mut Workgroup, layer: usize, #[comptime] plan: Plan) {
    sync_cube();
    if comptime!(plan.keeps_sums() && plan.channels > 1) {
        tangents::activate(workgroup, hidden_row(layer, plan), omega(layer, plan), plan);
        sync_cube();
    } else if comptime!(plan.keeps_sums()) {
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
            workgroup.rows[(output + row) * stride + group] = value(kept, omega, plan.activation);
        }
        sync_cube();
    }
}

/// The sums of the output layer, a part of the inputs a unit. Synchronises.
#[cube]
pub(super) fn output_layer(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    #[comptime] plan: Plan,
) {
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

/// The values of four samples, after [`output_layer()`].
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
    let groups = comptime!(plan.sample_groups());
    let stride = comptime!(plan.stride());
    let weights = comptime!(plan.table + plan.output_weights());
    let items = comptime!(plan.width * plan.sample_groups());
    let last = comptime!(plan.layers - 1).runtime();
    let omega = omega(last, plan);
    for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
        let row = item / groups;
        let group = item % groups;
        let place = (hidden_row(last, plan) + row) * stride + group;
        let weight = Lanes::new(parameters[weights + row]);
        if comptime!(plan.channels > 1) {
            let by_outputs = WithTangent::load(&workgroup.by_values, group, plan);
            tangents::back_through(workgroup, place, &by_outputs.times(weight), omega, plan);
        } else {
            let by_hidden = workgroup.by_values[group] * weight;
            let omega = Lanes::new(omega);
            workgroup.rows[place] =
                change(workgroup.rows[place], by_hidden, omega, plan.activation);
        }
    }
}

/// The gradient by a hidden layer's sums, in the place of what it kept, given the gradient by its output in rows at `by`.
#[cube]
fn back_through_layer(
    workgroup: &mut Workgroup,
    by: usize,
    kept: usize,
    omega: f32,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let stride = comptime!(plan.stride());
    let items = comptime!(plan.width * plan.sample_groups());
    for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
        let place = item / groups * stride + item % groups;
        let by_output = WithTangent::load(&workgroup.rows, by * stride + place, plan);
        tangents::back_through(workgroup, kept * stride + place, &by_output, omega, plan);
    }
}
