//! Grids as data: one kernel interpolates dense grids, hashed ones and planes alike.

use super::interpolation::Interpolation;

/// One grid over `[-1, 1]³`.
///
/// The entry of a vertex `v`, whole numbers from 0 on by axis, is told by the products of `v` and `strides` by axis, modulo
/// 2³²: their sum in dense grids, and in others their exclusive or, modulo `entries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridLevel {
    /// Cells along an axis; there are more vertices, by the degree of the interpolation.
    pub resolution: u32,
    /// First entry of this level in the table of all levels.
    pub offset: u32,
    /// Entries of this level; a power of two unless it is dense.
    pub entries: u32,
    /// Every vertex has its own entry; else entries are shared by a hash.
    pub dense: bool,
    /// By axis: what the vertex's place is multiplied by. An axis of stride 0 makes no difference.
    pub strides: [u32; 3],
}

/// The primes of the spatial hash `x·1 ⊕ y·p₁ ⊕ z·p₂` (Teschner et al. 2003, as in instant-ngp).
const HASH_PRIMES: [u32; 3] = [1, 2_654_435_761, 805_459_861];

impl GridLevel {
    /// A grid over those of the three axes, each vertex with an entry of its own. At most 2³² entries.
    pub fn dense(resolution: u32, interpolation: Interpolation, axes: [bool; 3]) -> GridLevel {
        let vertices = interpolation.vertices(resolution);
        let mut entries = 1;
        let strides = axes.map(|varies| {
            let stride = entries;
            entries *= if varies { vertices } else { 1 };
            if varies { stride } else { 0 }
        });
        GridLevel {
            resolution,
            offset: 0,
            entries,
            dense: true,
            strides,
        }
    }

    /// A grid over all axes whose vertices share `entries` entries, a power of two.
    pub fn hashed(resolution: u32, entries: u32) -> GridLevel {
        GridLevel {
            resolution,
            offset: 0,
            entries,
            dense: false,
            strides: HASH_PRIMES,
        }
    }

    /// The entry behind its last.
    pub fn end(&self) -> usize {
        self.offset as usize + self.entries as usize
    }
}

/// Resolutions of so many grids, growing geometrically from the coarsest to the finest.
pub fn resolutions(levels: u32, base: u32, finest: u32) -> impl Iterator<Item = u32> {
    let growth = (f64::from(finest) / f64::from(base)).ln() / f64::from(levels.max(2) - 1);
    (0..levels)
        .map(move |level| (f64::from(base) * (growth * f64::from(level)).exp()).round() as u32)
}
