//! The loops of marching cubes as polygons between crossings, and how they hang together.

use crate::extract::vertices::Crossing;

/// The place of a polygon beyond the border of the grid.
pub(in crate::extract) const NONE: u32 = u32::MAX;

/// Polygons whose corners are crossings of the level set with edges of the grid, one or more a crossed cell: closed and manifold as
/// the mesh of marching cubes, whose triangles fill them.
#[derive(Default)]
pub(in crate::extract) struct Polygons {
    /// Crossings, polygon by polygon, counter-clockwise seen from outside.
    corners: Vec<u32>,
    /// Where the corners of each polygon end.
    ends: Vec<u32>,
    /// By polygon: the cell's lowest corner, as an index on the grid.
    cells: Vec<[u32; 3]>,
    /// By crossing: the polygons of the four cells around its edge, counter-clockwise seen from outside.
    around: Vec<[u32; 4]>,
}

impl Polygons {
    /// A crossing that no polygon has yet.
    pub(in crate::extract) fn add_crossing(&mut self) {
        self.around.push([NONE; 4]);
    }

    /// A polygon in a cell: its crossings by number, and where they are.
    pub(in crate::extract) fn add(
        &mut self,
        cell: [u32; 3],
        corners: impl Iterator<Item = (u32, Crossing)>,
    ) {
        let polygon = self.cells.len() as u32;
        self.cells.push(cell);
        for (number, crossing) in corners {
            self.corners.push(number);
            self.around[number as usize][quadrant(cell, &crossing)] = polygon;
        }
        self.ends.push(self.corners.len() as u32);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// How many crossings there are.
    pub(super) fn crossings(&self) -> usize {
        self.around.len()
    }

    /// The lowest corner of a polygon's cell.
    pub(super) fn cell(&self, polygon: u32) -> [u32; 3] {
        self.cells[polygon as usize]
    }

    /// The crossings of a polygon, counter-clockwise seen from outside.
    pub(super) fn corners(&self, polygon: u32) -> &[u32] {
        let start = match polygon {
            0 => 0,
            _ => self.ends[polygon as usize - 1],
        };
        &self.corners[start as usize..self.ends[polygon as usize] as usize]
    }

    /// The polygons around a crossing, counter-clockwise seen from outside; [`NONE`] beyond the border of the grid.
    pub(super) fn around(&self, crossing: u32) -> [u32; 4] {
        self.around[crossing as usize]
    }

    /// The polygon beyond the side of a polygon that begins at `crossing`, one of its corners.
    pub(super) fn across(&self, polygon: u32, crossing: u32) -> u32 {
        let around = self.around(crossing);
        let at = around.iter().position(|&p| p == polygon);
        around[(at.expect("the crossing is one of the polygon's") + 3) % 4]
    }

    /// Bytes held.
    pub(in crate::extract) fn bytes(&self) -> usize {
        self.corners.capacity() * 4
            + self.ends.capacity() * 4
            + self.cells.capacity() * 12
            + self.around.capacity() * 16
    }
}

/// The place of a cell among the four around a crossed edge, counter-clockwise seen from outside.
fn quadrant(cell: [u32; 3], crossing: &Crossing) -> usize {
    let axis = usize::from(crossing.axis);
    let beyond = |axis: usize| cell[axis] == crossing.index[axis];
    let place = match (beyond((axis + 1) % 3), beyond((axis + 2) % 3)) {
        (true, true) => 0,
        (false, true) => 1,
        (false, false) => 2,
        (true, false) => 3,
    };
    // Seen from the upper end of the edge; outside is there if the lower end is inside.
    match crossing.ends[0] < 0.0 {
        true => place,
        false => 3 - place,
    }
}
