//! Overfit makes neural networks that *are* a shape: it fits an implicit neural representation, f: R³ → R, to the signed
//! distance field of a mesh (negative inside), and turns it back into meshes, volumes and numbers.
//!
//! ```
//! use overfit::field::{DeviceChoice, open_engine};
//! use overfit::geometry::shapes;
//! use overfit::query::LoadedModel;
//! use overfit::train::{Budget, Preset, fit};
//! use overfit::CancelToken;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cancel = CancelToken::new();
//! let mesh = shapes::icosphere(4, 2.0);
//! let mut settings = Preset::Draft.settings();
//! // By steps and not by seconds: repeatable, however busy the machine is.
//! settings.budget = Budget { steps: Some(100), ..Budget::default() };
//! let model = fit(&mesh, "sphere", &settings, &cancel, &mut |_| {})?;
//!
//! let engine = open_engine(DeviceChoice::Auto)?;
//! let field = LoadedModel::new(model.into(), &*engine);
//! let (distances, _) = field.evaluate(&[[3.0, 0.0, 0.0]], false);
//! assert!((distances[0] - 1.0).abs() < 0.1);
//! # Ok(())
//! # }
//! ```
//!
//! Data flows one way, and so do the imports: [`geometry`] → [`distance`] → [`network`], [`loss`], [`optimizer`] → [`backend`] → [`field`] → [`train`] → [`extract`] →
//! [`combine`] → [`query`] → [`render`], [`export`] → [`server`] and [`cli`]. `docs/architecture.md` walks through the house.

mod atomic_file;
mod cancel;
pub mod cli;
pub mod combine;
pub mod distance;
pub mod export;
pub mod extract;
pub mod field;
pub mod geometry;
mod machine_memory;
pub mod query;
pub mod reconstruct;
pub mod render;
pub mod server;
pub mod study;
pub mod train;
mod words;

pub use cancel::CancelToken;
pub use overfit_kernels::{backend, instruction_set, loss, network, optimizer};
pub(crate) use overfit_kernels::{calculus, setting, user_folder};

/// The program's version; clients of the same major and minor version work with it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
