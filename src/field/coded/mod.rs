//! The compact form of a model's file: its numbers are whole numbers of steps, and a range coder gives each as many bits as it is unlikely.
//!
//! Everything is written and read by the same functions, over [`bits::Bits`]. docs/model-format.md tells the layout.

mod bits;
mod network;
mod number;
mod outer;
mod spline;

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use super::model_check::{MOST_DESCRIPTION, check_size};
use super::model_error::ModelError;
use super::model_tensors::{Stored, checked};
use super::spline::{Degree, SparseSpline};
use super::{MOST_CELLS, OuterSurface};
use crate::network::Architecture;
use bits::{Reading, Writing};
use spline::Steps;

/// What files of this form say of themselves.
pub(super) const FORMAT: &str = "overfit.coded.v1";

/// The numbers of a model in a compact file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CompactForm {
    /// Steps of the network's tensors, in the order of [`Architecture::tensors`].
    pub network: Vec<f32>,
    /// Steps of the spline's levels, from coarse to fine.
    pub spline: Vec<f32>,
    /// Largest difference to the field that it was made from, near its surface; own units.
    pub largest_error: f32,
    /// The mean difference.
    pub mean_error: f32,
}

/// What is in the numbers of a compact file, beside what every file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Contents {
    /// Coefficients of each level.
    coefficients: Vec<usize>,
    /// Places and cells of the outer surface.
    outer: Option<[usize; 2]>,
}

/// The numbers of a model.
pub(super) struct Numbers {
    pub(super) parameters: Vec<f32>,
    pub(super) spline: Option<SparseSpline>,
    pub(super) outer: Option<OuterSurface>,
}

/// Names of the tensors.
const DESCRIPTION: &str = "description";
const NUMBERS: &str = "numbers";

/// Chances are never so sure that more numbers than this come from one bit.
const MOST_NUMBERS_PER_BIT: usize = 750;

/// The same numbers, as they come back from a compact file of these steps.
pub(super) fn rounded(
    architecture: &Architecture,
    form: &CompactForm,
    numbers: &Numbers,
) -> Numbers {
    let spline = numbers.spline.as_ref().map(|spline| SparseSpline {
        degree: spline.degree,
        levels: (spline.levels.iter().zip(&form.spline))
            .map(|(level, &step)| Steps::of(level, step).level(step))
            .collect(),
    });
    Numbers {
        parameters: network::rounded(architecture, &form.network, &numbers.parameters),
        spline,
        outer: numbers.outer.as_ref().map(outer::rounded),
    }
}

/// The numbers as bits, and what tells how they are read.
pub(super) fn write(
    architecture: &Architecture,
    form: &CompactForm,
    numbers: &Numbers,
) -> (Vec<u32>, Contents) {
    let mut bits = Writing::default();
    network::code(
        &mut bits,
        architecture,
        &form.network,
        Some(&numbers.parameters),
    );
    let mut coefficients = Vec::new();
    if let Some(spline) = &numbers.spline {
        let levels: Vec<Steps> = (spline.levels.iter().zip(&form.spline))
            .map(|(level, &step)| Steps::of(level, step))
            .collect();
        for (index, steps) in levels.iter().enumerate() {
            let cells = spline.levels[index].cells;
            let coarser = index.checked_sub(1).map(|before| &levels[before]);
            spline::level(&mut bits, cells, Some(steps), coarser, steps.count());
            coefficients.push(steps.count());
        }
    }
    let outer = numbers.outer.as_ref().map(|outer| {
        let counts = [outer.places.len(), outer.cells.len()];
        outer::code(&mut bits, counts, Some(outer));
        counts
    });
    let words = bits.into_words();
    let contents = Contents {
        coefficients,
        outer,
    };
    (words, contents)
}

/// The numbers of a file; `levels` are degree and cells of its spline.
///
/// # Errors
/// Says what does not fit.
pub(super) fn read(
    tensors: &SafeTensors<'_>,
    architecture: &Architecture,
    levels: Option<(Degree, &[u32])>,
    form: &CompactForm,
    contents: &Contents,
) -> Result<Numbers, ModelError> {
    let damaged =
        |text: &str| ModelError::Incomplete(format!("its coded numbers are damaged: {text}"));
    let tensor = checked(tensors, NUMBERS, Dtype::U32, &[])?;
    let cells = levels.map_or(&[] as &[u32], |(_, cells)| cells);
    let (steps, counts) = (form.spline.len(), contents.coefficients.len());
    if steps != cells.len()
        || counts != cells.len()
        || form.network.len() != architecture.tensors().len()
    {
        return Err(damaged("steps are missing"));
    }
    let all_steps = form.network.iter().chain(&form.spline);
    if !all_steps
        .clone()
        .all(|step| step.is_finite() && *step > 0.0)
    {
        return Err(damaged("a step is no length"));
    }
    if cells.iter().any(|cells| !(1..=MOST_CELLS).contains(cells))
        || cells
            .windows(2)
            .any(|pair| pair[1] <= pair[0] || pair[1] % pair[0] != 0)
    {
        return Err(damaged("its levels are no multiples of each other"));
    }
    // A coefficient takes a bit at least, a place or a cell some: no little file becomes a large one.
    let room = 8 * tensor.data().len();
    let outer = contents.outer.unwrap_or_default();
    let counts = contents.coefficients.iter().chain(&outer);
    if counts.fold(0usize, |sum, &count| sum.saturating_add(count)) > room {
        return Err(damaged("there are fewer than it says"));
    }
    if architecture.parameter_count() > room * MOST_NUMBERS_PER_BIT {
        return Err(damaged("there are fewer than its network has"));
    }
    let (words, _) = tensor.data().as_chunks::<4>();
    let mut bits = Reading::new(words.iter().map(|&word| u32::from_le_bytes(word)).collect());
    let parameters = network::code(&mut bits, architecture, &form.network, None);
    let mut coded: Vec<Steps> = Vec::new();
    for (&cells, &count) in cells.iter().zip(&contents.coefficients) {
        let steps = spline::level(&mut bits, cells, None, coded.last(), count);
        coded.push(steps);
    }
    let outer = contents
        .outer
        .map(|counts| outer::code(&mut bits, counts, None));
    if bits.failed {
        return Err(damaged("they end too early"));
    }
    let spline = levels.map(|(degree, _)| SparseSpline {
        degree,
        levels: (coded.iter().zip(&form.spline))
            .map(|(steps, &step)| steps.level(step))
            .collect(),
    });
    Ok(Numbers {
        parameters,
        spline,
        outer,
    })
}

/// The tensors of a compact file, with their names.
pub(super) fn tensors(description: &str, words: &[u32]) -> [(String, Stored<'static>); 2] {
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
    let written = deflated.write_all(description.as_bytes());
    let deflated = written
        .and_then(|()| deflated.finish())
        .expect("memory takes all");
    let numbers = bytemuck::cast_slice(words).to_vec();
    [
        (
            DESCRIPTION.to_owned(),
            Stored::new(Dtype::U8, vec![deflated.len()], deflated.into()),
        ),
        (
            NUMBERS.to_owned(),
            Stored::new(Dtype::U32, vec![words.len()], numbers.into()),
        ),
    ]
}

/// The description in a compact file.
///
/// # Errors
/// Fails if it is damaged.
pub(super) fn description(tensors: &SafeTensors<'_>) -> Result<String, ModelError> {
    let tensor = checked(tensors, DESCRIPTION, Dtype::U8, &[])?;
    let mut text = String::new();
    let mut inflated = ZlibDecoder::new(tensor.data()).take(MOST_DESCRIPTION as u64 + 1);
    match inflated.read_to_string(&mut text) {
        Ok(bytes) => check_size(bytes).map(|()| text),
        Err(error) => Err(ModelError::Incomplete(format!(
            "its description is damaged: {error}"
        ))),
    }
}
