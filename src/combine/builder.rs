//! From an expression to a field that can be asked: checks, bounds, and what is left of a distance.

use super::blend::Blend;
use super::error::{CombineError, number};
use super::expression::{Expression, Operands};
use super::extent::Extent;
use super::node::{Kind, Node};
use super::part::Part;
use super::placement::Placement;
use super::quality::Quality;
use super::solid::Solid;
use crate::words::length_in_words;

/// Makes nodes of expressions, and tells of what a user should know.
pub(super) struct Builder<'a> {
    /// The models by name.
    pub parts: &'a [(&'a str, Part)],
    pub warnings: Vec<String>,
}

impl Builder<'_> {
    /// `at` names the place of the expression.
    pub fn node(&mut self, expression: &Expression, at: &str) -> Result<Node, CombineError> {
        let at = format!("{at}{}", expression.name());
        let node = match expression {
            Expression::Model(name) => self.model(name),
            Expression::Union(operands) => self.blend(Blend::Union, operands, &at)?,
            Expression::Intersection(operands) => self.blend(Blend::Intersection, operands, &at)?,
            Expression::Difference(operands) => self.blend(Blend::Difference, operands, &at)?,
            Expression::Offset(offset) => {
                let distance = offset.distance;
                number(
                    &at,
                    "distance",
                    distance,
                    distance.is_finite(),
                    "a finite length",
                )?;
                let of = self.node(&offset.of, &format!("{at}."))?;
                offset_by(distance, of)
            }
            Expression::Shell(shell) => {
                let thickness = shell.thickness;
                let fits = thickness > 0.0 && thickness.is_finite();
                number(&at, "thickness", thickness, fits, "a length above 0")?;
                let of = self.node(&shell.of, &format!("{at}."))?;
                wall(thickness, of)
            }
            Expression::Morph(morph) => {
                let weight = morph.weight;
                let fits = (0.0..=1.0).contains(&weight);
                number(&at, "weight", weight, fits, "from 0 to 1")?;
                let parts = self.nodes(&morph.of, &at)?;
                let count = parts.len();
                let Ok(parts) = <[Node; 2]>::try_from(parts) else {
                    let problem = format!("a morph is between two parts, not {count}");
                    return Err(CombineError::Shape { at, problem });
                };
                between(weight, parts)
            }
            Expression::Transform(transform) => {
                let placement = Placement::new(transform, &at)?;
                let of = self.node(&transform.of, &format!("{at}."))?;
                placed(placement, of)
            }
            solid => {
                let solid = solid.solid().expect("whatever is no operation is a solid");
                let problem = match solid.numbers().iter().all(|x| x.is_finite()) {
                    true => solid.problem(),
                    false => Some("its numbers must be finite"),
                };
                if let Some(problem) = problem {
                    let problem = problem.to_owned();
                    return Err(CombineError::Shape { at, problem });
                }
                of_solid(solid, expression.name())
            }
        };
        match node.extent.is_empty() {
            true => Err(CombineError::Empty {
                why: why_empty(expression),
                at,
            }),
            false => Ok(node),
        }
    }

    fn nodes(&mut self, parts: &[Expression], at: &str) -> Result<Vec<Node>, CombineError> {
        let numbered = parts.iter().enumerate();
        numbered
            .map(|(index, part)| self.node(part, &format!("{at}.of[{index}].")))
            .collect()
    }

    fn model(&self, name: &str) -> Node {
        let found = self.parts.iter().find(|(known, _)| *known == name);
        let part = found.expect("every model is loaded").1.clone();
        let bounds = part.shape.bounds;
        Node {
            extent: Extent {
                bounds,
                bulge: BULGE * bounds.longest_side(),
            },
            quality: Quality::EXACT,
            thickness: part.shape.thickness,
            pieces: part.shape.pieces.clone(),
            kind: Kind::Field(part),
        }
    }

    fn blend(&mut self, blend: Blend, operands: &Operands, at: &str) -> Result<Node, CombineError> {
        let smooth = operands.smooth;
        let fits = smooth >= 0.0 && smooth.is_finite();
        number(at, "smooth", smooth, fits, "a length of 0 or more")?;
        let of = self.nodes(&operands.of, at)?;
        if of.len() < 2 {
            return Err(CombineError::TooFewParts {
                at: at.to_owned(),
                count: of.len(),
                least: 2,
            });
        }
        let mut extent = of[0].extent;
        for (index, part) in of.iter().enumerate().skip(1) {
            let gap = extent.gap(&part.extent);
            self.warn_of_gap(blend, smooth, gap, &format!("{at}.of[{index}]"));
            extent = match blend {
                Blend::Union => blended(&extent, &part.extent, smooth),
                Blend::Intersection => extent.cut(&part.extent),
                Blend::Difference => Extent {
                    bulge: extent.bulge.max(part.extent.bulge),
                    ..extent
                },
            };
        }
        let qualities = of.iter().map(|part| part.quality);
        let sharp = match blend {
            Blend::Union => bounded_inside(Quality::all(qualities)),
            Blend::Intersection => {
                bounded_inside(Quality::all(qualities.map(Quality::turned))).turned()
            }
            Blend::Difference => {
                let turned = qualities.enumerate().map(|(index, quality)| match index {
                    0 => quality.turned(),
                    _ => quality,
                });
                bounded_inside(Quality::all(turned)).turned()
            }
        };
        let thinnest = of.iter().map(|part| part.thickness);
        Ok(Node {
            extent,
            quality: if smooth > 0.0 { Quality::BOUND } else { sharp },
            thickness: match blend {
                Blend::Union => thinnest.reduce(|a, b| Some(a?.min(b?))).flatten(),
                // What is cut may be as thin as it likes.
                _ => None,
            },
            pieces: Some(format!("an expression with {at}")),
            kind: Kind::Blend { blend, smooth, of },
        })
    }

    fn warn_of_gap(&mut self, blend: Blend, smooth: f64, gap: f64, at: &str) {
        let apart = length_in_words(gap);
        match blend {
            Blend::Union if smooth > 0.0 && gap >= smooth => self.warnings.push(format!(
                "{at} does not blend: it is at least {apart} away from what comes before it, and the radius is {}.",
                length_in_words(smooth)
            )),
            Blend::Difference if gap > smooth => self.warnings.push(format!(
                "{at} takes nothing away: it is at least {apart} away from what it is taken from."
            )),
            _ => {}
        }
    }
}

/// How far a fitted surface may bulge over the bounds of its mesh, as a share of their longest side.
pub(super) const BULGE: f64 = 0.02;

fn why_empty(expression: &Expression) -> String {
    match expression {
        Expression::Intersection(_) => "the boxes around its parts do not meet".to_owned(),
        Expression::Offset(offset) => format!(
            "nothing is left of it {} further in",
            length_in_words(-offset.distance)
        ),
        _ => "it has no inside".to_owned(),
    }
}

/// A smooth union reaches further than its parts only where it is near to both: there the lesser value is at most `smooth / 4`, the
/// greater at most `smooth` more.
fn blended(a: &Extent, b: &Extent, smooth: f64) -> Extent {
    let joined = a.joined(b);
    let between = a.grown(1.25 * smooth).cut(&b.grown(1.25 * smooth));
    match smooth > 0.0 && !between.is_empty() {
        true => joined.joined(&between.cut(&joined.grown(0.25 * smooth))),
        false => joined,
    }
}

/// A minimum of distances is one outside, and inside where the parts do not overlap, which nobody knows.
fn bounded_inside(quality: Quality) -> Quality {
    Quality {
        exact_inside: false,
        ..quality
    }
}

fn of_solid(solid: Box<dyn Solid>, name: &str) -> Node {
    Node {
        extent: solid.extent(),
        quality: Quality::EXACT,
        thickness: Some(solid.thickness()),
        pieces: Some(format!("an expression with a {name}")),
        kind: Kind::Solid(solid),
    }
}

fn offset_by(distance: f64, of: Node) -> Node {
    let Quality {
        exact_outside,
        exact_inside,
    } = of.quality;
    let thickness = of.thickness.map(|thickness| thickness + 2.0 * distance);
    Node {
        extent: of.extent.grown(distance),
        // Of two sides only the one that the surface moves into was a distance to it before.
        quality: Quality {
            exact_outside: exact_outside && distance >= 0.0,
            exact_inside: exact_inside && distance <= 0.0,
        },
        thickness: thickness.filter(|&thickness| thickness > 0.0),
        pieces: of.pieces.clone(),
        kind: Kind::Offset {
            distance,
            of: Box::new(of),
        },
    }
}

fn wall(thickness: f64, of: Node) -> Node {
    let both = of.quality.exact_outside && of.quality.exact_inside;
    Node {
        extent: of.extent.grown(0.5 * thickness),
        quality: Quality {
            exact_outside: both,
            exact_inside: false,
        },
        thickness: Some(thickness),
        pieces: Some("an expression with a shell".to_owned()),
        kind: Kind::Shell {
            half: 0.5 * thickness,
            of: Box::new(of),
        },
    }
}

fn between(weight: f64, of: [Node; 2]) -> Node {
    let pieces = of[0].pieces.clone().or_else(|| of[1].pieces.clone());
    Node {
        extent: of[0].extent.joined(&of[1].extent),
        quality: Quality::BOUND,
        thickness: None,
        pieces,
        kind: Kind::Morph {
            weight,
            of: Box::new(of),
        },
    }
}

fn placed(placement: Placement, of: Node) -> Node {
    Node {
        extent: placement.extent(&of.extent),
        quality: of.quality,
        thickness: of.thickness.map(|thickness| thickness * placement.scale),
        pieces: of.pieces.clone(),
        kind: Kind::Transform {
            placement,
            of: Box::new(of),
        },
    }
}
