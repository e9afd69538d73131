//! Studies: many fits of some meshes, each with other settings, and a table and pictures of what came of them.

mod axis;
mod exact_volume;
mod grid;
mod interpolated;
mod marks;
mod picture;
mod quality;
mod results;
mod series;

pub use exact_volume::{ExactShape, ExactVolume, VolumeKind};
pub use grid::{Entry, MeshStudy, Study, StudyError, StudyFit};
pub use results::{Figures, Results, ResultsError, Row};
