//! From positions to the first layer's inputs, and back: to the grid's gradient and to the gradient by position.
//!
//! The grid is read a vector of an entry's features at a time: it is the number of reads that costs, not their width.

use cubecl::prelude::*;

use super::grid_sums;
use super::objective::DIRECTION;
use super::plan::Plan;
use super::tangents::WithTangent;
use super::workgroup::Workgroup;
use super::{Lanes, Words, formulas};
use crate::network::encoding::formula::FeatureFormula;
use crate::network::encoding::{Parts, coefficient};

/// The constants that kernels read, four words an element: two elements a level, then one for each feature that is a formula.
pub(super) fn constants(parts: &Parts) -> Vec<u32> {
    let levels = parts.levels.iter().flat_map(|level| {
        let [x, y, z] = level.strides;
        let dense = if level.dense { u32::MAX } else { 0 };
        let mask = level.entries - 1;
        [level.resolution, level.offset, mask, dense, x, y, z, 0]
    });
    let rows = FeatureFormula::ALL.into_iter();
    let rows = rows.flat_map(|formula| parts.rows(formula).as_flattened());
    levels.chain(rows.map(|number| number.to_bits())).collect()
}

/// One grid of the encoding.
#[derive(CubeType)]
struct Level {
    resolution: u32,
    offset: u32,
    mask: u32,
    /// All bits set or none.
    dense: u32,
    /// By axis.
    strides: Words,
}

#[cube]
fn level(workgroup: &Workgroup, index: usize) -> Level {
    let words = workgroup.constants[2 * index];
    Level {
        resolution: words[0],
        offset: words[1],
        mask: words[2],
        dense: words[3],
        strides: workgroup.constants[2 * index + 1],
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

/// What a corner weighs in four samples, and the derivatives of that by position.
#[derive(CubeType)]
struct CornerWeights {
    value: Lanes,
    x: Lanes,
    y: Lanes,
    z: Lanes,
}

#[cube]
impl CornerWeights {
    /// The derivative along the directions of a group's samples.
    fn along(&self, workgroup: &Workgroup, group: usize, #[comptime] plan: Plan) -> Lanes {
        let groups = comptime!(plan.sample_groups());
        let start = comptime!(DIRECTION * plan.sample_groups());
        self.x * workgroup.samples[start + group]
            + self.y * workgroup.samples[start + groups + group]
            + self.z * workgroup.samples[start + 2 * groups + group]
    }
}

#[cube]
impl Cells {
    fn new(level: &Level, workgroup: &Workgroup, group: usize, #[comptime] plan: Plan) -> Cells {
        let groups = comptime!(plan.sample_groups());
        let half = half(level);
        let last = Lanes::new(f32::cast_from(level.resolution - 1));
        let one = Lanes::new(1.0);
        let x = (workgroup.samples[group] + one) * half;
        let y = (workgroup.samples[groups + group] + one) * half;
        let z = (workgroup.samples[2 * groups + group] + one) * half;
        // Points outside fall into the nearest cell: the interpolation then continues its line or parabola.
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

    /// Table rows of one corner of each cell.
    fn rows(&self, level: &Level, corner: u32, #[comptime] plan: Plan) -> Words {
        let x = self.x + Words::new(tap(corner, 0usize, plan));
        let y = self.y + Words::new(tap(corner, 1usize, plan));
        let z = self.z + Words::new(tap(corner, 2usize, plan));
        let x = x * Words::new(level.strides[0]);
        let y = y * Words::new(level.strides[1]);
        let z = z * Words::new(level.strides[2]);
        // All bits are set where the level is dense.
        let dense = Words::new(level.dense);
        let hashed = (x ^ y ^ z) & Words::new(level.mask);
        let rows = ((x + y + z) & dense) | (hashed & !dense);
        rows + Words::new(level.offset)
    }

    /// What one corner weighs, and the derivatives of that by position.
    fn weights(&self, level: &Level, corner: u32, #[comptime] plan: Plan) -> CornerWeights {
        let (tap_x, tap_y, tap_z) = (
            tap(corner, 0usize, plan),
            tap(corner, 1usize, plan),
            tap(corner, 2usize, plan),
        );
        let x = polynomial(self.in_x, tap_x, 0usize, plan);
        let y = polynomial(self.in_y, tap_y, 0usize, plan);
        let z = polynomial(self.in_z, tap_z, 0usize, plan);
        let half = half(level);
        CornerWeights {
            value: x * y * z,
            x: polynomial(self.in_x, tap_x, 1usize, plan) * half * y * z,
            y: polynomial(self.in_y, tap_y, 1usize, plan) * half * z * x,
            z: polynomial(self.in_z, tap_z, 1usize, plan) * half * x * y,
        }
    }
}

/// The vertex of a corner along an axis, counted from the cell's lowest corner; the first axis is fastest.
#[cube]
fn tap(corner: u32, #[comptime] axis: usize, #[comptime] plan: Plan) -> u32 {
    let taps = comptime!(plan.interpolation.taps() as u32);
    corner / comptime!(taps.pow(axis as u32)) % taps
}

/// What a vertex along an axis weighs at a place within the cell; with `derived` 1 the derivative of that by the place.
#[cube]
fn polynomial(place: Lanes, tap: u32, #[comptime] derived: usize, #[comptime] plan: Plan) -> Lanes {
    let taps = comptime!(plan.interpolation.taps());
    let mut sum = Lanes::new(0.0);
    #[unroll]
    for index in 0..comptime!(taps - derived) {
        let power = comptime!(taps - 1 - index);
        // A unit learns which vertex it has only when it runs.
        let mut own = f32::new(comptime!(number(taps, 0, power, derived)));
        #[unroll]
        for other in 1..taps {
            let of_other = f32::new(comptime!(number(taps, other, power, derived)));
            own = select(tap == comptime!(other as u32), of_other, own);
        }
        sum = fma(sum, place, Lanes::new(own));
    }
    sum
}

/// The number that goes with a power of the place, before that is derived.
fn number(taps: usize, tap: usize, power: usize, derived: usize) -> f32 {
    let factor = if derived > 0 { power as f32 } else { 1.0 };
    factor * coefficient(taps, tap, power)
}

/// Cells a unit of length: the frame is 2 wide.
#[cube]
fn half(level: &Level) -> Lanes {
    Lanes::new(f32::cast_from(level.resolution) * 0.5)
}

/// Writes the encoded positions of the tile, and with two columns a sample their derivatives. Synchronises.
#[cube]
pub(super) fn encode<N: Size>(
    workgroup: &mut Workgroup,
    table: &Array<Vector<f32, N>>,
    #[comptime] plan: Plan,
) {
    formulas::encode(workgroup, plan);
    if comptime!(plan.levels > 0) {
        interpolate(workgroup, table, plan);
    }
    sync_cube();
}

/// Writes what comes from the grid.
///
/// Where there are units enough, two share a cell of eight corners, four each: it is the wait for memory that takes time here.
#[cube]
fn interpolate<N: Size>(
    workgroup: &mut Workgroup,
    table: &Array<Vector<f32, N>>,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let stride = comptime!(plan.stride());
    let units = comptime!(plan.units());
    let vectors = comptime!(plan.vectors());
    let items = comptime!(plan.levels * plan.sample_groups());
    let shares = comptime!(plan.encoding_shares());
    let corners = comptime!((plan.corners() / plan.encoding_shares()) as u32);
    let turns = comptime!((shares * items).div_ceil(plan.units()));
    // Every unit takes as many turns: see `scatter`.
    for turn in 0..turns {
        let number = turn * units + UNIT_POS as usize;
        if number < comptime!(shares * items) {
            let share = number / items;
            let item = number % items;
            let index = item / groups;
            let group = item % groups;
            let level = level(workgroup, index);
            let cells = Cells::new(&level, workgroup, group, plan);
            // By column of a sample, by vector of the entry, by sample.
            let mut sums =
                Array::<Vector<f32, N>>::new(comptime!(4 * plan.vectors() * plan.channels));
            #[unroll]
            for at in 0..comptime!(4 * vectors * plan.channels) {
                sums[at] = Vector::new(0.0);
            }
            for own in 0..corners {
                let corner = share as u32 * corners + own;
                let rows = cells.rows(&level, corner, plan);
                let weights = cells.weights(&level, corner, plan);
                let mut along = Lanes::new(0.0);
                if comptime!(plan.channels > 1) {
                    along = weights.along(workgroup, group, plan);
                }
                #[unroll]
                for lane in 0..4usize {
                    #[unroll]
                    for vector in 0..vectors {
                        let entry = table[rows[lane] as usize * vectors + vector];
                        let at = comptime!(vector * 4 + lane);
                        sums[at] = fma(Vector::new(weights.value[lane]), entry, sums[at]);
                        if comptime!(plan.channels > 1) {
                            let at = comptime!(at + 4 * vectors);
                            sums[at] = fma(Vector::new(along[lane]), entry, sums[at]);
                        }
                    }
                }
            }
            #[unroll]
            for feature in 0..plan.features {
                let vector = comptime!(feature / plan.vector);
                let part = comptime!(feature % plan.vector);
                // The second share comes where the first hidden layer will be.
                let row = index * plan.features + feature + share * comptime!(plan.first_hidden());
                #[unroll]
                for column in 0..plan.channels {
                    let mut lanes = Lanes::new(0.0);
                    #[unroll]
                    for lane in 0..4usize {
                        let at = comptime!((column * vectors + vector) * 4 + lane);
                        let sum = sums[at];
                        lanes[lane] = sum[part];
                    }
                    workgroup.rows[row * stride + column * groups + group] = lanes;
                }
            }
        }
    }
    if comptime!(shares > 1) {
        sync_cube();
        let elements = comptime!(plan.interpolated() * plan.stride());
        let second = comptime!(plan.first_hidden() * plan.stride());
        for element in range_stepped(UNIT_POS as usize, elements, units) {
            let rest = workgroup.rows[second + element];
            workgroup.rows[element] += rest;
        }
    }
}

/// Adds the tile's part of the gradient by the table, given the gradient by the encoded positions in their place.
#[cube]
pub(super) fn scatter<N: Size>(
    workgroup: &Workgroup,
    low: &mut Array<Atomic<u32>>,
    high: &mut Array<Atomic<u32>>,
    floats: &mut Array<Atomic<Vector<f32, N>>>,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let stride = comptime!(plan.stride());
    let items = comptime!(plan.corners() * plan.levels * plan.sample_groups());
    let units = comptime!(plan.units());
    let turns = comptime!(items.div_ceil(plan.units()));
    // Every unit takes as many turns: with unequal numbers of them, units of Mesa 22.3 were lost after this loop.
    for turn in 0..turns {
        let item = turn * units + UNIT_POS as usize;
        if item < items {
            let group = item % groups;
            let corner = (item / groups % comptime!(plan.corners())) as u32;
            let index = item / comptime!(plan.corners() * groups);
            let level = level(workgroup, index);
            let cells = Cells::new(&level, workgroup, group, plan);
            let rows = cells.rows(&level, corner, plan);
            let weights = cells.weights(&level, corner, plan);
            let mut along = Lanes::new(0.0);
            if comptime!(plan.channels > 1) {
                along = weights.along(workgroup, group, plan);
            }
            let mut terms = Array::<Lanes>::new(plan.features);
            #[unroll]
            for feature in 0..plan.features {
                let place = (index * plan.features + feature) * stride + group;
                if comptime!(plan.channels > 1) {
                    let by = WithTangent::load(&workgroup.rows, place, plan);
                    terms[feature] = weights.value * by.value + along * by.along;
                } else {
                    terms[feature] = weights.value * workgroup.rows[place];
                }
            }
            #[unroll]
            for lane in 0..4usize {
                #[unroll]
                for vector in 0..comptime!(plan.vectors()) {
                    let mut features = Vector::<f32, N>::new(0.0);
                    #[unroll]
                    for part in 0..plan.vector {
                        let of_samples = terms[comptime!(vector * plan.vector + part)];
                        features[part] = of_samples[lane];
                    }
                    let place = rows[lane] as usize * comptime!(plan.vectors()) + vector;
                    grid_sums::add(low, high, floats, place, features, plan);
                }
            }
        }
    }
}

/// Gradients by position, given the gradient by the encoded positions in their place. They come as rows x, y, z of samples
/// from element `output` on, in the place of hidden layers.
#[cube]
pub(super) fn position_gradients<N: Size>(
    workgroup: &mut Workgroup,
    table: &Array<Vector<f32, N>>,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.groups());
    let stride = comptime!(plan.stride());
    let parts = comptime!(plan.rows / 4);
    let output = comptime!(plan.first_hidden() * plan.stride());
    let group = UNIT_POS as usize % groups;
    let part = UNIT_POS as usize / groups;
    // Each unit takes some of the formulas and levels; the sums follow.
    let of_formulas = formulas::slopes(workgroup, group, part, parts, plan);
    let mut by_x = of_formulas.x;
    let mut by_y = of_formulas.y;
    let mut by_z = of_formulas.z;
    for index in range_stepped(part, plan.levels, parts) {
        let level = level(workgroup, index);
        let cells = Cells::new(&level, workgroup, group, plan);
        for corner in 0..comptime!(plan.corners() as u32) {
            let rows = cells.rows(&level, corner, plan);
            let mut pull = Lanes::new(0.0);
            #[unroll]
            for vector in 0..comptime!(plan.vectors()) {
                #[unroll]
                for lane in 0..4usize {
                    let entry = table[rows[lane] as usize * comptime!(plan.vectors()) + vector];
                    #[unroll]
                    for part in 0..plan.vector {
                        let row = index * plan.features + comptime!(vector * plan.vector + part);
                        let upstream = workgroup.rows[row * stride + group];
                        pull[lane] += upstream[lane] * entry[part];
                    }
                }
            }
            let weights = cells.weights(&level, corner, plan);
            by_x = fma(pull, weights.x, by_x);
            by_y = fma(pull, weights.y, by_y);
            by_z = fma(pull, weights.z, by_z);
        }
    }
    sync_cube();
    workgroup.rows[output + part * groups + group] = by_x;
    workgroup.rows[output + (parts + part) * groups + group] = by_y;
    workgroup.rows[output + (2 * parts + part) * groups + group] = by_z;
    sync_cube();
}
