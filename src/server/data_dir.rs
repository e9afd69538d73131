//! The folder in which a daemon keeps what outlives it, and the lock by which only one daemon uses it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::folder_lock::FolderLock;
use super::runtime_file::{RUNTIME_FILE, RuntimeFile};
use super::serve_error::ServeError;
use crate::atomic_file::{folder_of, sync_folder};
use crate::user_folder::{UserFolder, path_variable};

/// A data folder that this process has for itself until this value is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    _lock: FolderLock,
}

impl DataDir {
    /// Makes the folder where it is missing and locks it. Two daemons in one folder would not see each other's models, and
    /// clients would find only the last one.
    ///
    /// # Errors
    /// [`ServeError::DataDir`] if it cannot be made or written, [`ServeError::DataDirTaken`] if another daemon has it.
    pub(super) fn open(path: PathBuf) -> Result<Self, ServeError> {
        match claim(&path) {
            Ok(Some(lock)) => Ok(Self { path, _lock: lock }),
            Ok(None) => Err(ServeError::DataDirTaken {
                holder: RuntimeFile::read(&path.join(RUNTIME_FILE)).map(|file| file.pid),
                path,
            }),
            Err(source) => Err(ServeError::DataDir { path, source }),
        }
    }

    /// The models' folder.
    pub(super) fn models(&self) -> PathBuf {
        self.path.join("models")
    }

    /// The fits' folder.
    pub(super) fn fits(&self) -> PathBuf {
        self.path.join("fits")
    }

    /// Where clients find out how to reach the daemon.
    pub(super) fn runtime_file(&self) -> PathBuf {
        self.path.join(RUNTIME_FILE)
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The lock, or `None` if another process has it.
fn claim(path: &Path) -> io::Result<Option<FolderLock>> {
    let (models, fits) = (path.join("models"), path.join("fits"));
    let missing: Vec<&Path> = (models.ancestors())
        .chain([&*fits])
        .filter(|folder| !folder.exists())
        .collect();
    create_private(&models)?;
    create_private(&fits)?;
    // What is synced in a folder is lost with it if the folder itself is lost.
    for created in missing {
        sync_folder(folder_of(created))?;
    }
    FolderLock::claim(path)
}

/// Makes a folder that other users of the machine cannot look into; one that exists is left as it is.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// The data folder where none is given: `$OVERFIT_DATA_DIR`, else the platform's place for the data of programs
/// (`$XDG_DATA_HOME/overfit` or `~/.local/share/overfit`, `~/Library/Application Support/overfit`,
/// `%LOCALAPPDATA%\overfit`). `None` if the environment names no home.
pub fn default_data_dir() -> Option<PathBuf> {
    default_data_dir_in(path_variable)
}

fn default_data_dir_in(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(path) = variable("OVERFIT_DATA_DIR") {
        return Some(path);
    }
    UserFolder::Data.path(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_folder() {
        let with = |set: &[(&str, &str)]| {
            default_data_dir_in(|name| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| PathBuf::from(value))
            })
        };
        assert_eq!(
            with(&[("OVERFIT_DATA_DIR", "/d"), ("HOME", "/h")]),
            Some("/d".into())
        );
        assert_eq!(with(&[]), None);
        if cfg!(target_os = "linux") {
            assert_eq!(
                with(&[("HOME", "/h")]),
                Some("/h/.local/share/overfit".into())
            );
            let both = [("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
            assert_eq!(with(&both), Some("/x/overfit".into()));
            let relative = [("XDG_DATA_HOME", "x"), ("HOME", "/h")];
            assert_eq!(with(&relative), Some("/h/.local/share/overfit".into()));
        }
    }

    #[test]
    fn a_second_daemon_is_refused_until_the_first_one_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path().to_owned()).unwrap();
        let error = DataDir::open(folder.path().to_owned()).unwrap_err();
        assert!(
            matches!(error, ServeError::DataDirTaken { holder: None, .. }),
            "{error}"
        );
        drop(first);
        DataDir::open(folder.path().to_owned()).unwrap();
    }
}
