//! What is known of a field's shape without asking the field.

use super::bodies::Bodies;
use super::model::Model;
use super::spline::Degree;
use crate::geometry::{Bounds, Similarity};

/// What is known of the shape of a field, be it one model or put together from several. Lengths are in own units.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// From own units to the unit frame, in which the field is asked.
    pub frame: Similarity,
    /// A box around the surface.
    pub bounds: Bounds,
    /// What 98% of the surface is thicker than; `None` where that is not known.
    pub thickness: Option<f64>,
    /// Area of the surface, own units squared; `None` where that is not known.
    pub area: Option<f64>,
    /// The bodies; `None` where that is not known.
    pub bodies: Option<Bodies>,
    /// What an inside means.
    pub inside: Inside,
    /// What the field is, in words, where it is put together from pieces and has no second derivatives between them.
    pub pieces: Option<String>,
}

/// What the inside of a field means. The worst comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Inside {
    /// What a closed surface encloses.
    Enclosed,
    /// The mesh that the field was fitted to does not enclose it: where that was open, the surface is the field's own. Models of older
    /// versions do not tell.
    Open,
    /// There is none: the field was fitted without a sign.
    Unsigned,
}

impl Shape {
    /// What a model tells.
    pub fn of(model: &Model) -> Shape {
        let training = &model.training;
        let sign = training.settings.get("sign").and_then(|sign| sign.as_str());
        let inside = match sign {
            Some("none") => Inside::Unsigned,
            _ if training.bodies.is_none() && training.thickness.is_some() => Inside::Open,
            _ => Inside::Enclosed,
        };
        Shape {
            frame: model.frame,
            bounds: model.bounds,
            thickness: training.thickness,
            area: training.area,
            bodies: training.bodies.clone(),
            inside,
            pieces: (!is_smooth(model)).then(|| model.to_string()),
        }
    }
}

/// Whether a model has second derivatives everywhere: smooth activations on encodings without grids do, and cubic splines; ReLU
/// has kinks, so has the interpolation of a grid, and the second derivatives of quadratic splines jump.
fn is_smooth(model: &Model) -> bool {
    let architecture = &model.architecture;
    let activation = architecture.mlp.activation.smoothness();
    let of_network = activation.min(architecture.encoding.smoothness());
    let spline = model.spline.as_ref().map(|spline| spline.degree);
    of_network >= 2 && matches!(spline, None | Some(Degree::Cubic))
}
