//! Rays against shapes where their hits are known.

use super::*;
use crate::extract::closed_forms::{Closed, cuboid, gyroid_ball, sphere, torus};
use crate::field::ScalarField;
use crate::geometry::vector::{dot, length, minus};
use crate::geometry::{Bounds, Similarity};

/// Neither the origin nor the unit of the field.
const FRAME: Similarity = Similarity {
    center: [10.0, -20.0, 5.0],
    scale: 0.5,
};

/// Longest side of the box of the shapes, own units.
const SIDE: f64 = 1.8 / FRAME.scale;

fn cast(
    field: &dyn ScalarField,
    rays: &[Ray],
    settings: &RaySettings,
) -> Result<RayHits, RayError> {
    settings.check(SIDE)?;
    let thickness = settings.thickness.unwrap_or(THICKNESS * SIDE);
    let corner = |x: f64| FRAME.invert([x; 3]);
    let bounds = Bounds {
        min: corner(-0.9),
        max: corner(0.9),
    };
    Scene::new(field, FRAME, &bounds, thickness, settings).cast(rays, &CancelToken::new())
}

/// Rays from all around towards places about the shape, unit frame: origin and unit direction.
fn unit_rays(count: usize, away: f64) -> Vec<([f64; 3], [f64; 3])> {
    let place = |n: usize, prime: usize| ((n * prime + 1) % 1009) as f64 / 1009.0 * 2.0 - 1.0;
    let point = |n: usize, primes: [usize; 3]| primes.map(|prime| place(n, prime));
    let rays = (1..=count).map(|n| {
        let from = point(n, [317, 577, 839]).map(|x| x * away);
        let way = minus(point(n, [101, 443, 709]).map(|x| 0.8 * x), from);
        (from, way.map(|x| x / length(way)))
    });
    rays.collect()
}

fn in_own_units(rays: &[([f64; 3], [f64; 3])]) -> Vec<Ray> {
    let ray = |&(origin, direction): &([f64; 3], [f64; 3])| Ray {
        origin: FRAME.invert(origin),
        direction: direction.map(|x| 7.0 * x),
    };
    rays.iter().map(ray).collect()
}

#[test]
fn a_balls_hits_are_those_of_its_equation() {
    let rays = unit_rays(2000, 3.0);
    let all = RaySettings {
        most_hits: 8,
        ..RaySettings::default()
    };
    let found = cast(&sphere(0.7), &in_own_units(&rays), &all).unwrap();
    let mut met = 0;
    for (index, &(origin, direction)) in rays.iter().enumerate() {
        let along = -dot(origin, direction);
        let half = along * along - dot(origin, origin) + 0.49;
        assert_eq!(found.starts_inside[index], length(origin) < 0.7);
        let half_chord = half.max(0.0).sqrt();
        let expected = [along - half_chord, along + half_chord].map(|t| t / FRAME.scale);
        let ahead: Vec<f64> = expected
            .into_iter()
            .filter(|&t| half > 0.0 && t > 0.0)
            .collect();
        let hits = found.of(index);
        // What is shorter than a gap may be missed.
        if 2.0 * half_chord < THICKNESS * 1.8 {
            continue;
        }
        assert_eq!(hits.len(), ahead.len(), "{origin:?} {direction:?}");
        for (hit, expected) in hits.iter().zip(ahead) {
            assert!((hit.distance - expected).abs() < 2e-5, "{hit:?} {expected}");
            let normal = minus(hit.point, FRAME.center).map(|x| x * FRAME.scale / 0.7);
            assert!((0..3).all(|k| (normal[k] - f64::from(hit.normal[k])).abs() < 2e-4));
            assert_eq!(hit.enters, dot(normal, direction) < 0.0);
            met += 1;
        }
    }
    assert!(met > 1000);
    // The first hits alone are the same, and cheap.
    let first = cast(&sphere(0.7), &in_own_units(&rays), &RaySettings::default()).unwrap();
    for index in 0..rays.len() {
        assert_eq!(first.first_of(index), found.first_of(index));
    }
    let stats = first.stats;
    assert!(stats.rays == 2000 && stats.rays_that_hit > 500);
    let each = stats.evaluations as f64 / stats.rays_in_box as f64;
    assert!(each < 12.0, "{each} evaluations a ray");
    assert_eq!(
        first.evaluations.iter().map(|&n| u64::from(n)).sum::<u64>(),
        stats.evaluations
    );
}

/// Every place where the field changes sign along a ray, by samples so close together that none is missed.
fn sampled(field: &dyn ScalarField, origin: [f64; 3], direction: [f64; 3], far: f64) -> Vec<f64> {
    const STEP: f64 = 2e-4;
    let count = (far / STEP) as usize;
    let points: Vec<[f32; 3]> = (0..count)
        .map(|n| std::array::from_fn(|k| (origin[k] + n as f64 * STEP * direction[k]) as f32))
        .collect();
    let mut values = vec![0.0; count];
    field.values(&points, &mut values);
    let changes = (1..count).filter(|&n| (values[n - 1] < 0.0) != (values[n] < 0.0));
    changes.map(|n| (n as f64 - 0.5) * STEP).collect()
}

#[test]
fn nothing_thicker_than_stated_is_missed() {
    let slab = cuboid([0.7, 0.7, 0.006]);
    let fields: [(&dyn ScalarField, f64); 4] = [
        (&torus(0.6, 0.25), 0.03),
        (&gyroid_ball(), 0.02),
        (&gyroid_ball(), 0.005),
        (&slab, 0.01),
    ];
    for (field, gap) in fields {
        let rays = unit_rays(150, 1.2);
        let settings = RaySettings {
            thickness: Some(gap / FRAME.scale),
            // Of the gyroid as it is written.
            slope_bound: 1.8,
            most_hits: 64,
            ..RaySettings::default()
        };
        let found = cast(field, &in_own_units(&rays), &settings).unwrap();
        let mut compared = 0;
        for (index, &(origin, direction)) in rays.iter().enumerate() {
            let expected = sampled(field, origin, direction, 5.0);
            let hits: Vec<f64> = found
                .of(index)
                .iter()
                .map(|hit| hit.distance * FRAME.scale)
                .collect();
            for hit in &hits {
                let near = expected.iter().any(|t| (t - hit).abs() < 5e-4);
                assert!(near, "{hit} is none of {expected:?}");
            }
            let parts = expected.iter().enumerate().filter(|&(n, t)| {
                let before = n.checked_sub(1).map_or(f64::INFINITY, |n| t - expected[n]);
                let after = expected.get(n + 1).map_or(f64::INFINITY, |next| next - t);
                before > gap + 1e-3 && after > gap + 1e-3
            });
            for (_, t) in parts {
                let is_found = hits.iter().any(|hit| (t - hit).abs() < 5e-4);
                assert!(is_found, "{t} of {expected:?} is missed: {hits:?}");
                compared += 1;
            }
        }
        assert!(compared > 50, "{compared}");
    }
}

#[test]
fn a_level_beside_the_surface_is_met_where_it_is() {
    let rays = [Ray {
        origin: [10.0, -20.0, 105.0],
        direction: [0.0, 0.0, -1.0],
    }];
    for iso in [-0.4, 0.0, 3.0] {
        let settings = RaySettings {
            iso,
            ..RaySettings::default()
        };
        let hit = *cast(&sphere(0.7), &rays, &settings)
            .unwrap()
            .first_of(0)
            .unwrap();
        assert!(
            (hit.distance - (100.0 - 1.4 - iso)).abs() < 2e-5,
            "{iso}: {hit:?}"
        );
    }
    let settings = RaySettings {
        iso: -2.0,
        ..RaySettings::default()
    };
    assert_eq!(cast(&sphere(0.7), &rays, &settings).unwrap().of(0), []);
}

#[test]
fn where_a_ray_comes_from_and_how_far_it_goes_is_its_own_affair() {
    let center = FRAME.center;
    let ray = |origin: [f64; 3], direction| Ray { origin, direction };
    let rays = [
        ray(center, [0.0, 0.0, 1e-300]),
        ray([center[0], center[1], center[2] + 1e9], [0.0, 0.0, -1e200]),
        ray([1e9, 1e9, 1e9], [1.0, 0.0, 0.0]),
        ray([center[0], center[1], center[2] + 3.0], [0.0, 0.0, 1.0]),
    ];
    let found = cast(&sphere(0.7), &rays, &RaySettings::default()).unwrap();
    let first = |ray| found.first_of(ray).copied();
    let out = first(0).unwrap();
    assert!(found.starts_inside[0] && !out.enters && (out.distance - 1.4).abs() < 1e-5);
    assert!((first(1).unwrap().distance - (1e9 - 1.4)).abs() < 1e-3);
    assert_eq!((first(2), first(3)), (None, None));
    // The others pass the box by.
    assert_eq!((found.stats.rays_in_box, found.evaluations[2]), (2, 0));
    let near = RaySettings {
        reach: 1.2,
        ..RaySettings::default()
    };
    assert_eq!(cast(&sphere(0.7), &rays, &near).unwrap().hits, []);
    assert_eq!(cast(&sphere(0.7), &[], &near).unwrap().first, [0]);
}

#[test]
fn what_is_no_ray_is_refused_by_its_number() {
    let good = Ray {
        origin: [0.0; 3],
        direction: [1.0, 0.0, 0.0],
    };
    let with = |direction| Ray { direction, ..good };
    let field = sphere(0.5);
    let refused = |rays: &[Ray]| cast(&field, rays, &RaySettings::default()).unwrap_err();
    assert_eq!(
        refused(&[good, with([0.0; 3])]),
        RayError::NoDirection { ray: 1 }
    );
    for wrong in [f64::NAN, f64::INFINITY] {
        let error = refused(&[good, good, with([wrong, 0.0, 0.0])]);
        assert!(
            matches!(error, RayError::NotFinite { ray: 2, .. }),
            "{error}"
        );
    }
    let settings = RaySettings::default();
    let wrong = [
        RaySettings {
            iso: f64::NAN,
            ..settings
        },
        RaySettings {
            most_hits: 0,
            ..settings
        },
        RaySettings {
            reach: 0.0,
            ..settings
        },
        RaySettings {
            thickness: Some(1e-12),
            ..settings
        },
        RaySettings {
            slope_bound: 0.0,
            ..settings
        },
        RaySettings {
            tolerance: -1.0,
            ..settings
        },
    ];
    for settings in wrong {
        let error = cast(&field, &[good], &settings).unwrap_err();
        assert!(matches!(error, RayError::Setting(_)), "{error}");
    }
    let nowhere = Closed(|_| f64::NAN);
    let toward = Ray {
        origin: FRAME.center,
        ..good
    };
    let error = cast(&nowhere, &[toward], &settings).unwrap_err();
    assert!(matches!(error, RayError::FieldNotFinite { .. }), "{error}");
}
