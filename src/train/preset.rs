//! Named settings: what to choose when one does not want to choose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::settings::{Budget, FitSettings, Optimizer, SampleShares, Sampling};
use crate::distance::SignPolicy;
use crate::field::{Activation, Architecture, DeviceChoice, Encoding, HashGrid, Loss, Mlp};

/// A named choice of network, schedule and budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// A few seconds: a first look.
    Draft,
    /// The default: true to the shape in half a minute.
    #[default]
    Standard,
    /// Fine detail, a bigger file, minutes.
    Detail,
    /// A SIREN: smooth everywhere, with derivatives of every order, in a small file; slow to train.
    Smooth,
}

/// A name that is no preset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown preset '{0}': use draft, standard, detail or smooth")]
pub struct UnknownPreset(pub String);

impl Preset {
    /// Every preset, in the order in which they are offered.
    pub const ALL: [Preset; 4] = [
        Preset::Draft,
        Preset::Standard,
        Preset::Detail,
        Preset::Smooth,
    ];

    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Draft => "draft",
            Preset::Standard => "standard",
            Preset::Detail => "detail",
            Preset::Smooth => "smooth",
        }
    }

    /// One line for users.
    pub fn description(self) -> &'static str {
        match self {
            Preset::Draft => "A first look in seconds: small hash grid",
            Preset::Standard => "True to the shape in half a minute: hash grid",
            Preset::Detail => "Fine detail in a bigger file: large hash grid",
            Preset::Smooth => "Smooth with exact derivatives in a small file, slow: SIREN",
        }
    }

    /// Training time unless a budget is given.
    pub fn seconds(self) -> f64 {
        match self {
            Preset::Draft => 5.0,
            Preset::Standard => 30.0,
            Preset::Detail => 120.0,
            Preset::Smooth => 120.0,
        }
    }

    /// The whole settings.
    pub fn settings(self) -> FitSettings {
        let (log2_entries, finest_resolution) = match self {
            Preset::Draft => (13, 128),
            Preset::Standard | Preset::Smooth => (15, 256),
            Preset::Detail => (18, 512),
        };
        let hash_grid = Architecture {
            encoding: Encoding::HashGrid(HashGrid {
                levels: 8,
                features: 4,
                log2_entries,
                base_resolution: 8,
                finest_resolution,
            }),
            mlp: Mlp {
                hidden_width: 64,
                hidden_layers: 2,
                activation: Activation::Relu,
            },
        };
        let siren = Architecture {
            encoding: Encoding::Identity,
            mlp: Mlp {
                hidden_width: 128,
                hidden_layers: 3,
                activation: Activation::Sine {
                    first_omega: 30.0,
                    omega: 30.0,
                },
            },
        };
        let is_siren = self == Preset::Smooth;
        // Measured on the Armadillo over 2 to 20 seconds: small tables gain from more and smaller steps; in a large one each
        // step has more to update, so fewer and larger ones are better.
        let (batch_size, learning_rate) = match self {
            Preset::Draft => (8192, 5e-3),
            Preset::Standard => (8192, 3e-3),
            Preset::Detail => (16_384, 5e-3),
            Preset::Smooth => (4096, 5e-4),
        };
        FitSettings {
            preset: self,
            architecture: if is_siren { siren } else { hash_grid },
            budget: Budget {
                seconds: Some(self.seconds()),
                ..Budget::default()
            },
            device: DeviceChoice::Auto,
            seed: 0,
            sign: SignPolicy::Auto,
            loss: Loss::L1,
            optimizer: Optimizer {
                batch_size,
                learning_rate,
                final_share: 0.02,
                beta1: 0.9,
                beta2: 0.99,
                epsilon: 1e-15,
            },
            sampling: Sampling {
                shares: SampleShares {
                    surface: 0.2,
                    near: 0.6,
                    uniform: 0.2,
                },
                near_sigma: 0.0056,
                pool_size: 1 << 20,
                fresh_share: 0.125,
            },
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        if name.is_empty() {
            return Ok(Preset::default());
        }
        Preset::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| UnknownPreset(name.to_owned()))
    }
}
