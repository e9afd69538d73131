//! A model's file.
//!
//! One `.safetensors` file: the parameters as `f32` tensors with the names and shapes of [`Architecture::tensors`], and
//! metadata that says how to evaluate them (docs/model-format.md).

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, serialize};

use super::checksum::{verify, with_checksum};
use super::coded::{self, CompactForm, Contents, Numbers};
use super::model::{Model, Training};
use super::model_check::{
    check_bounds, check_frame, check_header, check_size, check_training, shown_training,
};
use super::model_error::ModelError;
use super::model_tensors::{
    Stored, check_outer, check_spline, outer_tensors, read_outer, read_spline, spline_tensors,
};
use super::spline::Degree;
use crate::geometry::{Bounds, Similarity};
use crate::network::Architecture;
use crate::words::{quoted, retold};

/// The one metadata entry: a [`Description`] as JSON.
const METADATA_KEY: &str = "overfit";

/// What files of this layout say of themselves.
const FORMAT: &str = "overfit.field.v1";

/// What a file says beside its tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct Description {
    format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spline: Option<SplineDescription>,
    architecture: Architecture,
    frame: Similarity,
    bounds: Bounds,
    training: Training,
    /// What is in the numbers of a compact file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contents: Option<Contents>,
}

/// What every file says first.
#[derive(serde::Serialize, serde::Deserialize)]
struct FormatOnly {
    format: String,
}

/// What a file says of its spline beside its tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct SplineDescription {
    degree: Degree,
    /// Cells along an axis, by level.
    cells: Vec<u32>,
}

impl Model {
    /// The file's bytes; those of the compact form where [`Training::compact`] has its steps.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.training.compact {
            None => self.to_plain_bytes(),
            Some(form) => self.compact_bytes(form),
        }
    }

    /// The bytes of a file whose numbers are tensors, whatever form the model has; levels of the spline but the first in half precision.
    pub fn to_plain_bytes(&self) -> Vec<u8> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.parameters);
        let tensors = self.architecture.tensors().into_iter().map(|spec| {
            let range = spec.offset * 4..(spec.offset + spec.len()) * 4;
            let bytes = Cow::Borrowed(&bytes[range]);
            (spec.name, Stored::new(Dtype::F32, spec.shape, bytes))
        });
        let outer = self.outer.iter().flat_map(outer_tensors);
        let spline = self.spline.iter().flat_map(|spline| spline_tensors(spline));
        let mut description = self.description(FORMAT, None);
        description.training.compact = None;
        let description = serde_json::json!(description);
        file_bytes(tensors.chain(outer).chain(spline), &description)
    }

    fn compact_bytes(&self, form: &CompactForm) -> Vec<u8> {
        let (words, contents) = coded::write(&self.architecture, form, &self.numbers());
        let description = serde_json::json!(self.description(coded::FORMAT, Some(contents)));
        let tensors = coded::tensors(&description.to_string(), &words);
        let format = FormatOnly {
            format: coded::FORMAT.to_owned(),
        };
        file_bytes(tensors, &serde_json::json!(format))
    }

    fn description(&self, format: &str, contents: Option<Contents>) -> Description {
        Description {
            format: format.to_owned(),
            spline: self.spline.as_ref().map(|spline| SplineDescription {
                degree: spline.degree,
                cells: spline.levels.iter().map(|level| level.cells).collect(),
            }),
            architecture: self.architecture.clone(),
            frame: self.frame,
            bounds: self.bounds,
            training: self.training.clone(),
            contents,
        }
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// Fails on anything that [`to_bytes`](Self::to_bytes) did not write, and names what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        let damaged = |error: safetensors::SafeTensorError| {
            ModelError::NotSafetensors(retold(&error.to_string()))
        };
        check_header(bytes)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let entry = metadata.get(METADATA_KEY).ok_or_else(|| {
            ModelError::Incomplete(format!("its metadata has no '{METADATA_KEY}'"))
        })?;
        check_size(entry.len())?;
        verify(entry, &tensors)?;
        let FormatOnly { format } = parse(entry)?;
        let mut description: Description = match format.as_str() {
            FORMAT => parse(entry)?,
            coded::FORMAT => parse(&coded::description(&tensors)?)?,
            other => {
                let text = format!(
                    "its format is '{}', this version reads '{FORMAT}' and '{}': a newer Overfit may read it",
                    quoted(other),
                    coded::FORMAT
                );
                return Err(ModelError::Incomplete(text));
            }
        };
        if format == FORMAT {
            // Only compact files have steps.
            description.training.compact = None;
        }
        description.architecture.validate()?;
        let frame = description.frame;
        check_frame(&frame)?;
        check_bounds(&description.bounds, &frame)?;
        check_training(&description.training)?;
        let numbers = match (&description.training.compact, &description.contents) {
            (Some(form), Some(contents)) if format == coded::FORMAT => {
                let spline = description.spline.as_ref();
                let levels = spline.map(|spline| (spline.degree, spline.cells.as_slice()));
                coded::read(&tensors, &description.architecture, levels, form, contents)?
            }
            _ => plain_numbers(&tensors, &description)?,
        };
        if let Some(index) = numbers.parameters.iter().position(|x| !x.is_finite()) {
            let text = format!("parameter {index} is {}", numbers.parameters[index]);
            return Err(ModelError::Incomplete(text));
        }
        check_spline(numbers.spline.as_ref())?;
        check_outer(numbers.outer.as_ref())?;
        Ok(Model {
            spline: numbers.spline.map(Arc::new),
            architecture: description.architecture,
            parameters: numbers.parameters,
            frame,
            bounds: description.bounds,
            outer: numbers.outer,
            training: shown_training(description.training),
        })
    }

    /// Writes the file: to a temporary file beside it, synced, then renamed, so that no half model is ever seen; then the
    /// folder is synced, so that a power cut does not take it back.
    ///
    /// # Errors
    /// Fails if the folder cannot be written or the disk is full; a file that was there before is then unchanged.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        crate::atomic_file::write(path, |file| file.write_all(&self.to_bytes())).map_err(|source| {
            ModelError::Write {
                path: path.to_owned(),
                source,
            }
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes), and if the file cannot be read.
    pub fn load(path: &Path) -> Result<Model, ModelError> {
        let bytes = std::fs::read(path).map_err(|source| ModelError::Read {
            path: path.to_owned(),
            source,
        })?;
        Model::from_bytes(&bytes)
    }
}

/// A file of tensors and of what it says of itself.
fn file_bytes<'a>(
    tensors: impl IntoIterator<Item = (String, Stored<'a>)>,
    description: &serde_json::Value,
) -> Vec<u8> {
    let tensors: Vec<(String, Stored)> = tensors.into_iter().collect();
    let description = with_checksum(&description.to_string(), &tensors);
    // One entry: several would come out in a new order each time, and the same model would not be the same file.
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), description)]);
    serialize(tensors, Some(metadata)).expect("names are unique and sizes match")
}

/// The numbers of a file that has them as tensors.
fn plain_numbers(
    tensors: &SafeTensors<'_>,
    description: &Description,
) -> Result<Numbers, ModelError> {
    let architecture = &description.architecture;
    let mut parameters = Vec::with_capacity(architecture.parameter_count());
    for spec in architecture.tensors() {
        let tensor = tensors
            .tensor(&spec.name)
            .map_err(|_| ModelError::Incomplete(format!("tensor '{}' is missing", spec.name)))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != spec.shape {
            return Err(ModelError::Incomplete(format!(
                "tensor '{}' is {:?} {:?}, its architecture needs F32 {:?}",
                spec.name,
                tensor.dtype(),
                tensor.shape(),
                spec.shape
            )));
        }
        let (chunks, _) = tensor.data().as_chunks::<4>();
        parameters.extend(chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)));
    }
    let spline = description.spline.as_ref().map(|spline| {
        let SplineDescription { degree, cells } = spline;
        read_spline(tensors, *degree, cells)
    });
    Ok(Numbers {
        parameters,
        spline: spline.transpose()?,
        outer: read_outer(tensors)?,
    })
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ModelError> {
    serde_json::from_str(text).map_err(|error| {
        ModelError::Incomplete(format!(
            "its metadata '{METADATA_KEY}' does not parse: {}",
            retold(&error.to_string())
        ))
    })
}

#[cfg(test)]
mod tests;
