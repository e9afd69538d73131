//! `|e|`: the error's size, which outliers do not rule.

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `|e|`: the error's size, which outliers do not rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Absolute {
    /// Its share in the sum.
    pub weight: f32,
}

impl Default for Absolute {
    fn default() -> Self {
        Absolute {
            weight: 1.0,
        }
    }
}

impl LossTerm for Absolute {
    const NEEDS: Needs = Needs::Error;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        a.abs(&sample.error)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::positive("weight", self.weight, MOST_WEIGHT)]
    }
}
