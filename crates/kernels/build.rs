//! Tells what kernels for graphics cards are made from, so that compiled ones are kept for as long as they are those of the sources.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    println!("cargo:rustc-env=OVERFIT_KERNEL_SOURCES={:016x}", sources()?);
    Ok(())
}

/// A digest of the sources of all kernels and of the versions of what compiles them.
fn sources() -> std::io::Result<u64> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    println!("cargo:rerun-if-changed=src");
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    // A crate that is a dependency of another has no lock file of its own.
    let lock = Path::new("../../Cargo.lock");
    if lock.exists() {
        println!("cargo:rerun-if-changed={}", lock.display());
        files.push(lock.to_owned());
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        std::fs::read(file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
