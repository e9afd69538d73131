//! Stereolithography files in text and in binary, by the stl_io crate.

use std::io::{Cursor, ErrorKind};

use super::format::{STL_HEADER, STL_TRIANGLE, stl_claimed_triangles};
use super::read::{Failure, Parsed};
use super::{Mesh, SizeLimit};

/// Parses an STL file. Each triangle brings its own corners; those at exactly the same place become one vertex.
pub(super) fn parse(bytes: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let mut mesh = Mesh::default();
    if is_text(bytes) {
        // One file may hold several solids, of which stl_io reads the first.
        for solid in split_solids(&String::from_utf8_lossy(bytes)) {
            push_triangles(&mut mesh, solid.as_bytes()).map_err(|failure| match failure {
                Failure::Malformed(detail) if !solid.ends_with(END) => Failure::Truncated(detail),
                other => other,
            })?;
        }
    } else {
        check_length(bytes)?;
        if bytes.starts_with(b"solid") {
            // stl_io goes by this word alone, and many programs begin their binary files with it, too.
            let mut unnamed = bytes.to_vec();
            unnamed[..5].fill(b' ');
            push_triangles(&mut mesh, &unnamed)?;
        } else {
            push_triangles(&mut mesh, bytes)?;
        }
    }
    limit.check(mesh.positions.len() as u64, mesh.triangles.len() as u64)?;
    Ok(Parsed {
        mesh,
        ..Default::default()
    }
    .welded())
}

/// Whether these are words: a binary file has zeros in its header or in its numbers.
fn is_text(bytes: &[u8]) -> bool {
    const LOOK: usize = 1024;
    let claimed = stl_claimed_triangles(bytes).map(|count| STL_HEADER + count * STL_TRIANGLE);
    bytes.trim_ascii_start().starts_with(b"solid")
        && claimed != Some(bytes.len())
        && !bytes[..bytes.len().min(LOOK)].contains(&0)
}

fn check_length(bytes: &[u8]) -> Result<(), Failure> {
    let Some(count) = stl_claimed_triangles(bytes) else {
        return Err(Failure::Truncated(format!(
            "a binary STL has at least {STL_HEADER} bytes, this one has {}",
            bytes.len()
        )));
    };
    let needed = STL_HEADER + count * STL_TRIANGLE;
    if bytes.len() < needed {
        return Err(Failure::Truncated(format!(
            "{count} triangles take {needed} bytes, but the file has {}",
            bytes.len()
        )));
    }
    Ok(())
}

/// The last line of each solid.
const END: &str = "endsolid\n";

/// The solids of a text, each with the first and last line that stl_io expects, and without face normals.
///
/// Normals follow from the corners; programs write `nan` for those of thin faces, and stl_io refuses the file.
fn split_solids(text: &str) -> Vec<String> {
    let mut solids = Vec::new();
    let mut solid = String::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("solid") => solid = String::from("solid x\n"),
            Some("endsolid") => {
                solid.push_str(END);
                solids.push(std::mem::take(&mut solid));
            }
            Some("facet") => solid.push_str("facet normal 0 0 0\n"),
            Some(_) => {
                solid.push_str(line);
                solid.push('\n');
            }
            None => {}
        }
    }
    if !solid.is_empty() {
        // The last line is missing, and most likely more.
        solids.push(solid);
    }
    solids
}

fn push_triangles(mesh: &mut Mesh, bytes: &[u8]) -> Result<(), Failure> {
    let explain = |error: std::io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => Failure::Truncated(error.to_string()),
        _ => Failure::Malformed(error.to_string()),
    };
    let mut cursor = Cursor::new(bytes);
    for triangle in stl_io::create_stl_reader(&mut cursor).map_err(explain)? {
        let triangle = triangle.map_err(explain)?;
        let first = mesh.positions.len() as u32;
        let corners = triangle.vertices.map(|vertex| vertex.0.map(f64::from));
        mesh.positions.extend(corners);
        mesh.triangles.push([first, first + 1, first + 2]);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use crate::geometry::{LoadedMesh, MeshFormat, ReadError, Topology, parse_mesh, shapes};

    /// Two solids; one normal is not a number.
    pub const ASCII: &str = "solid first part\n facet normal nan nan nan\n  outer loop\n   vertex 0 0 0\n   vertex 1 0 0\n   vertex 0 1e0 0\n\
        endloop\n endfacet\nendsolid first part\nsolid\nfacet normal 0 0 1\nouter loop\nvertex 1 0 0\nvertex 1 1 0\nvertex 0 1 0\n\
        endloop\nendfacet\nendsolid\n";

    /// A sphere whose header begins like a text.
    pub fn binary() -> Vec<u8> {
        let sphere = shapes::icosphere(1, 1.0);
        let mut bytes = b"solid sphere".to_vec();
        bytes.resize(80, b' ');
        bytes.extend((sphere.triangles.len() as u32).to_le_bytes());
        for index in 0..sphere.triangles.len() {
            bytes.extend([0; 12]);
            for x in sphere.corners(index).as_flattened() {
                bytes.extend((*x as f32).to_le_bytes());
            }
            bytes.extend([0; 2]);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Result<LoadedMesh, ReadError> {
        parse_mesh(bytes, MeshFormat::Stl, "a.stl")
    }

    #[test]
    fn all_solids_of_a_text_are_read_and_welded() {
        let loaded = read(ASCII.as_bytes()).unwrap();
        assert_eq!(
            (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
            (4, 2)
        );
        assert_eq!(loaded.cleanup.vertices_welded, 2);
    }

    #[test]
    fn a_binary_file_that_begins_with_solid_is_closed_again() {
        let loaded = read(&binary()).unwrap();
        assert_eq!(
            (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
            (42, 80)
        );
        assert!(Topology::of(&loaded.mesh).watertight());
    }

    #[test]
    fn a_cut_file_says_how_much_is_missing() {
        let whole = binary();
        let message = read(&whole[..whole.len() - 60]).unwrap_err().to_string();
        assert!(
            message.contains("80 triangles take 4084 bytes, but the file has 4024"),
            "{message}"
        );
        let text = &ASCII[..ASCII.len() - 30];
        assert!(matches!(
            read(text.as_bytes()),
            Err(ReadError::Truncated { .. })
        ));
    }

    #[test]
    fn corners_that_are_no_numbers_are_refused() {
        let text = ASCII.replace("1e0", "inf");
        assert!(
            read(text.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("finite")
        );
    }
}
