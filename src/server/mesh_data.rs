//! From the bytes of an upload to a mesh.

use super::convert::known;
use super::error::ApiError;
use super::proto;
use crate::geometry::{Cleanup, LoadedMesh, Mesh, MeshFormat, parse_mesh, validate};

/// Bytes of a vertex or of a triangle in the RAW format.
const ROW: u64 = 12;
/// Longest name that a user may give.
const LONGEST_NAME: usize = 256;

/// What is wrong with the metadata of a mesh, before its data is looked at.
///
/// # Errors
/// [`ApiError::Field`], naming the field.
pub(super) fn check_metadata(metadata: &proto::MeshMetadata) -> Result<(), ApiError> {
    check_display_name(&metadata.display_name)?;
    if known::<proto::MeshFormat>(metadata.format, "metadata.format")?
        == proto::MeshFormat::Unspecified
    {
        let message = "metadata.format is not set: say which format the data has";
        return Err(ApiError::field("metadata.format", message));
    }
    Ok(())
}

/// Refuses names that no interface could show.
///
/// # Errors
/// [`ApiError::Field`].
pub(super) fn check_display_name(name: &str) -> Result<(), ApiError> {
    if name.len() > LONGEST_NAME {
        let message = format!(
            "display_name has {} bytes: at most {LONGEST_NAME} are taken",
            name.len()
        );
        return Err(ApiError::field("display_name", message));
    }
    Ok(())
}

/// Bytes that a RAW upload must have by its counts; `None` for other formats, which say it themselves.
///
/// # Errors
/// [`ApiError::Field`] for counts that no upload could have.
pub(super) fn raw_length(metadata: &proto::MeshMetadata) -> Result<Option<u64>, ApiError> {
    if metadata.format() != proto::MeshFormat::Raw {
        return Ok(None);
    }
    let rows = metadata.vertex_count.checked_add(metadata.triangle_count);
    match rows.and_then(|rows| rows.checked_mul(ROW)) {
        Some(length) => Ok(Some(length)),
        None => Err(ApiError::field(
            "metadata.vertex_count",
            "the counts are larger than any mesh",
        )),
    }
}

/// Reads and checks a mesh. `metadata` passed [`check_metadata`].
///
/// # Errors
/// Says what is wrong with the data.
pub(super) fn decode(
    metadata: &proto::MeshMetadata,
    data: &[u8],
) -> Result<(Mesh, Cleanup), ApiError> {
    let format = match metadata.format() {
        proto::MeshFormat::Raw | proto::MeshFormat::Unspecified => {
            return decode_raw(metadata, data);
        }
        proto::MeshFormat::Obj => MeshFormat::Obj,
        proto::MeshFormat::Ply => MeshFormat::Ply,
        proto::MeshFormat::Stl => MeshFormat::Stl,
        proto::MeshFormat::Off => MeshFormat::Off,
        proto::MeshFormat::Gltf if data.starts_with(b"glTF") => MeshFormat::Glb,
        proto::MeshFormat::Gltf => MeshFormat::Gltf,
    };
    let name = match metadata.display_name.as_str() {
        "" => "the mesh",
        name => name,
    };
    let LoadedMesh { mesh, cleanup, .. } = parse_mesh(data, format, name)?;
    Ok((mesh, cleanup))
}

fn decode_raw(metadata: &proto::MeshMetadata, data: &[u8]) -> Result<(Mesh, Cleanup), ApiError> {
    let (vertices, triangles) = (metadata.vertex_count, metadata.triangle_count);
    let expected = raw_length(metadata)?.unwrap_or_default();
    if data.len() as u64 != expected {
        return Err(ApiError::field(
            "data",
            format!(
                "{vertices} vertices and {triangles} triangles are {expected} bytes, but {} came: \
                 positions are f32 [V, 3], triangles u32 [F, 3]",
                data.len()
            ),
        ));
    }
    // Fits into memory, since the data does.
    let (positions, indices) = data.split_at((vertices * ROW) as usize);
    let rows = |bytes: &'_ [u8]| bytes.as_chunks::<4>().0.as_chunks::<3>().0.to_vec();
    let positions: Vec<[f32; 3]> = rows(positions)
        .into_iter()
        .map(|row| row.map(f32::from_le_bytes))
        .collect();
    let indices: Vec<[u32; 3]> = rows(indices)
        .into_iter()
        .map(|row| row.map(u32::from_le_bytes))
        .collect();
    Ok(validate(Mesh::from_arrays(&positions, &indices))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(
        format: proto::MeshFormat,
        vertex_count: u64,
        triangle_count: u64,
    ) -> proto::MeshMetadata {
        proto::MeshMetadata {
            format: format.into(),
            vertex_count,
            triangle_count,
            ..Default::default()
        }
    }

    #[test]
    fn raw_arrays_become_the_same_mesh() {
        let positions = [[0.0f32, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.5]];
        let mut data: Vec<u8> = positions
            .as_flattened()
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        data.extend([0u32, 1, 2].iter().flat_map(|x| x.to_le_bytes()));
        let (mesh, _) = decode(&metadata(proto::MeshFormat::Raw, 3, 1), &data).unwrap();
        assert_eq!(mesh, Mesh::from_arrays(&positions, &[[0, 1, 2]]));
    }

    #[test]
    fn lengths_and_counts_must_agree() {
        let raw = |vertices, triangles| metadata(proto::MeshFormat::Raw, vertices, triangles);
        let message = decode(&raw(3, 1), &[0; 47]).unwrap_err().to_string();
        assert!(
            message.contains("48 bytes") && message.contains("47"),
            "{message}"
        );
        assert!(decode(&raw(u64::MAX, 1), &[0; 47]).is_err());
        assert!(decode(&raw(u64::MAX / 12, 1), &[0; 47]).is_err());
        assert_eq!(
            raw_length(&metadata(proto::MeshFormat::Obj, 3, 1)).unwrap(),
            None
        );
    }

    #[test]
    fn metadata_is_checked_before_data_comes() {
        assert!(check_metadata(&metadata(proto::MeshFormat::Raw, 0, 0)).is_ok());
        assert!(check_metadata(&metadata(proto::MeshFormat::Unspecified, 0, 0)).is_err());
        let mut unknown = metadata(proto::MeshFormat::Raw, 0, 0);
        unknown.format = 99;
        assert!(check_metadata(&unknown).is_err());
        let long = proto::MeshMetadata {
            display_name: "x".repeat(257),
            ..metadata(proto::MeshFormat::Raw, 0, 0)
        };
        assert!(check_metadata(&long).is_err());
    }
}
