//! An expression that is ready to be asked.

use rayon::prelude::*;

use super::blend::Blend;
use super::extent::Extent;
use super::part::Part;
use super::placement::Placement;
use super::quality::Quality;
use super::solid::{Solid, add, scaled};

/// A part of an expression with all that is known of it.
pub(super) struct Node {
    pub kind: Kind,
    /// Where its inside lies.
    pub extent: Extent,
    pub quality: Quality,
    /// What its walls are thicker than, about, where that is known.
    pub thickness: Option<f64>,
    /// What it is, in words, where it has no second derivatives everywhere.
    pub pieces: Option<String>,
}

/// What it does.
pub(super) enum Kind {
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

/// Values at points `[N]`, and gradients `[N, 3]` where they were asked for; own units.
pub(super) struct Answer {
    pub values: Vec<f64>,
    pub gradients: Vec<[f64; 3]>,
}

/// Points that one thread takes at a time.
const GRAIN: usize = 1024;

/// How much of the way to a part's box is trusted when it is left out: beyond the unit frame a model's distance is off by a little.
const TRUSTED: f64 = 0.75;

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
