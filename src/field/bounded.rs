//! A field that keeps to what is known about its shape: it lies in a box.

use super::scalar_field::ScalarField;
use crate::geometry::{Bounds, UNIT_LONGEST_SIDE};

/// How far beyond the box the network is left alone: a fit may bulge a little, and a kink at the box's own faces would show in
/// surfaces that lie on them. In the unit frame.
const SLACK: f32 = (0.02 * UNIT_LONGEST_SIDE) as f32;

/// Raises a field to what the distance to a shape's bounding box allows at least: `max(f, distance to the box - slack)`, with
/// a slack of 2 % of the box's longest side.
///
/// No point of the shape is nearer than its box, so this is true of every exact signed distance. A network that was trained
/// briefly has seen little of the frame's corners and may be negative there: as a surface, that would be a speck far from the
/// shape, or one that the border of a grid cuts open.
pub struct BoundedBelow<F> {
    field: F,
    min: [f32; 3],
    max: [f32; 3],
}

/// The corners of the box, the distance to which a field is raised to; `bounds` is the shape's bounding box in the unit frame.
pub(crate) fn box_with_slack(bounds: &Bounds) -> [[f32; 3]; 2] {
    [
        bounds.min.map(|x| x as f32 - SLACK),
        bounds.max.map(|x| x as f32 + SLACK),
    ]
}

impl<F> BoundedBelow<F> {
    /// `bounds` is the shape's bounding box in the unit frame.
    pub fn new(field: F, bounds: &Bounds) -> Self {
        let [min, max] = box_with_slack(bounds);
        Self { field, min, max }
    }

    /// The way to `point` from the nearest point of the box with its slack, and its length; `None` inside.
    fn away(&self, point: [f32; 3]) -> Option<([f32; 3], f32)> {
        let inside =
            (0..3).all(|axis| point[axis] >= self.min[axis] && point[axis] <= self.max[axis]);
        if inside {
            return None; // most points, at the least cost
        }
        let way: [f32; 3] = std::array::from_fn(|axis| {
            point[axis] - point[axis].clamp(self.min[axis], self.max[axis])
        });
        Some((way, way.iter().map(|x| x * x).sum::<f32>().sqrt()))
    }
}

impl<F: ScalarField> ScalarField for BoundedBelow<F> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        self.field.values(points, values);
        for (value, &point) in values.iter_mut().zip(points) {
            if let Some((_, distance)) = self.away(point) {
                *value = value.max(distance);
            }
        }
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        self.field.values_and_gradients(points, values, gradients);
        for ((value, gradient), &point) in values.iter_mut().zip(gradients).zip(points) {
            if let Some((way, distance)) = self.away(point)
                && distance > *value
            {
                *value = distance;
                *gradient = way.map(|x| x / distance);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a network may be far from its shape.
    struct Constant(f32);

    impl ScalarField for Constant {
        fn values(&self, _: &[[f32; 3]], values: &mut [f32]) {
            values.fill(self.0);
        }

        fn values_and_gradients(
            &self,
            points: &[[f32; 3]],
            values: &mut [f32],
            gradients: &mut [[f32; 3]],
        ) {
            self.values(points, values);
            gradients.fill([0.0; 3]);
        }
    }

    const BOX: Bounds = Bounds {
        min: [-0.9, -0.5, -0.1],
        max: [0.9, 0.5, 0.1],
    };

    #[test]
    fn nothing_is_inside_far_from_the_box_and_the_field_is_left_alone_near_it() {
        let field = BoundedBelow::new(Constant(-0.3), &BOX);
        let points = [
            [0.0; 3],
            [0.9, 0.5, 0.1],
            [0.93, 0.0, 0.0],
            [0.99, 0.0, 0.0],
        ];
        let mut values = [0.0; 4];
        field.values(&points, &mut values);
        assert_eq!(values[..3], [-0.3; 3]);
        assert!((values[3] - (0.09 - SLACK)).abs() < 1e-6, "{}", values[3]);
    }

    #[test]
    fn what_is_larger_already_stays() {
        let field = BoundedBelow::new(Constant(5.0), &BOX);
        let (mut values, mut gradients) = ([0.0], [[1.0; 3]]);
        field.values_and_gradients(&[[1.0, 1.0, 1.0]], &mut values, &mut gradients);
        assert_eq!((values, gradients), ([5.0], [[0.0; 3]]));
    }

    #[test]
    fn gradients_match_differences() {
        let field = BoundedBelow::new(Constant(-1.0), &BOX);
        let points = [[1.2, 0.1, 0.0], [1.2, -0.9, 0.3], [0.1, 0.2, 2.0]];
        let (mut values, mut gradients) = ([0.0; 3], [[0.0; 3]; 3]);
        field.values_and_gradients(&points, &mut values, &mut gradients);
        for (point, gradient) in points.iter().zip(gradients) {
            for axis in 0..3 {
                let mut ends = [*point; 2];
                ends[0][axis] -= 1e-3;
                ends[1][axis] += 1e-3;
                let mut at_ends = [0.0; 2];
                field.values(&ends, &mut at_ends);
                let difference = (at_ends[1] - at_ends[0]) / 2e-3;
                assert!((difference - gradient[axis]).abs() < 2e-3);
            }
        }
    }
}
