//! The figures by which a model is judged.

/// The evaluation protocol's figures (docs/architecture.md), on points that training never saw. Lengths are divided by the
/// longest side of the mesh's bounding box.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Metrics {
    /// Mean |error| near the surface.
    pub near_mae: f64,
    /// Share of those points whose sign is right; 1 for unsigned fields.
    pub sign_agreement: f64,
    /// Mean |error| in the grown bounding box.
    pub uniform_mae: f64,
    /// Intersection over union of the insides there; `None` for a mesh without an inside.
    pub iou: Option<f64>,
    /// Angle between the field's gradient and the exact one, in degrees: the median over the points near the surface whose
    /// distance is over 1e-4. `None` in older models.
    #[serde(default)]
    pub gradient_degrees: Option<f64>,
    /// The same, the mean.
    #[serde(default)]
    pub gradient_degrees_mean: Option<f64>,
    /// Mean of | |gradient| - 1 | there.
    #[serde(default)]
    pub gradient_length_error: Option<f64>,
}
