//! The uniform B-splines of one axis.

use super::Degree;
use crate::calculus::Algebra;

/// Nodes whose splines reach a point, by axis: the first of them, their weights, and the weights' derivatives.
pub(super) struct Window<const W: usize> {
    /// Place of the first node; the others follow.
    pub first: u32,
    /// Their sum is 1.
    pub weights: [f32; W],
    /// By the coordinate in the unit frame.
    pub slopes: [f32; W],
}

/// The nodes about `coordinate` on an axis of `cells` cells.
///
/// The splines reach half a cell beyond `[-1, 1]`, where the next finer level has its outermost nodes. Coordinates farther out are
/// taken to there, and so is one that is not a number.
#[inline(always)]
pub(super) fn window<const W: usize>(cells: f32, coordinate: f32) -> Window<W> {
    // In this order, a coordinate that is not a number ends at the lower one.
    let position = ((coordinate + 1.0) * 0.5 * cells)
        .max(-0.5)
        .min(cells + 0.5);
    // Node i has the place i + 1, so the node before the one in the middle has the middle one's number for its place.
    let first = match W {
        3 => (position + 0.5).floor().min(cells),
        _ => position.floor().max(0.0).min(cells - 1.0),
    };
    let t = position - first;
    let half = 0.5 * cells;
    let (mut weights, mut slopes) = ([0.0; W], [0.0; W]);
    for (node, row) in const { polynomials::<W>() }.iter().enumerate() {
        let (mut weight, mut slope) = (row[W - 1], 0.0);
        for &factor in row[..W - 1].iter().rev() {
            slope = slope * t + weight;
            weight = weight * t + factor;
        }
        weights[node] = weight;
        slopes[node] = slope * half;
    }
    Window {
        first: first as u32,
        weights,
        slopes,
    }
}

/// The weights as polynomials, a node a row of factors of 1, t, t², …: `t` is counted from the node in the middle (`W` = 3, quadratic) or
/// from the lower end of the cell (`W` = 4, cubic).
const fn polynomials<const W: usize>() -> [[f32; W]; W] {
    const SIXTH: f32 = 1.0 / 6.0;
    let factors: &[f32] = match W {
        3 => &[
            0.125, -0.5, 0.5, //
            0.75, 0.0, -1.0, //
            0.125, 0.5, 0.5,
        ],
        _ => &[
            SIXTH,
            -0.5,
            0.5,
            -SIXTH, //
            4.0 * SIXTH,
            0.0,
            -1.0,
            0.5, //
            SIXTH,
            0.5,
            0.5,
            -0.5, //
            0.0,
            0.0,
            0.0,
            SIXTH,
        ],
    };
    let mut rows = [[0.0; W]; W];
    let mut place = 0;
    while place < W * W {
        rows[place / W][place % W] = factors[place];
        place += 1;
    }
    rows
}

/// The weights of [`window`] at `t`, over any algebra.
pub(crate) fn weights<A: Algebra>(a: &mut A, degree: Degree, t: &A::Number) -> Vec<A::Number> {
    let horner = |row: &[f32]| {
        let powers = row.iter().rposition(|&factor| factor != 0.0).unwrap_or(0);
        let mut sum = a.constant(row[powers].into());
        for &factor in row[..powers].iter().rev() {
            sum = a.mul(&sum, t);
            if factor != 0.0 {
                let factor = a.constant(factor.into());
                sum = a.add(&sum, &factor);
            }
        }
        sum
    };
    match degree {
        Degree::Quadratic => {
            let rows = polynomials::<3>();
            rows.iter().map(|row| row.as_slice()).map(horner).collect()
        }
        Degree::Cubic => {
            let rows = polynomials::<4>();
            rows.iter().map(|row| row.as_slice()).map(horner).collect()
        }
    }
}

impl Degree {
    /// A spline's value at its own node and at the node beside it.
    pub(super) fn at_nodes(self) -> [f32; 2] {
        match self {
            Degree::Quadratic => [0.75, 0.125],
            Degree::Cubic => [2.0 / 3.0, 1.0 / 6.0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculus::{Dual, Jet, Plain};

    #[test]
    fn weights_over_an_algebra_are_those_of_the_window_and_so_are_their_slopes() {
        fn compare<const W: usize>(degree: Degree) {
            for step in 1..80 {
                let coordinate = -1.0 + 0.025 * step as f32 + 1e-3;
                let window = window::<W>(8.0, coordinate);
                let position = (coordinate + 1.0) * 4.0;
                let t = f64::from(position - window.first as f32);
                let weights = weights(&mut Jet(&mut Plain), degree, &Dual::moving(t, 4.0));
                for (found, (weight, slope)) in
                    weights.iter().zip(window.weights.iter().zip(window.slopes))
                {
                    assert!((found.value - f64::from(*weight)).abs() < 1e-6);
                    assert!((found.slope.unwrap() - f64::from(slope)).abs() < 1e-5);
                }
            }
        }
        compare::<3>(Degree::Quadratic);
        compare::<4>(Degree::Cubic);
    }
}
