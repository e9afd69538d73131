//! glTF files for tests, each a unit cube in some way.

use serde_json::{Value, json};

use crate::geometry::MeshFormat;

const BYTE: u32 = 5120;
const UNSIGNED_BYTE: u32 = 5121;
const UNSIGNED_SHORT: u32 = 5123;
const UNSIGNED_INT: u32 = 5125;
const FLOAT: u32 = 5126;

/// The corners of the cube `[0, 1]³`: x changes slowest.
pub fn corners() -> [[f32; 3]; 8] {
    std::array::from_fn(|i| [i >> 2 & 1, i >> 1 & 1, i & 1].map(|x| x as f32))
}

/// Its twelve triangles, seen from outside.
pub const FACES: [[u16; 3]; 12] = [
    [0, 1, 3],
    [0, 3, 2],
    [4, 6, 7],
    [4, 7, 5],
    [0, 4, 5],
    [0, 5, 1],
    [2, 3, 7],
    [2, 7, 6],
    [0, 2, 6],
    [0, 6, 4],
    [1, 5, 7],
    [1, 7, 3],
];

/// A file that is being made.
pub struct Sample {
    pub json: Value,
    pub bytes: Vec<u8>,
}

impl Sample {
    /// One node that shows mesh 0, which has one primitive: accessor 0 of positions, and accessor 1 of indices.
    pub fn cube() -> Sample {
        let mut sample = Sample {
            json: json!({
                "asset": {"version": "2.0"},
                "scene": 0,
                "scenes": [{"nodes": [0]}],
                "nodes": [{"mesh": 0}],
                "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
                "accessors": [],
                "bufferViews": [],
                "buffers": [{}],
            }),
            bytes: Vec::new(),
        };
        sample.floats("VEC3", &corners());
        sample.add(
            UNSIGNED_SHORT,
            "SCALAR",
            36,
            &le(FACES.as_flattened(), u16::to_le_bytes),
        );
        sample
    }

    /// Adds an accessor with a buffer view of its own, and gives its number.
    pub fn add(&mut self, component: u32, kind: &str, count: usize, bytes: &[u8]) -> usize {
        let view = self.view(bytes);
        self.accessor(json!({
            "bufferView": view, "componentType": component, "type": kind, "count": count,
        }))
    }

    pub fn floats<const N: usize>(&mut self, kind: &str, items: &[[f32; N]]) -> usize {
        let bytes = le(items.as_flattened(), f32::to_le_bytes);
        self.add(FLOAT, kind, items.len(), &bytes)
    }

    pub fn accessor(&mut self, accessor: Value) -> usize {
        push(&mut self.json["accessors"], accessor)
    }

    /// Adds a buffer view of bytes that are added to the buffer.
    pub fn view(&mut self, bytes: &[u8]) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let view = json!({"buffer": 0, "byteOffset": self.bytes.len(), "byteLength": bytes.len()});
        self.bytes.extend(bytes);
        push(&mut self.json["bufferViews"], view)
    }

    pub fn primitive(&mut self) -> &mut Value {
        &mut self.json["meshes"][0]["primitives"][0]
    }

    /// The file as JSON, its buffer embedded.
    pub fn gltf(&self) -> String {
        let mut json = self.json.clone();
        json["buffers"][0]["uri"] = format!("data:;base64,{}", base64(&self.bytes)).into();
        json.to_string()
    }

    /// The binary file.
    pub fn glb(&self) -> Vec<u8> {
        let mut json = self.json.to_string().into_bytes();
        json.resize(json.len().next_multiple_of(4), b' ');
        let mut bytes = b"glTF".to_vec();
        let length = 28 + json.len() + self.bytes.len();
        for number in [2, length as u32, json.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"JSON");
        bytes.extend(json);
        bytes.extend((self.bytes.len() as u32).to_le_bytes());
        bytes.extend(b"BIN\0");
        bytes.extend(&self.bytes);
        bytes
    }
}

fn push(list: &mut Value, item: Value) -> usize {
    let list = list.as_array_mut().expect("a list");
    list.push(item);
    list.len() - 1
}

/// The bytes of numbers, lowest first.
pub fn le<T: Copy, const B: usize>(numbers: &[T], bytes: fn(T) -> [u8; B]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| bytes(number)).collect()
}

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |group: &[u8]| {
        let byte = |i: usize| u32::from(*group.get(i).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |i: usize| match i <= group.len() {
            true => DIGITS[(bits >> (18 - 6 * i) & 63) as usize] as char,
            false => '=',
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(digits).collect()
}

/// Every corner but those at `x = 1` in its place, and those by a sparse accessor.
pub fn sparse() -> Sample {
    let mut sample = Sample::cube();
    let moved = corners().map(|[x, y, z]| [x * 7.0, y, z]);
    let positions = sample.view(&le(moved.as_flattened(), f32::to_le_bytes));
    let places = sample.view(&[4, 5, 6, 7]);
    let values = sample.view(&le(corners()[4..].as_flattened(), f32::to_le_bytes));
    sample.json["accessors"][0] = json!({
        "bufferView": positions, "componentType": FLOAT, "type": "VEC3", "count": 8,
        "sparse": {
            "count": 4,
            "indices": {"bufferView": places, "componentType": UNSIGNED_BYTE},
            "values": {"bufferView": values},
        },
    });
    sample
}

/// The cube turned by a quarter about z, at half the size, shifted by 0, 2 and 4 along x, by all three attributes.
pub fn instances() -> Sample {
    let mut sample = Sample::cube();
    let shifts = sample.floats("VEC3", &[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [4.0, 0.0, 0.0]]);
    let quarter = [0, 0, 90, 90].repeat(3);
    let turns = sample.add(BYTE, "VEC4", 3, &quarter);
    sample.json["accessors"][turns]["normalized"] = true.into();
    let sizes = sample.floats("VEC3", &[[0.5; 3]; 3]);
    sample.json["nodes"][0]["extensions"] = json!({"EXT_mesh_gpu_instancing": {
        "attributes": {"TRANSLATION": shifts, "ROTATION": turns, "SCALE": sizes, "_ID": 99},
    }});
    sample.json["extensionsRequired"] = json!(["EXT_mesh_gpu_instancing"]);
    sample
}

/// The cube bound to two joints at a hundredth of its size: the upper half (z = 1) follows one that is 3 higher. Its node
/// is far away, which must not matter.
pub fn skin() -> Sample {
    let mut sample = Sample::cube();
    let corners = corners();
    let large = corners.map(|corner| corner.map(|x| 100.0 * x));
    let positions = sample.floats("VEC3", &large);
    let joints: Vec<u8> = corners
        .iter()
        .flat_map(|[_, _, z]| [*z as u8, 0, 0, 0])
        .collect();
    let joints = sample.add(UNSIGNED_BYTE, "VEC4", 8, &joints);
    // Half in each of two sets.
    let weights = sample.add(UNSIGNED_BYTE, "VEC4", 8, &[127, 0, 0, 0].repeat(8));
    sample.json["accessors"][weights]["normalized"] = true.into();
    let mut small = [0.0; 16];
    small[0] = 0.01;
    small[5] = 0.01;
    small[10] = 0.01;
    small[15] = 1.0;
    let bound = sample.floats("MAT4", &[small; 2]);
    sample.json["nodes"] = json!([
        {"mesh": 0, "skin": 0, "translation": [100, 0, 0]},
        {"children": [2]},
        {"translation": [0, 0, 3]},
    ]);
    sample.json["scenes"][0]["nodes"] = json!([0, 1]);
    sample.json["skins"] = json!([{"joints": [1, 2], "inverseBindMatrices": bound}]);
    sample.primitive()["attributes"] = json!({
        "POSITION": positions, "JOINTS_0": joints, "WEIGHTS_0": weights, "JOINTS_1": joints, "WEIGHTS_1": weights,
    });
    sample
}

/// The cube with two morph targets of weight 1 and 0.5, both by 4 along x where x is 1.
pub fn morph() -> Sample {
    let mut sample = Sample::cube();
    let moves = corners().map(|[x, _, _]| [4.0 * x, 0.0, 0.0]);
    let moves = sample.floats("VEC3", &moves);
    sample.primitive()["targets"] = json!([{"POSITION": moves}, {"NORMAL": 0, "POSITION": moves}]);
    sample.json["meshes"][0]["weights"] = json!([1, 0.5]);
    sample
}

/// The cube in normalised bytes, each corner in eight of them, as a strip.
pub fn quantised() -> Sample {
    let mut sample = Sample::cube();
    let bytes: Vec<u8> = corners()
        .iter()
        .flat_map(|corner| corner.map(|x| (127.0 * x) as u8).into_iter().chain([9; 5]))
        .collect();
    let positions = sample.add(BYTE, "VEC3", 8, &bytes[..bytes.len() - 5]);
    sample.json["accessors"][positions]["normalized"] = true.into();
    let view = sample.json["accessors"][positions]["bufferView"]
        .as_u64()
        .unwrap() as usize;
    sample.json["bufferViews"][view]["byteStride"] = 8.into();
    // Each triangle by itself, joined by corners that are there twice; an odd number of them keeps the direction.
    let mut strip: Vec<u32> = Vec::new();
    for [a, b, c] in FACES.map(|face| face.map(u32::from)) {
        if let Some(&last) = strip.last() {
            strip.extend([last, a]);
        }
        strip.extend([a, b, c]);
        if strip.len() % 2 == 1 {
            strip.push(c);
        }
    }
    let count = strip.len();
    let indices = sample.add(UNSIGNED_INT, "SCALAR", count, &le(&strip, u32::to_le_bytes));
    *sample.primitive() = json!({
        "attributes": {"POSITION": positions}, "indices": indices, "mode": 5.0,
    });
    sample
}

/// The cube by meshopt: positions by its vertex codec, triangles by its index codec; no plain bytes at all.
pub fn meshopt() -> Sample {
    use meshoptimizer_rs::Workspace;
    use meshoptimizer_rs::codec::{
        IndexEncoding, VertexEncoding, encode_index_buffer, encode_vertex_buffer,
    };

    let mut sample = Sample::cube();
    sample.bytes.clear();
    let workspace = &mut Workspace::default();
    let positions = le(corners().as_flattened(), f32::to_le_bytes);
    let positions =
        encode_vertex_buffer(&positions, 8, 12, VertexEncoding::default(), workspace).unwrap();
    let faces = FACES
        .as_flattened()
        .iter()
        .map(|&v| u32::from(v))
        .collect::<Vec<_>>();
    let faces = encode_index_buffer(&faces, IndexEncoding::default(), workspace).unwrap();
    let mut pack = |view: usize, bytes: &[u8], mode: &str, count: usize, stride: usize| {
        let from = sample.view(bytes);
        let mut packed = sample.json["bufferViews"][from].clone();
        packed["mode"] = mode.into();
        packed["count"] = count.into();
        packed["byteStride"] = stride.into();
        sample.json["bufferViews"][view] = json!({
            "buffer": 1, "byteLength": count * stride, "extensions": {"EXT_meshopt_compression": packed},
        });
    };
    pack(0, &positions, "ATTRIBUTES", 8, 12);
    pack(1, &faces, "TRIANGLES", 36, 2);
    // What the views would lie in without it; nobody keeps it.
    let fallback = json!({"EXT_meshopt_compression": {"fallback": true}});
    push(
        &mut sample.json["buffers"],
        json!({"byteLength": 168, "extensions": fallback}),
    );
    sample.json["extensionsRequired"] = json!(["EXT_meshopt_compression"]);
    sample
}

/// The cube by Draco, its accessors without bytes.
pub fn draco() -> Sample {
    use draco_core::{
        DataType, EncoderBuffer, EncoderOptions, FaceIndex, GeometryAttributeType, Mesh,
        MeshEncoder, PointAttribute, PointIndex,
    };

    let mut positions = PointAttribute::new();
    positions.init(
        GeometryAttributeType::Position,
        3,
        DataType::Float32,
        false,
        8,
    );
    let bytes = le(corners().as_flattened(), f32::to_le_bytes);
    positions.buffer_mut().write(0, &bytes);
    let mut mesh = Mesh::new();
    mesh.set_num_points(8);
    mesh.add_attribute(positions);
    mesh.set_num_faces(FACES.len());
    for (number, face) in FACES.iter().enumerate() {
        mesh.set_face(FaceIndex(number as u32), face.map(|v| PointIndex(v.into())));
    }
    let mut encoder = MeshEncoder::new();
    encoder.set_mesh(mesh);
    let mut encoded = EncoderBuffer::new();
    encoder
        .encode(&EncoderOptions::new(), &mut encoded)
        .unwrap();

    let mut sample = Sample::cube();
    sample.bytes.clear();
    let view = sample.view(encoded.data());
    sample.json["accessors"] = json!([
        {"componentType": FLOAT, "type": "VEC3", "count": 8},
        {"componentType": UNSIGNED_SHORT, "type": "SCALAR", "count": 36},
    ]);
    sample.primitive()["extensions"] = json!({"KHR_draco_mesh_compression": {
        "bufferView": view, "attributes": {"POSITION": 0},
    }});
    sample.json["extensionsRequired"] = json!(["KHR_draco_mesh_compression"]);
    sample
}

/// A file of each kind.
pub fn all() -> Vec<(MeshFormat, Vec<u8>)> {
    let kinds = [
        sparse(),
        instances(),
        skin(),
        morph(),
        quantised(),
        meshopt(),
        draco(),
    ];
    let binary = kinds.map(|sample| (MeshFormat::Glb, sample.glb()));
    let embedded =
        [Sample::cube(), skin()].map(|sample| (MeshFormat::Gltf, sample.gltf().into_bytes()));
    binary.into_iter().chain(embedded).collect()
}
