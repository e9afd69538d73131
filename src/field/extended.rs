//! A field that is defined everywhere, made from a network that was trained in the unit frame only.

use super::outer_distance::OuterDistance;
use super::outer_surface::OuterSurface;
use super::scalar_field::ScalarField;

/// Continues a field beyond the cube `[-1, 1]³` that it was trained in: a network asked outside its training would answer
/// at random.
///
/// Beyond the cube the value is the distance `D` to the shape's [`OuterSurface`]. The field `f` is led over to it within the
/// last sixteenth below the border, where no shape has its surface: at a depth of `t` the value is `f + (1 - 16 t) (D - f)`. So
/// it is continuous, and beyond the border what the network does there has no part in it. The gradient is led over
/// likewise, to the direction from the nearest point of the shape, of length 1; that `D - f` fades is left out of it, since
/// the network's error is nothing to follow.
///
/// Without an outer surface the value is `f(q) + |p - q|` at a point `p` whose nearest point of the cube is `q`, which is
/// never less than the distance, but up to a third more.
pub struct Extended<F> {
    field: F,
    outer: Option<OuterDistance>,
}

/// How far below the border of the cube the outer surface has a part in the value.
pub(crate) const SHELL: f32 = 1.0 / 16.0;

impl<F: ScalarField> Extended<F> {
    /// `field` answers within the cube; `outer` is its shape's outer surface, if one is known.
    pub fn new(field: F, outer: Option<&OuterSurface>) -> Self {
        let outer = outer.map(OuterDistance::new);
        Self { field, outer }
    }

    fn evaluate(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        mut gradients: Option<&mut [[f32; 3]]>,
    ) {
        let Some(outer) = &self.outer else {
            return self.continue_by_the_border(points, values, gradients);
        };
        let within: Vec<usize> = (0..points.len())
            .filter(|&index| depth(points[index]) > 0.0)
            .collect();
        self.evaluate_some(points, &within, values, gradients.as_deref_mut());
        // Points deep within the cube, which most are, pay nothing.
        let shell: Vec<usize> = (0..points.len())
            .filter(|&index| depth(points[index]) < SHELL)
            .collect();
        let at = gathered(points, &shell);
        for (&index, distance) in shell.iter().zip(outer.distances(&at)) {
            let value = &mut values[index];
            *value = led_over(points[index], *value, distance);
        }
        if let Some(gradients) = gradients {
            for (&index, direction) in shell.iter().zip(outer.directions(&at)) {
                let gradient = gradients[index];
                gradients[index] = std::array::from_fn(|axis| {
                    led_over(points[index], gradient[axis], direction[axis])
                });
            }
        }
    }

    /// The value at the nearest point of the cube plus the distance to it.
    fn continue_by_the_border(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        mut gradients: Option<&mut [[f32; 3]]>,
    ) {
        let within: Vec<[f32; 3]> = points.iter().map(|&point| clamped(point)).collect();
        self.evaluate_within(&within, values, gradients.as_deref_mut());
        for (index, (&point, &nearest)) in points.iter().zip(&within).enumerate() {
            let away = distance(point, nearest);
            values[index] += away;
            if let Some(gradients) = &mut gradients {
                for axis in 0..3 {
                    // Along a clamped axis the field's part stands still.
                    if point[axis] != nearest[axis] {
                        gradients[index][axis] = (point[axis] - nearest[axis]) / away;
                    }
                }
            }
        }
    }

    /// Evaluates the field at some of the points, by their indices, which ascend.
    fn evaluate_some(
        &self,
        points: &[[f32; 3]],
        some: &[usize],
        values: &mut [f32],
        gradients: Option<&mut [[f32; 3]]>,
    ) {
        if some.len() == points.len() {
            return self.evaluate_within(points, values, gradients);
        }
        let at = gathered(points, some);
        let mut found = vec![0.0; at.len()];
        let mut found_gradients = gradients.as_ref().map(|_| vec![[0.0; 3]; at.len()]);
        self.evaluate_within(&at, &mut found, found_gradients.as_deref_mut());
        for (&index, value) in some.iter().zip(found) {
            values[index] = value;
        }
        if let (Some(gradients), Some(found)) = (gradients, found_gradients) {
            for (&index, gradient) in some.iter().zip(found) {
                gradients[index] = gradient;
            }
        }
    }

    fn evaluate_within(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: Option<&mut [[f32; 3]]>,
    ) {
        match gradients {
            Some(gradients) => self.field.values_and_gradients(points, values, gradients),
            None => self.field.values(points, values),
        }
    }
}

impl<F: ScalarField> ScalarField for Extended<F> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        self.evaluate(points, values, None);
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        self.evaluate(points, values, Some(gradients));
    }
}

/// From what the field says to what the outer surface does, at a point less than [`SHELL`] deep.
fn led_over(point: [f32; 3], field: f32, outer: f32) -> f32 {
    let depth = depth(point);
    if depth > 0.0 {
        return field + (1.0 - depth / SHELL) * (outer - field);
    }
    match outer.is_nan() {
        // There is no distance to a place whose square is not finite in `f32`.
        true => distance(point, clamped(point)),
        false => outer,
    }
}

/// How deep a point lies below the border of the cube; not positive on it and beyond.
fn depth(point: [f32; 3]) -> f32 {
    1.0 - point.iter().fold(0.0, |most: f32, x| most.max(x.abs()))
}

/// The nearest point of the cube.
fn clamped(point: [f32; 3]) -> [f32; 3] {
    point.map(|x| x.clamp(-1.0, 1.0))
}

fn distance(from: [f32; 3], to: [f32; 3]) -> f32 {
    let squares = (0..3).map(|axis| (to[axis] - from[axis]).powi(2));
    squares.sum::<f32>().sqrt()
}

fn gathered(points: &[[f32; 3]], indices: &[usize]) -> Vec<[f32; 3]> {
    indices.iter().map(|&index| points[index]).collect()
}

#[cfg(test)]
mod tests;
