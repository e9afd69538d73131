//! `|clamp(f, ±w) - clamp(d, ±w)|`: nothing is learned far from the surface (Park et al. 2019, DeepSDF).

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `|clamp(f, ±w) - clamp(d, ±w)|`: nothing is learned far from the surface.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clamped {
    /// Its share in the sum.
    pub weight: f32,
    /// Distances from here on are alike, in the unit frame (longest side 1.8).
    pub width: f32,
}

impl Default for Clamped {
    fn default() -> Self {
        Clamped {
            weight: 1.0,
            width: 0.1,
        }
    }
}

impl LossTerm for Clamped {
    const NEEDS: Needs = Needs::Distance;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let width = a.constant(self.width.into());
        let value = sample.value(a);
        let value = clamped(a, &value, &width);
        let distance = clamped(a, &sample.distance, &width);
        let error = a.sub(&value, &distance);
        a.abs(&error)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("width", self.width, 4.0),
        ]
    }
}

/// `x`, but no farther from 0 than `width`.
#[inline(always)]
fn clamped<A: Algebra>(a: &mut A, x: &A::Number, width: &A::Number) -> A::Number {
    let low = a.negate(width);
    let raised = a.max(x, &low);
    a.select_greater(&raised, width, width, &raised)
}
