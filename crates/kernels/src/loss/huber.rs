//! `e² / 2 w` up to a width `w`, beyond it `|e| - w / 2` (Huber 1964).

use serde::{Deserialize, Serialize};

use super::{LossTerm, MOST_WEIGHT, Needs, Sample};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `e² / 2 w` up to a width `w`, beyond it `|e| - w / 2`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Huber {
    /// Its share in the sum.
    pub weight: f32,
    /// Errors up to here count squared, in the unit frame (longest side 1.8).
    pub width: f32,
}

impl Default for Huber {
    fn default() -> Self {
        Huber {
            weight: 1.0,
            width: 1e-3,
        }
    }
}

impl LossTerm for Huber {
    const NEEDS: Needs = Needs::Error;

    #[inline(always)]
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number {
        let width = f64::from(self.width);
        let size = a.abs(&sample.error);
        let squared = a.mul(&size, &size);
        let scale = a.constant(0.5 / width);
        let small = a.mul(&squared, &scale);
        let half = a.constant(0.5 * width);
        let large = a.sub(&size, &half);
        let width = a.constant(width);
        a.select_greater(&size, &width, &large, &small)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("weight", self.weight, MOST_WEIGHT),
            Setting::positive("width", self.width, 1.0),
        ]
    }
}
