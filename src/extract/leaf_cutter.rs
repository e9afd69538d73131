//! Refined bricks cut into the leaves of a narrow band.

use super::brick::{BRICK_VOLUME, Brick, STRIDES};
use super::{InsideTile, Leaf};

/// Samples along the edge of a leaf.
const LEAF: usize = 8;

/// Cuts refined bricks into leaves.
pub(super) struct LeafCutter {
    /// Half the width of the band, unit lengths.
    pub reach: f32,
    /// Own lengths for one unit length.
    pub to_own: f32,
    /// The distance outside the band, own units.
    pub background: f32,
    /// Samples along each axis of the grid.
    pub dims: [u32; 3],
}

impl LeafCutter {
    /// The leaves of a brick with samples in the band, and those without that lie inside.
    pub(super) fn cut(&self, brick: &Brick) -> (Vec<Leaf>, Vec<InsideTile>) {
        let sides = sides_of_skipped(brick);
        let (mut leaves, mut inside) = (Vec::new(), Vec::new());
        for corner in (0..64).map(|i| [i / 16 * LEAF, i / 4 % 4 * LEAF, i % 4 * LEAF]) {
            let origin: [u32; 3] =
                std::array::from_fn(|axis| brick.origin[axis] + corner[axis] as u32);
            if (0..3).any(|axis| origin[axis] >= self.dims[axis]) {
                continue;
            }
            let mut leaf = Leaf {
                origin,
                values: Box::new([self.background; 512]),
                active: [0; 8],
            };
            let mut all_inside = true;
            for (i, out) in leaf.values.iter_mut().enumerate() {
                let at = [corner[0] + i / 64, corner[1] + i / 8 % 8, corner[2] + i % 8];
                let point: usize = (0..3).map(|axis| at[axis] * STRIDES[axis]).sum();
                let known = brick.values[point];
                let is_inside = if known.is_nan() {
                    sides[point]
                } else {
                    known < 0.0
                };
                if brick.is_exact(point) && known.abs() <= self.reach {
                    *out = known * self.to_own;
                    leaf.active[i / 64] |= 1 << (i % 64);
                } else if is_inside {
                    *out = -self.background;
                }
                all_inside &= is_inside;
            }
            if leaf.active != [0; 8] {
                leaves.push(leaf);
            } else if all_inside {
                inside.push(InsideTile {
                    origin,
                    size: LEAF as u32,
                });
            }
        }
        (leaves, inside)
    }
}

/// For each corner of a brick, whether it lies in a skipped cell inside the surface.
fn sides_of_skipped(brick: &Brick) -> Vec<bool> {
    let mut sides = vec![false; BRICK_VOLUME];
    for cell in brick.skipped.iter().filter(|cell| cell.inside) {
        let size = usize::from(cell.size);
        for (x, y) in (0..=size).flat_map(|x| (0..=size).map(move |y| (x, y))) {
            let row = usize::from(cell.corner) + x * STRIDES[0] + y * STRIDES[1];
            sides[row..=row + size].fill(true);
        }
    }
    sides
}
