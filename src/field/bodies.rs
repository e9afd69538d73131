//! The bodies of a mesh, as far as a result is compared with them.

use serde::{Deserialize, Serialize};

/// The connected parts of a closed surface; bodies that overlap are one. Lengths are in the mesh's own units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bodies {
    /// How many there are: the surface of a field that has lost nothing has as many.
    pub count: u64,
    /// Those that are lost first in a coarse grid, the thinnest first: at most [`Bodies::LISTED`].
    pub thinnest: Vec<Body>,
}

impl Bodies {
    /// So many are listed, so that the description of a model stays short whatever the mesh.
    pub const LISTED: usize = 32;
}

/// One body.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// The longest side of its bounding box.
    pub longest_side: f64,
    /// What 98% of its surface is thicker than, straight inwards.
    pub thickness: f64,
}
