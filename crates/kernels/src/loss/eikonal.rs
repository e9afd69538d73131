//! `(|∇f| - 1)²`: a distance changes as fast as one goes (Gropp et al. 2020, "Implicit geometric regularization for learning shapes").

use serde::{Deserialize, Serialize};

use super::sample::length;
use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `(|∇f| - 1)²`: a distance changes as fast as one goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Eikonal {
    /// Its share in the sum.
    pub weight: f32,
}

impl Default for Eikonal {
    fn default() -> Self {
        Eikonal {
            weight: 0.02,
        }
    }
}

impl LossTerm for Eikonal {
    const NEEDS: Needs = Needs::Gradient;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let slopes = sample.slopes(a);
        let length = length(a, &slopes);
        let one = a.constant(1.0);
        let error = a.sub(&length, &one);
        a.mul(&error, &error)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::positive("weight", self.weight, MOST_WEIGHT)]
    }
}
