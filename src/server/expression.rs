//! Expressions of requests.

use super::error::ApiError;
use super::proto::{self, expression::Kind};
use super::resource_name::Collection;
use crate::combine::{
    Capsule, CombineError, Cuboid, Cylinder, Expression, HalfSpace, Morph, Offset, Operands, Shell,
    Sphere, Torus, Transform,
};

/// The field of requests that holds them.
const FIELD: &str = "expression";

const Z: [f64; 3] = [0.0, 0.0, 1.0];

/// What a request asks for.
///
/// # Errors
/// Names the place in it that says nothing, or not what it must.
pub(super) fn expression(asked: &proto::Expression) -> Result<Expression, ApiError> {
    let expression = read(asked, FIELD)?;
    expression.check_size()?;
    Ok(expression)
}

/// `at` is the place of the expression in its request. Messages within one another are limited where they are decoded.
fn read(asked: &proto::Expression, at: &str) -> Result<Expression, ApiError> {
    let Some(kind) = &asked.kind else {
        let message = format!("{at} is empty: it must be a model, a solid or an operation");
        return Err(ApiError::field(FIELD, message));
    };
    Ok(match kind {
        Kind::Model(name) => {
            Collection::Models.id(name, FIELD)?;
            Expression::Model(name.clone())
        }
        Kind::Sphere(solid) => Expression::Sphere(Sphere {
            center: numbers(&solid.center, Some([0.0; 3]), at, "sphere.center")?,
            radius: solid.radius,
        }),
        Kind::Box(solid) => Expression::Box(Cuboid {
            min: numbers(&solid.min, None, at, "box.min")?,
            max: numbers(&solid.max, None, at, "box.max")?,
        }),
        Kind::Torus(solid) => Expression::Torus(Torus {
            center: numbers(&solid.center, Some([0.0; 3]), at, "torus.center")?,
            axis: numbers(&solid.axis, Some(Z), at, "torus.axis")?,
            radius: solid.radius,
            tube: solid.tube,
        }),
        Kind::Cylinder(solid) => Expression::Cylinder(Cylinder {
            start: numbers(&solid.start, None, at, "cylinder.start")?,
            end: numbers(&solid.end, None, at, "cylinder.end")?,
            radius: solid.radius,
        }),
        Kind::Capsule(solid) => Expression::Capsule(Capsule {
            start: numbers(&solid.start, None, at, "capsule.start")?,
            end: numbers(&solid.end, None, at, "capsule.end")?,
            radius: solid.radius,
        }),
        Kind::HalfSpace(solid) => Expression::HalfSpace(HalfSpace {
            point: numbers(&solid.point, Some([0.0; 3]), at, "half_space.point")?,
            normal: numbers(&solid.normal, None, at, "half_space.normal")?,
        }),
        Kind::Union(parts) => Expression::Union(operands(parts, &format!("{at}.union"))?),
        Kind::Intersection(parts) => {
            Expression::Intersection(operands(parts, &format!("{at}.intersection"))?)
        }
        Kind::Difference(parts) => {
            Expression::Difference(operands(parts, &format!("{at}.difference"))?)
        }
        Kind::Offset(offset) => Expression::Offset(Offset {
            distance: offset.distance,
            of: one(offset.of.as_deref(), &format!("{at}.offset"))?,
        }),
        Kind::Shell(shell) => Expression::Shell(Shell {
            thickness: shell.thickness,
            of: one(shell.of.as_deref(), &format!("{at}.shell"))?,
        }),
        Kind::Morph(morph) => Expression::Morph(Morph {
            weight: morph.weight,
            of: all(&morph.of, &format!("{at}.morph"))?,
        }),
        Kind::Transform(transform) => Expression::Transform(Transform {
            translate: numbers(
                &transform.translate,
                Some([0.0; 3]),
                at,
                "transform.translate",
            )?,
            axis: numbers(&transform.axis, Some(Z), at, "transform.axis")?,
            degrees: transform.degrees,
            scale: transform.scale.unwrap_or(1.0),
            of: one(transform.of.as_deref(), &format!("{at}.transform"))?,
        }),
    })
}

fn operands(parts: &proto::Operands, at: &str) -> Result<Operands, ApiError> {
    Ok(Operands {
        smooth: parts.smooth,
        of: all(&parts.of, at)?,
    })
}

fn all(parts: &[proto::Expression], at: &str) -> Result<Vec<Expression>, ApiError> {
    let numbered = parts.iter().enumerate();
    numbered
        .map(|(index, part)| read(part, &format!("{at}.of[{index}]")))
        .collect()
}

fn one(part: Option<&proto::Expression>, at: &str) -> Result<Box<Expression>, ApiError> {
    let nothing = proto::Expression::default();
    read(part.unwrap_or(&nothing), &format!("{at}.of")).map(Box::new)
}

/// Three numbers, or none where there is something to take instead.
fn numbers(
    values: &[f64],
    otherwise: Option<[f64; 3]>,
    at: &str,
    name: &str,
) -> Result<[f64; 3], ApiError> {
    let given = <[f64; 3]>::try_from(values).ok();
    given
        .or(otherwise.filter(|_| values.is_empty()))
        .ok_or_else(|| {
            let message = format!("{at}.{name} has {} values: it must have 3", values.len());
            ApiError::field(FIELD, message)
        })
}

impl From<CombineError> for ApiError {
    fn from(error: CombineError) -> Self {
        ApiError::field(FIELD, error.to_string())
    }
}
