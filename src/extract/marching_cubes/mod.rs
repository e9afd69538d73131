//! Marching cubes on one cell: which of its edges the level set crosses, and the triangles between them.

mod cube;
mod loops;
mod triangulate;

pub(super) use cube::{CORNERS, EDGES};

use loops::trace_loops;
use triangulate::triangulate;

/// The triangles of every sign pattern of a cell.
///
/// The tables are computed from one rule (see [`trace_loops`]) rather than copied, so that their being closed and
/// manifold is a matter of that rule and of the tests below.
pub(super) struct CaseTable {
    /// For each pattern (bit `c`: corner `c` is inside), triangles of cell edges, counter-clockwise seen from
    /// outside.
    cases: Vec<Vec<[u8; 3]>>,
    /// For each pattern, the loops that those triangles fill.
    loops: Vec<Vec<Vec<u8>>>,
}

impl CaseTable {
    /// Computes all 256 patterns; takes well under a millisecond.
    pub(super) fn new() -> CaseTable {
        let loops: Vec<Vec<Vec<u8>>> = (0..=255).map(trace_loops).collect();
        let filled = |loops: &Vec<Vec<u8>>| {
            let triangles = loops.iter().flat_map(|edges| triangulate(edges));
            triangles.collect()
        };
        CaseTable {
            cases: loops.iter().map(filled).collect(),
            loops,
        }
    }

    /// The triangles of the pattern `inside`.
    pub(super) fn triangles(&self, inside: u8) -> &[[u8; 3]] {
        &self.cases[usize::from(inside)]
    }

    /// The loops of crossed edges of the pattern `inside`, counter-clockwise seen from outside.
    pub(super) fn loops(&self, inside: u8) -> &[Vec<u8>] {
        &self.loops[usize::from(inside)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cube::FACES;
    use std::collections::HashMap;

    #[test]
    fn triangles_use_exactly_the_crossed_edges() {
        let table = CaseTable::new();
        for inside in 0..=255u8 {
            let mut used: Vec<u8> = table.triangles(inside).as_flattened().to_vec();
            used.sort_unstable();
            used.dedup();
            let crossed: Vec<u8> = (0..12u8)
                .filter(|&edge| {
                    let [a, b] = EDGES[usize::from(edge)].corners;
                    (inside >> a & 1) != (inside >> b & 1)
                })
                .collect();
            assert_eq!(used, crossed, "pattern {inside:08b}");
        }
    }

    /// Inside a cell every side of a triangle is either shared by two triangles, in opposite directions, or lies in a
    /// face of the cell; and a side shared inside never lies in a face, where a neighbour could use it too.
    #[test]
    fn sides_are_paired_within_a_cell_or_lie_in_one_of_its_faces() {
        let table = CaseTable::new();
        let in_one_face = |a: u8, b: u8| {
            FACES.iter().any(|face| {
                let holds = |edge: u8| {
                    EDGES[usize::from(edge)]
                        .corners
                        .iter()
                        .all(|c| face.contains(c))
                };
                holds(a) && holds(b)
            })
        };
        for inside in 0..=255u8 {
            let mut sides: HashMap<(u8, u8), u32> = HashMap::new();
            for &[a, b, c] in table.triangles(inside) {
                for side in [(a, b), (b, c), (c, a)] {
                    *sides.entry(side).or_default() += 1;
                }
            }
            for (&(a, b), &count) in &sides {
                assert_eq!(count, 1, "pattern {inside:08b}");
                let paired = sides.contains_key(&(b, a));
                assert_ne!(
                    paired,
                    in_one_face(a, b),
                    "pattern {inside:08b}, side {a}-{b}"
                );
            }
        }
    }

    #[test]
    fn one_inside_corner_gives_one_triangle_facing_away_from_it() {
        let table = CaseTable::new();
        for (corner, at) in CORNERS.iter().enumerate() {
            let triangles = table.triangles(1 << corner);
            assert_eq!(triangles.len(), 1);
            let middle = |edge: u8| {
                let [a, b] = EDGES[usize::from(edge)]
                    .corners
                    .map(|c| CORNERS[usize::from(c)]);
                std::array::from_fn::<f64, 3, _>(|k| f64::from(a[k] + b[k]) * 0.5)
            };
            let [p, q, r] = triangles[0].map(middle);
            let u: [f64; 3] = std::array::from_fn(|k| q[k] - p[k]);
            let v: [f64; 3] = std::array::from_fn(|k| r[k] - p[k]);
            let normal = [
                u[1] * v[2] - u[2] * v[1],
                u[2] * v[0] - u[0] * v[2],
                u[0] * v[1] - u[1] * v[0],
            ];
            let away: f64 = (0..3).map(|k| normal[k] * (0.5 - f64::from(at[k]))).sum();
            assert!(away > 0.0, "corner {corner}");
        }
    }
}
