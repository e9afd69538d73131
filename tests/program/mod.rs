//! The program under test, and the files that it reads and writes.
//!
//! Each test file is a program of its own and uses a part of this.
#![allow(dead_code)]

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

use npyz::WriterBuilder;
use overfit::geometry::Mesh;
use serde_json::Value;

/// Runs the program in `folder`.
pub fn overfit(folder: &Path, words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_overfit"))
        .args(words.split_whitespace())
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .env_remove("OVERFIT_THREADS")
        .output()
        .expect("the program starts")
}

/// Runs a command that must succeed, and reads the last line of its standard output.
pub fn json(folder: &Path, words: &str) -> Value {
    let output = overfit(folder, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {errors}");
    assert!(errors.is_empty(), "{words:?} is not quiet: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// Runs a command that must fail with one line on standard error, and gives that line.
pub fn failure(folder: &Path, words: &str) -> String {
    let output = overfit(folder, words);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{words:?} succeeded");
    assert!(output.stdout.is_empty(), "{words:?}");
    assert_eq!(errors.lines().count(), 1, "{words:?}: {errors}");
    assert!(errors.starts_with("overfit: "), "{errors}");
    errors
}

pub fn write_obj(path: &Path, mesh: &Mesh) {
    let mut text = String::new();
    for [x, y, z] in &mesh.positions {
        writeln!(text, "v {x} {y} {z}").unwrap();
    }
    for [a, b, c] in mesh.triangles.iter().map(|t| t.map(|v| v + 1)) {
        writeln!(text, "f {a} {b} {c}").unwrap();
    }
    std::fs::write(path, text).unwrap();
}

pub fn write_npy<T: npyz::AutoSerialize + Copy>(
    path: &Path,
    order: npyz::Order,
    shape: &[u64],
    numbers: &[T],
) {
    let file = File::create(path).unwrap();
    let options = npyz::WriteOptions::new()
        .default_dtype()
        .shape(shape)
        .order(order);
    let mut npy = options.writer(file).begin_nd().unwrap();
    npy.extend(numbers.iter().copied()).unwrap();
    npy.finish().unwrap();
}

pub fn read_npy(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let npy = npyz::NpyFile::new(File::open(path).unwrap()).unwrap();
    (npy.shape().to_vec(), npy.into_vec().unwrap())
}
