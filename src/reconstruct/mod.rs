//! Surfaces through points: what makes a mesh of a point cloud, so that all that takes a mesh takes a scan.
//!
//! 1. Each point's plane is that of its neighbours (`local_plane.rs`), unless the cloud has normals; which of its sides is
//!    outside is told by all points at once (`orientation.rs`).
//! 2. The winding number of the points (`winding.rs`) is about 1 inside and 0 outside, also across holes. Its level half-way,
//!    as it is at the points, is extracted as a closed surface (`level_set.rs`).
//! 3. Where there are points, that surface is moved onto them (`moving_spheres.rs`).
//!
//! No network is trained for it, and the same points give the same surface on any number of threads.

mod charges;
mod error;
mod groups;
mod level_set;
mod load;
mod local_plane;
mod moving_spheres;
mod orientation;
mod report;
mod surface;
mod tree;
mod vector;
mod winding;

pub use error::ReconstructError;
pub use load::{LoadError, load, parse};
pub use report::{Normals, PointReport};
pub use surface::{PointSurface, ReconstructSettings, surface_through, working_bytes};
