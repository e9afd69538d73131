//! The daemon: everything the library does, over gRPC.
//!
//! Thin on purpose: a call is checked, handed to the library, and its answer translated. Only what a library has no
//! notion of lives here: who may call, what is kept between calls, what waits for its turn, and what is too much.
//!
//! - [`serve()`] runs the daemon until a future completes; [`Server`] is the same in two steps, for whoever must know the
//!   port before, or brings connections of its own.
//! - [`ServerSettings`] says where it listens, where it keeps its models, and what it refuses.
//! - [`proto`] holds the messages and services that are generated from `proto/overfit/v1`.
//!
//! Work never runs on the threads that serve connections: fits have their own, and parsing, evaluation and extraction
//! go to tokio's pool for blocking work, where they end early when the client goes away.

mod activity;
mod answers;
mod authorization;
mod blocking;
mod check;
mod chunks;
mod closest;
mod combinations;
mod combine_service;
mod connection;
mod convert;
mod data_dir;
mod error;
mod evaluation;
mod expression;
mod extraction;
mod fit;
mod fit_run;
mod fit_service;
mod fit_watch;
mod fits;
mod folder_lock;
mod journal;
mod journaled_fit;
mod measuring;
mod memory;
mod mesh_data;
mod mesh_file;
mod mesh_service;
mod meshes;
mod message_memory;
mod metrics;
mod model_service;
mod models;
mod opened;
mod page;
mod preview;
pub mod proto;
mod query_service;
mod rays;
mod rendering;
mod resource_name;
mod responses;
mod restore;
mod routes;
mod runtime_file;
mod serve;
mod serve_error;
mod server_service;
mod settings;
mod shutdown;
mod token;
mod turns;
mod upload;

pub use check::{Found, check};
pub use data_dir::default_data_dir;
pub use fit_run::FitFunction;
pub use runtime_file::{RUNTIME_FILE, RuntimeFile};
pub use serve::{Server, serve};
pub use serve_error::ServeError;
pub use settings::{Limits, ServerSettings, Times, TlsFiles};
pub use shutdown::shutdown_signal;
