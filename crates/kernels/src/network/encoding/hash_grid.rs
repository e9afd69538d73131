//! The multiresolution hash grid (Müller et al. 2022, "Instant neural graphics primitives with a multiresolution hash encoding").

use serde::{Deserialize, Serialize};

use super::level::resolutions;
use super::{GridLevel, Interpolation, Parts, PositionEncoding, Setting};

/// Grids of several resolutions. The fine ones have fewer entries than vertices: a hash tells which vertices share one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct HashGrid {
    /// Number of grids, from coarse to fine.
    pub levels: u32,
    /// Features at each grid vertex.
    pub features: u32,
    /// Base-2 logarithm of the most entries that one level may have. Levels with fewer vertices are stored densely.
    pub log2_entries: u32,
    /// Cells along an axis of the coarsest level.
    pub base_resolution: u32,
    /// Cells along an axis of the finest level; the levels between grow geometrically.
    pub finest_resolution: u32,
    /// How features between vertices are made of those at the vertices.
    pub interpolation: Interpolation,
}

impl Default for HashGrid {
    fn default() -> Self {
        HashGrid {
            levels: 8,
            features: 4,
            log2_entries: 15,
            base_resolution: 16,
            finest_resolution: 256,
            interpolation: Interpolation::Linear,
        }
    }
}

impl PositionEncoding for HashGrid {
    fn parts(&self) -> Parts {
        let capacity = 1 << self.log2_entries;
        let resolutions = resolutions(self.levels, self.base_resolution, self.finest_resolution);
        let levels = resolutions.map(|resolution| {
            let vertices = u64::from(self.interpolation.vertices(resolution)).pow(3);
            match vertices <= u64::from(capacity) {
                true => GridLevel::dense(resolution, self.interpolation, [true; 3]),
                false => GridLevel::hashed(resolution, capacity),
            }
        });
        Parts::tables(self.features, self.interpolation, levels)
    }

    fn settings(&self) -> Vec<Setting> {
        let finest = self.finest_resolution;
        vec![
            Setting::whole("levels", self.levels, 1, 32),
            Setting::one_of("features", self.features, &[1, 2, 4, 8]),
            Setting::whole("log2_entries", self.log2_entries, 4, 20),
            // With 2²⁰ entries and 2¹¹ cells, hash products fit the 32-bit integers of every device.
            Setting::whole("finest_resolution", finest, 1, 2047),
            Setting::whole("base_resolution", self.base_resolution, 1, finest),
        ]
    }

    fn words(&self) -> String {
        let HashGrid {
            levels,
            features,
            log2_entries,
            base_resolution: base,
            finest_resolution: finest,
            interpolation,
        } = self;
        let interpolation = interpolation.words();
        format!("hash-grid {levels}x{features} 2^{log2_entries} {base}..{finest}{interpolation}")
    }
}
