//! `|∇f - ∇d|²`: direction and length of the gradient (Czarnecki et al. 2017, "Sobolev training for neural networks").

use serde::{Deserialize, Serialize};

use super::sample::dot;
use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `|∇f - ∇d|²`: direction and length of the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GradientError {
    /// Its share in the sum.
    pub weight: f32,
}

impl Default for GradientError {
    fn default() -> Self {
        GradientError {
            weight: 0.02,
        }
    }
}

impl LossTerm for GradientError {
    const NEEDS: Needs = Needs::Gradient;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let squared = dot(a, &sample.slope_errors, &sample.slope_errors);
        let known = sample.has_gradient(a);
        a.mul(&known, &squared)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::positive("weight", self.weight, MOST_WEIGHT)]
    }
}
