//! Extraction between the library and the wire: a header, then the result in chunks.

use std::pin::Pin;
use std::time::Instant;

use prost::bytes::Bytes;
use tokio_stream::Stream;
use tonic::Status;

use super::chunks::{bytes_of, chunks};
use super::error::ApiError;
use super::memory::Charge;
use super::proto::{self, extract_mesh_response, extract_volume_response};
use crate::CancelToken;
use crate::extract::{
    BandSettings, DENSE_BYTES, ExtractError, Fineness, Grid, Resolution, Surface, SurfaceSettings,
    VolumePrecision, extract_narrow_band, extract_surface, sample_dense, write_vdb_to,
};
use crate::geometry::{Mesh, Topology, TriangleShape};
use crate::query::LoadedModel;

/// The messages of an answer.
pub(super) type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// About how many bytes a surface or a narrow band takes, at most `most`; 0 where there is no such grid, which extracting it tells.
pub(super) fn surface_bytes(
    model: &LoadedModel,
    resolution: Option<Resolution>,
    iso: f64,
    most: u64,
) -> u64 {
    grid_bytes(model, resolution, iso, most, Grid::surface_bytes).min(most)
}

/// How many bytes a dense volume takes, at most `most`; 0 where there is no such grid, which extracting it tells.
pub(super) fn dense_bytes(model: &LoadedModel, resolution: Option<Resolution>, most: u64) -> u64 {
    let automatic = most.min(DENSE_BYTES);
    grid_bytes(model, resolution, 0.0, automatic, Grid::dense_bytes).min(most)
}

fn grid_bytes(
    model: &LoadedModel,
    resolution: Option<Resolution>,
    iso: f64,
    automatic: u64,
    bytes: fn(&Grid) -> u64,
) -> u64 {
    let shape = model.shape();
    let resolution = match resolution {
        Some(resolution) => Ok(resolution),
        None => Fineness::new(shape, iso).automatic(automatic, bytes),
    };
    let grid =
        resolution.and_then(|resolution| Grid::around_level_set(&shape.bounds, resolution, iso));
    grid.map_or(0, |grid| bytes(&grid))
}

/// Extracts within what is charged. An extraction that takes more than was expected says so before it takes it, and is tried again once twice as much
/// is charged, up to `most`.
fn within<T>(
    charge: &mut Charge,
    most: u64,
    extract: impl Fn(u64) -> Result<T, ExtractError>,
) -> Result<T, ApiError> {
    loop {
        // For the words, too: they name the limit that counts.
        let limit = charge.bytes().min(most);
        match extract(limit) {
            Err(ExtractError::TooLarge { bytes, .. }) if limit < most => {
                charge.resize_blocking(bytes.max(2 * limit).min(most))?;
            }
            result => return Ok(result?),
        }
    }
}

/// A level set as a mesh.
///
/// # Errors
/// What the library says.
pub(super) fn surface_messages(
    model: &LoadedModel,
    resolution: Option<Resolution>,
    settings: &SurfaceSettings,
    charge: &mut Charge,
    cancel: &CancelToken,
) -> Result<Messages<proto::ExtractMeshResponse>, ApiError> {
    use extract_mesh_response::Part;
    let start = Instant::now();
    let fineness = Fineness::new(model.shape(), settings.iso);
    let resolution = match resolution {
        Some(resolution) => resolution,
        None => fineness.automatic(settings.memory_limit, Grid::surface_bytes)?,
    };
    let grid = Grid::around_level_set(&model.shape().bounds, resolution, settings.iso)?;
    let surface = within(charge, settings.memory_limit, |memory_limit| {
        let settings = SurfaceSettings {
            memory_limit,
            ..*settings
        };
        let surface = surface_on(model, &grid, &settings, cancel);
        surface.map_err(|error| fineness.explain(error, grid.resolution))
    })?;
    let bodies = surface.bodies();
    let mut warnings = fineness.warnings(grid.resolution, Some(&bodies));
    let resolution_needed = resolution_needed(&fineness, &grid, &warnings);
    let (watertight, rounding) = state_in_f32(&surface);
    warnings.extend(rounding);
    warnings.extend(surface.warnings(settings));
    let header = proto::ExtractMeshHeader {
        vertex_count: surface.positions.len() as u64,
        triangle_count: surface.triangles.len() as u64,
        normals: surface.normals.is_some(),
        watertight,
        seconds: start.elapsed().as_secs_f64(),
        bodies: bodies.count,
        resolution: grid.resolution,
        resolution_needed,
        warnings,
        triangle_shape: Some(triangle_shape(&surface)),
        cut_triangles: surface.stats.cut_triangles,
    };
    charge.resize_blocking(sent_bytes(&surface))?;
    let parts =
        std::iter::once(Part::Header(header)).chain(surface_chunks(surface).map(Part::Chunk));
    let messages = parts.map(|part| Ok(proto::ExtractMeshResponse { part: Some(part) }));
    Ok(Box::pin(tokio_stream::iter(messages)))
}

/// A level set of a model.
///
/// # Errors
/// What the library says.
pub(super) fn surface_of(
    model: &LoadedModel,
    resolution: Resolution,
    settings: &SurfaceSettings,
    charge: &mut Charge,
    cancel: &CancelToken,
) -> Result<Surface, ApiError> {
    let grid = Grid::around_level_set(&model.shape().bounds, resolution, settings.iso)?;
    let surface = within(charge, settings.memory_limit, |memory_limit| {
        let settings = SurfaceSettings {
            memory_limit,
            ..*settings
        };
        surface_on(model, &grid, &settings, cancel)
    })?;
    charge.resize_blocking(sent_bytes(&surface))?;
    Ok(surface)
}

/// Bytes of a surface as it is sent.
fn sent_bytes(surface: &Surface) -> u64 {
    let normals = surface.normals.as_ref().map_or(0, Vec::len);
    (12 * (surface.positions.len() + surface.triangles.len() + normals)) as u64
}

fn surface_on(
    model: &LoadedModel,
    grid: &Grid,
    settings: &SurfaceSettings,
    cancel: &CancelToken,
) -> Result<Surface, ExtractError> {
    let (field, frame) = (model.unit_field(), &model.shape().frame);
    extract_surface(field, grid, frame, settings, cancel, &mut |_| {})
}

/// Whether a surface is watertight in the single precision in which it is sent, and what a user should know of that.
fn state_in_f32(surface: &Surface) -> (bool, Vec<String>) {
    let origin = [0.0; 3];
    if surface.fits_f32(origin) {
        return (!surface.stats.open(), Vec::new());
    }
    let held = surface.held_in_f32(origin);
    let warning = surface.warning_about(
        &held,
        "this mesh has",
        "export the model and write it with `overfit mesh -o NAME.obj`, or fit the mesh nearer to the origin",
    );
    let mesh = Mesh {
        positions: held.positions,
        triangles: surface.triangles.clone(),
    };
    (
        Topology::of(&mesh).watertight(),
        warning.into_iter().collect(),
    )
}

/// How a surface's triangles are shaped.
fn triangle_shape(surface: &Surface) -> proto::TriangleShape {
    let shape = TriangleShape::of(&surface.positions, &surface.triangles);
    proto::TriangleShape {
        smallest_angle: shape.smallest_angle,
        smallest_angle_percentile_1: shape.smallest_angle_percentile_1,
        largest_aspect: shape.largest_aspect,
        largest_aspect_percentile_99: shape.largest_aspect_percentile_99,
    }
}

/// Positions, triangles and normals, as one run of bytes.
pub(super) fn surface_chunks(surface: Surface) -> impl Iterator<Item = Bytes> + Send {
    let positions: Vec<[f32; 3]> = surface
        .positions
        .iter()
        .map(|position| position.map(|x| x as f32))
        .collect();
    chunks(vec![
        bytes_of(positions),
        bytes_of(surface.triangles),
        bytes_of(surface.normals.unwrap_or_default()),
    ])
}

/// Every sample of a grid.
///
/// # Errors
/// What the library says.
pub(super) fn dense_messages(
    model: &LoadedModel,
    resolution: Option<Resolution>,
    memory_limit: u64,
    charge: &mut Charge,
    cancel: &CancelToken,
) -> Result<Messages<proto::ExtractVolumeResponse>, ApiError> {
    let start = Instant::now();
    let (bounds, frame) = (&model.shape().bounds, &model.shape().frame);
    let fineness = Fineness::new(model.shape(), 0.0);
    let resolution = match resolution {
        Some(resolution) => resolution,
        None => fineness.automatic(memory_limit.min(DENSE_BYTES), Grid::dense_bytes)?,
    };
    let grid = Grid::around_level_set(bounds, resolution, 0.0)?;
    let field = model.unit_field();
    let volume = within(charge, memory_limit, |limit| {
        sample_dense(field, &grid, frame, limit, cancel, &mut |_| {})
    })?;
    let header = proto::ExtractVolumeHeader {
        origin: volume.origin.to_vec(),
        voxel_size: volume.voxel_size,
        dims: volume.dims.to_vec(),
        seconds: start.elapsed().as_secs_f64(),
        ..volume_header(&fineness, &grid)
    };
    Ok(volume_messages(header, bytes_of(volume.values)))
}

/// The narrow band, as an OpenVDB file; with `for_blender_4`, placed as Blender before 5.0 reads it.
///
/// # Errors
/// What the library says.
pub(super) fn vdb_messages(
    model: &LoadedModel,
    resolution: Option<Resolution>,
    settings: &BandSettings,
    for_blender_4: bool,
    charge: &mut Charge,
    cancel: &CancelToken,
) -> Result<Messages<proto::ExtractVolumeResponse>, ApiError> {
    let start = Instant::now();
    let (bounds, frame) = (&model.shape().bounds, &model.shape().frame);
    let fineness = Fineness::new(model.shape(), settings.iso);
    let resolution = match resolution {
        Some(resolution) => resolution,
        None => fineness.automatic(settings.memory_limit, Grid::surface_bytes)?,
    };
    let grid = Grid::around_band(bounds, resolution, settings.band)?;
    let field = model.unit_field();
    let mut band = within(charge, settings.memory_limit, |memory_limit| {
        let settings = BandSettings {
            memory_limit,
            ..*settings
        };
        let band = extract_narrow_band(field, &grid, frame, &settings, cancel, &mut |_| {});
        band.map_err(|error| fineness.explain(error, grid.resolution))
    })?;
    if for_blender_4 {
        band = band.lowered_for_blender_4();
    }
    let mut file = Vec::new();
    write_vdb_to(&band, "sdf", VolumePrecision::Full, &mut file).map_err(ApiError::Encode)?;
    let header = proto::ExtractVolumeHeader {
        origin: band.origin.to_vec(),
        voxel_size: band.voxel_size,
        dims: band.dims.to_vec(),
        active_voxels: band.active_voxels(),
        seconds: start.elapsed().as_secs_f64(),
        ..volume_header(&fineness, &grid)
    };
    charge.resize_blocking(file.len() as u64)?;
    Ok(volume_messages(header, file.into()))
}

/// What would keep what the warnings say is lost; 0 if nothing is, or if it is not for the grid.
fn resolution_needed(fineness: &Fineness<'_>, grid: &Grid, warnings: &[String]) -> u32 {
    let finer = fineness.finer_than(grid.resolution);
    finer.filter(|_| !warnings.is_empty()).unwrap_or(0)
}

/// What a header says of the grid.
fn volume_header(fineness: &Fineness<'_>, grid: &Grid) -> proto::ExtractVolumeHeader {
    let warnings = fineness.warnings(grid.resolution, None);
    proto::ExtractVolumeHeader {
        resolution: grid.resolution,
        resolution_needed: resolution_needed(fineness, grid, &warnings),
        warnings,
        ..Default::default()
    }
}

fn volume_messages(
    header: proto::ExtractVolumeHeader,
    data: Bytes,
) -> Messages<proto::ExtractVolumeResponse> {
    use extract_volume_response::Part;
    let header = proto::ExtractVolumeHeader {
        size_bytes: data.len() as u64,
        ..header
    };
    let parts = std::iter::once(Part::Header(header)).chain(chunks(vec![data]).map(Part::Chunk));
    let messages = parts.map(|part| Ok(proto::ExtractVolumeResponse { part: Some(part) }));
    Box::pin(tokio_stream::iter(messages))
}
