//! Tests of `obj.rs`.

use crate::geometry::{MeshFormat, parse_mesh};

/// A pyramid with a square base, two groups, colours, texture coordinates and indices of both kinds.
pub const SAMPLE: &str = "# pyramid\nmtllib none.mtl\no Pyramid\nv 0 0 0 1 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 0.5 1\n\
    vt 0 0\nvn 0 0 1\ng base\nf 1/1/1 4/1/1 3/1/1 2/1/1\ng sides\nusemtl m\nf -5 -4 -1\nf 2//1 3//1 5//1\nf 3 4 5\nf 4 1 \\\n 5\nl 1 2\n";

fn error(text: &str) -> String {
    parse_mesh(text.as_bytes(), MeshFormat::Obj, "a.obj")
        .unwrap_err()
        .to_string()
}

#[test]
fn groups_share_their_vertices_and_polygons_are_cut() {
    let loaded = parse_mesh(SAMPLE.as_bytes(), MeshFormat::Obj, "a.obj").unwrap();
    assert_eq!(
        (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
        (5, 6)
    );
    assert_eq!(loaded.cleanup.polygons_triangulated, 1);
    let health = crate::geometry::HealthReport::of(&loaded.mesh, &loaded.cleanup);
    assert!(health.watertight && health.consistently_wound);
    assert!((health.volume.unwrap() - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn errors_name_the_line_or_the_face() {
    let cases = [
        (
            "v 0 0 0\nv 1 0 zero\nf 1 2 3\n",
            "line 2: a vertex needs three numbers, and `zero` is not a number: `v 1 0 zero`",
        ),
        (
            "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 x\n",
            "line 4: not a vertex number",
        ),
        (
            "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\nf 1 2 9\n",
            "face 1 names vertex 8, but there are only 3",
        ),
        (
            "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 -4\n",
            "face 0 names vertex -1",
        ),
        (
            "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 0 1 2\n",
            "line 4: not a vertex number",
        ),
        (
            "v 0 0 0\nv 9 9 9\nv nan 0 0\nv 1 1 0\nf 1 3 4\n",
            "vertex 2 (counted from 0)",
        ),
        (
            "v 0 0 0\nv 1 0 0\nv 1 1 0\n",
            "point cloud given as a mesh: 3 vertices and no faces",
        ),
        ("# nothing\n", "the mesh is empty"),
        (
            "v 0 0 0\n\n# two\nv 1\nf 1 1 1\n",
            "line 4: a vertex needs three numbers: `v 1`",
        ),
        (
            "v 0 0 0\nv 1,5 0 0\nv 1 1 0\nf 1 2 3\n",
            "line 2: a vertex needs three numbers, and `1,5` has a comma",
        ),
        (
            "v 0 0 0\nv 1 0 0\nl 1 2\n",
            "1 lines (`l`) and no faces: a wireframe has no surface",
        ),
        (
            "v 0 0 0\nv 1 0 0\ncstype bezier\nsurf 0 1 0 1 1\\\n 2 3 4\nend\n",
            "1 free-form curves or surfaces",
        ),
        (
            "v nan 0 0\nv 9 9 9\nv inf 0 0\nv 1 1 0\nf 2 3 4\n",
            "vertex 2 (counted from 0)",
        ),
    ];
    for (text, words) in cases {
        let message = error(text);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn text_in_another_encoding_is_no_obstacle() {
    let mut bytes = b"# caf\xe9\no M\xfcll\n".to_vec();
    bytes.extend_from_slice(SAMPLE.as_bytes());
    assert!(parse_mesh(&bytes, MeshFormat::Obj, "a.obj").is_ok());
}

/// The corner of a cube, in many hands.
pub const ODDITIES: [&str; 12] = [
    "V 0 0 0\nV 1 0 0\nV 0 1 0\nV 0 0 1\nF 1 3 2\nF 1 2 4\nF 1 4 3\nF 2 3 4\n",
    "v 0 0 0 128\nv 1 0 0 0\nv 0 1 0 2\nv 0 0 1 nan\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n",
    "v 0 0 0 #0\nv 1 0 0 #1\nv 0 1 0 # 2\nv 0 0 1# 3\nf 1 3 2 # a\nf 1 2 4#b\nf 1 4 3\nf 2 3 4\n",
    "v +0 -0 .0\nv 1. 0e5 0E+0\nv 0 1e0 0\nv 0 0 1.0\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n",
    "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1/2/3 3//5 2/1\nf 1 2/7 4//-1\nf 1/ 4 3\nf 2 3 4\n",
    "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf -4 -2 -3\nf -4 -3 -1\nf -4 -1 -2\nf 2.0 +3 4.00\n",
    "v 0 \\\n 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 \\\n\\\n 2\nf 1 2 4\nf \\\r\n1 4 3\nfo 2 3 4\n",
    "v 0 0 0\rv 1 0 0\rv 0 1 0\rv 0 0 1\rf 1 3 2\rf 1 2 4\rf 1 4 3\rf 2 3 4",
    "# a path: C:\\\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nusemtl x\\\nf 1 3 2\nf 1 2 4\ng\no\nf 1 4 3\ns off\nf 2 3 4\n",
    "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nv nan nan nan\nv -nan(ind) 0 0\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n",
    "\n\n  v\t0 0 0\r\n\r\nv 1 0 0 .5 .5 .5 1\r\nv 0 1 0\r\n v 0 0 1\r\nvt x\r\nvn nan\r\nf 1 3 2\r\nf 1 2 4\r\nf 1 4 3\r\nf 2 3 4",
    "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\nl 1 2\nl 1 2 3\np 1\nf 1 2\ncurv 0 1 1 2\nsurf 0 1\n",
];

#[test]
fn files_in_many_hands_are_the_same_mesh() {
    let expected = parse_mesh(ODDITIES[0].as_bytes(), MeshFormat::Obj, "a").unwrap();
    assert_eq!(expected.mesh.triangles.len(), 4);
    assert_eq!(expected.mesh.positions[1], [0.0, 1.0, 0.0]);
    for text in ODDITIES {
        let read = parse_mesh(text.as_bytes(), MeshFormat::Obj, "a").expect(text);
        assert_eq!(read.mesh, expected.mesh, "{text}");
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&b"\xff\xfe"[..], &utf_16].concat();
        let read = parse_mesh(&marked, MeshFormat::Obj, "a").expect(text);
        assert_eq!(read.mesh, expected.mesh, "{text}");
        let marked = ["\u{feff}", text].concat();
        let read = parse_mesh(marked.as_bytes(), MeshFormat::Obj, "a").expect(text);
        assert_eq!(read.mesh, expected.mesh, "{text}");
    }
}

#[test]
fn what_is_left_out_is_said() {
    let read = parse_mesh(ODDITIES[11].as_bytes(), MeshFormat::Obj, "a").unwrap();
    assert_eq!(
        read.cleanup.notes,
        [
            "2 lines (`l`) were left out.",
            "1 point (`p`) was left out.",
            "2 free-form curves or surfaces (`curv`, `surf`) were left out.",
            "1 face of fewer than three corners was left out.",
        ]
    );
}
