//! Compiles `proto/` into Rust with protox, so that no `protoc` is needed on the machine, and tells what kernels for
//! graphics cards are made from, so that compiled ones are kept for as long as they are those of the sources.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!(
        "cargo:rustc-env=OVERFIT_KERNEL_SOURCES={:016x}",
        kernel_sources()?
    );
    let descriptors = protox::compile(
        ["mesh", "fit", "model", "combine", "query", "server"]
            .map(|file| format!("overfit/v1/{file}.proto")),
        ["proto"],
    )?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // The reflection service serves this file.
    std::fs::write(out.join("overfit.descriptors"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}

/// A digest of the kernels' sources and of the versions of what compiles them.
fn kernel_sources() -> std::io::Result<u64> {
    let roots = ["src/calculus", "src/field"].map(PathBuf::from);
    for root in &roots {
        println!("cargo:rerun-if-changed={}", root.display());
    }
    // A crate that is a dependency of another has no lock file of its own.
    let lock = PathBuf::from("Cargo.lock");
    let mut files = Vec::new();
    if lock.exists() {
        println!("cargo:rerun-if-changed={}", lock.display());
        files.push(lock);
    }
    let mut folders = roots.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        std::fs::read(file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
