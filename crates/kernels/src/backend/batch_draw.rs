//! Which samples of a pool make up a batch.

/// Draws a batch from the samples that a pool keeps, one from each of `count` equal parts of the pool.
///
/// Such a stratified draw varies less than an independent one, and walks through memory in order. It is a function of
/// `seed` and the place in the batch alone, so every device and any number of threads draw the same samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchDraw {
    /// Decides the draw; a new one each step.
    pub seed: u32,
    /// Samples kept in the pool: the draw is from the first `kept`. At least 1.
    pub kept: u32,
    /// Samples to draw.
    pub count: u32,
}

impl BatchDraw {
    /// The draw of step `step` of a fit with seed `seed`.
    pub fn of_step(seed: u64, step: u64, kept: usize, count: usize) -> Self {
        let words = [seed, seed >> 32, step, step >> 32].map(|word| word as u32);
        Self {
            seed: words.into_iter().fold(0, |mixed, word| mix(mixed ^ word)),
            kept: kept as u32,
            count: count as u32,
        }
    }

    /// Index in the pool of the sample at `place`, from 0 to below `count`, of the batch.
    // Products stay within 32 bits, which is all that every device has.
    #[inline]
    pub fn index(&self, place: u32) -> u32 {
        if self.kept <= self.count {
            return place % self.kept;
        }
        let (size, longer) = (self.kept / self.count, self.kept % self.count);
        // The first `longer` parts have one more sample.
        let (start, size) = if place < longer {
            (place * (size + 1), size + 1)
        } else {
            (place * size + longer, size)
        };
        start + mix(self.seed.wrapping_add(place.wrapping_mul(0x9e37_79b9))) % size
    }
}

/// A 32-bit integer hash in which each bit of the input turns half of the output's (Wellons 2018, "lowbias32").
#[inline]
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_comes_from_each_part_and_every_sample_has_its_chance() {
        let (kept, count) = (1000, 300);
        let mut drawn = vec![0u32; kept];
        for step in 0..3000 {
            let draw = BatchDraw::of_step(7, step, kept, count);
            let mut last = None;
            for place in 0..count as u32 {
                let index = draw.index(place);
                assert!(last.is_none_or(|last| last < index));
                last = Some(index);
                drawn[index as usize] += 1;
            }
            assert!(last.unwrap() < kept as u32);
        }
        // 100 parts of 4 samples, then 200 of 3: 750 and 1000 draws expected, with a deviation of about 25.
        let (of_four, of_three) = drawn.split_at(400);
        assert!(of_four.iter().all(|n| n.abs_diff(750) < 150), "{drawn:?}");
        assert!(of_three.iter().all(|n| n.abs_diff(1000) < 150), "{drawn:?}");
    }

    #[test]
    fn a_batch_larger_than_the_pool_takes_every_sample() {
        let draw = BatchDraw::of_step(1, 1, 10, 25);
        let drawn: Vec<u32> = (0..25).map(|place| draw.index(place)).collect();
        assert!((0..10).all(|index| drawn.contains(&index)));
    }

    #[test]
    fn seeds_and_steps_change_the_draw() {
        let draw = |seed, step| {
            let draw = BatchDraw::of_step(seed, step, 1 << 20, 64);
            (0..64).map(|i| draw.index(i)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1), draw(1 << 32 | 1, 1));
    }
}
