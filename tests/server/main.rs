//! The daemon as its clients see it: over connections in memory, and over a real port.

mod connections;
mod daemon;
mod fits;
mod meshes;
mod models;
mod octahedron;
mod queries;
mod shutdown;
