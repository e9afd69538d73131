//! The file by which clients on this machine find a running daemon and prove that they may call it.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Its name, in the data folder.
pub const RUNTIME_FILE: &str = "daemon.json";

/// How to reach a running daemon. The file can outlive a daemon that was killed: whoever reads it must be ready to find
/// nobody at the port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeFile {
    /// IP address that it listens on.
    pub address: String,
    /// Port that it listens on.
    pub port: u16,
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// What every call carries as `authorization: Bearer TOKEN`.
    pub token: String,
}

impl RuntimeFile {
    /// Reads the file; `None` if it is missing or not whole.
    pub fn read(path: &Path) -> Option<RuntimeFile> {
        let bytes = std::fs::read(path).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Writes the file, readable by nobody but this user (on Windows: as its folder is), over an old one.
    ///
    /// # Errors
    /// Passes on what the file system says.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        // A temporary file has mode 0600 from its first moment: the token is never readable by others.
        let mut file = tempfile::Builder::new()
            .prefix(".overfit-")
            .tempfile_in(folder)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    /// Removes the file, unless another daemon has replaced it by its own.
    pub(super) fn remove(&self, path: &Path) {
        if RuntimeFile::read(path).as_ref() == Some(self)
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "the daemon's file cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(token: &str) -> RuntimeFile {
        RuntimeFile {
            address: "127.0.0.1".to_owned(),
            port: 5,
            pid: 7,
            version: "1.2.3".to_owned(),
            token: token.to_owned(),
        }
    }

    #[test]
    fn only_its_own_file_is_removed_and_only_the_user_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RUNTIME_FILE);
        assert_eq!(RuntimeFile::read(&path), None);
        file("old").write(&path).unwrap();
        file("new").write(&path).unwrap();
        assert_eq!(RuntimeFile::read(&path), Some(file("new")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        file("old").remove(&path);
        assert!(path.exists());
        file("new").remove(&path);
        assert!(!path.exists());
    }
}
