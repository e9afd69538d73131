//! The way between a mesh's own units and the unit frame in which fields are trained.

use super::{Bounds, Mesh};

/// `unit = (own - center) * scale`: a uniform scale and a shift, kept in `f64`.
///
/// Being a similarity, it multiplies every distance by the same `scale`, so a signed distance in one frame is a
/// signed distance in the other. It has no rotation: axis-aligned grids stay axis-aligned.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Similarity {
    /// The point in own units that becomes the origin.
    pub center: [f64; 3],
    /// Unit lengths for one own length; positive and finite.
    pub scale: f64,
}

/// Length of the mesh's longest side in the unit frame. The frame is the cube `[-1, 1]³`: this leaves a margin of
/// 1/18 of the longest side all around, so that no ear is cut off at the border.
pub const UNIT_LONGEST_SIDE: f64 = 1.8;

impl Similarity {
    /// The similarity that changes nothing.
    pub const IDENTITY: Similarity = Similarity {
        center: [0.0; 3],
        scale: 1.0,
    };

    /// Puts `bounds` into the middle of the unit frame, its longest side [`UNIT_LONGEST_SIDE`] long.
    ///
    /// `None` if the box is empty, not finite, or has no extent that can be scaled.
    pub fn to_unit_frame(bounds: &Bounds) -> Option<Similarity> {
        let scale = UNIT_LONGEST_SIDE / bounds.longest_side();
        let center = bounds.center();
        let usable = scale.is_finite() && scale > 0.0 && center.iter().all(|c| c.is_finite());
        usable.then_some(Similarity { center, scale })
    }

    /// A point of own units in the unit frame.
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| (point[axis] - self.center[axis]) * self.scale)
    }

    /// A point of the unit frame in own units.
    pub fn invert(&self, point: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| point[axis] / self.scale + self.center[axis])
    }

    /// A box of own units in the unit frame.
    pub fn apply_to_bounds(&self, bounds: &Bounds) -> Bounds {
        Bounds {
            min: self.apply(bounds.min),
            max: self.apply(bounds.max),
        }
    }

    /// The mesh with every vertex moved into the unit frame.
    pub fn apply_to_mesh(&self, mesh: &Mesh) -> Mesh {
        Mesh {
            positions: mesh.positions.iter().map(|&p| self.apply(p)).collect(),
            triangles: mesh.triangles.clone(),
        }
    }
}
