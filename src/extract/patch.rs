//! The part of a surface that lies in one brick.

use super::brick::{BRICK_CELLS, BRICK_VOLUME, Brick, STRIDES, corner_offsets, place};
use super::marching_cubes::{CaseTable, EDGES};

/// Triangles between crossed edges of a brick.
pub(super) struct Patch {
    /// The edges, by local index, in the order in which triangles first use them.
    pub edges: Vec<LocalEdge>,
    /// Indices into `edges`, counter-clockwise seen from outside; none where loops are asked for.
    pub triangles: Vec<[u32; 3]>,
    /// The loops in the cells, where they are asked for.
    pub loops: Loops,
    /// The steepest change along an edge of a crossed cell between two evaluated corners, in value per cell.
    pub steepest: f32,
}

/// The loops in which the level set cuts cells.
#[derive(Default)]
pub(super) struct Loops {
    /// Indices into the patch's `edges`, loop by loop, counter-clockwise seen from outside.
    pub corners: Vec<u32>,
    /// Where each loop ends among them.
    pub ends: Vec<u32>,
    /// The cell of each: local index of its lowest corner.
    pub cells: Vec<u16>,
}

impl Loops {
    /// Each loop's cell and corners.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &[u32])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(&self.ends);
        spans
            .zip(&self.cells)
            .map(|((start, &end), &cell)| (cell, &self.corners[start as usize..end as usize]))
    }
}

/// What is made of the crossed cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    Triangles,
    Loops,
}

/// An edge of the grid inside a brick or on its faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalEdge {
    /// Local index of its lower corner.
    pub corner: u16,
    /// The axis along which it runs.
    pub axis: u8,
}

impl LocalEdge {
    fn slot(self) -> usize {
        usize::from(self.axis) * BRICK_VOLUME + usize::from(self.corner)
    }

    /// Local indices of both ends.
    pub(super) fn ends(self) -> [usize; 2] {
        let low = usize::from(self.corner);
        [low, low + STRIDES[usize::from(self.axis)]]
    }

    /// Whether other bricks have the edge too.
    pub(super) fn on_face(self) -> bool {
        let at = place(usize::from(self.corner));
        (0..3).any(|axis| {
            axis != usize::from(self.axis) && (at[axis] == 0 || at[axis] == BRICK_CELLS as u32)
        })
    }
}

/// Which vertex of a patch lies on which edge of a brick; reused from brick to brick.
pub(super) struct EdgeSlots(Vec<u32>);

const FREE: u32 = u32::MAX;

impl EdgeSlots {
    pub(super) fn new() -> EdgeSlots {
        EdgeSlots(vec![FREE; 3 * BRICK_VOLUME])
    }
}

/// Puts the ends of crossed edges that are not evaluated yet on the brick's pending list. Only cells of a grid of
/// `dims` samples count.
pub(super) fn request_ends(brick: &mut Brick, dims: [u32; 3]) {
    let mut pending = Vec::new();
    for_each_crossed_cell(brick, dims, |corners, values| {
        for edge in &EDGES {
            let [a, b] = edge.corners.map(usize::from);
            if (values[a] < 0.0) != (values[b] < 0.0) {
                pending.extend(
                    [a, b]
                        .map(|c| corners[c])
                        .into_iter()
                        .filter(|&c| !brick.is_exact(c)),
                );
            }
        }
    });
    pending.sort_unstable();
    pending.dedup();
    brick.pending = pending.into_iter().map(|point| point as u16).collect();
}

/// Marches through the crossed cells of a brick.
pub(super) fn march(
    brick: &Brick,
    dims: [u32; 3],
    table: &CaseTable,
    pieces: Pieces,
    slots: &mut EdgeSlots,
) -> Patch {
    let mut patch = Patch {
        edges: Vec::new(),
        triangles: Vec::new(),
        loops: Loops::default(),
        steepest: 0.0,
    };
    for_each_crossed_cell(brick, dims, |corners, values| {
        let inside = (0..8).fold(0u8, |bits, c| bits | u8::from(values[c] < 0.0) << c);
        let mut vertex = |edge: u8| {
            let edge = &EDGES[usize::from(edge)];
            let edge = LocalEdge {
                corner: corners[usize::from(edge.corners[0])] as u16,
                axis: edge.axis,
            };
            let slot = &mut slots.0[edge.slot()];
            if *slot == FREE {
                *slot = patch.edges.len() as u32;
                patch.edges.push(edge);
            }
            *slot
        };
        match pieces {
            Pieces::Triangles => patch
                .triangles
                .extend(table.triangles(inside).iter().map(|t| t.map(&mut vertex))),
            Pieces::Loops => {
                for edges in table.loops(inside) {
                    let loops = &mut patch.loops;
                    loops.corners.extend(edges.iter().map(|&e| vertex(e)));
                    loops.ends.push(loops.corners.len() as u32);
                    loops.cells.push(corners[0] as u16);
                }
            }
        }
    });
    for edge in &patch.edges {
        slots.0[edge.slot()] = FREE;
        let [a, b] = edge.ends().map(|end| brick.values[end]);
        patch.steepest = patch.steepest.max((a - b).abs());
    }
    patch
}

/// Calls `visit` with the local indices and values of the corners of each cell that has corners on both sides.
fn for_each_crossed_cell(
    brick: &Brick,
    dims: [u32; 3],
    mut visit: impl FnMut(&[usize; 8], &[f32; 8]),
) {
    let offsets = corner_offsets(1);
    for cell in brick.cells.iter().map(|&cell| usize::from(cell)) {
        let index = brick.index(cell);
        if (0..3).all(|axis| index[axis] + 1 < dims[axis]) {
            let corners = offsets.map(|offset| cell + offset);
            visit(&corners, &corners.map(|corner| brick.values[corner]));
        }
    }
}
