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
    let unknown = folder.path().join("a.e57");
    assert!(matches!(read_mesh(&unknown), Err(ReadError::Io { .. })));
    std::fs::write(&unknown, "1 2 3").unwrap();
    let message = read_mesh(&unknown).unwrap_err().to_string();
    assert!(
        message.contains("a.e57") && message.contains("obj, ply, stl"),
        "{message}"
    );
}

/// The corners of a cube and two points more, and the ways to write them and their normals.
#[test]
fn points_without_faces_come_with_their_normals_from_every_format() {
    let corner = |i: u32| [0, 1, 2].map(|axis| f64::from(i >> axis & 1));
    let positions: Vec<[f64; 3]> = (0..8)
        .map(corner)
        .chain([[2.0, 0.0, 0.5], [0.5; 3]])
        .collect();
    let normal = |i: u32| [[0.0, 0.6, -0.8], [-1.0, 0.0, 0.0]][i as usize % 2];
    let normals: Vec<[f64; 3]> = (0..10).map(normal).collect();
    let row = |row: &[f64; 3]| format!("{} {} {}", row[0], row[1], row[2]);
    let both = |between: &str, with: bool| -> String {
        let rows = positions.iter().zip(&normals);
        let line = |(p, n)| match with {
            true => format!("{}{between}{}\n", row(p), row(n)),
            false => row(p) + "\n",
        };
        rows.map(line).collect()
    };
    let ply = |with: bool, format: &str| {
        let kind = "property double";
        let normal = match with {
            true => format!("{kind} nx\n{kind} ny\n{kind} nz\n"),
            false => String::new(),
        };
        format!(
            "ply\nformat {format} 1.0\nelement vertex 10\n{kind} x\n{kind} y\n{kind} z\n{normal}element face 0\n\
             property list uchar int vertex_indices\nend_header\n"
        )
    };
    let obj = |with: bool| -> String {
        let place = positions.iter().map(|p| format!("v {}\n", row(p)));
        let normal = normals.iter().map(|n| format!("vn {}\n", row(n)));
        place.chain(normal.filter(|_| with)).collect()
    };
    for with in [true, false] {
        let mut binary = ply(with, "binary_little_endian").into_bytes();
        for (p, n) in positions.iter().zip(&normals) {
            let numbers = p.iter().chain(n.iter().filter(|_| with));
            binary.extend(numbers.flat_map(|x| x.to_le_bytes()));
        }
        let keyword = if with { "NOFF" } else { "OFF" };
        let files = [
            (MeshFormat::Xyz, both(" ", with).into_bytes()),
            (
                MeshFormat::Ply,
                (ply(with, "ascii") + &both(" ", with)).into_bytes(),
            ),
            // Words as they come.
            (
                MeshFormat::Ply,
                (ply(with, "ascii") + &both("\n", with)).into_bytes(),
            ),
            (MeshFormat::Ply, binary),
            (MeshFormat::Obj, obj(with).into_bytes()),
            (
                MeshFormat::Off,
                format!("{keyword}\n10 0 0\n{}", both(" ", with)).into_bytes(),
            ),
        ];
        for (format, bytes) in files {
            let (cloud, notes) = parse_points_for_test(&bytes, format).unwrap();
            assert_eq!(cloud.positions, positions, "{format}");
            assert_eq!(cloud.normals, with.then(|| normals.clone()), "{format}");
            assert_eq!(notes, [] as [&str; 0], "{format}");
            let words = message(&bytes, format);
            assert!(words.contains("10 vertices and no faces"), "{words}");
        }
    }
    let odd = obj(true) + "vn 1 0 0\nvt 0 0\n";
    let (cloud, notes) = parse_points_for_test(odd.as_bytes(), MeshFormat::Obj).unwrap();
    assert_eq!((cloud.normals, notes.len()), (None, 1));
    assert!(notes[0].contains("11 for 10 points"), "{notes:?}");
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
