//! The library's types as messages, and back.

use std::collections::BTreeMap;

use super::error::{ApiError, OVERRIDES};
use super::proto;
use crate::distance::SignPolicy;
use crate::extract::Resolution;
use crate::field::{Bodies, Metrics, Model};
use crate::geometry::{Bounds, HealthReport};
use crate::loss::{Absolute, Squared};
use crate::train::{
    Budget, Chosen, Configuration, FitSettings, Phase, PresetChoice, Progress, SampleShares,
};

impl From<&Bounds> for proto::Bounds {
    fn from(bounds: &Bounds) -> Self {
        Self {
            min: bounds.min.to_vec(),
            max: bounds.max.to_vec(),
        }
    }
}

impl From<&Metrics> for proto::Metrics {
    fn from(metrics: &Metrics) -> Self {
        Self {
            near_mae: metrics.near_mae,
            sign_agreement: metrics.sign_agreement,
            uniform_mae: metrics.uniform_mae,
            iou: metrics.iou,
            gradient_degrees: metrics.gradient_degrees,
            gradient_degrees_mean: metrics.gradient_degrees_mean,
            gradient_length_error: metrics.gradient_length_error,
        }
    }
}

impl From<&HealthReport> for proto::HealthReport {
    fn from(report: &HealthReport) -> Self {
        Self {
            vertices: report.vertices,
            faces: report.faces,
            bodies: report.bodies,
            watertight: report.watertight,
            consistently_wound: report.consistently_wound,
            inverted: report.inverted,
            boundary_edges: report.boundary_edges,
            non_manifold_edges: report.non_manifold_edges,
            self_intersections: report.self_intersections,
            degenerate_triangles: report.degenerate_triangles,
            duplicate_triangles: report.duplicate_triangles,
            bounds: Some((&report.bounds).into()),
            area: report.area,
            volume: report.volume,
            warnings: report.warnings(),
            merged_faces: report.merged_faces,
            turned_faces: report.turned_faces,
            turned_bodies: report.turned_bodies,
            points: report.points,
        }
    }
}

impl From<Phase> for proto::Phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Prepare => proto::Phase::Prepare,
            Phase::Compile => proto::Phase::Compile,
            Phase::Train => proto::Phase::Train,
            Phase::Evaluate => proto::Phase::Evaluate,
        }
    }
}

impl From<&Progress> for proto::Progress {
    fn from(progress: &Progress) -> Self {
        Self {
            phase: proto::Phase::from(progress.phase).into(),
            fraction: progress.fraction,
            step: progress.step,
            samples: progress.samples,
            samples_per_second: progress.samples_per_second,
            loss: progress.loss,
            elapsed_seconds: progress.elapsed_seconds,
            remaining_seconds: progress.remaining_seconds,
            quality: progress.quality.as_ref().map(Into::into),
        }
    }
}

impl From<&Bodies> for proto::Bodies {
    fn from(bodies: &Bodies) -> Self {
        let thinnest = bodies.thinnest.iter().map(|body| proto::Body {
            longest_side: body.longest_side,
            thickness: body.thickness,
        });
        Self {
            count: bodies.count,
            thinnest: thinnest.collect(),
        }
    }
}

/// A model as clients see it, without what its store knows: name, time and size.
impl From<&Model> for proto::Model {
    fn from(model: &Model) -> Self {
        Self {
            display_name: model.training.name.clone(),
            architecture: architecture_in_words(model),
            parameters: model.parameter_count() as u64,
            bounds: Some((&model.bounds).into()),
            metrics: model.training.metrics.as_ref().map(Into::into),
            preset: model.training.preset.clone(),
            steps: model.training.steps,
            train_seconds: model.training.seconds,
            thickness: model.training.thickness,
            bodies: model.training.bodies.as_ref().map(Into::into),
            ..Self::default()
        }
    }
}

/// As the .proto file promises: `spline 256 382k + hash-grid 6x4 2^13 8..64, mlp 64x2`.
fn architecture_in_words(model: &Model) -> String {
    let network = model.architecture.in_short();
    let Some(spline) = &model.spline else {
        return network;
    };
    let finest = spline.levels.last().map_or(0, |level| level.cells);
    let thousands = spline.coefficient_count().div_ceil(1000);
    format!("spline {finest} {thousands}k + {network}")
}

/// The preset that a request names, or its word for the choice by the mesh.
///
/// # Errors
/// Names the field for any other word.
pub(super) fn preset_choice(asked: &proto::FitSettings) -> Result<PresetChoice, ApiError> {
    let choice = asked.preset.parse::<PresetChoice>();
    choice.map_err(|error| ApiError::field("settings.preset", error.to_string()))
}

/// The settings that a request asks for: those of the preset that was chosen, where it says nothing.
///
/// # Errors
/// Names the field that is not what it must be.
pub(super) fn fit_settings(
    asked: &proto::FitSettings,
    chosen: Chosen,
) -> Result<FitSettings, ApiError> {
    let mut settings = chosen.settings();
    settings.device = asked.device.parse()?;
    if asked.seconds.is_some() || asked.steps.is_some() {
        // Steps alone mean steps alone: only then does the same model come out again.
        settings.budget = Budget {
            seconds: asked.seconds,
            steps: asked.steps,
            ..settings.budget
        };
    }
    if asked.target_near_mae.is_some() {
        settings.budget.target_near_mae = asked.target_near_mae;
    }
    settings.sign = match known(asked.sign, "settings.sign")? {
        proto::SignPolicy::Unspecified | proto::SignPolicy::Auto => SignPolicy::Auto,
        proto::SignPolicy::Winding => SignPolicy::Winding,
        proto::SignPolicy::Parity => SignPolicy::Parity,
        proto::SignPolicy::None => SignPolicy::None,
    };
    settings.loss = match known(asked.loss, "settings.loss")? {
        proto::Loss::Unspecified => settings.loss,
        proto::Loss::L1 => Absolute::default().into(),
        proto::Loss::L2 => Squared::default().into(),
    };
    if let Some(seed) = asked.seed {
        settings.seed = seed;
    }
    if let Some(learning_rate) = asked.learning_rate {
        settings.optimizer.learning_rate = learning_rate;
    }
    if let Some(batch_size) = asked.batch_size {
        settings.optimizer.batch_size = batch_size;
    }
    if let Some(shares) = &asked.shares {
        settings.sampling.shares = SampleShares {
            surface: shares.surface,
            near: shares.near,
            uniform: shares.uniform,
        };
    }
    if let Some(near_sigma) = asked.near_sigma {
        settings.sampling.near_sigma = near_sigma;
    }
    // Sorted: the same request gives the same settings and the same words.
    for (name, value) in asked.overrides.iter().collect::<BTreeMap<_, _>>() {
        let change = Configuration::of(name, value).applied_to(&settings);
        settings = change.map_err(|error| ApiError::field(OVERRIDES, error.to_string()))?;
    }
    settings.validate()?;
    Ok(settings)
}

/// How fine a grid a request asks for, if it does.
pub(super) fn resolution(grid: Option<&proto::GridSettings>) -> Option<Resolution> {
    grid?.spacing.map(|spacing| match spacing {
        proto::grid_settings::Spacing::Resolution(cells) => Resolution::Cells(cells),
        proto::grid_settings::Spacing::VoxelSize(size) => Resolution::VoxelSize(size),
    })
}

/// The value of an enum field.
///
/// # Errors
/// [`ApiError::Field`] for a number that this version does not know.
pub(super) fn known<E: TryFrom<i32>>(number: i32, field: &'static str) -> Result<E, ApiError> {
    let unknown = |_| {
        ApiError::field(
            field,
            format!("{field} is {number}, which this version does not know"),
        )
    };
    E::try_from(number).map_err(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Preset;

    fn fit_settings(asked: &proto::FitSettings) -> Result<FitSettings, ApiError> {
        super::fit_settings(asked, preset_choice(asked)?.without_mesh())
    }

    #[test]
    fn what_is_not_set_comes_from_the_preset() {
        let settings = fit_settings(&proto::FitSettings::default()).unwrap();
        assert_eq!(settings, Preset::default().settings());
        let asked = proto::FitSettings {
            preset: "draft".to_owned(),
            steps: Some(10),
            sign: proto::SignPolicy::None.into(),
            seed: Some(3),
            ..Default::default()
        };
        let settings = fit_settings(&asked).unwrap();
        assert_eq!(settings.preset, Preset::Draft);
        assert_eq!(
            (settings.budget.seconds, settings.budget.steps),
            (None, Some(10))
        );
        assert_eq!((settings.sign, settings.seed), (SignPolicy::None, 3));
    }

    #[test]
    fn any_setting_can_be_overridden_by_its_name() {
        let asked = |name: &str, value: &str| proto::FitSettings {
            overrides: [(name.to_owned(), value.to_owned())].into(),
            ..Default::default()
        };
        let settings = fit_settings(&asked("spline.finest", "80")).unwrap();
        assert_eq!(settings.spline.unwrap().finest, 80);
        let refused = |name, value| fit_settings(&asked(name, value)).unwrap_err().to_string();
        assert!(refused("spline.finset", "80").contains("'spline.finest'"));
        assert!(refused("spline.finest", "9999").contains("spline.finest is 9999"));
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let refused = |change: fn(&mut proto::FitSettings)| {
            let mut asked = proto::FitSettings::default();
            change(&mut asked);
            fit_settings(&asked).unwrap_err().to_string()
        };
        let cases = [
            (refused(|s| s.preset = "fancy".to_owned()), "fancy"),
            (refused(|s| s.device = "gpu".to_owned()), "gpu"),
            (refused(|s| s.seconds = Some(-1.0)), "seconds"),
            (refused(|s| s.sign = 77), "settings.sign is 77"),
            (refused(|s| s.loss = -1), "settings.loss is -1"),
            (
                refused(|s| s.shares = Some(proto::SampleShares::default())),
                "shares",
            ),
        ];
        for (message, word) in cases {
            assert!(message.contains(word), "{message}");
        }
    }
}
