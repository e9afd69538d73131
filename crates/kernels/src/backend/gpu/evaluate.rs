//! One kernel from points to values and gradients by position.

use cubecl::prelude::*;

use super::draw::Batch;
use super::encoding::{encode, position_gradients};
use super::perceptron::{backward, forward, output_layer, values};
use super::plan::Plan;
use super::workgroup::Workgroup;
use super::{Lanes, Words};

/// `table` is the grid's part of `parameters`.
///
/// Evaluates the points of a batch, drawn from `pool` `[capacity, columns]`, whose first three columns they are, into `output`:
/// `[count, 1]`, or with `gradient` `[count, 4]`.
#[cube(launch)]
pub(super) fn evaluate<N: Size>(
    parameters: &Array<f32>,
    table: &Array<Vector<f32, N>>,
    pool: &Array<f32>,
    constants: &Array<Words>,
    output: &mut Array<f32>,
    batch: Batch,
    #[comptime] pool_columns: usize,
    #[comptime] gradient: bool,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let tile = comptime!(plan.tile);
    let count = batch.count as usize;
    let columns = comptime!(if gradient { 4usize } else { 1 });
    let mut workgroup = Workgroup::new(constants, plan);
    let mut first = CUBE_POS * tile;
    while first < count {
        workgroup.draw(pool, first, &batch, 3usize, pool_columns, plan);
        sync_cube();
        encode(&mut workgroup, table, plan);
        forward(&mut workgroup, parameters, plan);
        output_layer(&mut workgroup, parameters, plan);
        if (UNIT_POS as usize) < groups {
            let group = UNIT_POS as usize;
            let values = values(&workgroup, parameters, group, plan);
            store(output, first + group * 4, count, columns, 0, values);
            workgroup.by_values[group] = Lanes::new(1.0);
        }
        sync_cube();
        if gradient {
            // There are no sums: `output` only stands in for them.
            let mut nothing = output.to_slice_mut();
            backward(&mut workgroup, parameters, &mut nothing, true, false, plan);
            position_gradients(&mut workgroup, table, plan);
            for item in range_stepped(
                UNIT_POS as usize,
                comptime!(3 * groups),
                comptime!(plan.units()),
            ) {
                let axis = item / groups;
                let group = item % groups;
                let parts = comptime!(plan.rows / 4);
                let start = comptime!(plan.first_hidden() * plan.stride()).runtime()
                    + axis * parts * groups;
                let mut slopes = Lanes::new(0.0);
                for part in 0..parts {
                    slopes += workgroup.rows[start + part * groups + group];
                }
                store(output, first + group * 4, count, columns, axis + 1, slopes);
            }
            sync_cube();
        }
        first += CUBE_COUNT * tile;
    }
}

/// Writes a column of four rows, as far as there are rows.
#[cube]
fn store(
    output: &mut Array<f32>,
    first: usize,
    count: usize,
    #[comptime] columns: usize,
    column: usize,
    values: Lanes,
) {
    #[unroll]
    for lane in 0..4usize {
        if first + lane < count {
            output[(first + lane) * columns + column] = values[lane];
        }
    }
}
