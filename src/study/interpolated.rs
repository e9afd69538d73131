//! Values on a grid, interpolated between its samples: the field that a volume is to whoever reads it.

use rayon::prelude::*;

use crate::field::ScalarField;

/// Values at the samples of a grid, and some value beyond it.
pub(super) trait Samples: Sync {
    /// The value at the sample with this index.
    fn at(&self, index: [i64; 3]) -> f32;
}

/// Trilinear interpolation, and its gradient within each cell.
pub(super) struct Interpolated<S> {
    pub samples: S,
    /// The sample with index `[0, 0, 0]`.
    pub origin: [f64; 3],
    /// Distance between neighbouring samples.
    pub step: f64,
}

impl<S: Samples> Interpolated<S> {
    fn value_and_gradient(&self, point: [f32; 3]) -> (f32, [f32; 3]) {
        let place: [f64; 3] =
            std::array::from_fn(|axis| (f64::from(point[axis]) - self.origin[axis]) / self.step);
        let low = place.map(|x| x.floor() as i64);
        let share: [f32; 3] = std::array::from_fn(|axis| (place[axis] - low[axis] as f64) as f32);
        let (mut value, mut gradient) = (0.0, [0.0; 3]);
        for corner in 0..8usize {
            let high: [bool; 3] = std::array::from_fn(|axis| corner >> axis & 1 == 1);
            let at = std::array::from_fn(|axis| low[axis].saturating_add(high[axis].into()));
            let sample = self.samples.at(at);
            let weights: [f32; 3] = std::array::from_fn(|axis| match high[axis] {
                true => share[axis],
                false => 1.0 - share[axis],
            });
            value += sample * weights[0] * weights[1] * weights[2];
            for axis in 0..3 {
                let across = weights[(axis + 1) % 3] * weights[(axis + 2) % 3];
                gradient[axis] += match high[axis] {
                    true => sample * across,
                    false => -sample * across,
                };
            }
        }
        let per_step = self.step.recip() as f32;
        (value, gradient.map(|slope| slope * per_step))
    }
}

impl<S: Samples> ScalarField for Interpolated<S> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        assert_eq!(points.len(), values.len(), "one value a point");
        let pairs = points.par_iter().zip(values);
        pairs.for_each(|(&point, value)| *value = self.value_and_gradient(point).0);
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        assert_eq!(points.len(), values.len(), "one value a point");
        assert_eq!(points.len(), gradients.len(), "one gradient a point");
        let answers = points.par_iter().zip(values).zip(gradients);
        answers.for_each(|((&point, value), gradient)| {
            (*value, *gradient) = self.value_and_gradient(point);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What trilinear interpolation gives back exactly.
    struct Product;

    fn product([x, y, z]: [f64; 3]) -> f64 {
        1.0 + 2.0 * x - y + 3.0 * z + x * y - 2.0 * y * z + 0.5 * x * y * z
    }

    const ORIGIN: [f64; 3] = [-0.5, 0.25, -1.0];
    const STEP: f64 = 0.125;

    impl Samples for Product {
        fn at(&self, index: [i64; 3]) -> f32 {
            let point = std::array::from_fn(|axis| ORIGIN[axis] + STEP * index[axis] as f64);
            product(point) as f32
        }
    }

    #[test]
    fn products_of_linear_functions_come_back_with_their_gradients() {
        let field = Interpolated {
            samples: Product,
            origin: ORIGIN,
            step: STEP,
        };
        let points = [[0.1, 0.2, -0.3], [-0.73, 0.9, 0.05], [0.5, 0.26, -0.99]];
        let (mut values, mut gradients) = ([0.0; 3], [[0.0; 3]; 3]);
        field.values_and_gradients(&points, &mut values, &mut gradients);
        let mut alone = [0.0; 3];
        field.values(&points, &mut alone);
        assert_eq!(alone, values);
        for (index, point) in points.iter().enumerate() {
            let [x, y, z] = point.map(f64::from);
            let exact = [
                2.0 + y + 0.5 * y * z,
                -1.0 + x - 2.0 * z + 0.5 * x * z,
                3.0 - 2.0 * y + 0.5 * x * y,
            ];
            assert!((f64::from(values[index]) - product([x, y, z])).abs() < 1e-5);
            for axis in 0..3 {
                let found = f64::from(gradients[index][axis]);
                assert!((found - exact[axis]).abs() < 1e-4, "{found}, {exact:?}");
            }
        }
    }
}
