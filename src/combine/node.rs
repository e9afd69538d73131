//! An expression that is ready to be asked.

use rayon::prelude::*;

use super::blend::Blend;
use super::combined::Part;
use super::error::CombineError;
use super::expression::{Expression, Operands, Transform};
use super::extent::Extent;
use super::quality::Quality;
use super::solid::{Solid, add, length_and_direction, scaled};
use crate::geometry::vector::{cross, dot, minus};
use crate::words::length_in_words;

/// A part of an expression with all that is known of it.
pub(super) struct Node {
    kind: Kind,
    /// Where its inside lies.
    pub extent: Extent,
    pub quality: Quality,
    /// What its walls are thicker than, about, where that is known.
    pub thickness: Option<f64>,
    /// What it is, in words, where it has no second derivatives everywhere.
    pub pieces: Option<String>,
}

enum Kind {
    Field(Part),
    Solid(Box<dyn Solid>),
    Blend {
        blend: Blend,
        smooth: f64,
        of: Vec<Node>,
    },
    /// `f - distance`
    Offset {
        distance: f64,
        of: Box<Node>,
    },
    /// `|f| - half`
    Shell {
        half: f64,
        of: Box<Node>,
    },
    /// `(1 - weight) f + weight g`
    Morph {
        weight: f64,
        of: Box<[Node; 2]>,
    },
    Transform {
        placement: Placement,
        of: Box<Node>,
    },
}

/// A similarity, with its rotation as a matrix.
struct Placement {
    rotation: [[f64; 3]; 3],
    scale: f64,
    translate: [f64; 3],
}

/// Values at points `[N]`, and gradients `[N, 3]` where they were asked for; own units.
pub(super) struct Answer {
    pub values: Vec<f64>,
    pub gradients: Vec<[f64; 3]>,
}

/// Points that one thread takes at a time.
const GRAIN: usize = 1024;

/// How much of the way to a part's box is trusted when it is left out: beyond the unit frame a model's distance is off by a little.
const TRUSTED: f64 = 0.75;

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

/// Refuses a number that does not fit.
fn number(
    at: &str,
    name: &'static str,
    value: f64,
    fits: bool,
    expected: &'static str,
) -> Result<(), CombineError> {
    match fits {
        true => Ok(()),
        false => Err(CombineError::Number {
            at: at.to_owned(),
            name,
            value,
            expected,
        }),
    }
}

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

impl Placement {
    fn new(transform: &Transform, at: &str) -> Result<Placement, CombineError> {
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
    fn seen_by_part(&self, point: [f64; 3]) -> [f64; 3] {
        let moved = minus(point, self.translate);
        let turned: [f64; 3] = std::array::from_fn(|column| {
            (0..3)
                .map(|row| self.rotation[row][column] * moved[row])
                .sum()
        });
        scaled(turned, 1.0 / self.scale)
    }

    /// A direction of the part in the whole.
    fn turned(&self, direction: [f64; 3]) -> [f64; 3] {
        self.rotation.map(|row| dot(row, direction))
    }

    /// The box around what is in a box of the part.
    fn extent(&self, part: &Extent) -> Extent {
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

impl Node {
    /// The field at points, own units.
    pub fn ask(&self, points: &[[f64; 3]], gradients: bool) -> Answer {
        match &self.kind {
            Kind::Field(part) => ask_field(part, points, gradients),
            Kind::Solid(solid) => {
                let found = points.par_iter().with_min_len(GRAIN);
                let found = found.map(|&point| solid.at(point));
                let (values, slopes): (Vec<f64>, Vec<[f64; 3]>) = found.unzip();
                Answer {
                    values,
                    gradients: if gradients { slopes } else { Vec::new() },
                }
            }
            Kind::Blend { blend, smooth, of } => ask_blend(*blend, *smooth, of, points, gradients),
            Kind::Offset { distance, of } => {
                let mut answer = of.ask(points, gradients);
                answer
                    .values
                    .iter_mut()
                    .for_each(|value| *value -= distance);
                answer
            }
            Kind::Shell { half, of } => {
                let mut answer = of.ask(points, gradients);
                for (gradient, &value) in answer.gradients.iter_mut().zip(&answer.values) {
                    *gradient = scaled(*gradient, value.signum());
                }
                for value in &mut answer.values {
                    *value = value.abs() - half;
                }
                answer
            }
            Kind::Morph { weight, of } => {
                let mut answer = of[0].ask(points, gradients);
                let other = of[1].ask(points, gradients);
                let mixed = |a: f64, b: f64| (1.0 - weight) * a + weight * b;
                for (value, other) in answer.values.iter_mut().zip(other.values) {
                    *value = mixed(*value, other);
                }
                for (gradient, other) in answer.gradients.iter_mut().zip(other.gradients) {
                    *gradient = std::array::from_fn(|axis| mixed(gradient[axis], other[axis]));
                }
                answer
            }
            Kind::Transform { placement, of } => {
                let points: Vec<[f64; 3]> = (points.iter())
                    .map(|&point| placement.seen_by_part(point))
                    .collect();
                let mut answer = of.ask(&points, gradients);
                for value in &mut answer.values {
                    *value *= placement.scale;
                }
                for gradient in &mut answer.gradients {
                    *gradient = placement.turned(*gradient);
                }
                answer
            }
        }
    }
}

fn ask_field(part: &Part, points: &[[f64; 3]], gradients: bool) -> Answer {
    let frame = &part.shape.frame;
    let unit: Vec<[f32; 3]> = (points.iter())
        .map(|&point| frame.apply(point).map(|x| x as f32))
        .collect();
    let mut values = vec![0.0; unit.len()];
    let mut slopes = Vec::new();
    if gradients {
        slopes = vec![[0.0; 3]; unit.len()];
        (part.field).values_and_gradients(&unit, &mut values, &mut slopes);
    } else {
        part.field.values(&unit, &mut values);
    }
    let own = |value: f32| f64::from(value) / frame.scale;
    Answer {
        values: values.into_iter().map(own).collect(),
        gradients: slopes
            .into_iter()
            .map(|slope| slope.map(f64::from))
            .collect(),
    }
}

/// Parts that are added or taken away are asked only where they may have a say: elsewhere the way to their box is longer than what is
/// known already.
fn ask_blend(
    blend: Blend,
    smooth: f64,
    of: &[Node],
    points: &[[f64; 3]],
    gradients: bool,
) -> Answer {
    if blend == Blend::Union && smooth == 0.0 {
        return ask_union(of, points, gradients);
    }
    let mut answer = of[0].ask(points, gradients);
    for part in &of[1..] {
        let may_matter = |index: usize| match blend {
            Blend::Union => part.may_be_below(answer.values[index] + smooth, points[index]),
            Blend::Difference => part.may_be_below(smooth - answer.values[index], points[index]),
            Blend::Intersection => true,
        };
        let places: Vec<usize> = (0..points.len())
            .filter(|&index| may_matter(index))
            .collect();
        let found = part.ask_some(points, &places, gradients);
        answer.blend(&places, &found, |a, b| blend.of(a, b, smooth));
    }
    answer
}

/// The part whose box is nearest is asked first, as the order does not matter: most others are then known to be further away.
fn ask_union(of: &[Node], points: &[[f64; 3]], gradients: bool) -> Answer {
    let nearest: Vec<usize> = (points.par_iter().with_min_len(GRAIN))
        .map(|&point| {
            let least = of.iter().map(|part| part.extent.least(point)).enumerate();
            let first = least.reduce(|a, b| if b.1 < a.1 { b } else { a });
            first.map_or(0, |(index, _)| index)
        })
        .collect();
    let mut answer = Answer {
        values: vec![f64::INFINITY; points.len()],
        gradients: vec![[0.0; 3]; if gradients { points.len() } else { 0 }],
    };
    for first in [true, false] {
        for (number, part) in of.iter().enumerate() {
            let places: Vec<usize> = (0..points.len())
                .filter(|&index| match nearest[index] == number {
                    true => first,
                    false => !first && part.may_be_below(answer.values[index], points[index]),
                })
                .collect();
            let found = part.ask_some(points, &places, gradients);
            answer.blend(&places, &found, |a, b| match a <= b {
                true => (a, [1.0, 0.0]),
                false => (b, [0.0, 1.0]),
            });
        }
    }
    answer
}

impl Node {
    /// Whether its value at a point may be less than `value`, by the way to its box.
    fn may_be_below(&self, value: f64, point: [f64; 3]) -> bool {
        let least = TRUSTED * self.extent.least(point);
        least == 0.0 || least < value
    }

    /// The field at some of the points, by their indices.
    fn ask_some(&self, points: &[[f64; 3]], some: &[usize], gradients: bool) -> Answer {
        if some.is_empty() {
            return Answer {
                values: Vec::new(),
                gradients: Vec::new(),
            };
        }
        if some.len() == points.len() {
            return self.ask(points, gradients);
        }
        let at: Vec<[f64; 3]> = some.iter().map(|&index| points[index]).collect();
        self.ask(&at, gradients)
    }
}

impl Answer {
    /// Puts what was found at some places together with what is there, by a function of both values that also gives its derivatives.
    fn blend(
        &mut self,
        places: &[usize],
        found: &Answer,
        together: impl Fn(f64, f64) -> (f64, [f64; 2]),
    ) {
        for (number, &index) in places.iter().enumerate() {
            let (value, [of_this, of_other]) = together(self.values[index], found.values[number]);
            self.values[index] = value;
            if let Some(gradient) = self.gradients.get_mut(index) {
                let (a, b) = (*gradient, found.gradients[number]);
                *gradient = add(scaled(a, of_this), scaled(b, of_other));
            }
        }
    }
}
