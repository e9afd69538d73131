//! Dense grids.

use serde::{Deserialize, Serialize};

use super::level::resolutions;
use super::{GridLevel, Interpolation, Parts, PositionEncoding, Setting};

/// Grids of several resolutions, each vertex with features of its own: no collisions, and memory that grows with the cube of the
/// resolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct DenseGrid {
    /// Number of grids, from coarse to fine.
    pub levels: u32,
    /// Features at each grid vertex.
    pub features: u32,
    /// Cells along an axis of the coarsest level.
    pub base_resolution: u32,
    /// Cells along an axis of the finest level; the levels between grow geometrically.
    pub finest_resolution: u32,
    /// How features between vertices are made of those at the vertices.
    pub interpolation: Interpolation,
}

impl Default for DenseGrid {
    fn default() -> Self {
        DenseGrid {
            levels: 4,
            features: 4,
            base_resolution: 8,
            finest_resolution: 48,
            interpolation: Interpolation::Linear,
        }
    }
}

impl PositionEncoding for DenseGrid {
    fn parts(&self) -> Parts {
        let resolutions = resolutions(self.levels, self.base_resolution, self.finest_resolution);
        let level = |resolution| GridLevel::dense(resolution, self.interpolation, [true; 3]);
        Parts::tables(self.features, self.interpolation, resolutions.map(level))
    }

    fn settings(&self) -> Vec<Setting> {
        let finest = self.finest_resolution;
        vec![
            Setting::whole("levels", self.levels, 1, 16),
            Setting::one_of("features", self.features, &[1, 2, 4, 8]),
            Setting::whole("finest_resolution", finest, 1, 255),
            Setting::whole("base_resolution", self.base_resolution, 1, finest),
        ]
    }

    fn words(&self) -> String {
        let (levels, features) = (self.levels, self.features);
        let (base, finest) = (self.base_resolution, self.finest_resolution);
        let interpolation = self.interpolation.words();
        format!("dense-grid {levels}x{features} {base}..{finest}{interpolation}")
    }
}
