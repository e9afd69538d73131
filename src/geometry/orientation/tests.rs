//! Which faces are turned, which stay, and what is said.

use super::*;
use crate::geometry::{Cleanup, HealthReport, Topology, shapes, validate};

/// A band of `count` squares around the z axis, turned over once on its way if `twisted`.
fn band(count: u32, twisted: bool) -> Mesh {
    let mut mesh = Mesh::default();
    for i in 0..count {
        let around = std::f64::consts::TAU * f64::from(i) / f64::from(count);
        let tilt = if twisted { around / 2.0 } else { 0.0 };
        for width in [-0.3, 0.3] {
            let from_axis = 1.0 + width * f64::cos(tilt);
            mesh.positions.push([
                from_axis * around.cos(),
                from_axis * around.sin(),
                width * tilt.sin() + if twisted { 0.0 } else { width },
            ]);
        }
    }
    for i in 0..count {
        let [a, b] = [2 * i, 2 * i + 1];
        let [mut c, mut d] = [2 * i + 2, 2 * i + 3].map(|v| v % (2 * count));
        if twisted && i == count - 1 {
            (c, d) = (d, c);
        }
        mesh.triangles.extend([[a, c, b], [b, c, d]]);
    }
    mesh
}

#[test]
fn what_looks_the_right_way_is_left_as_it_is() {
    let ball = shapes::icosphere(2, 1.0);
    let block = shapes::cuboid([0.0; 3], [1.0; 3]);
    let above = shapes::cuboid([1.0, 1.0, 0.0], [2.0, 2.0, 1.0]);
    for mesh in [
        shapes::torus(1.0, 0.3, 24, 12),
        shapes::sheet(1.0, 1.0, 3, 3).flipped(),
        shapes::hemisphere(1.0, 16, 4).flipped(),
        block.clone().joined(&above),
        ball.clone()
            .joined(&ball.clone().translated([0.5, 0.0, 0.0])),
        ball.clone().joined(&ball.clone().scaled(0.5)),
        ball.clone().joined(&ball.clone().scaled(-0.5)),
        ball.joined(&shapes::sheet(3.0, 3.0, 2, 2)),
        band(20, false),
    ] {
        let (found, cleanup) = validate(mesh.clone()).unwrap();
        assert!(found == mesh && cleanup == Cleanup::default());
    }
}

#[test]
fn an_open_surface_looks_as_most_of_it_does() {
    let bowl = shapes::hemisphere(1.0, 24, 8);
    for whole in [bowl.clone(), bowl.flipped()] {
        let mut mesh = whole.clone();
        for face in mesh.triangles.iter_mut().step_by(5) {
            face.swap(1, 2);
        }
        let turned = whole.triangles.len().div_ceil(5);
        let (found, cleanup) = validate(mesh).unwrap();
        assert_eq!(found, whole);
        assert_eq!(cleanup.turned_triangles, turned as u64);
        assert_eq!(cleanup.turned_bodies, 0);
    }
}

#[test]
fn what_has_one_side_only_is_left_and_said() {
    let strip = band(21, true);
    let (found, cleanup) = validate(strip.clone()).unwrap();
    assert_eq!(found, strip);
    assert!(cleanup.notes[0].contains("42 faces"), "{:?}", cleanup.notes);
    let health = HealthReport::of(&found, &cleanup);
    assert!(!health.consistently_wound);
    assert!(
        health
            .warnings()
            .iter()
            .any(|words| words.contains("one side only"))
    );
}

#[test]
fn patches_between_edges_of_many_faces_are_turned_together() {
    // Two rooms, each with its side of the wall between them, cut along different diagonals: four patches that meet at
    // the four edges of the wall.
    let mut second = shapes::cuboid([1.0, 0.0, 0.0], [2.0, 1.0, 1.0]);
    let is_wall = |mesh: &Mesh, face: usize| mesh.corners(face).iter().all(|p| p[0] == 1.0);
    let wall: Vec<usize> = (0..12).filter(|&face| is_wall(&second, face)).collect();
    let [a, b, c] = second.triangles[wall[0]];
    let mut d = second.triangles[wall[1]].into_iter();
    let d = d.find(|v| ![a, b, c].contains(v)).unwrap();
    // Shared by both is the edge from a to c.
    (second.triangles[wall[0]], second.triangles[wall[1]]) = ([a, b, d], [b, c, d]);
    let house = shapes::cuboid([0.0; 3], [1.0; 3]).joined(&second);
    let (found, cleanup) = validate(house.clone()).unwrap();
    assert!(found == house && cleanup == Cleanup::default());
    assert_eq!(HealthReport::of(&house, &cleanup).non_manifold_edges, 4);
    for turned in [0..2, 2..12] {
        let mut house = house.clone();
        let walls = |face: &usize| is_wall(&house, *face) == (turned.len() == 2);
        let faces: Vec<usize> = (12..24).filter(walls).collect();
        for face in faces {
            house.triangles[face].swap(1, 2);
        }
        let before = HealthReport::of(&house, &Cleanup::default());
        assert!(!before.consistently_wound && before.volume.is_none());
        let (found, cleanup) = validate(house).unwrap();
        let health = HealthReport::of(&found, &cleanup);
        assert!(health.consistently_wound && health.volume.is_some());
    }
}

#[test]
fn a_book_of_many_pages_is_opened_in_no_time() {
    // All pages at one edge: whatever is done for each must not look at all others.
    let pages = 100_000;
    let mut book = Mesh::from_arrays(&[[0.0; 3], [0.0, 0.0, 1.0]], &[]);
    for page in 0..pages {
        let angle = f64::from(page) * 6.0 / f64::from(pages);
        book.positions.push([angle.cos(), angle.sin(), 0.0]);
        book.triangles.push([0, 1, page as u32 + 2]);
    }
    let (found, cleanup) = validate(book).unwrap();
    assert!(Topology::of(&found).consistently_wound);
    assert_eq!(cleanup.turned_triangles, pages as u64 / 2);
}

#[test]
fn rounding_is_no_volume() {
    // A sheet and its back, cut along the other diagonals.
    let front = Mesh::from_arrays(
        &[
            [0.1, 0.2, 0.3],
            [1.3, 0.1, 0.7],
            [1.1, 1.7, 0.9],
            [0.2, 1.1, 0.4],
        ],
        &[[0, 1, 2], [0, 2, 3]],
    );
    let mut back = front.clone();
    back.triangles = vec![[0, 3, 1], [1, 3, 2]];
    // On one plane: the fourth corner is where it belongs to be.
    let [a, b, c] = [0, 1, 2].map(|v: usize| front.positions[v]);
    let corner: [f64; 3] =
        std::array::from_fn(|i| a[i] + 0.6 * (c[i] - a[i]) - 0.5 * (b[i] - a[i]));
    let (mut front, mut back) = (front, back);
    front.positions[3] = corner;
    back.positions[3] = corner;
    let flat = front.joined(&back);
    for mesh in [flat.clone(), flat.flipped()] {
        let (found, cleanup) = validate(mesh.clone()).unwrap();
        assert_eq!((&found, cleanup.turned_bodies), (&mesh, 0));
        let health = HealthReport::of(&found, &cleanup);
        assert_eq!((health.volume, health.inverted), (Some(0.0), false));
    }
}
