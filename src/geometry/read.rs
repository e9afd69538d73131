//! Reading meshes from files and from bytes.

use std::io;
use std::path::Path;

use super::format::Content;
use super::weld::first_at_same_place;
use super::{
    Cleanup, Mesh, MeshError, MeshFormat, SizeLimit, UnknownFormat, gltf, obj, off, ply, stl,
    validate,
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
    #[error(
        "{name}: the extension says {expected}, but the content looks like {found}; rename the file or export it again"
    )]
    WrongContent {
        /// The file.
        name: String,
        /// The format that was asked for.
        expected: MeshFormat,
        /// What the first bytes look like, in words.
        found: String,
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
    /// The file was read, and what it holds is no usable mesh.
    #[error("{name}: {source}")]
    Mesh {
        /// The file.
        name: String,
        /// What is wrong with the mesh.
        source: MeshError,
    },
}

/// Reads the mesh in the file at `path`, whose extension names its format.
///
/// Polygons are cut into triangles, vertices that a format repeats are merged, and the result passes [`validate()`].
/// All objects of a file become one mesh.
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
        Ok(bytes) => parse(&bytes, format, &name, path.parent(), limit),
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
    parse(bytes, format, name, None, limit)
}

fn parse(
    bytes: &[u8],
    format: MeshFormat,
    name: &str,
    folder: Option<&Path>,
    limit: &SizeLimit,
) -> Result<LoadedMesh, ReadError> {
    let parsed = check_content(bytes, format).and_then(|()| match format {
        MeshFormat::Obj => obj::parse(bytes, limit),
        MeshFormat::Ply => ply::parse(bytes, limit),
        MeshFormat::Stl => stl::parse(bytes, limit),
        MeshFormat::Off => off::parse(bytes, limit),
        MeshFormat::Glb | MeshFormat::Gltf => gltf::parse(bytes, folder, limit),
    });
    let finished = parsed.and_then(|parsed| {
        let (mesh, mut cleanup) = validate(parsed.mesh)?;
        cleanup.polygons_triangulated = parsed.polygons;
        cleanup.vertices_welded = parsed.welded;
        cleanup.notes.splice(0..0, parsed.notes);
        Ok(LoadedMesh {
            mesh,
            format,
            cleanup,
        })
    });
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
    pub polygons: u64,
    pub welded: u64,
    /// What was left out or repaired, one sentence each.
    pub notes: Vec<String>,
}

impl Parsed {
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

/// Why a parser failed: a [`ReadError`] that does not know the file's name.
#[derive(Debug)]
pub(super) enum Failure {
    Empty,
    WrongContent(Content),
    Truncated(String),
    Malformed(String),
    Unsupported(String),
    Mesh(MeshError),
}

impl From<MeshError> for Failure {
    fn from(source: MeshError) -> Self {
        Failure::Mesh(source)
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
            },
            Failure::Truncated(detail) => ReadError::Truncated { name, detail },
            Failure::Malformed(detail) => ReadError::Malformed {
                name,
                format,
                detail,
            },
            Failure::Unsupported(detail) => ReadError::Unsupported { name, detail },
            Failure::Mesh(source) => ReadError::Mesh { name, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    fn message(bytes: &[u8], format: MeshFormat) -> String {
        parse_mesh(bytes, format, "upload").unwrap_err().to_string()
    }

    #[test]
    fn the_wrong_file_is_told_from_the_broken_one() {
        assert_eq!(message(b"", MeshFormat::Obj), "upload: the file is empty");
        let ply = message(b"ply\nformat ascii 1.0\n", MeshFormat::Obj);
        assert!(
            ply.contains("extension says obj, but the content looks like PLY data"),
            "{ply}"
        );
        let zip = message(b"PK\x03\x04....", MeshFormat::Stl);
        assert!(zip.contains("looks like a zip archive"), "{zip}");
    }

    #[test]
    fn files_that_are_not_there_or_have_no_known_extension_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read_mesh(&folder.path().join("a.obj")).unwrap_err();
        assert!(matches!(missing, ReadError::Io { .. }) && missing.to_string().contains("a.obj"));
        let unknown = folder.path().join("a.xyz");
        assert!(matches!(read_mesh(&unknown), Err(ReadError::Io { .. })));
        std::fs::write(&unknown, "1 2 3").unwrap();
        let message = read_mesh(&unknown).unwrap_err().to_string();
        assert!(
            message.contains("a.xyz") && message.contains("obj, ply, stl"),
            "{message}"
        );
    }

    /// A small valid file of each kind that has a parser of its own.
    fn samples() -> Vec<(MeshFormat, Vec<u8>)> {
        vec![
            (MeshFormat::Obj, obj::tests::SAMPLE.into()),
            (MeshFormat::Ply, ply::tests::ASCII.into()),
            (MeshFormat::Ply, ply::tests::binary(false)),
            (MeshFormat::Ply, ply::tests::binary(true)),
            (MeshFormat::Stl, stl::tests::ASCII.into()),
            (MeshFormat::Stl, stl::tests::binary()),
            (MeshFormat::Off, off::tests::SAMPLE.into()),
            (MeshFormat::Gltf, gltf::tests::embedded().into_bytes()),
            (MeshFormat::Glb, gltf::tests::binary()),
        ]
    }

    #[test]
    fn every_sample_is_a_mesh() {
        for (format, bytes) in samples() {
            let loaded = parse_mesh(&bytes, format, "sample").unwrap();
            assert!(!loaded.mesh.triangles.is_empty(), "{format}");
        }
    }

    #[test]
    fn no_truncated_file_panics() {
        for (format, bytes) in samples() {
            for length in 0..bytes.len() {
                // Some prefixes of a text file are valid; all others must be refused, and none may panic.
                if let Err(error) = parse_mesh(&bytes[..length], format, "part") {
                    assert!(error.to_string().starts_with("part: "));
                }
            }
        }
    }

    #[test]
    fn no_damaged_file_panics() {
        const ROUNDS: usize = 3000;
        for (kind, (format, bytes)) in samples().into_iter().enumerate() {
            let mut rng = Pcg64Mcg::seed_from_u64(kind as u64);
            for round in 0..ROUNDS {
                let mut damaged = bytes.clone();
                for _ in 0..1 + round % 6 {
                    let at = rng.random_range(0..damaged.len());
                    match rng.random_range(0..4) {
                        0 => damaged[at] ^= 1 << rng.random_range(0..8),
                        1 => damaged[at] = rng.random(),
                        2 => damaged[at] = *b"-0919eE \n".get(at % 9).unwrap_or(&b'0'),
                        _ => {
                            let other = rng.random_range(0..damaged.len());
                            damaged.swap(at, other);
                        }
                    }
                }
                if let Ok(loaded) = parse_mesh(&damaged, format, "damaged") {
                    let vertices = loaded.mesh.positions.len();
                    assert!(
                        loaded
                            .mesh
                            .triangles
                            .as_flattened()
                            .iter()
                            .all(|&v| (v as usize) < vertices)
                    );
                }
            }
        }
    }
}
