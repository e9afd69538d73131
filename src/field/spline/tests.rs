use super::*;
use crate::field::ScalarField;
use std::convert::Infallible;

const RADIUS: f32 = 0.7;

fn refinement(degree: Degree) -> Refinement {
    Refinement {
        degree,
        coarsest: 8,
        finest: 64,
        tolerance: 1e-5,
        share: 1e-3,
        coefficients: 1 << 20,
    }
}

fn interpolated(refinement: &Refinement, exact: impl Fn([f32; 3]) -> f32) -> SparseSpline {
    let oracle = |points: &[[f32; 3]]| -> Result<Vec<f32>, Infallible> {
        Ok(points.iter().map(|&point| exact(point)).collect())
    };
    let Ok(spline) = interpolate(refinement, oracle);
    spline
}

fn sphere([x, y, z]: [f32; 3]) -> f32 {
    (x * x + y * y + z * z).sqrt() - RADIUS
}

/// Points all over the unit frame, its border included.
fn points() -> Vec<[f32; 3]> {
    let coordinate = |index: u32, prime: u32| (index * prime % 1999) as f32 / 999.0 - 1.0;
    let within = (0..1999).map(|i| [coordinate(i, 31), coordinate(i, 101), coordinate(i, 463)]);
    within
        .chain([[1.0; 3], [-1.0; 3], [1.0, -1.0, 0.0]])
        .collect()
}

#[test]
fn linear_functions_come_back_to_rounding_from_the_coarsest_level_alone() {
    let linear = |[x, y, z]: [f32; 3]| 0.3 * x - 0.8 * y + 0.5 * z + 0.1;
    for degree in [Degree::Quadratic, Degree::Cubic] {
        let spline = interpolated(&refinement(degree), linear);
        assert_eq!(spline.levels.len(), 1, "{spline}");
        let points = points();
        let (mut values, mut gradients) = (vec![0.0; points.len()], vec![[0.0; 3]; points.len()]);
        SplineField::new(&spline).values_and_gradients(&points, &mut values, &mut gradients);
        for ((&point, value), gradient) in points.iter().zip(values).zip(gradients) {
            assert!((value - linear(point)).abs() < 1e-6, "{point:?} {value}");
            for (a, b) in gradient.iter().zip([0.3, -0.8, 0.5]) {
                assert!((a - b).abs() < 1e-5, "{point:?} {gradient:?}");
            }
        }
    }
}

#[test]
fn a_sphere_is_true_in_values_and_gradients() {
    for degree in [Degree::Quadratic, Degree::Cubic] {
        let spline = interpolated(&refinement(degree), sphere);
        assert_eq!(spline.check(), Ok(()));
        let field = SplineField::new(&spline);
        let near: Vec<[f32; 3]> = points()
            .into_iter()
            .filter(|point| sphere(*point).abs() < 0.1)
            .collect();
        assert!(near.len() > 50);
        let (mut values, mut gradients) = (vec![0.0; near.len()], vec![[0.0; 3]; near.len()]);
        field.values_and_gradients(&near, &mut values, &mut gradients);
        for ((&point, value), gradient) in near.iter().zip(values).zip(gradients) {
            let allowed = 4e-5 + 2e-3 * sphere(point).abs();
            assert!((value - sphere(point)).abs() < allowed, "{point:?} {value}");
            let radius = sphere(point) + RADIUS;
            for (axis, slope) in gradient.iter().enumerate() {
                assert!((slope - point[axis] / radius).abs() < 1e-2, "{point:?}");
            }
        }
    }
}

#[test]
fn gradients_are_those_of_the_values_and_both_ways_agree() {
    for degree in [Degree::Quadratic, Degree::Cubic] {
        let field = SplineField::new(&interpolated(&refinement(degree), sphere));
        let points: Vec<[f32; 3]> = points().into_iter().map(|p| p.map(|x| 0.99 * x)).collect();
        let count = points.len();
        let (mut values, mut gradients) = (vec![0.0; count], vec![[0.0; 3]; count]);
        field.values_and_gradients(&points, &mut values, &mut gradients);
        let mut alone = vec![0.0; count];
        field.values(&points, &mut alone);
        let step = 1e-3;
        for axis in 0..3 {
            let moved = |shift: f32| {
                let mut points = points.clone();
                points.iter_mut().for_each(|point| point[axis] += shift);
                let mut values = vec![0.0; count];
                field.values(&points, &mut values);
                values
            };
            let (low, high) = (moved(-step), moved(step));
            for index in 0..count {
                assert!((values[index] - alone[index]).abs() < 1e-6);
                let difference = (high[index] - low[index]) / (2.0 * step);
                let slope = gradients[index][axis];
                assert!((difference - slope).abs() < 6e-3, "{difference} {slope}");
            }
        }
    }
}

#[test]
fn points_far_beyond_the_frame_and_nonsense_are_answered() {
    let field = SplineField::new(&interpolated(&refinement(Degree::Quadratic), sphere));
    let mut values = [0.0; 4];
    let points = [
        [3.0, 0.2, 0.1],
        [7.0, 0.2, 0.1],
        [f32::NAN, 0.0, 0.0],
        [f32::INFINITY; 3],
    ];
    field.values(&points, &mut values);
    assert_eq!(values[0], values[1]);
    assert!(values.iter().all(|value| value.is_finite()), "{values:?}");
}

#[test]
fn coefficients_go_where_they_are_needed_and_stay_within_their_number() {
    let tight = refinement(Degree::Quadratic);
    let flat = interpolated(&tight, |[x, ..]| x - 0.03);
    let round = interpolated(&tight, sphere);
    assert_eq!((flat.levels.len(), round.levels.len()), (1, 4));
    let bounded = interpolated(
        &Refinement {
            coefficients: 5000,
            ..tight
        },
        sphere,
    );
    assert!(bounded.coefficient_count() <= 5000);
    assert!(bounded.levels.len() > 1);
}

#[test]
fn a_wall_thinner_than_two_cells_gets_finer_levels_and_keeps_its_inside() {
    const HALF: f32 = 0.015;
    // Between two nodes of the plain one.
    const MIDDLE: f32 = 1.0 / 64.0;
    let plain = refinement(Degree::Quadratic);
    assert_eq!(plain.for_thickness(0.1), plain);
    let finer = plain.for_thickness((2.0 * HALF).into());
    assert_eq!(finer.finest, 256);
    assert_eq!(plain.for_thickness(0.0).finest, MOST_CELLS);
    let sheet = |[x, ..]: [f32; 3]| (x - MIDDLE).abs() - HALF;
    let middle: Vec<[f32; 3]> = points()
        .into_iter()
        .map(|[_, y, z]| [MIDDLE, y, z])
        .collect();
    let inside = |refinement: &Refinement| {
        let mut values = vec![0.0; middle.len()];
        SplineField::new(&interpolated(refinement, sheet)).values(&middle, &mut values);
        values.iter().filter(|value| **value < -0.9 * HALF).count()
    };
    assert_eq!(inside(&finer), middle.len());
    assert!(inside(&plain) < middle.len());
}

#[test]
fn a_damaged_spline_is_refused_in_words() {
    let whole = interpolated(&refinement(Degree::Quadratic), sphere);
    let refused = |damage: fn(&mut SplineLevel), word: &str| {
        let mut spline = whole.clone();
        damage(&mut spline.levels[1]);
        let words = spline.check().unwrap_err();
        assert!(words.contains("level 1") && words.contains(word), "{words}");
    };
    refused(|level| level.cells = 0, "0 cells");
    refused(|level| level.cells = 1 << 30, "cells an axis");
    refused(|level| level.cells += 1, "a multiple");
    refused(|level| level.bricks[1] = level.bricks[0], "follows");
    refused(
        |level| *level.bricks.last_mut().unwrap() = u32::MAX,
        "beyond",
    );
    refused(|level| level.masks.truncate(1), "masks");
    refused(|level| level.coefficients.truncate(1), "coefficients");
    refused(|level| level.coefficients[3] = f32::NAN, "NaN");
}
