//! The same answers by brute force in `f64`, written differently, for the tests.

use crate::geometry::Mesh;

type Vector = [f64; 3];

fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn add_scaled(a: Vector, b: Vector, factor: f64) -> Vector {
    [
        a[0] + b[0] * factor,
        a[1] + b[1] * factor,
        a[2] + b[2] * factor,
    ]
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn length(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// Unsigned distance to the nearest of all triangles.
pub fn distance(mesh: &Mesh, point: Vector) -> f64 {
    (0..mesh.triangles.len())
        .map(|index| length(sub(point, closest(mesh.corners(index), point))))
        .fold(f64::INFINITY, f64::min)
}

/// The closest point of a triangle: the nearest one of its sides or, where that lies in it, the foot of the
/// perpendicular, by least squares in the two directions `b - a` and `c - a`.
fn closest([a, b, c]: [Vector; 3], point: Vector) -> Vector {
    let (u, v, w) = (sub(b, a), sub(c, a), sub(point, a));
    let (uu, uv, vv) = (dot(u, u), dot(u, v), dot(v, v));
    let (uw, vw) = (dot(u, w), dot(v, w));
    let determinant = uu * vv - uv * uv;
    let (s, t) = (
        (vv * uw - uv * vw) / determinant,
        (uu * vw - uv * uw) / determinant,
    );
    let mut candidates = vec![
        on_side(a, b, point),
        on_side(b, c, point),
        on_side(c, a, point),
    ];
    // Without an area these are not numbers, which pass no comparison.
    if s >= 0.0 && t >= 0.0 && s + t <= 1.0 {
        candidates.push(add_scaled(add_scaled(a, u, s), v, t));
    }
    let apart = |candidate: &Vector| length(sub(*candidate, point));
    candidates
        .into_iter()
        .min_by(|p, q| apart(p).total_cmp(&apart(q)))
        .unwrap()
}

fn on_side(from: Vector, to: Vector, point: Vector) -> Vector {
    let side = sub(to, from);
    let squared = dot(side, side);
    if squared == 0.0 {
        return from;
    }
    add_scaled(
        from,
        side,
        (dot(side, sub(point, from)) / squared).clamp(0.0, 1.0),
    )
}

/// Winding number: the sum of all solid angles.
pub fn winding_number(mesh: &Mesh, point: Vector) -> f64 {
    let angles = (0..mesh.triangles.len()).map(|index| {
        let [a, b, c] = mesh.corners(index).map(|corner| sub(corner, point));
        let [la, lb, lc] = [a, b, c].map(length);
        let volume = a[0] * (b[1] * c[2] - b[2] * c[1])
            + a[1] * (b[2] * c[0] - b[0] * c[2])
            + a[2] * (b[0] * c[1] - b[1] * c[0]);
        2.0 * volume.atan2(la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb)
    });
    angles.sum::<f64>() / (4.0 * std::f64::consts::PI)
}
