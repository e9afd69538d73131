//! The claim of one process to a folder.
//!
//! A lock on a file in it would be gone with the file, and one on the folder with the folder: a second daemon would then work beside the first. So
//! there are three: on the file, which older versions know, too; on the folder itself; and, on Linux, on the folder's path.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// Locks of a folder. The system lets go of them with this value, or however the process ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
    _folder: Option<File>,
    #[cfg(target_os = "linux")]
    _path: Option<std::os::unix::net::UnixListener>,
}

impl FolderLock {
    /// Locks a folder that is there; `None` if another process has it.
    ///
    /// # Errors
    /// What the file system says of the file `daemon.lock`.
    pub(super) fn claim(folder: &Path) -> io::Result<Option<FolderLock>> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(folder.join("daemon.lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Windows opens no folder, and some network file systems lock none.
        let folder_file = File::open(folder).ok();
        let folder_lock = folder_file.as_ref().map(File::try_lock);
        if let Some(Err(TryLockError::WouldBlock)) = folder_lock {
            return Ok(None);
        }
        #[cfg(target_os = "linux")]
        let path = match by_path::claim(folder) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Ok(None),
            // A sandbox without such sockets: the other two must do.
            path => path.ok(),
        };
        Ok(Some(FolderLock {
            _file: file,
            _folder: folder_file,
            #[cfg(target_os = "linux")]
            _path: path,
        }))
    }
}

/// A lock on a folder's path, whatever becomes of the folder: an address among the abstract ones of Unix sockets, which only one process can have
/// and which goes with it.
#[cfg(target_os = "linux")]
mod by_path {
    use std::io;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    use std::path::Path;

    pub(super) fn claim(folder: &Path) -> io::Result<UnixListener> {
        let folder = folder.canonicalize()?;
        // Containers may share the addresses, but the same path is another folder in each.
        let container = std::fs::read_link("/proc/self/ns/mnt").unwrap_or_default();
        let places = [container.as_os_str(), folder.as_os_str()];
        let bytes = places
            .iter()
            .flat_map(|place| place.as_bytes().iter().chain(&[0]));
        // FNV-1a of 64 bits (Fowler, Noll and Vo): paths may be longer than addresses.
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let address = SocketAddr::from_abstract_name(format!("overfit-folder-{hash:016x}"))?;
        UnixListener::bind_addr(&address)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_locked_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path(), folder.path().join("daemon.lock"));
        let first = FolderLock::claim(path).unwrap().unwrap();
        assert!(FolderLock::claim(path).unwrap().is_none());
        if cfg!(unix) {
            fs::remove_file(&file).unwrap();
            assert!(FolderLock::claim(path).unwrap().is_none());
        }
        if cfg!(target_os = "linux") {
            fs::remove_dir_all(path).unwrap();
            fs::create_dir(path).unwrap();
            assert!(FolderLock::claim(path).unwrap().is_none());
        }
        let other = tempfile::tempdir().unwrap();
        assert!(FolderLock::claim(other.path()).unwrap().is_some());
        drop(first);
        assert!(FolderLock::claim(path).unwrap().is_some());
    }
}
