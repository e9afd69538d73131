//! Vectors of three coordinates in `f32`.

pub(super) use crate::distance::{cross, dot, sub as minus};

/// `a + t * b`.
pub(super) fn plus(a: [f32; 3], t: f32, b: [f32; 3]) -> [f32; 3] {
    [a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]]
}

/// The vector made one long; zero if it is too short for that.
pub(super) fn unit(a: [f32; 3]) -> [f32; 3] {
    let length = dot(a, a).sqrt();
    if length < 1e-18 {
        return [0.0; 3];
    }
    a.map(|x| x / length)
}

pub(super) fn squared_distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let d = minus(a, b);
    dot(d, d)
}

/// 0 within the box.
pub(super) fn squared_distance_to_box(place: [f32; 3], lo: [f32; 3], hi: [f32; 3]) -> f32 {
    let mut squared = 0.0;
    for axis in 0..3 {
        let outside = (lo[axis] - place[axis])
            .max(place[axis] - hi[axis])
            .max(0.0);
        squared += outside * outside;
    }
    squared
}
