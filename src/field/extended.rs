//! A field that is defined everywhere, made from a network that was trained in the unit frame only.

use super::scalar_field::ScalarField;

/// Continues a field beyond the cube `[-1, 1]³` that it was trained in.
///
/// Outside, the value is the field's at the nearest point of the cube plus the distance to it: continuous, positive where
/// the border is, and never less than the true distance would allow by the triangle inequality's lower bound. A network
/// asked outside its training would answer at random instead.
pub struct Extended<F>(pub F);

/// The nearest point of the cube and the way from it to `point`.
fn clamped(point: [f32; 3]) -> ([f32; 3], [f32; 3]) {
    let nearest = point.map(|x| x.clamp(-1.0, 1.0));
    (
        nearest,
        std::array::from_fn(|axis| point[axis] - nearest[axis]),
    )
}

fn length(vector: [f32; 3]) -> f32 {
    vector.iter().map(|x| x * x).sum::<f32>().sqrt()
}

impl<F: std::ops::Deref<Target: ScalarField> + Sync> ScalarField for Extended<F> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        let nearest: Vec<[f32; 3]> = points.iter().map(|&p| clamped(p).0).collect();
        self.0.values(&nearest, values);
        for (value, &point) in values.iter_mut().zip(points) {
            *value += length(clamped(point).1);
        }
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        let nearest: Vec<[f32; 3]> = points.iter().map(|&p| clamped(p).0).collect();
        self.0.values_and_gradients(&nearest, values, gradients);
        for ((value, gradient), &point) in values.iter_mut().zip(gradients).zip(points) {
            let away = clamped(point).1;
            let distance = length(away);
            *value += distance;
            for axis in 0..3 {
                // Along a clamped axis the network's part stands still.
                if away[axis] != 0.0 {
                    gradient[axis] = away[axis] / distance;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x + 2 y + 3 z
    struct Plane;

    impl ScalarField for Plane {
        fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
            for (value, [x, y, z]) in values.iter_mut().zip(points) {
                *value = x + 2.0 * y + 3.0 * z;
            }
        }

        fn values_and_gradients(
            &self,
            points: &[[f32; 3]],
            values: &mut [f32],
            gradients: &mut [[f32; 3]],
        ) {
            self.values(points, values);
            gradients.fill([1.0, 2.0, 3.0]);
        }
    }

    #[test]
    fn inside_it_is_the_field_and_outside_its_gradient_matches_differences() {
        let field = Extended(&Plane);
        let points = [[0.1, 0.2, 0.3], [1.5, 0.2, -2.0], [-3.0, 4.0, 0.5]];
        let (mut values, mut gradients) = ([0.0; 3], [[0.0; 3]; 3]);
        field.values_and_gradients(&points, &mut values, &mut gradients);
        assert!((values[0] - 1.4).abs() < 1e-6);
        let step = 1e-3;
        for (point, gradient) in points.iter().zip(gradients) {
            for axis in 0..3 {
                let mut ends = [*point; 2];
                ends[0][axis] -= step;
                ends[1][axis] += step;
                let mut at_ends = [0.0; 2];
                field.values(&ends, &mut at_ends);
                let difference = (at_ends[1] - at_ends[0]) / (2.0 * step);
                assert!((difference - gradient[axis]).abs() < 5e-3);
            }
        }
    }
}
