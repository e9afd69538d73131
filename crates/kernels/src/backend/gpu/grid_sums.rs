//! Where the gradient by the grid is summed: exactly, or as fast as the device can.
//!
//! Entries of coarse levels are reached from thousands of samples of a batch, and it is the number of additions to memory
//! that costs, not their width. Where a device adds several floats at a time (CUDA, from compute capability 9.0 on), that
//! is faster than exact sums, whose bits do not depend on the order in which samples arrive.

use cubecl::ir::features::AtomicUsage;
use cubecl::ir::{DeviceProperties, ElemType, FloatKind, StorageType, Type};
use cubecl::prelude::*;

use super::fixed_point;
use super::plan::Plan;

/// Whether a device adds so many neighbouring floats to memory at a time.
pub(super) fn adds_floats(device: &DeviceProperties, width: usize) -> bool {
    let float = StorageType::Atomic(ElemType::Float(FloatKind::F32));
    let together = Type::new(float).with_vector_size(width);
    device
        .atomic_type_usage(together)
        .contains(AtomicUsage::Add)
}

/// Adds to the sums of neighbouring features: number `place` of vectors. The arrays that a plan does not use are a word long.
#[cube]
pub(super) fn add<N: Size>(
    low: &mut Array<Atomic<u32>>,
    high: &mut Array<Atomic<u32>>,
    floats: &mut Array<Atomic<Vector<f32, N>>>,
    place: usize,
    terms: Vector<f32, N>,
    #[comptime] plan: Plan,
) {
    if comptime!(plan.exact) {
        #[unroll]
        for part in 0..plan.vector {
            fixed_point::add_term(low, high, place * plan.vector + part, terms[part]);
        }
    } else {
        floats[place].fetch_add(terms);
    }
}

/// The sum of feature `index`, which is 0 again afterwards.
#[cube]
pub(super) fn take(
    low: &mut Array<u32>,
    high: &mut Array<u32>,
    floats: &mut Array<f32>,
    index: usize,
    #[comptime] plan: Plan,
) -> f32 {
    if comptime!(plan.exact) {
        fixed_point::take_sum(low, high, index)
    } else {
        let sum = floats[index];
        // Most entries of a fine level are reached by no sample.
        if sum != 0.0 {
            floats[index] = 0.0;
        }
        sum
    }
}
