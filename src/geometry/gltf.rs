//! glTF 2.0, binary or as JSON; the gltf crate reads and checks the JSON.

use std::path::Path;

use gltf::Document;
use gltf::json::Root;
use gltf::mesh::Mode;

use super::gltf_buffers::{Buffers, read_indices, read_positions, split_binary};
use super::read::{Failure, Parsed};
use super::{Mesh, SizeLimit};

/// Parses all triangles of the default scene (or the first one, or, without scenes, of all meshes) into one mesh, moved
/// as their nodes say. Buffers in files of their own are looked for in `folder`.
///
/// Points and lines are left out, skins and morphs not applied. Vertices that differ only in normals or texture
/// coordinates become one.
pub(super) fn parse(
    bytes: &[u8],
    folder: Option<&Path>,
    limit: &SizeLimit,
) -> Result<Parsed, Failure> {
    let (json, binary) = split_binary(bytes)?;
    let document = read_document(json)?;
    let buffers = Buffers::load(&document, binary, folder)?;

    let mut mesh = Mesh::default();
    match document
        .default_scene()
        .or_else(|| document.scenes().next())
    {
        Some(scene) => push_scene(&mut mesh, &document, &scene, &buffers)?,
        None => {
            for part in document.meshes() {
                push_mesh(&mut mesh, &part, &IDENTITY, &buffers)?;
            }
        }
    }
    limit.check(mesh.positions.len() as u64, mesh.triangles.len() as u64)?;
    Ok(Parsed {
        mesh,
        ..Default::default()
    }
    .welded())
}

/// Reads and checks the JSON.
fn read_document(json: &[u8]) -> Result<Document, Failure> {
    let mut root: Root =
        gltf::json::deserialize::from_slice(json).map_err(|error| match error.is_eof() {
            true => Failure::Truncated(error.to_string()),
            false => Failure::Malformed(error.to_string()),
        })?;
    if let Some(name) = root
        .extensions_required
        .iter()
        .find(|name| name.contains("compression"))
    {
        return Err(Failure::Unsupported(format!(
            "its geometry is compressed ({name}), which is not read: export it without compression"
        )));
    }
    // All other extensions concern materials, lights and the like, which do not matter here.
    root.extensions_required.clear();
    // The crate's own check would go beyond the end of the list: gltf-json 1.4.1, `primitive_validate_hook`.
    let primitives = root.meshes.iter().flat_map(|mesh| &mesh.primitives);
    let missing = primitives
        .flat_map(|p| p.attributes.values())
        .find(|a| a.value() >= root.accessors.len());
    if let Some(index) = missing {
        return Err(Failure::Malformed(format!(
            "a primitive names accessor {}, which does not exist",
            index.value()
        )));
    }
    match Document::from_json(root.clone()) {
        Ok(document) => Ok(document),
        // Many writers leave out the bounds of the positions, which are not needed.
        Err(gltf::Error::Validation(errors)) => match errors
            .iter()
            .find(|(path, _)| !names_bounds(path.as_str()))
        {
            Some((path, error)) => Err(Failure::Malformed(format!("{}: {error}", path.as_str()))),
            None => Ok(Document::from_json_without_validation(root)),
        },
        Err(error) => Err(Failure::Malformed(error.to_string())),
    }
}

fn names_bounds(path: &str) -> bool {
    path.ends_with("[\"POSITION\"].min") || path.ends_with("[\"POSITION\"].max")
}

/// An affine map: three columns of the linear part, then the shift.
type Affine = [[f64; 3]; 4];

const IDENTITY: Affine = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0; 3]];

fn apply(map: &Affine, [x, y, z]: [f64; 3], shifted: f64) -> [f64; 3] {
    std::array::from_fn(|i| map[0][i] * x + map[1][i] * y + map[2][i] * z + map[3][i] * shifted)
}

fn after(outer: &Affine, inner: &Affine) -> Affine {
    std::array::from_fn(|column| apply(outer, inner[column], if column == 3 { 1.0 } else { 0.0 }))
}

fn determinant([a, b, c, _]: &Affine) -> f64 {
    a[0] * (b[1] * c[2] - b[2] * c[1])
        + a[1] * (b[2] * c[0] - b[0] * c[2])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
}

fn push_scene(
    mesh: &mut Mesh,
    document: &Document,
    scene: &gltf::Scene,
    buffers: &Buffers,
) -> Result<(), Failure> {
    // The nodes form trees. A file in which they do not would be walked for ever, so each is entered once.
    let mut entered = vec![false; document.nodes().len()];
    let mut open: Vec<(gltf::Node, Affine)> = scene.nodes().map(|node| (node, IDENTITY)).collect();
    while let Some((node, outer)) = open.pop() {
        if std::mem::replace(&mut entered[node.index()], true) {
            return Err(Failure::Malformed(format!(
                "node {} has two parents",
                node.index()
            )));
        }
        let matrix = node.transform().matrix();
        let own = matrix.map(|column| [column[0], column[1], column[2]].map(f64::from));
        let placed = after(&outer, &own);
        if let Some(part) = node.mesh() {
            push_mesh(mesh, &part, &placed, buffers)?;
        }
        open.extend(node.children().map(|child| (child, placed)));
    }
    Ok(())
}

fn push_mesh(
    mesh: &mut Mesh,
    part: &gltf::Mesh,
    placed: &Affine,
    buffers: &Buffers,
) -> Result<(), Failure> {
    for primitive in part.primitives() {
        let Some(accessor) = primitive.get(&gltf::Semantic::Positions) else {
            continue;
        };
        let first = mesh.positions.len() as u32;
        let positions = read_positions(&accessor, buffers)?;
        let corners = match primitive.indices() {
            Some(accessor) => read_indices(&accessor, buffers)?,
            None => (0..positions.len() as u32).collect(),
        };
        // Wrong indices must stay wrong after the shift, and not wrap around to a vertex that exists.
        let corner = |index: u32| {
            let exists = (index as usize) < positions.len();
            if exists { first + index } else { u32::MAX }
        };
        let mirrored = determinant(placed) < 0.0;
        for [a, b, c] in triangles_of(primitive.mode(), &corners) {
            let [a, b, c] = [corner(a), corner(b), corner(c)];
            mesh.triangles
                .push(if mirrored { [a, c, b] } else { [a, b, c] });
        }
        mesh.positions
            .extend(positions.into_iter().map(|p| apply(placed, p, 1.0)));
    }
    Ok(())
}

/// The triangles that a row of corners stands for; none for points and lines.
fn triangles_of(mode: Mode, corners: &[u32]) -> Vec<[u32; 3]> {
    let windows = corners.windows(3).enumerate();
    match mode {
        Mode::Triangles => corners.as_chunks().0.to_vec(),
        // Every other triangle of a strip runs backwards.
        Mode::TriangleStrip => windows
            .map(|(i, w)| {
                if i % 2 == 0 {
                    [w[0], w[1], w[2]]
                } else {
                    [w[1], w[0], w[2]]
                }
            })
            .collect(),
        Mode::TriangleFan => corners
            .windows(2)
            .skip(1)
            .map(|w| [corners[0], w[0], w[1]])
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::geometry::{HealthReport, LoadedMesh, MeshFormat, ReadError, parse_mesh, read_mesh};

    /// A tetrahedron below a node that moves, mirrors and stretches it. `{}` is where the buffer's URI goes.
    const JSON: &str = r#"{"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],
        "nodes":[{"translation":[10,0,0],"children":[1]},{"mesh":0,"scale":[-2,1,1]}],
        "meshes":[{"primitives":[{"attributes":{"POSITION":0},"indices":1}]}],
        "accessors":[{"bufferView":0,"componentType":5126,"count":4,"type":"VEC3","min":[0,0,0],"max":[1,1,1]},
        {"bufferView":1,"componentType":5123,"count":12,"type":"SCALAR"}],
        "bufferViews":[{"buffer":0,"byteLength":48},{"buffer":0,"byteOffset":48,"byteLength":24}],
        "buffers":[{{}"byteLength":72}]}"#;

    fn buffer() -> Vec<u8> {
        let corners = [
            [0.0_f32, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
        ];
        let mut bytes: Vec<u8> = corners
            .as_flattened()
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let faces = [0_u16, 2, 1, 0, 1, 3, 1, 2, 3, 0, 3, 2];
        bytes.extend(faces.iter().flat_map(|i| i.to_le_bytes()));
        bytes
    }

    fn with_uri(uri: &str) -> String {
        JSON.replace("{}", &format!("\"uri\":\"{uri}\","))
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let groups = bytes.chunks(3).map(|group| {
            let bits = (0..3).fold(0, |bits, i| {
                bits << 8 | u32::from(*group.get(i).unwrap_or(&0))
            });
            let digit = |i: usize| {
                if i <= group.len() {
                    DIGITS[(bits >> (18 - 6 * i) & 63) as usize] as char
                } else {
                    '='
                }
            };
            [digit(0), digit(1), digit(2), digit(3)]
                .iter()
                .collect::<String>()
        });
        groups.collect()
    }

    pub fn embedded() -> String {
        with_uri(&format!(
            "data:application/octet-stream;base64,{}",
            base64(&buffer())
        ))
    }

    pub fn binary() -> Vec<u8> {
        let mut json = JSON.replace("{}", "").into_bytes();
        json.resize(json.len().next_multiple_of(4), b' ');
        let buffer = buffer();
        let mut bytes = b"glTF".to_vec();
        for number in [
            2,
            (28 + json.len() + buffer.len()) as u32,
            json.len() as u32,
        ] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"JSON");
        bytes.extend(json);
        bytes.extend((buffer.len() as u32).to_le_bytes());
        bytes.extend(b"BIN\0");
        bytes.extend(buffer);
        bytes
    }

    fn check(loaded: &LoadedMesh) {
        let health = HealthReport::of(&loaded.mesh, &loaded.cleanup);
        assert!(health.watertight && !health.inverted);
        assert!((health.volume.unwrap() - 2.0 / 6.0).abs() < 1e-9);
        assert_eq!(
            (health.bounds.min, health.bounds.max),
            ([8.0, 0.0, 0.0], [10.0, 1.0, 1.0])
        );
    }

    fn error(text: &str) -> ReadError {
        parse_mesh(text.as_bytes(), MeshFormat::Gltf, "a.gltf").unwrap_err()
    }

    #[test]
    fn nodes_move_and_mirror_their_meshes_wherever_the_buffer_is() {
        check(&parse_mesh(embedded().as_bytes(), MeshFormat::Gltf, "a.gltf").unwrap());
        check(&parse_mesh(&binary(), MeshFormat::Glb, "a.glb").unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gltf");
        std::fs::write(&path, with_uri("the%20buffer.bin")).unwrap();
        std::fs::write(folder.path().join("the buffer.bin"), buffer()).unwrap();
        check(&read_mesh(&path).unwrap());
    }

    #[test]
    fn bounds_and_extensions_of_materials_may_be_missing() {
        let bare = embedded().replace(",\"min\":[0,0,0],\"max\":[1,1,1]", "");
        let bare = bare.replace(
            "\"scene\":0",
            "\"extensionsRequired\":[\"KHR_materials_glass\"],\"scene\":0",
        );
        check(&parse_mesh(bare.as_bytes(), MeshFormat::Gltf, "a.gltf").unwrap());
    }

    #[test]
    fn buffers_elsewhere_are_refused_in_words() {
        let alone = error(&with_uri("a.bin")).to_string();
        assert!(alone.contains("a.bin") && alone.contains(".glb"), "{alone}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gltf");
        for (uri, words) in [
            ("../secret", "outside"),
            ("/etc/hostname", "outside"),
            ("none.bin", "none.bin"),
            ("https://a/b", "outside"),
        ] {
            std::fs::write(&path, with_uri(uri)).unwrap();
            let message = read_mesh(&path).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn strips_and_fans_are_triangles() {
        let corners = [0, 1, 2, 3, 4];
        assert_eq!(
            triangles_of(Mode::TriangleStrip, &corners),
            [[0, 1, 2], [2, 1, 3], [2, 3, 4]]
        );
        assert_eq!(
            triangles_of(Mode::TriangleFan, &corners),
            [[0, 1, 2], [0, 2, 3], [0, 3, 4]]
        );
        assert!(triangles_of(Mode::Lines, &corners).is_empty());
    }

    #[test]
    fn what_does_not_hang_together_is_refused() {
        let whole = embedded();
        let circle = whole.replace(
            "\"mesh\":0,\"scale\"",
            "\"mesh\":0,\"children\":[0],\"scale\"",
        );
        assert!(
            error(&circle)
                .to_string()
                .contains("node 0 has two parents")
        );
        let short = whole.replace("\"count\":12", "\"count\":13");
        assert!(matches!(error(&short), ReadError::Truncated { .. }));
        let endless = whole.replace("\"count\":4,", "\"count\":4000000000,");
        assert!(matches!(error(&endless), ReadError::Truncated { .. }));
        let compressed = whole.replace(
            "\"scene\":0",
            "\"extensionsRequired\":[\"KHR_draco_mesh_compression\"],\"scene\":0",
        );
        assert!(
            error(&compressed)
                .to_string()
                .contains("without compression"),
            "{}",
            error(&compressed)
        );
        let stray = whole.replace("\"POSITION\":0", "\"POSITION\":7");
        assert!(
            error(&stray).to_string().contains("accessor 7"),
            "{}",
            error(&stray)
        );
        let glb = binary();
        let cut = parse_mesh(&glb[..glb.len() - 5], MeshFormat::Glb, "a.glb").unwrap_err();
        assert!(matches!(cut, ReadError::Truncated { .. }), "{cut}");
    }
}
