//! What can be wrong with a model's file.

use std::path::PathBuf;

use thiserror::Error;

use crate::network::ArchitectureError;

/// A model file that cannot be written or read.
#[derive(Debug, Error)]
pub enum ModelError {
    /// Reading failed.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Writing failed; a file that was there before is unchanged.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are no safetensors file, or a damaged one.
    #[error("not a model file: {0}. Models are .safetensors files that `overfit fit` writes")]
    NotSafetensors(String),
    /// A safetensors file, but not of ours, or with parts missing.
    #[error("not an Overfit model: {0}")]
    Incomplete(String),
    /// What was read is not what was written.
    #[error("the model file is damaged: {0}. Take it from a backup, or fit it again")]
    Damaged(String),
    /// The architecture cannot be built.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
}
