//! Tests of `validate.rs`.

use super::*;
use crate::geometry::shapes;

fn mesh(positions: &[[f64; 3]], triangles: &[[u32; 3]]) -> Mesh {
    Mesh::from_arrays(positions, triangles)
}

const CORNERS: [[f64; 3]; 3] = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];

#[test]
fn one_triangle_and_a_flat_sheet_are_meshes() {
    let (kept, cleanup) = validate(mesh(&CORNERS, &[[0, 1, 2]])).unwrap();
    assert_eq!(kept.triangles.len(), 1);
    assert_eq!(cleanup, Cleanup::default());
    assert!(validate(shapes::sheet(2.0, 1.0, 3, 2)).is_ok());
}

#[test]
fn what_is_no_surface_is_refused_in_words() {
    let cases = [
        (mesh(&[], &[]), "the mesh is empty"),
        (mesh(&CORNERS, &[]), "3 vertices and no faces"),
        (
            mesh(&CORNERS, &[[0, 1, 2], [0, 1, 7]]),
            "face 1 names vertex 7, but there are only 3",
        ),
        (
            mesh(
                &[CORNERS[0], [0.0, f64::NAN, 0.0], CORNERS[2]],
                &[[0, 1, 2]],
            ),
            "vertex 1",
        ),
        (
            mesh(
                &[CORNERS[0], CORNERS[1], [f64::INFINITY, 0.0, 0.0]],
                &[[0, 1, 2]],
            ),
            "vertex 2",
        ),
        (
            mesh(&[[5.0; 3]; 3], &[[0, 1, 2]]),
            "no extent: all its vertices lie at [5.0, 5.0, 5.0]",
        ),
        (
            mesh(&[[0.0; 3], [1.0; 3], [2.0; 3]], &[[0, 1, 2]]),
            "none of the 1 triangles has an area",
        ),
        (
            mesh(&CORNERS.map(|p| p.map(|x| x * 1e-310)), &[[0, 1, 2]]),
            "rescale",
        ),
        (
            mesh(
                &[[-1.5e308, 0.0, 0.0], [1.5e308, 0.0, 0.0], [0.0, 1.0, 0.0]],
                &[[0, 1, 2]],
            ),
            "rescale",
        ),
    ];
    for (broken, words) in cases {
        let message = validate(broken).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn degenerate_and_duplicate_triangles_are_counted() {
    // The last vertex is a copy of the first, and vertex 3 lies on the edge from 0 to 1.
    let positions = [
        CORNERS[0],
        CORNERS[1],
        CORNERS[2],
        [0.5, 0.0, 0.0],
        CORNERS[0],
    ];
    let triangles = [
        [0, 1, 2],
        [1, 2, 4], // the same triangle, turned
        [2, 1, 0], // the same, seen from behind
        [0, 1, 1],
        [0, 4, 2], // two corners at one place
        [0, 3, 1], // on one line
    ];
    let (kept, cleanup) = validate(mesh(&positions, &triangles)).unwrap();
    assert_eq!(cleanup.degenerate_triangles, 3);
    assert_eq!(cleanup.duplicate_triangles, 1);
    assert_eq!(kept.triangles, [[0, 1, 2], [2, 1, 0], [0, 3, 1]]);
    assert_eq!(cleanup.dropped, [1, 3, 4]);
    assert!(cleanup.turned.is_empty());
    assert_eq!(cleanup.numbers_before(3), Some(vec![0, 2, 5]));
    assert_eq!(Cleanup::default().numbers_before(3), None);
}

#[test]
fn size_and_place_do_not_make_triangles_degenerate() {
    for (scale, offset) in [
        (1e-9, 0.0),
        (1e9, 0.0),
        (1.0, 1e9),
        (1e-150, 0.0),
        (1e150, 0.0),
    ] {
        let mut sphere = shapes::icosphere(2, scale);
        for position in &mut sphere.positions {
            position[0] += offset;
        }
        let faces = sphere.triangles.len();
        let (kept, cleanup) = validate(sphere).unwrap();
        assert_eq!(
            kept.triangles.len(),
            faces,
            "scale {scale:e}, offset {offset:e}"
        );
        assert_eq!(cleanup, Cleanup::default());
    }
}
