//! Exact answers about rays along an axis and triangles, for coordinates on a lattice.
//!
//! Seen along the ray the triangle is flat, and whether the point lies in it is asked edge by edge. A point exactly on an
//! edge is taken as moved by an infinitely small step, the same for all triangles (simulation of simplicity, Edelsbrunner
//! and Mücke 1990). So a ray through an edge or a vertex meets one of the triangles there, as it must, and no count of a
//! closed surface is ever off.

/// Rounds a coordinate of the unit frame to a multiple of 2⁻²⁴, half a step of `f32` below one.
///
/// Differences of two such numbers have 25 bits, and products of two differences fit into `f64`: that makes counting
/// crossings exact. A vertex moves by 3e-8 at most, as rounding to `f32` moves it anyway.
#[inline(always)]
pub(crate) fn on_lattice<T: Into<f64>>(x: T) -> f32 {
    const STEPS: f64 = (1 << 24) as f64;
    ((x.into() * STEPS).round() / STEPS) as f32
}

/// How the ray from `point` along `AXIS` to the coordinate `end` there turns at a triangle: 1 if it leaves through it, -1 if
/// it enters through it, 0 if it misses it. All coordinates lie on the lattice.
#[inline(always)]
pub(crate) fn turn<const AXIS: usize, const FORWARD: bool>(
    corners: [[f64; 3]; 3],
    point: [f64; 3],
    end: f64,
) -> i32 {
    let (u, v) = ((AXIS + 1) % 3, (AXIS + 2) % 3);
    let [a, b, c] = [
        [corners[0][u], corners[0][v]],
        [corners[1][u], corners[1][v]],
        [corners[2][u], corners[2][v]],
    ];
    let from = [point[u], point[v]];
    let [(at_c, side_c), (at_a, side_a), (at_b, side_b)] =
        [side(a, b, from), side(b, c, from), side(c, a, from)];
    if side_a != side_b || side_b != side_c {
        return 0;
    }
    // The edge functions are the weights of the opposite corners, so this is where the ray meets the plane.
    let met = (at_a * corners[0][AXIS] + at_b * corners[1][AXIS] + at_c * corners[2][AXIS])
        / (at_a + at_b + at_c);
    let ahead = if FORWARD {
        met > point[AXIS] && met < end
    } else {
        met < point[AXIS] && met > end
    };
    // A triangle seen counter-clockwise along the axis looks forward.
    i32::from(ahead) * if side_a == FORWARD { 1 } else { -1 }
}

/// Twice the area of the triangle from the edge `from`–`to` to `point`, and whether `point`, moved by a step that is
/// infinitely small in the first coordinate and still smaller in the second, lies to the left of the edge.
#[inline(always)]
fn side(from: [f64; 2], to: [f64; 2], point: [f64; 2]) -> (f64, bool) {
    let edge = [to[0] - from[0], to[1] - from[1]];
    let area = edge[0] * (point[1] - from[1]) - edge[1] * (point[0] - from[0]);
    let left = if area != 0.0 {
        area > 0.0
    } else if edge[1] != 0.0 {
        edge[1] < 0.0
    } else {
        edge[0] > 0.0
    };
    (area, left)
}
