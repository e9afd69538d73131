//! `ln(1 + exp(-s f / w))` where the side `s` is 1 outside and -1 inside: the cross-entropy of a sigmoid of the value (Mescheder et al. 2019, "Occupancy networks").

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `ln(1 + exp(-s f / w))` where the side `s` is 1 outside and -1 inside: the cross-entropy of a sigmoid of the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Occupancy {
    /// Its share in the sum.
    pub weight: f32,
    /// The length `w` over which inside turns to outside, in the unit frame (longest side 1.8).
    pub width: f32,
}

impl Default for Occupancy {
    fn default() -> Self {
        Occupancy {
            weight: 0.01,
            width: 0.01,
        }
    }
}

impl LossTerm for Occupancy {
    const NEEDS: Needs = Needs::Distance;
    const NEEDS_SIGN: bool = true;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let value = sample.value(a);
        let side = sample.side(a);
        let scale = a.constant(-1.0 / f64::from(self.width));
        let steep = a.mul(&value, &scale);
        let power = a.mul(&steep, &side);
        // As max(p, 0) + ln(1 + exp(-|p|)), in which nothing overflows.
        let (zero, one) = (a.constant(0.0), a.constant(1.0));
        let size = a.abs(&power);
        let falling = a.negate(&size);
        let falling = a.exp(&falling);
        let sum = a.add(&one, &falling);
        let round = a.ln(&sum);
        let straight = a.max(&power, &zero);
        a.add(&straight, &round)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("width", self.width, 1.0),
        ]
    }
}
