//! Reading meshes from files and from bytes.

use std::io;
use std::path::Path;

use rayon::prelude::*;

use super::format::Content;
use super::triangulate::PolygonMesh;
use super::weld::first_at_same_place;
use super::{
    Cleanup, Mesh, MeshError, MeshFormat, PointCloud, PointCloudError, SizeLimit, UnknownFormat,
    gltf, obj, off, ply, stl, text, validate, xyz,
};

/// A mesh that came from a file and passed [`validate()`].
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedMesh {
    /// The mesh, in the units and at the place of the file.
    pub mesh: Mesh,
    /// The format it was read from.
    pub format: MeshFormat,
    /// What was found and done on the way in.
    pub cleanup: Cleanup,
}

/// Points that came from a file without faces and passed [`PointCloud::checked`].
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedPoints {
    /// The points, in the units and at the place of the file.
    pub cloud: PointCloud,
    /// The format they were read from.
    pub format: MeshFormat,
    /// What was left out, repaired or doubted, one sentence each.
    pub notes: Vec<String>,
}

/// What a file holds: a surface, or points of one.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadedShape {
    /// A mesh.
    Mesh(LoadedMesh),
    /// Points without faces.
    Points(LoadedPoints),
}

/// Why a file gives no mesh. The texts begin with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("{name}: cannot be read: {source}")]
    Io {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The extension names no format.
    #[error("{name}: {source}")]
    UnknownFormat {
        /// The file.
        name: String,
        /// The extension, and what may be used.
        source: UnknownFormat,
    },
    /// The file has no bytes.
    #[error("{name}: the file is empty")]
    Empty {
        /// The file.
        name: String,
    },
    /// The content is not what the extension promises.
    #[error("{name}: the extension says {expected}, but the content looks like {found}; {advice}")]
    WrongContent {
        /// The file.
        name: String,
        /// The format that was asked for.
        expected: MeshFormat,
        /// What the first bytes look like, in words.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// The file ends too early.
    #[error("{name}: the file is cut off: {detail}")]
    Truncated {
        /// The file.
        name: String,
        /// What is missing.
        detail: String,
    },
    /// The content does not follow its format.
    #[error("{name}: not a valid {format} file: {detail}")]
    Malformed {
        /// The file.
        name: String,
        /// The format.
        format: MeshFormat,
        /// What is wrong, and where.
        detail: String,
    },
    /// The format is followed, but with a part that is not supported.
    #[error("{name}: {detail}")]
    Unsupported {
        /// The file.
        name: String,
        /// What it is, and what to do instead.
        detail: String,
    },
    /// Something in the file takes more memory than it may, see [`SizeLimit`].
    #[error(
        "{name}: {what}, which takes {bytes} bytes: at most {limit} are allowed; simplify the file first, or raise the limit"
    )]
    OverLimit {
        /// The file.
        name: String,
        /// What it is, in words.
        what: String,
        /// What it would take.
        bytes: u64,
        /// What it may take.
        limit: u64,
    },
    /// The file was read, and what it holds is no usable mesh.
    #[error("{name}: {source}")]
    Mesh {
        /// The file.
        name: String,
        /// What is wrong with the mesh.
        source: MeshError,
    },
    /// The file was read, and no surface can be put through its points.
    #[error("{name}: {source}")]
    Points {
        /// The file.
        name: String,
        /// What is wrong with the points.
        source: PointCloudError,
    },
}

/// Reads the mesh in the file at `path`, whose extension names its format.
///
/// Polygons are cut into triangles, vertices that a format repeats are merged, and the result passes [`validate()`].
/// All objects of a file become one mesh. Points without faces are refused: [`read_shape_within`] takes them.
///
/// # Errors
/// [`ReadError`], naming the file.
pub fn read_mesh(path: &Path) -> Result<LoadedMesh, ReadError> {
    read_mesh_within(path, &SizeLimit::default())
}

/// Like [`read_mesh`], with a limit of the caller's on what the file may become.
///
/// # Errors
/// [`ReadError`], naming the file.
pub fn read_mesh_within(path: &Path, limit: &SizeLimit) -> Result<LoadedMesh, ReadError> {
    read(path, limit, Parsed::into_mesh)
}

/// Like [`read_mesh_within`], but takes points without faces for what they are.
///
/// # Errors
/// [`ReadError`], naming the file.
pub fn read_shape_within(path: &Path, limit: &SizeLimit) -> Result<LoadedShape, ReadError> {
    read(path, limit, Parsed::into_shape)
}

fn read<T>(path: &Path, limit: &SizeLimit, finish: Finish<T>) -> Result<T, ReadError> {
    let name = path.display().to_string();
    let format = match MeshFormat::from_path(path) {
        Ok(format) => format,
        // A file that is not there is the nearer reason.
        Err(source) => {
            return Err(match std::fs::metadata(path) {
                Ok(_) => ReadError::UnknownFormat { name, source },
                Err(source) => ReadError::Io { name, source },
            });
        }
    };
    match std::fs::read(path) {
        Ok(bytes) => parse(&bytes, format, &name, path.parent(), limit, finish),
        Err(source) => Err(ReadError::Io { name, source }),
    }
}

/// Reads a mesh from the bytes of a file. `name` stands for the file in error messages.
///
/// # Errors
/// [`ReadError`]; a glTF whose buffers lie in other files is among them.
pub fn parse_mesh(bytes: &[u8], format: MeshFormat, name: &str) -> Result<LoadedMesh, ReadError> {
    parse_mesh_within(bytes, format, name, &SizeLimit::default())
}

/// Like [`parse_mesh`], with a limit of the caller's on what the file may become.
///
/// # Errors
/// [`ReadError`].
pub fn parse_mesh_within(
    bytes: &[u8],
    format: MeshFormat,
    name: &str,
    limit: &SizeLimit,
) -> Result<LoadedMesh, ReadError> {
    parse(bytes, format, name, None, limit, Parsed::into_mesh)
}

/// Like [`parse_mesh_within`], but takes points without faces for what they are.
///
/// # Errors
/// [`ReadError`].
pub fn parse_shape_within(
    bytes: &[u8],
    format: MeshFormat,
    name: &str,
    limit: &SizeLimit,
) -> Result<LoadedShape, ReadError> {
    parse(bytes, format, name, None, limit, Parsed::into_shape)
}

#[cfg(test)]
pub(super) fn parse_points_for_test(
    bytes: &[u8],
    format: MeshFormat,
) -> Result<(PointCloud, Vec<String>), ReadError> {
    match parse_shape_within(bytes, format, "points", &SizeLimit::default())? {
        LoadedShape::Points(points) => Ok((points.cloud, points.notes)),
        LoadedShape::Mesh(mesh) => panic!("a mesh: {mesh:?}"),
    }
}

/// What becomes of what a parser gives.
type Finish<T> = fn(Parsed, MeshFormat) -> Result<T, Failure>;

fn parse<T>(
    bytes: &[u8],
    format: MeshFormat,
    name: &str,
    folder: Option<&Path>,
    limit: &SizeLimit,
    finish: Finish<T>,
) -> Result<T, ReadError> {
    let plain = text::plain(bytes);
    let bytes = &*plain;
    let parsed = check_content(bytes, format).and_then(|()| match format {
        MeshFormat::Obj => obj::parse(bytes, limit),
        MeshFormat::Ply => ply::parse(bytes, limit),
        MeshFormat::Stl => stl::parse(bytes, limit),
        MeshFormat::Off => off::parse(bytes, limit),
        MeshFormat::Glb | MeshFormat::Gltf => gltf::parse(bytes, folder, limit),
        MeshFormat::Xyz => xyz::parse(bytes, limit),
    });
    let finished = parsed.and_then(|parsed| finish(parsed, format));
    finished.map_err(|failure| failure.named(name, format))
}

fn check_content(bytes: &[u8], expected: MeshFormat) -> Result<(), Failure> {
    if bytes.is_empty() {
        return Err(Failure::Empty);
    }
    let is_gltf = |format| matches!(format, MeshFormat::Glb | MeshFormat::Gltf);
    match MeshFormat::sniff(bytes) {
        Some(Content::Mesh(found)) if found == expected || is_gltf(found) && is_gltf(expected) => {
            Ok(())
        }
        Some(found) => Err(Failure::WrongContent(found)),
        None => Ok(()),
    }
}

/// What a format's parser gives.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub mesh: Mesh,
    /// A normal for each vertex, only if there are no triangles; empty if there are none.
    pub normals: Vec<[f64; 3]>,
    pub polygons: u64,
    pub welded: u64,
    /// What was left out or repaired, one sentence each.
    pub notes: Vec<String>,
}

impl Parsed {
    /// Cuts the faces of a file into triangles, within `limit`, and adds to `notes` what that leaves out.
    pub fn from_polygons(
        polygons: PolygonMesh,
        limit: &SizeLimit,
        mut notes: Vec<String>,
    ) -> Result<Parsed, Failure> {
        limit.check(polygons.positions.len() as u64, polygons.triangle_count())?;
        notes.extend(left_out(polygons.lines_and_points, SMALL_FACE, SMALL_FACES));
        let (mesh, polygons) = polygons.into_triangles()?;
        Ok(Parsed {
            mesh,
            polygons,
            notes,
            ..Parsed::default()
        })
    }

    fn into_mesh(self, format: MeshFormat) -> Result<LoadedMesh, Failure> {
        let parsed = self.without_places_nobody_needs();
        let (mesh, mut cleanup) = validate(parsed.mesh)?;
        cleanup.polygons_triangulated = parsed.polygons;
        cleanup.vertices_welded = parsed.welded;
        cleanup.notes.splice(0..0, parsed.notes);
        Ok(LoadedMesh {
            mesh,
            format,
            cleanup,
        })
    }

    fn into_shape(self, format: MeshFormat) -> Result<LoadedShape, Failure> {
        if !self.mesh.triangles.is_empty() || self.mesh.positions.is_empty() {
            return self.into_mesh(format).map(LoadedShape::Mesh);
        }
        let cloud = PointCloud {
            positions: self.mesh.positions,
            normals: Some(self.normals).filter(|normals| !normals.is_empty()),
        };
        let (cloud, cleanup) = cloud.checked().map_err(Failure::Points)?;
        let mut notes = self.notes;
        notes.extend(cleanup.in_words());
        Ok(LoadedShape::Points(LoadedPoints {
            cloud,
            format,
            notes,
        }))
    }

    /// Leaves out the vertices that have no finite place and belong to no face: scanners write `nan` where they saw
    /// nothing. The others keep their order.
    fn without_places_nobody_needs(mut self) -> Parsed {
        let is_finite = |position: &[f64; 3]| position.iter().all(|x| x.is_finite());
        let positions = &mut self.mesh.positions;
        if positions.par_iter().all(is_finite) {
            return self;
        }
        let mut keep: Vec<bool> = positions.iter().map(is_finite).collect();
        for &vertex in self.mesh.triangles.as_flattened() {
            if let Some(keep) = keep.get_mut(vertex as usize) {
                *keep = true;
            }
        }
        let count = keep.iter().filter(|&&keep| !keep).count();
        // A vertex that does not exist stays one: the checks name it.
        if count == 0 || self.mesh.triangles.is_empty() {
            return self;
        }
        let mut kept = 0;
        let new_index: Vec<u32> = keep
            .iter()
            .map(|&keep| {
                kept += u32::from(keep);
                kept.wrapping_sub(1)
            })
            .collect();
        let mut old = keep.iter();
        positions.retain(|_| old.next().is_some_and(|&keep| keep));
        for vertex in self.mesh.triangles.as_flattened_mut() {
            let missing = *vertex;
            *vertex = *new_index.get(missing as usize).unwrap_or(&missing);
        }
        self.notes.extend(left_out(
            count as u64,
            "vertex without a finite place, which no face uses,",
            "vertices without a finite place, which no face uses,",
        ));
        self
    }

    /// Merges the vertices at the same place, for formats that repeat them.
    pub fn welded(mut self) -> Parsed {
        let first = first_at_same_place(&self.mesh.positions);
        let mut new_index = vec![0; first.len()];
        let mut kept = 0;
        for (old, &place) in first.iter().enumerate() {
            if place as usize == old {
                self.mesh.positions[kept] = self.mesh.positions[old];
                new_index[old] = kept as u32;
                kept += 1;
            }
        }
        self.mesh.positions.truncate(kept);
        for triangle in &mut self.mesh.triangles {
            *triangle = triangle.map(|v| match first.get(v as usize) {
                Some(&place) => new_index[place as usize],
                // A vertex that does not exist stays one: the checks name it.
                None => v,
            });
        }
        self.welded = (first.len() - kept) as u64;
        self
    }
}

pub(super) const SMALL_FACE: &str = "face of fewer than three corners";
pub(super) const SMALL_FACES: &str = "faces of fewer than three corners";

/// The note that `count` things were left out; none if there are none.
pub(super) fn left_out(count: u64, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one} was left out.")),
        _ => Some(format!("{count} {many} were left out.")),
    }
}

/// Why a parser failed: a [`ReadError`] that does not know the file's name.
#[derive(Debug)]
pub(super) enum Failure {
    Empty,
    WrongContent(Content),
    Truncated(String),
    Malformed(String),
    Unsupported(String),
    OverLimit {
        what: String,
        bytes: u64,
        limit: u64,
    },
    Mesh(MeshError),
    Points(PointCloudError),
}

impl From<MeshError> for Failure {
    fn from(source: MeshError) -> Self {
        Failure::Mesh(source)
    }
}

impl ReadError {
    /// The least memory that the mesh would take, if that is more than the limit allows.
    pub(crate) fn bytes_beyond_limit(&self) -> Option<u64> {
        match self {
            ReadError::OverLimit { bytes, .. } => Some(*bytes),
            ReadError::Mesh {
                source: MeshError::OverLimit { bytes, .. },
                ..
            } => Some(*bytes),
            _ => None,
        }
    }
}

impl Failure {
    fn named(self, name: &str, format: MeshFormat) -> ReadError {
        let name = name.to_owned();
        match self {
            Failure::Empty => ReadError::Empty { name },
            Failure::WrongContent(found) => ReadError::WrongContent {
                name,
                expected: format,
                found: found.to_string(),
                advice: found.advice(),
            },
            Failure::Truncated(detail) => ReadError::Truncated { name, detail },
            Failure::Malformed(detail) => ReadError::Malformed {
                name,
                format,
                detail,
            },
            Failure::Unsupported(detail) => ReadError::Unsupported { name, detail },
            Failure::OverLimit { what, bytes, limit } => ReadError::OverLimit {
                name,
                what,
                bytes,
                limit,
            },
            Failure::Mesh(source) => ReadError::Mesh { name, source },
            Failure::Points(source) => ReadError::Points { name, source },
        }
    }
}

#[cfg(test)]
mod tests;
