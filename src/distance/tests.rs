//! The oracle against closed forms and against brute force.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::geometry::{Mesh, shapes};

fn oracle(mesh: &Mesh, policy: SignPolicy) -> SignedDistance {
    SignedDistance::new(mesh, policy).unwrap()
}

/// Points in the bounding box, grown by a quarter of its longest side.
fn points_around(mesh: &Mesh, count: usize, seed: u64) -> Vec<[f64; 3]> {
    let bounds = mesh.bounds();
    let bounds = bounds.grown(bounds.longest_side() / 4.0);
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    (0..count).map(|_| std::array::from_fn(|i| rng.random_range(bounds.min[i]..bounds.max[i]))).collect()
}

fn narrow(points: &[[f64; 3]]) -> Vec<[f32; 3]> {
    points.iter().map(|p| p.map(|x| x as f32)).collect()
}

/// Triangles of all sizes at random places, slivers and single points among them.
fn soup(count: u32, seed: u64) -> Mesh {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut mesh = Mesh::default();
    for index in 0..count {
        let center: [f64; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let size = 10_f64.powf(rng.random_range(-3.0..0.0));
        let mut corners = [0; 3].map(|_| center.map(|x| x + size * rng.random_range(-1.0..1.0)));
        match index % 7 {
            0 => corners[2] = std::array::from_fn(|i| corners[0][i] * 0.7 + corners[1][i] * 0.3 + 1e-7),
            1 => corners[1] = corners[0],
            _ => {}
        }
        mesh.positions.extend(corners);
        mesh.triangles.push([3 * index, 3 * index + 1, 3 * index + 2]);
    }
    mesh
}

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
fn distances_agree_with_brute_force() {
    for seed in 0..6 {
        check_against_brute_force(&soup(1 + 150 * seed as u32, seed), seed);
    }
    check_against_brute_force(&shapes::torus(1.0, 0.3, 40, 20), 10);
    check_against_brute_force(&shapes::sheet(2.0, 1.0, 6, 3), 11);
    check_against_brute_force(&shapes::cuboid([-1.0, -2.0, 0.0], [1.0, 2.0, 0.5]), 12);
}

#[test]
fn size_and_place_do_not_cost_precision() {
    for (scale, offset) in [(1e9, 0.0), (1e-9, 0.0), (1.0, 1e6), (1e9, 1e9), (1e-9, 1e-9), (1e150, 0.0), (1e-150, 0.0)] {
        let mesh = shapes::torus(1.0, 0.3, 24, 12).scaled(scale).translated([offset; 3]);
        check_against_brute_force(&mesh, 20);
        let oracle = oracle(&mesh, SignPolicy::Auto);
        let in_the_tube = [[offset + scale, offset, offset]];
        let error = oracle.distances_f64(&in_the_tube)[0] / scale + 0.3;
        assert!(error.abs() < 0.02, "scale {scale:e}, offset {offset:e}: off by {error}");
    }
}

#[test]
fn closed_forms() {
    let ball = oracle(&shapes::icosphere(6, 2.0), SignPolicy::Auto);
    let ring = oracle(&shapes::torus(1.0, 0.4, 384, 192), SignPolicy::Auto);
    let (lo, hi) = ([-1.0, -0.5, 0.0], [1.0, 0.5, 2.0]);
    let block = oracle(&shapes::cuboid(lo, hi), SignPolicy::Auto);
    let points = points_around(&shapes::icosphere(0, 2.0), 2000, 3);
    let (balls, rings, blocks) = (ball.distances_f64(&points), ring.distances_f64(&points), block.distances_f64(&points));
    for (index, p) in points.iter().enumerate() {
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        // The vertices lie on the curved surface and the faces below it, by at most the sagitta of an edge.
        let to_ball = length(p) - 2.0;
        assert!((balls[index] - to_ball).abs() < 6e-4, "{} is not {to_ball}", balls[index]);
        let to_ring = length(&[length(&p[..2]) - 1.0, p[2]]) - 0.4;
        assert!((rings[index] - to_ring).abs() < 2e-4, "{} is not {to_ring}", rings[index]);
        let beyond: [f64; 3] = std::array::from_fn(|i| (lo[i] - p[i]).max(p[i] - hi[i]));
        let to_block = length(&beyond.map(|x| x.max(0.0))) + beyond.into_iter().fold(f64::MIN, f64::max).min(0.0);
        assert!((blocks[index] - to_block).abs() < 5e-7, "{} is not {to_block}", blocks[index]);
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
        let closest = oracle.closest(point);
        assert!((closest.distance - distance).abs() < 3e-7);
        let apart: f32 = (0..3).map(|i| (closest.point[i] - point[i]).powi(2)).sum::<f32>().sqrt();
        assert!((apart - distance).abs() < 1e-6);
        let its_triangle = Mesh { positions: mesh.positions.clone(), triangles: vec![mesh.triangles[closest.triangle as usize]] };
        let to_triangle = reference::distance(&its_triangle, point.map(f64::from));
        assert!((to_triangle - f64::from(distance)).abs() < 1e-6);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mesh = soup(500, 8);
    let points = narrow(&points_around(&mesh, 5000, 9));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
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

/// Checks the sign of every policy given against the exact winding number.
fn check_inside(mesh: &Mesh, policy: SignPolicy, rule: SignRule, seed: u64) {
    let oracle = oracle(mesh, policy);
    assert_eq!(oracle.sign_report().rule, rule);
    let points = points_around(mesh, 1500, seed);
    let (mut inside, mut compared) = (0, 0);
    for (point, distance) in points.iter().zip(oracle.distances_f64(&points)) {
        let winding = reference::winding_number(mesh, *point).abs();
        // Across a hole the winding number passes one half slowly; there its approximation may differ.
        if (winding - 0.5).abs() > 0.01 {
            assert_eq!(distance < 0.0, winding > 0.5, "{rule} at {point:?}, winding number {winding}");
            inside += usize::from(distance < 0.0);
            compared += 1;
        }
    }
    assert!(inside > 20 && compared > 1300, "{inside} inside of {compared}");
}

#[test]
fn closed_surfaces_have_exact_signs_whichever_way_they_look() {
    let ring = shapes::torus(1.0, 0.4, 31, 17);
    for mesh in [ring.clone(), ring.flipped()] {
        check_inside(&mesh, SignPolicy::Auto, SignRule::Crossings, 30);
        check_inside(&mesh, SignPolicy::Winding, SignRule::Winding, 31);
        check_inside(&mesh, SignPolicy::Parity, SignRule::Parity, 32);
    }
    let inverted = oracle(&shapes::icosphere(2, 1.0).flipped(), SignPolicy::Auto);
    let report = inverted.sign_report();
    assert_eq!(report.disagreement, 0.0);
    assert!(report.warnings.len() == 1 && report.warnings[0].contains("look inwards"), "{report:?}");
}

#[test]
fn overlapping_bodies_are_one_union() {
    let mesh = shapes::icosphere(3, 1.0).joined(&shapes::icosphere(3, 1.0).translated([0.8, 0.1, 0.0]));
    check_inside(&mesh, SignPolicy::Auto, SignRule::Crossings, 40);
    check_inside(&mesh, SignPolicy::Winding, SignRule::Winding, 41);
    let report = oracle(&mesh, SignPolicy::Auto).sign_report().clone();
    // The lens that both share, as part of the grown bounding box.
    let lens = std::f64::consts::PI / 12.0 * (4.0 + 0.806) * (2.0_f64 - 0.806).powi(2);
    let expected = lens / (2.8 + 0.28) / (2.1 + 0.28) / (2.0 + 0.28);
    assert!((report.disagreement - expected).abs() < 0.005, "{} is not {expected}", report.disagreement);
    assert!(report.warnings[0].contains("union"), "{report:?}");
}

#[test]
fn a_nested_body_is_a_hole_only_if_it_looks_inwards() {
    let outer = shapes::icosphere(3, 1.0);
    let inner = shapes::icosphere(3, 0.5);
    let center = [[0.0, 0.0, 0.0]];
    let solid = oracle(&outer.clone().joined(&inner), SignPolicy::Auto);
    assert!(solid.distances_f64(&center)[0] < 0.0);
    let shell = oracle(&outer.clone().joined(&inner.clone().flipped()), SignPolicy::Auto);
    assert!(shell.distances_f64(&center)[0] > 0.0);
    let by_parity = oracle(&outer.joined(&inner), SignPolicy::Parity);
    assert!(by_parity.distances_f64(&center)[0] > 0.0);
}

#[test]
fn an_open_bowl_has_an_inside_by_its_winding_number() {
    let bowl = shapes::hemisphere(1.0, 48, 16);
    check_inside(&bowl, SignPolicy::Auto, SignRule::Winding, 50);
    check_inside(&bowl.clone().flipped(), SignPolicy::Auto, SignRule::Winding, 51);
    let report = oracle(&bowl, SignPolicy::Auto).sign_report().clone();
    assert!(report.warnings[0].contains("not closed"), "{report:?}");
    assert!(report.disagreement < 0.2);
}

#[test]
fn a_flat_sheet_has_no_inside_however_it_lies() {
    let sheet = shapes::sheet(2.0, 1.0, 8, 4);
    let mut tilted = sheet.clone();
    for p in &mut tilted.positions {
        *p = [0.6 * p[0] - 0.8 * p[1], 0.48 * p[0] + 0.36 * p[1], 0.64 * p[0] + 0.48 * p[1]];
    }
    for mesh in [sheet.clone(), tilted, sheet.clone().joined(&sheet.flipped())] {
        for policy in SignPolicy::ALL {
            let oracle = oracle(&mesh, policy);
            let mut points = points_around(&mesh, 300, 60);
            points.extend(mesh.positions.iter().map(|p| p.map(|x| x + 1e-7)));
            assert!(oracle.distances_f64(&points).iter().all(|&distance| distance >= 0.0));
            assert_eq!(oracle.sign_report().rule, SignRule::Unsigned);
            let warned = oracle.sign_report().warnings.iter().any(|w| w.contains("one plane"));
            assert_eq!(warned, policy != SignPolicy::None);
        }
    }
}

#[test]
fn rays_through_edges_and_vertices_are_counted_right() {
    // All points have coordinates of vertices, so every ray runs through vertices and along edges.
    let n = 6;
    let mesh = shapes::cuboid([0.0; 3], [1.0; 3]).joined(&shapes::cuboid([1.0, 0.0, 0.0], [2.0, 1.0, 1.0]));
    for mesh in [mesh, shapes::torus(1.0, 0.5, 8, 8), shapes::icosphere(2, 1.0)] {
        for policy in [SignPolicy::Auto, SignPolicy::Parity] {
            let oracle = oracle(&mesh, policy);
            let coordinate = |axis: usize, i: usize| mesh.positions[i * 7 % mesh.positions.len()][axis];
            let mut points = Vec::new();
            for i in 0..n * n * n {
                points.push([coordinate(0, i % n), coordinate(1, i / n % n), coordinate(2, i / n / n)]);
            }
            for (point, distance) in points.iter().zip(oracle.distances_f64(&points)) {
                if distance.abs() > 1e-6 {
                    let winding = reference::winding_number(&mesh, *point);
                    assert_eq!(distance < 0.0, winding > 0.5, "{policy} at {point:?}: {winding}");
                }
            }
        }
    }
}

#[test]
fn winding_numbers_agree_with_the_sum_of_all_solid_angles() {
    for mesh in [shapes::torus(1.0, 0.4, 96, 48), shapes::hemisphere(1.0, 96, 32), soup(600, 70), shapes::sheet(1.0, 1.0, 9, 9)] {
        let oracle = oracle(&mesh, SignPolicy::Auto);
        let points = points_around(&mesh, 500, 71);
        let mut found = vec![0.0; points.len()];
        oracle.winding_numbers(&narrow(&points), &mut found);
        for (point, found) in points.iter().zip(found) {
            let expected = reference::winding_number(&mesh, *point);
            assert!((f64::from(found) - expected).abs() < 4e-3, "at {point:?}: {found} instead of {expected}");
        }
    }
}

#[test]
fn rays_hit_the_sphere_where_they_should() {
    let ball = oracle(&shapes::icosphere(5, 1.0).scaled(10.0).translated([3.0, 0.0, 0.0]), SignPolicy::None);
    let hit = ball.first_hit([-20.0, 0.1, 0.2], [2.0, 0.0, 0.0]).unwrap();
    assert!((hit.distance - 13.0).abs() < 0.02 && (hit.point[0] + 7.0).abs() < 0.02, "{hit:?}");
    let from_inside = ball.first_hit([3.0, 0.0, 0.0], [0.3, -0.5, 0.8]).unwrap();
    assert!((from_inside.distance - 10.0).abs() < 0.02, "{from_inside:?}");
    assert_eq!(ball.first_hit([-20.0, 0.0, 0.0], [-1.0, 0.0, 0.0]), None);
    assert_eq!(ball.first_hit([-20.0, 11.0, 0.0], [1.0, 0.0, 0.0]), None);
    assert_eq!(ball.first_hit([0.0; 3], [0.0; 3]), None);
    // Straight at vertices and edges of a box.
    let block = oracle(&shapes::cuboid([-1.0; 3], [1.0; 3]), SignPolicy::None);
    for target in [[-1.0, -1.0, -1.0], [-1.0, 0.0, -1.0], [-1.0, 0.0, 0.0_f32]] {
        let origin = target.map(|x| x * 5.0);
        let hit = block.first_hit(origin, target.map(|x| -x)).unwrap();
        assert!((0..3).all(|i| (hit.point[i] - target[i]).abs() < 1e-5), "{hit:?}");
    }
}

#[test]
fn strange_points_get_an_answer() {
    let ball = oracle(&shapes::icosphere(3, 1.0), SignPolicy::Auto);
    let points = [[f32::NAN, 0.0, 0.0], [0.0, f32::INFINITY, 0.0], [1e30, 0.0, 0.0], [0.0, 0.0, -1e7], [0.0; 3]];
    let mut distances = [0.0; 5];
    ball.distances(&points, &mut distances);
    assert!(distances[0].is_nan() && distances[1].is_nan());
    assert_eq!(distances[2], 1e30);
    assert!((distances[3] - 1e7).abs() < 10.0);
    assert!((distances[4] + 1.0).abs() < 0.01);
    assert!(ball.closest(points[0]).distance.is_nan());
    assert!((ball.closest(points[3]).point[2] + 1.0).abs() < 1e-3);
    let mut windings = [0.0; 5];
    ball.winding_numbers(&points, &mut windings);
    assert!(windings[0].is_nan() && windings[2] == 0.0 && (windings[4] - 1.0).abs() < 1e-3);
}

#[test]
fn what_is_no_surface_is_refused() {
    let empty = SignedDistance::new(&Mesh::default(), SignPolicy::Auto).unwrap_err();
    assert_eq!(empty, DistanceError::Empty);
    let stray = Mesh::from_arrays(&[[0.0; 3], [1.0; 3]], &[[0, 1, 2]]);
    assert_eq!(SignedDistance::new(&stray, SignPolicy::Auto).unwrap_err(), DistanceError::NotValidated);
    let cancel = crate::CancelToken::new();
    cancel.cancel();
    let cancelled = SignedDistance::build(&shapes::icosphere(1, 1.0), SignPolicy::Auto, &cancel);
    assert_eq!(cancelled.unwrap_err(), DistanceError::Cancelled);
}
