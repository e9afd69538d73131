//! The closed loops in which a level set cuts the faces of a cell.

use super::cube::{FACES, edge_between};

/// The loops of crossed edges for the sign pattern `inside` (bit `c`: corner `c` is inside), each counter-clockwise
/// seen from outside the level set.
///
/// The rule on a face: walking around it, each crossing from outside to inside is joined to the next crossing from
/// inside to outside. On an ambiguous face (two opposite corners inside) that cuts the two inside corners off from
/// each other. It depends on nothing but the face's four signs, so the two cells at a face always agree, which makes
/// the mesh closed; and every crossed edge of a cell is entered by one segment and left by one, which makes the
/// segments loops.
pub(super) fn trace_loops(inside: u8) -> Vec<Vec<u8>> {
    let is_inside = |corner: u8| inside >> corner & 1 == 1;
    let mut next = [None; 12];
    for face in &FACES {
        for step in 0..4 {
            let (from, to) = (face[step], face[(step + 1) % 4]);
            if is_inside(from) || !is_inside(to) {
                continue;
            }
            let leaving = (step + 1..step + 4)
                .map(|step| (face[step % 4], face[(step + 1) % 4]))
                .find(|&(from, to)| is_inside(from) && !is_inside(to));
            let (last, beyond) = leaving.expect("who enters a closed walk's inside must leave it");
            next[usize::from(edge_between(from, to))] = Some(edge_between(last, beyond));
        }
    }
    let mut loops = Vec::new();
    for start in 0..12 {
        let mut edges = Vec::new();
        let mut edge = start;
        while let Some(following) = next[usize::from(edge)].take() {
            edges.push(edge);
            edge = following;
        }
        if !edges.is_empty() {
            loops.push(edges);
        }
    }
    loops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_have_three_edges_or_more_and_no_edge_twice() {
        for inside in 1..255 {
            let loops = trace_loops(inside);
            assert!(
                loops.iter().all(|edges| edges.len() >= 3),
                "{inside:08b}: {loops:?}"
            );
            let mut edges = loops.concat();
            let count = edges.len();
            edges.sort_unstable();
            edges.dedup();
            assert_eq!(edges.len(), count, "{inside:08b}");
        }
        assert!(trace_loops(0).is_empty() && trace_loops(255).is_empty());
    }

    #[test]
    fn an_ambiguous_face_parts_its_inside_corners() {
        // Corners 0 and 3 are opposite on the face x = 0: two loops of three, not one of six.
        let loops = trace_loops(0b0000_1001);
        assert_eq!(loops.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
        // All but corners 0 and 3: what is inside is parted there too, by one loop of six.
        let loops = trace_loops(0b1111_0110);
        assert_eq!(loops.iter().map(Vec::len).collect::<Vec<_>>(), [6]);
    }
}
