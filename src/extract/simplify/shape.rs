//! What triangles may become while edges are drawn together.

use crate::geometry::vector::{cross, dot, length, minus};

/// How far triangles may turn, and how thin they may become.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// Cosine of the angle by which they may turn in one step.
    turn: f64,
    /// How thin they may become unless they were (see [`roundness`]).
    roundness: f64,
}

/// As well shaped as can be.
pub(super) const WELL: Allowed = Allowed {
    turn: 0.3,
    roundness: 0.08,
};

/// Of any shape that is not turned over and not a needle.
pub(super) const ANY: Allowed = Allowed {
    turn: 0.05,
    roundness: 1e-4,
};

/// Whether a triangle that is moved stays the right way round, and no needle.
pub(super) fn stays(before: [[f64; 3]; 3], after: [[f64; 3]; 3], shape: Allowed) -> bool {
    let normal = |[a, b, c]: [[f64; 3]; 3]| cross(minus(b, a), minus(c, a));
    let (old, new) = (normal(before), normal(after));
    let upright = dot(old, new) >= shape.turn * length(old) * length(new);
    let round = roundness(after);
    upright && round >= shape.roundness.min(roundness(before)) && round >= ANY.roundness
}

/// 1 for an equilateral triangle, 0 for three corners on a line.
fn roundness([a, b, c]: [[f64; 3]; 3]) -> f64 {
    let (u, v, w) = (minus(b, a), minus(c, a), minus(c, b));
    let sides = dot(u, u) + dot(v, v) + dot(w, w);
    match sides > 0.0 {
        true => 12.0_f64.sqrt() * length(cross(u, v)) / sides,
        false => 0.0,
    }
}
