//! How well triangles are shaped.

use rayon::prelude::*;
use serde::Serialize;

use super::vector::{cross, dot, length, minus};

/// The shapes of a mesh's triangles: worst ones, and those that only one of a hundred is worse than.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TriangleShape {
    /// The smallest angle of any triangle, degrees.
    pub smallest_angle: f64,
    /// Only 1 % of the triangles have a smaller angle than this, degrees.
    pub smallest_angle_percentile_1: f64,
    /// The largest aspect: longest side by least height, over that of an equilateral triangle, which so has 1. Infinite for a triangle without
    /// area.
    pub largest_aspect: f64,
    /// Only 1 % of the triangles have a larger aspect than this.
    pub largest_aspect_percentile_99: f64,
}

impl TriangleShape {
    /// The shapes of `triangles` `[F, 3]` between `positions` `[V, 3]`; all 0 if there are none.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist.
    pub fn of(positions: &[[f64; 3]], triangles: &[[u32; 3]]) -> TriangleShape {
        if triangles.is_empty() {
            return TriangleShape::default();
        }
        let shape = |triangle: &[u32; 3]| shape(triangle.map(|v| positions[v as usize]));
        let (mut angles, mut aspects): (Vec<f64>, Vec<f64>) =
            triangles.par_iter().map(shape).unzip();
        let last = triangles.len() - 1;
        TriangleShape {
            smallest_angle: nth(&mut angles, 0),
            smallest_angle_percentile_1: nth(&mut angles, last / 100),
            largest_aspect: nth(&mut aspects, last),
            largest_aspect_percentile_99: nth(&mut aspects, last - last / 100),
        }
    }
}

fn nth(numbers: &mut [f64], index: usize) -> f64 {
    *numbers.select_nth_unstable_by(index, f64::total_cmp).1
}

/// The smallest angle in degrees, and the aspect.
fn shape([a, b, c]: [[f64; 3]; 3]) -> (f64, f64) {
    let (u, v, w) = (minus(b, a), minus(c, a), minus(c, b));
    let double_area = length(cross(u, v));
    let sides = [dot(u, u), dot(v, v), dot(w, w)];
    let longest = sides.into_iter().fold(0.0, f64::max);
    // The angle of a corner by its sides; of the smallest, opposite to the shortest side, the tangent is the smallest.
    let turn = |p: [f64; 3], q: [f64; 3]| double_area.atan2(dot(p, q));
    let negative = |p: [f64; 3]| p.map(|x| -x);
    let angles = [turn(u, v), turn(negative(u), w), turn(v, w)];
    let smallest = angles.into_iter().fold(f64::INFINITY, f64::min);
    let aspect = match double_area > 0.0 {
        true => 0.75_f64.sqrt() * longest / double_area,
        false => f64::INFINITY,
    };
    (smallest.to_degrees(), aspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_triangles_have_known_shapes() {
        let of = |corners: [[f64; 3]; 3]| TriangleShape::of(&corners, &[[0, 1, 2]]);
        let equilateral = of([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        assert!((equilateral.smallest_angle - 60.0).abs() < 1e-9);
        assert!((equilateral.largest_aspect - 1.0).abs() < 1e-12);
        let half_square = of([[0.0; 3], [2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
        assert!((half_square.smallest_angle - 45.0).abs() < 1e-9);
        assert!((half_square.largest_aspect - 3.0_f64.sqrt()).abs() < 1e-12);
        let blunt = of([[0.0; 3], [2.0, 0.0, 0.0], [1.0, 0.1, 0.0]]);
        assert!((blunt.smallest_angle - 0.1_f64.atan().to_degrees()).abs() < 1e-9);
        let line = of([[0.0; 3], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]);
        assert!(line.largest_aspect.is_infinite() && line.smallest_angle == 0.0);
    }

    #[test]
    fn one_bad_triangle_of_a_thousand_is_the_worst_and_no_percentile() {
        let positions = [
            [0.0; 3],
            [1.0, 0.0, 0.0],
            [0.5, 0.75_f64.sqrt(), 0.0],
            [0.5, 1e-3, 0.0],
        ];
        let mut triangles = vec![[0, 1, 2]; 999];
        triangles.push([0, 1, 3]);
        let shape = TriangleShape::of(&positions, &triangles);
        assert!(shape.smallest_angle < 0.2 && shape.largest_aspect > 100.0);
        assert!((shape.smallest_angle_percentile_1 - 60.0).abs() < 1e-9);
        assert!((shape.largest_aspect_percentile_99 - 1.0).abs() < 1e-9);
        assert_eq!(TriangleShape::of(&[], &[]), TriangleShape::default());
    }
}
