//! The second rule: silent where the sign is right, loud where it is not.

use super::{narrow, oracle, points_around};
use crate::distance::SignPolicy;
use crate::geometry::{Mesh, shapes};

/// Share of the inside, by either rule, about which the second rule contradicts the first.
fn doubt(mesh: &Mesh, policy: SignPolicy) -> f64 {
    let oracle = oracle(mesh, policy);
    let points = narrow(&points_around(mesh, 20_000, 3));
    let mut distances = vec![0.0; points.len()];
    oracle.distances(&points, &mut distances);
    let contradicted = oracle.contradicted(&points, &distances);
    let inside = distances.iter().zip(&contradicted);
    let inside = inside.filter(|(distance, doubted)| **distance < 0.0 || **doubted);
    let count = contradicted.iter().filter(|doubted| **doubted).count();
    count as f64 / inside.count().max(1) as f64
}

fn reversed(mut mesh: Mesh, every: usize) -> Mesh {
    for triangle in mesh.triangles.iter_mut().step_by(every) {
        triangle.swap(0, 1);
    }
    mesh
}

#[test]
fn a_right_sign_is_not_doubted() {
    let ball = shapes::icosphere(3, 1.0);
    let beside = ball.clone().translated([0.8, 0.1, 0.0]);
    let cube = shapes::cuboid([0.0; 3], [1.0; 3]);
    for (mesh, policies) in [
        (shapes::torus(1.0, 0.4, 31, 17), 3),
        (shapes::torus(1.0, 0.4, 31, 17).flipped(), 3),
        (cube.clone(), 3),
        (
            cube.joined(&shapes::cuboid([1.0, 0.0, 0.0], [2.0, 1.0, 1.0])),
            3,
        ),
        // Hollow.
        (ball.clone().joined(&ball.clone().scaled(-0.5)), 3),
        // By parity what bodies share is outside, and that is doubtful.
        (ball.clone().joined(&beside), 2),
        (ball.clone().joined(&ball.clone().scaled(0.5)), 2),
        (
            ball.clone()
                .joined(&beside)
                .joined(&beside.translated([0.0, 0.6, 0.0])),
            2,
        ),
        (shapes::sheet(1.0, 1.0, 4, 4), 3),
        (shapes::hemisphere(1.0, 48, 16), 2),
    ] {
        for policy in &SignPolicy::ALL[..policies] {
            let doubt = doubt(&mesh, *policy);
            assert!(doubt <= 0.002, "{policy}: {doubt}");
        }
    }
}

#[test]
fn a_wrong_sign_is_doubted() {
    let ball = shapes::icosphere(3, 1.0);
    // Not validated, so that the faces stay as they are.
    for every in [2, 3, 5] {
        assert!(doubt(&reversed(ball.clone(), every), SignPolicy::Auto) > 0.01);
        assert!(doubt(&reversed(ball.clone(), every), SignPolicy::Parity) < 0.002);
    }
    assert!(doubt(&reversed(ball.clone(), 2), SignPolicy::Winding) > 0.9);
    let cube = reversed(shapes::cuboid([0.0; 3], [1.0; 3]), 6);
    assert!(doubt(&cube, SignPolicy::Auto) > 0.1);
    let overlapping = ball.clone().joined(&ball.translated([0.8, 0.1, 0.0]));
    assert!(doubt(&overlapping, SignPolicy::Parity) > 0.1);
    assert_eq!(doubt(&overlapping, SignPolicy::None), 0.0);
}
