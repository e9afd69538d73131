//! Derivatives of a field that is smoothed on purpose.

use crate::field::ScalarField;

/// Directions to the faces, edges and corners of a cube with the weights of their rule of degree 7 on the sphere (Lebedev 1976): the
/// weights of all 26 add up to 1.
const FACES: f64 = 1.0 / 21.0;
const EDGES: f64 = 4.0 / 105.0;
const CORNERS: f64 = 9.0 / 280.0;

/// The gradients `[N, 3]` and the second derivatives `[N, 6]` (xx, xy, xz, yy, yz, zz) of the mean of `field` over the ball of `radius`
/// around each of the points `[N, 3]`; unit frame.
///
/// By the divergence theorem the mean of a derivative over a ball is `3 / radius` times the mean, over its surface, of what is derived
/// times the outward normal. So gradients come from values and second derivatives from gradients, kinks and jumps within the ball
/// counted, and both are those of one smooth field.
pub(super) fn means_over_balls(
    field: &dyn ScalarField,
    points: &[[f32; 3]],
    radius: f32,
) -> (Vec<[f64; 3]>, Vec<[f64; 6]>) {
    let mut means = vec![[0.0; 3]; points.len()];
    let mut seconds = vec![[0.0; 6]; points.len()];
    let mut values = vec![0.0; points.len()];
    let mut gradients = vec![[0.0; 3]; points.len()];
    let mut moved = points.to_vec();
    for (direction, weight) in directions() {
        let away = direction.map(|x| x as f32 * radius);
        for (moved, point) in moved.iter_mut().zip(points) {
            *moved = std::array::from_fn(|axis| point[axis] + away[axis]);
        }
        field.values_and_gradients(&moved, &mut values, &mut gradients);
        let factor = direction.map(|x| 3.0 * weight * x / f64::from(radius));
        let sums = means.iter_mut().zip(&mut seconds);
        for ((mean, second), (&value, gradient)) in sums.zip(values.iter().zip(&gradients)) {
            let gradient = gradient.map(f64::from);
            for (sum, factor) in mean.iter_mut().zip(factor) {
                *sum += factor * f64::from(value);
            }
            let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
            for (sum, (row, column)) in second.iter_mut().zip(pairs) {
                let both = factor[row] * gradient[column] + factor[column] * gradient[row];
                *sum += 0.5 * both;
            }
        }
    }
    (means, seconds)
}

fn directions() -> impl Iterator<Item = ([f64; 3], f64)> {
    let places = (0..27).map(|i| [i / 9, i / 3 % 3, i % 3].map(|c| f64::from(c - 1)));
    places.filter_map(|place| {
        let square: f64 = place.iter().map(|x| x * x).sum();
        let weight = match square as u32 {
            0 => return None,
            1 => FACES,
            2 => EDGES,
            _ => CORNERS,
        };
        Some((place.map(|x| x / square.sqrt()), weight))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `f` with its gradient.
    struct Known<F>(F);

    impl<F: Fn([f64; 3]) -> (f64, [f64; 3]) + Sync> ScalarField for Known<F> {
        fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
            let mut gradients = vec![[0.0; 3]; points.len()];
            self.values_and_gradients(points, values, &mut gradients);
        }

        fn values_and_gradients(
            &self,
            points: &[[f32; 3]],
            values: &mut [f32],
            gradients: &mut [[f32; 3]],
        ) {
            for (index, point) in points.iter().enumerate() {
                let (value, gradient) = (self.0)(point.map(f64::from));
                values[index] = value as f32;
                gradients[index] = gradient.map(|x| x as f32);
            }
        }
    }

    #[test]
    fn a_cubic_has_its_own_second_derivatives() {
        // Those of a cubic are linear, so their mean over a ball is that at its centre.
        let field = Known(|[x, y, z]: [f64; 3]| {
            (
                x * x * y - 2.0 * y * z + 0.5 * z * z * z,
                [2.0 * x * y, x * x - 2.0 * z, -2.0 * y + 1.5 * z * z],
            )
        });
        let (x, y, z) = (0.3, -0.2, 0.4);
        let radius = 0.05;
        let (gradients, seconds) =
            means_over_balls(&field, &[[x as f32, y as f32, z as f32]], radius);
        let expected = [2.0 * y, 2.0 * x, 0.0, 0.0, -2.0, 3.0 * z];
        for (found, expected) in seconds[0].into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
        }
        // The mean of x² over a ball is that at its centre and radius²/5.
        let fifth = f64::from(radius).powi(2) / 5.0;
        let expected = [
            2.0 * x * y,
            x * x + fifth - 2.0 * z,
            -2.0 * y + 1.5 * (z * z + fifth),
        ];
        for (found, expected) in gradients[0].into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_kink_is_counted_with_its_share_of_the_ball() {
        // |x| bends by 2 in the plane x = 0, of which a ball about it holds π r² of 4/3 π r³.
        let field = Known(|[x, _, _]: [f64; 3]| (x.abs(), [x.signum(), 0.0, 0.0]));
        let (_, seconds) = means_over_balls(&field, &[[1e-6, 0.0, 0.0]], 0.1);
        // What the rule makes of a jump across its middle is right to a tenth.
        assert!((seconds[0][0] / 15.0 - 1.0).abs() < 0.1, "{seconds:?}");
    }
}
