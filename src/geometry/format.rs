//! Mesh file formats: their names, their extensions, and how their first bytes look.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::foreign::{Foreign, recognise};
use super::off;
use super::text::{Lines, words};

/// A file format that [`read_mesh`](super::read_mesh) understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeshFormat {
    /// Wavefront OBJ.
    Obj,
    /// Stanford PLY, text or binary of either byte order.
    Ply,
    /// Stereolithography, text or binary.
    Stl,
    /// Geomview OFF in text, with or without colours, normals and texture coordinates.
    Off,
    /// glTF 2.0 in one binary file.
    Glb,
    /// glTF 2.0 as JSON, its buffers embedded or in files beside it.
    Gltf,
    /// Points as text, one a line: `x y z`, with or without a normal, and never a face.
    Xyz,
}

impl MeshFormat {
    /// Every format, in the order in which they are listed to users.
    pub const ALL: [MeshFormat; 7] = [
        MeshFormat::Obj,
        MeshFormat::Ply,
        MeshFormat::Stl,
        MeshFormat::Off,
        MeshFormat::Glb,
        MeshFormat::Gltf,
        MeshFormat::Xyz,
    ];

    /// Other extensions under which points come as text.
    const POINTS: [&str; 5] = ["pts", "xyzn", "xyzrgb", "asc", "txt"];

    /// The file extension, lower case and without a dot. Also the name in text and in JSON.
    pub fn extension(self) -> &'static str {
        match self {
            MeshFormat::Obj => "obj",
            MeshFormat::Ply => "ply",
            MeshFormat::Stl => "stl",
            MeshFormat::Off => "off",
            MeshFormat::Glb => "glb",
            MeshFormat::Gltf => "gltf",
            MeshFormat::Xyz => "xyz",
        }
    }

    /// The format that the extension of `path` names; upper and lower case are the same.
    ///
    /// # Errors
    /// [`UnknownFormat`] if there is no extension or nobody reads it.
    pub fn from_path(path: &Path) -> Result<MeshFormat, UnknownFormat> {
        let extension = path.extension().unwrap_or_default();
        extension.to_string_lossy().parse()
    }

    /// What `bytes` are by their first bytes and their length, if that is beyond doubt. Text comes as
    /// [`plain`](super::text::plain) makes it.
    pub(super) fn sniff(bytes: &[u8]) -> Option<Content> {
        // A binary STL may say anything in its first 80 bytes; only its length gives it away.
        if stl_length_agrees(bytes) {
            return Some(Content::Mesh(MeshFormat::Stl));
        }
        if let Some(foreign) = recognise(bytes) {
            return Some(Content::Foreign(foreign));
        }
        let text = bytes.trim_ascii_start();
        let first_word = words(text).next().unwrap_or(&[]);
        let is = |word: &[u8]| first_word.eq_ignore_ascii_case(word);
        let format = if is(b"ply") {
            MeshFormat::Ply
        } else if is(b"solid") {
            MeshFormat::Stl
        } else if first_word.starts_with(b"glTF") {
            MeshFormat::Glb
        } else if off::keyword(first_word).is_some() {
            MeshFormat::Off
        } else if text.starts_with(b"{") {
            MeshFormat::Gltf
        } else if has_vertex_line(text) {
            MeshFormat::Obj
        } else {
            return None;
        };
        Some(Content::Mesh(format))
    }
}

impl fmt::Display for MeshFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.extension())
    }
}

impl FromStr for MeshFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let wanted = name.trim_start_matches('.');
        let is_wanted = |name: &str| name.eq_ignore_ascii_case(wanted);
        if MeshFormat::POINTS.into_iter().any(is_wanted) {
            return Ok(MeshFormat::Xyz);
        }
        MeshFormat::ALL
            .into_iter()
            .find(|format| is_wanted(format.extension()))
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// A name or an extension that is no mesh format; it holds that name, empty if a file has no extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(pub String);

impl std::error::Error for UnknownFormat {}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            write!(f, "a mesh file needs an extension that names its format")?;
        } else {
            write!(f, "`{}` is not a mesh format that can be read", self.0)?;
        }
        let names = MeshFormat::ALL.map(MeshFormat::extension);
        write!(f, ": use one of {}", names.join(", "))
    }
}

/// What a file turns out to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Content {
    Mesh(MeshFormat),
    /// Something else that people pick by mistake.
    Foreign(Foreign),
}

impl Content {
    /// What to do with it instead, as an imperative.
    pub fn advice(&self) -> &'static str {
        match self {
            Content::Mesh(_) => "rename the file or export it again",
            Content::Foreign(foreign) => foreign.advice,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Mesh(format) => {
                write!(f, "{} data", format.extension().to_ascii_uppercase())
            }
            Content::Foreign(foreign) => f.write_str(foreign.name),
        }
    }
}

/// Bytes before the first triangle of a binary STL: 80 of header and the triangle count.
pub(super) const STL_HEADER: usize = 84;
/// Bytes of one triangle in a binary STL.
pub(super) const STL_TRIANGLE: usize = 50;

/// The triangle count that a binary STL claims; `None` if there is no room for one.
pub(super) fn stl_claimed_triangles(bytes: &[u8]) -> Option<usize> {
    let count = bytes.get(80..STL_HEADER)?;
    Some(u32::from_le_bytes(count.try_into().ok()?) as usize)
}

fn stl_length_agrees(bytes: &[u8]) -> bool {
    stl_claimed_triangles(bytes)
        .is_some_and(|count| count > 0 && bytes.len() == STL_HEADER + count * STL_TRIANGLE)
}

/// Whether one of the first lines is a vertex as OBJ writes it.
fn has_vertex_line(text: &[u8]) -> bool {
    const LINES: usize = 200;
    Lines::new(text)
        .take(LINES)
        .any(|line| matches!(line, [b'v' | b'V', b' ' | b'\t', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_in_any_case_name_their_format() {
        for format in MeshFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            let upper = format!("a.b/mesh.{}", format.extension().to_uppercase());
            assert_eq!(MeshFormat::from_path(Path::new(&upper)), Ok(format));
        }
    }

    #[test]
    fn unknown_extensions_are_told_what_is_read() {
        let unknown = MeshFormat::from_path(Path::new("scan.e57")).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "`e57` is not a mesh format that can be read: use one of obj, ply, stl, off, glb, gltf, xyz"
        );
        assert_eq!("PTS".parse(), Ok(MeshFormat::Xyz));
        let none = MeshFormat::from_path(Path::new("scan")).unwrap_err();
        assert!(
            none.to_string()
                .starts_with("a mesh file needs an extension")
        );
    }

    #[test]
    fn content_is_known_by_its_first_bytes() {
        let mesh = |bytes: &[u8]| MeshFormat::sniff(bytes);
        assert_eq!(mesh(b"ply\nformat"), Some(Content::Mesh(MeshFormat::Ply)));
        assert_eq!(mesh(b"COFF 1 2 3"), Some(Content::Mesh(MeshFormat::Off)));
        assert_eq!(
            mesh(b"glTF\x02\0\0\0"),
            Some(Content::Mesh(MeshFormat::Glb))
        );
        assert_eq!(
            mesh(b" {\"asset\":{}}"),
            Some(Content::Mesh(MeshFormat::Gltf))
        );
        assert_eq!(
            mesh(b"# by hand\nv 0 0 0"),
            Some(Content::Mesh(MeshFormat::Obj))
        );
        for off in [&b"off\n8"[..], b"OFF8 12 0", b"STCNOFF", b"4OFF"] {
            assert_eq!(mesh(off), Some(Content::Mesh(MeshFormat::Off)));
        }
        assert_eq!(mesh(b"SOLID x"), Some(Content::Mesh(MeshFormat::Stl)));
        assert!(matches!(mesh(b"PK\x03\x04"), Some(Content::Foreign(_))));
        assert_eq!(mesh(b"hello"), None);
        let mut stl = b"solid but binary".to_vec();
        stl.resize(STL_HEADER + STL_TRIANGLE, 0);
        stl[80] = 1;
        assert_eq!(mesh(&stl), Some(Content::Mesh(MeshFormat::Stl)));
    }
}
