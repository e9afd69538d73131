//! Tests of `extended.rs`.

use super::*;
use crate::field::OuterDetail;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64Mcg;

/// A shape by the nearest point of its surface, which holds outside of it.
type Nearest = fn([f64; 3]) -> [f64; 3];

/// A perfect network.
struct Exact(Nearest);

impl ScalarField for Exact {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        for (value, point) in values.iter_mut().zip(points) {
            assert!(point.iter().all(|x| x.abs() <= 1.0), "asked at {point:?}");
            let point = point.map(f64::from);
            *value = distance(point, (self.0)(point)) as f32;
        }
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        self.values(points, values);
        for (gradient, point) in gradients.iter_mut().zip(points) {
            let point = point.map(f64::from);
            *gradient = direction(point, (self.0)(point)).map(|x| x as f32);
        }
    }
}

fn distance(p: [f64; 3], q: [f64; 3]) -> f64 {
    (0..3).map(|i| (p[i] - q[i]).powi(2)).sum::<f64>().sqrt()
}

fn direction(to: [f64; 3], from: [f64; 3]) -> [f64; 3] {
    let length = distance(to, from);
    std::array::from_fn(|i| (to[i] - from[i]) / length)
}

fn on_ball(p: [f64; 3], center: [f64; 3], radius: f64) -> [f64; 3] {
    let away = direction(p, center);
    std::array::from_fn(|i| center[i] + radius * away[i])
}

const BALL: Nearest = |p| on_ball(p, [0.0; 3], 0.9);
const BOX: Nearest = |p| {
    [
        p[0].clamp(-0.9, 0.9),
        p[1].clamp(-0.4, 0.4),
        p[2].clamp(-0.1, 0.1),
    ]
};
const TORUS: Nearest = |p| {
    let across = p[0].hypot(p[1]);
    let center = match across > 0.0 {
        true => [0.7 * p[0] / across, 0.7 * p[1] / across, 0.0],
        false => [0.7, 0.0, 0.0],
    };
    on_ball(p, center, 0.2)
};
const TWO_BALLS: Nearest = |p| {
    let [a, b] = [
        on_ball(p, [-0.5, 0.0, 0.0], 0.4),
        on_ball(p, [0.7, 0.2, 0.0], 0.2),
    ];
    if distance(p, a) <= distance(p, b) {
        a
    } else {
        b
    }
};
const SHAPES: [(&str, Nearest); 4] = [
    ("ball", BALL),
    ("box", BOX),
    ("torus", TORUS),
    ("two balls", TWO_BALLS),
];

fn extended(shape: Nearest, detail: OuterDetail) -> Extended<Exact> {
    let outer = OuterSurface::of(detail, |points| {
        let nearest = |p: &[f32; 3]| shape(p.map(f64::from)).map(|x| x as f32);
        Ok::<_, ()>(points.iter().map(nearest).collect())
    });
    Extended::new(Exact(shape), Some(&outer.unwrap()))
}

/// Points beyond the cube in all directions, up to ten times the size of the shapes away.
fn points_beyond(count: usize) -> Vec<[f32; 3]> {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let mut point = || -> [f32; 3] {
        let way: [f32; 3] = std::array::from_fn(|_| rng.sample(StandardNormal));
        let largest = way.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let away = 18.0f32.powf(rng.random()) - 1.0;
        way.map(|x| x / largest * (1.0 + 1e-6 + away))
    };
    (0..count).map(|_| point()).collect()
}

/// Whether the nearest point jumps close to `p`: two parts of the shape are about as far.
fn is_tie(shape: Nearest, p: [f64; 3], distance_there: f64) -> bool {
    let step = 0.03 * distance_there;
    (0..6).any(|side| {
        let mut moved = p;
        moved[side / 2] += if side % 2 == 0 { step } else { -step };
        distance(shape(p), shape(moved)) > 3.0 * step
    })
}

/// How far distances and directions beyond the cube are off.
struct Off {
    /// Least and greatest error, as a share of the distance.
    distances: [f64; 2],
    /// The mean of their sizes.
    mean: f64,
    /// Degrees, but for ties, in ascending order.
    angles: Vec<f64>,
}

impl Off {
    fn of(name: &str, shape: Nearest, detail: OuterDetail) -> Off {
        let points = points_beyond(20_000);
        let field = extended(shape, detail);
        let mut values = vec![0.0; points.len()];
        let mut gradients = vec![[0.0; 3]; points.len()];
        field.values_and_gradients(&points, &mut values, &mut gradients);
        let mut alone = vec![0.0; points.len()];
        field.values(&points, &mut alone);
        let (mut low, mut high, mut sum, mut angles) = (0.0f64, 0.0f64, 0.0, Vec::new());
        for (index, point) in points.iter().enumerate() {
            let point = point.map(f64::from);
            let exact = distance(point, shape(point));
            let error = f64::from(values[index]) / exact - 1.0;
            (low, high, sum) = (low.min(error), high.max(error), sum + error.abs());
            assert!((values[index] - alone[index]).abs() < 1e-5 * values[index]);
            if is_tie(shape, point, exact) {
                continue;
            }
            let away = direction(point, shape(point));
            let cosine: f64 = (0..3)
                .map(|i| away[i] * f64::from(gradients[index][i]))
                .sum();
            angles.push(cosine.min(1.0).acos().to_degrees());
        }
        angles.sort_by(f64::total_cmp);
        let (count, ties) = (points.len(), points.len() - angles.len());
        let widest = angles[angles.len() - 1];
        println!("{name}, {detail:?}: {low:.5} {high:.5} {widest:.2} degrees, {ties} ties");
        assert!(ties < count / 10, "{name}: {ties}");
        let mean = sum / count as f64;
        Off {
            distances: [low, high],
            mean,
            angles,
        }
    }
}

#[test]
fn distances_are_within_a_hundredth_and_gradients_within_two_degrees() {
    for (name, shape) in SHAPES {
        let off = Off::of(name, shape, OuterDetail::Fine);
        let ([low, high], widest) = (off.distances, off.angles[off.angles.len() - 1]);
        assert!(low > -0.01 && high < 0.01, "{name}: {low} to {high}");
        assert!(widest < 2.0, "{name}: {widest} degrees");
    }
}

#[test]
fn without_detail_most_distances_and_gradients_are_still_right() {
    for (name, shape) in SHAPES {
        let off = Off::of(name, shape, OuterDetail::Coarse);
        let median = off.angles[off.angles.len() / 2];
        assert!(off.mean < 0.01, "{name}: {}", off.mean);
        assert!(median < 2.0, "{name}: {median} degrees");
    }
}

#[test]
fn it_is_continuous_across_the_border_and_beyond() {
    const STEP: f32 = 5e-4;
    for (name, shape) in SHAPES {
        let field = extended(shape, OuterDetail::Fine);
        for end in points_beyond(20) {
            let count = (3.0 / STEP) as usize;
            let largest = end.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            // From within the cube to beyond the band.
            let line: Vec<[f32; 3]> = (0..count)
                .map(|i| end.map(|x| x / largest * (0.95 + STEP * i as f32)))
                .collect();
            let mut values = vec![0.0; count];
            field.values(&line, &mut values);
            let step = f64::from(STEP) * distance([0.0; 3], end.map(|x| f64::from(x / largest)));
            for pair in values.windows(2) {
                let slope = f64::from(pair[1] - pair[0]).abs() / step;
                assert!(slope < 1.1, "{name}: {slope} between {pair:?}");
            }
        }
    }
}

/// x + 2 y + 3 z
struct Plane;

impl ScalarField for Plane {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        for (value, [x, y, z]) in values.iter_mut().zip(points) {
            *value = x + 2.0 * y + 3.0 * z;
        }
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        self.values(points, values);
        gradients.fill([1.0, 2.0, 3.0]);
    }
}

#[test]
fn whatever_the_network_says_at_the_border_it_is_continuous_there_and_forgotten_beyond() {
    let outer = OuterSurface::of(OuterDetail::Fine, |points| {
        let nearest = |p: &[f32; 3]| BALL(p.map(f64::from)).map(|x| x as f32);
        Ok::<_, ()>(points.iter().map(nearest).collect())
    });
    let field = Extended::new(Plane, Some(&outer.unwrap()));
    let points = [
        [1.0 - SHELL, 0.5, 0.3],
        [1.0 - SHELL / 2.0, 0.5, 0.3],
        [1.0 - 1e-6, 0.5, 0.3],
        [1.0, 0.5, 0.3],
        [1.25, 0.5, 0.3],
        [f32::MAX, 0.0, 0.0],
    ];
    let exact = |x: f32| (x.powi(2) + 0.34).sqrt() - 0.9;
    let mut values = [0.0; 6];
    field.values(&points, &mut values);
    assert_eq!(values[0], 1.9 + 1.0 - SHELL);
    // Half way it is the mean of both.
    let middle = (2.9 - SHELL / 2.0 + exact(1.0 - SHELL / 2.0)) / 2.0;
    assert!((values[1] - middle).abs() < 2e-3, "{} {middle}", values[1]);
    assert!((values[2] - values[3]).abs() < 1e-3);
    for (value, x) in values[3..].iter().zip([1.0, 1.25]) {
        assert!((value / exact(x) - 1.0).abs() < 0.01, "{value} at {x}");
    }
    assert!(values[5] > 1e37);
}

#[test]
fn without_an_outer_surface_the_gradient_matches_differences() {
    let field = Extended::new(Plane, None);
    let points = [[0.1, 0.2, 0.3], [1.5, 0.2, -2.0], [-3.0, 4.0, 0.5]];
    let (mut values, mut gradients) = ([0.0; 3], [[0.0; 3]; 3]);
    field.values_and_gradients(&points, &mut values, &mut gradients);
    assert!((values[0] - 1.4).abs() < 1e-6);
    let step = 1e-3;
    for (point, gradient) in points.iter().zip(gradients) {
        for axis in 0..3 {
            let mut ends = [*point; 2];
            ends[0][axis] -= step;
            ends[1][axis] += step;
            let mut at_ends = [0.0; 2];
            field.values(&ends, &mut at_ends);
            let difference = (at_ends[1] - at_ends[0]) / (2.0 * step);
            assert!((difference - gradient[axis]).abs() < 5e-3);
        }
    }
}
