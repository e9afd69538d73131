//! Compressed geometry: buffer views by meshopt, primitives by Draco.

use draco_core::{DecodeLimits, DecoderBuffer, ErrorKind, FaceIndex, MeshDecoder};
use meshoptimizer_rs::codec::{self, Filter, Mode};
use meshoptimizer_rs::{Error, Limits, Workspace};
use serde_json::value::RawValue;

use super::document::{Attributes, Whole, extension};
use crate::geometry::read::Failure;
use crate::geometry::{MeshError, SizeLimit};

/// A buffer view by `EXT_meshopt_compression`, or by `KHR_meshopt_compression`, which has more versions and filters.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackedView {
    pub buffer: Whole,
    pub byte_offset: Option<Whole>,
    pub byte_length: Whole,
    pub byte_stride: Whole,
    count: Whole,
    mode: String,
    filter: Option<String>,
}

/// What the extensions of a buffer view say about its compression.
pub(super) fn packed_view(extensions: Option<&RawValue>) -> Result<Option<PackedView>, Failure> {
    let names = ["EXT_meshopt_compression", "KHR_meshopt_compression"];
    for name in names {
        if let Some(packed) = extension(extensions, name)? {
            return Ok(Some(packed));
        }
    }
    Ok(None)
}

impl PackedView {
    pub fn decoded_length(&self) -> u64 {
        let (count, stride) = (self.count.index() as u64, self.byte_stride.index() as u64);
        count.saturating_mul(stride)
    }

    pub fn decode(&self, bytes: &[u8], limit: &SizeLimit) -> Result<Vec<u8>, Failure> {
        let mut workspace = Workspace::new(Limits {
            max_bytes: usize::try_from(limit.bytes).unwrap_or(usize::MAX),
            ..Limits::default()
        });
        self.unpack(bytes, &mut workspace)
            .map_err(|error| Failure::Malformed(format!("its meshopt compression: {error}")))
    }

    fn unpack(&self, bytes: &[u8], workspace: &mut Workspace) -> Result<Vec<u8>, Error> {
        let (count, stride) = (self.count.index(), self.byte_stride.index());
        match Mode::parse(&self.mode)? {
            Mode::Triangles => codec::decode_index_buffer(count, stride, bytes, workspace),
            Mode::Indices => codec::decode_index_sequence(count, stride, bytes, workspace),
            Mode::Attributes => {
                let mut items = codec::decode_vertex_buffer(count, stride, bytes, workspace)?;
                match self.filter.as_deref().unwrap_or("NONE") {
                    // Of colours, which nobody reads here.
                    "COLOR" => {}
                    name => match Filter::parse(name)? {
                        Filter::None => {}
                        Filter::Octahedral => {
                            codec::decode_filter_oct(&mut items, count, stride, workspace)?;
                        }
                        Filter::Quaternion => {
                            codec::decode_filter_quat(&mut items, count, stride, workspace)?;
                        }
                        Filter::Exponential => {
                            codec::decode_filter_exp(&mut items, count, stride, workspace)?;
                        }
                    },
                }
                Ok(items)
            }
        }
    }
}

/// The name of Draco's extension, as primitives have it.
pub(super) const DRACO: &str = "KHR_draco_mesh_compression";

/// Where a primitive by Draco lies, and the numbers that its attributes have there.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DracoPrimitive<'a> {
    pub buffer_view: Whole,
    #[serde(borrow, default)]
    pub attributes: Attributes<'a>,
}

/// A primitive that Draco has decoded.
pub(super) struct DracoMesh(draco_core::Mesh);

impl DracoMesh {
    pub fn decode(bytes: &[u8], limit: &SizeLimit) -> Result<DracoMesh, Failure> {
        /// Bytes that a face takes while it is decoded, about: it has three corners in several tables.
        const FACE: u64 = 100;
        let limits = DecodeLimits::default()
            .with_max_points(limit.bytes)
            .with_max_faces(limit.bytes / FACE)
            .with_max_decoded_bytes(limit.bytes);
        let mut mesh = draco_core::Mesh::new();
        let mut buffer = DecoderBuffer::new(bytes).with_limits(limits);
        let decoded = MeshDecoder::new().decode(&mut buffer, &mut mesh);
        decoded.map_err(|error| match error.kind() {
            ErrorKind::LimitExceeded => Failure::OverLimit {
                what: "its Draco data unfolds to more than is allowed".into(),
                bytes: limit.bytes.saturating_add(1),
                limit: limit.bytes,
            },
            _ => Failure::Malformed(format!("its Draco compression: {error}")),
        })?;
        Ok(DracoMesh(mesh))
    }

    /// The numbers of each point of the attribute with this number; `None` if it has no such attribute.
    pub fn numbers<const N: usize>(&self, attribute: usize) -> Option<Vec<[f64; N]>> {
        let attribute = self
            .0
            .attribute_by_unique_id(u32::try_from(attribute).ok()?)?;
        let numbers = attribute.read_f32s(self.0.num_points(), N);
        Some(
            numbers
                .as_chunks()
                .0
                .iter()
                .map(|item| item.map(f64::from))
                .collect(),
        )
    }

    pub fn triangles(&self) -> Vec<[u32; 3]> {
        let faces = 0..self.0.num_faces() as u32;
        faces
            .map(|face| self.0.face(FaceIndex(face)).map(|point| point.0))
            .collect()
    }

    /// Refuses what would not fit so many times into a mesh that has these vertices and triangles already.
    pub fn check(
        &self,
        limit: &SizeLimit,
        times: u64,
        (vertices, triangles): (u64, u64),
    ) -> Result<(), MeshError> {
        let sum =
            |first: u64, count: usize| first.saturating_add(times.saturating_mul(count as u64));
        limit.check(
            sum(vertices, self.0.num_points()),
            sum(triangles, self.0.num_faces()),
        )
    }
}
