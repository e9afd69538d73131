//! Whether the slope bound held: skipped corners, evaluated after all.

use super::brick::{BRICK_CELLS, Brick, STRIDES, place};
use super::lattice::Sampler;
use super::{ExtractError, SlopeCheck};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Corners that a brick skipped, and the side on which it takes them to be.
#[derive(Default)]
pub(super) struct Claims {
    points: Vec<[f32; 3]>,
    inside: Vec<bool>,
}

impl Claims {
    /// Draws `count` corners of a brick that was skipped as a whole.
    pub(super) fn draw_in_skipped(
        &mut self,
        at: [u32; 3],
        inside: bool,
        count: u32,
        sampler: &Sampler,
    ) {
        let origin = at.map(|c| c * BRICK_CELLS as u32);
        let mut random = generator(origin);
        for _ in 0..count {
            let index = origin.map(|c| c + random.random_range(0..BRICK_CELLS as u32));
            self.points.push(sampler.grid.point(index.map(f64::from)));
            self.inside.push(inside);
        }
    }

    /// Draws `count` corners of a refined brick and keeps those that were not evaluated.
    pub(super) fn draw_in_refined(&mut self, brick: &Brick, count: u32, sampler: &Sampler) {
        let mut random = generator(brick.origin);
        for _ in 0..count {
            let at: [usize; 3] = std::array::from_fn(|_| random.random_range(0..BRICK_CELLS));
            let point = (0..3).map(|axis| at[axis] * STRIDES[axis]).sum();
            if brick.is_exact(point) {
                continue;
            }
            let inside = match brick.values[point] {
                value if value.is_nan() => brick
                    .skipped
                    .iter()
                    .find(|cell| {
                        let low = place(usize::from(cell.corner));
                        (0..3).all(|k| {
                            (low[k]..=low[k] + u32::from(cell.size)).contains(&(at[k] as u32))
                        })
                    })
                    .map(|cell| cell.inside),
                value => Some(value < 0.0),
            };
            self.inside
                .push(inside.expect("an unknown corner lies in a skipped cell"));
            self.points
                .push(sampler.grid.point(brick.index(point).map(f64::from)));
        }
    }

    /// Evaluates the corners drawn, and counts those on the other side.
    pub(super) fn check(self, sampler: &mut Sampler) -> Result<SlopeCheck, ExtractError> {
        let values = sampler.values(&self.points)?;
        let wrong = values
            .iter()
            .zip(&self.inside)
            .filter(|&(&value, &inside)| (value < 0.0) != inside);
        Ok(SlopeCheck {
            checked: self.points.len() as u64,
            wrong: wrong.count() as u64,
        })
    }
}

/// One sequence a brick, so that neither the order of bricks nor the number of threads matters.
fn generator(origin: [u32; 3]) -> Pcg64 {
    Pcg64::seed_from_u64(super::refine::pack(origin))
}

#[cfg(test)]
mod tests {
    use crate::extract::closed_forms::*;
    use crate::extract::{Grid, Resolution, SlopeCheck, SurfaceSettings};
    use crate::field::ScalarField;

    #[test]
    fn the_slope_check_finds_a_wrong_bound() {
        let grid = Grid::covering(&UNIT, Resolution::Cells(100), 0.0).unwrap();
        let check = |field: &dyn ScalarField| {
            let settings = SurfaceSettings {
                checks: 200,
                ..Default::default()
            };
            extract_with(field, &grid, &settings)
                .unwrap()
                .stats
                .slope_check
        };
        let right = check(&sphere(0.8));
        assert!(right.checked > 1000 && right.wrong == 0, "{right:?}");
        // A needle-thin slab that the values around it do not announce.
        let slab = |p: [f64; 3]| {
            if (p[2] - 0.3).abs() < 0.05 && length(p) < 0.7 {
                -0.01
            } else {
                length(p) - 0.2
            }
        };
        let SlopeCheck { wrong, .. } = check(&Closed(slab));
        assert!(wrong > 0);
    }
}
