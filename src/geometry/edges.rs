//! Which faces meet at each edge of a mesh.

/// The edges of a mesh, each with the faces that run along it.
///
/// Sorted by counting over the smaller vertex and then within what one vertex has: n log n whatever the mesh, and close to
/// linear for real ones, whose vertices have few edges.
pub(super) struct Edges {
    sides: Vec<Side>,
    /// Where the edges of each vertex begin, the end behind them.
    starts: Vec<usize>,
}

/// One side of one face: how the face runs along the edge.
///
/// The larger vertex, the face and the direction in one number, in this order, so that sorting brings together what
/// belongs to one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Side(u64);

impl Side {
    /// The face, counted from 0.
    pub fn face(self) -> u32 {
        (self.0 >> 1) as u32 & 0x7fff_ffff
    }

    /// The larger vertex of the edge.
    pub fn high(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Whether the face runs from the larger vertex to the smaller one.
    pub fn backward(self) -> bool {
        self.0 & 1 == 1
    }

    /// 1 along the edge, -1 against it.
    pub fn sign(self) -> i32 {
        if self.backward() { -1 } else { 1 }
    }
}

impl Edges {
    /// The edges of `triangles`, the vertex `v` of which lies at place `place[v]`; edges of one place are none, and neither
    /// are those of triangles with two corners at one place.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist, or there are 2³¹ triangles or more.
    pub fn of(triangles: &[[u32; 3]], place: &[u32]) -> Edges {
        assert!(
            triangles.len() < super::validate::COUNT_LIMIT,
            "fewer than 2^31 triangles"
        );
        let placed = |triangle: &[u32; 3]| triangle.map(|vertex| place[vertex as usize]);
        let mut starts = vec![0; place.len() + 1];
        for [a, b, c] in triangles.iter().map(placed).filter(has_an_area) {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                starts[from.min(to) as usize + 1] += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut sides = vec![Side(0); sum];
        for (face, triangle) in triangles.iter().enumerate() {
            let [a, b, c] = placed(triangle);
            if !has_an_area(&[a, b, c]) {
                continue;
            }
            for (from, to) in [(a, b), (b, c), (c, a)] {
                let side = u64::from(from.max(to)) << 32 | (face as u64) << 1;
                let at = &mut next[from.min(to) as usize];
                sides[*at] = Side(side | u64::from(from > to));
                *at += 1;
            }
        }
        for ends in starts.windows(2) {
            sides[ends[0]..ends[1]].sort_unstable();
        }
        Edges { sides, starts }
    }

    /// Every edge once: its smaller vertex, and the sides that run along it.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[Side])> {
        let vertices = (0_u32..).zip(self.starts.windows(2));
        vertices.flat_map(|(low, ends)| {
            let around = &self.sides[ends[0]..ends[1]];
            let edges = around.chunk_by(|a, b| a.high() == b.high());
            edges.map(move |sides| (low, sides))
        })
    }
}

/// Whether the corners are three different ones.
fn has_an_area(&[a, b, c]: &[u32; 3]) -> bool {
    a != b && b != c && c != a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn every_edge_has_the_faces_that_share_it() {
        let mut mesh = shapes::icosphere(2, 1.0);
        mesh.triangles.push([3, 3, 5]);
        let place: Vec<u32> = (0..mesh.positions.len() as u32).collect();
        let edges = Edges::of(&mesh.triangles, &place);
        let mut count = 0;
        for (low, sides) in edges.iter() {
            count += 1;
            assert_eq!(sides.len(), 2);
            assert_eq!(sides[0].sign() + sides[1].sign(), 0);
            for side in sides {
                let triangle = mesh.triangles[side.face() as usize];
                assert!(triangle.contains(&low) && triangle.contains(&side.high()));
            }
        }
        assert_eq!(count, 480);
    }

    #[test]
    fn a_fan_around_one_vertex_is_no_trouble() {
        let n = 30_000;
        let mut triangles: Vec<[u32; 3]> = (1..=n).map(|i| [0, i, i % n + 1]).collect();
        triangles.reverse();
        let place: Vec<u32> = (0..=n).collect();
        let edges = Edges::of(&triangles, &place);
        let spokes = edges.iter().filter(|(_, sides)| sides.len() == 2).count();
        assert_eq!((spokes, edges.iter().count()), (n as usize, 2 * n as usize));
    }
}
