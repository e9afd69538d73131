//! Tests of `off.rs`.

use crate::geometry::{LoadedMesh, MeshFormat, ReadError, parse_mesh};

pub const SAMPLE: &str = "COFF # coloured\n# a tent\n5 2 0\n0 0 0 1 0 0 1\n1 0 0 1 0 0 1\n\n1 1 0 0 0 0 0\n0 1 0 0 0 0 0\n.5 .5 1e0 0 0 0 0\n\
    4 0 1 2 3 255 0 0\n3 0 1 4\n";

/// A tetrahedron, in many hands.
pub const ODDITIES: [&str; 20] = [
    "OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "off\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "OFF4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "OFF 4 4\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3",
    "4 4 6\r0 0 0\r1 0 0\r0 1 0\r0 0 1\r3 0 2 1\r3 0 1 3\r3 0 3 2\r3 1 2 3\r",
    "OFF 4 4 6 0 0 0 1 0 0 0 1 0 0 0 1 3 0 2 1 3 0 1 3 3 0 3 2 3 1 2 3",
    "OFF\n4\n4\n6\n0\n0\n0\n1\n0\n0\n0\n1\n0\n0\n0\n1\n3\n0\n2\n1\n3\n0\n1\n3\n3\n0\n3\n2\n3\n1\n2\n3\n",
    "OFF\n4 4\n6\n0 0 0 1 0 0\n0 1 0 0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "OFF\n4 4 6\n0 0\n0\n1 0 0\n0 1 0\n0 0 1\n3 0\n2 1 1 0 0\n3 0 1 3 255 0 0\n3 0 3 2\n3 1 2 3 7\n",
    "COFF\n4 4 6\n0 0 0 255 0 0 1\n1 0 0 255 0 0 1\n0 1 0 255 0 0 1\n0 0 1 255 0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "COFF 4 4 6 0 0 0 1 1 1 1 0 0 1 1 1 0 1 0 1 1 1 0 0 1 1 1 1 3 0 2 1 3 0 1 3 3 0 3 2 3 1 2 3",
    "NOFF\n4 4 6\n0 0 0 0 0 nan\n1 0 0 0 0 1\n0 1 0 0 0 1\n0 0 1 0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "CNOFF\n4 4 6\n0 0 0 0 0 1 1 1 1 1\n1 0 0 0 0 1 1 1 1 1\n0 1 0 0 0 1 1 1 1 1\n0 0 1 0 0 1 1 1 1 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "STOFF\n4 4 6\n0 0 0 .5 .5\n1 0 0 .5 .5\n0 1 0 .5 .5\n0 0 1 .5 .5\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "nOFF 3\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
    "OFF # x\n# 9 9 9\n4 4 6 # y\n0 0 0#z\n\n1 0 0\n0 1 0 # 0\n0 0 1\n# 3\n3 0 2 1\n3 0 1 3 # 3\n3 0 3 2\n3 1 2 3\n",
    "OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1 255 0 0\n3 0 1 3 0.5 0.5 0.5 1\n3 0 3 2 7\n3 1 2 3 # red\n",
    "OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n2 0 1\nand more\n",
    "OFF\r\n\r\n4 4 6\r\n+0 -0 0.0\r\n1. 0 0\r\n0 1e0 0\r\n0 0 1\r\n3 0 2.0 1\r\n3 0 1 3\r\n3 0 3 2\r\n3 1 2 3",
    "OFF\n6 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\nnan nan nan\n-nan(ind) inf 0\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n",
];

#[test]
fn files_in_many_hands_are_the_same_mesh() {
    let expected = read(ODDITIES[0]).unwrap().mesh;
    assert_eq!((expected.positions.len(), expected.triangles.len()), (4, 4));
    for text in ODDITIES {
        let loaded = read(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(loaded.mesh, expected, "{text}");
    }
}

#[test]
fn vertices_without_a_place_are_left_out_where_no_face_needs_them() {
    let loaded = read(ODDITIES[19]).unwrap();
    assert_eq!(
        loaded.cleanup.notes,
        ["2 vertices without a finite place, which no face uses, were left out."]
    );
    let shifted = "OFF\n4 1\nnan 0 0\n0 0 0\n1 0 0\n0 1 0\n3 1 2 3\n";
    assert_eq!(read(shifted).unwrap().mesh.triangles, [[0, 1, 2]]);
    let needed = shifted.replace("3 1 2 3", "3 0 2 3");
    let message = read(&needed).unwrap_err().to_string();
    assert!(
        message.contains("vertex 0 (counted from 0) is at [NaN"),
        "{message}"
    );
}

fn read(text: &str) -> Result<LoadedMesh, ReadError> {
    parse_mesh(text.as_bytes(), MeshFormat::Off, "a.off")
}

#[test]
fn keyword_comments_and_colours_may_be_there_or_not() {
    let loaded = read(SAMPLE).unwrap();
    assert_eq!(
        (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
        (5, 3)
    );
    assert_eq!(loaded.mesh.positions[4], [0.5, 0.5, 1.0]);
    assert_eq!(loaded.cleanup.polygons_triangulated, 1);
    let bare = "3 1 3\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2";
    assert_eq!(
        read(bare).unwrap().mesh,
        read(&format!("OFF {bare}")).unwrap().mesh
    );
}

#[test]
fn errors_name_the_line_or_what_is_missing() {
    let cases = [
        ("OFF\n", "ends where the counts should be"),
        (
            "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n",
            "ends where face 0 of 1 should be",
        ),
        (
            "OFF\n3 1\n0 0 0\n1 0\n0 1 0\n3 0 1 2\n",
            "line 4: a vertex needs three numbers",
        ),
        (
            "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n3 0 1\n",
            "line 6: the face has fewer corners",
        ),
        (
            "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n",
            "face 0 names vertex 3",
        ),
        ("OFF\n99999999 1\n0 0 0\n", "promise 99999999 vertices"),
        ("OFF\n3 0\n0 0 0\n1 0 0\n0 1 0\n", "point cloud"),
        ("OFF BINARY\n", "binary OFF"),
        ("OFF\nmany 3\n", "line 2: the numbers of vertices"),
        (
            "OFF\n3 1\n0 0 0\n1 0 0\n0 1,5 0\n3 0 1 2\n",
            "line 5: a vertex needs three numbers, and `1,5` has a comma",
        ),
        (
            "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n3 0 one 2\n",
            "line 6: the number of a vertex should stand here, not `one`",
        ),
        ("nOFF 5\n1 1 1\n", "`nOFF` has 5 dimensions"),
        ("4OFF\n1 1 1\n", "`4OFF` has 4 dimensions"),
    ];
    for (text, words) in cases {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}
