//! A product of a layer's weights with the samples of a tile, in blocks of four rows by four samples held in registers.

use cubecl::prelude::*;

use super::Lanes;
use super::activation::{change, value};
use super::plan::{DEPTH, Plan};
use super::workgroup::Workgroup;

/// What a product's sums become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Finish {
    /// A layer: biases are added; an activation of straight pieces follows, others later.
    Layer,
    /// The gradient by a layer's sums, in the place of what the layer kept.
    Slopes,
    /// The sums as they are.
    Keep,
}

impl Finish {
    /// What a hidden layer's sums become: samples of several columns are finished afterwards, as wholes.
    pub(super) fn of_layer(plan: &Plan) -> Self {
        match plan.channels {
            1 => Finish::Layer,
            _ => Finish::Keep,
        }
    }

    /// What the gradient by a hidden layer's output becomes, likewise.
    pub(super) fn of_slopes(plan: &Plan) -> Self {
        match plan.channels {
            1 => Finish::Slopes,
            _ => Finish::Keep,
        }
    }
}

/// A product of a layer's weights with rows of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Product {
    /// Rows that go in.
    pub inputs: usize,
    /// Rows that come out.
    pub outputs: usize,
    /// From a layer's inputs to its outputs; else from the gradient by the outputs to the one by the inputs.
    pub forward: bool,
    pub finish: Finish,
}

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
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let blocks = comptime!(plan.rows / 4);
    let Product {
        inputs,
        outputs,
        forward: _,
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
        let first_row = pass * plan.rows;
        // The units are done with what was staged before, and with the rows that this product overwrites.
        sync_cube();
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
            let first = chunk * DEPTH;
            stage(workgroup, &coming, product, plan);
            sync_cube();
            // The next weights are on their way while these are worked with.
            if chunk + 1 < chunks {
                let next = first + DEPTH;
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
            let end = if comptime!(inputs % DEPTH == 0) {
                DEPTH.runtime()
            } else {
                min(inputs - first, DEPTH)
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
        if comptime!(!plan.keeps_sums()) {
            result = value(result, Lanes::new(1.0), plan.activation);
        }
    }
    if comptime!(finish == Finish::Slopes) {
        result = change(
            workgroup.rows[place],
            result,
            Lanes::new(omega),
            plan.activation,
        );
    }
    workgroup.rows[place] = result;
}

/// The columns of weights that a unit takes care of: for each of up to [`DEPTH`] inputs from `first` on the outputs of
/// a pass, four a column; 0 where there are none.
#[cube]
fn load(
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
        let (k, block) = column_of_unit(turn, product, plan);
        let input = first + k;
        let mut column = Lanes::new(0.0);
        #[unroll]
        for lane in 0..4usize {
            let row = first_row + block * 4 + lane;
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

/// Brings the columns that a unit has loaded into shared memory.
#[cube]
fn stage(
    workgroup: &mut Workgroup,
    columns: &Array<Lanes>,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) {
    let blocks = comptime!(plan.rows / 4);
    #[unroll]
    for turn in 0..comptime!(plan.columns_of_a_unit()) {
        let (k, block) = column_of_unit(turn, product, plan);
        if k < DEPTH && block < blocks {
            workgroup.staged[k * (blocks + 1) + block] = columns[turn];
        }
    }
}

/// Input and block of rows of a column. Neighbouring units read neighbouring weights.
#[cube]
fn column_of_unit(
    #[comptime] turn: usize,
    #[comptime] product: Product,
    #[comptime] plan: Plan,
) -> (usize, usize) {
    let item = UNIT_POS as usize + comptime!(turn * plan.units());
    if comptime!(product.forward) {
        (item % DEPTH, item / DEPTH)
    } else {
        let blocks = comptime!(plan.rows / 4);
        (item / blocks, item % blocks)
    }
}
