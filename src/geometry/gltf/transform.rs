//! Affine maps, and what nodes and instances say about them.

use super::document::Node;

/// An affine map: three columns of the linear part, then the shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine(pub [[f64; 3]; 4]);

impl Affine {
    pub const IDENTITY: Affine =
        Affine([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0; 3]]);

    /// The sum of nothing.
    pub const ZERO: Affine = Affine([[0.0; 3]; 4]);

    /// The map that a node has to its parent.
    pub fn of_node(node: &Node) -> Affine {
        match &node.matrix {
            Some(matrix) => Affine::from_matrix(matrix),
            None => Affine::from_parts(
                node.translation.unwrap_or([0.0; 3]),
                node.rotation.unwrap_or([0.0, 0.0, 0.0, 1.0]),
                node.scale.unwrap_or([1.0; 3]),
            ),
        }
    }

    /// From a matrix of four columns; its last row is taken for `0 0 0 1`.
    pub fn from_matrix(columns: &[f64; 16]) -> Affine {
        Affine(std::array::from_fn(|column| {
            std::array::from_fn(|row| columns[4 * column + row])
        }))
    }

    /// Scales, then rotates by a quaternion (real part last), then shifts.
    pub fn from_parts(shift: [f64; 3], rotation: [f64; 4], scale: [f64; 3]) -> Affine {
        // Rounded or quantised quaternions are not of length 1, and would scale.
        let length = rotation.iter().map(|x| x * x).sum::<f64>().sqrt();
        let [x, y, z, w] = if length > 0.0 {
            rotation.map(|x| x / length)
        } else {
            [0.0, 0.0, 0.0, 1.0]
        };
        let columns = [
            [
                1.0 - 2.0 * (y * y + z * z),
                2.0 * (x * y + z * w),
                2.0 * (x * z - y * w),
            ],
            [
                2.0 * (x * y - z * w),
                1.0 - 2.0 * (x * x + z * z),
                2.0 * (y * z + x * w),
            ],
            [
                2.0 * (x * z + y * w),
                2.0 * (y * z - x * w),
                1.0 - 2.0 * (x * x + y * y),
            ],
        ];
        let scaled = |axis: usize| columns[axis].map(|x| x * scale[axis]);
        Affine([scaled(0), scaled(1), scaled(2), shift])
    }

    /// Where `point` goes.
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        self.turn(point, 1.0)
    }

    /// `self` after `inner`.
    pub fn after(&self, inner: &Affine) -> Affine {
        let column = |i: usize| self.turn(inner.0[i], if i == 3 { 1.0 } else { 0.0 });
        Affine(std::array::from_fn(column))
    }

    /// Adds `weight` times `other`.
    pub fn add(&mut self, other: &Affine, weight: f64) {
        let numbers = other.0.as_flattened().iter();
        for (sum, number) in self.0.as_flattened_mut().iter_mut().zip(numbers) {
            *sum += weight * number;
        }
    }

    /// Whether the map turns surfaces inside out.
    pub fn mirrors(&self) -> bool {
        let [a, b, c, _] = &self.0;
        let determinant = a[0] * (b[1] * c[2] - b[2] * c[1])
            + a[1] * (b[2] * c[0] - b[0] * c[2])
            + a[2] * (b[0] * c[1] - b[1] * c[0]);
        determinant < 0.0
    }

    fn turn(&self, [x, y, z]: [f64; 3], shifted: f64) -> [f64; 3] {
        let Affine([a, b, c, shift]) = self;
        std::array::from_fn(|i| a[i] * x + b[i] * y + c[i] * z + shift[i] * shifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_of_any_length_turns_and_does_not_scale() {
        // A quarter turn about z takes x to y.
        let map = Affine::from_parts([0.0, 0.0, 5.0], [0.0, 0.0, 0.7, 0.7], [2.0, 1.0, 1.0]);
        let moved = map.apply([1.0, 0.0, 0.0]);
        let expected = [0.0, 2.0, 5.0];
        assert!(
            (0..3).all(|i| (moved[i] - expected[i]).abs() < 1e-12),
            "{moved:?}"
        );
        assert!(!map.mirrors());
        let mirror = Affine::from_parts([0.0; 3], [0.0; 4], [-1.0, 1.0, 1.0]);
        assert!(mirror.mirrors() && mirror.after(&map).mirrors());
        assert_eq!(mirror.after(&mirror), Affine::IDENTITY);
    }
}
