//! The network: what it looks like, and the parameters that it starts from. How each device runs it is told in
//! [`backend`](crate::backend).

pub mod activation;
mod architecture;
pub mod encoding;
mod initial;
mod start;

pub use activation::{Activation, Finer, Gaussian, Gelu, Relu, Silu, Sine, Softplus, Tanh, Wire};
pub use architecture::{Architecture, ArchitectureError, LayerSize, Mlp, TensorSpec};
pub use encoding::{
    DenseGrid, Encoding, Fourier, HashGrid, Identity, Interpolation, Joined, Positional, TriPlane,
};
pub use initial::initial_parameters;
pub use start::Start;
