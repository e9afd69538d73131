//! Tests of `surface.rs`, on shapes whose volume and place are known.

use std::f64::consts::PI;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::geometry::{HealthReport, Topology, shapes};

fn through(positions: Vec<[f64; 3]>, normals: Option<Vec<[f64; 3]>>) -> PointSurface {
    let (cloud, _) = PointCloud { positions, normals }.checked().unwrap();
    surface_through(&cloud, &ReconstructSettings::default(), &CancelToken::new()).unwrap()
}

fn volume(surface: &PointSurface) -> f64 {
    let health = HealthReport::of(&surface.mesh, &surface.cleanup);
    assert!(health.watertight && health.consistently_wound);
    health.volume.unwrap()
}

fn length(p: [f64; 3]) -> f64 {
    p.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Points on a ball, none of them where a regular grid would have it.
fn ball(count: usize, radius: f64) -> Vec<[f64; 3]> {
    let mut rng = Pcg64Mcg::seed_from_u64(11);
    let point = |i: usize| {
        let height = 1.0 - (2 * i + 1) as f64 / count as f64;
        let angle = i as f64 * PI * (3.0 - 5.0_f64.sqrt()) + rng.random_range(-0.01..0.01);
        let around = (1.0 - height * height).sqrt();
        [around * angle.cos(), around * angle.sin(), height].map(|x| x * radius)
    };
    (0..count).map(point).collect()
}

/// Places on the faces of a cube with the corners `-1` and `1`, with the faces' normals.
fn cube(side: usize) -> (Vec<[f64; 3]>, Vec<[f64; 3]>) {
    let at = |i: usize| (2 * i + 1) as f64 / side as f64 - 1.0;
    let mut points = (Vec::new(), Vec::new());
    for (axis, end) in (0..6).map(|face| (face / 2, if face % 2 == 0 { 1.0 } else { -1.0 })) {
        for (i, j) in (0..side * side).map(|k| (k / side, k % side)) {
            let (mut position, mut normal) = ([0.0; 3], [0.0; 3]);
            (position[axis], normal[axis]) = (end, end);
            (position[(axis + 1) % 3], position[(axis + 2) % 3]) = (at(i), at(j));
            points.0.push(position);
            points.1.push(normal);
        }
    }
    points
}

#[test]
fn a_ball_is_a_ball_wherever_it_is_and_however_large() {
    let points = ball(1500, 1.0);
    for (scale, offset) in [(1.0, 0.0), (1e-4, 0.0), (300.0, 1e6)] {
        let own = points
            .iter()
            .map(|p| p.map(|x| x * scale + offset))
            .collect();
        let surface = through(own, None);
        let radius = |p: &[f64; 3]| length(p.map(|x| (x - offset) / scale));
        for position in &surface.mesh.positions {
            assert!(
                (radius(position) - 1.0).abs() < 2e-3,
                "{}",
                radius(position)
            );
        }
        let share = volume(&surface) / (4.0 / 3.0 * PI * scale.powi(3));
        assert!((share - 1.0).abs() < 3e-3, "{share}");
        let report = surface.report;
        assert_eq!((report.points, report.normals), (1500, Normals::Estimated));
        assert_eq!((report.specks, report.closed_share), (0, 0.0));
        // In its longest side, which is twice the radius.
        assert!(report.distance < 1e-3, "{report:?}");
        let spacing = (4.0 * PI / 1500.0_f64).sqrt() / 2.0;
        assert!((report.spacing / spacing - 1.0).abs() < 0.2, "{report:?}");
        assert!(report.in_words()[0].contains("was put through 1500 points"));
    }
}

#[test]
fn a_ring_keeps_its_hole() {
    let surface = through(shapes::torus(1.0, 0.3, 120, 40).positions, None);
    let topology = Topology::of(&surface.mesh);
    assert_eq!((topology.bodies, topology.watertight()), (1, true));
    let euler = surface.mesh.positions.len() as i64 - surface.mesh.triangles.len() as i64 / 2;
    assert_eq!(euler, 0);
    for p in &surface.mesh.positions {
        let away = (p[0].hypot(p[1]) - 1.0).hypot(p[2]);
        assert!((away - 0.3).abs() < 3e-3, "{away}");
    }
}

#[test]
fn a_cube_keeps_its_faces_and_nearly_its_edges() {
    let (positions, normals) = cube(30);
    for normals in [Some(normals), None] {
        let surface = through(positions.clone(), normals);
        let share = volume(&surface) / 8.0;
        assert!((share - 1.0).abs() < 0.01, "{share}");
        let spacing = 2.0 / 30.0;
        for p in &surface.mesh.positions {
            let largest = p.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            let inner = p.iter().filter(|x| x.abs() < 1.0 - 4.0 * spacing).count();
            // On faces, and within two spacings of the edges.
            let allowed = if inner == 2 { 1e-3 } else { 2.0 * spacing };
            assert!((largest - 1.0).abs() < allowed, "{p:?}");
        }
    }
}

#[test]
fn normals_that_look_inwards_or_nowhere_are_put_right() {
    let positions = ball(1500, 1.0);
    let inwards: Vec<[f64; 3]> = positions.iter().map(|p| p.map(|x| -x)).collect();
    let turned = through(positions.clone(), Some(inwards.clone()));
    assert_eq!(turned.report.normals, Normals::Turned);
    assert!((volume(&turned) / (4.0 / 3.0 * PI) - 1.0).abs() < 3e-3);

    let mut either = inwards.clone();
    let turn = |normal: &mut [f64; 3]| *normal = normal.map(|x| -x);
    either.iter_mut().step_by(2).for_each(turn);
    let surface = through(positions.clone(), Some(either));
    assert_eq!(surface.report.normals, Normals::Contradictory);
    assert!((volume(&surface) / (4.0 / 3.0 * PI) - 1.0).abs() < 3e-3);

    let mut some = positions.clone();
    some.iter_mut()
        .step_by(3)
        .for_each(|normal| *normal = [0.0; 3]);
    let surface = through(positions, Some(some));
    assert_eq!(surface.report.normals, Normals::Given);
    assert!((volume(&surface) / (4.0 / 3.0 * PI) - 1.0).abs() < 3e-3);
}

#[test]
fn holes_are_closed_and_said_and_stray_points_change_nothing() {
    let mut positions = ball(3000, 1.0);
    positions.retain(|p| p[2] < 0.8);
    positions.push([0.0, 0.0, 1.8]);
    let surface = through(positions, None);
    // The cap is a tenth of the area, and 2.8 % of the volume is above its rim.
    assert!(
        (0.02..0.1).contains(&surface.report.closed_share),
        "{:?}",
        surface.report
    );
    let share = volume(&surface) / (4.0 / 3.0 * PI);
    assert!((0.96..1.01).contains(&share), "{share}");
    assert_eq!(Topology::of(&surface.mesh).bodies, 1);
    assert!(surface.report.in_words()[1].contains("holes"));
}

#[test]
fn noise_is_smoothed_by_as_much_as_is_asked_for() {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let mut noisy = |p: [f64; 3]| p.map(|x| x * (1.0 + rng.random_range(-0.01..0.01)));
    let positions: Vec<[f64; 3]> = ball(6000, 1.0).into_iter().map(&mut noisy).collect();
    let (cloud, _) = PointCloud {
        positions,
        normals: None,
    }
    .checked()
    .unwrap();
    let roughness = |smoothing: f64| {
        let settings = ReconstructSettings {
            smoothing,
            ..Default::default()
        };
        let surface = surface_through(&cloud, &settings, &CancelToken::new()).unwrap();
        let positions = &surface.mesh.positions;
        let off = positions.iter().map(|&p| (length(p) - 1.0).abs());
        off.sum::<f64>() / positions.len() as f64
    };
    // The points themselves are off by a two-hundredth in the mean.
    let (little, much) = (roughness(1.0), roughness(4.0));
    assert!(little < 4e-3 && much < 0.5 * little, "{little} {much}");
}

#[test]
fn any_number_of_threads_gives_the_same_surface() {
    let points = shapes::torus(1.0, 0.3, 60, 20).positions;
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| through(points.clone(), None))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn the_fewest_points_give_something_closed() {
    // The corners of a cube and two points on its faces.
    let corner = |i: u32| [0, 1, 2].map(|axis| f64::from(i >> axis & 1));
    let points = (0..8).map(corner).chain([[0.5, 0.5, 0.0], [0.5, 0.5, 1.0]]);
    let surface = through(points.collect(), None);
    assert!(volume(&surface) > 0.0);
}

#[test]
fn what_cannot_be_done_is_said() {
    let cloud = PointCloud {
        positions: ball(500, 1.0),
        normals: None,
    };
    let settings = ReconstructSettings::default();
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let outcome = surface_through(&cloud, &settings, &cancelled);
    assert_eq!(outcome, Err(ReconstructError::Cancelled));
    let refused = |settings: ReconstructSettings| {
        let outcome = surface_through(&cloud, &settings, &CancelToken::new());
        outcome.unwrap_err().to_string()
    };
    let words = refused(ReconstructSettings {
        smoothing: 0.0,
        ..settings
    });
    assert!(words.contains("smoothing is 0"), "{words}");
    let words = refused(ReconstructSettings {
        memory_limit: 1000,
        ..settings
    });
    assert!(
        words.contains("no surface can be put through the points"),
        "{words}"
    );
    let few = PointCloud {
        positions: ball(9, 1.0),
        normals: None,
    };
    let outcome = surface_through(&few, &settings, &CancelToken::new());
    assert!(
        outcome
            .unwrap_err()
            .to_string()
            .contains("only 9 different points")
    );
}

#[test]
fn points_that_single_precision_cannot_tell_apart_do_no_harm() {
    let mut positions = ball(1500, 1.0);
    let twins: Vec<[f64; 3]> = positions
        .iter()
        .map(|p| p.map(|x| x * (1.0 + 1e-12)))
        .collect();
    for _ in 0..10 {
        let shift = 1e-13 * positions.len() as f64;
        positions.extend(twins.iter().map(|p| p.map(|x| x + shift)));
    }
    let surface = through(positions, None);
    let report = surface.report;
    assert!((1500..1600).contains(&report.points), "{report:?}");
    assert_eq!(report.points + report.merged, 11 * 1500);
    assert!(report.in_words()[1].contains("taken as one"));
    let share = volume(&surface) / (4.0 / 3.0 * PI);
    assert!((share - 1.0).abs() < 0.01, "{share}");
}
