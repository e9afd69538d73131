//! Fourier features (Tancik et al. 2020, "Fourier features let networks learn high frequency functions in low dimensional
//! domains"), with frequencies of a low-discrepancy sequence, as Avron et al. 2016 choose them ("Quasi-Monte Carlo feature maps"):
//! they cover directions more evenly than drawn ones, and need no seed.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::formula::FeatureFormula;
use super::{Parts, PositionEncoding, Setting};

/// `sin πb·x` and `cos πb·x` for normally distributed vectors `b`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Fourier {
    /// Vectors `b`, with two features each.
    pub waves: u32,
    /// Standard deviation of the components of `b`: waves from side to side of `[-1, 1]³`.
    pub scale: f32,
}

impl Default for Fourier {
    fn default() -> Self {
        Fourier {
            waves: 128,
            scale: 2.0,
        }
    }
}

/// The real root of `x⁵ = x + 1`: its powers make the most even sequence in four dimensions (Roberts 2018, "The unreasonable
/// effectiveness of quasirandom sequences").
const ROOT: f64 = 1.167_303_978_261_418_7;

/// Three normally distributed numbers (Box and Muller 1958) of place `index` of the sequence.
fn normal(index: u32) -> [f64; 3] {
    let place = f64::from(index);
    let [a, b, c, d] = [1, 2, 3, 4].map(|power| (0.5 + place / ROOT.powi(power)).fract());
    let radius = |uniform: f64| (-2.0 * (1.0 - uniform).ln()).sqrt();
    [
        radius(a) * (TAU * b).cos(),
        radius(a) * (TAU * b).sin(),
        radius(c) * (TAU * d).cos(),
    ]
}

impl PositionEncoding for Fourier {
    fn parts(&self) -> Parts {
        let scale = f64::from(self.scale);
        let mut rows = Vec::new();
        for index in 0..self.waves {
            let [x, y, z] = normal(index).map(|b| (0.5 * scale * b) as f32);
            rows.extend([[x, y, z, 0.0], [x, y, z, 0.25]]);
        }
        Parts::formula(FeatureFormula::Wave, rows)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::whole("waves", self.waves, 1, 512),
            Setting::positive("scale", self.scale, 1000.0),
        ]
    }

    fn words(&self) -> String {
        format!("fourier {} {}", self.waves, self.scale)
    }
}
