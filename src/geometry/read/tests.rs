//! Tests of `read.rs`.

use super::*;

fn message(bytes: &[u8], format: MeshFormat) -> String {
    parse_mesh(bytes, format, "upload").unwrap_err().to_string()
}

#[test]
fn the_wrong_file_is_told_from_the_broken_one() {
    assert_eq!(message(b"", MeshFormat::Obj), "upload: the file is empty");
    let ply = message(b"ply\nformat ascii 1.0\n", MeshFormat::Obj);
    assert!(
        ply.contains("extension says obj, but the content looks like PLY data"),
        "{ply}"
    );
    let zip = message(b"PK\x03\x04....", MeshFormat::Stl);
    assert!(zip.contains("looks like a zip archive; unpack it"), "{zip}");
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    for format in MeshFormat::ALL {
        let words = message(pointer, format);
        assert!(
            words.contains("a Git LFS pointer") && words.contains("run `git lfs pull`"),
            "{words}"
        );
    }
}

#[test]
fn files_that_are_not_there_or_have_no_known_extension_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read_mesh(&folder.path().join("a.obj")).unwrap_err();
    assert!(matches!(missing, ReadError::Io { .. }) && missing.to_string().contains("a.obj"));
    let unknown = folder.path().join("a.xyz");
    assert!(matches!(read_mesh(&unknown), Err(ReadError::Io { .. })));
    std::fs::write(&unknown, "1 2 3").unwrap();
    let message = read_mesh(&unknown).unwrap_err().to_string();
    assert!(
        message.contains("a.xyz") && message.contains("obj, ply, stl"),
        "{message}"
    );
}

/// A small valid file of each kind that has a parser of its own.
fn samples() -> Vec<(MeshFormat, Vec<u8>)> {
    vec![
        (MeshFormat::Obj, obj::tests::SAMPLE.into()),
        (MeshFormat::Ply, ply::tests::ASCII.into()),
        (MeshFormat::Ply, ply::tests::binary(false)),
        (MeshFormat::Ply, ply::tests::binary(true)),
        (MeshFormat::Stl, stl::tests::ASCII.into()),
        (MeshFormat::Stl, stl::tests::binary()),
        (MeshFormat::Off, off::tests::SAMPLE.into()),
    ]
    .into_iter()
    .chain(gltf::samples::all())
    .collect()
}

#[test]
fn every_sample_is_a_mesh() {
    for (format, bytes) in samples() {
        let loaded = parse_mesh(&bytes, format, "sample").unwrap();
        assert!(!loaded.mesh.triangles.is_empty(), "{format}");
    }
}

#[test]
fn no_truncated_file_panics() {
    for (format, bytes) in samples() {
        for length in 0..bytes.len() {
            // Some prefixes of a text file are valid; all others must be refused, and none may panic.
            if let Err(error) = parse_mesh(&bytes[..length], format, "part") {
                assert!(error.to_string().starts_with("part: "));
            }
        }
    }
}
