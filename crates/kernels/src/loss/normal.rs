//! `1 - cos(∇f, n)` on the surface, whose normal is `n`; elsewhere 0 (Sitzmann et al. 2020, SIREN).

use serde::{Deserialize, Serialize};

use super::sample::{dot, length};
use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `1 - cos(∇f, n)` on the surface, whose normal is `n`; elsewhere 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NormalAlignment {
    /// Its share in the sum.
    pub weight: f32,
}

impl Default for NormalAlignment {
    fn default() -> Self {
        NormalAlignment {
            weight: 0.02,
        }
    }
}

impl LossTerm for NormalAlignment {
    const NEEDS: Needs = Needs::Gradient;
    const NEEDS_SIGN: bool = true;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let slopes = sample.slopes(a);
        let length = length(a, &slopes);
        let along = dot(a, &slopes, &sample.gradient);
        let cosine = a.div(&along, &length);
        // 1 where there is a normal.
        let known = sample.has_gradient(a);
        let turned = a.sub(&known, &cosine);
        let zero = a.constant(0.0);
        sample.on_surface(a, &turned, &zero)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::positive("weight", self.weight, MOST_WEIGHT)]
    }
}
