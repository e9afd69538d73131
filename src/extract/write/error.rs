//! Why a file was not written.

use std::io;
use std::path::{Path, PathBuf};

use crate::atomic_file;
use crate::extract::ExtractError;

/// Why a file was not written. Nothing half written is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The path's extension names no format that can be written.
    #[error("cannot tell the format of {}: its extension must be {accepted}", path.display())]
    Extension {
        /// The path given.
        path: PathBuf,
        /// What would do.
        accepted: &'static str,
    },
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file asked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The values could not be computed.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// What can end a write: the file, or the computation that feeds it.
pub(super) enum WriteFailure {
    Io(io::Error),
    Extract(ExtractError),
}

impl From<io::Error> for WriteFailure {
    fn from(error: io::Error) -> Self {
        WriteFailure::Io(error)
    }
}

impl From<ExtractError> for WriteFailure {
    fn from(error: ExtractError) -> Self {
        WriteFailure::Extract(error)
    }
}

/// [`atomic_file::write`] with errors that name the file.
pub(super) fn write_whole<E: Into<WriteFailure>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn io::Write) -> Result<(), E>,
) -> Result<(), WriteError> {
    let written = atomic_file::write(path, |file| fill(file).map_err(E::into));
    written.map_err(|failure| match failure {
        WriteFailure::Io(source) => WriteError::Io {
            path: path.to_owned(),
            source,
        },
        WriteFailure::Extract(error) => WriteError::Extract(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file_or_pass_on_what_fed_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume.npy");
        let full = write_whole(&path, |_| Err(io::Error::from(io::ErrorKind::StorageFull)));
        let words = full.unwrap_err().to_string();
        assert!(
            words.contains("volume.npy") && words.contains("no storage space"),
            "{words}"
        );
        let cancelled = write_whole(&path, |_| Err(ExtractError::Cancelled));
        assert!(matches!(
            cancelled,
            Err(WriteError::Extract(ExtractError::Cancelled))
        ));
        assert!(!path.exists());
    }
}
