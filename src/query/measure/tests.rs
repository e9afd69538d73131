//! Shapes whose integrals are known.

use std::f64::consts::PI;

use super::*;
use crate::extract::closed_forms::{Closed, cuboid, sphere, torus};

/// Neither the origin nor the unit of the field.
const FRAME: Similarity = Similarity {
    center: [10.0, -20.0, 5.0],
    scale: 0.5,
};

/// What a shape in the unit frame has, there and about its own centroid.
struct Known {
    volume: f64,
    area: f64,
    /// The diagonal of the inertia tensor.
    inertia: [f64; 3],
    mean_curvature: f64,
}

fn measured(field: &dyn ScalarField, error: f64) -> Result<Measurement, MeasureError> {
    let bounds = Bounds {
        min: [-0.9; 3].map(|x| x / FRAME.scale),
        max: [0.9; 3].map(|x| x / FRAME.scale),
    };
    let bounds = Bounds {
        min: std::array::from_fn(|k| bounds.min[k] + FRAME.center[k]),
        max: std::array::from_fn(|k| bounds.max[k] + FRAME.center[k]),
    };
    let grid = Grid::covering(&bounds, Resolution::Cells(48), 0.0)?;
    let settings = MeasureSettings {
        error,
        ..MeasureSettings::default()
    };
    settings.check()?;
    measure_field(
        field,
        &grid,
        &FRAME,
        &settings,
        &CancelToken::new(),
        &mut |_| (),
    )
}

/// Checks that a measurement is as good as it says, and as it should be.
fn check(name: &str, field: &dyn ScalarField, known: &Known, error: f64) {
    let found = measured(field, error).unwrap();
    let length = 1.0 / FRAME.scale;
    let near = |what: &str, found: f64, expected: f64, estimate: f64| {
        let off = (found - expected).abs();
        assert!(
            off <= estimate,
            "{name} to {error}: {what} is {found}, not {expected}: off by {off:.2e}, estimated {estimate:.2e}"
        );
    };
    let (volume, area) = (known.volume * length.powi(3), known.area * length.powi(2));
    let errors = &found.errors;
    // Where edges are, it stops short of what was asked for, which it says.
    let reached = errors.volume <= error * volume && errors.area <= error * area;
    assert!(
        reached || found.warnings[0].contains("was not reached"),
        "{found:?}"
    );
    assert!(reached || name == "box", "{found:?}");
    assert!(errors.area <= 0.01 * area, "{found:?}");
    // Rounding of single precision beside what is estimated.
    near(
        "volume",
        found.volume,
        volume,
        errors.volume + 3e-7 * volume,
    );
    near("area", found.area, area, errors.area + 3e-7 * area);
    for (found, expected) in found.centroid.unwrap().into_iter().zip(FRAME.center) {
        near("centroid", found, expected, errors.centroid + 3e-7 * length);
    }
    for (i, row) in found.inertia.iter().enumerate() {
        for (j, &entry) in row.iter().enumerate() {
            let expected = if i == j { known.inertia[i] } else { 0.0 };
            let rounding = 1e-6 * volume * length * length;
            near(
                "inertia",
                entry,
                expected * length.powi(5),
                errors.inertia + rounding,
            );
        }
    }
    let expected = known.mean_curvature * length;
    let estimate = errors.mean_curvature_integral;
    near(
        "mean curvature",
        found.mean_curvature_integral,
        expected,
        estimate,
    );
    assert!(estimate < 0.1 * expected, "{name}: {estimate}");
}

#[test]
fn a_sphere_is_measured_as_well_as_the_estimate_says() {
    let r: f64 = 0.8;
    let volume = 4.0 / 3.0 * PI * r.powi(3);
    let known = Known {
        volume,
        area: 4.0 * PI * r * r,
        inertia: [0.4 * volume * r * r; 3],
        mean_curvature: 4.0 * PI * r,
    };
    for error in [1e-3, 1e-5] {
        check("sphere", &sphere(r), &known, error);
    }
}

#[test]
fn a_torus_is_measured_as_well_as_the_estimate_says() {
    let (major, minor): (f64, f64) = (0.6, 0.25);
    let volume = 2.0 * PI * PI * major * minor * minor;
    let across = volume * (major * major / 2.0 + 5.0 / 8.0 * minor * minor);
    let known = Known {
        volume,
        area: 4.0 * PI * PI * major * minor,
        inertia: [
            across,
            across,
            volume * (major * major + 0.75 * minor * minor),
        ],
        mean_curvature: 2.0 * PI * PI * major,
    };
    for error in [1e-3, 1e-5] {
        check("torus", &torus(major, minor), &known, error);
    }
}

#[test]
fn edges_and_corners_of_a_box_are_found_by_refinement() {
    let half = [0.8, 0.43, 0.57];
    let side = half.map(|x| 2.0 * x);
    let [a, b, c] = side;
    let volume = a * b * c;
    let square = |k: usize| side[k] * side[k];
    let known = Known {
        volume,
        area: 2.0 * (a * b + b * c + c * a),
        inertia: [(1, 2), (0, 2), (0, 1)].map(|(i, j)| volume / 12.0 * (square(i) + square(j))),
        mean_curvature: PI * (a + b + c),
    };
    for error in [1e-3, 1e-4] {
        check("box", &cuboid(half), &known, error);
    }
    // Turned about the axis through two of its corners by a third of a turn and a bit: no face lies along the grid.
    let exact = cuboid(half);
    let (sin, cos) = 0.4_f64.sin_cos();
    let turned = Closed(move |[x, y, z]: [f64; 3]| {
        let (x, y) = (cos * x + sin * y, cos * y - sin * x);
        let (y, z) = (cos * y + sin * z, cos * z - sin * y);
        (exact.0)([x, y, z])
    });
    let found = measured(&turned, 1e-4).unwrap();
    let (volume, area) = (volume * 8.0, known.area * 4.0);
    assert!(
        (found.volume - volume).abs() < found.errors.volume,
        "{found:?}"
    );
    assert!((found.area - area).abs() < found.errors.area, "{found:?}");
}

#[test]
fn values_that_are_no_distances_have_the_same_surface() {
    // A prolate spheroid, by a polynomial.
    let (a, c): (f64, f64) = (0.5, 0.85);
    let field =
        Closed(move |[x, y, z]: [f64; 3]| (x * x + y * y) / (a * a) + z * z / (c * c) - 1.0);
    let eccentricity = (1.0 - a * a / (c * c)).sqrt();
    let volume = 4.0 / 3.0 * PI * a * a * c;
    let known = Known {
        volume,
        area: 2.0 * PI * a * a * (1.0 + c / (a * eccentricity) * eccentricity.asin()),
        inertia: [
            volume / 5.0 * (a * a + c * c),
            volume / 5.0 * (a * a + c * c),
            volume / 5.0 * 2.0 * a * a,
        ],
        // Minkowski's formula: that of the mean width, by Cauchy.
        mean_curvature: 2.0 * PI * (c + a * a / (c * eccentricity) * eccentricity.atanh()),
    };
    for error in [1e-3, 1e-5] {
        check("spheroid", &field, &known, error);
    }
}

#[test]
fn a_level_is_measured_where_it_is() {
    let settings = MeasureSettings {
        iso: 0.4,
        error: 1e-4,
        ..MeasureSettings::default()
    };
    let bounds = Bounds {
        min: [-0.9; 3],
        max: [0.9; 3],
    };
    let grid = Grid::around_level_set(&bounds, Resolution::Cells(40), 0.4).unwrap();
    let found = measure_field(
        &sphere(0.9),
        &grid,
        &Similarity::IDENTITY,
        &settings,
        &CancelToken::new(),
        &mut |_| (),
    );
    let found = found.unwrap();
    assert!((found.area / (4.0 * PI * 1.3 * 1.3) - 1.0).abs() < 1e-4);
    let bounds = found.bounds.unwrap();
    for axis in 0..3 {
        assert!((bounds.max[axis] - 1.3).abs() < 1e-3, "{bounds:?}");
    }
}

#[test]
fn what_cannot_be_measured_is_told() {
    let refused = measured(&sphere(0.5), 0.0).unwrap_err().to_string();
    assert!(refused.contains("error is 0"), "{refused}");
    let nowhere = Closed(|_| 1.0);
    let error = measured(&nowhere, 1e-3).unwrap_err();
    assert!(matches!(
        error,
        MeasureError::Extract(ExtractError::NoSurface { .. })
    ));
    let settings = MeasureSettings::default();
    let grid = Grid::covering(
        &Bounds {
            min: [-0.9; 3],
            max: [0.9; 3],
        },
        Resolution::Cells(16),
        0.0,
    );
    let cancel = CancelToken::new();
    cancel.cancel();
    let cancelled = measure_field(
        &sphere(0.5),
        &grid.unwrap(),
        &Similarity::IDENTITY,
        &settings,
        &cancel,
        &mut |_| (),
    );
    assert_eq!(
        cancelled,
        Err(MeasureError::Extract(ExtractError::Cancelled))
    );
}
