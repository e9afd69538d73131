//! The signed-distance oracle: the exact distance from any point to a mesh, and on which side of it the point lies.
//!
//! [`SignedDistance`] is built once from a [`Mesh`](crate::geometry::Mesh) and then answers queries from many threads:
//!
//! * the closest point, by a wide bounding volume hierarchy whose nodes and leaves hold one array per coordinate;
//! * the sign, by the rule that [`SignPolicy`] selects and [`SignReport`] explains;
//! * winding numbers and first hits of rays, which other rooms use on their own.
//!
//! Points come and distances go in the units of the mesh. Inside, everything is moved to the unit frame first, so that
//! `f32` arithmetic keeps its precision for a mesh of any size at any place: distances are right to about 1e-7 of the
//! longest side.

mod boundary;
mod build;
mod bvh;
mod closest;
mod closing;
mod crossings;
mod facets;
mod groups;
mod inside;
mod nearest;
mod neighbours;
mod query_order;
mod ray;
#[cfg(test)]
mod reference;
mod second_rule;
mod sign;
mod signed_distance;
mod surface;
#[cfg(test)]
mod tests;
mod triangle;
mod vector;
mod winding;

pub use closest::Place;
pub use sign::{SignPolicy, SignReport, SignRule, UnknownSignPolicy};
pub use signed_distance::{CHUNK, Closest, DistanceError, Hit, SignedDistance};
pub(crate) use triangle::{closest_point, cross, dot, sub};
