//! `|e| / (|d| + w)`: the error as a share of the distance (Müller et al. 2022, instant-ngp).

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `|e| / (|d| + w)`: the error as a share of the distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Relative {
    /// Its share in the sum.
    pub weight: f32,
    /// The length `w` that keeps it finite on the surface, in the unit frame (longest side 1.8).
    pub floor: f32,
}

impl Default for Relative {
    fn default() -> Self {
        Relative {
            weight: 0.01,
            floor: 0.01,
        }
    }
}

impl LossTerm for Relative {
    const NEEDS: Needs = Needs::Distance;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let size = a.abs(&sample.error);
        let away = a.abs(&sample.distance);
        let floor = a.constant(self.floor.into());
        let scale = a.add(&away, &floor);
        a.div(&size, &scale)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("floor", self.floor, 1.0),
        ]
    }
}
