//! A field that is put together from others.

use super::builder::{BULGE, Builder};
use super::error::CombineError;
use super::expression::Expression;
use super::node::{Answer, Node};
use super::part::Part;
use super::quality::Quality;
use crate::field::{Inside, ScalarField, Shape};
use crate::geometry::{Bounds, Similarity};

/// An expression as a field: its parts are asked when it is asked, in `f64` and in own units, each in its own unit frame.
///
/// As a [`ScalarField`] it answers in the unit frame of [`Combined::shape`].
pub struct Combined {
    root: Node,
    shape: Shape,
    warnings: Vec<String>,
}

impl Combined {
    /// Makes an expression ready to be asked. `load` gives the field of each name, and is asked for each once.
    ///
    /// # Errors
    /// What `load` fails with, and [`CombineError`] for an expression that is too large, whose numbers make no sense, that reaches to
    /// infinity or has no inside.
    pub fn new<E: From<CombineError>>(
        expression: &Expression,
        mut load: impl FnMut(&str) -> Result<Part, E>,
    ) -> Result<Combined, E> {
        expression.check_size()?;
        let names = expression.models();
        let parts: Vec<(&str, Part)> = (names.into_iter())
            .map(|name| Ok((name, load(name)?)))
            .collect::<Result<_, E>>()?;
        let mut builder = Builder {
            parts: &parts,
            warnings: Vec::new(),
        };
        let root = builder.node(expression, "")?;
        let at = || expression.name().to_owned();
        if !root.extent.is_bounded() {
            return Err(CombineError::Unbounded { at: at() }.into());
        }
        let bounds = with_bulge(&root);
        let frame = Similarity::to_unit_frame(&bounds).ok_or_else(|| CombineError::Empty {
            at: at(),
            why: format!(
                "the box around it, {:?} to {:?}, has no extent that can be computed with",
                bounds.min, bounds.max
            ),
        })?;
        let insides = parts.iter().map(|(_, part)| part.shape.inside);
        let warnings = builder.warnings;
        let shape = Shape {
            frame,
            bounds,
            thickness: root.thickness.filter(|thickness| thickness.is_finite()),
            area: None,
            bodies: None,
            inside: insides.max().unwrap_or(Inside::Enclosed),
            pieces: root.pieces.clone(),
        };
        Ok(Combined {
            root,
            shape,
            warnings,
        })
    }

    /// What is known of its shape. No part of the surface lies beyond its bounds, which may be wider than need be.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How far it still is a distance.
    pub fn quality(&self) -> Quality {
        self.root.quality
    }

    /// What a user should know of it, a sentence each: parts that are too far away to blend, or to take anything away.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn ask(&self, points: &[[f32; 3]], values: &mut [f32], gradients: bool) -> Answer {
        let Similarity { scale, .. } = self.shape.frame;
        let own: Vec<[f64; 3]> = (points.iter())
            .map(|&point| self.shape.frame.invert(point.map(f64::from)))
            .collect();
        let answer = self.root.ask(&own, gradients);
        for (value, own) in values.iter_mut().zip(&answer.values) {
            *value = (own * scale) as f32;
        }
        answer
    }
}

/// The box around the surface, grown where a part may bulge further than extraction allows for a field of this size.
fn with_bulge(root: &Node) -> Bounds {
    let bounds = root.extent.bounds;
    let more = root.extent.bulge - BULGE * bounds.longest_side();
    bounds.grown(more.max(0.0))
}

impl ScalarField for Combined {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        assert_eq!(points.len(), values.len());
        self.ask(points, values, false);
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        assert_eq!(points.len(), values.len());
        assert_eq!(points.len(), gradients.len());
        let answer = self.ask(points, values, true);
        for (gradient, own) in gradients.iter_mut().zip(answer.gradients) {
            *gradient = own.map(|x| x as f32);
        }
    }
}
