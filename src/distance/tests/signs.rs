//! Inside and outside by every rule, on sound and unsound surfaces.

use super::{narrow, oracle, points_around, soup};
use crate::distance::crossings;
use crate::distance::{SignPolicy, SignRule, reference};
use crate::geometry::{Mesh, on_lattice, shapes};

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
            assert_eq!(
                distance < 0.0,
                winding > 0.5,
                "{rule} at {point:?}, winding number {winding}"
            );
            inside += usize::from(distance < 0.0);
            compared += 1;
        }
    }
    assert!(
        inside > 20 && compared > 1300,
        "{inside} inside of {compared}"
    );
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
    assert!(
        report.warnings.len() == 1 && report.warnings[0].contains("look inwards"),
        "{report:?}"
    );
}

#[test]
fn overlapping_bodies_are_one_union() {
    let mesh =
        shapes::icosphere(3, 1.0).joined(&shapes::icosphere(3, 1.0).translated([0.8, 0.1, 0.0]));
    check_inside(&mesh, SignPolicy::Auto, SignRule::Crossings, 40);
    check_inside(&mesh, SignPolicy::Winding, SignRule::Winding, 41);
    let report = oracle(&mesh, SignPolicy::Auto).sign_report().clone();
    // The lens that both share, as part of the grown bounding box.
    let lens = std::f64::consts::PI / 12.0 * (4.0 + 0.806) * (2.0_f64 - 0.806).powi(2);
    let expected = lens / (2.8 + 0.28) / (2.1 + 0.28) / (2.0 + 0.28);
    assert!(
        (report.disagreement - expected).abs() < 0.005,
        "{} is not {expected}",
        report.disagreement
    );
    assert!(report.warnings[0].contains("union"), "{report:?}");
}

#[test]
fn a_nested_body_is_a_hole_only_if_it_looks_inwards() {
    let outer = shapes::icosphere(3, 1.0);
    let inner = shapes::icosphere(3, 0.5);
    let center = [[0.0, 0.0, 0.0]];
    let solid = oracle(&outer.clone().joined(&inner), SignPolicy::Auto);
    assert!(solid.distances_f64(&center)[0] < 0.0);
    let shell = oracle(
        &outer.clone().joined(&inner.clone().flipped()),
        SignPolicy::Auto,
    );
    assert!(shell.distances_f64(&center)[0] > 0.0);
    let by_parity = oracle(&outer.joined(&inner), SignPolicy::Parity);
    assert!(by_parity.distances_f64(&center)[0] > 0.0);
}

#[test]
fn an_open_bowl_has_an_inside_by_its_winding_number() {
    let bowl = shapes::hemisphere(1.0, 48, 16);
    check_inside(&bowl, SignPolicy::Auto, SignRule::Winding, 50);
    check_inside(
        &bowl.clone().flipped(),
        SignPolicy::Auto,
        SignRule::Winding,
        51,
    );
    let report = oracle(&bowl, SignPolicy::Auto).sign_report().clone();
    assert!(report.warnings[0].contains("guess"), "{report:?}");
    assert!(report.disagreement < 0.2);
}

#[test]
fn a_flat_sheet_has_no_inside_however_it_lies() {
    let sheet = shapes::sheet(2.0, 1.0, 8, 4);
    let mut tilted = sheet.clone();
    for p in &mut tilted.positions {
        *p = [
            0.6 * p[0] - 0.8 * p[1],
            0.48 * p[0] + 0.36 * p[1],
            0.64 * p[0] + 0.48 * p[1],
        ];
    }
    for mesh in [
        sheet.clone(),
        tilted,
        sheet.clone().joined(&sheet.flipped()),
    ] {
        for policy in SignPolicy::ALL {
            let oracle = oracle(&mesh, policy);
            let mut points = points_around(&mesh, 300, 60);
            points.extend(mesh.positions.iter().map(|p| p.map(|x| x + 1e-7)));
            assert!(
                oracle
                    .distances_f64(&points)
                    .iter()
                    .all(|&distance| distance >= 0.0)
            );
            assert_eq!(oracle.sign_report().rule, SignRule::Unsigned);
            let warned = oracle
                .sign_report()
                .warnings
                .iter()
                .any(|w| w.contains("one plane"));
            assert_eq!(warned, policy != SignPolicy::None);
        }
    }
}

#[test]
fn rays_through_edges_and_vertices_are_counted_right() {
    // All points have coordinates of vertices, so every ray runs through vertices and along edges.
    let n = 6;
    let mesh = shapes::cuboid([0.0; 3], [1.0; 3])
        .joined(&shapes::cuboid([1.0, 0.0, 0.0], [2.0, 1.0, 1.0]));
    for mesh in [
        mesh,
        shapes::torus(1.0, 0.5, 8, 8),
        shapes::icosphere(2, 1.0),
    ] {
        for policy in [SignPolicy::Auto, SignPolicy::Parity] {
            let oracle = oracle(&mesh, policy);
            let coordinate =
                |axis: usize, i: usize| mesh.positions[i * 7 % mesh.positions.len()][axis];
            let mut points = Vec::new();
            for i in 0..n * n * n {
                points.push([
                    coordinate(0, i % n),
                    coordinate(1, i / n % n),
                    coordinate(2, i / n / n),
                ]);
            }
            for (point, distance) in points.iter().zip(oracle.distances_f64(&points)) {
                if distance.abs() > 1e-6 {
                    let winding = reference::winding_number(&mesh, *point);
                    assert_eq!(
                        distance < 0.0,
                        winding > 0.5,
                        "{policy} at {point:?}: {winding}"
                    );
                }
            }
        }
    }
}

#[test]
fn winding_numbers_agree_with_the_sum_of_all_solid_angles() {
    for mesh in [
        shapes::torus(1.0, 0.4, 96, 48),
        shapes::hemisphere(1.0, 96, 32),
        soup(600, 70),
        shapes::sheet(1.0, 1.0, 9, 9),
    ] {
        let oracle = oracle(&mesh, SignPolicy::Auto);
        let points = points_around(&mesh, 500, 71);
        let mut found = vec![0.0; points.len()];
        oracle.winding_numbers(&narrow(&points), &mut found);
        for (point, found) in points.iter().zip(found) {
            let expected = reference::winding_number(&mesh, *point);
            assert!(
                (f64::from(found) - expected).abs() < 3e-3,
                "at {point:?}: {found} instead of {expected}"
            );
        }
    }
}

/// Checks every sign against a count of its own, along a ray to infinity.
fn check_against_counts(mesh: &Mesh, points: &[[f32; 3]]) -> usize {
    let oracle = oracle(mesh, SignPolicy::Auto);
    assert_eq!(oracle.sign_report().rule, SignRule::Crossings);
    let scalar = pulp::Scalar::new();
    let mut pending = crossings::Pending::default();
    let mut distances = vec![0.0; points.len()];
    oracle.distances(points, &mut distances);
    let mut to_any_wall = vec![0.0; points.len()];
    super::oracle(mesh, SignPolicy::None).distances(points, &mut to_any_wall);
    let mut inside = 0;
    for ((&point, &distance), &to_wall) in points.iter().zip(&distances).zip(&to_any_wall) {
        let unit = oracle.to_frame(point).map(on_lattice);
        let mut windings = [0, 1, 2].map(|axis| {
            let way = oracle.bvh.shorter_way(unit, axis);
            let end = way.infinity();
            let count = oracle.bvh.crossings(scalar, unit, way, end, &mut pending);
            count.winding
        });
        // At the surface the three rays may start on different sides of it.
        if to_wall > 1e-6 {
            windings.sort_unstable();
            assert_eq!(windings[0], windings[2], "at {point:?}");
            assert_eq!(distance < 0.0, windings[0] != 0, "at {point:?}");
            inside += usize::from(distance < 0.0);
        }
    }
    inside
}

#[test]
fn signs_told_by_neighbours_are_those_that_a_count_finds() {
    let ball = shapes::icosphere(3, 1.0);
    let overlapping = (ball.clone())
        .joined(&ball.clone().translated([0.7, 0.2, 0.1]))
        .joined(&shapes::torus(1.0, 0.4, 40, 20).translated([0.3, 0.3, 0.0]))
        .joined(&shapes::cuboid([-0.5; 3], [0.5; 3]).flipped());
    for (seed, mesh) in [
        overlapping,
        shapes::torus(1.0, 0.1, 200, 12),
        shapes::torus(1.0, 0.5, 8, 8),
        shapes::cuboid([0.0; 3], [1.0; 3])
            .joined(&shapes::cuboid([1.0, 0.0, 0.0], [2.0, 1.0, 1.0])),
    ]
    .iter()
    .enumerate()
    {
        let anywhere = narrow(&points_around(mesh, 4000, 80 + seed as u64));
        assert!(check_against_counts(mesh, &anywhere) > 40);
        // Few points are as far apart as the surface is thin.
        check_against_counts(mesh, &anywhere[..500]);
        // Close to vertices and middles of triangles, in all directions and by all small steps.
        let near: Vec<[f32; 3]> = (0..mesh.triangles.len())
            .flat_map(|index| {
                let corners = mesh.corners(index);
                let middle =
                    std::array::from_fn(|i| corners.iter().map(|c| c[i]).sum::<f64>() / 3.0);
                [corners[0], corners[1], middle].map(|place| (index, place))
            })
            .enumerate()
            .map(|(step, (index, place))| {
                let size = 10_f64.powi(-1 - (step % 6) as i32);
                let away = anywhere[(step + index) % anywhere.len()];
                std::array::from_fn(|i| (place[i] + size * f64::from(away[i])) as f32)
            })
            .collect();
        assert!(check_against_counts(mesh, &near) > 4);
        // On the coordinates of vertices, so that rays run through vertices and along edges.
        let coordinate = |axis: usize, i: usize| mesh.positions[i * 7 % mesh.positions.len()][axis];
        let aligned: Vec<[f32; 3]> = (0..12 * 12 * 12)
            .map(|i| {
                [
                    coordinate(0, i % 12),
                    coordinate(1, i / 12 % 12),
                    coordinate(2, i / 144),
                ]
                .map(|x| x as f32)
            })
            .collect();
        check_against_counts(mesh, &aligned);
    }
}

#[test]
fn lids_give_open_surfaces_their_exact_winding_number() {
    let bowl = shapes::hemisphere(1.0, 96, 32);
    let shell = bowl
        .clone()
        .joined(&shapes::sheet(0.5, 0.5, 9, 9).translated([0.0, 0.0, 2.0]));
    let mut turned = shapes::icosphere(3, 1.0);
    for index in [3, 4, 500] {
        turned.triangles[index].swap(0, 1);
    }
    for (seed, mesh) in [bowl.clone(), bowl.flipped(), shell, turned]
        .iter()
        .enumerate()
    {
        let oracle = oracle(mesh, SignPolicy::Winding);
        assert!(oracle.closing.is_some());
        let points = points_around(mesh, 1000, 90 + seed as u64);
        for (point, distance) in points.iter().zip(oracle.distances_f64(&points)) {
            let winding = reference::winding_number(mesh, *point).abs();
            if (winding - 0.5).abs() > 0.003 {
                assert_eq!(distance < 0.0, winding > 0.5, "at {point:?}: {winding}");
            }
        }
    }
}
