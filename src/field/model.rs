//! A finished field, with what is needed to use it in the mesh's own units.

use std::fmt;
use std::sync::Arc;

use super::bodies::Bodies;
use super::coded::{self, CompactForm, Numbers};
use super::corrected::Corrected;
use super::engine::{Engine, SharedField};
use super::metrics::Metrics;
use super::outer_surface::OuterSurface;
use super::spline::{SparseSpline, SplineField};
use crate::geometry::{Bounds, Similarity};
use crate::network::Architecture;

/// A field with everything needed to use it in the mesh's own units.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What the network's value is added to: a spline of what was known of the shape before training. `None` where the network
    /// is alone.
    pub spline: Option<Arc<SparseSpline>>,
    /// The network.
    pub architecture: Architecture,
    /// Its parameters, flat, as [`Architecture::tensors`] lays them out.
    pub parameters: Vec<f32>,
    /// From the mesh's own units to the unit frame of the network.
    pub frame: Similarity,
    /// The mesh's bounding box, in own units.
    pub bounds: Bounds,
    /// What distances beyond the unit frame are taken from; `None` in files of programs that did not write it.
    pub outer: Option<OuterSurface>,
    /// How it came about.
    pub training: Training,
}

/// How a model came about. Nothing in here is needed to evaluate it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Training {
    /// Name of the mesh: its file or object.
    pub name: String,
    /// Version of the program that trained it.
    pub version: String,
    /// Preset that the settings started from.
    pub preset: String,
    /// Why that one, where it was chosen by the mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset_reason: Option<String>,
    /// Device it was trained on.
    pub device: String,
    /// Seed of parameters and samples.
    pub seed: u64,
    /// Steps taken.
    pub steps: u64,
    /// Samples seen.
    pub samples: u64,
    /// Seconds of training, without loading and evaluation.
    pub seconds: f64,
    /// All settings, as JSON.
    pub settings: serde_json::Value,
    /// Figures of the evaluation protocol.
    pub metrics: Option<Metrics>,
    /// What the user should know: an open mesh, a doubtful sign.
    pub warnings: Vec<String>,
    /// What 98% of the mesh's surface is thicker than, in own units; `None` without sign.
    pub thickness: Option<f64>,
    /// Area of the mesh's surface, in own units squared; `None` in older models.
    pub area: Option<f64>,
    /// The mesh's bodies; `None` where the surface does not tell how many the field has (an open one), and in older
    /// models.
    pub bodies: Option<Bodies>,
    /// The steps that its numbers are kept in, where its file is the compact one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compact: Option<CompactForm>,
}

impl Model {
    /// How many numbers the field is made of: those of the network and of the spline.
    pub fn parameter_count(&self) -> usize {
        let spline = self.spline.as_ref();
        self.parameters.len() + spline.map_or(0, |spline| spline.coefficient_count())
    }

    /// Moves the network to an engine's device. The result evaluates the field in the unit frame, as it was trained.
    pub fn unit_field(&self, engine: &dyn Engine) -> SharedField {
        let network = engine.load(&self.architecture, &self.parameters);
        match &self.spline {
            None => network,
            Some(spline) => Arc::new(Corrected {
                spline: Arc::new(SplineField::new(spline)),
                network,
                scale: 1.0,
            }),
        }
    }

    /// The same model with its numbers rounded to steps, as its compact file has them.
    ///
    /// # Panics
    /// Panics if there is no step for a tensor or a level.
    pub fn compacted(&self, form: CompactForm) -> Model {
        assert_eq!(form.network.len(), self.architecture.tensors().len());
        assert_eq!(
            form.spline.len(),
            self.spline.as_ref().map_or(0, |spline| spline.levels.len())
        );
        let numbers = coded::rounded(&self.architecture, &form, &self.numbers());
        Model {
            parameters: numbers.parameters,
            spline: numbers.spline.map(Arc::new),
            outer: numbers.outer,
            training: Training {
                compact: Some(form),
                ..self.training.clone()
            },
            ..self.clone()
        }
    }

    pub(super) fn numbers(&self) -> Numbers {
        Numbers {
            parameters: self.parameters.clone(),
            spline: self.spline.as_deref().cloned(),
            outer: self.outer.clone(),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(spline) = &self.spline {
            write!(f, "{spline}, ")?;
        }
        self.architecture.fmt(f)
    }
}
