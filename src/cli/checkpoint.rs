//! The checkpoint beside a model that is not there yet: `overfit fit --resume`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::atomic_file;
use crate::geometry::Mesh;
use crate::train::{Checkpoint, FitSettings};

/// Time between two checkpoints: writing one takes some hundredths of a second.
const EVERY: Duration = Duration::from_secs(10);

/// The file `MODEL.checkpoint`.
pub(super) struct CheckpointFile {
    path: PathBuf,
    /// When the last was written, or training began.
    written: Option<Instant>,
    /// The last that was written, in steps.
    step: Option<u64>,
    /// The last could not be written.
    failed: bool,
}

impl CheckpointFile {
    /// That of a model.
    pub(super) fn beside(model: &Path) -> CheckpointFile {
        let mut path = OsString::from(model);
        path.push(".checkpoint");
        CheckpointFile {
            path: path.into(),
            written: None,
            step: None,
            failed: false,
        }
    }

    /// What an earlier run of the same fit has left, if it has left something.
    ///
    /// # Errors
    /// Fails if it cannot be read or is another fit's.
    pub(super) fn read(
        &self,
        settings: &FitSettings,
        mesh: &Mesh,
    ) -> anyhow::Result<Option<Checkpoint>> {
        let shown = self.path.display();
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.with_context(|| format!("cannot read {shown}"))?,
        };
        let checkpoint = Checkpoint::from_bytes(&bytes).and_then(|checkpoint| {
            checkpoint.check(settings, mesh)?;
            Ok(checkpoint)
        });
        let advice = || format!("{shown} cannot be gone on from; remove it to start anew");
        Ok(Some(checkpoint.with_context(advice)?))
    }

    /// It is time for another.
    pub(super) fn is_due(&mut self) -> bool {
        self.written.get_or_insert_with(Instant::now).elapsed() >= EVERY
    }

    /// Writes one. What does not work is said once; training goes on.
    pub(super) fn write(&mut self, checkpoint: &Checkpoint) {
        let bytes = checkpoint.to_bytes();
        let written: std::io::Result<()> =
            atomic_file::write(&self.path, |file| file.write_all(&bytes));
        match written {
            Ok(()) => (self.step, self.failed) = (Some(checkpoint.step()), false),
            Err(error) if !self.failed => {
                tracing::warn!("cannot write {}: {error}", self.path.display());
                self.failed = true;
            }
            Err(_) => {}
        }
        self.written = Some(Instant::now());
    }

    /// One was written, and the last attempt did not fail.
    pub(super) fn is_there(&self) -> bool {
        self.step.is_some() && !self.failed
    }

    /// Removes it: the model is there.
    pub(super) fn remove(&self) {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove {}: {error}", self.path.display());
            }
            _ => {}
        }
    }
}
