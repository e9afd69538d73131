//! Tests of `stl.rs`.

use crate::geometry::{LoadedMesh, MeshFormat, ReadError, Topology, parse_mesh, shapes};

/// Two solids; one normal is not a number.
pub const ASCII: &str = "solid first part\n facet normal nan nan nan\n  outer loop\n   vertex 0 0 0\n   vertex 1 0 0\n   vertex 0 1e0 0\n\
    endloop\n endfacet\nendsolid first part\nsolid\nfacet normal 0 0 1\nouter loop\nvertex 1 0 0\nvertex 1 1 0\nvertex 0 1 0\n\
    endloop\nendfacet\nendsolid\n";

/// A sphere whose header begins like a text.
pub fn binary() -> Vec<u8> {
    let sphere = shapes::icosphere(1, 1.0);
    let mut bytes = b"solid sphere".to_vec();
    bytes.resize(80, b' ');
    bytes.extend((sphere.triangles.len() as u32).to_le_bytes());
    for index in 0..sphere.triangles.len() {
        bytes.extend([0; 12]);
        for x in sphere.corners(index).as_flattened() {
            bytes.extend((*x as f32).to_le_bytes());
        }
        bytes.extend([0; 2]);
    }
    bytes
}

/// A tetrahedron, in many hands.
pub fn oddities() -> Vec<Vec<u8>> {
    let facets = |vertex: &str, begin: &str, end: &str| -> String {
        let corners = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
        let places = ["0 0 0", "1 0 0", "0 1 0", "0 0 1"];
        let facet = |triangle: [usize; 3]| {
            let corners = triangle.map(|corner| format!("{vertex} {}\n", places[corner]));
            format!("{begin}{}{end}", corners.concat())
        };
        corners.map(facet).concat()
    };
    let plain = facets(
        "vertex",
        "facet normal 0 0 1\nouter loop\n",
        "endloop\nendfacet\n",
    );
    let texts = [
        format!("solid x\n{plain}endsolid x\n"),
        format!("solid x\n{plain}endsolid x\n").to_uppercase(),
        format!("Solid facet vertex 7\n{plain}endsolid"),
        format!("solid\n{plain}end solid\n"),
        format!("solid x\n{plain}"),
        format!("solid a\nendsolid a\nsolid b\n{plain}endsolid b\n"),
        format!("# vertex of a program\n; another\nsolid x\ncolor 1 0 0\n{plain}endsolid x\n"),
        format!("solid x\n{plain}endsolid x\n").replace('\n', "\r"),
        format!("solid x\n{plain}endsolid x\n").replace('\n', "\r\n\r\n"),
        format!("solid x\n{plain}endsolid x\n").replace('\n', " "),
        format!("solid x\n{plain}endsolid x\n")
            .replace("0 0 1\nouter", "nan -nan(ind) 1.#QNAN\ncolor 1\nouter"),
        format!("\u{feff}solid x\n{plain}endsolid x\n"),
        plain,
    ];
    let utf_16 = texts[0].encode_utf16().flat_map(u16::to_be_bytes);
    let utf_16 = [0xfe, 0xff].into_iter().chain(utf_16).collect();
    texts
        .into_iter()
        .map(String::into_bytes)
        .chain([utf_16])
        .collect()
}

/// A binary solid of `count` triangles in its header, of the others beside each other.
fn solid(header: &[u8], count: u32, triangles: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = header.to_vec();
    bytes.resize(80, b' ');
    bytes.extend(count.to_le_bytes());
    for triangle in triangles {
        let x = triangle as f32;
        let corners = [[x, 0.0, 0.0], [x + 1.0, 0.0, 0.0], [x, 1.0, 0.0]];
        bytes.extend([0; 12]);
        bytes.extend(corners.as_flattened().iter().flat_map(|x| x.to_le_bytes()));
        bytes.extend([0; 2]);
    }
    bytes
}

/// Binary files whose count, or what stands behind them, is odd, with the number of their triangles.
pub fn odd_binaries() -> Vec<(Vec<u8>, usize)> {
    let text = oddities().swap_remove(0);
    vec![
        (solid(b"x", 0, 0..5), 5),
        (solid(b"solid x", 0, 0..5), 5),
        (solid(b"x", u32::MAX, 0..5), 5),
        (solid(b"x", 2, 0..5), 5),
        (solid(b"x", 9, 0..5), 5),
        ([solid(b"x", 0, 0..5), vec![0; 7]].concat(), 5),
        ([solid(b"x", 5, 0..5), b"\r\n".to_vec()].concat(), 5),
        ([solid(b"x", 5, 0..5), vec![0x7f; 120]].concat(), 5),
        ([solid(b"x", 2, 0..2), solid(b"y", 3, 2..5)].concat(), 5),
        (
            [
                solid(b"solid", 2, 0..2),
                solid(b"solid", 3, 2..5),
                solid(b"", 1, 5..6),
            ]
            .concat(),
            6,
        ),
        ([solid(b"x", 5, 0..5), text].concat(), 9),
        (solid(b"\xff\xfex", 5, 0..5), 5),
    ]
}

fn read(bytes: &[u8]) -> Result<LoadedMesh, ReadError> {
    parse_mesh(bytes, MeshFormat::Stl, "a.stl")
}

#[test]
fn all_solids_of_a_text_are_read_and_welded() {
    let loaded = read(ASCII.as_bytes()).unwrap();
    assert_eq!(
        (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
        (4, 2)
    );
    assert_eq!(loaded.cleanup.vertices_welded, 2);
}

#[test]
fn a_binary_file_that_begins_with_solid_is_closed_again() {
    let loaded = read(&binary()).unwrap();
    assert_eq!(
        (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
        (42, 80)
    );
    assert!(Topology::of(&loaded.mesh).watertight());
}

#[test]
fn a_cut_file_says_how_much_is_missing() {
    let whole = binary();
    let message = read(&whole[..whole.len() - 60]).unwrap_err().to_string();
    assert!(
        message.contains("80 triangles take 4084 bytes, but the file has 4024"),
        "{message}"
    );
    let header = &whole[..84];
    assert!(matches!(read(header), Err(ReadError::Truncated { .. })));
    let text = &ASCII[..ASCII.len() - 30];
    assert!(matches!(
        read(text.as_bytes()),
        Err(ReadError::Truncated { .. })
    ));
}

#[test]
fn corners_that_are_no_numbers_are_refused() {
    let text = ASCII.replace("1e0", "inf");
    assert!(
        read(text.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("finite")
    );
}

#[test]
fn texts_in_many_hands_are_the_same_mesh() {
    let expected = read(&oddities()[0]).unwrap();
    assert_eq!(
        (expected.mesh.positions.len(), expected.mesh.triangles.len()),
        (4, 4)
    );
    assert!(Topology::of(&expected.mesh).watertight());
    for bytes in oddities() {
        let words = String::from_utf8_lossy(&bytes);
        let loaded = read(&bytes).unwrap_or_else(|error| panic!("{error}: {words}"));
        assert_eq!(loaded.mesh, expected.mesh, "{words}");
        let ended = words.to_lowercase().contains("end")
            && words.to_lowercase().contains("d solid")
            || words.to_lowercase().contains("endsolid")
            || bytes.starts_with(b"\xfe\xff");
        assert_eq!(
            loaded.cleanup.notes.is_empty(),
            ended,
            "{:?}: {words}",
            loaded.cleanup.notes
        );
    }
}

#[test]
fn the_length_of_a_binary_file_decides_and_it_is_said() {
    for (number, (bytes, triangles)) in odd_binaries().into_iter().enumerate() {
        let loaded = read(&bytes).unwrap_or_else(|error| panic!("{number}: {error}"));
        // Some of the solids have faces in common, of which one stays.
        let found = loaded.mesh.triangles.len() + loaded.cleanup.dropped.len();
        assert_eq!(found, triangles, "{number}");
        let mut notes = loaded.cleanup.notes.clone();
        notes.retain(|note| {
            loaded.cleanup.dropped.is_empty()
                || !note.contains(" of another") && !note.contains("of others")
        });
        let silent = [8, 9, 10, 11].contains(&number);
        assert_eq!(notes.is_empty(), silent, "{number}: {notes:?}");
    }
    let notes = read(&solid(b"x", 2, 0..5)).unwrap().cleanup.notes;
    assert_eq!(
        notes,
        ["The header of the STL file counts 2 triangles, but its length makes 5: 5 were read."]
    );
}

#[test]
fn facets_of_more_corners_are_polygons() {
    let square = "solid\nfacet\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 1 1 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid\n";
    let loaded = read(square.as_bytes()).unwrap();
    assert_eq!(loaded.mesh.triangles.len(), 2);
    assert_eq!(loaded.cleanup.polygons_triangulated, 1);
}

#[test]
fn errors_name_the_line() {
    let cases = [
        (
            "solid\nfacet\nouter loop\nvertex 0 zero 0\n",
            "line 4: a vertex needs three numbers, and `zero`",
        ),
        (
            "solid\nfacet\nvertex 0 0 0\nvertex 1,5 0 0\n",
            "line 4: a vertex needs three numbers, and `1,5` has a comma",
        ),
        (
            "solid\nfacet\nvertex 0 0 0\nfacet\n",
            "line 4: a facet begins before",
        ),
        ("nothing of the kind", "no line begins with `solid`"),
    ];
    for (text, words) in cases {
        let message = read(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn large_texts_are_read_in_pieces() {
    let sphere = shapes::icosphere(5, 1.0);
    let mut text = String::from("solid sphere\n");
    for index in 0..sphere.triangles.len() {
        text += "facet normal 0 0 0\n outer loop\n";
        for [x, y, z] in sphere.corners(index) {
            text += &format!("  vertex {x} {y} {z}\n");
        }
        text += " endloop\nendfacet\n";
    }
    assert!(text.len() > 3 << 20);
    let loaded = read(text.as_bytes()).unwrap();
    assert_eq!(loaded.mesh.positions.len(), sphere.positions.len());
    for index in 0..sphere.triangles.len() {
        assert_eq!(loaded.mesh.corners(index), sphere.corners(index));
    }
}
