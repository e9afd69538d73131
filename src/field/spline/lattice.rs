//! Where the nodes of a level lie, and in which bricks.

/// Nodes of a brick along an axis.
pub(crate) const SIDE: u32 = 4;

/// Nodes of a brick.
pub(crate) const NODES: usize = 64;

/// The nodes about `cells` cells an axis. Places of nodes count from 0, one node below the border of the unit frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lattice {
    /// Cells along an axis of the unit frame.
    pub cells: u32,
    /// Bricks along an axis.
    pub side: u32,
}

impl Lattice {
    pub(crate) fn new(cells: u32) -> Self {
        let side = (cells + 3).div_ceil(SIDE);
        Self { cells, side }
    }

    /// Number of bricks.
    pub(crate) fn bricks(&self) -> u32 {
        self.side.pow(3)
    }

    /// Nodes along an axis.
    pub(crate) fn nodes(&self) -> u32 {
        self.cells + 3
    }

    /// Number of a brick.
    #[inline(always)]
    pub(crate) fn number(&self, [x, y, z]: [u32; 3]) -> u32 {
        x + self.side * (y + self.side * z)
    }

    /// A brick by its number.
    pub(crate) fn brick(&self, number: u32) -> [u32; 3] {
        let (row, x) = (number / self.side, number % self.side);
        [x, row % self.side, row / self.side]
    }

    /// Brick and bit of a node.
    pub(crate) fn split(&self, place: [u32; 3]) -> (u32, u32) {
        let [x, y, z] = place.map(|p| p % SIDE);
        (
            self.number(place.map(|p| p / SIDE)),
            x + SIDE * (y + SIDE * z),
        )
    }

    /// Place of a brick's node.
    pub(crate) fn place(&self, brick: [u32; 3], bit: u32) -> [u32; 3] {
        let within = [bit % SIDE, bit / SIDE % SIDE, bit / SIDE / SIDE];
        std::array::from_fn(|axis| brick[axis] * SIDE + within[axis])
    }

    /// Where a node lies in the unit frame.
    pub(crate) fn position(&self, place: [u32; 3]) -> [f32; 3] {
        let step = 2.0 / f64::from(self.cells);
        place.map(|p| ((f64::from(p) - 1.0) * step - 1.0) as f32)
    }
}

/// The bits of a mask, ascending.
pub(super) fn bits(mut mask: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros())?;
        mask &= mask - 1;
        Some(bit)
    })
}
