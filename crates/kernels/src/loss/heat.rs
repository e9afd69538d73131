//! `exp(-2 k |f|) (|∇f|² + 1) / 2`: the energy of heat that the surface gives off, which has no false zeros (Wang et al. 2025, HotSpot).

use serde::{Deserialize, Serialize};

use super::sample::dot;
use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `exp(-2 k |f|) (|∇f|² + 1) / 2`: the energy of heat that the surface gives off, which has no false zeros.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Heat {
    /// Its share in the sum.
    pub weight: f32,
    /// The rate `k` at which heat is absorbed, per length of the unit frame (longest side 1.8).
    pub absorption: f32,
}

impl Default for Heat {
    fn default() -> Self {
        Heat {
            weight: 0.01,
            absorption: 20.0,
        }
    }
}

impl LossTerm for Heat {
    const NEEDS: Needs = Needs::Gradient;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let value = sample.value(a);
        let size = a.abs(&value);
        let absorption = a.constant(-2.0 * f64::from(self.absorption));
        let power = a.mul(&absorption, &size);
        let heat = a.exp(&power);
        let slopes = sample.slopes(a);
        let squared = dot(a, &slopes, &slopes);
        let one = a.constant(1.0);
        let sum = a.add(&squared, &one);
        let half = a.constant(0.5);
        let energy = a.mul(&half, &sum);
        a.mul(&heat, &energy)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("absorption", self.absorption, 1e4),
        ]
    }
}
