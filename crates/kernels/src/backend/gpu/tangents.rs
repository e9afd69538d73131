//! What an activation does to samples of two columns: a value and its derivative along the sample's direction.
//!
//! The derivative is multiplied by the activation's slope, which itself depends on the value: on the way back the second
//! derivative takes part.

use cubecl::prelude::*;

use super::Lanes;
use super::activation::{change, derivatives, value};
use super::plan::Plan;
use super::workgroup::Workgroup;

/// Four neighbouring samples: a value, and its derivative along their directions.
#[derive(CubeType)]
pub(super) struct WithTangent {
    pub value: Lanes,
    pub along: Lanes,
}

#[cube]
impl WithTangent {
    /// What a row holds of four samples, the first of whose columns are at `place`.
    pub(super) fn load(
        rows: &SharedMemory<Lanes>,
        place: usize,
        #[comptime] plan: Plan,
    ) -> WithTangent {
        WithTangent {
            value: rows[place],
            along: rows[place + comptime!(plan.sample_groups())],
        }
    }

    pub(super) fn store(
        &self,
        rows: &mut SharedMemory<Lanes>,
        place: usize,
        #[comptime] plan: Plan,
    ) {
        rows[place] = self.value;
        rows[place + comptime!(plan.sample_groups())] = self.along;
    }

    pub(super) fn times(&self, factor: Lanes) -> WithTangent {
        WithTangent {
            value: self.value * factor,
            along: self.along * factor,
        }
    }
}

/// Makes what a hidden layer keeps out of its sums at `first_row`: biases, and activations of straight pieces. `biases` is
/// their place in the flat vector.
#[cube]
pub(super) fn finish_layer(
    workgroup: &mut Workgroup,
    parameters: &Array<f32>,
    biases: usize,
    first_row: usize,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let stride = comptime!(plan.stride());
    let items = comptime!(plan.width * plan.sample_groups());
    for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
        let row = item / groups;
        let place = (first_row + row) * stride + item % groups;
        let mut kept = WithTangent::load(&workgroup.rows, place, plan);
        kept.value += Lanes::new(parameters[biases + row]);
        if comptime!(!plan.keeps_sums()) {
            let omega = Lanes::new(1.0);
            let slopes = change(kept.value, omega, omega, plan.activation);
            let output = value(kept.value, omega, plan.activation);
            let mut activated = kept.times(slopes);
            activated.value = output;
            activated.store(&mut workgroup.rows, place, plan);
        } else {
            kept.store(&mut workgroup.rows, place, plan);
        }
    }
}

/// Makes a layer's activated values from what it keeps at `first_row`.
#[cube]
pub(super) fn activate(
    workgroup: &mut Workgroup,
    first_row: usize,
    omega: f32,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let stride = comptime!(plan.stride());
    let items = comptime!(plan.width * plan.sample_groups());
    let activated = comptime!(plan.activated()).runtime();
    for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
        let row = item / groups;
        let place = row * stride + item % groups;
        let kept = WithTangent::load(&workgroup.rows, first_row * stride + place, plan);
        let omega = Lanes::new(omega);
        let slopes = change(kept.value, Lanes::new(1.0), omega, plan.activation);
        let mut output = kept.times(slopes);
        output.value = value(kept.value, omega, plan.activation);
        output.store(&mut workgroup.rows, activated * stride + place, plan);
    }
}

/// The gradient by a layer's sums, in the place `place` of what the layer kept, given the gradient `by` its output.
#[cube]
pub(super) fn back_through(
    workgroup: &mut Workgroup,
    place: usize,
    by: &WithTangent,
    omega: f32,
    #[comptime] plan: Plan,
) {
    let kept = WithTangent::load(&workgroup.rows, place, plan);
    let of_value = derivatives(kept.value, Lanes::new(omega), plan.activation);
    let mut by_sums = by.times(of_value.slope);
    if comptime!(plan.keeps_sums()) {
        by_sums.value += of_value.curvature * by.along * kept.along;
    }
    by_sums.store(&mut workgroup.rows, place, plan);
}
