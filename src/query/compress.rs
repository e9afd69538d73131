//! A model in its compact form: in steps as wide as an error allows.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64Mcg;
use thiserror::Error;

use super::LoadedModel;
use crate::CancelToken;
use crate::field::{CompactForm, Engine, Model};

/// A model that is not made compact.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CompressError {
    /// No steps are that close.
    #[error(
        "the error is {error}: it must be a length from {least} to {most}, shares 1e-6 and 0.1 of the longest side of the mesh"
    )]
    Error {
        /// What was asked for, own units.
        error: f64,
        /// The least that can be asked for.
        least: f64,
        /// And the most.
        most: f64,
    },
    /// The field is not finite, or has no surface.
    #[error("the model's field has no surface: nothing tells how far it may be off")]
    NoSurface,
    /// Somebody ended it.
    #[error("cancelled")]
    Cancelled,
}

/// Points that a field is judged by: half on its surface, half near it.
const PROBES: usize = 20_000;

/// Those that tell how much a tensor matters.
const FEW: usize = 4_000;

/// Width of the near ones, as in the evaluation protocol; longest side 1.
const NEAR: f64 = 0.0056;

/// Share of a spline's part in the error that the network beside it may have.
const NETWORK_SHARE: f64 = 0.3;

/// The same model in whole numbers of steps, whose field near its surface differs from `model`'s by at most `error` (own units) at 20,000
/// points: [`Model::to_bytes`] then gives the compact file. What was measured is in [`CompactForm`].
///
/// Steps of the spline are the same on all levels. Those of the network's tensors are such that each number has the same part in the error,
/// as far as moving a whole tensor at random tells.
///
/// # Errors
/// An error that is too small or too large, or a field without a surface; and if `cancel` is set.
pub fn compress(
    model: &Arc<Model>,
    engine: &dyn Engine,
    error: f64,
    cancel: &CancelToken,
) -> Result<Model, CompressError> {
    let side = model.bounds.longest_side();
    let (least, most) = (1e-6 * side, 0.1 * side);
    if !(least..=most).contains(&error) {
        return Err(CompressError::Error { error, least, most });
    }
    let search = Search::new(model, engine, cancel)?;
    let mut scale = error * model.frame.scale;
    // Both ends of where the error is first too large, then ever closer.
    let (mut best, mut too_wide) = (None, f64::INFINITY);
    for round in 0..40 {
        let tried = search.tried(scale)?;
        match f64::from(tried.1.largest_error) <= error {
            true => {
                best = Some((scale, tried.0));
                if round >= 8 || too_wide / scale < 1.05 {
                    break;
                }
            }
            false => too_wide = scale,
        }
        scale = match (&best, too_wide.is_finite()) {
            (Some((good, _)), true) => (good * too_wide).sqrt(),
            (Some((good, _)), false) => 2.0 * good,
            (None, _) => 0.5 * scale,
        };
    }
    // Steps of a millionth of what a number is are as good as none.
    best.map(|(_, model)| model).ok_or(CompressError::NoSurface)
}

/// What is asked again and again while steps are searched for.
struct Search<'a> {
    model: &'a Arc<Model>,
    engine: &'a dyn Engine,
    cancel: &'a CancelToken,
    probes: Vec<[f64; 3]>,
    values: Vec<f32>,
    /// Steps of the network's tensors and the spline's levels at a scale of 1.
    unit: CompactForm,
}

impl<'a> Search<'a> {
    fn new(
        model: &'a Arc<Model>,
        engine: &'a dyn Engine,
        cancel: &'a CancelToken,
    ) -> Result<Self, CompressError> {
        let loaded = LoadedModel::new(model.clone(), engine);
        let probes = probes(&loaded, cancel)?;
        let (values, _) = loaded.evaluate(&probes, false);
        let mut search = Search {
            model,
            engine,
            cancel,
            probes,
            values,
            unit: CompactForm::default(),
        };
        search.unit = CompactForm {
            network: search.network_steps()?,
            spline: vec![
                1.0;
                model
                    .spline
                    .as_ref()
                    .map_or(0, |spline| spline.levels.len())
            ],
            ..CompactForm::default()
        };
        Ok(search)
    }

    /// The model in steps of a scale, and what it is off by.
    fn tried(&self, scale: f64) -> Result<(Model, CompactForm), CompressError> {
        let wider = |steps: &[f32], least: &dyn Fn(usize) -> f32| -> Vec<f32> {
            let steps = steps.iter().enumerate();
            steps
                .map(|(index, &step)| ((f64::from(step) * scale) as f32).max(least(index)))
                .collect()
        };
        let specs = self.model.architecture.tensors();
        let parameters = &self.model.parameters;
        let largest =
            |numbers: &[f32]| numbers.iter().fold(1e-20, |most: f32, x| most.max(x.abs()));
        // A number is at most a million steps.
        let of_tensor = |index: usize| 1e-6 * largest(&parameters[specs[index].range()]);
        let of_level = |index: usize| {
            let spline = self.model.spline.as_ref();
            spline.map_or(1.0, |spline| {
                1e-6 * largest(&spline.levels[index].coefficients)
            })
        };
        let mut form = CompactForm {
            network: wider(&self.unit.network, &of_tensor),
            spline: wider(&self.unit.spline, &of_level),
            ..CompactForm::default()
        };
        let rounded = Arc::new(self.model.compacted(form.clone()));
        let differences = self.differences(&rounded, self.probes.len())?;
        form.largest_error = differences.iter().copied().fold(0.0, f64::max) as f32;
        form.mean_error = (differences.iter().sum::<f64>() / differences.len() as f64) as f32;
        let mut rounded = Arc::unwrap_or_clone(rounded);
        rounded.training.compact = Some(form.clone());
        Ok((rounded, form))
    }

    /// By how much another model differs at the first of the probes.
    fn differences(&self, other: &Arc<Model>, count: usize) -> Result<Vec<f64>, CompressError> {
        if self.cancel.is_cancelled() {
            return Err(CompressError::Cancelled);
        }
        let loaded = LoadedModel::new(other.clone(), self.engine);
        let mut differences = Vec::with_capacity(count);
        for (probes, values) in (self.probes[..count].chunks(8192)).zip(self.values.chunks(8192)) {
            if self.cancel.is_cancelled() {
                return Err(CompressError::Cancelled);
            }
            let (others, _) = loaded.evaluate(probes, false);
            let pairs = others.iter().zip(values);
            differences.extend(pairs.map(|(a, b)| f64::from((a - b).abs())));
        }
        Ok(differences)
    }

    /// Steps of the tensors with which each number has the same part in the error.
    fn network_steps(&self) -> Result<Vec<f32>, CompressError> {
        let count = self.probes.len().min(FEW);
        let all = self.model.parameters.len() as f64;
        let share = if self.model.spline.is_some() {
            NETWORK_SHARE
        } else {
            1.0
        };
        let mut steps = Vec::new();
        let mut random = Pcg64Mcg::seed_from_u64(7);
        for spec in self.model.architecture.tensors() {
            let range = spec.range();
            let squares = self.model.parameters[range.clone()].iter().map(|x| x * x);
            let size = (squares.sum::<f32>() / spec.len() as f32).sqrt().max(1e-6);
            let mut moved = (**self.model).clone();
            let by = 1e-3 * size;
            for parameter in &mut moved.parameters[range] {
                *parameter += by * random.random_range(-1.0..1.0);
            }
            let differences = self.differences(&Arc::new(moved), count)?;
            let square = differences.iter().map(|x| x * x).sum::<f64>() / count as f64;
            // Of numbers that move by 1, in the unit frame.
            let influence = square.sqrt() * self.model.frame.scale * 3.0_f64.sqrt() / f64::from(by);
            let step = share * (spec.len() as f64 / all).sqrt() / influence.max(1e-12);
            steps.push((step as f32).min(1e6 * size));
        }
        Ok(steps)
    }
}

/// Points on the field's surface, and as many near it: those that steps along the gradient lead there.
fn probes(loaded: &LoadedModel, cancel: &CancelToken) -> Result<Vec<[f64; 3]>, CompressError> {
    let bounds = &loaded.shape().bounds;
    let side = bounds.longest_side();
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut probes: Vec<[f64; 3]> = Vec::new();
    for _ in 0..20 {
        let place = |random: &mut Pcg64Mcg| {
            [0, 1, 2].map(|axis| {
                let share: f64 = random.random();
                bounds.min[axis] + share * (bounds.max[axis] - bounds.min[axis])
            })
        };
        let mut points: Vec<[f64; 3]> = (0..8192).map(|_| place(&mut random)).collect();
        for _ in 0..6 {
            if cancel.is_cancelled() {
                return Err(CompressError::Cancelled);
            }
            let (values, gradients) = loaded.evaluate(&points, true);
            let gradients = gradients.expect("they are asked for");
            for ((point, value), gradient) in points.iter_mut().zip(values).zip(gradients) {
                let square: f64 = gradient.iter().map(|&x| f64::from(x).powi(2)).sum();
                let length = f64::from(value) / square.max(0.25);
                for axis in 0..3 {
                    point[axis] -= length * f64::from(gradient[axis]);
                }
            }
        }
        let (values, _) = loaded.evaluate(&points, false);
        let arrived = points.into_iter().zip(values);
        let arrived = arrived.filter(|(_, value)| f64::from(value.abs()) < 1e-4 * side);
        for (point, _) in arrived {
            probes.push(point);
            let moved = point.map(|x| x + NEAR * side * random.sample::<f64, _>(StandardNormal));
            probes.push(moved);
        }
        if probes.len() >= PROBES {
            return Ok(probes);
        }
    }
    match probes.len() {
        0..1000 => Err(CompressError::NoSurface),
        _ => Ok(probes),
    }
}

#[cfg(test)]
mod tests;
