//! The course of the learning rate.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The course of the learning rate over the budget.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It falls by the same factor in equal parts of the budget.
    #[default]
    Exponential,
    /// Half a wave of a cosine (Loshchilov and Hutter 2017).
    Cosine,
    /// It stays; the last share has no part in it.
    Constant,
}

impl Schedule {
    /// The rate as a share of the first, where so much of the budget is used (0 to 1) and `last` is where it leads to.
    pub(super) fn share(self, used: f64, last: f64) -> f64 {
        match self {
            Schedule::Exponential => last.powf(used),
            Schedule::Cosine => last + (1.0 - last) * 0.5 * (1.0 + (PI * used).cos()),
            Schedule::Constant => 1.0,
        }
    }
}
