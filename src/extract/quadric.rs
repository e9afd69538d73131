//! The point that is nearest to many planes.

use crate::geometry::eigenvectors;
use crate::geometry::vector::{dot, minus};

/// The weighted sum of squared distances from planes as a function of place (Garland and Heckbert 1997).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quadric {
    /// Σ w n nᵀ.
    matrix: [[f64; 3]; 3],
    /// Σ w (n·p) n.
    right: [f64; 3],
    /// Σ w (n·p)².
    constant: f64,
    /// Σ w.
    weight: f64,
}

/// Directions along which the sum grows by less than this share of the most are free: faces that meet at less than some five degrees.
const FREE: f64 = 2e-3;

impl Quadric {
    /// Adds the plane through `point` at right angles to `normal`, of unit length.
    pub(super) fn add(&mut self, point: [f64; 3], normal: [f64; 3], weight: f64) {
        let height = dot(point, normal);
        for row in 0..3 {
            for column in 0..3 {
                self.matrix[row][column] += weight * normal[row] * normal[column];
            }
            self.right[row] += weight * height * normal[row];
        }
        self.constant += weight * height * height;
        self.weight += weight;
    }

    /// Adds another one `share` times.
    pub(super) fn add_scaled(&mut self, other: &Quadric, share: f64) {
        for row in 0..3 {
            for column in 0..3 {
                self.matrix[row][column] += share * other.matrix[row][column];
            }
            self.right[row] += share * other.right[row];
        }
        self.constant += share * other.constant;
        self.weight += share * other.weight;
    }

    /// The sum at a place.
    pub(super) fn at(&self, place: [f64; 3]) -> f64 {
        let square = dot(place, self.matrix.map(|row| dot(row, place)));
        (square - 2.0 * dot(self.right, place) + self.constant).max(0.0)
    }

    /// The mean of the squared distances at a place; 0 without planes.
    pub(super) fn mean_at(&self, place: [f64; 3]) -> f64 {
        match self.weight > 0.0 {
            true => self.at(place) / self.weight,
            false => 0.0,
        }
    }

    /// Of the places with the least sum along the `rank` directions in which it grows most, the one nearest to the origin: for two
    /// faces' planes and rank 2, on their edge (Lindstrom 2000, "Out-of-core simplification of large polygonal models").
    pub(super) fn minimum(&self, rank: usize) -> [f64; 3] {
        self.minimum_along([0.0; 3], |number, _| number < rank)
    }

    /// As [`minimum`](Self::minimum), nearest to `from`, along all directions in which the sum grows as it does across an edge.
    pub(super) fn minimum_near(&self, from: [f64; 3]) -> [f64; 3] {
        self.minimum_along(from, |_, share| share > FREE)
    }

    /// `counts` is asked about each direction: its number, by how much the sum grows, and the share of the most.
    fn minimum_along(&self, from: [f64; 3], counts: impl Fn(usize, f64) -> bool) -> [f64; 3] {
        let (values, vectors) = eigenvectors(self.matrix);
        let mut order = [0, 1, 2];
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let most = values[order[0]];
        let slope = minus(self.right, self.matrix.map(|row| dot(row, from)));
        let mut place = from;
        for (number, k) in order.into_iter().enumerate() {
            if values[k] > 0.0 && counts(number, values[k] / most) {
                let along = dot(vectors[k], slope) / values[k];
                (0..3).for_each(|i| place[i] += along * vectors[k][i]);
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::vector::length;

    #[test]
    fn three_planes_meet_in_a_point_and_two_in_a_line() {
        let slanted = 0.5_f64.sqrt();
        let planes = [
            [1.0, 0.0, 0.0],
            [slanted, slanted, 0.0],
            [0.0, slanted, slanted],
        ];
        let corner = [0.3, -0.2, 0.7];
        let mut quadric = Quadric::default();
        planes[..2]
            .iter()
            .for_each(|&normal| quadric.add(corner, normal, 2.0));
        let on_edge = quadric.minimum(2);
        assert!(
            length(minus(on_edge, [0.3, -0.2, 0.0])) < 1e-12,
            "{on_edge:?}"
        );
        quadric.add(corner, planes[2], 0.5);
        assert!(length(minus(quadric.minimum(3), corner)) < 1e-12);
        assert!(length(minus(quadric.minimum_near([5.0; 3]), corner)) < 1e-12);
        assert!(quadric.at(corner) < 1e-12);
        // 2 × 1² from the first plane, and what the slanted ones are off.
        let beside = std::array::from_fn(|k| corner[k] + [1.0, 0.0, 0.0][k]);
        assert!((quadric.at(beside) - (2.0 + 2.0 * 0.5)).abs() < 1e-12);
    }
}
