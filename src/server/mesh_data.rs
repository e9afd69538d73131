//! From the bytes of an upload to a mesh.

use super::convert::known;
use super::error::ApiError;
use super::memory::Charge;
use super::proto;
use crate::CancelToken;
use crate::geometry::{
    Cleanup, LoadedShape, Mesh, MeshFormat, PointCloud, ReadError, SizeLimit, parse_shape_within,
    validate,
};
use crate::reconstruct::{ReconstructError, ReconstructSettings, surface_through, working_bytes};

/// Bytes of a vertex, a normal or a triangle in the RAW format.
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
    if metadata.has_normals
        && (metadata.triangle_count > 0 || metadata.format() != proto::MeshFormat::Raw)
    {
        let message = "metadata.has_normals is for RAW data without triangles: nothing else has normals of its own";
        return Err(ApiError::field("metadata.has_normals", message));
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
    let vertex_rows = 1 + u64::from(metadata.has_normals);
    let rows = metadata.vertex_count.checked_mul(vertex_rows);
    let rows = rows.and_then(|rows| rows.checked_add(metadata.triangle_count));
    match rows.and_then(|rows| rows.checked_mul(ROW)) {
        Some(length) => Ok(Some(length)),
        None => Err(ApiError::field(
            "metadata.vertex_count",
            "the counts are larger than any mesh",
        )),
    }
}

/// Reads and checks a mesh of at most `largest` bytes, or puts a surface through points. `metadata` passed [`check_metadata`].
///
/// `held` is what the upload holds, and grows to what the mesh takes before the mesh does.
///
/// # Errors
/// Says what is wrong with the data; [`ApiError::NoMemory`] if there is no room for the mesh.
pub(super) fn decode(
    metadata: &proto::MeshMetadata,
    data: &[u8],
    largest: u64,
    held: &mut Charge,
    cancel: &CancelToken,
) -> Result<(Mesh, Cleanup), ApiError> {
    let (cloud, notes) = match read(metadata, data, largest, held)? {
        Shape::Mesh(mesh, cleanup) => return Ok((mesh, cleanup)),
        Shape::Points(cloud, notes) => (cloud, notes),
    };
    let bytes = working_bytes(cloud.positions.len());
    held.resize_blocking(bytes.saturating_add(data.len() as u64))?;
    let standard = ReconstructSettings::default();
    let settings = ReconstructSettings {
        smoothing: metadata.smoothing.unwrap_or(standard.smoothing),
        memory_limit: largest,
    };
    let surface = surface_through(&cloud, &settings, cancel)?;
    let (vertices, triangles) = (surface.mesh.positions.len(), surface.mesh.triangles.len());
    SizeLimit { bytes: largest }.check(vertices as u64, triangles as u64)?;
    let mut cleanup = surface.cleanup;
    let notes = notes.into_iter().chain(surface.report.in_words());
    cleanup.notes.splice(0..0, notes);
    Ok((surface.mesh, cleanup))
}

/// What an upload holds, checked.
enum Shape {
    Mesh(Mesh, Cleanup),
    /// With what was found in them, in words.
    Points(PointCloud, Vec<String>),
}

fn read(
    metadata: &proto::MeshMetadata,
    data: &[u8],
    largest: u64,
    held: &mut Charge,
) -> Result<Shape, ApiError> {
    let format = match metadata.format() {
        proto::MeshFormat::Raw | proto::MeshFormat::Unspecified => {
            if raw_length(metadata)? == Some(data.len() as u64) {
                let (vertices, triangles) = (metadata.vertex_count, metadata.triangle_count);
                SizeLimit { bytes: largest }.check(vertices, triangles)?;
                let bytes = SizeLimit::of(vertices, triangles).working_bytes();
                held.resize_blocking(bytes.saturating_add(data.len() as u64))?;
            }
            return decode_raw(metadata, data);
        }
        proto::MeshFormat::Obj => MeshFormat::Obj,
        proto::MeshFormat::Ply => MeshFormat::Ply,
        proto::MeshFormat::Stl => MeshFormat::Stl,
        proto::MeshFormat::Off => MeshFormat::Off,
        proto::MeshFormat::Gltf if data.starts_with(b"glTF") => MeshFormat::Glb,
        proto::MeshFormat::Gltf => MeshFormat::Gltf,
        proto::MeshFormat::Xyz => MeshFormat::Xyz,
    };
    let name = match metadata.display_name.as_str() {
        "" => "the mesh",
        name => name,
    };
    let shape = read_held(largest, data.len() as u64, held, |limit| {
        parse_shape_within(data, format, name, limit)
    })?;
    Ok(match shape {
        LoadedShape::Mesh(loaded) => Shape::Mesh(loaded.mesh, loaded.cleanup),
        LoadedShape::Points(points) => Shape::Points(points.cloud, points.notes),
    })
}

/// Calls `read` with a limit for which `held` has room, with what reading takes: first what the upload has, then what the reader says that it
/// needs, which it does before it makes room, up to `largest`.
fn read_held<T>(
    largest: u64,
    upload: u64,
    held: &mut Charge,
    read: impl Fn(&SizeLimit) -> Result<T, ReadError>,
) -> Result<T, ApiError> {
    let mut bytes = upload.min(largest);
    loop {
        let working = SizeLimit { bytes }.working_bytes();
        held.resize_blocking(working.saturating_add(upload))?;
        let error = match read(&SizeLimit { bytes }) {
            Ok(mesh) => return Ok(mesh),
            Err(error) => error,
        };
        let needed = match error.bytes_beyond_limit() {
            Some(needed) if bytes < largest => needed,
            _ => return Err(error.into()),
        };
        if needed > largest {
            // For the words: they name the limit that counts.
            bytes = largest;
            continue;
        }
        // A reader may know only a part of what it needs: with less than the double it could be asked for ever.
        let more = needed.max(bytes.saturating_mul(2)).min(largest);
        let room = SizeLimit { bytes: more }.working_bytes();
        bytes = match held.grow_now(room.saturating_add(upload)) {
            Ok(()) => more,
            Err(_) => needed,
        };
    }
}

fn decode_raw(metadata: &proto::MeshMetadata, data: &[u8]) -> Result<Shape, ApiError> {
    let (vertices, triangles) = (metadata.vertex_count, metadata.triangle_count);
    let expected = raw_length(metadata)?.unwrap_or_default();
    if data.len() as u64 != expected {
        let normals = match metadata.has_normals {
            true => ", then normals f32 [V, 3]",
            false => "",
        };
        return Err(ApiError::field(
            "data",
            format!(
                "{vertices} vertices and {triangles} triangles are {expected} bytes, but {} came: \
                 positions are f32 [V, 3]{normals}, triangles u32 [F, 3]",
                data.len()
            ),
        ));
    }
    // Fits into memory, since the data does.
    let rows = |bytes: &'_ [u8]| bytes.as_chunks::<4>().0.as_chunks::<3>().0.to_vec();
    let numbers = |bytes: &'_ [u8]| -> Vec<[f32; 3]> {
        let rows = rows(bytes).into_iter();
        rows.map(|row| row.map(f32::from_le_bytes)).collect()
    };
    let (positions, rest) = data.split_at((vertices * ROW) as usize);
    let positions = numbers(positions);
    if triangles == 0 && vertices > 0 {
        let normals = metadata.has_normals.then(|| numbers(rest));
        let cloud = PointCloud::from_arrays(&positions, normals.as_deref());
        let (cloud, cleanup) = cloud.checked().map_err(ReconstructError::from)?;
        return Ok(Shape::Points(cloud, cleanup.in_words()));
    }
    let indices: Vec<[u32; 3]> = rows(rest)
        .into_iter()
        .map(|row| row.map(u32::from_le_bytes))
        .collect();
    let (mesh, cleanup) = validate(Mesh::from_arrays(&positions, &indices))?;
    Ok(Shape::Mesh(mesh, cleanup))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::memory::Memory;
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
        let decoded = decode_raw(&metadata(proto::MeshFormat::Raw, 3, 1), &data).unwrap();
        let Shape::Mesh(mesh, _) = decoded else {
            panic!("it has a face");
        };
        assert_eq!(mesh, Mesh::from_arrays(&positions, &[[0, 1, 2]]));
    }

    fn refused(metadata: &proto::MeshMetadata, data: &[u8]) -> String {
        match decode_raw(metadata, data) {
            Ok(_) => panic!("it was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn arrays_without_triangles_are_points_with_or_without_normals() {
        let positions: Vec<[f32; 3]> = (0..12)
            .map(|i| [i, i * i % 5, i * 7 % 4].map(|x| x as f32))
            .collect();
        let normals: Vec<[f32; 3]> = (0..12).map(|i| [0.0, (i % 2) as f32, 0.0]).collect();
        let bytes = |rows: &[[f32; 3]]| -> Vec<u8> {
            rows.as_flattened()
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect()
        };
        let mut raw = metadata(proto::MeshFormat::Raw, 12, 0);
        let Ok(Shape::Points(cloud, notes)) = decode_raw(&raw, &bytes(&positions)) else {
            panic!("they are points");
        };
        assert_eq!(cloud, PointCloud::from_arrays(&positions, None));
        assert!(notes.is_empty());
        raw.has_normals = true;
        let message = refused(&raw, &bytes(&positions));
        assert!(
            message.contains("288 bytes, but 144 came") && message.contains("normals"),
            "{message}"
        );
        let both = [bytes(&positions), bytes(&normals)].concat();
        let Ok(Shape::Points(cloud, notes)) = decode_raw(&raw, &both) else {
            panic!("they are points");
        };
        assert_eq!(cloud, PointCloud::from_arrays(&positions, Some(&normals)));
        assert!(
            notes[0].contains("6 points have normals without a direction"),
            "{notes:?}"
        );
    }

    #[test]
    fn lengths_and_counts_must_agree() {
        let raw = |vertices, triangles| metadata(proto::MeshFormat::Raw, vertices, triangles);
        let message = refused(&raw(3, 1), &[0; 47]);
        assert!(
            message.contains("48 bytes") && message.contains("47"),
            "{message}"
        );
        assert!(decode_raw(&raw(u64::MAX, 1), &[0; 47]).is_err());
        assert!(decode_raw(&raw(u64::MAX / 12, 1), &[0; 47]).is_err());
        assert_eq!(
            raw_length(&metadata(proto::MeshFormat::Obj, 3, 1)).unwrap(),
            None
        );
    }

    #[test]
    fn memory_is_held_before_a_mesh_takes_it() {
        // A reader that needs 500 bytes, says so, and takes them.
        let read = |limit: &SizeLimit| match limit.bytes {
            500.. => Ok(limit.bytes),
            limit => Err(ReadError::OverLimit {
                name: "a".into(),
                what: "it".into(),
                bytes: 500,
                limit,
            }),
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let memory = Memory::new(2200, Duration::from_millis(1));
        let mut held = memory.charge_now(100).unwrap();
        assert_eq!(read_held(550, 100, &mut held, read).unwrap(), 500);
        assert_eq!(held.bytes(), 100 + 4 * 500);
        let no_room = read_held(550, 100, &mut memory.nothing(), read).unwrap_err();
        assert!(matches!(
            no_room,
            ApiError::NoMemory {
                needed: 500,
                held: 2100,
                limit: 2200
            }
        ));
        drop(held);
        // The limit in the words is the one that counts, not the one that was tried first.
        let refused = read_held(499, 100, &mut memory.nothing(), read).unwrap_err();
        assert!(refused.to_string().contains("at most 499"), "{refused}");
        // There is no room for twice the 260 bytes that were not enough, but there is for what is needed.
        let mut held = memory.charge_now(20).unwrap();
        assert_eq!(read_held(550, 20, &mut held, read).unwrap(), 500);
    }

    #[test]
    fn metadata_is_checked_before_data_comes() {
        assert!(check_metadata(&metadata(proto::MeshFormat::Raw, 0, 0)).is_ok());
        assert!(check_metadata(&metadata(proto::MeshFormat::Unspecified, 0, 0)).is_err());
        let mut unknown = metadata(proto::MeshFormat::Raw, 0, 0);
        unknown.format = 99;
        assert!(check_metadata(&unknown).is_err());
        let with_normals = |metadata| proto::MeshMetadata {
            has_normals: true,
            ..metadata
        };
        assert!(check_metadata(&with_normals(metadata(proto::MeshFormat::Raw, 9, 0))).is_ok());
        assert!(check_metadata(&with_normals(metadata(proto::MeshFormat::Raw, 9, 1))).is_err());
        assert!(check_metadata(&with_normals(metadata(proto::MeshFormat::Ply, 0, 0))).is_err());
        let long = proto::MeshMetadata {
            display_name: "x".repeat(257),
            ..metadata(proto::MeshFormat::Raw, 0, 0)
        };
        assert!(check_metadata(&long).is_err());
    }
}
