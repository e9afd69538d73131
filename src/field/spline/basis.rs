//! The uniform B-splines of one axis.

use super::Degree;

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

impl Degree {
    /// A spline's value at its own node and at the node beside it.
    pub(super) fn at_nodes(self) -> [f32; 2] {
        match self {
            Degree::Quadratic => [0.75, 0.125],
            Degree::Cubic => [2.0 / 3.0, 1.0 / 6.0],
        }
    }
}
