//! The loop itself: steps, fresh samples, checks, reports.

use std::time::Duration;

use super::checkpoint::{Checkpoint, Course};
use super::clock::{Clock, SinceReport};
use super::evaluate::HeldOut;
use super::fit_error::FitError;
use super::observer::Observer;
use super::pool::{SamplePool, Supply};
use super::progress::{Phase, Progress};
use super::residual::Residual;
use super::settings::{FitSettings, SampleShares};
use crate::CancelToken;
use crate::backend::{BatchDraw, TrainStep};
use crate::field::{Learner, Metrics, Model};
use crate::geometry::Mesh;

/// Checks on held-out points over a budget: to keep the best state and to see a quality target.
const CHECKS: f64 = 20.0;

/// The same where a quality target may end the fit early.
const CHECKS_WITH_TARGET: f64 = 200.0;

/// Time between progress messages while training.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Training that diverges goes on from the best state so many times, each with this share of the learning rate.
const SETBACKS: u32 = 2;
const SETBACK_RATE: f64 = 0.25;

/// Training on its way.
pub(super) struct Run<'a> {
    settings: &'a FitSettings,
    learner: Box<dyn Learner>,
    residual: &'a Residual,
    held_out: &'a HeldOut,
    /// What the model will be but for parameters and figures.
    unfinished: &'a Model,
    latest: Progress,
    /// [`expected_error`] and parameters, as they are in training.
    best: Option<(f64, Vec<f32>)>,
    /// How often training went back to the best state, because the loss was no number any more.
    setbacks: u32,
    /// Samples that are due and not drawn yet.
    due: usize,
    checks_done: f64,
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
            due: 0,
            checks_done: 0.0,
        }
    }

    /// Goes on from a state, but for the pool.
    pub(super) fn resume(&mut self, checkpoint: Checkpoint) {
        let Checkpoint {
            course,
            learner,
            best,
        } = checkpoint;
        self.learner.resume(&learner);
        self.best = best.map(|parameters| (course.best, parameters));
        (self.setbacks, self.due) = (course.setbacks, course.due);
        self.checks_done = course.checks_done;
        self.latest.step = course.step;
        self.latest.samples = course.samples;
        self.latest.elapsed_seconds = course.elapsed_seconds;
        let elapsed = Duration::from_secs_f64(course.elapsed_seconds);
        self.latest.fraction = self.settings.budget.used_share(course.step, elapsed);
    }

    /// The state as it is; `mesh` is the one that the fit was asked for.
    fn checkpoint(&self, pool: &SamplePool, mesh: &Mesh) -> Checkpoint {
        let best = self.best.as_ref();
        let mut course = Course::new(self.settings, mesh);
        course.step = self.latest.step;
        course.samples = self.latest.samples;
        course.elapsed_seconds = self.latest.elapsed_seconds;
        course.due = self.due;
        course.checks_done = self.checks_done;
        course.setbacks = self.setbacks;
        course.best = best.map_or(f64::INFINITY, |best| best.0);
        course.drawn = pool.drawn().to_vec();
        Checkpoint {
            course,
            learner: self.learner.state(),
            best: best.map(|best| best.1.clone()),
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
        supply: &mut Supply<'_>,
        mesh: &Mesh,
        cancel: &CancelToken,
        observer: &mut dyn Observer,
    ) -> Result<(), FitError> {
        tracing::debug!(step = self.latest.step, "training");
        let mut clock = Clock::start(self.latest.elapsed_seconds);
        observer.progress(self.latest);
        // An interruption may have come before it.
        self.check_if_due(cancel)?;
        while self.latest.fraction < 1.0 {
            if observer.wants_checkpoint(false) {
                self.keep(pool, mesh, observer);
            }
            let turn = self.turn(pool, supply, &mut clock, cancel, observer);
            if let Err(FitError::Cancelled) = turn
                && observer.wants_checkpoint(true)
            {
                self.keep(pool, mesh, observer);
            }
            turn?;
        }
        Ok(())
    }

    /// Hands on the state, unless training has diverged.
    fn keep(&self, pool: &SamplePool, mesh: &Mesh, observer: &mut dyn Observer) {
        let checkpoint = self.checkpoint(pool, mesh);
        if checkpoint.is_finite() {
            observer.checkpoint(checkpoint);
        }
    }

    /// A step with what goes with it. Where this is cancelled, the state is the one between two steps.
    fn turn(
        &mut self,
        pool: &mut SamplePool,
        supply: &mut Supply<'_>,
        clock: &mut Clock,
        cancel: &CancelToken,
        observer: &mut dyn Observer,
    ) -> Result<(), FitError> {
        if cancel.is_cancelled() {
            return Err(FitError::Cancelled);
        }
        let batch_size = f64::from(self.settings.optimizer.batch_size);
        let fresh = (batch_size * self.settings.sampling.fresh_share).round() as usize;
        let (mut due, used) = (self.due + fresh, self.latest.fraction);
        supply.refresh(&mut due, used, pool, &mut *self.learner, cancel)?;
        self.due = due;
        self.step(pool.kept());
        clock.since.steps += 1;
        clock.in_flight.add(&*self.learner);
        let elapsed = clock.elapsed();
        self.latest.elapsed_seconds = elapsed.as_secs_f64();
        let budget = &self.settings.budget;
        self.latest.fraction = match observer.wants_end(self.latest.step) {
            true => 1.0,
            false => budget.used_share(self.latest.step, elapsed),
        };
        if observer.wants_snapshot(self.latest.step) {
            observer.snapshot(self.model(self.learner.parameters()));
        }
        let checked = self.check_if_due(cancel)?;
        if checked || clock.since.at.elapsed() >= REPORT_EVERY {
            observer.progress(self.report(&mut clock.since)?);
        }
        Ok(())
    }

    /// Judges the state where so much of the budget is used; ends training where it is good enough. Tells whether it did.
    fn check_if_due(&mut self, cancel: &CancelToken) -> Result<bool, FitError> {
        let target = self.settings.budget.target_near_mae;
        let checks = match target {
            Some(_) => CHECKS_WITH_TARGET,
            None => CHECKS,
        };
        let due = (self.latest.fraction * checks).floor();
        if due <= self.checks_done {
            return Ok(false);
        }
        let quality = self.check(cancel)?;
        self.checks_done = due;
        if target.is_some_and(|target| quality.near_mae <= target) {
            self.latest.fraction = 1.0;
        }
        Ok(true)
    }

    /// One step on a batch drawn from `kept` samples.
    fn step(&mut self, kept: usize) {
        let optimizer = &self.settings.optimizer;
        let batch_size = optimizer.batch_size as usize;
        self.latest.step += 1;
        self.latest.samples += batch_size as u64;
        let mut update = optimizer.step(self.latest.step, self.latest.fraction);
        update.learning_rate *= SETBACK_RATE.powi(self.setbacks as i32);
        let draw = BatchDraw::of_step(self.settings.seed, self.latest.step, kept, batch_size);
        self.learner.step(TrainStep {
            draw,
            objective: self.residual.objective(self.settings.loss),
            update,
            summation: self.settings.summation(),
        });
        if let Some(kept) = optimizer.kept(self.latest.step) {
            self.learner.average(kept);
        }
    }

    /// Judges the state on held-out points and keeps it if it is the best so far.
    pub(super) fn check(&mut self, cancel: &CancelToken) -> Result<Metrics, FitError> {
        let field = self.residual.corrected(self.learner.field());
        let quality = self.held_out.judge(&*field, cancel)?;
        self.latest.quality = Some(quality);
        let error = expected_error(&quality, &self.settings.sampling.shares);
        let best = self.best.as_ref().map_or(f64::INFINITY, |best| best.0);
        if error < best {
            self.best = Some((error, self.learner.parameters()));
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
        *since = SinceReport::now();
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

/// The mean error over points that lie where samples are drawn: what training was asked for. By the error near the surface alone a fit that
/// is ended early would keep what it began with, as a spline is best there and a network begins with what is far.
fn expected_error(quality: &Metrics, shares: &SampleShares) -> f64 {
    let near = shares.surface + shares.near;
    (near * quality.near_mae + shares.uniform * quality.uniform_mae) / (near + shares.uniform)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{SignPolicy, SignedDistance};
    use crate::field::{DeviceChoice, LearnerState, SharedField, Training, open_engine};
    use crate::geometry::{Similarity, SurfaceSampler, shapes};
    use crate::network::initial_parameters;
    use crate::train::pool::Mixtures;
    use crate::train::samples::SampleSource;
    use crate::train::{Preset, Protocol};

    /// Trains as another does, but says some times that the loss is no number.
    struct Diverging {
        learner: Box<dyn Learner>,
        times: u32,
    }

    impl Learner for Diverging {
        fn store(&mut self, at: usize, rows: &[f32]) {
            self.learner.store(at, rows);
        }

        fn step(&mut self, step: TrainStep) {
            self.learner.step(step);
        }

        fn wait(&self) {
            self.learner.wait();
        }

        fn average(&mut self, kept: f64) {
            self.learner.average(kept);
        }

        fn state(&self) -> LearnerState {
            self.learner.state()
        }

        fn resume(&mut self, state: &LearnerState) {
            self.learner.resume(state);
        }

        fn restart(&mut self, parameters: &[f32]) {
            self.learner.restart(parameters);
            assert_eq!(self.learner.parameters(), parameters);
        }

        fn mean_loss(&mut self) -> f32 {
            let loss = self.learner.mean_loss();
            if self.times == 0 {
                return loss;
            }
            self.times -= 1;
            f32::NAN
        }

        fn parameters(&self) -> Vec<f32> {
            self.learner.parameters()
        }

        fn field(&self) -> SharedField {
            self.learner.field()
        }
    }

    /// A fit of 20 steps, each with a report, whose loss is no number so many times: the last step, and what is said.
    fn diverging(times: u32) -> (u64, Option<String>) {
        let mut settings = Preset::Draft.settings();
        (settings.budget.seconds, settings.budget.steps) = (None, Some(20));
        settings.optimizer.batch_size = 64;
        let mesh = shapes::icosphere(2, 0.9);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let (surface, cancel) = (SurfaceSampler::new(&mesh), CancelToken::new());
        let source = SampleSource::new(&oracle, &surface, mesh.bounds());
        let protocol = Protocol {
            near: 256,
            uniform: 256,
            seed: 1,
        };
        let rule = oracle.sign_report().rule;
        let held_out = HeldOut::draw(&source, rule, &protocol, &cancel).unwrap();
        let residual = Residual::of(None, held_out.near());
        let needs = settings.loss.needs();
        let engine = open_engine(DeviceChoice::Auto).unwrap();
        let parameters = initial_parameters(&settings.architecture, 0);
        let mut learner = engine.learner(&settings.architecture, &parameters, needs, 1024);
        settings.sampling.pool_size = 1024;
        let mut pool = SamplePool::new(1024, needs);
        let mut mixtures = Mixtures::new(&source, &residual, settings.sampling, needs, 0);
        let (first, drawn) = mixtures.first(1024, &cancel).unwrap();
        pool.add(&first, drawn, &mut *learner);
        let unfinished = Model {
            spline: None,
            architecture: settings.architecture.clone(),
            parameters: Vec::new(),
            frame: Similarity::IDENTITY,
            bounds: mesh.bounds(),
            outer: None,
            training: Training::default(),
        };
        let learner = Box::new(Diverging { learner, times });
        let mut run = Run::new(&settings, learner, &residual, &held_out, &unfinished);
        run.check(&cancel).unwrap();
        let mut supply = Supply::Between(mixtures);
        run.train(
            &mut pool,
            &mut supply,
            &mesh,
            &cancel,
            &mut |_: Progress| {},
        )
        .unwrap();
        let said = run.setback_in_words();
        let last = run.progress().step;
        assert!(run.into_best().parameters.iter().all(|x| x.is_finite()));
        (last, said)
    }

    #[test]
    fn states_are_compared_where_samples_are_drawn() {
        let error = |near_mae, uniform_mae, uniform| {
            let quality = Metrics {
                near_mae,
                uniform_mae,
                ..Metrics::default()
            };
            let shares = SampleShares {
                surface: 0.3,
                near: 0.5,
                uniform,
            };
            expected_error(&quality, &shares)
        };
        assert_eq!(error(1.0, 1.0, 0.2), 1.0);
        // A little is lost near the surface, and much is won elsewhere.
        assert!(error(1.05, 5.0, 0.2) < error(1.0, 10.0, 0.2));
        assert!(error(1.05, 5.0, 0.0) > error(1.0, 10.0, 0.0));
    }

    #[test]
    fn training_that_diverges_goes_on_from_the_best_state_or_ends_with_it() {
        assert_eq!(diverging(0), (20, None));
        let (last, said) = diverging(2);
        assert!(last == 20 && said.unwrap().contains("2 times and went on"));
        let (last, said) = diverging(100);
        assert!(last == 3 && said.unwrap().contains("3 times and ended"));
    }
}
