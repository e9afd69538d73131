//! Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms").

use serde::{Deserialize, Serialize};

use super::{CONSTANTS, MOMENTS, UpdateRule};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// Moves by the learning rate against the sign of a mean gradient. It wants a rate some three to ten times lower than Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Lion {
    /// What the old mean weighs in the gradient whose sign is taken.
    pub beta1: f32,
    /// Decay of the mean gradient.
    pub beta2: f32,
    /// Share of a parameter that it loses a step, times the learning rate.
    pub weight_decay: f32,
}

impl Default for Lion {
    fn default() -> Self {
        Lion {
            beta1: 0.9,
            beta2: 0.99,
            weight_decay: 0.0,
        }
    }
}

impl UpdateRule for Lion {
    fn constants(&self, _step: u64, learning_rate: f64) -> [f64; CONSTANTS] {
        let [beta1, beta2] = [self.beta1, self.beta2].map(f64::from);
        let decay = learning_rate * f64::from(self.weight_decay);
        let (fresh1, fresh2) = (1.0 - beta1, 1.0 - beta2);
        [beta1, fresh1, beta2, fresh2, learning_rate, decay, 0.0, 0.0]
    }

    #[inline(always)]
    fn apply<A: Algebra>(
        a: &mut A,
        parameter: &A::Number,
        gradient: &A::Number,
        [mean, unused]: &[A::Number; MOMENTS],
        [beta1, fresh1, beta2, fresh2, rate, decay, _, _]: &[A::Number; CONSTANTS],
    ) -> (A::Number, [A::Number; MOMENTS]) {
        let old = a.mul(beta1, mean);
        let new = a.mul(fresh1, gradient);
        let direction = a.add(&old, &new);
        let zero = a.constant(0.0);
        let back = a.negate(rate);
        // Nothing where the direction is exactly 0.
        let falling = a.select_greater(&zero, &direction, &back, &zero);
        let change = a.select_greater(&direction, &zero, rate, &falling);
        let lost = a.mul(decay, parameter);
        let change = a.add(&change, &lost);
        let old = a.mul(beta2, mean);
        let new = a.mul(fresh2, gradient);
        let mean = a.add(&old, &new);
        (a.sub(parameter, &change), [mean, unused.clone()])
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::share("beta1", self.beta1),
            Setting::share("beta2", self.beta2),
            Setting::between("weight_decay", self.weight_decay, 0.0, 100.0),
        ]
    }
}
