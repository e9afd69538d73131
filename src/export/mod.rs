//! A model for other programs: as a graph of operators (ONNX), or as source code of one function (GLSL, WGSL, OSL).
//!
//! Both are written over the algebra (`calculus`) in which the house's formulas are kept: an activation, a feature of an
//! encoding or a weight of a spline is written by the function that also computes it. docs/export.md shows how the results are used.

mod formulas;
mod onnx;
mod source;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::field::Model;
use crate::words::quoted;
use source::Language;

/// What a model can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// A graph of ONNX operators.
    Onnx,
    /// Source code for WebGL 2 and OpenGL.
    Glsl,
    /// Source code for WebGPU.
    Wgsl,
    /// Source code for renderers with Open Shading Language.
    Osl,
    /// The model file with its numbers as tensors, which other programs read: what a compact file is made into.
    Safetensors,
}

/// A model in another form.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the user should know of it, a sentence each.
    pub warnings: Vec<String>,
}

/// A model that does not go into a format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExportError {
    /// Source code is for networks alone.
    #[error(
        "{format} is source code, for networks alone, and this model has a spline of {coefficients} coefficients: fit with the preset compact, or with --set spline=none; or export to onnx, which takes every model"
    )]
    Spline {
        /// What was asked for.
        format: ExportFormat,
        /// Of the spline.
        coefficients: usize,
    },
    /// More numbers than a compiler takes.
    #[error(
        "{format} is source code, for fields of at most {most} {what}, and this one has {count}: fit with the preset compact, or export to onnx, which takes every model"
    )]
    TooLarge {
        /// What was asked for.
        format: ExportFormat,
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
}

/// A name that is no format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown format '{}': use onnx, glsl, wgsl, osl or safetensors", quoted(.0))]
pub struct UnknownFormat(pub String);

/// Most parameters of a network that is written as source code: some 200 KB of it, which compilers of shaders still take.
pub const MOST_SOURCE_NUMBERS: usize = 20_000;

/// Most triangles of an outer surface: every point beyond the frame is compared with all of them.
const MOST_TRIANGLES: usize = 2_000;

impl ExportFormat {
    /// Every format, in the order in which they are offered.
    pub const ALL: [ExportFormat; 5] = [
        ExportFormat::Onnx,
        ExportFormat::Glsl,
        ExportFormat::Wgsl,
        ExportFormat::Osl,
        ExportFormat::Safetensors,
    ];

    /// As users write it, which is also how its files end.
    pub fn name(self) -> &'static str {
        match self {
            ExportFormat::Onnx => "onnx",
            ExportFormat::Glsl => "glsl",
            ExportFormat::Wgsl => "wgsl",
            ExportFormat::Osl => "osl",
            ExportFormat::Safetensors => "safetensors",
        }
    }

    /// One line for users.
    pub fn description(self) -> &'static str {
        match self {
            ExportFormat::Onnx => {
                "A graph from points to distances and gradients, for ONNX Runtime and others"
            }
            ExportFormat::Glsl => "Source of float sdf(vec3 p), for WebGL 2 and OpenGL",
            ExportFormat::Wgsl => "Source of fn sdf(p: vec3f) -> f32, for WebGPU",
            ExportFormat::Osl => "Source of float sdf(point p), for Cycles and other renderers",
            ExportFormat::Safetensors => "The model file with plain tensors, also of a compact one",
        }
    }

    /// Most parameters of a model's network; `None` where any model will do.
    pub fn most_numbers(self) -> Option<usize> {
        self.language().map(|_| MOST_SOURCE_NUMBERS)
    }

    fn language(self) -> Option<Language> {
        match self {
            ExportFormat::Onnx | ExportFormat::Safetensors => None,
            ExportFormat::Glsl => Some(Language::Glsl),
            ExportFormat::Wgsl => Some(Language::Wgsl),
            ExportFormat::Osl => Some(Language::Osl),
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = ExportFormat::ALL.into_iter().find(|f| f.name() == name);
        found.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Writes a model in another form: the signed distance in the mesh's own units, negative inside, as [`LoadedModel`](crate::query::LoadedModel)
/// answers it.
///
/// # Errors
/// Source code is for small networks alone.
pub fn export(model: &Model, format: ExportFormat) -> Result<Exported, ExportError> {
    if let Some(language) = format.language() {
        let text = source::written(model, language, format)?;
        return Ok(Exported {
            bytes: text.into_bytes(),
            warnings: source::warnings(model),
        });
    }
    Ok(match format {
        ExportFormat::Safetensors => Exported {
            bytes: model.to_plain_bytes(),
            warnings: Vec::new(),
        },
        _ => onnx::written(model),
    })
}
