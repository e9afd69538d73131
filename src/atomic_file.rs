//! Files that are either whole or not there.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// How the names of temporary files begin.
const TEMPORARY: &str = ".overfit-";

/// What stands in them between the name that the file shall get and what makes them unique.
const UNIQUE: char = '~';

/// A longer name is not told in that of the temporary file: file systems take 255 bytes.
const LONGEST_TOLD: usize = 200;

/// Writes a file through a temporary one in the same folder, which is synced and then renamed over `path`; then the folder is
/// synced. When this returns, the file outlives a power cut.
///
/// # Errors
/// Passes on what the file system or `fill` says; a file that was at `path` before is then unchanged, and nothing is left
/// behind. Only if the folder cannot be synced, the new file is there, but a power cut may bring back the old one.
pub fn write<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    write_and_sync(path, fill, sync_folder)
}

/// Makes what was renamed, created or removed in a folder outlive a power cut: on many file systems that is known to the
/// folder alone, which syncing a file in it does not write.
///
/// Does nothing where folders cannot be synced: on Windows, on some network file systems, and where the user may write into
/// the folder but not read it.
///
/// # Errors
/// What the file system says, such as that there is no such folder or that the disk fails.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
        let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        if let Err(error) = synced
            && !matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
        {
            return Err(error);
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Whether this is the name of a file that [`write()`] had not finished.
pub fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

/// The name that a temporary file was to get; `None` where that is not known.
pub fn target_name(temporary: &OsStr) -> Option<String> {
    let told = temporary.to_str()?.strip_prefix(TEMPORARY)?;
    let (name, _) = told.rsplit_once(UNIQUE)?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The folder that holds `path`.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn write_and_sync<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    sync_folder: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), E> {
    let folder = folder_of(path);
    let name = path.file_name().and_then(OsStr::to_str);
    let told = name.filter(|name| name.len() <= LONGEST_TOLD);
    let prefix = match told {
        Some(name) => format!("{TEMPORARY}{name}{UNIQUE}"),
        None => TEMPORARY.to_owned(),
    };
    let file = tempfile::Builder::new()
        .prefix(&prefix)
        .tempfile_in(folder)?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    fill(&mut writer)?;
    let file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    #[cfg(unix)]
    {
        // Temporary files are private; a result is an ordinary file.
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0o644, |old| old.permissions().mode());
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_folder_is_synced_once_the_file_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        fs::write(&path, b"old").unwrap();
        let mut synced = Vec::new();
        let outcome: io::Result<()> = write_and_sync(
            &path,
            |file| file.write_all(b"new"),
            |synced_folder| {
                assert_eq!(fs::read(&path)?, b"new");
                assert_eq!(fs::read_dir(synced_folder)?.count(), 1);
                synced.push(synced_folder.to_owned());
                Err(io::Error::other("the disk fails"))
            },
        );
        assert_eq!(synced, [folder.path()]);
        assert_eq!(outcome.unwrap_err().to_string(), "the disk fails");
        assert_eq!(fs::read(&path).unwrap(), b"new");

        assert_eq!(folder_of(Path::new("a.ply")), Path::new("."));
        sync_folder(folder.path()).unwrap();
    }

    #[test]
    fn a_temporary_file_tells_what_it_was_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let names = |path: &Path| {
            let mut names = Vec::new();
            let outcome: io::Result<()> = write(path, |_| {
                for entry in fs::read_dir(folder.path())? {
                    names.push(entry?.file_name());
                }
                Err(io::Error::other("killed"))
            });
            outcome.unwrap_err();
            names
        };
        for name in ["a.safetensors", "a~b.ply", &"n".repeat(240)] {
            let found = names(&folder.path().join(name));
            let [temporary] = &found[..] else {
                panic!("one file: {found:?}");
            };
            assert!(is_temporary(temporary));
            let told = (name.len() < LONGEST_TOLD).then(|| name.to_owned());
            assert_eq!(target_name(temporary), told);
        }
        assert!(!is_temporary(OsStr::new("a.safetensors")));
        assert_eq!(target_name(OsStr::new(".overfit-xyz")), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_not_there_cannot_be_synced() {
        let folder = tempfile::tempdir().unwrap();
        let error = sync_folder(&folder.path().join("absent")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

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
