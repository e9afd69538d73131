//! Files that are either whole or not there.

use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file through a temporary one in the same folder, which is synced and then renamed over `path`.
///
/// # Errors
/// Passes on what the file system or `fill` says; a file that was at `path` before is then unchanged, and nothing is left
/// behind.
pub fn write<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new()
        .prefix(".overfit-")
        .tempfile_in(folder)?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    fill(&mut writer)?;
    let file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        // Temporary files are private; a result is an ordinary file.
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0o644, |old| old.permissions().mode());
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_disk_that_fills_up_leaves_the_old_file_and_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesh.ply");
        fs::write(&path, b"old").unwrap();
        let outcome = write(&path, |file| {
            file.write_all(&[1; 5000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
