//! Adam (Kingma and Ba 2015, "Adam: a method for stochastic optimization"), with the decay of weights set apart as in AdamW (Loshchilov
//! and Hutter 2019, "Decoupled weight decay regularization").

use serde::{Deserialize, Serialize};

use super::{CONSTANTS, MOMENTS, UpdateRule};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// Moves by the mean gradient over the root of its mean square.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Adam {
    /// Decay of the mean gradient.
    pub beta1: f32,
    /// Decay of the mean square.
    pub beta2: f32,
    /// Added to the root of the mean square.
    pub epsilon: f32,
    /// Share of a parameter that it loses a step, times the learning rate.
    pub weight_decay: f32,
}

impl Default for Adam {
    fn default() -> Self {
        Adam {
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-15,
            weight_decay: 0.0,
        }
    }
}

impl UpdateRule for Adam {
    fn constants(&self, step: u64, learning_rate: f64) -> [f64; CONSTANTS] {
        let [beta1, beta2] = [self.beta1, self.beta2].map(f64::from);
        // What undoes that a mean starts at 0.
        let undo = |beta: f64| 1.0 / (1.0 - beta.powf(step as f64));
        [
            beta1,
            1.0 - beta1,
            beta2,
            1.0 - beta2,
            self.epsilon.into(),
            learning_rate * undo(beta1),
            undo(beta2),
            learning_rate * f64::from(self.weight_decay),
        ]
    }

    #[inline(always)]
    fn apply<A: Algebra>(
        a: &mut A,
        parameter: &A::Number,
        gradient: &A::Number,
        [mean, square]: &[A::Number; MOMENTS],
        [beta1, fresh1, beta2, fresh2, epsilon, rate, undo2, decay]: &[A::Number; CONSTANTS],
    ) -> (A::Number, [A::Number; MOMENTS]) {
        let old = a.mul(beta1, mean);
        let new = a.mul(fresh1, gradient);
        let mean = a.add(&old, &new);
        let old = a.mul(beta2, square);
        let squared = a.mul(gradient, gradient);
        let new = a.mul(fresh2, &squared);
        let square = a.add(&old, &new);
        let undone = a.mul(&square, undo2);
        let root = a.sqrt(&undone);
        let below = a.add(&root, epsilon);
        let above = a.mul(rate, &mean);
        let change = a.div(&above, &below);
        let lost = a.mul(decay, parameter);
        let change = a.add(&change, &lost);
        (a.sub(parameter, &change), [mean, square])
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::share("beta1", self.beta1),
            Setting::share("beta2", self.beta2),
            Setting::positive("epsilon", self.epsilon, 1.0),
            Setting::between("weight_decay", self.weight_decay, 0.0, 100.0),
        ]
    }
}
