//! Files of meshes or points, read as meshes.

use std::path::Path;

use super::{ReconstructError, ReconstructSettings, surface_through};
use crate::CancelToken;
use crate::geometry::{
    LoadedMesh, LoadedPoints, LoadedShape, MeshFormat, ReadError, SizeLimit, parse_shape_within,
    read_shape_within,
};

/// Why a file gives no mesh. The texts begin with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It holds points, and no surface can be put through them.
    #[error("{name}: {source}")]
    Points {
        /// The file.
        name: String,
        /// Why.
        source: ReconstructError,
    },
}

impl LoadError {
    /// Whether the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            LoadError::Points {
                source: ReconstructError::Cancelled,
                ..
            }
        )
    }
}

/// Reads the mesh in the file at `path`, or puts a surface through its points if it has no faces.
///
/// # Errors
/// [`LoadError`], naming the file.
pub fn load(
    path: &Path,
    limit: &SizeLimit,
    settings: &ReconstructSettings,
    cancel: &CancelToken,
) -> Result<LoadedMesh, LoadError> {
    let shape = read_shape_within(path, limit)?;
    mesh_of(shape, settings, cancel).map_err(|source| {
        let name = path.display().to_string();
        LoadError::Points { name, source }
    })
}

/// Like [`load`], from the bytes of a file. `name` stands for the file in error messages.
///
/// # Errors
/// [`LoadError`].
pub fn parse(
    bytes: &[u8],
    format: MeshFormat,
    name: &str,
    limit: &SizeLimit,
    settings: &ReconstructSettings,
    cancel: &CancelToken,
) -> Result<LoadedMesh, LoadError> {
    let shape = parse_shape_within(bytes, format, name, limit)?;
    mesh_of(shape, settings, cancel).map_err(|source| {
        let name = name.to_owned();
        LoadError::Points { name, source }
    })
}

fn mesh_of(
    shape: LoadedShape,
    settings: &ReconstructSettings,
    cancel: &CancelToken,
) -> Result<LoadedMesh, ReconstructError> {
    let LoadedPoints {
        cloud,
        format,
        mut notes,
    } = match shape {
        LoadedShape::Mesh(mesh) => return Ok(mesh),
        LoadedShape::Points(points) => points,
    };
    let surface = surface_through(&cloud, settings, cancel)?;
    let mut cleanup = surface.cleanup;
    notes.extend(surface.report.in_words());
    cleanup.notes.splice(0..0, notes);
    Ok(LoadedMesh {
        mesh: surface.mesh,
        format,
        cleanup,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{read_mesh, shapes};

    fn load_text(name: &str, text: &str) -> Result<LoadedMesh, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let settings = ReconstructSettings::default();
        let loaded = load(&path, &SizeLimit::default(), &settings, &CancelToken::new());
        if let Ok(mesh) = read_mesh(&path) {
            // What has faces is none of our business.
            assert_eq!(loaded.as_ref().unwrap(), &mesh);
        }
        loaded
    }

    #[test]
    fn meshes_stay_as_they_are_and_points_become_one() {
        let mesh = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";
        assert_eq!(load_text("a.obj", mesh).unwrap().mesh.triangles.len(), 4);
        let row = |p: &[f64; 3]| format!("{} {} {}\n", p[0], p[1], p[2]);
        let mut text: String = shapes::icosphere(3, 2.0)
            .positions
            .iter()
            .map(row)
            .collect();
        text.push_str("nan nan nan\n");
        let loaded = load_text("a.xyz", &text).unwrap();
        assert_eq!(loaded.format, MeshFormat::Xyz);
        let notes = loaded.cleanup.notes;
        assert!(
            notes[0].contains("1 point without a finite place"),
            "{notes:?}"
        );
        assert!(notes[1].contains("put through 642 points"), "{notes:?}");
    }

    #[test]
    fn what_is_wrong_begins_with_the_name() {
        let message = load_text("a.xyz", "0 0 0\n1 0 0\n")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("a.xyz: there are no faces, and only 2 different"),
            "{message}"
        );
    }
}
