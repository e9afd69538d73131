//! The daemon as its clients see it: over connections in memory, and over a real port.

mod busy_fit;
mod closest;
mod combinations;
mod connections;
mod daemon;
mod extractions;
mod fits;
mod idle;
mod memory;
mod meshes;
mod models;
mod octahedron;
mod previews;
mod queries;
mod rays;
mod real_fit;
mod restarts;
mod retries;
mod shutdown;
mod upload_limits;
mod watchers;
