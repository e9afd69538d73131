//! What a model's file says beside its numbers, checked: it may come from anywhere.

use super::bodies::Bodies;
use super::model::Training;
use super::model_error::ModelError;
use crate::geometry::{Bounds, Similarity};
use crate::words::shown;

/// Most bytes of what a file says of itself; ours have some thousand.
pub(super) const MOST_DESCRIPTION: usize = 1 << 20;

/// Most bytes of a file's header: the description with its quotation marks escaped, and the places of the tensors.
const MOST_HEADER: u64 = 4 << 20;

/// Most letters of a name, and of a sentence.
const NAME: usize = 256;
const SENTENCE: usize = 2000;

/// Most warnings.
const MOST_WARNINGS: usize = 64;

/// The least longest side of a bounding box in the unit frame, of which it takes most.
const LEAST_SIDE: f64 = 1e-12;

/// How far a bounding box may reach beyond the unit frame: rounding.
const SLACK: f64 = 1e-3;

/// Fails before a header is read that would take much memory.
pub(super) fn check_header(file: &[u8]) -> Result<(), ModelError> {
    let header = file
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // One that is longer than the file has another error.
    match header > MOST_HEADER && header < file.len() as u64 {
        true => Err(wrong(format!(
            "its header has {header} bytes: at most {MOST_HEADER} are read"
        ))),
        false => Ok(()),
    }
}

/// Fails for a description of more bytes than one has.
pub(super) fn check_size(bytes: usize) -> Result<(), ModelError> {
    match bytes > MOST_DESCRIPTION {
        true => Err(wrong(format!(
            "its description has {bytes} bytes: at most {MOST_DESCRIPTION} are read"
        ))),
        false => Ok(()),
    }
}

/// Fails for a frame that is no similarity.
pub(super) fn check_frame(frame: &Similarity) -> Result<(), ModelError> {
    let centered = frame.center.iter().all(|x| x.is_finite());
    match centered && frame.scale.is_finite() && frame.scale > 0.0 {
        true => Ok(()),
        false => Err(wrong(format!(
            "its frame is no similarity: scale {:e} about {:?}",
            frame.scale, frame.center
        ))),
    }
}

/// Fails for a bounding box that is none, or not in the frame.
pub(super) fn check_bounds(bounds: &Bounds, frame: &Similarity) -> Result<(), ModelError> {
    let unit = frame.apply_to_bounds(bounds);
    let limit = 1.0 + SLACK;
    let is_box = (0..3).all(|axis| unit.min[axis] <= unit.max[axis]);
    let inside = (0..3).all(|axis| unit.min[axis] >= -limit && unit.max[axis] <= limit);
    let problem = match (is_box, inside) {
        (false, _) => "is no box",
        (true, false) => "is not in its frame",
        (true, true) if unit.longest_side() < LEAST_SIDE => "has no extent in its frame",
        (true, true) => return Ok(()),
    };
    let Bounds { min, max } = bounds;
    Err(wrong(format!(
        "its bounding box from {min:?} to {max:?} {problem}"
    )))
}

/// Fails for figures of the mesh that no mesh has.
pub(super) fn check_training(training: &Training) -> Result<(), ModelError> {
    let lengths = [("thickness", training.thickness), ("area", training.area)];
    for (name, value) in lengths {
        if let Some(value) = value.filter(|&value| !(0.0..f64::INFINITY).contains(&value)) {
            return Err(wrong(format!("the mesh's {name} is {value}")));
        }
    }
    let bodies = training.bodies.as_ref().map(|bodies| &bodies.thinnest);
    match bodies.filter(|bodies| bodies.len() > Bodies::LISTED) {
        Some(bodies) => Err(wrong(format!(
            "it lists {} bodies: at most {} are",
            bodies.len(),
            Bodies::LISTED
        ))),
        None => Ok(()),
    }
}

/// The same with its texts as they can be shown, in a list or on a terminal.
pub(super) fn shown_training(training: Training) -> Training {
    let name = |text: String| shown(&text, NAME);
    let sentence = |text: String| shown(&text, SENTENCE);
    let warnings = training.warnings.into_iter().take(MOST_WARNINGS);
    Training {
        name: name(training.name),
        version: name(training.version),
        preset: name(training.preset),
        preset_reason: training.preset_reason.map(sentence),
        device: name(training.device),
        warnings: warnings.map(sentence).collect(),
        ..training
    }
}

fn wrong(text: String) -> ModelError {
    ModelError::Incomplete(text)
}
