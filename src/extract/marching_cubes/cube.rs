//! The numbering of a cell's corners, edges and faces.

/// Offsets `[x, y, z]` of corner `c` from the cell's lowest corner: bit 2 of `c` is `x`, bit 1 `y`, bit 0 `z`.
pub(in crate::extract) const CORNERS: [[u32; 3]; 8] = [
    [0, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
    [0, 1, 1],
    [1, 0, 0],
    [1, 0, 1],
    [1, 1, 0],
    [1, 1, 1],
];

/// An edge of a cell.
pub(in crate::extract) struct CellEdge {
    /// Its lower and its upper corner along `axis`.
    pub corners: [u8; 2],
    /// The axis along which it runs.
    pub axis: u8,
}

const fn edge(low: u8, axis: u8) -> CellEdge {
    CellEdge {
        corners: [low, low | 4 >> axis],
        axis,
    }
}

/// The edges: four along `x`, four along `y`, four along `z`.
pub(in crate::extract) const EDGES: [CellEdge; 12] = [
    edge(0, 0),
    edge(1, 0),
    edge(2, 0),
    edge(3, 0),
    edge(0, 1),
    edge(1, 1),
    edge(4, 1),
    edge(5, 1),
    edge(0, 2),
    edge(2, 2),
    edge(4, 2),
    edge(6, 2),
];

/// The corners of each face, counter-clockwise seen from outside the cell.
pub(super) const FACES: [[u8; 4]; 6] = [
    [0, 1, 3, 2], // x = 0
    [4, 6, 7, 5], // x = 1
    [0, 4, 5, 1], // y = 0
    [2, 3, 7, 6], // y = 1
    [0, 2, 6, 4], // z = 0
    [1, 5, 7, 3], // z = 1
];

/// The edge between two corners that have one.
pub(super) fn edge_between(a: u8, b: u8) -> u8 {
    let corners = [a.min(b), a.max(b)];
    let index = EDGES.iter().position(|edge| edge.corners == corners);
    index.expect("neighbouring corners of a face are joined by an edge") as u8
}

/// Whether two edges lie in a common face.
pub(super) fn share_face(a: u8, b: u8) -> bool {
    let holds = |face: &[u8; 4], edge: u8| {
        EDGES[usize::from(edge)]
            .corners
            .iter()
            .all(|c| face.contains(c))
    };
    FACES.iter().any(|face| holds(face, a) && holds(face, b))
}
