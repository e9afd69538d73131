//! Positional encoding (Mildenhall et al. 2020, "NeRF: representing scenes as neural radiance fields for view synthesis").

use serde::{Deserialize, Serialize};

use super::formula::FeatureFormula;
use super::{Parts, PositionEncoding, Setting};

/// `sin 2ᵏπx` and `cos 2ᵏπx` of each coordinate `x`, for `k` from 0: 6 features an octave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Positional {
    /// Values of `k`.
    pub octaves: u32,
}

impl Default for Positional {
    fn default() -> Self {
        Positional { octaves: 6 }
    }
}

impl PositionEncoding for Positional {
    fn parts(&self) -> Parts {
        let mut rows = Vec::new();
        for octave in 0..self.octaves {
            for phase in [0.0, 0.25] {
                for axis in 0..3 {
                    let mut row = [0.0, 0.0, 0.0, phase];
                    row[axis] = (octave as f32 - 1.0).exp2();
                    rows.push(row);
                }
            }
        }
        Parts::formula(FeatureFormula::Wave, rows)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::whole("octaves", self.octaves, 1, 12)]
    }

    fn words(&self) -> String {
        format!("positional {}", self.octaves)
    }
}
