//! Geomview's OFF in text, with its variants for colours, normals and texture coordinates.

use super::read::{Failure, Parsed};
use super::triangulate::PolygonMesh;
use super::{MeshError, SizeLimit};

/// Parses an OFF file: the counts, one line a vertex, one line a face. What follows the three coordinates of a vertex or
/// the corners of a face (colours, normals) is ignored, and so is everything behind a `#`.
pub(super) fn parse(bytes: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = Lines::new(&text);
    let [vertices, faces] = read_counts(&mut lines)?;
    limit.check(vertices as u64, faces as u64)?;
    // A vertex takes at least six bytes and a face two: counts beyond that are wrong, and would only cost memory.
    if vertices
        .saturating_mul(6)
        .saturating_add(faces.saturating_mul(2))
        > bytes.len() + 1
    {
        return Err(Failure::Truncated(format!(
            "the counts promise {vertices} vertices and {faces} faces, but the file has only {} bytes",
            bytes.len()
        )));
    }
    let mut mesh = PolygonMesh::default();
    mesh.positions.reserve(vertices);
    for index in 0..vertices {
        let (number, line) = lines.expect(|| format!("vertex {index} of {vertices}"))?;
        let mut words = line.split_ascii_whitespace();
        let mut position = [0.0; 3];
        for coordinate in &mut position {
            let word = words.next().and_then(|word| word.parse().ok());
            *coordinate = word.ok_or_else(|| malformed(number, "a vertex needs three numbers"))?;
        }
        mesh.positions.push(position);
    }
    let mut corners = Vec::new();
    for index in 0..faces {
        let (number, line) = lines.expect(|| format!("face {index} of {faces}"))?;
        let mut words = line.split_ascii_whitespace();
        let count = words.next().and_then(|word| word.parse::<usize>().ok());
        let count = count
            .ok_or_else(|| malformed(number, "a face begins with the number of its corners"))?;
        corners.clear();
        corners.extend(words.take(count).map_while(|word| word.parse::<i64>().ok()));
        if corners.len() < count {
            return Err(malformed(number, "the face has fewer corners than it says"));
        }
        if let Some(&vertex) = corners.iter().find(|&&v| v < 0 || v >= vertices as i64) {
            return Err(MeshError::MissingVertex {
                face: index,
                vertex,
                vertices,
            }
            .into());
        }
        mesh.push_face(corners.iter().copied());
    }
    let (mesh, polygons) = mesh.into_triangles()?;
    Ok(Parsed {
        mesh,
        polygons,
        ..Parsed::default()
    })
}

/// The keyword, if there is one, and the numbers of vertices and faces, on its line or on the next.
fn read_counts(lines: &mut Lines) -> Result<[usize; 2], Failure> {
    let (mut number, mut line) = lines.expect(|| "the counts".into())?;
    let keyword = line.split_ascii_whitespace().next().unwrap_or("");
    if keyword.ends_with("OFF") {
        if keyword.contains('4') || keyword.contains('n') {
            return Err(Failure::Unsupported(format!(
                "`{keyword}` has more than three dimensions: export the file as plain OFF"
            )));
        }
        line = line.trim_start()[keyword.len()..].trim();
        if line == "BINARY" {
            return Err(Failure::Unsupported(
                "binary OFF is not read: export the file as text".into(),
            ));
        }
        if line.is_empty() {
            (number, line) = lines.expect(|| "the counts".into())?;
        }
    }
    let counts: Vec<usize> = line
        .split_ascii_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    match counts[..] {
        [vertices, faces, ..] => Ok([vertices, faces]),
        _ => Err(malformed(
            number,
            "the numbers of vertices, faces and edges should stand here",
        )),
    }
}

fn malformed(line: usize, what: &str) -> Failure {
    Failure::Malformed(format!("line {line}: {what}"))
}

/// The lines that say something, with their numbers.
struct Lines<'a>(Box<dyn Iterator<Item = (usize, &'a str)> + 'a>);

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let said = text.lines().enumerate().map(|(index, line)| {
            let before_comment = line.split('#').next().unwrap_or("");
            (index + 1, before_comment.trim())
        });
        Lines(Box::new(said.filter(|(_, line)| !line.is_empty())))
    }

    fn expect(&mut self, wanted: impl Fn() -> String) -> Result<(usize, &'a str), Failure> {
        self.0
            .next()
            .ok_or_else(|| Failure::Truncated(format!("it ends where {} should be", wanted())))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::geometry::{LoadedMesh, MeshFormat, ReadError, parse_mesh};

    pub const SAMPLE: &str = "COFF # coloured\n# a tent\n5 2 0\n0 0 0 1 0 0 1\n1 0 0 1 0 0 1\n\n1 1 0 0 0 0 0\n0 1 0 0 0 0 0\n.5 .5 1e0 0 0 0 0\n\
        4 0 1 2 3 255 0 0\n3 0 1 4\n";

    fn read(text: &str) -> Result<LoadedMesh, ReadError> {
        parse_mesh(text.as_bytes(), MeshFormat::Off, "a.off")
    }

    #[test]
    fn keyword_comments_and_colours_may_be_there_or_not() {
        let loaded = read(SAMPLE).unwrap();
        assert_eq!(
            (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
            (5, 3)
        );
        assert_eq!(loaded.mesh.positions[4], [0.5, 0.5, 1.0]);
        assert_eq!(loaded.cleanup.polygons_triangulated, 1);
        let bare = "3 1 3\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2";
        assert_eq!(
            read(bare).unwrap().mesh,
            read(&format!("OFF {bare}")).unwrap().mesh
        );
    }

    #[test]
    fn errors_name_the_line_or_what_is_missing() {
        let cases = [
            ("OFF\n", "ends where the counts should be"),
            (
                "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n",
                "ends where face 0 of 1 should be",
            ),
            (
                "OFF\n3 1\n0 0 0\n1 0\n0 1 0\n3 0 1 2\n",
                "line 4: a vertex needs three numbers",
            ),
            (
                "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n3 0 1\n",
                "line 6: the face has fewer corners",
            ),
            (
                "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n",
                "face 0 names vertex 3",
            ),
            ("OFF\n99999999 1\n0 0 0\n", "promise 99999999 vertices"),
            ("OFF\n3 0\n0 0 0\n1 0 0\n0 1 0\n", "point cloud"),
            ("OFF BINARY\n", "binary OFF"),
            ("4OFF\n1 1 1\n", "more than three dimensions"),
        ];
        for (text, words) in cases {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
