//! `max(0, w - s f)` where the side `s` is 1 outside and -1 inside: the value's sign and nothing else (the hinge of Cortes and Vapnik 1995).

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `max(0, w - s f)` where the side `s` is 1 outside and -1 inside: the value's sign and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Side {
    /// Its share in the sum.
    pub weight: f32,
    /// Values of the right sign count from here on, in the unit frame (longest side 1.8).
    pub margin: f32,
}

impl Default for Side {
    fn default() -> Self {
        Side {
            weight: 1.0,
            margin: 1e-3,
        }
    }
}

impl LossTerm for Side {
    const NEEDS: Needs = Needs::Distance;
    const NEEDS_SIGN: bool = true;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let value = sample.value(a);
        let side = sample.side(a);
        let right = a.mul(&side, &value);
        let margin = a.constant(self.margin.into());
        let missing = a.sub(&margin, &right);
        let zero = a.constant(0.0);
        let missing = a.max(&missing, &zero);
        sample.on_surface(a, &zero, &missing)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("margin", self.margin, 1.0),
        ]
    }
}
