//! The same answers by brute force in `f64`, written differently, for the tests.

use crate::geometry::Mesh;

type Vector = [f64; 3];

fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn add_scaled(a: Vector, b: Vector, factor: f64) -> Vector {
    [a[0] + b[0] * factor, a[1] + b[1] * factor, a[2] + b[2] * factor]
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn length(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// Unsigned distance to the nearest of all triangles.
pub fn distance(mesh: &Mesh, point: Vector) -> f64 {
    (0..mesh.triangles.len()).map(|index| length(sub(point, closest(mesh.corners(index), point)))).fold(f64::INFINITY, f64::min)
}

/// The closest point of a triangle by the regions around it (Ericson, "Real-Time Collision Detection", 5.1.5).
fn closest([a, b, c]: [Vector; 3], p: Vector) -> Vector {
    let (ab, ac, ap) = (sub(b, a), sub(c, a), sub(p, a));
    let (d1, d2) = (dot(ab, ap), dot(ac, ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return a;
    }
    let bp = sub(p, b);
    let (d3, d4) = (dot(ab, bp), dot(ac, bp));
    if d3 >= 0.0 && d4 <= d3 {
        return b;
    }
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        return add_scaled(a, ab, d1 / (d1 - d3));
    }
    let cp = sub(p, c);
    let (d5, d6) = (dot(ab, cp), dot(ac, cp));
    if d6 >= 0.0 && d5 <= d6 {
        return c;
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        return add_scaled(a, ac, d2 / (d2 - d6));
    }
    let va = d3 * d6 - d5 * d4;
    if va <= 0.0 && d4 - d3 >= 0.0 && d5 - d6 >= 0.0 {
        return add_scaled(b, sub(c, b), (d4 - d3) / ((d4 - d3) + (d5 - d6)));
    }
    let sum = va + vb + vc;
    add_scaled(add_scaled(a, ab, vb / sum), ac, vc / sum)
}

/// Winding number: the sum of all solid angles.
pub fn winding_number(mesh: &Mesh, point: Vector) -> f64 {
    let angles = (0..mesh.triangles.len()).map(|index| {
        let [a, b, c] = mesh.corners(index).map(|corner| sub(corner, point));
        let [la, lb, lc] = [a, b, c].map(length);
        let volume = a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
        2.0 * volume.atan2(la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb)
    });
    angles.sum::<f64>() / (4.0 * std::f64::consts::PI)
}
