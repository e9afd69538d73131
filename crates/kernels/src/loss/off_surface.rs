//! `exp(-k |f|)` off the surface: a field must not vanish there (Sitzmann et al. 2020, SIREN).

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `exp(-k |f|)` off the surface: a field must not vanish there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OffSurface {
    /// Its share in the sum.
    pub weight: f32,
    /// The rate `k` at which a value makes it less, per length of the unit frame (longest side 1.8).
    pub falloff: f32,
}

impl Default for OffSurface {
    fn default() -> Self {
        OffSurface {
            weight: 0.01,
            falloff: 100.0,
        }
    }
}

impl LossTerm for OffSurface {
    const NEEDS: Needs = Needs::Distance;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let value = sample.value(a);
        let size = a.abs(&value);
        let falloff = a.constant((-self.falloff).into());
        let power = a.mul(&falloff, &size);
        let penalty = a.exp(&power);
        let zero = a.constant(0.0);
        sample.on_surface(a, &zero, &penalty)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("falloff", self.falloff, 1e4),
        ]
    }
}
