//! `exp(-k |d|) |e|`: the surface counts most (Davies et al. 2020, "On the effectiveness of weight-encoded neural implicit 3D shapes").

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `exp(-k |d|) |e|`: the surface counts most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Importance {
    /// Its share in the sum.
    pub weight: f32,
    /// The rate `k` at which distance makes less of an error, per length of the unit frame (longest side 1.8).
    pub falloff: f32,
}

impl Default for Importance {
    fn default() -> Self {
        Importance {
            weight: 1.0,
            falloff: 20.0,
        }
    }
}

impl LossTerm for Importance {
    const NEEDS: Needs = Needs::Distance;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let away = a.abs(&sample.distance);
        let falloff = a.constant((-self.falloff).into());
        let power = a.mul(&falloff, &away);
        let importance = a.exp(&power);
        let size = a.abs(&sample.error);
        a.mul(&importance, &size)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("falloff", self.falloff, 1e4),
        ]
    }
}
