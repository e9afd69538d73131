//! Meshes: the data type, readers, the frame they are trained in, and what is wrong with them.
//!
//! A mesh enters through [`read_mesh`], [`parse_mesh`] or, from raw arrays, [`Mesh::from_arrays`] and [`validate()`]. All
//! three end in the same checks, so whatever lies to the right of this room may trust a mesh: indices are in range,
//! coordinates are finite, and the surface has an extent. Points without faces come out of [`read_shape_within`] as a
//! [`PointCloud`].

mod arrangement;
mod bending;
mod box_tree;
mod components;
mod corner_tree;
mod creases;
mod doubled;
mod ear_clipping;
mod edges;
mod fold;
mod foreign;
mod format;
#[cfg(test)]
mod fuzz;
mod gltf;
mod health;
mod intersections;
mod lattice;
mod mesh;
mod nesting;
mod obj;
mod off;
mod orientation;
mod ply;
mod ply_header;
mod point_cloud;
mod polygon;
mod principal_axes;
mod read;
pub mod shapes;
mod similarity;
mod size_limit;
mod stl;
mod surface_sampler;
mod text;
mod topology;
mod triangle_shape;
mod triangulate;
mod union_find;
mod validate;
pub(crate) mod vector;
mod weld;
mod xyz;

pub(crate) use arrangement::{Arrangement, GAP};
pub use bending::bending;
pub use components::Components;
pub use creases::creased_share;
pub use format::{MeshFormat, UnknownFormat};
pub use health::{HealthReport, SELF_INTERSECTION_LIMIT};
pub(crate) use intersections::cut_faces;
pub(crate) use lattice::{on_lattice, turn};
pub use mesh::{Bounds, Mesh};
pub use point_cloud::{PointCleanup, PointCloud, PointCloudError};
pub(crate) use principal_axes::{PrincipalAxes, eigenvectors};
#[cfg(test)]
use read::parse_points_for_test;
pub use read::{
    LoadedMesh, LoadedPoints, LoadedShape, ReadError, parse_mesh, parse_mesh_within,
    parse_shape_within, read_mesh, read_mesh_within, read_shape_within,
};
pub use similarity::{Similarity, UNIT_LONGEST_SIDE};
pub use size_limit::SizeLimit;
pub use surface_sampler::{SurfacePoint, SurfaceSampler};
pub use topology::Topology;
pub use triangle_shape::TriangleShape;
pub use validate::{Cleanup, MeshError, validate};
