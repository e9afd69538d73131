//! From positions to the first layer's inputs, and back: to the grid's gradient and to the gradient by position.

use cubecl::prelude::*;

use super::fixed_point;
use super::plan::Plan;
use super::workgroup::Workgroup;
use super::{Lanes, Words};
use crate::field::architecture::{GridLevel, HashGrid};

/// Words of a level in the table of levels that kernels read.
const LEVEL_WORDS: usize = 4;

/// The table of levels that kernels read.
pub(super) fn level_words(levels: &[GridLevel]) -> Vec<u32> {
    let words = levels.iter().flat_map(|level| {
        [
            level.resolution,
            level.offset,
            level.entries - 1,
            if level.dense { u32::MAX } else { 0 },
        ]
    });
    words.collect()
}

/// One grid of the encoding.
#[derive(CubeType)]
struct Level {
    resolution: u32,
    offset: u32,
    mask: u32,
    /// All bits set or none.
    dense: u32,
}

#[cube]
fn level(levels: &Array<u32>, index: usize) -> Level {
    Level {
        resolution: levels[index * LEVEL_WORDS],
        offset: levels[index * LEVEL_WORDS + 1],
        mask: levels[index * LEVEL_WORDS + 2],
        dense: levels[index * LEVEL_WORDS + 3],
    }
}

/// The cells of a level in which four samples lie.
#[derive(CubeType)]
struct Cells {
    x: Words,
    y: Words,
    z: Words,
    /// Position inside the cell: 0 to 1, beyond for points outside the grid.
    in_x: Lanes,
    in_y: Lanes,
    in_z: Lanes,
}

#[cube]
impl Cells {
    fn new(level: &Level, workgroup: &Workgroup, group: usize, #[comptime] plan: Plan) -> Cells {
        let groups = comptime!(plan.groups());
        let half = Lanes::new(f32::cast_from(level.resolution) * 0.5);
        let last = Lanes::new(f32::cast_from(level.resolution - 1));
        let one = Lanes::new(1.0);
        let x = (workgroup.samples[group] + one) * half;
        let y = (workgroup.samples[groups + group] + one) * half;
        let z = (workgroup.samples[2 * groups + group] + one) * half;
        // Points outside fall into the nearest cell: the interpolation then continues its line.
        let zero = Lanes::new(0.0);
        let cell_x = min(max(x.floor(), zero), last);
        let cell_y = min(max(y.floor(), zero), last);
        let cell_z = min(max(z.floor(), zero), last);
        Cells {
            x: Words::cast_from(cell_x),
            y: Words::cast_from(cell_y),
            z: Words::cast_from(cell_z),
            in_x: x - cell_x,
            in_y: y - cell_y,
            in_z: z - cell_z,
        }
    }

    /// Table rows of one corner of each cell; the corner takes the upper side of axis `a` where bit `a` of it is set.
    fn rows(&self, level: &Level, corner: u32) -> Words {
        let x = self.x + Words::new(corner & 1);
        let y = self.y + Words::new((corner >> 1) & 1);
        let z = self.z + Words::new(corner >> 2);
        let side = Words::new(level.resolution + 1);
        let hash_y = y * Words::new(comptime!(HashGrid::HASH_PRIMES[1]).runtime());
        let hash_z = z * Words::new(comptime!(HashGrid::HASH_PRIMES[2]).runtime());
        let hashed = (x ^ hash_y ^ hash_z) & Words::new(level.mask);
        // All bits are set where the level is dense.
        let dense = Words::new(level.dense);
        let rows = ((x + side * (y + side * z)) & dense) | (hashed & !dense);
        rows + Words::new(level.offset)
    }

    /// Trilinear weights of one corner.
    fn weights(&self, corner: u32) -> Lanes {
        side(self.in_x, corner & 1)
            * side(self.in_y, (corner >> 1) & 1)
            * side(self.in_z, corner >> 2)
    }
}

/// The share of the upper side of an axis, or of the lower one.
#[cube]
fn side(inside: Lanes, upper: u32) -> Lanes {
    let upper = f32::cast_from(upper);
    fma(
        inside,
        Lanes::new(2.0 * upper - 1.0),
        Lanes::new(1.0 - upper),
    )
}

/// Feature `feature` of four entries.
#[cube]
fn entries(parameters: &Array<f32>, rows: Words, feature: usize, #[comptime] plan: Plan) -> Lanes {
    let mut values = Lanes::new(0.0);
    #[unroll]
    for lane in 0..4usize {
        values[lane] = parameters[rows[lane] as usize * plan.features + feature];
    }
    values
}

/// Writes the encoded positions of the tile.
#[cube]
pub(super) fn encode(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    levels: &Array<u32>,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let units = comptime!(plan.units());
    if comptime!(plan.levels == 0) {
        for item in range_stepped(UNIT_POS as usize, comptime!(3 * groups), units) {
            let axis = item / groups;
            let group = item % groups;
            workgroup.rows[axis * stride + group] = workgroup.samples[item];
        }
    } else {
        let items = comptime!(plan.levels * groups);
        for item in range_stepped(UNIT_POS as usize, items, units) {
            let index = item / groups;
            let group = item % groups;
            let level = level(levels, index);
            let cells = Cells::new(&level, workgroup, group, plan);
            let mut features = Array::<Lanes>::new(plan.features);
            #[unroll]
            for feature in 0..plan.features {
                features[feature] = Lanes::new(0.0);
            }
            #[unroll]
            for corner in 0..8u32 {
                let rows = cells.rows(&level, corner);
                let weights = cells.weights(corner);
                #[unroll]
                for feature in 0..plan.features {
                    let entries = entries(parameters, rows, feature, plan);
                    features[feature] = fma(weights, entries, features[feature]);
                }
            }
            #[unroll]
            for feature in 0..plan.features {
                let row = index * plan.features + feature;
                workgroup.rows[row * stride + group] = features[feature];
            }
        }
    }
}

/// Adds the tile's part of the gradient by the table, given the gradient by the encoded positions in their place.
#[cube]
pub(super) fn scatter(
    workgroup: &Workgroup,
    levels: &Array<u32>,
    low: &mut Array<Atomic<u32>>,
    high: &mut Array<Atomic<u32>>,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let items = comptime!(8 * plan.levels * groups);
    let units = comptime!(plan.units());
    let turns = comptime!((8 * plan.levels * plan.groups()).div_ceil(plan.units()));
    // Every unit takes as many turns: with unequal numbers of them, units of Mesa 22.3 were lost after this loop.
    for turn in 0..turns {
        let item = turn * units + UNIT_POS as usize;
        if item < items {
            let group = item % groups;
            let corner = (item / groups % 8) as u32;
            let index = item / comptime!(8 * groups);
            let level = level(levels, index);
            let cells = Cells::new(&level, workgroup, group, plan);
            let rows = cells.rows(&level, corner);
            let weights = cells.weights(corner);
            #[unroll]
            for feature in 0..plan.features {
                let row = index * plan.features + feature;
                let terms = weights * workgroup.rows[row * stride + group];
                #[unroll]
                for lane in 0..4usize {
                    let place = rows[lane] as usize * plan.features + feature;
                    fixed_point::add_term(low, high, place, terms[lane]);
                }
            }
        }
    }
}

/// Gradients by position, given the gradient by the encoded positions in their place. They come as rows x, y, z of samples
/// from element `output` on, in the place of hidden layers.
#[cube]
pub(super) fn position_gradients(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    levels: &Array<u32>,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let parts = comptime!(plan.rows / 4);
    let output = comptime!(plan.first_hidden() * plan.stride());
    let group = UNIT_POS as usize % groups;
    let part = UNIT_POS as usize / groups;
    // Each unit takes some of the levels; the sums follow.
    let mut by_x = Lanes::new(0.0);
    let mut by_y = Lanes::new(0.0);
    let mut by_z = Lanes::new(0.0);
    for index in range_stepped(part, plan.levels, parts) {
        let level = level(levels, index);
        let cells = Cells::new(&level, workgroup, group, plan);
        let half = Lanes::new(f32::cast_from(level.resolution) * 0.5);
        #[unroll]
        for corner in 0..8u32 {
            let rows = cells.rows(&level, corner);
            let mut pull = Lanes::new(0.0);
            #[unroll]
            for feature in 0..plan.features {
                let row = index * plan.features + feature;
                let upstream = workgroup.rows[row * stride + group];
                pull = fma(upstream, entries(parameters, rows, feature, plan), pull);
            }
            pull *= half;
            let x = side(cells.in_x, corner & 1);
            let y = side(cells.in_y, (corner >> 1) & 1);
            let z = side(cells.in_z, corner >> 2);
            by_x += signed(pull * y * z, corner & 1);
            by_y += signed(pull * z * x, (corner >> 1) & 1);
            by_z += signed(pull * x * y, corner >> 2);
        }
    }
    sync_cube();
    workgroup.rows[output + part * groups + group] = by_x;
    workgroup.rows[output + (parts + part) * groups + group] = by_y;
    workgroup.rows[output + (2 * parts + part) * groups + group] = by_z;
    sync_cube();
}

/// The value on the upper side of an axis, less the value on the lower one.
#[cube]
fn signed(value: Lanes, upper: u32) -> Lanes {
    value * Lanes::new(2.0 * f32::cast_from(upper) - 1.0)
}
