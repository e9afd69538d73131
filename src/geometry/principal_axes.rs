//! The axes along which points are spread most and least.

use super::vector::minus;

/// Where points lie and how they are spread: their mean, and the axes of their covariance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrincipalAxes {
    /// Variances along the axes, ascending.
    pub variances: [f64; 3],
    /// Unit vectors at right angles to each other, one for each variance.
    pub axes: [[f64; 3]; 3],
}

impl PrincipalAxes {
    /// The axes of `points`; all variances are 0 for none.
    pub fn of(points: impl Iterator<Item = [f64; 3]> + Clone) -> PrincipalAxes {
        let mut count = 0.0;
        let mut mean = [0.0; 3];
        for point in points.clone() {
            count += 1.0;
            for (sum, x) in mean.iter_mut().zip(point) {
                *sum += x;
            }
        }
        mean = mean.map(|sum| sum / f64::max(count, 1.0));
        let mut covariance = [[0.0; 3]; 3];
        for point in points {
            let from_mean = minus(point, mean);
            for (row, x) in covariance.iter_mut().zip(from_mean) {
                for (entry, y) in row.iter_mut().zip(from_mean) {
                    *entry += x * y;
                }
            }
        }
        let covariance = covariance.map(|row| row.map(|sum| sum / f64::max(count, 1.0)));
        let (values, vectors) = eigenvectors(covariance);
        let mut order = [0, 1, 2];
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        PrincipalAxes {
            variances: order.map(|k| values[k].max(0.0)),
            axes: order.map(|k| vectors[k]),
        }
    }
}

/// Eigenvalues of a symmetric matrix and their unit vectors, by Jacobi's rotations: exact to rounding, whatever coincides.
pub(crate) fn eigenvectors(mut m: [[f64; 3]; 3]) -> ([f64; 3], [[f64; 3]; 3]) {
    const SWEEPS: usize = 12;
    let mut vectors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..SWEEPS {
        let off = m[0][1].abs() + m[0][2].abs() + m[1][2].abs();
        let on = m[0][0].abs() + m[1][1].abs() + m[2][2].abs();
        // Smaller numbers than this change no digit of the diagonal.
        if off <= 1e-18 * on {
            break;
        }
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if m[p][q] == 0.0 {
                continue;
            }
            let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
            let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let c = 1.0 / t.hypot(1.0);
            let s = t * c;
            for row in &mut m {
                (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
            }
            for k in 0..3 {
                (m[p][k], m[q][k]) = (c * m[p][k] - s * m[q][k], s * m[p][k] + c * m[q][k]);
                (vectors[p][k], vectors[q][k]) = (
                    c * vectors[p][k] - s * vectors[q][k],
                    s * vectors[p][k] + c * vectors[q][k],
                );
            }
        }
    }
    ([m[0][0], m[1][1], m[2][2]], vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::vector::dot;

    #[test]
    fn a_turned_box_of_points_has_the_axes_it_was_turned_to() {
        let axes = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]];
        let half = [1.0, 2.0, 0.5];
        let corners = (0..8).map(|corner| {
            let at = |k: usize| {
                if corner >> k & 1 == 0 {
                    half[k]
                } else {
                    -half[k]
                }
            };
            std::array::from_fn(|i| 5.0 + (0..3).map(|k| at(k) * axes[k][i]).sum::<f64>())
        });
        let found = PrincipalAxes::of(corners);
        for (variance, expected) in found.variances.into_iter().zip([0.25, 1.0, 4.0]) {
            assert!((variance - expected).abs() < 1e-12, "{found:?}");
        }
        for (axis, expected) in found.axes.into_iter().zip([axes[2], axes[0], axes[1]]) {
            assert!((dot(axis, expected).abs() - 1.0).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn one_point_and_none_have_no_spread() {
        assert_eq!(
            PrincipalAxes::of([[1.0, 2.0, 3.0]].into_iter()).variances,
            [0.0; 3]
        );
        assert_eq!(PrincipalAxes::of(std::iter::empty()).variances, [0.0; 3]);
    }
}
