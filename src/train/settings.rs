//! What to train, on what, and for how long.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::budget::Budget;
use super::preset::Preset;
use crate::backend::Summation;
use crate::distance::SignPolicy;
use crate::field::{DeviceChoice, OuterDetail, Refinement};
use crate::loss::{Loss, LossError};
use crate::network::{Architecture, ArchitectureError, Start};
use crate::optimizer::{Optimizer, OptimizerError};
use crate::setting::{Setting, check};

/// Everything that decides a fit. [`Preset::settings`] is where to start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FitSettings {
    /// The preset that these settings started from.
    pub preset: Preset,
    /// Why that one, where it was chosen by the mesh.
    #[serde(skip)]
    pub preset_reason: Option<String>,
    /// The spline that the network corrects; none for a network alone.
    #[serde(default)]
    pub spline: Option<Refinement>,
    /// The network.
    pub architecture: Architecture,
    /// What the network is before training.
    #[serde(default)]
    pub start: Start,
    /// When to stop.
    pub budget: Budget,
    /// Where to run.
    #[serde(skip)]
    pub device: DeviceChoice,
    /// Decides the first parameters and every sample.
    pub seed: u64,
    /// How inside and outside are told apart.
    pub sign: SignPolicy,
    /// How closely distances beyond the unit frame are kept: what the model's file has for it.
    #[serde(default)]
    pub outer: OuterDetail,
    /// What is minimised.
    pub loss: Loss,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Where the samples lie.
    pub sampling: Sampling,
}

/// Where training samples lie and how long they are used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sampling {
    /// Weights of the three kinds; normalised to sum to 1.
    pub shares: SampleShares,
    /// Standard deviation of near samples about the surface, per axis; longest side 1. Half of them use this width, half
    /// four times it.
    pub near_sigma: f64,
    /// Width of near samples at the end of the budget, as a share of that at its start.
    #[serde(default = "one")]
    pub narrowing: f64,
    /// Share of the samples on and near the surface that is spread by how much the surface bends instead of by its area.
    #[serde(default)]
    pub by_curvature: f64,
    /// Share of the samples off the surface that is chosen, each out of four, by the error of the field as it is: the larger it is,
    /// the likelier.
    #[serde(default)]
    pub by_error: f64,
    /// Most samples kept at a time; the oldest are replaced.
    pub pool_size: u32,
    /// Fresh samples a step, as a share of the batch: the rest is drawn again from the pool.
    pub fresh_share: f64,
}

fn one() -> f64 {
    1.0
}

/// Weights of the kinds of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SampleShares {
    /// On the surface, distance 0.
    pub surface: f64,
    /// Near the surface.
    pub near: f64,
    /// Anywhere in the unit frame.
    pub uniform: f64,
}

/// Largest share of samples that is spread by curvature: every part and every plain face is to have some.
const MOST_BY_CURVATURE: f32 = 0.8;

/// Most weight of a kind of samples.
const MOST_WEIGHT: f32 = 1e6;

/// Most parameters of a network. Training keeps each with two moments and a gradient a thread.
const MOST_PARAMETERS: usize = 1 << 25;

/// Settings that cannot be trained with.
#[derive(Debug, Error, PartialEq)]
pub enum SettingsError {
    /// A value is out of range.
    #[error("{field} is {value}: it must be {requirement}")]
    OutOfRange {
        /// The setting's name, such as `sampling.pool_size`.
        field: String,
        /// What it was.
        value: String,
        /// What it must be.
        requirement: String,
    },
    /// The network cannot start like that.
    #[error("start is {start}: {requirement}")]
    Start {
        /// What it was to be.
        start: &'static str,
        /// What that takes.
        requirement: &'static str,
    },
    /// Nothing would end the fit.
    #[error("the fit has no end: set seconds or steps")]
    NoBudget,
    /// The network cannot be built.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The loss cannot be made small.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// Parameters cannot be moved like that.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
}

impl FitSettings {
    /// How gradients are summed. A budget in seconds ends wherever the machine is by then: no bits are there to be kept.
    pub(super) fn summation(&self) -> Summation {
        match self.budget.seconds {
            None => Summation::Exact,
            Some(_) => Summation::Fast,
        }
    }

    /// Checks that the network can start as is wanted.
    fn check_start(&self) -> Result<(), SettingsError> {
        let refused = |requirement| SettingsError::Start {
            start: "sphere",
            requirement,
        };
        match self.start {
            Start::Random => Ok(()),
            Start::Sphere if self.spline.is_some() => Err(refused(
                "a spline knows the shape already, and the network starts from nothing: set spline=none or start=random",
            )),
            Start::Sphere if !self.architecture.can_be_a_sphere() => Err(refused(
                "it needs an activation such as relu, softplus, silu or gelu, and an encoding with the position itself in it, such as identity",
            )),
            Start::Sphere => Ok(()),
        }
    }

    /// Its numbers that belong to no other part, by where they are.
    pub(super) fn numbers(&self) -> Vec<(&'static str, Vec<Setting>)> {
        let spline = self.spline.iter().flat_map(Refinement::settings);
        vec![
            ("budget", self.budget.settings()),
            ("sampling", self.sampling.settings()),
            ("sampling.shares", self.sampling.shares.settings()),
            ("spline", spline.collect()),
        ]
    }

    /// Checks every value.
    ///
    /// # Errors
    /// Names the first setting that is out of range and says what it must be.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.architecture.validate()?;
        let parameters = self.architecture.parameter_count();
        if parameters > MOST_PARAMETERS {
            return Err(SettingsError::OutOfRange {
                field: "architecture".to_owned(),
                value: format!("{parameters} parameters"),
                requirement: "at most 33554432, for which training takes about a gigabyte"
                    .to_owned(),
            });
        }
        self.check_start()?;
        self.loss.validate(self.sign != SignPolicy::None)?;
        self.optimizer.validate()?;
        if self.budget.seconds.is_none() && self.budget.steps.is_none() {
            return Err(SettingsError::NoBudget);
        }
        for (place, numbers) in self.numbers() {
            check(&numbers).map_err(|refused| SettingsError::OutOfRange {
                field: format!("{place}.{}", refused.name),
                value: refused.value,
                requirement: refused.requirement,
            })?;
        }
        self.check_together()
    }

    /// Checks what values have to be beside others.
    fn check_together(&self) -> Result<(), SettingsError> {
        let refused = |field: &str, value: String, requirement: String| {
            Err(SettingsError::OutOfRange {
                field: field.to_owned(),
                value,
                requirement,
            })
        };
        let shares = &self.sampling.shares;
        if shares.surface + shares.near + shares.uniform <= 0.0 {
            let requirement = "positive in one at least".to_owned();
            return refused("sampling.shares", "0".to_owned(), requirement);
        }
        let (pool, batch) = (self.sampling.pool_size, self.optimizer.batch_size);
        if pool < batch {
            let requirement = format!("at least optimizer.batch_size, which is {batch}");
            return refused("sampling.pool_size", pool.to_string(), requirement);
        }
        let Some(spline) = &self.spline else {
            return Ok(());
        };
        if spline.finest < spline.coarsest {
            let requirement = format!("at least spline.coarsest, which is {}", spline.coarsest);
            return refused("spline.finest", spline.finest.to_string(), requirement);
        }
        let nodes = (spline.coarsest + 3).pow(3);
        if spline.coefficients < nodes {
            let requirement = format!("at least {nodes}, the nodes of the coarsest level");
            let value = spline.coefficients.to_string();
            return refused("spline.coefficients", value, requirement);
        }
        Ok(())
    }
}

impl Sampling {
    /// Its numbers.
    fn settings(&self) -> Vec<Setting> {
        let between = |name, value: f64, most| Setting::between(name, value as f32, 0.0, most);
        vec![
            Setting::positive("near_sigma", self.near_sigma as f32, 1.0),
            Setting::positive("narrowing", self.narrowing as f32, 1.0),
            between("by_curvature", self.by_curvature, MOST_BY_CURVATURE),
            between("by_error", self.by_error, 1.0),
            Setting::whole("pool_size", self.pool_size, 16, 1 << 24),
            between("fresh_share", self.fresh_share, 1.0),
        ]
    }
}

impl SampleShares {
    /// Its numbers.
    fn settings(&self) -> Vec<Setting> {
        let weight = |name, value: f64| Setting::between(name, value as f32, 0.0, MOST_WEIGHT);
        vec![
            weight("surface", self.surface),
            weight("near", self.near),
            weight("uniform", self.uniform),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Encoding;

    #[test]
    fn every_preset_is_valid_and_bad_values_are_named() {
        for preset in Preset::ALL {
            assert_eq!(preset.settings().validate(), Ok(()), "{preset}");
        }
        let refused = |change: fn(&mut FitSettings), word: &str| {
            let mut settings = Preset::default().settings();
            change(&mut settings);
            let message = settings.validate().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        };
        refused(|s| s.budget = Budget::default(), "no end");
        refused(|s| s.budget.seconds = Some(f64::NAN), "seconds is NaN");
        refused(|s| s.budget.steps = Some(0), "steps is 0");
        refused(|s| s.optimizer.batch_size = 0, "batch_size is 0");
        refused(|s| s.sampling.shares.near = -1.0, "shares");
        refused(
            |s| {
                if let Encoding::HashGrid(grid) = &mut s.architecture.encoding {
                    (grid.levels, grid.log2_entries, grid.finest_resolution) = (32, 20, 2047);
                }
            },
            "parameters",
        );
        refused(
            |s| s.spline.as_mut().unwrap().finest = 2048,
            "spline.finest is 2048",
        );
        refused(
            |s| s.sampling.by_curvature = 0.9,
            "sampling.by_curvature is 0.9",
        );
        refused(|s| s.sampling.by_error = -0.1, "sampling.by_error is -0.1");
        refused(|s| s.sampling.narrowing = 0.0, "sampling.narrowing is 0");
        refused(
            |s| s.spline.as_mut().unwrap().coefficients = 10,
            "spline.coefficients is 10",
        );
        refused(
            |s| s.spline.as_mut().unwrap().tolerance = f64::NAN,
            "spline.tolerance",
        );
    }
}
