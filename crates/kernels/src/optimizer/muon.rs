//! Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): a matrix moves by the orthogonal matrix nearest to its mean
//! gradient, so that every direction in it learns at the same rate.

use serde::{Deserialize, Serialize};

use crate::setting::Setting;

/// How matrices between hidden layers move, in the place of the rule for single parameters.
///
/// They move against `0.2 √max(rows, columns)` times the orthogonal factor: as far in the mean as Adam would move them, so that one learning rate
/// suits both (Liu et al. 2025, "Muon is scalable for LLM training").
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Muon {
    /// Decay of the sum of gradients.
    pub momentum: f32,
    /// Times the learning rate.
    pub rate: f32,
    /// Share of a parameter that it loses a step, times the learning rate.
    pub weight_decay: f32,
}

impl Default for Muon {
    fn default() -> Self {
        Muon {
            momentum: 0.95,
            rate: 1.0,
            weight_decay: 0.0,
        }
    }
}

impl Muon {
    /// Steps of the iteration that leads a matrix to its orthogonal factor.
    pub const ITERATIONS: usize = 5;

    /// Of `a X + b (X Xᵀ) X + c (X Xᵀ)² X`, by Jordan et al.: singular values from 0.01 to 1 come to lie between 0.68 and 1.14.
    pub const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];

    /// How far a matrix moves by its orthogonal factor, at a learning rate.
    pub fn length(&self, [rows, columns]: [usize; 2], learning_rate: f64) -> f64 {
        0.2 * (rows.max(columns) as f64).sqrt() * f64::from(self.rate) * learning_rate
    }

    pub(super) fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::share("matrices.momentum", self.momentum),
            Setting::positive("matrices.rate", self.rate, 100.0),
            Setting::between("matrices.weight_decay", self.weight_decay, 0.0, 100.0),
        ]
    }
}
