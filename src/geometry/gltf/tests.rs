//! Files of each kind against closed forms, and what is refused or left out.

use std::fmt::Write as _;

use serde_json::json;

use super::samples::{self, Sample, corners};
use super::{Buffers, Document, DracoMesh, Failure, container};
use crate::geometry::{
    HealthReport, MeshFormat, ReadError, SizeLimit, parse_mesh, parse_mesh_within, read_mesh,
};

fn health(bytes: &[u8]) -> HealthReport {
    let loaded = parse_mesh(bytes, MeshFormat::Gltf, "a.gltf").unwrap();
    HealthReport::of(&loaded.mesh, &loaded.cleanup)
}

fn error(sample: &Sample) -> ReadError {
    parse_mesh(&sample.glb(), MeshFormat::Glb, "a.glb").unwrap_err()
}

fn words(sample: &Sample) -> String {
    error(sample).to_string()
}

/// Boxes without a gap, of this volume and area altogether, and from where to where they reach.
#[track_caller]
fn check(sample: &Sample, [volume, area]: [f64; 2], [min, max]: [[f64; 3]; 2]) -> HealthReport {
    let health = health(&sample.glb());
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    assert!(health.watertight && health.consistently_wound && !health.inverted);
    assert!(
        near(health.volume.unwrap(), volume),
        "volume {:?}",
        health.volume
    );
    assert!(near(health.area, area), "area {}", health.area);
    let bounds = health.bounds;
    let same = |a: [f64; 3], b: [f64; 3]| (0..3).all(|i| near(a[i], b[i]));
    assert!(same(bounds.min, min) && same(bounds.max, max), "{bounds:?}");
    health
}

/// The cube `[0, 1]³`, and what is said of it.
#[track_caller]
fn check_cube(sample: &Sample) -> Vec<String> {
    check(sample, [1.0, 6.0], [[0.0; 3], [1.0; 3]]).notes
}

#[test]
fn what_is_not_geometry_refuses_nothing() {
    let mut sample = Sample::cube();
    sample.primitive()["attributes"]["_BATCHID"] = json!("x");
    sample.primitive()["attributes"]["TEXCOORD_0"] = json!(-1);
    sample.primitive()["attributes"]["FUTURE"] = json!({});
    sample.primitive()["material"] = json!(55);
    sample.json["materials"] = json!([{"alphaMode": "GLASS", "pbrMetallicRoughness": []}]);
    sample.json["textures"] =
        json!([{"extensions": {"EXT_texture_webp": {"source": 0}}}, {"source": "x"}]);
    sample.json["samplers"] = json!([{"magFilter": 1}]);
    sample.json["images"] = json!([{"uri": "https://a/b.png"}, 7]);
    sample.json["cameras"] = json!([{"type": "fisheye"}]);
    sample.json["animations"] = json!({"walk": [{"interpolation": "BEST"}]});
    sample.json["extensionsRequired"] = json!([
        "KHR_materials_glass",
        "KHR_texture_basisu",
        "KHR_lights_punctual"
    ]);
    sample.json["extras"] = json!([[[[{"deep": null}]]]]);
    sample.json["nodes"][0]["camera"] = json!("none");
    sample.json["nodes"][0]["extras"] = json!(1e300);
    sample.json["scenes"] = json!([{"nodes": [0]}, {"name": "empty"}, 5]);
    sample.json["asset"] = json!(null);
    // Nobody uses these.
    sample.json["accessors"]
        .as_array_mut()
        .unwrap()
        .push(json!({"componentType": 1}));
    sample.json["bufferViews"]
        .as_array_mut()
        .unwrap()
        .push(json!({"buffer": 88}));
    sample.json["buffers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"uri": "gone.bin"}));
    sample.json["skins"] = json!([{}]);
    assert!(check_cube(&sample).is_empty());
    // A byte order mark, and bounds as Python writes them.
    let bounds = "\"min\":[NaN],\"max\":[-Infinity],\"componentType\":5126";
    let text = Sample::cube()
        .gltf()
        .replace("\"componentType\":5126", bounds);
    let health = health(format!("\u{feff}{text}").as_bytes());
    assert_eq!((health.faces, health.bounds.max), (12, [1.0; 3]));
}

#[test]
fn sparse_positions_take_their_places() {
    assert!(check_cube(&samples::sparse()).is_empty());
    // Without a buffer view the others are zero: a tetrahedron.
    let mut sample = samples::sparse();
    let accessor = &mut sample.json["accessors"][0];
    accessor.as_object_mut().unwrap().remove("bufferView");
    sample.json["accessors"][0]["sparse"]["count"] = 3.into();
    let health = health(&sample.glb());
    assert_eq!((health.bounds.min, health.bounds.max), ([0.0; 3], [1.0; 3]));
    sample.json["accessors"][0]["count"] = 7.into();
    let mut missing = samples::sparse();
    missing.json["accessors"][0]["count"] = 7.into();
    assert!(
        words(&missing).contains("accessor 0: sparse: item 7 does not exist"),
        "{}",
        words(&missing)
    );
}

#[test]
fn instances_are_copies_turned_scaled_and_shifted() {
    let sample = samples::instances();
    let notes = check(
        &sample,
        [3.0 / 8.0, 18.0 / 4.0],
        [[-0.5, 0.0, 0.0], [4.0, 0.5, 0.5]],
    )
    .notes;
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(health(&sample.glb()).bodies, 3);
}

#[test]
fn skins_are_in_the_pose_of_their_joints() {
    let max = [1.0, 1.0, 4.0];
    check(&samples::skin(), [4.0, 2.0 + 4.0 * 4.0], [[0.0; 3], max]);
    // A joint halfway between two others, by weights of one half each: twice as high as one of them.
    let mut sample = samples::skin();
    let joints: Vec<u8> = corners().iter().flat_map(|_| [0, 0, 0, 0]).collect();
    let lower = sample.add(5121, "VEC4", 8, &joints);
    sample.primitive()["attributes"]["JOINTS_1"] = lower.into();
    check(&sample, [2.5, 2.0 + 4.0 * 2.5], [[0.0; 3], [1.0, 1.0, 2.5]]);
    let mut missing = samples::skin();
    missing.json["skins"][0]["joints"] = json!([1]);
    assert!(
        words(&missing)
            .contains("mesh 0 primitive 0: vertex 1 follows joint 1, but its skin has 1")
    );
}

#[test]
fn morph_targets_stand_at_their_default_weights() {
    let mut sample = samples::morph();
    check(&sample, [7.0, 2.0 + 4.0 * 7.0], [[0.0; 3], [7.0, 1.0, 1.0]]);
    sample.json["nodes"][0]["weights"] = json!([0.0, 0.25]);
    check(&sample, [2.0, 2.0 + 4.0 * 2.0], [[0.0; 3], [2.0, 1.0, 1.0]]);
    sample.json["accessors"][2]["count"] = 7.into();
    assert!(words(&sample).contains("accessor 2 of a morph target has 7 items for 8 vertices"));
}

#[test]
fn quantised_positions_and_strips_are_read() {
    assert!(check_cube(&samples::quantised()).is_empty());
}

#[test]
fn compressed_geometry_is_decompressed() {
    assert!(check_cube(&samples::meshopt()).is_empty());
    assert!(check_cube(&samples::draco()).is_empty());
    // Where the same is there uncompressed, too, Draco's data does not matter.
    let mut sample = Sample::cube();
    sample.primitive()["extensions"] = json!({"KHR_draco_mesh_compression": {"bufferView": 77}});
    assert!(check_cube(&sample).is_empty());
    sample.json["extensionsRequired"] = json!(["ACME_brick_compression"]);
    assert!(words(&sample).contains("ACME_brick_compression"));
    let mut damaged = samples::draco();
    damaged.bytes[12] ^= 0xff;
    damaged.bytes.truncate(40);
    damaged.json["bufferViews"][2]["byteLength"] = 40.into();
    damaged.json["bufferViews"][2]["byteOffset"] = 0.into();
    assert!(
        words(&damaged).contains("mesh 0 primitive 0: its Draco compression"),
        "{}",
        words(&damaged)
    );
}

#[test]
fn what_draco_and_meshopt_unfold_to_is_bounded() {
    // Eight positions of 12 bytes.
    let limit = |bytes| SizeLimit { bytes };
    let sample = samples::draco();
    assert!(DracoMesh::decode(&sample.bytes, &limit(12 * 100)).is_ok());
    let refused = DracoMesh::decode(&sample.bytes, &limit(95));
    assert!(matches!(refused, Err(Failure::OverLimit { .. })));

    let glb = samples::meshopt().glb();
    let container = container::open(&glb).unwrap();
    let document = Document::read(&container.json, &SizeLimit::default()).unwrap();
    let (enough, less) = (limit(96), limit(95));
    assert!(
        Buffers::new(&document, &container, None, &enough)
            .view(0)
            .is_ok()
    );
    let refused = Buffers::new(&document, &container, None, &less);
    assert!(matches!(
        refused.view(0),
        Err(Failure::OverLimit { bytes: 96, .. })
    ));
}

#[test]
fn nodes_move_mirror_and_share_meshes() {
    let mut sample = Sample::cube();
    sample.json["nodes"] = json!([
        {"translation": [10, 0, 0], "children": [1, 2]},
        {"mesh": 0, "scale": [-2, 1, 1]},
        {"matrix": [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 1], "mesh": 0},
    ]);
    check(
        &sample,
        [3.0, 6.0 + 10.0],
        [[8.0, 0.0, 0.0], [10.0, 1.0, 6.0]],
    );
    // A scene that lists the children, too.
    sample.json["scenes"][0]["nodes"] = json!([1, 2, 0]);
    check(
        &sample,
        [3.0, 6.0 + 10.0],
        [[8.0, 0.0, 0.0], [10.0, 1.0, 6.0]],
    );
}

#[test]
fn the_scene_that_is_shown_decides_and_what_is_left_out_is_said() {
    let mut sample = Sample::cube();
    let other = sample.json["meshes"][0].clone();
    sample.json["meshes"].as_array_mut().unwrap().push(other);
    sample.json["nodes"] = json!([{"mesh": 0}, {"mesh": 1, "translation": [5, 0, 0]}]);
    let notes = check_cube(&sample);
    assert_eq!(
        notes,
        ["1 mesh is not in the scene that the file shows and left out."]
    );

    sample.json["scenes"] = json!([{"name": "empty"}, {"nodes": [0]}]);
    let notes = check_cube(&sample);
    assert_eq!(
        notes[0],
        "The scene that the file shows is empty: scene 1 was read."
    );

    sample.json["scenes"] = json!([]);
    let notes = check(&sample, [2.0, 12.0], [[0.0; 3], [6.0, 1.0, 1.0]]).notes;
    assert_eq!(
        notes,
        ["No scene of the file shows a mesh: all nodes were read."]
    );

    sample.json["nodes"] = json!(null);
    let health = health(&sample.glb());
    assert_eq!((health.faces, health.duplicate_triangles), (12, 12));

    let mut sample = Sample::cube();
    sample.json["nodes"] = json!([{"mesh": 0, "children": [1]}, {"mesh": 0, "translation": [0, 0, 9],
        "extensions": {"KHR_node_visibility": {"visible": false}}}]);
    sample.json["extensionsRequired"] = json!(["KHR_implicit_shapes"]);
    let points = json!({"attributes": {"POSITION": 0}, "mode": 0});
    sample.json["meshes"][0]["primitives"]
        .as_array_mut()
        .unwrap()
        .push(points);
    let notes = check_cube(&sample);
    assert!(notes[0].contains("KHR_implicit_shapes"), "{notes:?}");
    assert!(notes[1].starts_with("1 node is hidden"), "{notes:?}");
    assert_eq!(notes[2], "1 primitive is points or lines and left out.");
}

#[test]
fn points_and_lines_alone_are_no_surface() {
    let mut sample = Sample::cube();
    sample.primitive()["mode"] = 1.into();
    assert!(
        words(&sample).contains("points or lines only"),
        "{}",
        words(&sample)
    );
}

#[test]
fn refusals_name_the_element() {
    type Damage = fn(&mut Sample);
    let cases: [(Damage, &str); 14] = [
        (
            |s| s.json["nodes"][0]["children"] = json!([0]),
            "node 0 is below itself",
        ),
        (
            |s| s.json["nodes"][0]["children"] = json!([4]),
            "node 0: node 4 does not exist: there are 1",
        ),
        (
            |s| s.json["nodes"][0]["mesh"] = json!(3),
            "node 0: mesh 3 does not exist",
        ),
        (
            |s| s.json["nodes"][0]["scale"] = json!([1, 2]),
            "node 0: invalid length 2",
        ),
        (
            |s| s.json["meshes"][0]["primitives"][0]["mode"] = json!(9),
            "mesh 0 primitive 0: its mode 9",
        ),
        (
            |s| s.json["meshes"][0]["primitives"][0]["attributes"] = json!({"POSITION": 7}),
            "mesh 0 primitive 0: accessor 7 does not exist",
        ),
        (
            |s| s.json["accessors"][0]["type"] = json!("VEC2"),
            "accessor 0: its items are VEC2",
        ),
        (
            |s| s.json["accessors"][0]["componentType"] = json!(1),
            "accessor 0: its component type 1",
        ),
        (
            |s| s.json["accessors"][1]["componentType"] = json!(5122),
            "accessor 1: indices must be",
        ),
        (
            |s| s.json["accessors"][0]["count"] = json!(7),
            "name vertex 7, but accessor 0 has 7",
        ),
        (
            |s| s.json["accessors"][1]["count"] = json!(37),
            "accessor 1: it reaches beyond its buffer",
        ),
        (
            |s| s.json["accessors"][0]["count"] = json!(4_000_000_000_u64),
            "cut off: mesh 0 primitive 0: accessor 0",
        ),
        (
            |s| s.json["bufferViews"][0]["byteLength"] = json!(9999),
            "buffer view 0: bytes 0 to 9999 of buffer 0",
        ),
        (
            |s| s.json["bufferViews"][0]["byteStride"] = json!(4),
            "accessor 0: its items of 12 bytes lie 4",
        ),
    ];
    for (damage, expected) in cases {
        let mut sample = Sample::cube();
        damage(&mut sample);
        assert!(
            words(&sample).contains(expected),
            "{} <> {expected}",
            words(&sample)
        );
    }
}

#[test]
fn buffers_lie_beside_the_file_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gltf");
    let with_uri = |uri: &str| {
        let mut sample = Sample::cube();
        sample.json["buffers"][0]["uri"] = uri.into();
        std::fs::write(&path, sample.json.to_string()).unwrap();
        sample
    };
    std::fs::create_dir(folder.path().join("parts")).unwrap();
    let mut bytes = Sample::cube().bytes;
    bytes.extend(b"more than it says");
    std::fs::write(folder.path().join("parts/the buffer.bin"), bytes).unwrap();
    for uri in [
        "parts/the%20buffer.bin",
        "./parts/the buffer.bin",
        "parts\\the buffer.bin",
    ] {
        with_uri(uri);
        let loaded = read_mesh(&path).unwrap();
        assert_eq!(loaded.mesh.triangles.len(), 12, "{uri}");
    }
    for (uri, words) in [
        ("../secret", "outside its folder, in `../secret`"),
        ("/etc/hostname", "outside"),
        ("none.bin", "the file `none.bin`"),
        ("parts", "it is no file"),
        ("https://a/b.bin", "nothing is fetched by `https:`"),
        ("file:///a/b.bin", "nothing is fetched by `file:`"),
    ] {
        with_uri(uri);
        let message = read_mesh(&path).unwrap_err().to_string();
        assert!(
            message.contains("buffer 0: ") && message.contains(words),
            "{message}"
        );
    }
    let alone = with_uri("a.bin").json.to_string();
    let alone = parse_mesh(alone.as_bytes(), MeshFormat::Gltf, "a.gltf")
        .unwrap_err()
        .to_string();
    assert!(alone.contains("a.bin") && alone.contains(".glb"), "{alone}");
}

#[test]
fn what_many_nodes_show_is_counted_before_it_is_made() {
    const COPIES: usize = 6000;
    let mut sample = Sample::cube();
    let nodes = (0..COPIES).map(|i| json!({"mesh": 0, "translation": [2 * i, 0, 0]}));
    sample.json["nodes"] = nodes.collect();
    sample.json["scenes"][0]["nodes"] = (0..COPIES).collect();
    let bytes = sample.glb();
    let (vertices, triangles) = (8 * COPIES as u64, 12 * COPIES as u64);
    let needed = 24 * vertices + 12 * triangles;
    // What the list of nodes takes is more than this mesh: none of it is charged twice.
    let room = SizeLimit { bytes: 100_000_000 };
    let loaded = parse_mesh_within(&bytes, MeshFormat::Glb, "a.glb", &room).unwrap();
    let health = HealthReport::of(&loaded.mesh, &loaded.cleanup);
    assert_eq!((health.bodies, health.faces), (COPIES as u64, triangles));
    assert!((health.volume.unwrap() - COPIES as f64).abs() < 1e-6);

    // The same by one node and as many instances, within a limit of one byte less.
    let mut sample = Sample::cube();
    let shifts: Vec<[f32; 3]> = (0..COPIES).map(|i| [2.0 * i as f32, 0.0, 0.0]).collect();
    let shifts = sample.floats("VEC3", &shifts);
    sample.json["nodes"][0]["extensions"] =
        json!({"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": shifts}}});
    let read = |bytes| {
        parse_mesh_within(
            &sample.glb(),
            MeshFormat::Glb,
            "a.glb",
            &SizeLimit { bytes },
        )
    };
    assert!(read(needed).is_ok());
    let message = read(needed - 1).unwrap_err().to_string();
    let expected =
        format!("{vertices} vertices and {triangles} triangles, which take {needed} bytes");
    assert!(message.contains(&expected), "{message}");
}

#[test]
fn claims_without_bytes_make_no_room() {
    let limit = SizeLimit::default();
    // No bytes behind a count.
    let mut zeros = Sample::cube();
    zeros.json["accessors"][0] =
        json!({"componentType": 5126, "type": "VEC3", "count": 4_000_000_000_u64});
    let error = parse_mesh(&zeros.glb(), MeshFormat::Glb, "a.glb").unwrap_err();
    assert!(error.bytes_beyond_limit() > Some(limit.bytes), "{error}");
    // No bytes behind a buffer, however long it says to be.
    let mut nothing = Sample::cube();
    nothing.json["buffers"][0]["byteLength"] = json!(4_000_000_000_u64);
    let message = parse_mesh(
        nothing.json.to_string().as_bytes(),
        MeshFormat::Gltf,
        "a.gltf",
    )
    .unwrap_err();
    assert!(
        message
            .to_string()
            .contains("buffer 0: it has neither a URI nor a binary chunk"),
        "{message}"
    );
    // One morph target, named many times.
    const VERTICES: usize = 100_000;
    let mut targets = Sample::cube();
    let zeros = json!({"componentType": 5126, "type": "VEC3", "count": VERTICES});
    targets.json["accessors"][0] = zeros;
    targets.primitive()["targets"] = vec![json!({"POSITION": 0}); 40].into();
    targets.json["meshes"][0]["weights"] = vec![1; 40].into();
    let limit = SizeLimit {
        bytes: 40 * 24 * VERTICES as u64 - 1,
    };
    let error = parse_mesh_within(&targets.glb(), MeshFormat::Glb, "a.glb", &limit).unwrap_err();
    assert!(
        error.to_string().contains("skins and morph targets"),
        "{error}"
    );
}

#[test]
fn deep_trees_are_walked_without_a_stack() {
    const LEVELS: usize = 100_000;
    let mut nodes = String::from("[");
    for level in 1..LEVELS {
        write!(nodes, "{{\"children\":[{level}],\"translation\":[0,0,1]}},").unwrap();
    }
    nodes.push_str("{\"mesh\":0,\"skin\":0}]");
    let mut sample = samples::skin();
    let cube = Sample::cube()
        .json
        .to_string()
        .replace("[{\"mesh\":0}]", &nodes);
    sample.json = serde_json::from_str(&cube).unwrap();
    sample.bytes = Sample::cube().bytes;
    let top = (LEVELS - 1) as f64;
    check(
        &sample,
        [1.0, 6.0],
        [[0.0, 0.0, top], [1.0, 1.0, top + 1.0]],
    );
}

#[test]
fn one_file_is_brought_in_once_however_often_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gltf");
    let mut sample = Sample::cube();
    std::fs::write(folder.path().join("a.bin"), &sample.bytes).unwrap();
    sample.json["buffers"] = json!([{"uri": "a.bin"}, {"uri": "./a.bin"}]);
    sample.json["bufferViews"][1]["buffer"] = 1.into();
    std::fs::write(&path, sample.json.to_string()).unwrap();
    let json = sample.json.to_string();
    let document = Document::read(&json, &SizeLimit::default()).unwrap();
    let container = container::open(json.as_bytes()).unwrap();
    let limit = SizeLimit {
        bytes: sample.bytes.len() as u64,
    };
    let buffers = Buffers::new(&document, &container, Some(folder.path()), &limit);
    let (first, second) = (
        buffers.view(0).unwrap().bytes,
        buffers.view(1).unwrap().bytes,
    );
    let offset = sample.json["bufferViews"][1]["byteOffset"]
        .as_u64()
        .unwrap() as usize;
    assert_eq!(first.as_ptr().wrapping_add(offset), second.as_ptr());
    assert_eq!(read_mesh(&path).unwrap().mesh.triangles.len(), 12);
}
