//! Bricks refined together, so that the field is asked for many thousands of corners at a time.

use super::ExtractError;
use super::brick::{
    BRICK_CELLS, BRICK_VOLUME, Brick, Midpoint, SkipRule, can_skip, midpoints, place,
};
use super::lattice::Sampler;
use super::marching_cubes::CORNERS;
use rayon::prelude::*;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bricks refined at a time: 144 KB each.
pub(super) const WAVE: usize = 128;

/// The corners of all bricks of a grid, and which bricks the level set (or band) may touch.
pub(super) struct CoarseLattice {
    /// Bricks along each axis.
    bricks: [u32; 3],
    /// Values at the outermost corners of bricks, `[x, y, z]` C order, relative to iso.
    values: Vec<f32>,
}

impl CoarseLattice {
    /// Evaluates the field at the corners of the bricks that cover a grid of `dims` samples.
    pub(super) fn sample(
        dims: [u32; 3],
        sampler: &mut Sampler,
    ) -> Result<CoarseLattice, ExtractError> {
        let bricks = dims.map(|count| (count - 1).div_ceil(BRICK_CELLS as u32));
        let [_, y_count, z_count] = bricks.map(|count| count + 1);
        let mut values = Vec::new();
        for x in 0..=bricks[0] {
            let layer: Vec<[f32; 3]> = (0..y_count * z_count)
                .map(|i| [x, i / z_count, i % z_count])
                .map(|corner| {
                    sampler
                        .grid
                        .point(corner.map(|c| f64::from(c) * BRICK_CELLS as f64))
                })
                .collect();
            values.extend(sampler.values(&layer)?);
        }
        Ok(CoarseLattice { bricks, values })
    }

    /// Values at the eight corners of the brick at `at`, counted in bricks.
    pub(super) fn corners(&self, at: [u32; 3]) -> [f32; 8] {
        let [_, y_count, z_count] = self.bricks.map(|count| count as usize + 1);
        CORNERS.map(|offset| {
            let [x, y, z] = std::array::from_fn(|axis| (at[axis] + offset[axis]) as usize);
            self.values[(x * y_count + y) * z_count + z]
        })
    }

    /// Places of all bricks, `x` slowest: first those that may be touched, then those that cannot be.
    pub(super) fn sort_bricks(&self, rule: SkipRule) -> (Vec<[u32; 3]>, Vec<[u32; 3]>) {
        let [x_count, y_count, z_count] = self.bricks;
        (0..x_count)
            .flat_map(|x| (0..y_count).flat_map(move |y| (0..z_count).map(move |z| [x, y, z])))
            .partition(|&at| !can_skip(&self.corners(at), BRICK_CELLS, rule))
    }
}

/// Takes bricks from their eight corners down to single cells.
pub(super) struct Refiner {
    rule: SkipRule,
    midpoints: Vec<Midpoint>,
    /// Values at corners on faces of bricks, which two or more bricks share. Each is evaluated once: a field need not
    /// give the very same value twice, and a sign that differs between two bricks would tear the mesh.
    shared: HashMap<u64, f32, BuildHasherDefault<KeyHasher>>,
}

impl Refiner {
    pub(super) fn new(rule: SkipRule) -> Refiner {
        Refiner {
            rule,
            midpoints: midpoints(),
            shared: HashMap::default(),
        }
    }

    /// Bricks for the places `at`, refined: their `cells` are the single cells that are not skipped.
    pub(super) fn refine(
        &mut self,
        at: &[[u32; 3]],
        coarse: &CoarseLattice,
        sampler: &mut Sampler,
    ) -> Result<Vec<Brick>, ExtractError> {
        let brick =
            |&at: &[u32; 3]| Brick::new(at.map(|c| c * BRICK_CELLS as u32), coarse.corners(at));
        let mut bricks: Vec<Brick> = at.par_iter().map(brick).collect();
        let mut size = BRICK_CELLS;
        while size > 1 {
            let (midpoints, rule) = (&self.midpoints, self.rule);
            bricks
                .par_iter_mut()
                .for_each(|brick| brick.infer_midpoints(size, midpoints, rule));
            self.evaluate_pending(&mut bricks, sampler)?;
            bricks
                .par_iter_mut()
                .for_each(|brick| brick.split(size, rule));
            size /= 2;
        }
        Ok(bricks)
    }

    /// Evaluates the pending corners of all bricks, those on their faces once for all of them.
    pub(super) fn evaluate_pending(
        &mut self,
        bricks: &mut [Brick],
        sampler: &mut Sampler,
    ) -> Result<(), ExtractError> {
        self.evaluate_shared(bricks, sampler)?;
        let grid = sampler.grid;
        let points: Vec<[f32; 3]> = bricks
            .par_iter()
            .flat_map_iter(|brick| {
                let inner = brick
                    .pending
                    .iter()
                    .filter(|&&point| !on_face(usize::from(point)));
                inner.map(|&point| grid.point(brick.index(usize::from(point)).map(f64::from)))
            })
            .collect();
        let values = sampler.values(&points)?;
        let mut rest = values.as_slice();
        let mut parts = Vec::with_capacity(bricks.len());
        for brick in bricks.iter() {
            let inner = brick
                .pending
                .iter()
                .filter(|&&point| !on_face(usize::from(point)))
                .count();
            let (part, after) = rest.split_at(inner);
            parts.push(part);
            rest = after;
        }
        let shared = &self.shared;
        bricks.par_iter_mut().zip(parts).for_each(|(brick, part)| {
            let mut part = part.iter();
            for point in std::mem::take(&mut brick.pending)
                .into_iter()
                .map(usize::from)
            {
                let value = match on_face(point) {
                    true => shared.get(&pack(brick.index(point))),
                    false => part.next(),
                };
                brick.settle(
                    point,
                    *value.expect("every pending corner was evaluated above"),
                );
            }
        });
        Ok(())
    }

    /// Evaluates pending corners on faces that no brick asked for before.
    fn evaluate_shared(
        &mut self,
        bricks: &[Brick],
        sampler: &mut Sampler,
    ) -> Result<(), ExtractError> {
        let mut keys = Vec::new();
        let mut points = Vec::new();
        for brick in bricks {
            for point in brick.pending.iter().map(|&point| usize::from(point)) {
                if !on_face(point) {
                    continue;
                }
                let index = brick.index(point);
                self.shared.entry(pack(index)).or_insert_with(|| {
                    keys.push(pack(index));
                    points.push(sampler.grid.point(index.map(f64::from)));
                    f32::NAN
                });
            }
        }
        for (key, value) in keys.into_iter().zip(sampler.values(&points)?) {
            self.shared.insert(key, value);
        }
        Ok(())
    }

    /// Drops what bricks at `x` (in bricks) and beyond cannot ask for again.
    pub(super) fn forget_below(&mut self, x: u32) {
        self.shared
            .retain(|&key, _| unpack_x(key) >= x * BRICK_CELLS as u32);
    }

    /// Bytes held between waves.
    pub(super) fn bytes(&self) -> u64 {
        self.shared.capacity() as u64 * 16
    }
}

/// Whether a corner lies on a face of its brick.
pub(super) fn on_face(point: usize) -> bool {
    debug_assert!(point < BRICK_VOLUME);
    place(point)
        .iter()
        .any(|&c| c == 0 || c == BRICK_CELLS as u32)
}

/// One number for a sample's index; each coordinate takes 20 bits.
pub(super) fn pack([x, y, z]: [u32; 3]) -> u64 {
    u64::from(x) << 40 | u64::from(y) << 20 | u64::from(z)
}

fn unpack_x(key: u64) -> u32 {
    (key >> 40) as u32
}

/// Hashes packed indices: one multiplication (Fibonacci hashing, Knuth, The Art of Computer Programming 3, 6.4). They
/// come from a grid, not from an adversary.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        let product = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The table takes its index from the low bits, the product is best mixed in the high ones.
        self.0 = product ^ product >> 32;
    }
}
