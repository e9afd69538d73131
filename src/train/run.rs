//! The loop itself: steps, fresh samples, checks, reports.

use std::time::{Duration, Instant};

use super::evaluate::HeldOut;
use super::fit_error::FitError;
use super::observer::Observer;
use super::progress::{Phase, Progress};
use super::residual::Residual;
use super::samples::{SamplePool, SampleSource};
use super::schedule::{learning_rate, used_share};
use super::settings::FitSettings;
use crate::CancelToken;
use crate::field::{AdamStep, BatchDraw, Learner, Metrics, Model};

/// Fresh samples come so many at a time: the more there are, the closer they lie together along the curve on which they
/// are measured, and the less each costs.
const REFRESH: usize = 1 << 16;

/// Checks on held-out points over a budget: to keep the best state and to see a quality target.
const CHECKS: f64 = 20.0;

/// The same where a quality target may end the fit early.
const CHECKS_WITH_TARGET: f64 = 200.0;

/// Time between progress messages while training.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Training that diverges goes on from the best state so many times, each with this share of the learning rate.
const SETBACKS: u32 = 2;
const SETBACK_RATE: f32 = 0.25;

/// Training on its way.
pub(super) struct Run<'a> {
    settings: &'a FitSettings,
    learner: Box<dyn Learner>,
    residual: &'a Residual,
    held_out: &'a HeldOut,
    /// What the model will be but for parameters and figures.
    unfinished: &'a Model,
    latest: Progress,
    /// Near error and parameters, as they are in training.
    best: Option<(f64, Vec<f32>)>,
    /// How often training went back to the best state, because the loss was no number any more.
    setbacks: u32,
}

/// What happened since the last progress message.
struct SinceReport {
    at: Instant,
    steps: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        settings: &'a FitSettings,
        learner: Box<dyn Learner>,
        residual: &'a Residual,
        held_out: &'a HeldOut,
        unfinished: &'a Model,
    ) -> Self {
        let latest = Progress {
            phase: Phase::Train,
            ..Progress::default()
        };
        Self {
            settings,
            learner,
            residual,
            held_out,
            unfinished,
            latest,
            best: None,
            setbacks: 0,
        }
    }

    /// How far it is.
    pub(super) fn progress(&self) -> Progress {
        self.latest
    }

    /// Trains to the end of the budget, to the quality target, or until the observer wants the end.
    pub(super) fn train(
        &mut self,
        pool: &mut SamplePool,
        source: &SampleSource<'_>,
        cancel: &CancelToken,
        observer: &mut dyn Observer,
    ) -> Result<(), FitError> {
        let batch_size = self.settings.optimizer.batch_size as usize;
        let fresh = (batch_size as f64 * self.settings.sampling.fresh_share).round() as usize;
        let mut due = 0;
        let budget = &self.settings.budget;
        let checks = if budget.target_near_mae.is_some() {
            CHECKS_WITH_TARGET
        } else {
            CHECKS
        };
        let mut checks_done = 0.0;
        let started = Instant::now();
        let mut since = SinceReport {
            at: started,
            steps: 0,
        };
        observer.progress(self.latest);
        while self.latest.fraction < 1.0 {
            if cancel.is_cancelled() {
                return Err(FitError::Cancelled);
            }
            due += fresh;
            if due >= REFRESH {
                let learner = &mut self.learner;
                let residual = self.residual;
                pool.refresh(source, due, cancel, &mut |at, rows| {
                    learner.store(at, &residual.of_rows(rows));
                })?;
                due = 0;
            }
            self.step(pool.kept());
            since.steps += 1;
            let elapsed = started.elapsed();
            self.latest.elapsed_seconds = elapsed.as_secs_f64();
            self.latest.fraction = match observer.wants_end(self.latest.step) {
                true => 1.0,
                false => used_share(budget, self.latest.step, elapsed),
            };
            if observer.wants_snapshot(self.latest.step) {
                observer.snapshot(self.model(self.learner.parameters()));
            }
            let checks_due = (self.latest.fraction * checks).floor();
            let check = checks_due > checks_done;
            if check {
                checks_done = checks_due;
                let quality = self.check(cancel)?;
                if budget
                    .target_near_mae
                    .is_some_and(|target| quality.near_mae <= target)
                {
                    self.latest.fraction = 1.0;
                }
            }
            if check || since.at.elapsed() >= REPORT_EVERY {
                observer.progress(self.report(&mut since)?);
            }
        }
        Ok(())
    }

    /// One step on a batch drawn from `kept` samples.
    fn step(&mut self, kept: usize) {
        let optimizer = &self.settings.optimizer;
        let batch_size = optimizer.batch_size as usize;
        self.latest.step += 1;
        self.latest.samples += batch_size as u64;
        let adam = AdamStep {
            step: self.latest.step,
            learning_rate: learning_rate(optimizer, self.latest.fraction)
                * SETBACK_RATE.powi(self.setbacks as i32),
            beta1: optimizer.beta1 as f32,
            beta2: optimizer.beta2 as f32,
            epsilon: optimizer.epsilon as f32,
        };
        let draw = BatchDraw::of_step(self.settings.seed, self.latest.step, kept, batch_size);
        self.learner.step(draw, self.settings.loss, adam);
    }

    /// Judges the state on held-out points and keeps it if it is the best so far.
    pub(super) fn check(&mut self, cancel: &CancelToken) -> Result<Metrics, FitError> {
        let field = self.residual.corrected(self.learner.field());
        let quality = self.held_out.judge(&*field, cancel)?;
        self.latest.quality = Some(quality);
        let best = self.best.as_ref().map_or(f64::INFINITY, |best| best.0);
        if quality.near_mae < best {
            self.best = Some((quality.near_mae, self.learner.parameters()));
        }
        Ok(quality)
    }

    fn report(&mut self, since: &mut SinceReport) -> Result<Progress, FitError> {
        let loss = self.learner.mean_loss();
        if loss.is_finite() {
            self.latest.loss = f64::from(loss) * self.residual.scale();
        } else {
            self.step_back(loss)?;
        }
        let latest = &mut self.latest;
        let batch_size = f64::from(self.settings.optimizer.batch_size);
        latest.samples_per_second =
            since.steps as f64 * batch_size / since.at.elapsed().as_secs_f64();
        let rest = (1.0 - latest.fraction) / latest.fraction;
        latest.remaining_seconds = rest.is_finite().then_some(latest.elapsed_seconds * rest);
        *since = SinceReport {
            at: Instant::now(),
            steps: 0,
        };
        Ok(*latest)
    }

    /// Goes back to the best state with a lower learning rate, or ends there if that did not help.
    fn step_back(&mut self, loss: f32) -> Result<(), FitError> {
        let Some((_, best)) = &self.best else {
            let step = self.latest.step;
            return Err(FitError::Diverged { step, loss });
        };
        self.learner.restart(best);
        self.setbacks += 1;
        if self.setbacks > SETBACKS {
            self.latest.fraction = 1.0;
        }
        Ok(())
    }

    /// What the user should know of a training that diverged.
    pub(super) fn setback_in_words(&self) -> Option<String> {
        match self.setbacks {
            0 => None,
            setbacks if setbacks > SETBACKS => Some(format!(
                "Training diverged {setbacks} times and ended with the best state before that. Lower the learning rate."
            )),
            setbacks => Some(format!(
                "Training diverged {setbacks} times and went on from the best state with a lower learning rate. Start with a lower one."
            )),
        }
    }

    /// A model with these parameters, without metrics.
    fn model(&self, parameters: Vec<f32>) -> Model {
        let mut model = self.unfinished.clone();
        model.parameters = (self.residual).in_unit_frame(&model.architecture, parameters);
        model.training.steps = self.latest.step;
        model.training.samples = self.latest.samples;
        model.training.seconds = self.latest.elapsed_seconds;
        model
    }

    /// The best state; the last one if there was no check.
    pub(super) fn into_best(mut self) -> Model {
        let parameters = match self.best.take() {
            Some((_, parameters)) => parameters,
            None => self.learner.parameters(),
        };
        self.model(parameters)
    }
}
