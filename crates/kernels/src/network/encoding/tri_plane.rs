//! Planes (Chan et al. 2022, "Efficient geometry-aware 3D generative adversarial networks", EG3D).

use serde::{Deserialize, Serialize};

use super::level::resolutions;
use super::{GridLevel, Interpolation, Parts, PositionEncoding, Setting};

/// Grids on the planes xy, xz and yz, onto which a position is projected. Their features lie side by side, so that the perceptron
/// decides how to put them together. Memory grows with the square of the resolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct TriPlane {
    /// Number of resolutions, from coarse to fine, with three planes each.
    pub levels: u32,
    /// Features at each grid vertex.
    pub features: u32,
    /// Cells along an axis of the coarsest planes.
    pub base_resolution: u32,
    /// Cells along an axis of the finest planes; those between grow geometrically.
    pub finest_resolution: u32,
    /// How features between vertices are made of those at the vertices.
    pub interpolation: Interpolation,
}

impl Default for TriPlane {
    fn default() -> Self {
        TriPlane {
            levels: 3,
            features: 4,
            base_resolution: 16,
            finest_resolution: 128,
            interpolation: Interpolation::Linear,
        }
    }
}

/// The axes of the planes.
const PLANES: [[bool; 3]; 3] = [[true, true, false], [true, false, true], [false, true, true]];

impl PositionEncoding for TriPlane {
    fn parts(&self) -> Parts {
        let resolutions = resolutions(self.levels, self.base_resolution, self.finest_resolution);
        let plane = |resolution, axes| GridLevel::dense(resolution, self.interpolation, axes);
        let planes = resolutions.flat_map(|resolution| PLANES.map(|axes| plane(resolution, axes)));
        Parts::tables(self.features, self.interpolation, planes)
    }

    fn settings(&self) -> Vec<Setting> {
        let finest = self.finest_resolution;
        vec![
            Setting::whole("levels", self.levels, 1, 16),
            Setting::one_of("features", self.features, &[1, 2, 4, 8]),
            Setting::whole("finest_resolution", finest, 1, 2047),
            Setting::whole("base_resolution", self.base_resolution, 1, finest),
        ]
    }

    fn words(&self) -> String {
        let (levels, features) = (self.levels, self.features);
        let (base, finest) = (self.base_resolution, self.finest_resolution);
        let interpolation = self.interpolation.words();
        format!("tri-plane {levels}x{features} {base}..{finest}{interpolation}")
    }
}
