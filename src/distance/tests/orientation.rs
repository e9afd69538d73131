//! Closed surfaces whose faces look any which way: inside is inside, by closed forms.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{oracle, points_around};
use crate::distance::{SignPolicy, SignRule};
use crate::geometry::{Cleanup, HealthReport, Mesh, shapes, validate};

/// A signed distance, or what has its sign.
type Exact = Box<dyn Fn([f64; 3]) -> f64>;

/// How far the icospheres here lie within their sphere at most.
const FLATTENED: f64 = 0.012;

fn ball(radius: f64, center: [f64; 3]) -> (Mesh, Exact) {
    let exact = move |p: [f64; 3]| {
        let squared: f64 = (0..3).map(|i| (p[i] - center[i]).powi(2)).sum();
        squared.sqrt() - radius
    };
    let mesh = shapes::icosphere(3, radius).translated(center);
    (mesh, Box::new(exact))
}

fn block(lo: [f64; 3], hi: [f64; 3]) -> (Mesh, Exact) {
    let exact = move |p: [f64; 3]| {
        let beyond = (0..3).map(|i| (lo[i] - p[i]).max(p[i] - hi[i]));
        beyond.fold(f64::MIN, f64::max)
    };
    (shapes::cuboid(lo, hi), Box::new(exact))
}

/// The convex hull of points on a sphere: each triple with all others on one side.
fn hull(count: usize, seed: u64) -> (Mesh, Exact) {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut mesh = Mesh::default();
    for _ in 0..count {
        let p: [f64; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let length = p.iter().map(|x| x * x).sum::<f64>().sqrt();
        mesh.positions.push(p.map(|x| x / length));
    }
    let mut planes = Vec::new();
    for a in 0..count {
        for b in a + 1..count {
            for c in b + 1..count {
                let [p, q, r] = [a, b, c].map(|v| mesh.positions[v]);
                let (u, v): ([f64; 3], [f64; 3]) = (
                    std::array::from_fn(|i| q[i] - p[i]),
                    std::array::from_fn(|i| r[i] - p[i]),
                );
                let n = [
                    u[1] * v[2] - u[2] * v[1],
                    u[2] * v[0] - u[0] * v[2],
                    u[0] * v[1] - u[1] * v[0],
                ];
                let height = |s: &[f64; 3]| (0..3).map(|i| n[i] * (s[i] - p[i])).sum::<f64>();
                let others = mesh.positions.iter().map(height);
                let highest = others.clone().fold(f64::MIN, f64::max);
                let lowest = others.fold(f64::MAX, f64::min);
                if highest < 1e-12 || lowest > -1e-12 {
                    let out = if highest < 1e-12 { 1.0 } else { -1.0 };
                    let [a, b, c] = [a, b, c].map(|v| v as u32);
                    mesh.triangles
                        .push(if out > 0.0 { [a, b, c] } else { [a, c, b] });
                    planes.push((n.map(|x| x * out), p));
                }
            }
        }
    }
    assert_eq!(mesh.triangles.len(), 2 * count - 4);
    let exact = move |s: [f64; 3]| {
        let heights =
            (planes.iter()).map(|(n, p)| (0..3).map(|i| n[i] * (s[i] - p[i])).sum::<f64>());
        heights.fold(f64::MIN, f64::max)
    };
    (mesh, Box::new(exact))
}

fn union((first, a): (Mesh, Exact), (second, b): (Mesh, Exact)) -> (Mesh, Exact) {
    (first.joined(&second), Box::new(move |p| a(p).min(b(p))))
}

/// The first with the second as its cavity.
fn hollow((outer, a): (Mesh, Exact), (inner, b): (Mesh, Exact)) -> (Mesh, Exact) {
    let mesh = outer.joined(&inner.flipped());
    (mesh, Box::new(move |p| a(p).max(-b(p))))
}

fn reversed((mut mesh, exact): (Mesh, Exact), faces: impl Fn(usize) -> bool) -> (Mesh, Exact) {
    for (index, triangle) in mesh.triangles.iter_mut().enumerate() {
        if faces(index) {
            triangle.swap(0, 1);
        }
    }
    (mesh, exact)
}

/// So many of the faces, drawn by `seed`.
fn drawn(count: usize, of: usize, seed: u64) -> impl Fn(usize) -> bool {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..of).collect();
    for last in (1..of).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    let chosen = order[..count].to_vec();
    move |index| chosen.contains(&index)
}

/// The mesh as `validate` leaves it, once its signs agree with the closed form at all points but those within `margin`.
fn check(name: &str, (mesh, exact): (Mesh, Exact), margin: f64) -> (Mesh, Cleanup) {
    let (mesh, cleanup) = validate(mesh).unwrap();
    let oracle = oracle(&mesh, SignPolicy::Auto);
    assert_eq!(oracle.sign_report().rule, SignRule::Crossings, "{name}");
    let points = points_around(&mesh, 3000, 7);
    let (mut inside, mut wrong) = (0, 0);
    for (&point, found) in points.iter().zip(oracle.distances_f64(&points)) {
        let expected = exact(point);
        if expected.abs() > margin {
            wrong += usize::from((found < 0.0) != (expected < 0.0));
            inside += usize::from(expected < 0.0);
        }
    }
    assert!(
        wrong == 0 && inside > 20,
        "{name}: {wrong} signs are wrong of {inside} inside"
    );
    let health = HealthReport::of(&mesh, &cleanup);
    assert!(health.consistently_wound && !health.inverted, "{name}");
    assert!(health.volume.unwrap() > 0.0, "{name}");
    (mesh, cleanup)
}

#[test]
fn a_cube_with_any_number_of_faces_reversed() {
    for count in 1..=12 {
        for seed in 0..8 {
            let cube = reversed(block([0.0; 3], [1.0; 3]), drawn(count, 12, seed));
            let (mesh, cleanup) = check(&format!("{count} reversed"), cube, 1e-6);
            let (faces, bodies) = (cleanup.turned_triangles, cleanup.turned_bodies);
            match count {
                12 => assert_eq!((faces, bodies), (0, 1)),
                _ => assert_eq!((faces, bodies), (count as u64, 0)),
            }
            assert_eq!(cleanup.turned.len(), count);
            assert!(cleanup.notes.len() == 1 && cleanup.notes[0].contains("turned"));
            let volume = HealthReport::of(&mesh, &cleanup).volume.unwrap();
            assert!((volume - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn convex_hulls_wound_at_random() {
    for seed in 0..6 {
        let mut rng = Pcg64Mcg::seed_from_u64(100 + seed);
        let coins: Vec<bool> = (0..56).map(|_| rng.random()).collect();
        check("hull", reversed(hull(30, seed), |index| coins[index]), 1e-6);
    }
}

#[test]
fn spheres_with_a_share_of_faces_reversed() {
    for percent in [10, 30, 50, 70, 100] {
        let count = 1280 * percent / 100;
        let mesh = reversed(
            ball(1.0, [3.0, 0.0, -1.0]),
            drawn(count, 1280, percent as u64),
        );
        let (_, cleanup) = check(&format!("{percent} %"), mesh, FLATTENED);
        assert_eq!(cleanup.turned.len(), count);
    }
    // One half, in one piece: only the volume tells.
    check(
        "half",
        reversed(ball(1.0, [0.0; 3]), |index| index < 640),
        FLATTENED,
    );
}

#[test]
fn bodies_are_turned_one_by_one() {
    let two = || {
        union(
            block([0.0; 3], [1.0; 3]),
            block([2.0, 0.0, 0.0], [3.0, 1.0, 1.0]),
        )
    };
    for (name, turned) in [("first", 0..12), ("second", 12..24)] {
        let (mesh, cleanup) = check(name, reversed(two(), |i| turned.contains(&i)), 1e-6);
        assert_eq!((cleanup.turned_bodies, cleanup.turned_triangles), (1, 0));
        let health = HealthReport::of(&mesh, &cleanup);
        assert!((health.volume.unwrap() - 2.0).abs() < 1e-12);
        assert!(health.warnings()[0].starts_with("1 body was inside out"));
    }
    let overlapping = || union(ball(1.0, [0.0; 3]), ball(1.0, [0.9, 0.1, 0.0]));
    check("as it came", overlapping(), FLATTENED);
    let one = reversed(overlapping(), |index| index < 1280);
    let (_, cleanup) = check("overlapping", one, FLATTENED);
    assert_eq!(cleanup.turned_bodies, 1);
    // They touch in an edge.
    let touching = union(
        block([0.0; 3], [1.0; 3]),
        block([1.0, 1.0, 0.0], [2.0, 2.0, 1.0]),
    );
    let (_, cleanup) = check("touching", reversed(touching, |index| index > 11), 1e-6);
    assert_eq!(cleanup.turned_bodies, 1);
    // They share a wall, of which the faces look the same way once one is inside out.
    let stacked = || {
        union(
            block([0.0; 3], [1.0; 3]),
            block([1.0, 0.0, 0.0], [2.0, 1.0, 1.0]),
        )
    };
    let (mesh, cleanup) = validate(stacked().0).unwrap();
    assert!(mesh == stacked().0 && cleanup == Cleanup::default());
    check("stacked", reversed(stacked(), |index| index > 11), 1e-6);
}

#[test]
fn cavities_stay_whichever_way_the_whole_looks() {
    let shell = || hollow(ball(1.0, [0.0; 3]), ball(0.5, [0.1, 0.0, 0.0]));
    let (_, cleanup) = check("as it came", shell(), FLATTENED);
    assert_eq!(cleanup, Cleanup::default());
    let (_, cleanup) = check("inverted", reversed(shell(), |_| true), FLATTENED);
    assert_eq!(cleanup.turned_bodies, 2);
    let few = drawn(100, 2560, 5);
    let (_, cleanup) = check("few reversed", reversed(shell(), &few), FLATTENED);
    assert_eq!(cleanup.turned_triangles, 100);
    let (_, cleanup) = check("few left", reversed(shell(), |i| !few(i)), FLATTENED);
    assert_eq!(cleanup.turned.len(), 2460);
    // Nobody can tell what the inner one is meant to be: it is taken as a cavity, and that is said.
    let coin = drawn(1280, 2560, 6);
    let (_, cleanup) = check("any which way", reversed(shell(), coin), FLATTENED);
    assert!(
        cleanup
            .notes
            .iter()
            .any(|note| note.contains("taken as cavities"))
    );
    // A body in the cavity is in the void.
    let kernel = || union(shell(), ball(0.2, [0.1, 0.0, 0.0]));
    let (_, cleanup) = check(
        "kernel",
        reversed(kernel(), |index| index >= 2560),
        FLATTENED,
    );
    assert_eq!(cleanup.turned_bodies, 1);
    check("all of it", reversed(kernel(), |_| true), FLATTENED);
    // Both look outwards: that is no cavity, but a body within a body.
    let solid = union(ball(1.0, [0.0; 3]), ball(0.5, [0.1, 0.0, 0.0]));
    let (_, cleanup) = check("solid", solid, FLATTENED);
    assert_eq!(cleanup, Cleanup::default());
}

/// The mesh with copies of some faces, which look the other way if `opposite`.
fn doubled(
    (mesh, exact): (Mesh, Exact),
    faces: impl Fn(usize) -> bool,
    opposite: bool,
) -> (Mesh, Exact) {
    let mut copies = mesh.clone();
    let mut index = 0;
    copies.triangles.retain(|_| {
        index += 1;
        faces(index - 1)
    });
    if opposite {
        copies = copies.flipped();
    }
    (mesh.joined(&copies), exact)
}

#[test]
fn doubled_faces_are_one() {
    for opposite in [true, false] {
        for inverted in [true, false] {
            let sphere = || reversed(ball(1.0, [0.0; 3]), |_| inverted);
            let name = format!("opposite {opposite}, inverted {inverted}");
            for third in [true, false] {
                let mesh = doubled(sphere(), |index| !third || index % 3 == 0, opposite);
                let copies = mesh.0.triangles.len() - 1280;
                let (mesh, cleanup) = check(&name, mesh, FLATTENED);
                assert_eq!(mesh.triangles.len(), 1280);
                assert_eq!(cleanup.duplicate_triangles, copies as u64);
                let health = HealthReport::of(&mesh, &cleanup);
                assert!(health.watertight && health.merged_faces == copies as u64);
                assert!(health.warnings()[0].contains("copies of others"));
            }
        }
    }
    let cube = doubled(block([0.0; 3], [1.0; 3]), |_| true, true);
    let (_, cleanup) = check("cube", cube, 1e-6);
    assert_eq!((cleanup.duplicate_triangles, cleanup.turned.len()), (12, 0));
    // Doubled and wound at random.
    let coins = drawn(1300, 2560, 9);
    let sphere = doubled(ball(1.0, [0.0; 3]), |_| true, true);
    check("random", reversed(sphere, coins), FLATTENED);
}

#[test]
fn walls_and_fins_without_thickness_stay() {
    let (block, exact) = block([-1.0; 3], [1.0; 3]);
    let wall = |corners: [[f64; 3]; 4]| {
        let wall = Mesh::from_arrays(&corners, &[[0, 1, 2], [0, 2, 3]]);
        wall.clone().joined(&wall.flipped())
    };
    // From edge to edge through the middle, and out of an edge.
    let within = wall([
        [-1.0, -1.0, -1.0],
        [1.0, 1.0, -1.0],
        [1.0, 1.0, 1.0],
        [-1.0, -1.0, 1.0],
    ]);
    let fin = wall([
        [1.0, 1.0, -1.0],
        [2.0, 2.0, -1.0],
        [2.0, 2.0, 1.0],
        [1.0, 1.0, 1.0],
    ]);
    let mesh = block.joined(&within).joined(&fin);
    let (kept, cleanup) = check("walls", (mesh.clone(), exact), 1e-6);
    assert!(kept == mesh && cleanup == Cleanup::default());
}
