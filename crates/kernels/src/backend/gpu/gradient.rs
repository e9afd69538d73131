//! One kernel from a batch to its loss and gradient: draw, encode, forward, loss, backward.
//!
//! Where gradients by position take part, samples come with the loss's derivatives by them, `a` by the value and `v` by the
//! gradient. What is summed is the gradient of `a f` and of the derivative of `f` along `v`: a sample is two columns then, its
//! value and that derivative, which share the weights (see [`Plan`]).

use cubecl::prelude::*;

use super::draw::Batch;
use super::encoding::{encode, scatter};
use super::objective::{Meaning, evaluate};
use super::perceptron::{backward, forward, output_layer};
use super::plan::Plan;
use super::workgroup::Workgroup;
use super::{Lanes, Words};

/// Sums over the batch `[count]` drawn from `pool` `[capacity, Meaning::columns]`: by workgroup in `sums`
/// `[cubes, Plan::sums]`, by grid parameter in `low` and `high` or `floats` (see `grid_sums`), which start at their zero.
/// `table` is the grid's part of `parameters`.
#[cube(launch)]
pub(super) fn gradient<N: Size>(
    parameters: &Array<f32>,
    table: &Array<Vector<f32, N>>,
    pool: &Array<f32>,
    constants: &Array<Words>,
    low: &mut Array<Atomic<u32>>,
    high: &mut Array<Atomic<u32>>,
    floats: &mut Array<Atomic<Vector<f32, N>>>,
    sums: &mut Array<f32>,
    batch: Batch,
    unit: f32,
    #[comptime] meaning: Meaning,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let tile = comptime!(plan.samples());
    let columns = comptime!(meaning.columns(plan.channels));
    let start = CUBE_POS * comptime!(plan.sums()).runtime();
    let mut workgroup = Workgroup::new(constants, plan);
    let mut at_hand = SharedMemory::<f32>::new(comptime!(plan.numbers_at_hand()));
    let mut own_sums = if comptime!(plan.sums_at_hand) {
        at_hand.to_slice_mut()
    } else {
        sums.slice_mut(start, start + comptime!(plan.sums()).runtime())
    };
    let mut loss = 0.0f32;
    let mut first_tile = true;
    let mut first = CUBE_POS * tile;
    while first < batch.count as usize {
        workgroup.draw(pool, first, &batch, columns, columns, plan);
        sync_cube();
        encode(&mut workgroup, table, plan);
        forward(&mut workgroup, parameters, plan);
        output_layer(&mut workgroup, parameters, plan);
        if (UNIT_POS as usize) < groups {
            let group = UNIT_POS as usize;
            let counts = batch.counts(first + group * 4);
            loss += evaluate(
                &mut workgroup,
                parameters,
                group,
                counts,
                unit,
                meaning,
                plan,
            );
        }
        sync_cube();
        sum_tile(
            &mut workgroup,
            parameters,
            &mut own_sums,
            low,
            high,
            floats,
            first_tile,
            plan,
        );
        first_tile = false;
        first += CUBE_COUNT * tile;
    }
    if comptime!(plan.sums_at_hand) {
        bring_home(&at_hand, sums, start, plan);
    }
    if (UNIT_POS as usize) < groups {
        workgroup.sums[UNIT_POS as usize] = Lanes::new(loss);
    }
    sync_cube();
    if UNIT_POS == 0 {
        let mut sum = 0.0f32;
        for group in 0..groups {
            sum += workgroup.sums[group][0];
        }
        sums[start + comptime!(plan.perceptron()).runtime()] = sum;
    }
}

/// Adds a tile's part of the gradient by all parameters, given the loss's derivative by the values. Synchronises.
#[cube]
fn sum_tile<N: Size>(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    own_sums: &mut SliceMut<f32>,
    low: &mut Array<Atomic<u32>>,
    high: &mut Array<Atomic<u32>>,
    floats: &mut Array<Atomic<Vector<f32, N>>>,
    first_tile: bool,
    #[comptime] plan: Plan,
) {
    backward(workgroup, parameters, own_sums, first_tile, true, plan);
    if comptime!(plan.levels > 0) {
        scatter(workgroup, low, high, floats, plan);
    }
    sync_cube();
}

/// Writes a workgroup's sums to their place, the loss apart.
#[cube]
fn bring_home(
    at_hand: &SharedMemory<f32>,
    sums: &mut Array<f32>,
    start: usize,
    #[comptime] plan: Plan,
) {
    let numbers = comptime!(plan.perceptron());
    for number in range_stepped(UNIT_POS as usize, numbers, comptime!(plan.units())) {
        sums[start + number] = at_hand[number];
    }
}
