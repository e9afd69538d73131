//! Named settings: what to choose when one does not want to choose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::budget::Budget;
use super::settings::{FitSettings, SampleShares, Sampling};
use crate::distance::SignPolicy;
use crate::field::{Degree, DeviceChoice, OuterDetail, Refinement};
use crate::loss::Loss;
use crate::network::{
    Activation, Architecture, Encoding, HashGrid, Identity, Mlp, Relu, Sine, Start,
};
use crate::optimizer::{Adam, Optimizer, Schedule, Update};
use crate::words::quoted;

/// A named choice of network, schedule and budget.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// A few seconds: a first look.
    Draft,
    /// The default: true to the shape, normals included, in seconds.
    #[default]
    Standard,
    /// Fine detail, a bigger file, minutes.
    Detail,
    /// Second derivatives that are continuous and true, for curvature: a cubic spline and a SIREN, in a small file.
    Smooth,
    /// The smallest file: a network alone, in 30 KB.
    Compact,
    /// A scan: what its points tell of the shape, and no more.
    Points,
}

/// A name that is no preset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown preset '{}': use draft, standard, detail, smooth, compact or points, or for a single fit auto",
    quoted(.0)
)]
pub struct UnknownPreset(pub String);

impl Preset {
    /// Every preset, in the order in which they are offered.
    pub const ALL: [Preset; 6] = [
        Preset::Draft,
        Preset::Standard,
        Preset::Detail,
        Preset::Smooth,
        Preset::Compact,
        Preset::Points,
    ];

    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Draft => "draft",
            Preset::Standard => "standard",
            Preset::Detail => "detail",
            Preset::Smooth => "smooth",
            Preset::Compact => "compact",
            Preset::Points => "points",
        }
    }

    /// One line for users.
    pub fn description(self) -> &'static str {
        match self {
            Preset::Draft => "A first look: coarse spline and small network",
            Preset::Standard => "True to the shape and its normals: spline and network",
            Preset::Detail => "Fine detail in a bigger file: fine spline and network",
            Preset::Smooth => "Continuous curvature in a small file: cubic spline and SIREN",
            Preset::Compact => "The smallest file, 30 KB, and a minute: one small network",
            Preset::Points => "For scans: all that their points tell, in half the bytes",
        }
    }

    /// Training time unless a budget is given.
    pub fn seconds(self) -> f64 {
        match self {
            Preset::Draft => 3.0,
            Preset::Standard => 10.0,
            Preset::Detail => 40.0,
            Preset::Smooth => 30.0,
            Preset::Compact => 60.0,
            Preset::Points => 5.0,
        }
    }

    /// The whole settings.
    pub fn settings(self) -> FitSettings {
        // What the spline of the exact distance leaves near the surface is beyond what a network of any size learns in the time
        // (measured); the network here mends what the spline leaves out far from the surface, and is small and coarse.
        let residual = |levels, log2_entries, finest_resolution, hidden_width| Architecture {
            encoding: Encoding::HashGrid(HashGrid {
                levels,
                features: 4,
                log2_entries,
                base_resolution: 8,
                finest_resolution,
                ..HashGrid::default()
            }),
            mlp: Mlp {
                hidden_width,
                hidden_layers: 2,
                activation: Activation::Relu(Relu {}),
                skip: 0,
            },
        };
        let siren = |hidden_width, hidden_layers| Architecture {
            encoding: Encoding::Identity(Identity {}),
            mlp: Mlp {
                hidden_width,
                hidden_layers,
                activation: Activation::Sine(Sine::default()),
                skip: 0,
            },
        };
        let refined = |finest, share, coefficients| {
            Some(Refinement {
                finest,
                share,
                coefficients,
                ..Refinement::default()
            })
        };
        let (spline, architecture) = match self {
            Preset::Draft => (refined(160, 0.12, 1 << 19), residual(4, 12, 64, 32)),
            Preset::Standard => (refined(320, 0.12, 1 << 21), residual(6, 13, 64, 64)),
            Preset::Detail => (refined(640, 0.07, 1 << 23), residual(6, 15, 128, 64)),
            // Finer splines are nearer to the facets of a mesh, and their curvature to that of facets.
            Preset::Smooth => {
                let cubic = Refinement {
                    degree: Degree::Cubic,
                    finest: 80,
                    ..Refinement::default()
                };
                (Some(cubic), siren(128, 3))
            }
            // Points tell no more than this holds, and of what they tell wrong it follows less (docs/point-clouds.md).
            Preset::Points => {
                let cubic = Refinement {
                    degree: Degree::Cubic,
                    finest: 160,
                    coefficients: 1 << 20,
                    ..Refinement::default()
                };
                (Some(cubic), residual(4, 12, 64, 32))
            }
            // In 30 KB a spline leaves more than this network does after some seconds (docs/studies.md).
            Preset::Compact => (None, siren(41, 4)),
        };
        let (batch_size, learning_rate) = match self {
            Preset::Draft | Preset::Standard | Preset::Points => (8192, 3e-3),
            Preset::Detail => (16_384, 3e-3),
            Preset::Smooth => (4096, 5e-4),
            Preset::Compact => (4096, 1.4e-3),
        };
        // Over a minute at its rate, a shorter memory of squares lets a SIREN's gradient go wild on some shapes.
        let update = match self {
            Preset::Compact => Update::Adam(Adam {
                beta2: 0.999,
                ..Adam::default()
            }),
            _ => Update::default(),
        };
        // A small network cannot do everything: it does what the surface asks for.
        let (near, uniform, near_sigma) = match self {
            Preset::Compact => (0.7, 0.1, 0.004),
            _ => (0.6, 0.2, 0.0056),
        };
        FitSettings {
            preset: self,
            preset_reason: None,
            spline,
            architecture,
            start: Start::default(),
            budget: Budget {
                seconds: Some(self.seconds()),
                ..Budget::default()
            },
            device: DeviceChoice::Auto,
            seed: 0,
            sign: SignPolicy::Auto,
            outer: match self {
                Preset::Compact => OuterDetail::Coarse,
                _ => OuterDetail::Fine,
            },
            loss: Loss::default(),
            optimizer: Optimizer {
                batch_size,
                update,
                matrices: None,
                learning_rate,
                schedule: Schedule::default(),
                final_share: 0.02,
                warm_up: 0.0,
                clip: None,
                average: 0.0,
                coarse_to_fine: 0.0,
            },
            sampling: Sampling {
                shares: SampleShares {
                    surface: 0.2,
                    near,
                    uniform,
                },
                near_sigma,
                narrowing: 1.0,
                by_curvature: 0.0,
                by_error: 0.0,
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
