//! From a field back to meshes and volumes.
//!
//! Everything here takes a [`ScalarField`](crate::field::ScalarField) over the unit frame and the
//! [`Similarity`](crate::geometry::Similarity) that leads there, and gives results in the mesh's own units:
//!
//! - [`extract_surface`]: the level set at any resolution and iso value, as an indexed triangle mesh. Coarse to fine;
//!   the dense grid is never held, memory grows with the surface.
//! - [`sample_dense`] and [`stream_dense`]: every voxel, in memory or slab by slab.
//! - [`extract_narrow_band`]: only the voxels near the surface, in leaves of 8³, as OpenVDB keeps them.
//! - [`Fineness`]: the resolution that keeps thin walls and small bodies, and words where a grid is too coarse for them.
//! - [`write_mesh`], [`DenseWriter`], [`write_vdb`]: files; those of meshes and level sets are written beside the target and renamed when whole.
//!
//! Volumes are in `[X, Y, Z]` C order everywhere: `z` runs fastest, as NumPy and OpenVDB leaves have it.

mod assembly;
mod brick;
mod error;
mod fineness;
mod grid;
mod lattice;
mod leaf_cutter;
mod level_set;
mod marching_cubes;
mod narrow_band;
mod patch;
mod projection;
mod quadric;
mod refine;
mod rounding;
mod sharp;
mod simplify;
mod slope_check;
mod surface;
mod vertices;
mod volume;
mod write;

#[cfg(test)]
pub(crate) mod closed_forms;

pub use error::ExtractError;
pub use fineness::{CELLS_ACROSS, DENSE_BYTES, Fineness, USUAL_RESOLUTION};
pub use grid::{DEFAULT_MEMORY_LIMIT, Grid, Resolution};
pub use level_set::extract_surface;
pub use narrow_band::{BandSettings, InsideTile, Leaf, NarrowBand, extract_narrow_band};
pub use rounding::HeldPositions;
pub use surface::{
    SlopeCheck, Surface, SurfaceBodies, SurfaceMode, SurfaceSettings, SurfaceStats, UnknownMode,
};
pub use volume::{DenseVolume, sample_dense, stream_dense};
pub use write::{
    DenseFormat, DenseWriter, MeshFileFormat, VolumePrecision, WriteError, write_mesh,
    write_mesh_to, write_vdb, write_vdb_to,
};
