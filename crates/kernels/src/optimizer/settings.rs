//! Everything that decides how parameters move.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::update::CONSTANTS;
use super::{Muon, Schedule, Update};
use crate::setting::{Refused, Setting, check};

/// How parameters move, and how the learning rate changes over the budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Optimizer {
    /// Samples a step.
    pub batch_size: u32,
    /// The rule by which parameters move.
    #[serde(default)]
    pub update: Update,
    /// How matrices between hidden layers move instead; none where they move as the others do.
    #[serde(default)]
    pub matrices: Option<Muon>,
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
    /// Gradients that are longer are shortened to this length (Pascanu et al. 2013).
    #[serde(default)]
    pub clip: Option<f64>,
    /// What a running mean of the parameters keeps of itself a step; 0 for none. The field has the mean's parameters (Polyak and
    /// Juditsky 1992).
    #[serde(default)]
    pub average: f64,
    /// Share of the budget in which the levels of tables begin to learn, one after the other from coarse to fine (Park et al. 2021; Li et al.
    /// 2023); 0 where all learn from the start.
    #[serde(default)]
    pub coarse_to_fine: f64,
}

/// How parameters move in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateStep {
    /// The rule.
    pub update: Update,
    /// How matrices between hidden layers move instead.
    pub matrices: Option<Muon>,
    /// Number of this step, from 1.
    pub step: u64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// The longest that a gradient may be.
    pub clip: Option<f64>,
    /// Share of the levels of tables that learn by now, the coarsest always: from 0 to 1.
    pub awake: f64,
}

impl Default for UpdateStep {
    /// The first step by the default rule, at a rate of 0.
    fn default() -> Self {
        UpdateStep {
            update: Update::default(),
            matrices: None,
            step: 1,
            learning_rate: 0.0,
            clip: None,
            awake: 1.0,
        }
    }
}

/// An optimiser that cannot be trained with.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("optimizer.{setting} is {value}: it must be {requirement}")]
pub struct OptimizerError {
    setting: String,
    value: String,
    requirement: String,
}

impl OptimizerError {
    /// The setting's name within `optimizer`, such as `update.beta2`.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    fn of(refused: Refused, within: &str) -> Self {
        OptimizerError {
            setting: format!("{within}{}", refused.name),
            value: refused.value,
            requirement: refused.requirement,
        }
    }
}

impl Optimizer {
    /// Step number `step`, counted from 1, where so much of the budget is used (0 to 1).
    pub fn step(&self, step: u64, used: f64) -> UpdateStep {
        UpdateStep {
            update: self.update,
            matrices: self.matrices,
            step,
            learning_rate: self.rate(used),
            clip: self.clip,
            awake: match used < self.coarse_to_fine {
                true => used / self.coarse_to_fine,
                false => 1.0,
            },
        }
    }

    fn rate(&self, used: f64) -> f64 {
        let warm = match used < self.warm_up {
            true => used / self.warm_up,
            false => 1.0,
        };
        self.learning_rate * self.schedule.share(used, self.final_share) * warm
    }

    /// What the running mean of the parameters keeps of itself in a step, counted from 1; `None` if there is no mean. It forgets faster at
    /// first, so that little is left of where training began.
    pub fn kept(&self, step: u64) -> Option<f64> {
        let young = (1.0 + step as f64) / (10.0 + step as f64);
        (self.average > 0.0).then_some(self.average.min(young))
    }

    /// Its numbers, but for those of its rule.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![
            Setting::whole("batch_size", self.batch_size, 16, 1 << 20),
            Setting::positive("learning_rate", self.learning_rate as f32, 1.0),
            Setting::positive("final_share", self.final_share as f32, 1.0),
            Setting::share("warm_up", self.warm_up as f32),
            Setting::share("average", self.average as f32),
            Setting::share("coarse_to_fine", self.coarse_to_fine as f32),
        ];
        settings.extend(
            self.clip
                .map(|clip| Setting::positive("clip", clip as f32, 1e6)),
        );
        settings.extend(self.matrices.iter().flat_map(Muon::settings));
        settings
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first that is out of range.
    pub fn validate(&self) -> Result<(), OptimizerError> {
        check(&self.settings()).map_err(|refused| OptimizerError::of(refused, ""))?;
        check(&self.update.settings()).map_err(|refused| OptimizerError::of(refused, "update."))
    }
}

impl UpdateStep {
    /// What the rule has to know of the step.
    pub fn constants(&self) -> [f64; CONSTANTS] {
        self.update.constants(self.step, self.learning_rate)
    }

    /// The step cannot be taken one parameter at a time.
    pub fn needs_whole_gradient(&self) -> bool {
        self.clip.is_some() || self.matrices.is_some() || self.awake < 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Adam;

    fn optimizer() -> Optimizer {
        Optimizer {
            batch_size: 4096,
            update: Update::Adam(Adam::default()),
            matrices: None,
            learning_rate: 0.01,
            schedule: Schedule::default(),
            final_share: 0.02,
            warm_up: 0.0,
            clip: None,
            average: 0.0,
            coarse_to_fine: 0.0,
        }
    }

    #[test]
    fn schedules_lead_from_the_first_rate_to_the_last() {
        let rates = |schedule, warm_up| {
            let optimizer = Optimizer {
                schedule,
                warm_up,
                learning_rate: 0.5,
                final_share: 0.04,
                ..optimizer()
            };
            [0.0, 0.25, 0.5, 1.0].map(|used| optimizer.step(1, used).learning_rate)
        };
        let near = |found: [f64; 4], expected: [f64; 4]| {
            let pairs = found.iter().zip(&expected);
            let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-12, "{found:?}");
        };
        let root = 0.04f64.sqrt();
        near(
            rates(Schedule::Exponential, 0.0),
            [0.5, 0.5 * root.sqrt(), 0.5 * root, 0.02],
        );
        let quarter = 0.02 + 0.48 * (0.5 + 0.125f64.sqrt());
        near(rates(Schedule::Cosine, 0.0), [0.5, quarter, 0.26, 0.02]);
        near(rates(Schedule::Constant, 0.5), [0.0, 0.25, 0.5, 0.5]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let refused = |change: fn(&mut Optimizer), words: &str| {
            let mut optimizer = optimizer();
            change(&mut optimizer);
            let message = optimizer.validate().unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        refused(
            |o| o.batch_size = 0,
            "optimizer.batch_size is 0: it must be from 16 to 1048576",
        );
        refused(|o| o.learning_rate = 7.0, "optimizer.learning_rate is 7");
        refused(
            |o| o.warm_up = 1.0,
            "optimizer.warm_up is 1: it must be from 0 to below 1",
        );
        refused(|o| o.average = 1.0, "optimizer.average is 1");
        refused(|o| o.clip = Some(0.0), "optimizer.clip is 0");
        refused(
            |o| {
                o.matrices = Some(Muon {
                    momentum: 1.0,
                    ..Muon::default()
                });
            },
            "optimizer.matrices.momentum is 1",
        );
        refused(
            |o| {
                o.update = Update::Adam(crate::optimizer::Adam {
                    beta2: 1.0,
                    ..Default::default()
                });
            },
            "optimizer.update.beta2 is 1: it must be from 0 to below 1",
        );
    }

    #[test]
    fn levels_wake_up_over_their_share_of_the_budget() {
        let mut optimizer = optimizer();
        let awake = |optimizer: &Optimizer, used| optimizer.step(1, used).awake;
        assert_eq!(awake(&optimizer, 0.0), 1.0);
        optimizer.coarse_to_fine = 0.5;
        assert_eq!(
            [0.0, 0.25, 0.5, 1.0].map(|used| awake(&optimizer, used)),
            [0.0, 0.5, 1.0, 1.0]
        );
        assert!(optimizer.step(1, 0.4).needs_whole_gradient());
        assert!(!optimizer.step(1, 0.5).needs_whole_gradient());
    }

    #[test]
    fn a_mean_of_parameters_forgets_faster_at_first() {
        let mut optimizer = optimizer();
        assert_eq!(optimizer.kept(5), None);
        optimizer.average = 0.99;
        assert_eq!(optimizer.kept(1), Some(2.0 / 11.0));
        assert_eq!(optimizer.kept(10_000), Some(0.99));
    }
}
