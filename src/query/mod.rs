//! Asking a finished field, in the mesh's own units.

mod ball;
mod compare;
mod compress;
mod evaluate;
mod hessian;
mod loaded;
mod measure;
mod quantity;

pub use compare::{DirectedDistance, MeshComparison, compare_meshes};
pub use compress::{CompressError, compress};
pub use evaluate::{Column, Evaluation, EvaluationError, evaluate};
pub use hessian::{NotTwiceDifferentiable, ensure_twice_differentiable};
pub use loaded::LoadedModel;
pub use measure::{MeasureError, MeasureErrors, MeasureSettings, Measurement, measure};
pub use quantity::{Quantity, UnknownQuantity};
