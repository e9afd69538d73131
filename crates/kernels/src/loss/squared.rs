//! `e²`: large errors count most.

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `e²`: large errors count most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Squared {
    /// Its share in the sum.
    pub weight: f32,
}

impl Default for Squared {
    fn default() -> Self {
        Squared {
            weight: 1.0,
        }
    }
}

impl LossTerm for Squared {
    const NEEDS: Needs = Needs::Error;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        a.mul(&sample.error, &sample.error)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::positive("weight", self.weight, MOST_WEIGHT)]
    }
}
