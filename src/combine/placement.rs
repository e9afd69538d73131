//! Where a part of an expression stands in the whole.

use super::error::{CombineError, number};
use super::expression::Transform;
use super::extent::Extent;
use super::solid::{add, length_and_direction, scaled};
use crate::geometry::vector::{cross, dot, minus};

/// A similarity, with its rotation as a matrix.
pub(super) struct Placement {
    rotation: [[f64; 3]; 3],
    pub scale: f64,
    translate: [f64; 3],
}

impl Placement {
    pub fn new(transform: &Transform, at: &str) -> Result<Placement, CombineError> {
        let Transform {
            translate,
            axis,
            degrees,
            scale,
            ..
        } = transform;
        let fits = *scale > 0.0 && scale.is_finite();
        number(at, "scale", *scale, fits, "a number above 0")?;
        number(
            at,
            "degrees",
            *degrees,
            degrees.is_finite(),
            "a finite angle",
        )?;
        let mut numbers = translate.iter().chain(axis);
        let problem = match numbers.all(|x| x.is_finite()) {
            false => Some("translate and axis must be finite"),
            true => (*axis == [0.0; 3]).then_some("its axis must not be 0"),
        };
        if let Some(problem) = problem {
            return Err(CombineError::Shape {
                at: at.to_owned(),
                problem: problem.to_owned(),
            });
        }
        let (_, axis) = length_and_direction(*axis);
        Ok(Placement {
            rotation: rotation(axis, degrees.to_radians()),
            scale: *scale,
            translate: *translate,
        })
    }

    /// A point of the whole in the part.
    pub fn seen_by_part(&self, point: [f64; 3]) -> [f64; 3] {
        let moved = minus(point, self.translate);
        let turned: [f64; 3] = std::array::from_fn(|column| {
            (0..3)
                .map(|row| self.rotation[row][column] * moved[row])
                .sum()
        });
        scaled(turned, 1.0 / self.scale)
    }

    /// A direction of the part in the whole.
    pub fn turned(&self, direction: [f64; 3]) -> [f64; 3] {
        self.rotation.map(|row| dot(row, direction))
    }

    /// The box around what is in a box of the part.
    pub fn extent(&self, part: &Extent) -> Extent {
        let mut extent = Extent::EVERYWHERE;
        for (axis, row) in self.rotation.iter().enumerate() {
            // By corners; what has no end along an axis has none along any that is not across it.
            let ends = (0..3).filter(|&other| row[other] != 0.0).map(|other| {
                let ends = [part.bounds.min[other], part.bounds.max[other]];
                let [a, b] = ends.map(|end| end * row[other]);
                (a.min(b), a.max(b))
            });
            let (low, high) = ends.fold((0.0, 0.0), |sum, end| (sum.0 + end.0, sum.1 + end.1));
            extent.bounds.min[axis] = low * self.scale + self.translate[axis];
            extent.bounds.max[axis] = high * self.scale + self.translate[axis];
        }
        Extent {
            bulge: part.bulge * self.scale,
            ..extent
        }
    }
}

/// Rodrigues' formula; `axis` has length 1. What is 0 but for rounding is 0, so that right angles keep boxes tight.
fn rotation(axis: [f64; 3], angle: f64) -> [[f64; 3]; 3] {
    let (sine, cosine) = angle.sin_cos();
    let columns: [[f64; 3]; 3] = std::array::from_fn(|column| {
        let mut unit = [0.0; 3];
        unit[column] = 1.0;
        let along = scaled(axis, (1.0 - cosine) * axis[column]);
        let across = scaled(cross(axis, unit), sine);
        add(add(scaled(unit, cosine), across), along)
    });
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let entry = columns[column][row];
            if entry.abs() < 1e-15 { 0.0 } else { entry }
        })
    })
}
