//! Plain solids with their exact distances, after Quílez, "Distance functions" (2008).

use serde::{Deserialize, Serialize};

use super::extent::Extent;
use crate::geometry::vector::{dot, minus};

/// A solid whose distance is known in closed form.
pub(super) trait Solid: Send + Sync {
    /// What is wrong with its numbers, if something is; only finite ones are asked about.
    fn problem(&self) -> Option<&'static str>;

    /// The box around it.
    fn extent(&self) -> Extent;

    /// What 98% of its surface is thicker than, about; infinity where it has no end.
    fn thickness(&self) -> f64;

    /// The signed distance and its gradient, which is 0 where there is none.
    fn at(&self, point: [f64; 3]) -> (f64, [f64; 3]);

    /// All its numbers.
    fn numbers(&self) -> Vec<f64>;
}

/// A ball.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sphere {
    /// Its middle.
    #[serde(default)]
    pub center: [f64; 3],
    /// Its radius.
    pub radius: f64,
}

/// A box along the axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cuboid {
    /// The corner with the smallest coordinates.
    pub min: [f64; 3],
    /// The corner with the largest coordinates.
    pub max: [f64; 3],
}

/// A torus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Torus {
    /// Its middle.
    #[serde(default)]
    pub center: [f64; 3],
    /// What it goes around; of any length.
    #[serde(default = "z_axis")]
    pub axis: [f64; 3],
    /// Radius of the circle in the middle of the tube.
    pub radius: f64,
    /// Radius of the tube.
    pub tube: f64,
}

/// A cylinder with flat ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cylinder {
    /// The middle of one end.
    pub start: [f64; 3],
    /// The middle of the other end.
    pub end: [f64; 3],
    /// Its radius.
    pub radius: f64,
}

/// All that is no further from a line between two points than a radius.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capsule {
    /// One end of the line.
    pub start: [f64; 3],
    /// Its other end.
    pub end: [f64; 3],
    /// The radius.
    pub radius: f64,
}

/// All that lies behind a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfSpace {
    /// A point of the plane.
    #[serde(default)]
    pub point: [f64; 3],
    /// Points away from what is inside; of any length.
    pub normal: [f64; 3],
}

pub(super) fn z_axis() -> [f64; 3] {
    [0.0, 0.0, 1.0]
}

impl Solid for Sphere {
    fn problem(&self) -> Option<&'static str> {
        (self.radius <= 0.0).then_some("its radius must be above 0")
    }

    fn extent(&self) -> Extent {
        Extent::of(self.center, self.center).grown(self.radius)
    }

    fn thickness(&self) -> f64 {
        2.0 * self.radius
    }

    fn at(&self, point: [f64; 3]) -> (f64, [f64; 3]) {
        let (length, direction) = length_and_direction(minus(point, self.center));
        (length - self.radius, direction)
    }

    fn numbers(&self) -> Vec<f64> {
        [&self.center[..], &[self.radius]].concat()
    }
}

impl Solid for Cuboid {
    fn problem(&self) -> Option<&'static str> {
        let flat = (0..3).any(|axis| self.min[axis] >= self.max[axis]);
        flat.then_some("min must be below max along each axis")
    }

    fn extent(&self) -> Extent {
        Extent::of(self.min, self.max)
    }

    fn thickness(&self) -> f64 {
        let size = minus(self.max, self.min);
        size.into_iter().fold(f64::INFINITY, f64::min)
    }

    fn at(&self, point: [f64; 3]) -> (f64, [f64; 3]) {
        let over: [[f64; 2]; 3] = std::array::from_fn(|axis| {
            let middle = 0.5 * (self.min[axis] + self.max[axis]);
            let from_middle = point[axis] - middle;
            let over = from_middle.abs() - 0.5 * (self.max[axis] - self.min[axis]);
            [over, from_middle.signum()]
        });
        corner(over)
    }

    fn numbers(&self) -> Vec<f64> {
        [self.min, self.max].concat()
    }
}

impl Solid for Torus {
    fn problem(&self) -> Option<&'static str> {
        if self.axis == [0.0; 3] {
            return Some("its axis must not be 0");
        }
        (self.radius <= 0.0 || self.tube <= 0.0).then_some("its radius and tube must be above 0")
    }

    fn extent(&self) -> Extent {
        let (_, axis) = length_and_direction(self.axis);
        let reach = axis.map(|x| self.radius * across(x) + self.tube);
        Extent::of(minus(self.center, reach), add(self.center, reach))
    }

    fn thickness(&self) -> f64 {
        2.0 * self.tube
    }

    fn at(&self, point: [f64; 3]) -> (f64, [f64; 3]) {
        let (_, axis) = length_and_direction(self.axis);
        let Around {
            along,
            away,
            outwards,
        } = around(minus(point, self.center), axis);
        let (length, direction) = length_and_direction([away - self.radius, along, 0.0]);
        let gradient = add(scaled(outwards, direction[0]), scaled(axis, direction[1]));
        (length - self.tube, gradient)
    }

    fn numbers(&self) -> Vec<f64> {
        [&self.center[..], &self.axis, &[self.radius, self.tube]].concat()
    }
}

impl Solid for Cylinder {
    fn problem(&self) -> Option<&'static str> {
        if self.start == self.end {
            return Some("start and end must not be the same point");
        }
        (self.radius <= 0.0).then_some("its radius must be above 0")
    }

    fn extent(&self) -> Extent {
        let (_, axis) = length_and_direction(minus(self.end, self.start));
        let reach = axis.map(|x| self.radius * across(x));
        let end = |at: [f64; 3]| Extent::of(minus(at, reach), add(at, reach));
        end(self.start).joined(&end(self.end))
    }

    fn thickness(&self) -> f64 {
        let (length, _) = length_and_direction(minus(self.end, self.start));
        length.min(2.0 * self.radius)
    }

    fn at(&self, point: [f64; 3]) -> (f64, [f64; 3]) {
        let (length, axis) = length_and_direction(minus(self.end, self.start));
        let middle = scaled(add(self.start, self.end), 0.5);
        let Around {
            along,
            away,
            outwards,
        } = around(minus(point, middle), axis);
        let (distance, [of_side, of_end, _]) = corner([
            [away - self.radius, 1.0],
            [along.abs() - 0.5 * length, along.signum()],
            [f64::NEG_INFINITY, 1.0],
        ]);
        (
            distance,
            add(scaled(outwards, of_side), scaled(axis, of_end)),
        )
    }

    fn numbers(&self) -> Vec<f64> {
        [&self.start[..], &self.end, &[self.radius]].concat()
    }
}

impl Solid for Capsule {
    fn problem(&self) -> Option<&'static str> {
        (self.radius <= 0.0).then_some("its radius must be above 0")
    }

    fn extent(&self) -> Extent {
        let line = Extent::of(self.start, self.start).joined(&Extent::of(self.end, self.end));
        line.grown(self.radius)
    }

    fn thickness(&self) -> f64 {
        2.0 * self.radius
    }

    fn at(&self, point: [f64; 3]) -> (f64, [f64; 3]) {
        let line = minus(self.end, self.start);
        let from = minus(point, self.start);
        let share = dot(from, line) / dot(line, line);
        // Not a number where the line is a point.
        let share = if share >= 0.0 { share.min(1.0) } else { 0.0 };
        let (length, direction) = length_and_direction(minus(from, scaled(line, share)));
        (length - self.radius, direction)
    }

    fn numbers(&self) -> Vec<f64> {
        [&self.start[..], &self.end, &[self.radius]].concat()
    }
}

impl Solid for HalfSpace {
    fn problem(&self) -> Option<&'static str> {
        (self.normal == [0.0; 3]).then_some("its normal must not be 0")
    }

    /// Bounded by the plane where that lies along two axes.
    fn extent(&self) -> Extent {
        let mut extent = Extent::EVERYWHERE;
        for axis in 0..3 {
            let others = (0..3).filter(|&other| other != axis);
            if others.map(|other| self.normal[other]).all(|x| x == 0.0) {
                match self.normal[axis] > 0.0 {
                    true => extent.bounds.max[axis] = self.point[axis],
                    false => extent.bounds.min[axis] = self.point[axis],
                }
            }
        }
        extent
    }

    fn thickness(&self) -> f64 {
        f64::INFINITY
    }

    fn at(&self, point: [f64; 3]) -> (f64, [f64; 3]) {
        let (_, normal) = length_and_direction(self.normal);
        (dot(minus(point, self.point), normal), normal)
    }

    fn numbers(&self) -> Vec<f64> {
        [self.point, self.normal].concat()
    }
}

/// The distance to a box of any dimension, of which it is known how far a point lies over its face along each axis (negative below it)
/// and which way that face looks; and the gradient along these axes.
fn corner(over: [[f64; 2]; 3]) -> (f64, [f64; 3]) {
    let outside = over.map(|[over, _]| over.max(0.0));
    let (length, direction) = length_and_direction(outside);
    if length > 0.0 {
        return (
            length,
            std::array::from_fn(|axis| direction[axis] * over[axis][1]),
        );
    }
    let mut nearest = 0;
    for axis in 1..3 {
        if over[axis][0] > over[nearest][0] {
            nearest = axis;
        }
    }
    let mut gradient = [0.0; 3];
    gradient[nearest] = over[nearest][1];
    (over[nearest][0], gradient)
}

/// A point as an axis through the origin sees it.
struct Around {
    /// How far along the axis.
    along: f64,
    /// How far away from it.
    away: f64,
    /// Which way that is; 0 on the axis.
    outwards: [f64; 3],
}

fn around(point: [f64; 3], axis: [f64; 3]) -> Around {
    let along = dot(point, axis);
    let (away, outwards) = length_and_direction(minus(point, scaled(axis, along)));
    Around {
        along,
        away,
        outwards,
    }
}

/// How far a circle of radius 1 reaches along an axis along which its own, of length 1, has the coordinate `x`.
fn across(x: f64) -> f64 {
    (1.0 - x * x).max(0.0).sqrt()
}

/// The length of a vector, and the vector at unit length; 0 where it has none.
pub(super) fn length_and_direction(vector: [f64; 3]) -> (f64, [f64; 3]) {
    let length = dot(vector, vector).sqrt();
    match length > 0.0 {
        true => (length, vector.map(|x| x / length)),
        false => (0.0, [0.0; 3]),
    }
}

pub(super) fn add(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] + b[axis])
}

pub(super) fn scaled(a: [f64; 3], factor: f64) -> [f64; 3] {
    a.map(|x| x * factor)
}
