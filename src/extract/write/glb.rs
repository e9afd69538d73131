//! glTF 2.0 binary.

use crate::extract::Surface;
use serde_json::json;
use std::io::{self, Write};

const MAGIC: &[u8; 4] = b"glTF";
const VERSION: u32 = 2;
const HEADER_BYTES: u64 = 12;
const CHUNK_HEADER_BYTES: u64 = 8;

// Numbers that the specification gives to what is meant.
const FLOAT: u32 = 5126;
const UNSIGNED_INT: u32 = 5125;
const ARRAY_BUFFER: u32 = 34962;
const ELEMENT_ARRAY_BUFFER: u32 = 34963;
const TRIANGLES: u32 = 4;

/// What positions are written relative to; a translation of the node brings them back. Far from the origin that is the middle
/// of the mesh, so that `f32` stays fine enough, itself rounded to `f32`, which is all that many readers keep of it.
pub(super) fn origin(surface: &Surface) -> [f64; 3] {
    match surface.fits_f32([0.0; 3]) {
        true => [0.0; 3],
        false => (surface.bounds().center()).map(|x| f64::from(x as f32)),
    }
}

/// Writes one mesh with indices, positions and normals.
///
/// Axes are written as they are: glTF calls `y` up, and nothing here knows which way is up.
///
/// # Errors
/// A file of more than 4 GiB, which the format cannot hold, or what `to` returns.
pub(super) fn write(surface: &Surface, to: &mut dyn Write) -> io::Result<()> {
    let shift = origin(surface);
    let local = |position: &[f64; 3]| -> [f32; 3] {
        std::array::from_fn(|k| (position[k] - shift[k]) as f32)
    };
    let (vertices, triangles) = (
        surface.positions.len() as u64,
        surface.triangles.len() as u64,
    );
    let normals = if surface.normals.is_some() {
        vertices
    } else {
        0
    };
    // Every part is a multiple of 4 bytes long, so all are aligned as the specification asks.
    let binary = vertices * 12 + normals * 12 + triangles * 12;
    let mut json = serde_json::to_vec(&document(surface, &local, shift, binary))?;
    while !json.len().is_multiple_of(4) {
        json.push(b' ');
    }
    let total = HEADER_BYTES + CHUNK_HEADER_BYTES + json.len() as u64 + CHUNK_HEADER_BYTES + binary;
    let total = u32::try_from(total).map_err(|_| {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            "a GLB file holds at most 4 GiB; write .ply instead",
        )
    })?;
    to.write_all(MAGIC)?;
    to.write_all(&VERSION.to_le_bytes())?;
    to.write_all(&total.to_le_bytes())?;
    to.write_all(&(json.len() as u32).to_le_bytes())?;
    to.write_all(b"JSON")?;
    to.write_all(&json)?;
    to.write_all(&(binary as u32).to_le_bytes())?;
    to.write_all(b"BIN\0")?;
    for value in surface
        .positions
        .iter()
        .map(local)
        .chain(surface.normals.iter().flatten().copied())
    {
        for x in value {
            to.write_all(&x.to_le_bytes())?;
        }
    }
    for vertex in surface.triangles.as_flattened() {
        to.write_all(&vertex.to_le_bytes())?;
    }
    Ok(())
}

/// The JSON part. Minimum and maximum are those of the rounded positions, as validators check them.
fn document(
    surface: &Surface,
    local: &dyn Fn(&[f64; 3]) -> [f32; 3],
    shift: [f64; 3],
    binary: u64,
) -> serde_json::Value {
    let (mut min, mut max) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
    for position in surface.positions.iter().map(local) {
        for axis in 0..3 {
            min[axis] = min[axis].min(position[axis]);
            max[axis] = max[axis].max(position[axis]);
        }
    }
    let (vertices, indices) = (surface.positions.len(), surface.triangles.len() * 3);
    let view = |offset: usize, length: usize, target: u32| json!({ "buffer": 0, "byteOffset": offset, "byteLength": length, "target": target });
    let mut views = vec![view(0, vertices * 12, ARRAY_BUFFER)];
    let mut accessors = vec![json!({
        "bufferView": 0, "componentType": FLOAT, "count": vertices, "type": "VEC3", "min": min, "max": max
    })];
    let mut attributes = json!({ "POSITION": 0 });
    if surface.normals.is_some() {
        attributes["NORMAL"] = json!(views.len());
        accessors.push(json!({
            "bufferView": views.len(), "componentType": FLOAT, "count": vertices, "type": "VEC3"
        }));
        views.push(view(vertices * 12, vertices * 12, ARRAY_BUFFER));
    }
    let index_accessor = accessors.len();
    accessors.push(json!({
        "bufferView": views.len(), "componentType": UNSIGNED_INT, "count": indices, "type": "SCALAR"
    }));
    views.push(view(
        vertices * 12 * views.len(),
        indices * 4,
        ELEMENT_ARRAY_BUFFER,
    ));
    let mut node = json!({ "mesh": 0 });
    if shift != [0.0; 3] {
        node["translation"] = json!(shift);
    }
    json!({
        "asset": { "version": "2.0", "generator": "Overfit" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [node],
        "meshes": [{ "primitives": [{
            "attributes": attributes, "indices": index_accessor, "mode": TRIANGLES
        }] }],
        "buffers": [{ "byteLength": binary }],
        "bufferViews": views,
        "accessors": accessors
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::tetrahedron;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn parts(surface: &Surface) -> (serde_json::Value, Vec<u8>) {
        let mut bytes = Vec::new();
        write(surface, &mut bytes).unwrap();
        assert_eq!(&bytes[..4], MAGIC);
        assert_eq!(word(&bytes, 8) as usize, bytes.len());
        let json_length = word(&bytes, 12) as usize;
        assert_eq!(json_length % 4, 0);
        assert_eq!(
            word(&bytes, 20 + json_length) as usize,
            bytes.len() - 28 - json_length
        );
        assert_eq!(&bytes[24 + json_length..28 + json_length], b"BIN\0");
        (
            serde_json::from_slice(&bytes[20..20 + json_length]).unwrap(),
            bytes[28 + json_length..].to_vec(),
        )
    }

    #[test]
    fn parts_lie_where_the_document_says() {
        let surface = tetrahedron(0.5);
        let (json, binary) = parts(&surface);
        assert_eq!(json["accessors"][0]["min"], json!([0.5, 0.5, 0.5]));
        assert_eq!(json["accessors"][0]["max"], json!([1.5, 1.5, 1.5]));
        assert!(json["nodes"][0].get("translation").is_none());
        let views = json["bufferViews"].as_array().unwrap();
        let end = |v: &serde_json::Value| {
            v["byteOffset"].as_u64().unwrap() + v["byteLength"].as_u64().unwrap()
        };
        assert_eq!(end(&views[0]), views[1]["byteOffset"].as_u64().unwrap());
        assert_eq!(end(&views[1]), views[2]["byteOffset"].as_u64().unwrap());
        assert_eq!(end(&views[2]) as usize, binary.len());
        let indices = views[2]["byteOffset"].as_u64().unwrap() as usize;
        assert_eq!([0, 4, 8].map(|i| word(&binary, indices + i)), [0, 2, 1]);
    }

    #[test]
    fn without_normals_the_indices_follow_the_positions() {
        let mut surface = tetrahedron(0.0);
        surface.normals = None;
        let (json, binary) = parts(&surface);
        assert_eq!(json["bufferViews"][1]["byteOffset"], 48);
        assert_eq!(binary.len(), 48 + 48);
        assert!(
            json["meshes"][0]["primitives"][0]["attributes"]
                .get("NORMAL")
                .is_none()
        );
    }

    #[test]
    fn a_node_carries_what_is_far_away() {
        let (json, binary) = parts(&tetrahedron(1e9));
        assert_eq!(json["nodes"][0]["translation"][0], json!(1e9));
        assert_eq!(f32::from_bits(word(&binary, 12)), 1.0);
        assert_eq!(json["accessors"][0]["max"], json!([1.0, 1.0, 1.0]));
    }
}
