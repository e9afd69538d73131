//! What encodings come down to: the little that backends have to know.

use super::formula::FeatureFormula;
use super::interpolation::Interpolation;
use super::level::GridLevel;

/// The parts of an encoding.
///
/// The features of a position are, in this order: those of every level of the tables, then one for each row of constants of the
/// first formula, then of the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Numbers in an entry of the tables: 1, 2, 4 or 8, and 0 without tables.
    pub features: usize,
    /// How features between vertices are made of those at the vertices, in all grids.
    pub interpolation: Interpolation,
    /// The grids, whose entries lie one behind the other in one table.
    pub levels: Vec<GridLevel>,
    rows: [Vec<[f32; 4]>; FeatureFormula::COUNT],
}

impl Parts {
    /// Grids with so many numbers an entry.
    pub fn tables(
        features: u32,
        interpolation: Interpolation,
        levels: impl IntoIterator<Item = GridLevel>,
    ) -> Parts {
        let mut parts = Parts {
            features: features as usize,
            interpolation,
            ..Parts::default()
        };
        levels.into_iter().for_each(|level| parts.push(level));
        parts
    }

    /// A formula, with the constants of each feature.
    pub fn formula(formula: FeatureFormula, rows: Vec<[f32; 4]>) -> Parts {
        let mut parts = Parts::default();
        parts.rows[formula as usize] = rows;
        parts
    }

    /// These and those of another encoding, whose tables have as many numbers an entry and are interpolated alike.
    pub fn joined(mut self, other: Parts) -> Parts {
        if self.levels.is_empty() {
            self.interpolation = other.interpolation;
        }
        self.features = self.features.max(other.features);
        other.levels.into_iter().for_each(|level| self.push(level));
        for (rows, more) in self.rows.iter_mut().zip(other.rows) {
            rows.extend(more);
        }
        self
    }

    /// The constants of each feature of a formula.
    pub fn rows(&self, formula: FeatureFormula) -> &[[f32; 4]] {
        &self.rows[formula as usize]
    }

    /// Entries of the table of all levels.
    pub fn entries(&self) -> usize {
        self.levels.last().map_or(0, GridLevel::end)
    }

    /// Features that come from tables.
    pub fn interpolated(&self) -> usize {
        self.levels.len() * self.features
    }

    /// All features of a position.
    pub fn width(&self) -> usize {
        self.interpolated() + self.rows.iter().map(Vec::len).sum::<usize>()
    }

    /// Puts a level behind those that are there.
    fn push(&mut self, level: GridLevel) {
        let offset = self.entries() as u32;
        self.levels.push(GridLevel { offset, ..level });
    }
}
