//! One step of Newton's method from a point towards a level set, along the gradient.
//!
//! It is what extraction, projected points, integrals over a surface and samples of a field's surface have in common; how far a step may lead and
//! when enough were made is theirs. Roots along a line (a ray, an edge of a grid) are another matter: they lie between two ends that are known.
//!
//! Source: the first-order distance to an implicit surface, `f / |∇f|` (Taubin 1994, "Distance approximations for rasterizing implicit curves").

use crate::geometry::vector::length;

/// A gradient shorter than this leads nowhere.
const FLAT: f64 = 1e-6;

/// Where a field's value and gradient at a point say that its level set is: on the line along the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NewtonStep {
    /// The gradient's length, 1 for a distance.
    pub steepness: f64,
    /// The gradient at unit length, which is the level set's normal.
    pub direction: [f64; 3],
    /// How far along `direction` the point is from the level set; negative within it.
    pub off: f64,
}

impl NewtonStep {
    /// `value` is relative to the level. `None` where the gradient leads nowhere, or one of the two is not finite.
    pub(crate) fn new(value: f64, gradient: [f64; 3]) -> Option<NewtonStep> {
        let steepness = length(gradient);
        let leads = value.is_finite() && steepness.is_finite() && steepness > FLAT;
        leads.then(|| NewtonStep {
            steepness,
            direction: gradient.map(|x| x / steepness),
            off: value / steepness,
        })
    }

    /// The way from the point to the level set, or the first `longest` of it.
    pub(crate) fn way(&self, longest: f64) -> [f64; 3] {
        let along = -self.off.clamp(-longest, longest);
        self.direction.map(|x| along * x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_reached_at_once_however_steep_and_no_step_is_longer_than_asked() {
        for steepness in [1e-5, 0.3, 1.0, 7e8] {
            // f(x) = steepness (x - 2)
            let gradient = [steepness, 0.0, 0.0];
            let step = NewtonStep::new(3.0 * steepness, gradient).unwrap();
            assert!((step.way(f64::INFINITY)[0] + 3.0).abs() < 1e-12);
            assert_eq!(step.way(0.5), [-0.5, 0.0, 0.0]);
        }
    }

    #[test]
    fn nothing_leads_nowhere() {
        assert_eq!(NewtonStep::new(1.0, [0.0; 3]), None);
        assert_eq!(NewtonStep::new(f64::NAN, [1.0; 3]), None);
        assert_eq!(NewtonStep::new(1.0, [f64::INFINITY, 0.0, 0.0]), None);
    }
}
