//! What to train, on what, and for how long.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::preset::Preset;
use crate::distance::SignPolicy;
use crate::field::{
    Architecture, ArchitectureError, DeviceChoice, Loss, LossError, MOST_CELLS, OuterDetail,
    Refinement, Summation, Update, UpdateError,
};

/// Everything that decides a fit. [`Preset::settings`] is where to start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitSettings {
    /// The preset that these settings started from.
    pub preset: Preset,
    /// The spline that the network corrects; none for a network alone.
    #[serde(default)]
    pub spline: Option<Refinement>,
    /// The network.
    pub architecture: Architecture,
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

/// When a fit stops: at whichever limit it meets first. At least one of `seconds` and `steps` is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Training time. Where a time limit decides, the number of steps, and so the result, varies from run to run.
    pub seconds: Option<f64>,
    /// Training steps. A fit limited by steps alone gives the same parameters for one seed, device and thread count.
    pub steps: Option<u64>,
    /// Stop once the mean near error (longest side 1) on the held-out points is at most this.
    pub target_near_mae: Option<f64>,
}

/// How parameters move, and how the learning rate changes over the budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimizer {
    /// Samples a step.
    pub batch_size: u32,
    /// The rule by which parameters move.
    #[serde(default)]
    pub update: Update,
    /// Learning rate that the schedule starts from.
    pub learning_rate: f64,
    /// The course of the learning rate.
    #[serde(default)]
    pub schedule: Schedule,
    /// Learning rate of the last step, as a share of the first.
    pub final_share: f64,
    /// Share of the budget in which the learning rate rises from 0.
    #[serde(default)]
    pub warm_up: f64,
}

/// The course of the learning rate over the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It falls by the same factor in equal parts of the budget.
    #[default]
    Exponential,
    /// Half a wave of a cosine (Loshchilov and Hutter 2017).
    Cosine,
    /// It stays; `final_share` has no part in it.
    Constant,
}

/// Where training samples lie and how long they are used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Weights of the three kinds; normalised to sum to 1.
    pub shares: SampleShares,
    /// Standard deviation of near samples about the surface, per axis; longest side 1. Half of them use this width, half
    /// four times it.
    pub near_sigma: f64,
    /// Most samples kept at a time; the oldest are replaced.
    pub pool_size: u32,
    /// Fresh samples a step, as a share of the batch: the rest is drawn again from the pool.
    pub fresh_share: f64,
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
    Update(#[from] UpdateError),
}

impl FitSettings {
    /// How gradients are summed. A budget in seconds ends wherever the machine is by then: no bits are there to be kept.
    pub(super) fn summation(&self) -> Summation {
        match self.budget.seconds {
            None => Summation::Exact,
            Some(_) => Summation::Fast,
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
        self.loss.validate(self.sign != SignPolicy::None)?;
        self.optimizer.update.validate()?;
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
        let checks: [(&'static str, f64, bool, &'static str); 11] = [
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
                "batch_size",
                f64::from(self.optimizer.batch_size),
                (16..=1 << 20).contains(&self.optimizer.batch_size),
                "it must be from 16 to 1048576",
            ),
            (
                "learning_rate",
                self.optimizer.learning_rate,
                self.optimizer.learning_rate > 0.0 && self.optimizer.learning_rate <= 1.0,
                "it must be more than 0 and at most 1",
            ),
            (
                "final_share",
                self.optimizer.final_share,
                self.optimizer.final_share > 0.0 && self.optimizer.final_share <= 1.0,
                "it must be more than 0 and at most 1",
            ),
            (
                "warm_up",
                self.optimizer.warm_up,
                (0.0..1.0).contains(&self.optimizer.warm_up),
                "it must be from 0 to below 1",
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
    use crate::field::{Adam, Encoding};

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
        refused(|s| s.optimizer.learning_rate = 7.0, "learning_rate is 7");
        refused(|s| s.optimizer.warm_up = 1.0, "warm_up is 1");
        refused(
            |s| {
                s.optimizer.update = Update::Adam(Adam {
                    beta2: 1.0,
                    ..Adam::default()
                });
            },
            "update.beta2 is 1: it must be from 0 to below 1",
        );
        refused(
            |s| s.spline.as_mut().unwrap().finest = 2048,
            "spline.finest is 2048",
        );
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
