//! Asking a finished field, in the mesh's own units.

mod compare;
mod hessian;
mod loaded;

pub use compare::{DirectedDistance, MeshComparison, compare_meshes};
pub use hessian::{NotTwiceDifferentiable, ensure_twice_differentiable, hessians, unit_hessians};
pub use loaded::LoadedModel;
