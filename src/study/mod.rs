//! Studies: many fits of some meshes, each with other settings, and a table of what came of them.

mod grid;
mod results;

pub use grid::{MeshStudy, Study, StudyError, StudyFit};
pub use results::{Figures, Results, ResultsError};
