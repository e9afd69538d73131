//! The field: a spline and a network on a device, asked as one function; and the file that keeps it.

mod bodies;
mod bounded;
mod checksum;
mod coded;
mod corrected;
mod device;
mod device_failure;
mod devices;
mod engine;
mod extended;
mod metrics;
mod model;
mod model_check;
mod model_error;
mod model_file;
mod model_tensors;
mod newton;
mod outer_distance;
mod outer_surface;
mod scalar_field;
mod shape;
mod spline;

pub use bodies::{Bodies, Body};
pub use bounded::BoundedBelow;
pub(crate) use bounded::box_with_slack;
pub use coded::CompactForm;
pub use corrected::Corrected;
pub use device::{Device, DeviceChoice, DeviceError};
pub use device_failure::{device_failure, panic_message};
pub use devices::{DeviceReport, available_devices, devices};
pub use engine::{Engine, Learner, LearnerState, SharedField, open_engine};
pub use extended::Extended;
pub(crate) use extended::SHELL;
pub use metrics::Metrics;
pub use model::{Model, Training};
pub use model_error::ModelError;
pub(crate) use newton::NewtonStep;
pub use outer_surface::{OuterDetail, OuterSurface};
pub use scalar_field::ScalarField;
pub use shape::{Inside, Shape};
pub use spline::{
    Degree, MOST_CELLS, Refinement, SparseSpline, SplineField, SplineLevel, interpolate,
};
pub(crate) use spline::{Lattice, SIDE, weights, whole_bricks};
