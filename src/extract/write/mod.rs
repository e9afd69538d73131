//! Files for meshes and volumes.

mod dense;
mod error;
mod glb;
mod obj;
mod ply;
mod stl;
mod vdb;
mod vdb_tree;

pub use dense::{DenseFormat, DenseWriter};
pub use error::WriteError;
pub use vdb::{VolumePrecision, write_vdb, write_vdb_to};

use super::{HeldPositions, Surface};
use error::write_whole;
use std::io::Write;
use std::path::Path;

/// File formats for meshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeshFileFormat {
    /// Wavefront OBJ, text: full double precision, with normals.
    Obj,
    /// PLY, binary little endian, with normals.
    Ply,
    /// STL, binary: corners in `f32`, no shared vertices.
    Stl,
    /// glTF 2.0 binary, with normals.
    Glb,
}

impl MeshFileFormat {
    /// The format that a file's extension names, upper or lower case.
    ///
    /// # Errors
    /// Another extension, or none.
    pub fn from_path(path: &Path) -> Result<MeshFileFormat, WriteError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "obj" => Ok(MeshFileFormat::Obj),
            "ply" => Ok(MeshFileFormat::Ply),
            "stl" => Ok(MeshFileFormat::Stl),
            "glb" => Ok(MeshFileFormat::Glb),
            _ => Err(WriteError::Extension {
                path: path.to_owned(),
                accepted: ".obj, .ply, .stl or .glb",
            }),
        }
    }

    /// The positions of `surface` as a file of this format holds them: OBJ keeps every digit, STL single precision about the
    /// origin; PLY and GLB make sure that single precision is fine enough, or hold doubles and a translation.
    pub fn held(self, surface: &Surface) -> HeldPositions {
        match self {
            MeshFileFormat::Obj => surface.held_exactly(),
            MeshFileFormat::Ply if ply::needs_double(surface) => surface.held_exactly(),
            MeshFileFormat::Ply | MeshFileFormat::Stl => surface.held_in_f32([0.0; 3]),
            MeshFileFormat::Glb => surface.held_in_f32(glb::origin(surface)),
        }
    }
}

/// Writes `surface` to `path`, in the format that its extension names.
///
/// The file is written beside `path`, synced and renamed, and its folder synced: afterwards `path` holds the whole mesh or what it held
/// before.
///
/// # Errors
/// An unknown extension, a mesh too large for the format, or a file that cannot be written (the error names it).
pub fn write_mesh(surface: &Surface, path: &Path) -> Result<(), WriteError> {
    let format = MeshFileFormat::from_path(path)?;
    write_whole(path, |file| write_mesh_to(surface, format, file))
}

/// Writes `surface` to anything that takes bytes: a `Vec<u8>`, a socket.
///
/// # Errors
/// A mesh too large for the format, or what `to` returns.
pub fn write_mesh_to(
    surface: &Surface,
    format: MeshFileFormat,
    to: &mut dyn Write,
) -> std::io::Result<()> {
    match format {
        MeshFileFormat::Obj => obj::write(surface, to),
        MeshFileFormat::Ply => ply::write(surface, to),
        MeshFileFormat::Stl => stl::write(surface, to),
        MeshFileFormat::Glb => glb::write(surface, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::tetrahedron;

    #[test]
    fn writes_every_format_by_its_extension_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.obj", "b.PLY", "c.stl", "d.glb"] {
            let path = folder.path().join(name);
            std::fs::write(&path, b"what was there before").unwrap();
            write_mesh(&tetrahedron(0.0), &path).unwrap();
            let mut expected = Vec::new();
            write_mesh_to(
                &tetrahedron(0.0),
                MeshFileFormat::from_path(&path).unwrap(),
                &mut expected,
            )
            .unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), expected);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn names_the_file_that_cannot_be_written() {
        for name in ["mesh.xyz", "mesh"] {
            let words = write_mesh(&tetrahedron(0.0), Path::new(name))
                .unwrap_err()
                .to_string();
            assert!(words.contains(name) && words.contains(".glb"), "{words}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join("mesh.ply");
        let words = write_mesh(&tetrahedron(0.0), &path)
            .unwrap_err()
            .to_string();
        assert!(
            words.starts_with("cannot write") && words.contains("absent"),
            "{words}"
        );
    }
}
