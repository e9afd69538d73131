//! The gradient by the parameters through both outputs, value and gradient by position: one kernel, in single precision.
//!
//! A sample is four columns, its value and its derivatives by the axes, which share the weights (see [`Plan`]). Losses on
//! ∇f need it.

use cubecl::prelude::*;

use super::encoding::encode;
use super::gradient::{bring_home, sum_tile};
use super::perceptron::forward;
use super::plan::Plan;
use super::workgroup::Workgroup;
use super::{Lanes, Words};

/// Sums the gradient over `samples` `[count, 7]`, a point and the gradient by both outputs each. Where sums go is as in
/// [`gradient`](super::gradient::gradient); there is no loss.
#[cube(launch)]
pub(super) fn second_order<N: Size>(
    parameters: &Array<f32>,
    table: &Array<Vector<f32, N>>,
    samples: &Array<f32>,
    levels: &Array<Words>,
    low: &mut Array<Atomic<u32>>,
    high: &mut Array<Atomic<u32>>,
    floats: &mut Array<Atomic<Vector<f32, N>>>,
    sums: &mut Array<f32>,
    count: u32,
    #[comptime] plan: Plan,
) {
    let start = CUBE_POS * comptime!(plan.sums()).runtime();
    let tile = comptime!(plan.samples());
    let mut workgroup = Workgroup::new(levels, plan);
    let mut at_hand = SharedMemory::<f32>::new(comptime!(plan.numbers_at_hand()));
    let mut own_sums = if comptime!(plan.sums_at_hand) {
        at_hand.to_slice_mut()
    } else {
        sums.slice_mut(start, start + comptime!(plan.sums()).runtime())
    };
    let mut first_tile = true;
    let mut first = CUBE_POS * tile;
    while first < count as usize {
        take_samples(&mut workgroup, samples, first, count as usize, plan);
        sync_cube();
        encode(&mut workgroup, table, plan);
        forward(&mut workgroup, parameters, plan);
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
    if UNIT_POS == 0 {
        sums[start + comptime!(plan.perceptron()).runtime()] = 0.0;
    }
}

/// Takes the points of the tile that starts at `first`, and the gradients by their outputs. Places beyond the end have none.
#[cube]
fn take_samples(
    workgroup: &mut Workgroup,
    samples: &Array<f32>,
    first: usize,
    count: usize,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let items = comptime!(7 * plan.sample_groups());
    for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
        let column = item % 7;
        let group = item / 7;
        let mut values = Lanes::new(0.0);
        #[unroll]
        for lane in 0..4usize {
            let sample = first + group * 4 + lane;
            if sample < count {
                values[lane] = samples[sample * 7 + column];
            }
        }
        if column < 3 {
            workgroup.samples[column * groups + group] = values;
        } else {
            workgroup.by_values[(column - 3) * groups + group] = values;
        }
    }
}
