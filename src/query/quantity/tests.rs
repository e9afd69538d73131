//! Every quantity of surfaces whose curvature is known, from derivatives that are exact.

use std::f64::consts::TAU;

use super::*;
use crate::calculus::{Dual, Jet};

/// A field in closed form, written over an algebra.
trait Field {
    fn at<A: Algebra>(&self, a: &mut A, point: &[A::Number; 3]) -> A::Number;
}

/// `scale` times the distance to a sphere: level sets do not depend on how fast the value changes.
struct Sphere {
    radius: f64,
    scale: f64,
}

impl Field for Sphere {
    fn at<A: Algebra>(&self, a: &mut A, point: &[A::Number; 3]) -> A::Number {
        let square = surface::dot(a, point, point);
        let length = a.sqrt(&square);
        let (radius, scale) = (a.constant(self.radius), a.constant(self.scale));
        let distance = a.sub(&length, &radius);
        a.mul(&scale, &distance)
    }
}

/// The distance to a torus around the z axis.
struct Torus {
    major: f64,
    minor: f64,
}

impl Field for Torus {
    fn at<A: Algebra>(&self, a: &mut A, [x, y, z]: &[A::Number; 3]) -> A::Number {
        let (major, minor) = (a.constant(self.major), a.constant(self.minor));
        let squares = [x, y, z].map(|c| a.mul(c, c));
        let around = a.add(&squares[0], &squares[1]);
        let around = a.sqrt(&around);
        let across = a.sub(&around, &major);
        let across = a.mul(&across, &across);
        let square = a.add(&across, &squares[2]);
        let length = a.sqrt(&square);
        a.sub(&length, &minor)
    }
}

/// `x²/a² + y²/b² + z²/c² - 1`: no distance, and its level sets are ellipsoids.
struct Ellipsoid([f64; 3]);

impl Field for Ellipsoid {
    fn at<A: Algebra>(&self, a: &mut A, point: &[A::Number; 3]) -> A::Number {
        let mut sum = a.constant(-1.0);
        for (x, half) in point.iter().zip(self.0) {
            let factor = a.constant(1.0 / (half * half));
            let square = a.mul(x, x);
            let part = a.mul(&factor, &square);
            sum = a.add(&sum, &part);
        }
        sum
    }
}

/// `z`, of a plane.
struct Plane;

impl Field for Plane {
    fn at<A: Algebra>(&self, _: &mut A, point: &[A::Number; 3]) -> A::Number {
        point[2].clone()
    }
}

/// A field at a point with its exact derivatives.
fn local(field: &impl Field, point: [f64; 3]) -> Local<f64> {
    let second = |i: usize, j: usize| {
        let number = |k: usize| {
            let moves = |by: usize| f64::from(u8::from(k == by));
            Dual::moving(Dual::moving(point[k], moves(i)), Dual::fixed(moves(j)))
        };
        let mut plain = Plain;
        let mut first = Jet(&mut plain);
        let found = field.at(&mut Jet(&mut first), &[number(0), number(1), number(2)]);
        let slope = found.slope.unwrap_or(Dual::fixed(0.0));
        let (by_i, by_both) = (found.value.slope, slope.slope);
        (
            found.value.value,
            by_i.unwrap_or(0.0),
            by_both.unwrap_or(0.0),
        )
    };
    Local {
        value: second(0, 0).0,
        gradient: std::array::from_fn(|i| second(i, i).1),
        hessian: [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)].map(|(i, j)| second(i, j).2),
    }
}

fn numbers(quantity: Quantity, local: &Local<f64>) -> Vec<f64> {
    let mut numbers = Vec::new();
    quantity.extend(&mut numbers, local);
    assert_eq!(numbers.len(), quantity.width());
    numbers
}

/// Checks curvatures and directions against the principal curvatures that are known, the larger one first.
fn check(local: &Local<f64>, [first, second]: [f64; 2], what: &str) {
    let near = |found: f64, expected: f64| {
        assert!(
            (found - expected).abs() < 1e-9 * (1.0 + expected.abs()),
            "{what}: {found}, not {expected}"
        );
    };
    near(
        numbers(Quantity::MeanCurvature, local)[0],
        0.5 * (first + second),
    );
    near(
        numbers(Quantity::GaussianCurvature, local)[0],
        first * second,
    );
    // Equal ones are roots of a number that is 0 but for rounding.
    let principal = numbers(Quantity::PrincipalCurvatures, local);
    for (found, expected) in principal.iter().zip([first, second]) {
        assert!((found - expected).abs() < 1e-7, "{what}: {principal:?}");
    }
    let normal: [f64; 3] = numbers(Quantity::Normal, local).try_into().unwrap();
    let directions = numbers(Quantity::PrincipalDirections, local);
    let [u, v]: [[f64; 3]; 2] = [0, 3].map(|k| directions[k..k + 3].try_into().unwrap());
    let dot = |a: [f64; 3], b: [f64; 3]| surface::dot(&mut Plain, &a, &b);
    for (a, b, expected) in [
        (u, u, 1.0),
        (v, v, 1.0),
        (u, v, 0.0),
        (u, normal, 0.0),
        (v, normal, 0.0),
        (normal, normal, 1.0),
    ] {
        near(dot(a, b), expected);
    }
    let cross: [f64; 3] = std::array::from_fn(|k| {
        let (i, j) = ((k + 1) % 3, (k + 2) % 3);
        u[i] * v[j] - u[j] * v[i]
    });
    near(dot(cross, normal), 1.0);
    // Along a principal direction the normal turns by the curvature: the direction is an eigenvector.
    let length = numbers(Quantity::GradientLength, local)[0];
    let [xx, xy, xz, yy, yz, zz] = local.hessian;
    let rows = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]];
    for (direction, other, curvature) in [(u, v, first), (v, u, second)] {
        let bent = rows.map(|row| dot(row, direction) / length);
        assert!((dot(direction, bent) - curvature).abs() < 1e-6, "{what}");
        assert!(dot(other, bent).abs() < 1e-6, "{what}");
    }
}

#[test]
fn spheres_curve_by_one_over_their_radius_inside_and_outside_too() {
    for scale in [1.0, 3.0] {
        let sphere = Sphere { radius: 2.0, scale };
        for point in [
            [2.0, 0.0, 0.0],
            [0.3, -0.4, -0.5],
            [1.0, 5.0, -7.0],
            [0.0, 0.0, -2.0],
        ] {
            let local = local(&sphere, point);
            let from_centre = point.iter().map(|x| x * x).sum::<f64>().sqrt();
            check(&local, [1.0 / from_centre; 2], "a sphere");
            let value = numbers(Quantity::Value, &local)[0];
            assert!((value - scale * (from_centre - 2.0)).abs() < 1e-12);
            let laplacian = numbers(Quantity::Laplacian, &local)[0];
            assert!((laplacian - 2.0 * scale / from_centre).abs() < 1e-12);
            assert!((numbers(Quantity::GradientLength, &local)[0] - scale).abs() < 1e-12);
            for (found, x) in numbers(Quantity::Normal, &local).iter().zip(point) {
                assert!((found - x / from_centre).abs() < 1e-12);
            }
            assert_eq!(numbers(Quantity::Gradient, &local), local.gradient);
            assert_eq!(numbers(Quantity::Hessian, &local), local.hessian);
        }
    }
}

#[test]
fn a_torus_curves_as_it_should_on_its_inner_side_too() {
    let (major, minor) = (1.0, 0.4);
    for index in 0..200 {
        let [around, tube] =
            [0.618_034, 0.414_214].map(|step| (f64::from(index) * step).fract() * TAU);
        let from_axis = major + minor * tube.cos();
        let point = [
            from_axis * around.cos(),
            from_axis * around.sin(),
            minor * tube.sin(),
        ];
        let local = local(&Torus { major, minor }, point);
        check(&local, [1.0 / minor, tube.cos() / from_axis], "a torus");
    }
}

#[test]
fn an_ellipsoid_has_the_curvature_of_its_formula() {
    // Gaussian: 1 / (abc h)² with h² = x²/a⁴ + y²/b⁴ + z²/c⁴; mean: (a² + b² + c² - x² - y² - z²) / (2 (abc)² h³).
    let [a, b, c] = [1.0, 0.7, 1.6];
    for index in 0..200 {
        let [around, up] = [0.618_034, 0.414_214].map(|step| (f64::from(index) * step).fract());
        let (around, up) = (around * TAU, 2.0 * up - 1.0);
        let ring = (1.0 - up * up).sqrt();
        let [x, y, z] = [a * ring * around.cos(), b * ring * around.sin(), c * up];
        let square = x * x / a.powi(4) + y * y / b.powi(4) + z * z / c.powi(4);
        let product = (a * b * c).powi(2);
        let gauss = 1.0 / (product * square * square);
        let above = a * a + b * b + c * c - x * x - y * y - z * z;
        let mean = above / (2.0 * product * square.powf(1.5));
        let radius = (mean * mean - gauss).max(0.0).sqrt();
        let local = local(&Ellipsoid([a, b, c]), [x, y, z]);
        check(&local, [mean + radius, mean - radius], "an ellipsoid");
    }
}

#[test]
fn a_plane_is_flat_and_has_directions_all_the_same() {
    check(&local(&Plane, [1.0, 2.0, 3.0]), [0.0; 2], "a plane");
}

#[test]
fn without_a_gradient_there_is_no_normal_and_no_curvature() {
    let local = local(&Ellipsoid([1.0; 3]), [0.0; 3]);
    for quantity in Quantity::ALL {
        let of_the_surface = !matches!(
            quantity,
            Quantity::Value
                | Quantity::Gradient
                | Quantity::GradientLength
                | Quantity::Hessian
                | Quantity::Laplacian
        );
        for number in numbers(quantity, &local) {
            assert_eq!(number.is_nan(), of_the_surface, "{quantity}: {number}");
        }
    }
}

#[test]
fn names_are_read_back_and_others_are_told_what_there_is() {
    for quantity in Quantity::ALL {
        assert_eq!(quantity.name().parse(), Ok(quantity));
    }
    let words = "curvature".parse::<Quantity>().unwrap_err().to_string();
    assert!(
        words.contains("'curvature'") && words.contains("mean-curvature"),
        "{words}"
    );
}

#[test]
fn units_follow_from_the_power_of_a_length() {
    let unit = |quantity: Quantity| (quantity.unit(), quantity.columns().next().unwrap());
    assert_eq!(unit(Quantity::Value), ("length", "value".to_owned()));
    assert_eq!(unit(Quantity::Normal), ("", "normal.x".to_owned()));
    assert_eq!(
        unit(Quantity::Hessian),
        ("1/length", "hessian.xx".to_owned())
    );
    let gauss = unit(Quantity::GaussianCurvature);
    assert_eq!(gauss, ("1/length²", "gaussian-curvature".to_owned()));
}
