//! Loops of crossed edges cut into triangles.

use super::cube::{CORNERS, EDGES, share_face};

/// Cuts a loop of cell edges into triangles of the same direction, without a diagonal in a face of the cell.
///
/// A diagonal in a face could meet the same diagonal from the cell next door: an edge with four triangles. Among the
/// triangulations without one, it takes the one with the shortest diagonals between the middles of the edges
/// (minimum-weight triangulation of a polygon, by trying every apex over every side).
///
/// # Panics
/// If there is no such triangulation; the tests go through every loop that a cell can have.
pub(super) fn triangulate(edges: &[u8]) -> Vec<[u8; 3]> {
    let (_, triangles) =
        cut(edges).expect("every loop of a cell can be cut without a diagonal in a face");
    triangles
}

/// The lightest cut of the polygon `edges`, whose first and last vertex are joined by a side that is paid for.
fn cut(edges: &[u8]) -> Option<(f64, Vec<[u8; 3]>)> {
    let (&first, &last) = (edges.first()?, edges.last()?);
    if edges.len() < 3 {
        return Some((0.0, Vec::new()));
    }
    let with_apex = |apex: usize| {
        let weight = diagonal(edges, 0, apex)? + diagonal(edges, apex, edges.len() - 1)?;
        let (left_weight, left) = cut(&edges[..=apex])?;
        let (right_weight, right) = cut(&edges[apex..])?;
        let triangles = [vec![[first, edges[apex], last]], left, right].concat();
        Some((weight + left_weight + right_weight, triangles))
    };
    (1..edges.len() - 1)
        .filter_map(with_apex)
        .min_by(|a, b| a.0.total_cmp(&b.0))
}

/// What the line between two vertices of the polygon costs: nothing for a side of it, `None` if it lies in a face.
fn diagonal(edges: &[u8], a: usize, b: usize) -> Option<f64> {
    if b - a == 1 {
        return Some(0.0);
    }
    if share_face(edges[a], edges[b]) {
        return None;
    }
    let middle = |edge: u8| {
        let [low, high] = EDGES[usize::from(edge)]
            .corners
            .map(|c| CORNERS[usize::from(c)]);
        std::array::from_fn::<f64, 3, _>(|axis| f64::from(low[axis] + high[axis]) * 0.5)
    };
    let (p, q) = (middle(edges[a]), middle(edges[b]));
    Some(
        (0..3)
            .map(|axis| (p[axis] - q[axis]).powi(2))
            .sum::<f64>()
            .sqrt(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::loops::trace_loops;
    use super::*;

    #[test]
    fn every_loop_of_a_cell_can_be_cut() {
        for inside in 0..=255 {
            for edges in trace_loops(inside) {
                assert_eq!(
                    triangulate(&edges).len(),
                    edges.len() - 2,
                    "{inside:08b} {edges:?}"
                );
            }
        }
    }
}
