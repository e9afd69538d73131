//! Expressions over fields, as data.

use serde::{Deserialize, Serialize};

use super::error::CombineError;
use super::solid::{Capsule, Cuboid, Cylinder, HalfSpace, Solid, Sphere, Torus, z_axis};

/// Most parts and operations of an expression.
pub const MOST_NODES: usize = 1000;

/// Most models, each of which is in memory while the expression is asked.
pub const MOST_MODELS: usize = 100;

/// Most operations within one another.
pub const MOST_DEPTH: usize = 32;

/// A field: a model, a plain solid, or an operation on other fields. Lengths are in the units of its parts, which are to be the same.
///
/// In text it is a table with one entry, whose name is the operation: `union = { of = [..], smooth = 0.1 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expression {
    /// A model by its name: a file, in recipes relative to their own, or `models/{id}` of a daemon.
    Model(String),
    /// A ball.
    Sphere(Sphere),
    /// A box along the axes.
    Box(Cuboid),
    /// A torus.
    Torus(Torus),
    /// A cylinder with flat ends.
    Cylinder(Cylinder),
    /// A cylinder with round ends.
    Capsule(Capsule),
    /// All that lies behind a plane.
    HalfSpace(HalfSpace),
    /// What is in any of the parts.
    Union(Operands),
    /// What is in all parts.
    Intersection(Operands),
    /// What is in the first part and in none of the others.
    Difference(Operands),
    /// What is no further away than a distance.
    Offset(Offset),
    /// A wall where the surface was.
    Shell(Shell),
    /// Something between two fields.
    Morph(Morph),
    /// The field turned, scaled and moved.
    Transform(Transform),
}

/// The parts of a union, an intersection or a difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operands {
    /// Radius of the blend: how far apart two values may be and still have a part in one another; 0 keeps edges sharp.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub smooth: f64,
    /// The parts, two or more. Where `smooth` is not 0 they are blended one after the other.
    pub of: Vec<Expression>,
}

/// An offset: `f - distance`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// How far the surface moves outwards; inwards where it is negative.
    pub distance: f64,
    /// What is offset.
    pub of: Box<Expression>,
}

/// A shell: `|f| - thickness / 2`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shell {
    /// How thick the wall is; half of it lies on each side of the surface.
    pub thickness: f64,
    /// What becomes a wall.
    pub of: Box<Expression>,
}

/// A morph: `(1 - weight) f + weight g`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Morph {
    /// 0 is the first field, 1 the second.
    pub weight: f64,
    /// The two fields.
    pub of: Vec<Expression>,
}

/// A similarity: about the origin turned and scaled, then moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// By how much it is moved.
    #[serde(default)]
    pub translate: [f64; 3],
    /// What it is turned about.
    #[serde(default = "z_axis")]
    pub axis: [f64; 3],
    /// By how much it is turned, counter-clockwise seen from where the axis points to.
    #[serde(default)]
    pub degrees: f64,
    /// How many times as large it becomes.
    #[serde(default = "one")]
    pub scale: f64,
    /// What is moved.
    pub of: Box<Expression>,
}

fn one() -> f64 {
    1.0
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl Expression {
    /// The operations and solids by name.
    pub const NAMES: [&'static str; 14] = [
        "model",
        "sphere",
        "box",
        "torus",
        "cylinder",
        "capsule",
        "half-space",
        "union",
        "intersection",
        "difference",
        "offset",
        "shell",
        "morph",
        "transform",
    ];

    /// Its name in text.
    pub fn name(&self) -> &'static str {
        let index = match self {
            Expression::Model(_) => 0,
            Expression::Sphere(_) => 1,
            Expression::Box(_) => 2,
            Expression::Torus(_) => 3,
            Expression::Cylinder(_) => 4,
            Expression::Capsule(_) => 5,
            Expression::HalfSpace(_) => 6,
            Expression::Union(_) => 7,
            Expression::Intersection(_) => 8,
            Expression::Difference(_) => 9,
            Expression::Offset(_) => 10,
            Expression::Shell(_) => 11,
            Expression::Morph(_) => 12,
            Expression::Transform(_) => 13,
        };
        Self::NAMES[index]
    }

    /// The solid that it is, if it is one.
    pub(super) fn solid(&self) -> Option<Box<dyn Solid>> {
        Some(match self {
            Expression::Sphere(solid) => Box::new(solid.clone()),
            Expression::Box(solid) => Box::new(solid.clone()),
            Expression::Torus(solid) => Box::new(solid.clone()),
            Expression::Cylinder(solid) => Box::new(solid.clone()),
            Expression::Capsule(solid) => Box::new(solid.clone()),
            Expression::HalfSpace(solid) => Box::new(solid.clone()),
            _ => return None,
        })
    }

    /// What it is an operation on.
    pub fn parts(&self) -> &[Expression] {
        match self {
            Expression::Union(operands)
            | Expression::Intersection(operands)
            | Expression::Difference(operands) => &operands.of,
            Expression::Morph(morph) => &morph.of,
            Expression::Offset(offset) => std::slice::from_ref(&offset.of),
            Expression::Shell(shell) => std::slice::from_ref(&shell.of),
            Expression::Transform(transform) => std::slice::from_ref(&transform.of),
            _ => &[],
        }
    }

    fn parts_mut(&mut self) -> &mut [Expression] {
        match self {
            Expression::Union(operands)
            | Expression::Intersection(operands)
            | Expression::Difference(operands) => &mut operands.of,
            Expression::Morph(morph) => &mut morph.of,
            Expression::Offset(offset) => std::slice::from_mut(&mut offset.of),
            Expression::Shell(shell) => std::slice::from_mut(&mut shell.of),
            Expression::Transform(transform) => std::slice::from_mut(&mut transform.of),
            _ => &mut [],
        }
    }

    /// The names of its models, each once, in the order in which they come.
    pub fn models(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect_models(&mut names);
        names
    }

    fn collect_models<'a>(&'a self, names: &mut Vec<&'a str>) {
        if let Expression::Model(name) = self
            && !names.contains(&name.as_str())
        {
            names.push(name);
        }
        self.parts()
            .iter()
            .for_each(|part| part.collect_models(names));
    }

    /// Puts another expression in the place of each model that `replace` has one for.
    pub(super) fn replace_models<E>(
        &mut self,
        replace: &mut dyn FnMut(&str) -> Result<Option<Expression>, E>,
    ) -> Result<(), E> {
        if let Expression::Model(name) = self {
            if let Some(other) = replace(name)? {
                *self = other;
            }
            return Ok(());
        }
        let mut parts = self.parts_mut().iter_mut();
        parts.try_for_each(|part| part.replace_models(replace))
    }

    /// Checks that it is no larger than [`MOST_NODES`], no deeper than [`MOST_DEPTH`] and of no more than [`MOST_MODELS`].
    ///
    /// # Errors
    /// [`CombineError::TooManyNodes`], [`CombineError::TooDeep`] or [`CombineError::TooManyModels`].
    pub fn check_size(&self) -> Result<(), CombineError> {
        let mut left = MOST_NODES;
        self.count_down(&mut left, MOST_DEPTH)?;
        match self.models().len() <= MOST_MODELS {
            true => Ok(()),
            false => Err(CombineError::TooManyModels { most: MOST_MODELS }),
        }
    }

    fn count_down(&self, left: &mut usize, depth: usize) -> Result<(), CombineError> {
        *left = left
            .checked_sub(1)
            .ok_or(CombineError::TooManyNodes { most: MOST_NODES })?;
        if self.parts().is_empty() {
            return Ok(());
        }
        let depth = depth
            .checked_sub(1)
            .ok_or(CombineError::TooDeep { most: MOST_DEPTH })?;
        let mut parts = self.parts().iter();
        parts.try_for_each(|part| part.count_down(left, depth))
    }
}
