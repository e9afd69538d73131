//! Wavefront OBJ, by the tobj crate.

use std::io::Cursor;

use super::read::{Failure, Parsed};
use super::triangulate::PolygonMesh;
use super::{MeshError, SizeLimit};

/// Parses all objects and groups of an OBJ file into one mesh; materials, normals, colours and texture coordinates are
/// ignored. The vertices are renumbered in the order in which the faces use them.
pub(super) fn parse(bytes: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    // Names and comments come in any encoding; only the numbers matter.
    let text = String::from_utf8_lossy(bytes);
    let (geometry, vertices) = keep_geometry(&text);
    limit.check(vertices as u64, 0)?;
    let options = tobj::LoadOptions {
        ignore_points: true,
        ignore_lines: true,
        ..Default::default()
    };
    let no_materials = |_: &std::path::Path| Err(tobj::LoadError::OpenFileFailed);
    let (models, _) = tobj::load_obj_buf(&mut Cursor::new(geometry), &options, no_materials)
        .map_err(|error| explain(&text, error))?;

    let mut faces = PolygonMesh::default();
    for model in models {
        let mesh = model.mesh;
        let first = faces.positions.len() as i64;
        faces
            .positions
            .extend_from_slice(mesh.positions.as_chunks().0);
        if let Some(position) = faces
            .positions
            .iter()
            .find(|p| p.iter().any(|x| !x.is_finite()))
        {
            let vertex = find_infinite_vertex(&text);
            return Err(MeshError::NotFinite {
                vertex,
                position: *position,
            }
            .into());
        }
        let mut start = 0;
        // Without arities all faces are triangles.
        let triangles = std::iter::repeat_n(
            &3,
            mesh.indices.len() / 3 * usize::from(mesh.face_arities.is_empty()),
        );
        for &arity in triangles.chain(&mesh.face_arities) {
            let corners = &mesh.indices[start..start + arity as usize];
            faces.push_face(corners.iter().map(|&index| first + i64::from(index)));
            start += arity as usize;
        }
    }
    let (mesh, polygons) = faces.into_triangles()?;
    if mesh.triangles.is_empty() && vertices > 0 {
        return Err(MeshError::NoFaces { vertices }.into());
    }
    Ok(Parsed {
        mesh,
        polygons,
        ..Parsed::default()
    })
}

/// The `v` and `f` lines of a file, and the number of vertices.
///
/// tobj gets nothing else: it refuses whole files over a texture coordinate or colour that we never look at, and it
/// gives each group its own copy of the vertices on its border.
fn keep_geometry(text: &str) -> (String, usize) {
    let mut kept = String::with_capacity(text.len());
    let mut vertices = 0;
    let mut continued = false;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (keyword, body) = match continued {
            true => ("f", line),
            false => (words.next().unwrap_or(""), line),
        };
        let goes_on = body.trim_end().ends_with('\\');
        match keyword {
            "v" => {
                vertices += 1;
                kept.push('v');
                // x, y and z, and a weight if it stands alone; three or more further numbers are a colour.
                let numbers = words.clone().take(5).count();
                for number in words.take(if numbers == 4 { 4 } else { 3 }) {
                    kept.push(' ');
                    kept.push_str(number);
                }
                kept.push('\n');
            }
            "f" => {
                kept.push_str(body.trim_end().trim_end_matches('\\'));
                kept.push(if goes_on { ' ' } else { '\n' });
            }
            _ => {}
        }
        continued = goes_on && keyword == "f";
    }
    (kept, vertices)
}

/// Finds the place of an error that tobj only names by its kind.
fn explain(text: &str, error: tobj::LoadError) -> Failure {
    let (mut vertices, mut face) = (0_usize, 0_usize);
    let all_vertices = text.lines().filter(|line| first_word(line) == "v").count();
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let malformed = |what: &str| {
            Failure::Malformed(format!(
                "line {}: {what}: `{}`",
                number + 1,
                shortened(line)
            ))
        };
        match words.next() {
            Some("v") => {
                let numbers = words
                    .clone()
                    .take(3)
                    .filter(|word| word.parse::<f64>().is_ok());
                if numbers.count() < 3 {
                    return malformed("a vertex needs three numbers");
                }
                if words.clone().count() == 4
                    && words
                        .nth(3)
                        .is_some_and(|w| !w.parse().is_ok_and(|w: f64| w != 0.0))
                {
                    return malformed("the weight of a vertex must be a number other than zero");
                }
                vertices += 1;
            }
            Some("f") => {
                for word in words {
                    let first = word.split('/').next().unwrap_or("");
                    let vertex = match first.parse::<i64>() {
                        Ok(index) if index > 0 => index - 1,
                        Ok(index) if index < 0 => (vertices as i64).saturating_add(index),
                        _ => return malformed("not a vertex number, which count from 1"),
                    };
                    if usize::try_from(vertex).is_ok_and(|v| v < all_vertices) {
                        continue;
                    }
                    let vertices = all_vertices;
                    return MeshError::MissingVertex {
                        face,
                        vertex,
                        vertices,
                    }
                    .into();
                }
                face += 1;
            }
            _ => {}
        }
    }
    Failure::Malformed(error.to_string())
}

/// Index of the first vertex with a coordinate that is no finite number.
fn find_infinite_vertex(text: &str) -> usize {
    text.lines()
        .filter(|line| first_word(line) == "v")
        .position(|line| {
            let numbers = line.split_ascii_whitespace().skip(1);
            !numbers
                .filter_map(|word| word.parse::<f64>().ok())
                .all(f64::is_finite)
        })
        .unwrap_or(0)
}

fn first_word(line: &str) -> &str {
    line.split_ascii_whitespace().next().unwrap_or("")
}

fn shortened(line: &str) -> String {
    line.trim().chars().take(60).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use crate::geometry::{MeshFormat, parse_mesh};

    /// A pyramid with a square base, two groups, colours, texture coordinates and indices of both kinds.
    pub const SAMPLE: &str = "# pyramid\nmtllib none.mtl\no Pyramid\nv 0 0 0 1 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 0.5 1\n\
        vt 0 0\nvn 0 0 1\ng base\nf 1/1/1 4/1/1 3/1/1 2/1/1\ng sides\nusemtl m\nf -5 -4 -1\nf 2//1 3//1 5//1\nf 3 4 5\nf 4 1 \\\n 5\nl 1 2\n";

    fn error(text: &str) -> String {
        parse_mesh(text.as_bytes(), MeshFormat::Obj, "a.obj")
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn groups_share_their_vertices_and_polygons_are_cut() {
        let loaded = parse_mesh(SAMPLE.as_bytes(), MeshFormat::Obj, "a.obj").unwrap();
        assert_eq!(
            (loaded.mesh.positions.len(), loaded.mesh.triangles.len()),
            (5, 6)
        );
        assert_eq!(loaded.cleanup.polygons_triangulated, 1);
        let health = crate::geometry::HealthReport::of(&loaded.mesh, &loaded.cleanup);
        assert!(health.watertight && health.consistently_wound);
        assert!((health.volume.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn errors_name_the_line_or_the_face() {
        let cases = [
            (
                "v 0 0 0\nv 1 0 zero\nf 1 2 3\n",
                "line 2: a vertex needs three numbers: `v 1 0 zero`",
            ),
            (
                "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 x\n",
                "line 4: not a vertex number",
            ),
            (
                "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\nf 1 2 9\n",
                "face 1 names vertex 8, but there are only 3",
            ),
            (
                "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 -4\n",
                "face 0 names vertex -1",
            ),
            (
                "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 0 1 2\n",
                "line 4: not a vertex number",
            ),
            (
                "v 0 0 0\nv 9 9 9\nv nan 0 0\nv 1 1 0\nf 1 3 4\n",
                "vertex 2 (counted from 0)",
            ),
            (
                "v 0 0 0\nv 1 0 0\nv 1 1 0\n",
                "point cloud given as a mesh: 3 vertices and no faces",
            ),
            ("# nothing\n", "the mesh is empty"),
            (
                "v 0 0 0\nv 1 0 0\nv 1 1 0 0\nf 1 2 3\n",
                "line 3: the weight",
            ),
        ];
        for (text, words) in cases {
            let message = error(text);
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn text_in_another_encoding_is_no_obstacle() {
        let mut bytes = b"# caf\xe9\no M\xfcll\n".to_vec();
        bytes.extend_from_slice(SAMPLE.as_bytes());
        assert!(parse_mesh(&bytes, MeshFormat::Obj, "a.obj").is_ok());
    }
}
