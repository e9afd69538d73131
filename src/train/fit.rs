//! The loop: from a mesh to a model.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use thiserror::Error;

use super::evaluate::{HeldOut, Protocol};
use super::observer::Observer;
use super::parts::Parts;
use super::progress::{Phase, Progress};
use super::residual::{Residual, spline_of};
use super::samples::{Cancelled, SamplePool, SampleSource};
use super::schedule::{learning_rate, used_share};
use super::settings::{FitSettings, SettingsError};
use crate::CancelToken;
use crate::distance::{DistanceError, SignedDistance};
use crate::field::{
    AdamStep, BatchDraw, DeviceError, Learner, Metrics, Model, OuterSurface, Training,
    device_failure, initial_parameters, open_engine,
};
use crate::geometry::{Mesh, Similarity, SurfaceSampler};

/// Why there is no model.
#[derive(Debug, Error)]
pub enum FitError {
    /// The settings cannot be trained with.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The device cannot be used, or failed on the way.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The mesh has no distance.
    #[error(transparent)]
    Distance(DistanceError),
    /// The mesh has no extent.
    #[error("the mesh has no extent that can be fitted: all its vertices lie in one point")]
    NoExtent,
    /// The cancel token was set.
    #[error("the fit was cancelled")]
    Cancelled,
    /// The loss became infinite or not a number.
    #[error("training diverged at step {step}: the loss is {loss}. Lower the learning rate")]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f32,
    },
}

impl From<Cancelled> for FitError {
    fn from(_: Cancelled) -> Self {
        FitError::Cancelled
    }
}

impl From<DistanceError> for FitError {
    fn from(error: DistanceError) -> Self {
        match error {
            DistanceError::Cancelled => FitError::Cancelled,
            other => FitError::Distance(other),
        }
    }
}

/// Samples that training starts with; more come while it runs.
const FIRST_SAMPLES: usize = 1 << 16;

/// Fresh samples come so many at a time: the more there are, the closer they lie together along the curve on which they
/// are measured, and the less each costs.
const REFRESH: usize = 1 << 16;

/// Checks on held-out points over a budget: to keep the best state and to see a quality target.
const CHECKS: f64 = 20.0;

/// The same where a quality target may end the fit early.
const CHECKS_WITH_TARGET: f64 = 200.0;

/// Time between progress messages while training.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Points of a check: enough to rank states to a few percent.
const CHECK: Protocol = Protocol {
    near: 8192,
    uniform: 8192,
    seed: 0xc4ec_d00d,
};

/// Fits a field to a mesh.
///
/// `name` is kept in the model. `observer` is called on this thread; a closure `|progress: Progress| ..` will do. The state with the least near error on held-out points
/// is kept; the model's own figures are then taken by the whole protocol, on other points.
///
/// Limited by steps alone, the parameters are the same for one seed, device and thread count; a limit in seconds ends
/// that.
///
/// # Errors
/// See [`FitError`]. The cancel token is looked at in every step and in every chunk of other work.
pub fn fit(
    mesh: &Mesh,
    name: &str,
    settings: &FitSettings,
    cancel: &CancelToken,
    observer: &mut dyn Observer,
) -> Result<Model, FitError> {
    // A device that fails in the middle of work panics.
    let work = AssertUnwindSafe(|| fit_on_device(mesh, name, settings, cancel, observer));
    catch_unwind(work).unwrap_or_else(|panic| match device_failure(panic) {
        Ok(error) => Err(error.into()),
        Err(panic) => resume_unwind(panic),
    })
}

fn fit_on_device(
    mesh: &Mesh,
    name: &str,
    settings: &FitSettings,
    cancel: &CancelToken,
    observer: &mut dyn Observer,
) -> Result<Model, FitError> {
    settings.validate()?;
    observer.progress(Progress::default());
    let engine = open_engine(settings.device)?;
    let bounds = mesh.bounds();
    let frame = Similarity::to_unit_frame(&bounds).ok_or(FitError::NoExtent)?;
    let unit_mesh = frame.apply_to_mesh(mesh);
    let oracle = SignedDistance::build(&unit_mesh, settings.sign, cancel)?.ended_by(cancel);
    let boundary = oracle.boundary().unwrap_or(&unit_mesh);
    let surface = SurfaceSampler::new(boundary);
    let sign = oracle.sign_report();
    let parts = Parts::measure(&oracle, boundary, &surface, cancel)?;
    if cancel.is_cancelled() {
        return Err(FitError::Cancelled);
    }
    let thickness = parts.thickness.map(|length| length / frame.scale);
    if let Some(thickness) = thickness {
        observer.thickness(thickness);
    }
    let source = SampleSource::new(&oracle, &surface, frame.apply_to_bounds(&bounds))
        .with_details(&parts.details);
    let held_out = HeldOut::draw(&source, sign.rule, &CHECK, cancel)?;
    let refinement = settings.spline.map(|refinement| match parts.thickness {
        Some(thickness) => refinement.for_thickness(thickness),
        None => refinement,
    });
    let spline = refinement.map(|refinement| spline_of(&oracle, &refinement, cancel));
    let spline = spline.transpose()?.map(Arc::new);
    let residual = Residual::of(spline.as_deref(), held_out.near());
    let mut pool = SamplePool::new(settings.sampling, settings.seed);
    let parameters = initial_parameters(&settings.architecture, settings.seed);
    let pool_size = settings.sampling.pool_size as usize;
    let mut learner = engine.learner(&settings.architecture, &parameters, pool_size);
    pool.refresh(&source, FIRST_SAMPLES, cancel, &mut |at, rows| {
        learner.store(at, &residual.of_rows(rows));
    })?;
    let unfinished = Model {
        spline,
        architecture: settings.architecture.clone(),
        parameters: Vec::new(),
        frame,
        bounds,
        outer: None,
        training: Training {
            name: name.to_owned(),
            version: crate::VERSION.to_owned(),
            preset: settings.preset.to_string(),
            device: engine.device().to_string(),
            seed: settings.seed,
            settings: serde_json::json!(settings),
            warnings: sign.warnings.clone(),
            thickness,
            area: Some(surface.area() / frame.scale.powi(2)),
            bodies: parts.bodies(frame.scale),
            ..Training::default()
        },
    };
    let mut run = Run::new(settings, learner, &residual, &held_out, &unfinished);
    run.train(&mut pool, &source, cancel, observer)?;

    observer.progress(Progress {
        phase: Phase::Evaluate,
        ..run.latest
    });
    let mut model = run.into_best();
    model.outer = outer_surface(&oracle, cancel)?;
    let field = model.unit_field(&*engine);
    let held_out = HeldOut::draw(&source, sign.rule, &Protocol::default(), cancel)?;
    model.training.metrics = Some(held_out.judge(&*field, cancel)?);
    model.training.warnings.extend(held_out.warnings());
    let losses = parts.losses(&*field, frame.scale);
    model.training.warnings.extend(losses);
    Ok(model)
}

/// What of the mesh is seen from beyond the unit frame; `None` if it is one point to `f32`.
fn outer_surface(
    oracle: &SignedDistance,
    cancel: &CancelToken,
) -> Result<Option<OuterSurface>, Cancelled> {
    let surface = OuterSurface::of(|points| match cancel.is_cancelled() {
        true => Err(Cancelled),
        false => Ok((points.par_iter())
            .map(|&point| oracle.closest(point).expect("a finite point").point)
            .collect()),
    })?;
    Ok(surface.has_extent().then_some(surface))
}

/// Training on its way.
struct Run<'a> {
    settings: &'a FitSettings,
    learner: Box<dyn Learner>,
    residual: &'a Residual,
    held_out: &'a HeldOut,
    /// What the model will be but for parameters and figures.
    unfinished: &'a Model,
    latest: Progress,
    best: Option<(f64, Vec<f32>)>,
}

/// What happened since the last progress message.
struct SinceReport {
    at: Instant,
    steps: u64,
}

impl<'a> Run<'a> {
    fn new(
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
        }
    }

    /// Trains to the end of the budget, to the quality target, or until the observer wants the end.
    fn train(
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
            learning_rate: learning_rate(optimizer, self.latest.fraction),
            beta1: optimizer.beta1 as f32,
            beta2: optimizer.beta2 as f32,
            epsilon: optimizer.epsilon as f32,
        };
        let draw = BatchDraw::of_step(self.settings.seed, self.latest.step, kept, batch_size);
        self.learner.step(draw, self.settings.loss, adam);
    }

    /// Judges the state on held-out points and keeps it if it is the best so far.
    fn check(&mut self, cancel: &CancelToken) -> Result<Metrics, FitError> {
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
        let latest = &mut self.latest;
        if !loss.is_finite() {
            let step = latest.step;
            return Err(FitError::Diverged { step, loss });
        }
        let batch_size = f64::from(self.settings.optimizer.batch_size);
        latest.loss = f64::from(loss) * self.residual.scale();
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
    fn into_best(mut self) -> Model {
        let parameters = match self.best.take() {
            Some((_, parameters)) => parameters,
            None => self.learner.parameters(),
        };
        self.model(parameters)
    }
}
