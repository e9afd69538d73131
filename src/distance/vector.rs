//! The few vector operations that `pulp` leaves to its caller, and arrays of lanes as vectors.

use pulp::Simd;

use super::bvh::{Lanes, WIDTH};

/// Vectors that make up one [`Lanes`] on an instruction set: 1 with AVX-512, 2 with AVX2, 4 with NEON.
#[inline(always)]
pub(super) const fn vectors<S: Simd>() -> usize {
    WIDTH / S::F32_LANES
}

/// Vector number `part` of `lanes`.
#[inline(always)]
pub(super) fn load<S: Simd>(lanes: &Lanes, part: usize) -> S::f32s {
    S::as_simd_f32s(lanes).0[part]
}

/// Writes vector number `part` of `lanes`.
#[inline(always)]
pub(super) fn store<S: Simd>(lanes: &mut Lanes, part: usize, value: S::f32s) {
    S::as_mut_simd_f32s(lanes).0[part] = value;
}

/// The truth of each lane as one bit, the first lane lowest.
#[inline(always)]
pub(super) fn bits<S: Simd>(mask: S::m32s) -> u32 {
    let bytes = bytemuck::bytes_of(&mask);
    if size_of::<S::m32s>() == size_of::<S::f32s>() {
        // One number a lane, all bits of it alike.
        let lanes = bytes.chunks_exact(size_of::<u32>()).enumerate();
        lanes.fold(0, |bits, (lane, bytes)| {
            bits | u32::from(bytes[0] & 1) << lane
        })
    } else {
        // One bit a lane already.
        bytes
            .iter()
            .rev()
            .fold(0, |bits, &byte| bits << 8 | u32::from(byte))
    }
}

/// The lowest bit of `bits`, which is taken out; `None` when there is none left.
#[inline(always)]
pub(super) fn take_lowest(bits: &mut u32) -> Option<usize> {
    let lane = bits.trailing_zeros() as usize;
    *bits &= bits.wrapping_sub(1);
    (lane < 32).then_some(lane)
}
