//! How features between the vertices of a grid are made of those at the vertices: by uniform B-splines (de Boor 1978, "A practical
//! guide to splines").

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calculus::Algebra;

/// The degree of the pieces of which an interpolated feature is made, along each axis.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// Straight from vertex to vertex: 8 entries make a feature, and its gradient jumps from cell to cell.
    #[default]
    Linear,
    /// Quadratic: 27 entries make a feature, and its gradient is continuous.
    Quadratic,
}

/// Most vertices along an axis that take part in a feature.
const MOST_TAPS: usize = 3;

/// By vertex from the lowest on, by power of the place within the cell.
type Basis = [[f32; MOST_TAPS]; MOST_TAPS];

const LINEAR: Basis = [[1.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0; 3]];

const QUADRATIC: Basis = [[0.5, -1.0, 0.5], [0.5, 1.0, -1.0], [0.0, 0.0, 0.5]];

impl Interpolation {
    /// Vertices along an axis that take part in a feature: one more than the degree. The first is the lower end of the cell.
    pub const fn taps(self) -> usize {
        match self {
            Interpolation::Linear => 2,
            Interpolation::Quadratic => 3,
        }
    }

    /// Vertices along an axis of so many cells.
    pub fn vertices(self, cells: u32) -> u32 {
        cells + self.taps() as u32 - 1
    }

    /// How many derivatives by position are continuous.
    pub fn smoothness(self) -> u32 {
        self.taps() as u32 - 2
    }

    /// Behind the sizes of an encoding, in its words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Interpolation::Linear => "",
            Interpolation::Quadratic => " quadratic",
        }
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interpolation::Linear => "linear",
            Interpolation::Quadratic => "quadratic",
        })
    }
}

/// What vertex `tap` of so many `taps` along an axis weighs, as a polynomial in the place within the cell, from 0 to 1: the number that
/// goes with a power of it.
pub const fn coefficient(taps: usize, tap: usize, power: usize) -> f32 {
    match taps {
        2 => LINEAR[tap][power],
        _ => QUADRATIC[tap][power],
    }
}

/// What a vertex along an axis weighs at a place within the cell, in numbers of any kind.
pub fn share_of<A: Algebra>(
    a: &mut A,
    interpolation: Interpolation,
    tap: usize,
    place: &A::Number,
) -> A::Number {
    let taps = interpolation.taps();
    let mut sum = a.constant(coefficient(taps, tap, taps - 1).into());
    for power in (0..taps - 1).rev() {
        let number = a.constant(coefficient(taps, tap, power).into());
        let higher = a.mul(&sum, place);
        sum = a.add(&higher, &number);
    }
    sum
}

/// What each vertex along an axis weighs at a place within the cell.
#[inline(always)]
pub fn shares<const TAPS: usize>(place: f32) -> [f32; TAPS] {
    let mut shares = [0.0; TAPS];
    for (tap, share) in shares.iter_mut().enumerate() {
        // Beginning with 0 would cost a product that no compiler may leave out.
        *share = coefficient(TAPS, tap, TAPS - 1);
        for power in (0..TAPS - 1).rev() {
            *share = *share * place + coefficient(TAPS, tap, power);
        }
    }
    shares
}

/// The derivatives of [`shares`] by the place.
#[inline(always)]
pub fn share_slopes<const TAPS: usize>(place: f32) -> [f32; TAPS] {
    let mut slopes = [0.0; TAPS];
    for (tap, slope) in slopes.iter_mut().enumerate() {
        let highest = TAPS - 1;
        *slope = highest as f32 * coefficient(TAPS, tap, highest);
        for power in (1..highest).rev() {
            *slope = *slope * place + power as f32 * coefficient(TAPS, tap, power);
        }
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares add up to 1, their slopes are those of central differences, and what they are on the two sides of a vertex is the same for
    /// as many derivatives as are said to be continuous.
    fn is_a_partition<const TAPS: usize>(interpolation: Interpolation) {
        assert_eq!(interpolation.taps(), TAPS);
        for step in 0..=20 {
            let place = step as f32 / 20.0;
            assert!((shares::<TAPS>(place).iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let (above, below) = (shares::<TAPS>(place + 0.01), shares::<TAPS>(place - 0.01));
            for (tap, slope) in share_slopes::<TAPS>(place).into_iter().enumerate() {
                assert!((slope - (above[tap] - below[tap]) / 0.02).abs() < 1e-4);
            }
        }
        // At the upper end of a cell the lowest vertex is out, and the next cell sees the others one place lower.
        let continues = |at_end: [f32; TAPS], at_start: [f32; TAPS]| {
            at_end[0] == 0.0 && at_end[1..] == at_start[..TAPS - 1] && at_start[TAPS - 1] == 0.0
        };
        assert!(continues(shares::<TAPS>(1.0), shares::<TAPS>(0.0)));
        let smooth = continues(share_slopes::<TAPS>(1.0), share_slopes::<TAPS>(0.0));
        assert_eq!(smooth, interpolation.smoothness() > 0);
    }

    #[test]
    fn shares_are_a_partition_and_as_smooth_as_they_say() {
        is_a_partition::<2>(Interpolation::Linear);
        is_a_partition::<3>(Interpolation::Quadratic);
    }
}
