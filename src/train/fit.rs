//! From a mesh to a model.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rayon::prelude::*;

use super::checkpoint::Checkpoint;
use super::device::DeviceInPreparation;
use super::evaluate::{HeldOut, Protocol};
use super::fit_error::FitError;
use super::observer::Observer;
use super::parts::Parts;
use super::pool::{Mixtures, SamplePool, Supply};
use super::progress::{Phase, Progress};
use super::residual::{Residual, spline_of};
use super::run::Run;
use super::samples::{Cancelled, SampleSource};
use super::settings::FitSettings;
use super::truth::Truth;
use crate::CancelToken;
use crate::backend::Summation;
use crate::distance::{SignPolicy, SignedDistance};
use crate::field::{Device, Model, OuterDetail, OuterSurface, Training, device_failure};
use crate::geometry::{Mesh, Similarity, SurfaceSampler};

/// Samples that training starts with; more come while it runs.
const FIRST_SAMPLES: usize = 1 << 16;

/// Points of a check: enough to rank states to a few percent.
const CHECK: Protocol = Protocol {
    near: 8192,
    uniform: 8192,
    seed: 0xc4ec_d00d,
};

/// Fits a field to a mesh.
///
/// Training that diverges goes back to the best state, and the model's warnings say so.
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
    fit_from(mesh, name, settings, None, cancel, observer)
}

/// As [`fit`], and where there is a checkpoint of the same mesh with the same settings, goes on from that. Its budget may have been another.
///
/// # Errors
/// As [`fit`], and [`FitError::Checkpoint`] if the checkpoint is another fit's.
pub fn fit_from(
    mesh: &Mesh,
    name: &str,
    settings: &FitSettings,
    checkpoint: Option<Checkpoint>,
    cancel: &CancelToken,
    observer: &mut dyn Observer,
) -> Result<Model, FitError> {
    fit_to(mesh, None, name, settings, checkpoint, cancel, observer)
}

/// As [`fit_from`], but with values and gradients of a field, where there is one, in place of the mesh's distance. The mesh must be that
/// field's surface: it says where samples are drawn, how thick walls are, and what lies beyond the unit frame. The sign is the field's,
/// whatever the settings say, and figures are those against the field.
///
/// # Errors
/// As [`fit_from`].
pub fn fit_to(
    mesh: &Mesh,
    truth: Option<Truth<'_>>,
    name: &str,
    settings: &FitSettings,
    checkpoint: Option<Checkpoint>,
    cancel: &CancelToken,
    observer: &mut dyn Observer,
) -> Result<Model, FitError> {
    let own_sign;
    let settings = match &truth {
        // A field knows its sign; the mesh is closed but where the field has an end.
        Some(_) if settings.sign != SignPolicy::Auto => {
            own_sign = FitSettings {
                sign: SignPolicy::Auto,
                ..settings.clone()
            };
            &own_sign
        }
        _ => settings,
    };
    if let Some(checkpoint) = &checkpoint {
        checkpoint.check(settings, mesh)?;
    }
    // A device that fails in the middle of work panics.
    let work = AssertUnwindSafe(|| {
        fit_on_device(mesh, truth, name, settings, checkpoint, cancel, observer)
    });
    catch_unwind(work).unwrap_or_else(|panic| match device_failure(panic) {
        Ok(error) => Err(error.into()),
        Err(panic) => resume_unwind(panic),
    })
}

fn fit_on_device(
    mesh: &Mesh,
    truth: Option<Truth<'_>>,
    name: &str,
    settings: &FitSettings,
    checkpoint: Option<Checkpoint>,
    cancel: &CancelToken,
    observer: &mut dyn Observer,
) -> Result<Model, FitError> {
    settings.validate()?;
    observer.progress(Progress::default());
    let started = Instant::now();
    let mut device = DeviceInPreparation::start(settings);
    let bounds = mesh.bounds();
    let frame = Similarity::to_unit_frame(&bounds).ok_or(FitError::NoExtent)?;
    let unit_mesh = frame.apply_to_mesh(mesh);
    let truth = truth.map(|truth| truth.seen_from(frame));
    let oracle = SignedDistance::build(&unit_mesh, settings.sign, cancel)?.ended_by(cancel);
    device.fail_early()?;
    let boundary = oracle.boundary().unwrap_or(&unit_mesh);
    let surface = SurfaceSampler::new(boundary);
    let sign = oracle.sign_report();
    let parts = Parts::measure(
        &oracle,
        boundary,
        &surface,
        settings.sampling.by_curvature,
        cancel,
    )?;
    if cancel.is_cancelled() {
        return Err(FitError::Cancelled);
    }
    let thickness = parts.thickness.map(|length| length / frame.scale);
    if let Some(thickness) = thickness {
        observer.thickness(thickness);
    }
    let source = SampleSource::new(&oracle, &surface, frame.apply_to_bounds(&bounds))
        .with_truth(truth.as_ref())
        .with_details(&parts.details);
    let held_out = HeldOut::draw(&source, sign.rule, &CHECK, cancel)?;
    let refinement = settings.spline.map(|refinement| match parts.thickness {
        Some(thickness) => refinement.for_thickness(thickness),
        None => refinement,
    });
    let spline = refinement.map(|refinement| spline_of(&source, &refinement, cancel));
    let spline = spline.transpose()?.map(Arc::new);
    let residual = Residual::of(spline.as_deref(), held_out.near());
    let needs = settings.loss.needs();
    let mut mixtures = Mixtures::new(&source, &residual, settings.sampling, needs, settings.seed);
    let parameters = (settings.start).parameters(&settings.architecture, settings.seed);
    let pool_size = settings.sampling.pool_size as usize;
    let first = match &checkpoint {
        None => Some(mixtures.first(FIRST_SAMPLES, cancel)?),
        Some(_) => None,
    };
    if device.is_compiling() {
        observer.progress(Progress {
            phase: Phase::Compile,
            ..Progress::default()
        });
    }
    let mesh_ready = started.elapsed();
    let engine = device.ready()?;
    let device_ready = started.elapsed();
    tracing::debug!(?mesh_ready, ?device_ready, "ready to train");
    let mut learner = engine.learner(&settings.architecture, &parameters, needs, pool_size);
    let mut pool = SamplePool::new(pool_size, needs);
    if let Some((rows, drawn)) = first {
        pool.add(&rows, drawn, &mut *learner);
    }
    if let Some(checkpoint) = &checkpoint {
        let drawn = &checkpoint.course.drawn;
        pool.refill(drawn, &mut mixtures, &mut *learner, cancel)?;
    }
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
            preset_reason: settings.preset_reason.clone(),
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
    if let Some(checkpoint) = checkpoint {
        run.resume(checkpoint);
    } else if unfinished.spline.is_some() {
        // What is known already may be better than the first steps.
        run.check(cancel)?;
    }
    thread::scope(|scope| {
        let by_itself = engine.device() != Device::Cpu;
        let mut supply = match by_itself && settings.summation() == Summation::Fast {
            true => Supply::beside(mixtures, cancel, scope),
            false => Supply::Between(mixtures),
        };
        run.train(&mut pool, &mut supply, mesh, cancel, observer)
    })?;

    observer.progress(Progress {
        phase: Phase::Evaluate,
        ..run.progress()
    });
    let setback = run.setback_in_words();
    let mut model = run.into_best();
    model.training.warnings.extend(setback);
    model.outer = outer_surface(&oracle, settings.outer, cancel)?;
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
    detail: OuterDetail,
    cancel: &CancelToken,
) -> Result<Option<OuterSurface>, Cancelled> {
    let surface = OuterSurface::of(detail, |points| match cancel.is_cancelled() {
        true => Err(Cancelled),
        false => Ok((points.par_iter())
            .map(|&point| oracle.closest(point).expect("a finite point").point)
            .collect()),
    })?;
    Ok(surface.has_extent().then_some(surface))
}
