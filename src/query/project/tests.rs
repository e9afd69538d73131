use super::*;
use crate::extract::closed_forms::{Closed, cuboid, sphere, torus};

/// Neither the origin nor the unit of the field.
const FRAME: Similarity = Similarity {
    center: [10.0, -20.0, 5.0],
    scale: 0.5,
};

fn projected(field: &dyn ScalarField, points: &[[f64; 3]]) -> Projection {
    let settings = ProjectSettings::default();
    project(field, FRAME, 3.6, points, &settings, &CancelToken::new()).unwrap()
}

/// Points all over the frame and beyond, own units.
fn points(count: usize) -> Vec<[f64; 3]> {
    let place = |n: usize, prime: usize| ((n * prime + 1) % 1009) as f64 / 1009.0 * 3.0 - 1.5;
    let unit = (0..count).map(|n| [place(n, 317), place(n, 577), place(n, 839)]);
    unit.map(|p| FRAME.invert(p)).collect()
}

#[test]
fn feet_are_those_of_closed_forms() {
    let points = points(500);
    let ball = projected(&sphere(0.6), &points);
    for (&point, foot) in points.iter().zip(&ball.feet) {
        let away = length(FRAME.apply(point));
        assert!(foot.converged && foot.residual < 1e-5, "{foot:?}");
        assert!((foot.distance - (away - 0.6) / FRAME.scale).abs() < 1e-5);
        let normal = minus(foot.point, FRAME.center).map(|x| x * FRAME.scale / 0.6);
        assert!((0..3).all(|k| (normal[k] - f64::from(foot.normal[k])).abs() < 1e-4));
    }
    assert!(ball.drift.unwrap().percentile_99 < 1e-4, "{:?}", ball.drift);
    for field in [
        &torus(0.6, 0.2) as &dyn ScalarField,
        &cuboid([0.7, 0.4, 0.2]),
    ] {
        let unit: Vec<[f32; 3]> = points
            .iter()
            .map(|&p| FRAME.apply(p).map(|x| x as f32))
            .collect();
        let mut values = vec![0.0; unit.len()];
        field.values(&unit, &mut values);
        for (foot, value) in projected(field, &points).feet.iter().zip(values) {
            let off = foot.distance - f64::from(value) / FRAME.scale;
            assert!(foot.converged && off.abs() < 2e-5, "{foot:?}: {off}");
        }
    }
}

#[test]
fn a_field_that_is_no_distance_leads_to_the_nearest_point_all_the_same() {
    // An ellipsoid as its quadratic form, whose gradient points elsewhere.
    let axes = [0.8, 0.5, 0.4];
    let form =
        move |p: [f64; 3]| 0.3 * ((0..3).map(|k| (p[k] / axes[k]).powi(2)).sum::<f64>() - 1.0);
    let from = [0.9, 0.5, 0.3];
    let found = projected(&Closed(form), &[FRAME.invert(from)]).feet[0];
    let nearest = (0..4_000_000)
        .map(|n| {
            let (u, v) = (f64::from(n / 2000) / 2000.0, f64::from(n % 2000) / 2000.0);
            let (polar, turn) = (
                u * std::f64::consts::FRAC_PI_2,
                v * std::f64::consts::FRAC_PI_2,
            );
            let at = [
                axes[0] * polar.sin() * turn.cos(),
                axes[1] * polar.sin() * turn.sin(),
                axes[2] * polar.cos(),
            ];
            length(minus(at, from))
        })
        .fold(f64::INFINITY, f64::min);
    assert!(found.converged);
    assert!(
        (found.distance * FRAME.scale / nearest - 1.0).abs() < 1e-3,
        "{found:?} {nearest}"
    );
}

#[test]
fn what_cannot_arrive_is_flagged_and_far_points_do() {
    // No level set at all.
    let nowhere = projected(&Closed(|_| 0.5), &points(10));
    assert!(
        nowhere
            .feet
            .iter()
            .all(|foot| !foot.converged && foot.residual == 1.0)
    );
    assert!(nowhere.drift.is_none());
    let far = [[1e30, 0.0, 0.0], [-1e12, 3e11, 2e12]];
    for foot in projected(&sphere(0.6), &far).feet {
        assert!(foot.converged, "{foot:?}");
    }
    // In the middle of a ball every way is as good.
    let middle = projected(&sphere(0.6), &[FRAME.center]).feet[0];
    assert!(middle.point.iter().all(|x| x.is_finite()));
    let wrong = [[0.0; 3], [f64::NAN, 0.0, 0.0]];
    let settings = ProjectSettings::default();
    let refused = project(
        &sphere(0.6),
        FRAME,
        3.6,
        &wrong,
        &settings,
        &CancelToken::new(),
    );
    assert!(matches!(
        refused,
        Err(ProjectError::NotFinite { index: 1, .. })
    ));
}
