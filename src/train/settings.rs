//! What to train, on what, and for how long.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::budget::Budget;
use super::preset::Preset;
use crate::backend::Summation;
use crate::distance::SignPolicy;
use crate::field::{DeviceChoice, MOST_CELLS, OuterDetail, Refinement};
use crate::loss::{Loss, LossError};
use crate::network::{Architecture, ArchitectureError, Start};
use crate::optimizer::{Optimizer, OptimizerError};

/// Everything that decides a fit. [`Preset::settings`] is where to start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleShares {
    /// On the surface, distance 0.
    pub surface: f64,
    /// Near the surface.
    pub near: f64,
    /// Anywhere in the unit frame.
    pub uniform: f64,
}

/// Largest share of samples that is spread by curvature: every part and every plain face is to have some.
const MOST_BY_CURVATURE: f64 = 0.8;

/// Most parameters of a network. Training keeps each with two moments and a gradient a thread.
const MOST_PARAMETERS: usize = 1 << 25;

/// Settings that cannot be trained with.
#[derive(Debug, Error, PartialEq)]
pub enum SettingsError {
    /// A value is out of range.
    #[error("{field} is {value}: {requirement}")]
    OutOfRange {
        /// The setting's name.
        field: &'static str,
        /// What it was.
        value: String,
        /// What it must be.
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
        let refused = |requirement| SettingsError::OutOfRange {
            field: "start",
            value: "sphere".to_owned(),
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

    /// Checks every value.
    ///
    /// # Errors
    /// Names the first setting that is out of range and says what it must be.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.architecture.validate()?;
        let parameters = self.architecture.parameter_count();
        if parameters > MOST_PARAMETERS {
            return Err(SettingsError::OutOfRange {
                field: "architecture",
                value: format!("{parameters} parameters"),
                requirement: "it may have at most 33554432, for which training takes about a gigabyte",
            });
        }
        self.check_start()?;
        self.loss.validate(self.sign != SignPolicy::None)?;
        self.optimizer.validate()?;
        if let Some(spline) = &self.spline {
            check_spline(spline)?;
        }
        let Budget {
            seconds,
            steps,
            target_near_mae,
        } = self.budget;
        if seconds.is_none() && steps.is_none() {
            return Err(SettingsError::NoBudget);
        }
        let positive = "it must be positive and finite";
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let shares = &self.sampling.shares;
        let share_sum = shares.surface + shares.near + shares.uniform;
        let each_share = [shares.surface, shares.near, shares.uniform];
        let checks: [(&'static str, f64, bool, &'static str); 10] = [
            (
                "seconds",
                seconds.unwrap_or(1.0),
                seconds.is_none_or(is_positive),
                positive,
            ),
            (
                "steps",
                steps.unwrap_or(1) as f64,
                steps != Some(0),
                "it must be at least 1",
            ),
            (
                "target_near_mae",
                target_near_mae.unwrap_or(1.0),
                target_near_mae.is_none_or(is_positive),
                positive,
            ),
            (
                "shares",
                share_sum,
                is_positive(share_sum) && each_share.iter().all(|share| *share >= 0.0),
                "no share may be negative, and one must be positive",
            ),
            (
                "near_sigma",
                self.sampling.near_sigma,
                self.sampling.near_sigma > 0.0 && self.sampling.near_sigma <= 1.0,
                "it must be more than 0 and at most 1 (longest side 1)",
            ),
            (
                "sampling.narrowing",
                self.sampling.narrowing,
                self.sampling.narrowing > 0.0 && self.sampling.narrowing <= 1.0,
                "it must be more than 0 and at most 1",
            ),
            (
                "sampling.by_curvature",
                self.sampling.by_curvature,
                (0.0..=MOST_BY_CURVATURE).contains(&self.sampling.by_curvature),
                "it must be from 0 to 0.8: the rest is spread over area and parts",
            ),
            (
                "sampling.by_error",
                self.sampling.by_error,
                share(self.sampling.by_error),
                "it must be from 0 to 1",
            ),
            (
                "pool_size",
                f64::from(self.sampling.pool_size),
                self.sampling.pool_size >= self.optimizer.batch_size
                    && self.sampling.pool_size <= 1 << 24,
                "it must be at least batch_size and at most 16777216",
            ),
            (
                "fresh_share",
                self.sampling.fresh_share,
                share(self.sampling.fresh_share),
                "it must be from 0 to 1",
            ),
        ];
        match checks.into_iter().find(|(_, _, valid, _)| !valid) {
            None => Ok(()),
            Some((field, value, _, requirement)) => Err(SettingsError::OutOfRange {
                field,
                value: value.to_string(),
                requirement,
            }),
        }
    }
}

/// Checks how a spline is to be refined.
fn check_spline(spline: &Refinement) -> Result<(), SettingsError> {
    let nodes = u64::from(spline.coarsest + 3).pow(3);
    let checks = [
        (
            "spline.coarsest",
            f64::from(spline.coarsest),
            (4..=64).contains(&spline.coarsest),
            "it must be from 4 to 64 cells",
        ),
        (
            "spline.finest",
            f64::from(spline.finest),
            (spline.coarsest..=MOST_CELLS).contains(&spline.finest),
            "it must be at least the coarsest and at most 1024 cells",
        ),
        (
            "spline.tolerance",
            spline.tolerance,
            spline.tolerance > 0.0 && spline.tolerance.is_finite(),
            "it must be positive and finite",
        ),
        (
            "spline.share",
            spline.share,
            (0.0..1.0).contains(&spline.share),
            "it must be from 0 to below 1",
        ),
        (
            "spline.coefficients",
            f64::from(spline.coefficients),
            (nodes..=1 << 26).contains(&u64::from(spline.coefficients)),
            "it must be at least the nodes of the coarsest level and at most 67108864",
        ),
    ];
    match checks.into_iter().find(|(_, _, valid, _)| !valid) {
        None => Ok(()),
        Some((field, value, _, requirement)) => Err(SettingsError::OutOfRange {
            field,
            value: value.to_string(),
            requirement,
        }),
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
