//! Compiled kernels of graphics cards, kept between runs.
//!
//! A card's compiler takes seconds for kernels that run for milliseconds. CubeCL can keep what it has compiled, but knows a
//! kernel only by its name and sizes. So each build of the program, with each driver and each set of cards, gets a folder
//! of its own in the user's cache; of these the last few stay.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use serde::de::IgnoredAny;

use crate::user_folder::{UserFolder, path_variable};

/// Names the folder; `off` keeps nothing.
const VARIABLE: &str = "OVERFIT_KERNEL_CACHE";

/// What kernels are generated from in this build: a digest of their sources and of the dependencies' versions.
const SOURCES: &str = env!("OVERFIT_KERNEL_SOURCES");

/// Folders that stay, the last used first.
const FOLDERS: usize = 4;

/// A folder that has grown beyond this is made anew. All kernels of one network take about a megabyte.
const MOST_BYTES: u64 = 256 << 20;

/// Nobody holds a lock for so long: whoever made it is gone. CubeCL itself would wait half a minute.
const STALE_LOCK: Duration = Duration::from_secs(5);

/// Tells CubeCL to keep kernels, before it is used for the first time.
///
/// Without a folder that can be written nothing is kept, and the log says so.
pub fn keep_kernels() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Some(folder) = folder_in(path_variable) else {
            return;
        };
        let folder = folder.join(key(SOURCES, &cards_and_driver()));
        if let Err(error) = make_ready(&folder) {
            tracing::warn!(
                folder = %folder.display(),
                "compiled kernels are not kept, every start compiles them anew: {error}"
            );
            return;
        }
        set(folder);
    });
}

/// What kernels for CUDA are compiled for. Those for Vulkan are the same for all cards.
fn cards_and_driver() -> String {
    #[cfg(feature = "cuda")]
    return super::cuda_cards::cards_and_driver();
    #[cfg(not(feature = "cuda"))]
    String::new()
}

/// The folder that holds those of all keys.
fn folder_in(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    match variable(VARIABLE) {
        Some(path) if path.as_os_str() == "off" => None,
        Some(path) => Some(path),
        None => UserFolder::Cache
            .path(variable)
            .map(|folder| folder.join("kernels")),
    }
}

fn key(sources: &str, cards: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (sources, cards).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A folder that can be written, holds nothing damaged, and has few beside it.
fn make_ready(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let files = files_below(folder)?;
    let damaged = |path: &PathBuf| path.extension().is_some_and(|e| e == "cbor") && !is_whole(path);
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    if files.iter().map(size).sum::<u64>() > MOST_BYTES || files.iter().any(damaged) {
        fs::remove_dir_all(folder)?;
        fs::create_dir_all(folder)?;
    }
    for lock in files.iter().filter(|path| is_stale_lock(path)) {
        fs::remove_file(lock).ok();
    }
    // Proves that it can be written, and makes it the last used.
    fs::write(folder.join("used"), "")?;
    fs::remove_file(folder.join("used"))?;
    if let Some(all) = folder.parent() {
        remove_oldest(all)?;
    }
    Ok(())
}

/// A file of kernels, one behind the other, can be read to its end: a process that was killed, or a full disk, leaves part
/// of one.
fn is_whole(path: &Path) -> bool {
    let Ok(file) = fs::File::open(path) else {
        return false;
    };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut reader = CountedReader {
        inner: BufReader::new(file),
        read: 0,
    };
    while reader.read < length {
        if ciborium::from_reader::<IgnoredAny, _>(&mut reader).is_err() {
            return false;
        }
    }
    true
}

struct CountedReader<R> {
    inner: R,
    read: u64,
}

impl<R: std::io::Read> std::io::Read for CountedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

fn is_stale_lock(path: &Path) -> bool {
    let modified = || fs::metadata(path)?.modified();
    let age = modified().map(|time| time.elapsed().unwrap_or_default());
    path.extension().is_some_and(|e| e == "lock") && age.is_ok_and(|age| age > STALE_LOCK)
}

fn files_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    Ok(files)
}

/// Leaves the folders that were used last. One that another process is about to use may go: it compiles once more.
fn remove_oldest(all: &Path) -> std::io::Result<()> {
    let mut folders: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(all)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && is_key(&entry.file_name().to_string_lossy()) {
            folders.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    folders.sort();
    for (_, folder) in folders.iter().rev().skip(FOLDERS) {
        fs::remove_dir_all(folder).ok();
    }
    Ok(())
}

/// The user may have named a folder that holds other things, too.
fn is_key(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Leaves what the user has configured as it is.
fn set(folder: PathBuf) {
    let mut state = CubeClRuntimeConfig::storage().lock();
    if state.is_some() {
        // A program that embeds this library has used CubeCL before.
        return;
    }
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    config
        .compilation
        .cache
        .get_or_insert(CacheConfig::File(folder));
    *state = Some(config.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_folder_or_none() {
        let with = |set: &[(&str, &str)]| {
            folder_in(|name| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| PathBuf::from(value))
            })
        };
        assert_eq!(with(&[(VARIABLE, "off"), ("HOME", "/h")]), None);
        assert_eq!(with(&[(VARIABLE, "/k")]), Some("/k".into()));
        assert_eq!(with(&[]), None);
        if cfg!(target_os = "linux") {
            let expected = Some("/h/.cache/overfit/kernels".into());
            assert_eq!(with(&[("HOME", "/h")]), expected);
        }
    }

    #[test]
    fn other_sources_and_other_cards_have_other_folders() {
        let keys = [key("a", "b"), key("a", "c"), key("b", "b")];
        assert!(keys.iter().all(|key| is_key(key)));
        assert!(keys[0] != keys[1] && keys[0] != keys[2]);
    }

    fn kernels(count: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        for kernel in 0..count {
            ciborium::into_writer(&("a kernel", vec![kernel; 100]), &mut bytes).unwrap();
        }
        bytes
    }

    #[test]
    fn whole_kernels_stay_and_damaged_ones_go() {
        let all = tempfile::tempdir().unwrap();
        let folder = all.path().join(key("a", "b"));
        let file = folder.join("cuda/1.0/ptx/chunk0.cbor");
        let lock = folder.join("toc.lock");
        let write = |bytes: &[u8]| {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, bytes).unwrap();
            fs::write(&lock, "").unwrap();
        };
        write(&kernels(3));
        make_ready(&folder).unwrap();
        assert_eq!(fs::read(&file).unwrap(), kernels(3));
        assert!(lock.exists(), "somebody may hold it");
        let long_ago = SystemTime::now() - 2 * STALE_LOCK;
        let opened = fs::File::options().write(true).open(&lock).unwrap();
        opened.set_modified(long_ago).unwrap();
        make_ready(&folder).unwrap();
        assert!(!lock.exists() && file.exists());

        let whole = kernels(3);
        write(&whole[..whole.len() - 10]);
        make_ready(&folder).unwrap();
        assert!(!file.exists() && folder.exists());
        // A file that is empty yet is no damage.
        write(&[]);
        make_ready(&folder).unwrap();
        assert!(file.exists());
    }

    #[test]
    fn the_folders_used_last_stay_and_nothing_else_is_touched() {
        let all = tempfile::tempdir().unwrap();
        fs::create_dir(all.path().join("the user's own")).unwrap();
        let folders: Vec<PathBuf> = (0..FOLDERS + 2)
            .map(|number| {
                let folder = all.path().join(key("sources", &number.to_string()));
                make_ready(&folder).unwrap();
                // Further apart than a clock's ticks.
                let time = SystemTime::now() - Duration::from_secs(1000 - number as u64);
                fs::File::open(&folder).unwrap().set_modified(time).unwrap();
                folder
            })
            .collect();
        make_ready(&folders[FOLDERS + 1]).unwrap();
        let left: Vec<bool> = folders.iter().map(|folder| folder.exists()).collect();
        assert_eq!(left, [false, false, true, true, true, true]);
        assert!(all.path().join("the user's own").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let all = tempfile::tempdir().unwrap();
        let file = all.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(make_ready(&file.join("folder")).is_err());
    }
}
