//! Tests of `ply.rs`.

use crate::geometry::{LoadedMesh, MeshFormat, ReadError, parse_mesh};

pub const ASCII: &str = "ply\nformat ascii 1.0\ncomment by hand\nelement vertex 4\nproperty double x\nproperty double y\n\
    property double z\nproperty uchar red\nelement face 2\nproperty list uchar int vertex_index\nend_header\n\
    0 0 0 255\n1 0 0 255\n1 1 0 0\n0 1e0 0.5 7\n4 0 1 2 3\n3 0 2 3\n";

/// The same shape in `f32`, with another element before the faces and a property after their list.
pub fn binary(big_endian: bool) -> Vec<u8> {
    let order = if big_endian { "big" } else { "little" };
    let mut bytes = format!(
        "ply\nformat binary_{order}_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
        element edge 1\nproperty int vertex1\nproperty int vertex2\n\
        element face 2\nproperty list uchar uint vertex_indices\nproperty short group\nend_header\n"
    )
    .into_bytes();
    let mut put = |number: [u8; 4]| {
        let swapped = number.into_iter().rev();
        bytes.extend(if big_endian {
            swapped.collect::<Vec<_>>()
        } else {
            number.to_vec()
        });
    };
    for x in [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.5] {
        put(f32::to_le_bytes(x));
    }
    put(0_u32.to_le_bytes());
    put(1_u32.to_le_bytes());
    for face in [&[0_u32, 1, 2, 3][..], &[0, 2, 3]] {
        bytes.push(face.len() as u8);
        for corner in face {
            let corner = corner.to_le_bytes();
            bytes.extend(if big_endian {
                corner.into_iter().rev().collect::<Vec<_>>()
            } else {
                corner.to_vec()
            });
        }
        bytes.extend([0, 0]);
    }
    bytes
}

const HEADER: &str = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
    element face 4\nproperty list uchar int vertex_indices\nend_header\n";
const VERTICES: &str = "0 0 0\n1 0 0\n0 1 0\n0 0 1\n";
const FACES: &str = "3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n";

/// A tetrahedron in text, in many hands.
pub fn oddities() -> Vec<String> {
    let plain = [HEADER, VERTICES, FACES].concat();
    let with = |property: &str, values: [&str; 4]| {
        let header = HEADER.replace("float z\n", &format!("float z\nproperty {property}\n"));
        let lines = VERTICES.lines().zip(values);
        let vertices: String = lines
            .map(|(line, value)| format!("{line} {value}\n"))
            .collect();
        [&header, &vertices, FACES].concat()
    };
    vec![
        plain.clone(),
        plain.replace('\n', "\r"),
        plain.replace('\n', "\r\n\r\n"),
        format!("\u{feff}{plain}"),
        plain.to_uppercase(),
        with("float quality", ["nan", "inf", "-nan(ind)", "1.#QNAN"]),
        with("int quality", ["0.5", "-1e9", "word", "99999999999999999999"]),
        with("string name", ["a", "b", "-", "%"]),
        with("list uchar float weights", ["0", "1 nan", "2 1 2", "3 x y z"]),
        with("list int int list", ["1 7", "0", "0", "0"]),
        plain.replace("end_header", "comment x\nobj_info y z\n\nelement other 0\nproperty nothing a\ncomment\nend_header  "),
        plain.replace(FACES, "\n\n3 0 2 1\ncomment between\n\n3 0 1 3\n3 0 3 2\n3 1 2 3"),
        plain.replace(VERTICES, "0 0 0 1 0 0\n0 1 0 0 0 1\n"),
        plain.replace("3 0 3 2", "3\n0 3\n2"),
        plain.replace("3 1 2 3", "3 1 2.0 3\nand more\n1 2 3"),
        plain.replace("3 0 3 2", "3 0 3 2 7 7"),
        [&HEADER.replace("element face 4", "element edge 2\nproperty int a\nelement face 4"), VERTICES, "7 \nx\n", FACES].concat(),
        ["ply\nformat ascii 1.0\nelement face 4\nproperty list int8 float64 VERTEX_INDEX\nelement vertex 4\nproperty double Z\n\
          property int16 x\nproperty uint y\nend_header\n", FACES, "0 0 0\n0 1 0\n0 0 1\n1e0 0 0"].concat(),
        [&HEADER.replace("face 4", "tristrips 1"), VERTICES, "14 0 2 1 3 -1 0 3 2 2 -1 -1 0 1 3\n"].concat(),
        [&HEADER.replace("face 4", "tristrips 3"), VERTICES, "4 0 2 1 3\n4 3 2 0 0\n3 0 1 3\n"].concat(),
        [&HEADER.replace("vertex 4", "vertex 5"), VERTICES, "nan nan inf\n", FACES].concat(),
    ]
}

/// The same tetrahedron in binary, with numbers of each kind.
pub fn odd_binaries() -> Vec<Vec<u8>> {
    let kinds = [
        ("char", 1),
        ("uchar", 1),
        ("int8", 1),
        ("uint8", 1),
        ("short", 2),
        ("ushort", 2),
        ("int16", 2),
        ("uint16", 2),
        ("int", 4),
        ("uint", 4),
        ("int32", 4),
        ("uint32", 4),
        ("int64", 8),
        ("uint64", 8),
        ("float", 0),
        ("float32", 0),
        ("double", -8),
        ("float64", -8_i32),
    ];
    let mut files = Vec::new();
    for big in [false, true] {
        for (kind, size) in kinds {
            let number = |value: u8| -> Vec<u8> {
                let mut bytes = match size {
                    0 => f32::from(value).to_le_bytes().to_vec(),
                    -8 => f64::from(value).to_le_bytes().to_vec(),
                    _ => i64::from(value).to_le_bytes()[..size as usize].to_vec(),
                };
                if big {
                    bytes.reverse();
                }
                bytes
            };
            let order = if big {
                "BINARY_BIG_ENDIAN"
            } else {
                "binary_little_endian"
            };
            // With lines that end in CR before data that begin with LF.
            let mut bytes = format!(
                "ply\rformat {order} 1.0\relement skipped 1\rproperty uchar a\rproperty list uchar {kind} b\relement vertex 4\r\
                 property list uchar short c\rproperty {kind} x\rproperty {kind} y\rproperty {kind} z\rproperty float quality\r\
                 element face 4\rproperty list {kind} {kind} vertex_indices\rproperty uchar flags\rend_header\r"
            )
            .into_bytes();
            bytes.extend([10, 1]);
            bytes.extend(number(7));
            for line in VERTICES.lines() {
                bytes.push(0);
                let numbers = line.split(' ').map(|word| word.parse().unwrap());
                bytes.extend(numbers.flat_map(number));
                bytes.extend(f32::NAN.to_le_bytes());
            }
            for line in FACES.lines() {
                bytes.extend(
                    line.split(' ')
                        .flat_map(|word| number(word.parse().unwrap())),
                );
                bytes.push(255);
            }
            files.push(bytes);
        }
    }
    let longer = [&files[0][..], b"more"].concat();
    files.push(longer);
    files
}

#[test]
fn files_in_many_hands_are_the_same_mesh() {
    let expected = read(oddities()[0].as_bytes()).unwrap().mesh;
    let corners = |mesh: &crate::geometry::Mesh| {
        let faces = mesh.triangles.iter();
        let mut faces: Vec<_> = faces
            .map(|&face| super::super::validate::smallest_first(face))
            .collect();
        faces.sort_unstable();
        faces
    };
    let texts = oddities().into_iter().map(String::into_bytes);
    for bytes in texts.chain(odd_binaries()) {
        let words = String::from_utf8_lossy(&bytes);
        let loaded = read(&bytes).unwrap_or_else(|error| panic!("{error}: {words}"));
        assert_eq!(loaded.mesh.positions, expected.positions, "{words}");
        assert_eq!(corners(&loaded.mesh), corners(&expected), "{words}");
    }
}

#[test]
fn what_is_left_out_is_said() {
    let notes = |bytes: &[u8]| read(bytes).unwrap().cleanup.notes.join(" ");
    let texts = oddities();
    assert_eq!(notes(texts[0].as_bytes()), "");
    assert!(notes(texts[14].as_bytes()).starts_with("2 lines behind the last element"));
    assert!(notes(texts[15].as_bytes()).starts_with("1 end of a line that has more numbers"));
    assert!(notes(texts[20].as_bytes()).starts_with("1 vertex without a finite place"));
    assert!(notes(odd_binaries().last().unwrap()).starts_with("4 bytes behind the last element"));
}

#[test]
fn faces_of_no_corners_take_no_memory_and_are_counted() {
    let count = 1_000_000;
    let header = HEADER.replace("ascii", "binary_little_endian");
    let header = header.replace("face 4", &format!("face {}", count + 1));
    let mut bytes = header.into_bytes();
    bytes.extend(
        [
            0.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0,
        ]
        .iter()
        .flat_map(|x| x.to_le_bytes()),
    );
    bytes.extend(vec![0; count]);
    bytes.extend([3, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    let parsed = super::parse(&bytes, &crate::geometry::SizeLimit::default()).unwrap();
    assert_eq!(parsed.mesh.triangles, [[0, 1, 2]]);
    assert!(parsed.mesh.triangles.capacity() < 8);
    assert_eq!(
        parsed.notes,
        ["1000000 faces of fewer than three corners were left out."]
    );
}

fn read(bytes: &[u8]) -> Result<LoadedMesh, ReadError> {
    parse_mesh(bytes, MeshFormat::Ply, "a.ply")
}

#[test]
fn text_and_both_byte_orders_give_the_same_mesh() {
    let text = read(ASCII.as_bytes()).unwrap();
    assert_eq!(text.mesh.positions[3], [0.0, 1.0, 0.5]);
    assert_eq!(text.mesh.triangles, [[0, 1, 2], [0, 2, 3]]);
    assert_eq!(
        (
            text.cleanup.polygons_triangulated,
            text.cleanup.duplicate_triangles
        ),
        (1, 1)
    );
    assert_eq!(read(&binary(false)).unwrap(), text);
    assert_eq!(read(&binary(true)).unwrap(), text);
}

#[test]
fn a_cut_file_is_called_cut() {
    let whole = binary(false);
    let cut = read(&whole[..whole.len() - 9]).unwrap_err();
    assert!(matches!(cut, ReadError::Truncated { .. }), "{cut}");
    let text = ASCII.trim_end().rsplit_once('\n').unwrap().0;
    assert!(matches!(
        read(text.as_bytes()),
        Err(ReadError::Truncated { .. })
    ));
}

#[test]
fn counts_beyond_the_file_are_refused_before_anything_is_made() {
    let many = ASCII.replace("vertex 4", "vertex 9999999999999");
    assert!(matches!(
        read(many.as_bytes()),
        Err(ReadError::Truncated { .. })
    ));
    let nothing = ASCII.replace(
        "element face",
        "element nothing 9999999999999\nelement face",
    );
    let message = read(nothing.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("`nothing` has no properties"), "{message}");
}

#[test]
fn what_is_missing_is_named() {
    let cases = [
        (
            ASCII.replace("double z", "double height"),
            "no property `z`",
        ),
        (
            ASCII.replace("vertex_index", "corners"),
            "no property `vertex_indices`",
        ),
        (
            ASCII.replace("4 0 1 2 3", "4 0 1 2 -3"),
            "face 0 names vertex -3",
        ),
        (ASCII.replace("3 0 2 3", "3 0 2 4"), "face 1 names vertex 4"),
        (
            ASCII.replace("0 1e0 0.5", "0 nan 0.5"),
            "vertex 3 (counted from 0) is at [0.0, NaN, 0.5]",
        ),
        (
            ASCII.replace("0 1e0 0.5", "0 zero 0.5"),
            "line 15: `zero` is not a number, and `y` needs one",
        ),
        (
            ASCII.replace("0 1e0 0.5", "0 1,5 0.5"),
            "line 15: `1,5` has a comma",
        ),
        (
            ASCII.replace("4 0 1 2 3", "4 0 1 2.5 3"),
            "line 16: the number of a vertex",
        ),
        (
            ASCII.replace("4 0 1 2 3", "-4 0 1 2 3"),
            "line 16: the length of a list",
        ),
        (
            ASCII.replace("1 1 0 0", "1 1 0"),
            "line 14: the vertex has fewer numbers",
        ),
        (ASCII.replace("ascii", "hex"), "line 2: a format is"),
        (
            ASCII.replace("vertex 4", "vertex -4"),
            "line 4: an element needs",
        ),
        (
            ASCII.replace("comment", "commend"),
            "line 3: the header has a line",
        ),
        (
            ASCII.replace("list uchar int vertex_index", "int vertex_index"),
            "a list of corners, only `vertex_index`",
        ),
        (
            ASCII.replace("property double x", "property list uchar double x"),
            "`x` of the vertices is a list",
        ),
        (
            ASCII.replace("element face 2", "element range_grid 2"),
            "range grid",
        ),
        (
            ASCII
                .replace("ascii", "binary_little_endian")
                .replace("uchar red", "colour red"),
            "line 8: a type of number that PLY does not have",
        ),
    ];
    for (text, words) in cases {
        let message = read(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    let cloud = ASCII.split("element face").next().unwrap().to_owned()
        + "end_header\n0 0 0 1\n1 0 0 1\n1 1 0 1\n0 1 0 1\n";
    let message = read(cloud.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("point cloud"), "{message}");
}
