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
    let half = 0.5 * cells;
    let (mut weights, mut slopes) = ([0.0; W], [0.0; W]);
    // Node i has the place i + 1, so the node before the one in the middle has the middle one's number for its place.
    let first = match W {
        3 => {
            let middle = (position + 0.5).floor().min(cells);
            let t = position - middle;
            let (below, above) = (0.5 - t, 0.5 + t);
            weights[0] = 0.5 * below * below;
            weights[1] = 0.75 - t * t;
            weights[2] = 0.5 * above * above;
            slopes[0] = -below * half;
            slopes[1] = -2.0 * t * half;
            slopes[2] = above * half;
            middle
        }
        _ => {
            let cell = position.floor().max(0.0).min(cells - 1.0);
            let t = position - cell;
            let u = 1.0 - t;
            weights[0] = u * u * u / 6.0;
            weights[1] = (4.0 + t * t * (3.0 * t - 6.0)) / 6.0;
            weights[2] = (4.0 + u * u * (3.0 * u - 6.0)) / 6.0;
            weights[3] = t * t * t / 6.0;
            slopes[0] = -0.5 * u * u * half;
            slopes[1] = t * (1.5 * t - 2.0) * half;
            slopes[2] = -u * (1.5 * u - 2.0) * half;
            slopes[3] = 0.5 * t * t * half;
            cell
        }
    };
    Window {
        first: first as u32,
        weights,
        slopes,
    }
}

/// The weights of [`window`] for a point at `t` from the node in the middle (degree 2) or from the lower end of the cell (degree 3), over
/// any algebra.
pub(crate) fn weights<A: Algebra>(a: &mut A, degree: Degree, t: &A::Number) -> Vec<A::Number> {
    let (half, one) = (a.constant(0.5), a.constant(1.0));
    match degree {
        Degree::Quadratic => {
            let ends = [a.sub(&half, t), a.add(&half, t)];
            let [below, above] = ends.map(|end| {
                let square = a.mul(&end, &end);
                a.mul(&half, &square)
            });
            let most = a.constant(0.75);
            let square = a.mul(t, t);
            let middle = a.sub(&most, &square);
            vec![below, middle, above]
        }
        Degree::Cubic => {
            let (sixth, three) = (a.constant(1.0 / 6.0), a.constant(3.0));
            let (four, six) = (a.constant(4.0), a.constant(6.0));
            let rest = a.sub(&one, t);
            let [far, near] = [&rest, t].map(|end| {
                let square = a.mul(end, end);
                let cube = a.mul(&square, end);
                let far = a.mul(&sixth, &cube);
                // (4 + x² (3 x - 6)) / 6
                let triple = a.mul(&three, end);
                let factor = a.sub(&triple, &six);
                let bend = a.mul(&square, &factor);
                let sum = a.add(&four, &bend);
                (far, a.mul(&sixth, &sum))
            });
            vec![far.0, near.1, far.1, near.0]
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
