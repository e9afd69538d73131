//! [`BatchDraw::index`](crate::backend::BatchDraw::index) on the device: the same samples, bit for bit.

use cubecl::prelude::*;

use super::Lanes;

/// A batch: `count` samples drawn from the first `kept` of a pool, or all of these in order where there are as many.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Batch {
    pub seed: u32,
    pub kept: u32,
    pub count: u32,
}

#[cube]
impl Batch {
    /// A column of the four samples from `place` on, drawn from rows of so many; zeros beyond the end of the batch.
    pub(super) fn column(
        &self,
        pool: &Array<f32>,
        place: usize,
        column: usize,
        #[comptime] columns: usize,
    ) -> Lanes {
        let mut values = Lanes::new(0.0);
        #[unroll]
        for lane in 0..4usize {
            let place = (place + lane) as u32;
            if place < self.count {
                let index = drawn_index(place, self.seed, self.kept, self.count) as usize;
                values[lane] = pool[index * columns + column];
            }
        }
        values
    }

    /// 1 for each of the four samples from `place` on that is in the batch, else 0.
    pub(super) fn counts(&self, place: usize) -> Lanes {
        let mut counts = Lanes::new(0.0);
        #[unroll]
        for lane in 0..4usize {
            if place + lane < self.count as usize {
                counts[lane] = 1.0;
            }
        }
        counts
    }
}

/// Index in the pool of the sample at `place` of the batch.
#[cube]
pub(super) fn drawn_index(place: u32, seed: u32, kept: u32, count: u32) -> u32 {
    let mut index = place % kept;
    if kept > count {
        let size = kept / count;
        let longer = kept % count;
        // The first `longer` parts have one more sample.
        let extra = select(place < longer, 1u32, 0u32);
        let start = place * size + min(place, longer);
        index = start + mix(seed + place * 0x9e37_79b9u32) % (size + extra);
    }
    index
}

/// See the function of this name beside `BatchDraw`.
#[cube]
fn mix(x: u32) -> u32 {
    let a = (x ^ (x >> 16)) * 0x7feb_352du32;
    let b = (a ^ (a >> 15)) * 0x846c_a68bu32;
    b ^ (b >> 16)
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use cubecl::prelude::*;
    use cubecl::wgpu::{WgpuDevice, WgpuRuntime};

    use super::*;
    use crate::backend::BatchDraw;

    #[cube(launch)]
    fn draw_all(indices: &mut Array<u32>, seed: u32, kept: u32, count: u32) {
        if ABSOLUTE_POS < indices.len() {
            indices[ABSOLUTE_POS] = drawn_index(ABSOLUTE_POS as u32, seed, kept, count);
        }
    }

    #[test]
    fn the_device_draws_the_same_samples() {
        let client = WgpuRuntime::client(&WgpuDevice::DefaultDevice);
        for (kept, count) in [
            (1000, 300),
            (1 << 20, 16_384),
            (4096, 4096),
            (10, 25),
            (1, 64),
        ] {
            let draw = BatchDraw::of_step(11, 3, kept, count);
            let indices = client.empty(count * size_of::<u32>());
            // SAFETY: the buffer was made with room for `count` indices.
            let output = unsafe { ArrayArg::from_raw_parts(indices.clone(), count) };
            let cubes = CubeCount::Static(count.div_ceil(64) as u32, 1, 1);
            let dim = CubeDim::new_1d(64);
            draw_all::launch::<WgpuRuntime>(
                &client, cubes, dim, output, draw.seed, draw.kept, draw.count,
            );
            let drawn = client.read_one_unchecked(indices);
            let expected: Vec<u32> = (0..count as u32).map(|place| draw.index(place)).collect();
            assert_eq!(u32::from_bytes(&drawn), expected, "{count} of {kept}");
        }
    }
}
