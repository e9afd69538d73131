//! Distances, closest points and rays.

use pulp::Arch;

use super::{narrow, oracle, points_around, soup};
use crate::CancelToken;
use crate::distance::{DistanceError, Place, SignPolicy, SignedDistance, reference};
use crate::geometry::{Mesh, shapes};
use crate::instruction_set;

/// Checks unsigned distances against brute force to 3e-7 of the longest side.
fn check_against_brute_force(mesh: &Mesh, seed: u64) {
    let side = mesh.bounds().longest_side();
    let oracle = oracle(mesh, SignPolicy::None);
    let points = points_around(mesh, 500, seed);
    for (point, found) in points.iter().zip(oracle.distances_f64(&points)) {
        let expected = reference::distance(mesh, *point);
        let error = (found - expected).abs() / side;
        assert!(error < 3e-7, "at {point:?}: {found} instead of {expected}");
    }
}

#[test]
fn a_cancelled_oracle_leaves_questions_unanswered() {
    let cancel = CancelToken::new();
    let mesh = shapes::icosphere(3, 0.9);
    let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
    let oracle = oracle.ended_by(&cancel);
    let points = vec![[0.0; 3]; 10_000];
    let mut distances = vec![f32::NAN; points.len()];
    oracle.distances(&points, &mut distances);
    assert!(
        distances
            .iter()
            .all(|distance| (distance + 0.9).abs() < 0.01)
    );
    cancel.cancel();
    let mut order = points.clone();
    distances.fill(f32::NAN);
    oracle.distances_along_curve(&mut order, None, &mut distances);
    assert!(distances.iter().all(|distance| distance.is_nan()));
}

#[test]
fn distances_agree_with_brute_force() {
    for seed in 0..6 {
        check_against_brute_force(&soup(1 + 150 * seed as u32, seed), seed);
    }
    check_against_brute_force(&shapes::torus(1.0, 0.3, 40, 20), 10);
    check_against_brute_force(&shapes::sheet(2.0, 1.0, 6, 3), 11);
    check_against_brute_force(&shapes::cuboid([-1.0, -2.0, 0.0], [1.0, 2.0, 0.5]), 12);
}

#[test]
fn triangles_without_an_area_are_segments_and_points() {
    let mut mesh = soup(300, 3);
    for (index, triangle) in mesh.triangles.iter_mut().enumerate() {
        let [a, b, _] = *triangle;
        *triangle = [[a, a, b], [a, b, b], [a, b, a], [a, a, a], *triangle][index % 5];
    }
    check_against_brute_force(&mesh, 4);
}

/// Checks closest places against brute force: distances to a billionth of the longest side, where the triangle is right to
/// a millionth, and the place to lie so far from the point.
fn check_places(mesh: &Mesh, points: &[[f64; 3]]) -> Vec<Place> {
    let side = mesh.bounds().longest_side();
    let places = oracle(mesh, SignPolicy::None).closest_places(mesh, points);
    assert_eq!(places.len(), points.len());
    for (point, place) in points.iter().zip(&places) {
        let nearest = reference::distance(mesh, *point);
        // So far from the origin the coordinates themselves are coarse.
        let rounding = 8.0 * f64::EPSILON * point.iter().fold(side, |most, x| most.max(x.abs()));
        let excess = place.distance - nearest;
        assert!(excess > -1e-9 * side - rounding, "at {point:?}: {excess}");
        assert!(excess < 1e-6 * side + rounding, "at {point:?}: {excess}");
        assert!(place.weights.iter().all(|weight| *weight >= 0.0));
        assert!((place.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let corners = mesh.corners(place.triangle as usize);
        let on_surface = |i: usize| {
            (0..3)
                .map(|c| place.weights[c] * corners[c][i])
                .sum::<f64>()
        };
        let away: [f64; 3] = std::array::from_fn(|i| point[i] - on_surface(i));
        let apart = away.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!(
            (apart - place.distance).abs() < 1e-9 * side + rounding,
            "at {point:?}"
        );
    }
    places
}

#[test]
fn closest_places_agree_with_brute_force() {
    for seed in 0..6 {
        let mesh = soup(1 + 150 * seed as u32, seed);
        check_places(&mesh, &points_around(&mesh, 500, seed));
    }
    for mesh in [
        shapes::torus(1.0, 0.3, 40, 20),
        shapes::torus(1e-7, 0.3e-7, 40, 20).translated([1.0, -1.0, 2.0]),
        shapes::torus(1e8, 0.3e8, 40, 20).translated([1e9, 1e9, 0.0]),
        shapes::sheet(2.0, 1.0, 6, 3),
    ] {
        check_places(&mesh, &points_around(&mesh, 500, 10));
    }
    let mesh = shapes::cuboid([-1.0, -2.0, 0.0], [1.0, 2.0, 0.5]);
    let far = check_places(&mesh, &[[0.25, 1e9, 0.25], [1.0, 2.0, 0.5]]);
    assert!((far[0].distance - (1e9 - 2.0)).abs() < 1e-6);
    assert!(far[1].distance < 1e-15 && far[1].weights.iter().any(|weight| *weight > 1.0 - 1e-12));
}

#[test]
fn size_and_place_do_not_cost_precision() {
    for (scale, offset) in [
        (1e9, 0.0),
        (1e-9, 0.0),
        (1.0, 1e6),
        (1e9, 1e9),
        (1e-9, 1e-9),
        (1e150, 0.0),
        (1e-150, 0.0),
    ] {
        let mesh = shapes::torus(1.0, 0.3, 24, 12)
            .scaled(scale)
            .translated([offset; 3]);
        // The brute force has no frame, and its squares of squares overflow.
        if (1e-10..1e10).contains(&scale) {
            check_against_brute_force(&mesh, 20);
        }
        let oracle = oracle(&mesh, SignPolicy::Auto);
        let in_the_tube = [[offset + scale, offset, offset]];
        let error = oracle.distances_f64(&in_the_tube)[0] / scale + 0.3;
        assert!(
            error.abs() < 0.02,
            "scale {scale:e}, offset {offset:e}: off by {error}"
        );
    }
}

#[test]
fn closed_forms() {
    let ball = oracle(&shapes::icosphere(6, 2.0), SignPolicy::Auto);
    let ring = oracle(&shapes::torus(1.0, 0.4, 384, 192), SignPolicy::Auto);
    let (lo, hi) = ([-1.0, -0.5, 0.0], [1.0, 0.5, 2.0]);
    let block = oracle(&shapes::cuboid(lo, hi), SignPolicy::Auto);
    let points = points_around(&shapes::icosphere(0, 2.0), 2000, 3);
    let (balls, rings, blocks) = (
        ball.distances_f64(&points),
        ring.distances_f64(&points),
        block.distances_f64(&points),
    );
    for (index, p) in points.iter().enumerate() {
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        // The vertices lie on the curved surface and the faces below it, by at most the sagitta of an edge.
        let to_ball = length(p) - 2.0;
        assert!(
            (balls[index] - to_ball).abs() < 6e-4,
            "{} is not {to_ball}",
            balls[index]
        );
        let to_ring = length(&[length(&p[..2]) - 1.0, p[2]]) - 0.4;
        assert!(
            (rings[index] - to_ring).abs() < 2e-4,
            "{} is not {to_ring}",
            rings[index]
        );
        let beyond: [f64; 3] = std::array::from_fn(|i| (lo[i] - p[i]).max(p[i] - hi[i]));
        let to_block = length(&beyond.map(|x| x.max(0.0)))
            + beyond.into_iter().fold(f64::MIN, f64::max).min(0.0);
        assert!(
            (blocks[index] - to_block).abs() < 5e-7,
            "{} is not {to_block}",
            blocks[index]
        );
    }
}

#[test]
fn bounds_change_nothing_but_the_speed() {
    let mesh = soup(400, 5);
    let oracle = oracle(&mesh, SignPolicy::None);
    let points = narrow(&points_around(&mesh, 1000, 6));
    let mut plain = vec![0.0; points.len()];
    oracle.distances(&points, &mut plain);
    for factor in [1.0, 1.5, 0.3, 0.0] {
        // The last two are wrong bounds.
        let bounds: Vec<f32> = plain.iter().map(|d| d * factor).collect();
        let mut bounded = vec![0.0; points.len()];
        oracle.distances_within(&points, &bounds, &mut bounded);
        assert_eq!(bounded, plain);
    }
}

#[test]
fn along_the_curve_the_answers_are_the_same_and_neighbours_stay_together() {
    let mesh = shapes::torus(3.0, 1.0, 40, 20);
    let oracle = oracle(&mesh, SignPolicy::Auto);
    let points = narrow(&points_around(&mesh, 3000, 13));
    let mut plain = vec![0.0; points.len()];
    oracle.distances(&points, &mut plain);
    let bounds: Vec<f32> = plain.iter().map(|d| d.abs() * 1.2).collect();
    let step = |points: &[[f32; 3]]| -> f32 {
        let steps = points.windows(2);
        steps
            .map(|pair| (0..3).map(|i| (pair[0][i] - pair[1][i]).abs()).sum::<f32>())
            .sum()
    };
    for bounds in [None, Some(&bounds[..])] {
        let (mut sorted, mut found) = (points.clone(), vec![0.0; points.len()]);
        oracle.distances_along_curve(&mut sorted, bounds, &mut found);
        assert!(step(&sorted) < step(&points) / 5.0);
        let key = |point: &[f32; 3], distance: f32| (point.map(f32::to_bits), distance.to_bits());
        let mut expected: Vec<_> = points.iter().zip(&plain).map(|(p, &d)| key(p, d)).collect();
        let mut got: Vec<_> = sorted.iter().zip(&found).map(|(p, &d)| key(p, d)).collect();
        expected.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expected);
    }
}

#[test]
fn one_point_alone_is_like_one_of_many() {
    let mesh = shapes::torus(1.0, 0.3, 40, 20);
    let oracle = oracle(&mesh, SignPolicy::None);
    let points = narrow(&points_around(&mesh, 600, 7));
    let mut together = vec![0.0; points.len()];
    oracle.distances(&points, &mut together);
    for (&point, &distance) in points.iter().zip(&together) {
        let mut alone = [0.0];
        oracle.distances(&[point], &mut alone);
        assert_eq!(alone[0], distance);
        let closest = oracle.closest(point).unwrap();
        assert!((closest.distance - distance).abs() < 3e-7);
        let apart: f32 = (0..3)
            .map(|i| (closest.point[i] - point[i]).powi(2))
            .sum::<f32>()
            .sqrt();
        assert!((apart - distance).abs() < 1e-6);
        let its_triangle = Mesh {
            positions: mesh.positions.clone(),
            triangles: vec![mesh.triangles[closest.triangle as usize]],
        };
        let to_triangle = reference::distance(&its_triangle, point.map(f64::from));
        assert!((to_triangle - f64::from(distance)).abs() < 1e-6);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mesh = soup(500, 8);
    let points = narrow(&points_around(&mesh, 5000, 9));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let oracle = oracle(&mesh, SignPolicy::Auto);
            let mut distances = vec![0.0; points.len()];
            oracle.distances(&points, &mut distances);
            (distances, oracle.sign_report().clone())
        })
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(5));
}

#[test]
fn every_instruction_set_finds_the_same() {
    for mesh in [
        soup(500, 14),
        shapes::torus(1.0, 0.3, 40, 20),
        shapes::hemisphere(1.0, 24, 8),
    ] {
        let oracle = oracle(&mesh, SignPolicy::Auto);
        let points: Vec<[f32; 3]> = narrow(&points_around(&mesh, 1500, 15))
            .into_iter()
            .map(|point| oracle.to_frame(point))
            .collect();
        let order: Vec<u32> = (0..points.len() as u32).collect();
        let found = |arch| {
            let mut distances = vec![0.0; points.len()];
            oracle.distances_in_order(arch, &points, None, &order, &mut distances);
            distances
        };
        let scalar = found(Arch::Scalar);
        for arch in instruction_set::all() {
            let mut signs_differ = 0;
            for (a, b) in scalar.iter().zip(found(arch)) {
                assert!((a.abs() - b.abs()).abs() < 3e-7, "{arch:?}: {a} and {b}");
                signs_differ += usize::from((*a < 0.0) != (b < 0.0));
            }
            // A winding number of just one half may round to either side.
            assert!(signs_differ <= 2, "{arch:?}: {signs_differ} signs differ");
        }
    }
}

#[test]
fn rays_hit_the_sphere_where_they_should() {
    let ball = oracle(
        &shapes::icosphere(5, 1.0)
            .scaled(10.0)
            .translated([3.0, 0.0, 0.0]),
        SignPolicy::None,
    );
    let hit = ball.first_hit([-20.0, 0.1, 0.2], [2.0, 0.0, 0.0]).unwrap();
    assert!(
        (hit.distance - 13.0).abs() < 0.02 && (hit.point[0] + 7.0).abs() < 0.02,
        "{hit:?}"
    );
    let from_inside = ball.first_hit([3.0, 0.0, 0.0], [0.3, -0.5, 0.8]).unwrap();
    assert!(
        (from_inside.distance - 10.0).abs() < 0.02,
        "{from_inside:?}"
    );
    assert_eq!(ball.first_hit([-20.0, 0.0, 0.0], [-1.0, 0.0, 0.0]), None);
    assert_eq!(ball.first_hit([-20.0, 11.0, 0.0], [1.0, 0.0, 0.0]), None);
    assert_eq!(ball.first_hit([0.0; 3], [0.0; 3]), None);
    // Straight at vertices and edges of a box.
    let block = oracle(&shapes::cuboid([-1.0; 3], [1.0; 3]), SignPolicy::None);
    for target in [[-1.0, -1.0, -1.0], [-1.0, 0.0, -1.0], [-1.0, 0.0, 0.0_f32]] {
        let origin = target.map(|x| x * 5.0);
        let hit = block.first_hit(origin, target.map(|x| -x)).unwrap();
        assert!(
            (0..3).all(|i| (hit.point[i] - target[i]).abs() < 1e-5),
            "{hit:?}"
        );
    }
}

#[test]
fn strange_points_get_an_answer() {
    let ball = oracle(&shapes::icosphere(3, 1.0), SignPolicy::Auto);
    let points = [
        [f32::NAN, 0.0, 0.0],
        [0.0, f32::INFINITY, 0.0],
        [1e30, 0.0, 0.0],
        [0.0, 0.0, -1e7],
        [0.0; 3],
    ];
    let mut distances = [0.0; 5];
    ball.distances(&points, &mut distances);
    assert!(distances[0].is_nan() && distances[1].is_nan());
    assert_eq!(distances[2], 1e30);
    assert!((distances[3] - 1e7).abs() < 10.0);
    assert!((distances[4] + 1.0).abs() < 0.01);
    assert_eq!(
        (ball.closest(points[0]), ball.closest(points[1])),
        (None, None)
    );
    let from_afar = ball.closest(points[3]).unwrap();
    assert!(
        (from_afar.distance - 1e7).abs() < 10.0 && from_afar.point[2] < -0.5,
        "{from_afar:?}"
    );
    let mut windings = [0.0; 5];
    ball.winding_numbers(&points, &mut windings);
    assert!(windings[0].is_nan() && windings[2] == 0.0 && (windings[4] - 1.0).abs() < 1e-3);
}

#[test]
fn what_is_no_surface_is_refused() {
    let empty = SignedDistance::new(&Mesh::default(), SignPolicy::Auto).unwrap_err();
    assert_eq!(empty, DistanceError::Empty);
    let stray = Mesh::from_arrays(&[[0.0; 3], [1.0; 3]], &[[0, 1, 2]]);
    assert_eq!(
        SignedDistance::new(&stray, SignPolicy::Auto).unwrap_err(),
        DistanceError::NotValidated
    );
    let cancel = crate::CancelToken::new();
    cancel.cancel();
    let cancelled = SignedDistance::build(&shapes::icosphere(1, 1.0), SignPolicy::Auto, &cancel);
    assert_eq!(cancelled.unwrap_err(), DistanceError::Cancelled);
}
