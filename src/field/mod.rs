//! The network: what it looks like, how each device runs it, and the file that keeps it.

mod activation;
mod architecture;
mod autodiff;
mod backend;
mod batch_draw;
mod bodies;
mod bounded;
pub mod composed;
mod corrected;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod cube;
#[cfg(feature = "cuda")]
mod cuda_cards;
mod device;
mod device_failure;
mod devices;
mod encoding;
mod engine;
mod extended;
mod flex;
mod initial;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod kernel_cache;
mod loss;
mod metrics;
mod model;
mod model_tensors;
mod outer_distance;
mod outer_surface;
mod scalar_field;
mod setting;
mod spline;
mod update;

pub use activation::{Activation, Finer, Gaussian, Gelu, Relu, Silu, Sine, Softplus, Tanh, Wire};
pub use architecture::{Architecture, ArchitectureError, LayerSize, Mlp, TensorSpec};
pub use backend::{FieldBackend, Objective, OptimizerState, Summation, TrainStep, UpdateStep};
pub use batch_draw::BatchDraw;
pub use bodies::{Bodies, Body};
pub use bounded::BoundedBelow;
pub use corrected::Corrected;
pub use device::{Device, DeviceChoice, DeviceError};
pub use device_failure::{device_failure, panic_message};
pub use devices::{DeviceReport, available_devices, devices};
pub use encoding::{
    DenseGrid, Encoding, Fourier, HashGrid, Identity, Joined, Positional, TriPlane,
};
pub use engine::{Engine, Learner, SharedField, open_engine};
pub use extended::Extended;
pub use initial::initial_parameters;
pub use loss::{
    Absolute, Clamped, Eikonal, GradientError, Heat, Huber, Importance, Loss, LossError, Needs,
    NormalAlignment, Occupancy, OffSurface, Relative, Side, Squared, UnknownTerm,
};
pub use metrics::Metrics;
pub use model::{Model, ModelError, Training};
pub use outer_surface::{OuterDetail, OuterSurface};
pub use scalar_field::ScalarField;
pub use spline::{
    Degree, MOST_CELLS, Refinement, SparseSpline, SplineField, SplineLevel, interpolate,
};
pub use update::{Adam, Lion, Update, UpdateError};
