//! Asking a finished field, in the mesh's own units.

mod ball;
mod clearance;
mod compare;
mod compress;
mod evaluate;
mod far;
mod grid;
mod hessian;
mod loaded;
mod measure;
mod project;
mod quantity;
mod ray;
mod setting;
mod surface;

pub use clearance::{Clearance, ClearanceSettings, Ends, Overlap, clearance};
pub use compare::{DirectedDistance, MeshComparison, compare_meshes};
pub use compress::{CompressError, compress};
pub use evaluate::{Column, Evaluation, EvaluationError, evaluate};
pub use grid::{GridError, stream_over_grid};
pub use hessian::{NotTwiceDifferentiable, ensure_twice_differentiable};
pub use loaded::LoadedModel;
pub use measure::{MeasureError, MeasureErrors, MeasureSettings, Measurement, measure};
pub use project::{Foot, GradientDrift, ProjectError, ProjectSettings, Projection, project_points};
pub use quantity::{Quantity, UnknownQuantity};
pub use ray::{Hit, MOST_HITS, Ray, RayError, RayHits, RaySettings, RayStats, cast_rays};
pub use setting::SettingOutOfRange;
pub use surface::SurfaceError;
