//! The whole state of a fit between two steps, and its file: what was interrupted goes on as if nothing had happened.

use std::borrow::Cow;
use std::collections::HashMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::pool::Drawn;
use super::settings::FitSettings;
use crate::field::LearnerState;
use crate::geometry::Mesh;

/// The state of a fit between two steps.
///
/// A fit that goes on from it draws the samples that were in the pool again, and takes the same steps from there: limited by steps alone, it ends with
/// the same bits as one that was never interrupted, for one device and thread count. Only samples that are chosen by the field's error
/// ([`Sampling::by_error`](super::Sampling::by_error)) are others.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(super) course: Course,
    pub(super) learner: LearnerState,
    /// Parameters of the best state.
    pub(super) best: Option<Vec<f32>>,
}

/// How far a fit is, apart from its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    format: String,
    /// All settings but the budget, as JSON.
    settings: String,
    /// Tells the mesh from others.
    mesh: String,
    pub step: u64,
    pub samples: u64,
    pub elapsed_seconds: f64,
    /// Samples that are due and not drawn yet.
    pub due: usize,
    pub checks_done: f64,
    pub setbacks: u32,
    /// Expected error of the best state, infinite if there is none.
    #[serde(with = "bits")]
    pub best: f64,
    /// What was drawn into the pool, in order.
    pub drawn: Vec<Drawn>,
}

/// A checkpoint that cannot be gone on from.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// The bytes are no checkpoint, or a damaged one.
    #[error("not a checkpoint: {0}")]
    Damaged(String),
    /// It is another fit's.
    #[error("the checkpoint is of a fit with another {0}")]
    Another(&'static str),
}

/// What files of this layout say of themselves.
const FORMAT: &str = "overfit.checkpoint.v1";

/// The one metadata entry: a [`Course`] as JSON.
const METADATA_KEY: &str = "overfit";

const PARAMETERS: &str = "parameters";
const MOMENTS: [&str; 2] = ["moments.0", "moments.1"];
const MEAN: &str = "mean";
const BEST: &str = "best";

impl Course {
    /// At the beginning.
    pub(super) fn new(settings: &FitSettings, mesh: &Mesh) -> Course {
        Course {
            format: FORMAT.to_owned(),
            settings: identity(settings),
            mesh: fingerprint(mesh),
            step: 0,
            samples: 0,
            elapsed_seconds: 0.0,
            due: 0,
            checks_done: 0.0,
            setbacks: 0,
            best: f64::INFINITY,
            drawn: Vec::new(),
        }
    }
}

impl Course {
    /// What a fit may have counted.
    fn is_possible(&self) -> bool {
        /// Longer than anybody trains, and short enough to be counted in nanoseconds.
        const LONGEST: f64 = 1e9;
        let share = |used: f64| (0.0..=1.0).contains(&used);
        let drawn = |drawn: &Drawn| drawn.count > 0 && share(drawn.used);
        (0.0..LONGEST).contains(&self.elapsed_seconds)
            && self.checks_done.is_finite()
            && !self.drawn.is_empty()
            && self.drawn.iter().all(drawn)
    }
}

impl Checkpoint {
    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.course.step
    }

    /// All its numbers are finite.
    pub(super) fn is_finite(&self) -> bool {
        let learner = &self.learner;
        let numbers = [&learner.parameters]
            .into_iter()
            .chain(&learner.moments)
            .chain(&learner.mean);
        numbers.flatten().all(|x| x.is_finite())
    }

    /// Checks that it is that of a fit of this mesh with these settings. The budget may be another: a fit may go on for longer.
    ///
    /// # Errors
    /// [`CheckpointError::Another`].
    pub fn check(&self, settings: &FitSettings, mesh: &Mesh) -> Result<(), CheckpointError> {
        if self.course.mesh != fingerprint(mesh) {
            return Err(CheckpointError::Another("mesh"));
        }
        let same_size = self.learner.parameters.len() == settings.architecture.parameter_count();
        if self.course.settings != identity(settings) || !same_size {
            return Err(CheckpointError::Another("setting"));
        }
        Ok(())
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let learner = &self.learner;
        let named = [(PARAMETERS, &learner.parameters)]
            .into_iter()
            .chain(MOMENTS.into_iter().zip(&learner.moments))
            .chain(learner.mean.iter().map(|mean| (MEAN, mean)))
            .chain(self.best.iter().map(|best| (BEST, best)));
        let tensors = named.map(|(name, numbers)| {
            let bytes = bytemuck::cast_slice(numbers);
            let view = TensorView::new(Dtype::F32, vec![numbers.len()], bytes);
            (name, view.expect("four bytes a number"))
        });
        let course = serde_json::json!(self.course).to_string();
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), course)]);
        serialize(tensors, Some(metadata)).expect("names are unique and sizes match")
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] for anything that [`to_bytes`](Self::to_bytes) did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let damaged = |error: &dyn std::fmt::Display| CheckpointError::Damaged(error.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(&error))?;
        let metadata = header.metadata().as_ref();
        let course = metadata.and_then(|metadata| metadata.get(METADATA_KEY));
        let course = course.map_or(Cow::Borrowed(""), Cow::from);
        let course: Course = serde_json::from_str(&course).map_err(|error| damaged(&error))?;
        if course.format != FORMAT {
            return Err(damaged(&format!("its format is '{}'", course.format)));
        }
        if !course.is_possible() {
            return Err(damaged(&"its counters are damaged"));
        }
        let mut count = None;
        let mut numbers = |name: &str| {
            let tensor = tensors.tensor(name).map_err(|error| damaged(&error))?;
            let numbers: Vec<f32> = bytemuck::pod_collect_to_vec(tensor.data());
            let whole = tensor.dtype() == Dtype::F32 && numbers.iter().all(|x| x.is_finite());
            let expected = *count.get_or_insert(numbers.len());
            match whole && numbers.len() == expected {
                true => Ok(numbers),
                false => Err(damaged(&format!("tensor '{name}' is damaged"))),
            }
        };
        let learner = LearnerState {
            parameters: numbers(PARAMETERS)?,
            moments: [numbers(MOMENTS[0])?, numbers(MOMENTS[1])?],
            mean: match tensors.tensor(MEAN) {
                Ok(_) => Some(numbers(MEAN)?),
                Err(_) => None,
            },
        };
        let best = match tensors.tensor(BEST) {
            Ok(_) => Some(numbers(BEST)?),
            Err(_) => None,
        };
        Ok(Checkpoint {
            course,
            learner,
            best,
        })
    }
}

/// What decides a fit, apart from its budget.
fn identity(settings: &FitSettings) -> String {
    let mut settings = serde_json::json!(settings);
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("budget");
    }
    settings.to_string()
}

/// Numbers to the last bit, which JSON's decimals need not keep.
pub(super) mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(number.to_bits())
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// A number that all corners and faces have a say in (FNV-1a of 64 bits; Fowler, Noll and Vo).
fn fingerprint(mesh: &Mesh) -> String {
    let positions = mesh.positions.as_flattened().iter().map(|x| x.to_bits());
    let triangles = mesh.triangles.as_flattened().iter().map(|&x| u64::from(x));
    let mixed = positions
        .chain(triangles)
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, word| {
            (hash ^ word)
                .wrapping_mul(0x0000_0100_0000_01b3)
                .rotate_left(23)
        });
    format!("{mixed:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;
    use crate::train::Preset;

    fn checkpoint(mean: Option<Vec<f32>>) -> Checkpoint {
        let mut settings = Preset::Draft.settings();
        settings.seed = 7;
        let mut course = Course::new(&settings, &shapes::icosphere(1, 1.0));
        course.best = if mean.is_some() {
            0.1 + 0.2
        } else {
            f64::INFINITY
        };
        course.drawn = vec![Drawn {
            count: 65_536,
            used: 1.0 / 3.0,
        }];
        Checkpoint {
            course,
            best: mean.clone(),
            learner: LearnerState {
                parameters: vec![1.0, 2.0],
                moments: [vec![0.1, 0.2], vec![0.3, 0.4]],
                mean,
            },
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for mean in [None, Some(vec![5.0, 6.0])] {
            let before = checkpoint(mean);
            assert_eq!(Checkpoint::from_bytes(&before.to_bytes()), Ok(before));
        }
    }

    #[test]
    fn damage_is_found_and_never_panics() {
        let bytes = checkpoint(Some(vec![5.0, 6.0])).to_bytes();
        for length in 0..bytes.len() {
            assert!(
                Checkpoint::from_bytes(&bytes[..length]).is_err(),
                "{length}"
            );
        }
        let mut infinite = checkpoint(None);
        infinite.learner.moments[1][0] = f32::INFINITY;
        let error = Checkpoint::from_bytes(&infinite.to_bytes()).unwrap_err();
        assert!(error.to_string().contains("moments.1"), "{error}");
        let mut long = checkpoint(None);
        long.course.elapsed_seconds = -1.0;
        assert!(Checkpoint::from_bytes(&long.to_bytes()).is_err());
        let mut empty = checkpoint(None);
        empty.course.drawn.clear();
        assert!(Checkpoint::from_bytes(&empty.to_bytes()).is_err());
        let mut uneven = checkpoint(None);
        uneven.learner.moments[0].pop();
        assert!(Checkpoint::from_bytes(&uneven.to_bytes()).is_err());
    }

    #[test]
    fn another_fit_is_told() {
        let mut settings = Preset::Draft.settings();
        let mesh = shapes::icosphere(1, 1.0);
        let mut checkpoint = checkpoint(None);
        checkpoint.course = Course::new(&settings, &mesh);
        let count = settings.architecture.parameter_count();
        checkpoint.learner.parameters = vec![0.0; count];
        settings.budget.steps = Some(5);
        assert_eq!(checkpoint.check(&settings, &mesh), Ok(()));
        let moved = shapes::icosphere(1, 1.0).translated([0.0, 0.0, 1e-12]);
        let other = checkpoint.check(&settings, &moved).unwrap_err();
        assert!(other.to_string().contains("another mesh"), "{other}");
        settings.optimizer.learning_rate *= 0.5;
        let other = checkpoint.check(&settings, &mesh).unwrap_err();
        assert!(other.to_string().contains("another setting"), "{other}");
    }
}
