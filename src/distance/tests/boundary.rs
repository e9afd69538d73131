//! Distances within bodies that overlap: to what bounds their union.

use super::{narrow, oracle, points_around};
use crate::distance::{SignPolicy, SignRule, SignedDistance};
use crate::geometry::{Mesh, shapes};

fn length(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Checks distances of points around `mesh` against a closed form.
fn check(mesh: &Mesh, tolerance: f64, exact: impl Fn([f64; 3]) -> f64) -> SignedDistance {
    let oracle = oracle(mesh, SignPolicy::Auto);
    let points = points_around(mesh, 4000, 5);
    let mut inside = 0;
    for (point, found) in points.iter().zip(oracle.distances_f64(&points)) {
        let expected = exact(*point);
        let error = (found - expected).abs();
        assert!(error < tolerance, "at {point:?}: {found} is not {expected}");
        inside += usize::from(expected < 0.0);
    }
    assert!(inside > 300, "only {inside} points were inside");
    oracle
}

/// The signed distance to a box.
fn to_block(lo: [f64; 3], hi: [f64; 3]) -> impl Fn([f64; 3]) -> f64 {
    move |p| {
        let beyond: [f64; 3] = std::array::from_fn(|i| (lo[i] - p[i]).max(p[i] - hi[i]));
        length(&beyond.map(|x| x.max(0.0))) + beyond.into_iter().fold(f64::MIN, f64::max).min(0.0)
    }
}

#[test]
fn two_balls_are_one_body() {
    let (radius, apart) = (1.0, 1.1);
    let ball = shapes::icosphere(6, radius);
    let mesh = ball.clone().joined(&ball.translated([apart, 0.0, 0.0]));
    let centers = [[0.0; 3], [apart, 0.0, 0.0]];
    // The circle in which the spheres meet.
    let rim = (radius * radius - apart * apart / 4.0).sqrt();
    check(&mesh, 5e-4, |p| {
        let away: [[f64; 3]; 2] = centers.map(|c| std::array::from_fn(|i| p[i] - c[i]));
        let lengths = away.map(|v| length(&v));
        if lengths.iter().all(|&l| l > radius) {
            return lengths[0].min(lengths[1]) - radius;
        }
        let across = length(&p[1..]) - rim;
        let mut nearest = length(&[p[0] - apart / 2.0, across]);
        for one in 0..2 {
            let other = centers[1 - one];
            let foot: [f64; 3] = std::array::from_fn(|i| {
                centers[one][i] + away[one][i] * radius / lengths[one] - other[i]
            });
            if length(&foot) > radius {
                nearest = nearest.min((radius - lengths[one]).abs());
            }
        }
        -nearest
    });
}

#[test]
fn blocks_that_overlap_or_touch_are_one_block() {
    let (lo, hi) = ([-1.0, -0.4, -0.3], [1.0, 0.4, 0.3]);
    let first = |end: f64| shapes::cuboid(lo, [end, hi[1], hi[2]]);
    let second = |start: f64| shapes::cuboid([start, lo[1], lo[2]], hi);
    for (end, start) in [(0.2, -0.3), (0.1, 0.1), (0.1, 0.1 - 1e-7)] {
        let mesh = first(end).joined(&second(start));
        let oracle = check(&mesh, 2e-5, to_block(lo, hi));
        assert!(oracle.boundary().is_some());
    }
    // A third one inside, which shares a corner and three faces with the first.
    let corner = shapes::cuboid(lo, [-0.5, 0.1, 0.2]);
    check(&first(1.0).joined(&corner), 2e-5, to_block(lo, hi));
}

#[test]
fn a_body_within_another_bounds_nothing() {
    let outer = shapes::icosphere(4, 1.0);
    let inner = shapes::torus(0.4, 0.15, 30, 20);
    let both = oracle(&outer.clone().joined(&inner), SignPolicy::Auto);
    assert!(both.boundary().unwrap().triangles == outer.triangles);
    let points = narrow(&points_around(&outer, 2000, 2));
    let (mut found, mut expected) = (vec![0.0; 2000], vec![0.0; 2000]);
    both.distances(&points, &mut found);
    oracle(&outer, SignPolicy::Auto).distances(&points, &mut expected);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
    // The other way round its faces make a hollow, whose wall is a boundary.
    let hollow = oracle(&outer.joined(&inner.flipped()), SignPolicy::Auto);
    assert!(hollow.boundary().is_none());
}

/// A ball with a hole around its point of least x.
fn ball_with_a_hole(radius: f64) -> Mesh {
    let mut ball = shapes::icosphere(4, radius);
    let positions = &ball.positions;
    let keeps = |t: &[u32; 3]| t.iter().all(|&v| positions[v as usize][0] > -0.95 * radius);
    ball.triangles = ball.triangles.iter().copied().filter(keeps).collect();
    ball
}

#[test]
fn open_bodies_have_no_walls_inside_either() {
    let ball = shapes::icosphere(4, 1.0);
    let found = oracle(
        &ball.clone().joined(&ball_with_a_hole(0.4)),
        SignPolicy::Auto,
    );
    assert_eq!(found.sign_report().rule, SignRule::Winding);
    assert!(found.boundary().unwrap().triangles == ball.triangles);

    let second = ball.clone().translated([1.1, 0.0, 0.0]);
    let open = oracle(&ball_with_a_hole(1.0).joined(&second), SignPolicy::Auto);
    let closed = oracle(&ball.joined(&second), SignPolicy::Auto);
    // Far from the hole.
    let mut points = points_around(&second, 3000, 9);
    points.retain(|point| point[0] > 0.1);
    for ((point, found), expected) in points
        .iter()
        .zip(open.distances_f64(&points))
        .zip(closed.distances_f64(&points))
    {
        assert!(
            (found - expected).abs() < 1e-6,
            "at {point:?}: {found} is not {expected}"
        );
    }
}

#[test]
fn a_surface_without_walls_inside_is_left_alone() {
    for mesh in [
        shapes::torus(1.0, 0.3, 40, 20),
        shapes::icosphere(4, 1.0).flipped(),
        shapes::cuboid([-1.0, -1.0, 0.0], [1.0, 1.0, 0.001]),
        shapes::sheet(1.0, 1.0, 4, 4),
        shapes::hemisphere(0.5, 24, 8),
    ] {
        for policy in SignPolicy::ALL {
            assert!(oracle(&mesh, policy).boundary().is_none());
        }
    }
}

#[test]
fn an_open_sheet_is_left_whole() {
    // Flat or wavy, dense, of the winding number one half on either side but for rounding.
    for height in [0.0, 1e-3, 0.1] {
        let mut sheet = shapes::sheet(1.8, 1.8, 120, 120);
        for position in &mut sheet.positions {
            position[2] += height * (9.0 * position[0]).sin() * (7.0 * position[1]).cos();
        }
        for sheet in [sheet.clone(), sheet.flipped()] {
            for policy in SignPolicy::ALL {
                assert!(
                    oracle(&sheet, policy).boundary().is_none(),
                    "{height} {policy}"
                );
            }
        }
    }
}

#[test]
fn where_everything_crosses_everything_walls_stay_and_that_is_said() {
    // Beams through one point, turned a bit each: cut along each other they would be millions of pieces.
    let beam = shapes::cuboid([-0.9, -0.05, -0.05], [0.9, 0.05, 0.05]);
    let mut mesh = Mesh::default();
    for index in 0..300 {
        let [(s, c), (t, d)] = [0.61, 0.37].map(|turn| (turn * f64::from(index)).sin_cos());
        let mut turned = beam.clone();
        for p in &mut turned.positions {
            let [x, y, z] = [c * p[0] - s * p[1], s * p[0] + c * p[1], p[2]];
            *p = [d * x - t * z, y, t * x + d * z];
        }
        mesh = mesh.joined(&turned);
    }
    let oracle = oracle(&mesh, SignPolicy::Auto);
    assert_eq!(oracle.sign_report().rule, SignRule::Crossings);
    assert!(oracle.boundary().is_none());
    let words = oracle.sign_report().warnings.join(" ");
    assert!(words.contains("walls inside were not cut out"), "{words}");
}
