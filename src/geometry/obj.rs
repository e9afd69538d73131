//! Wavefront OBJ, by the tobj crate.

use std::io::{Cursor, Write};

use super::read::{Failure, Parsed, SMALL_FACE, SMALL_FACES, left_out};
use super::text::{Lines, Wrong, float, no_number, shortened, whole, words};
use super::triangulate::PolygonMesh;
use super::{Mesh, MeshError, SizeLimit};

/// Parses all objects and groups of an OBJ file into one mesh; materials, colours and texture coordinates are ignored, and so
/// are normals where there are faces. The vertices are renumbered in the order in which the faces use them.
pub(super) fn parse(text: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let geometry = Geometry::of(text).map_err(|wrong| wrong.in_text(text))?;
    geometry.check(limit)?;
    if geometry.corners == 0 && geometry.vertices > 0 {
        return geometry.points(text).map_err(|wrong| wrong.in_text(text));
    }
    let no_materials = |_: &std::path::Path| Err(tobj::LoadError::OpenFileFailed);
    let options = tobj::LoadOptions::default();
    let (models, _) = tobj::load_obj_buf(&mut Cursor::new(&geometry.text), &options, no_materials)
        .map_err(|error| Failure::Malformed(error.to_string()))?;

    let mut faces = PolygonMesh::default();
    for model in models {
        let mesh = model.mesh;
        let first = faces.positions.len() as i64;
        faces
            .positions
            .extend_from_slice(mesh.positions.as_chunks().0);
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
    let infinite = |position: &[f64; 3]| position.iter().any(|x| !x.is_finite());
    if let Some(&position) = faces.positions.iter().find(|position| infinite(position)) {
        let vertex = find_infinite_vertex(&geometry.text);
        return Err(MeshError::NotFinite { vertex, position }.into());
    }
    Parsed::from_polygons(faces, limit, geometry.notes())
}

/// The vertices and faces of a file, and how much there is of them and of all else.
///
/// tobj gets nothing but these: it refuses whole files over a texture coordinate or a comment behind numbers, takes a
/// fourth number for a divisor, and gives each group its own copy of the vertices on its border.
#[derive(Default)]
struct Geometry {
    /// Lines `v x y z` and `f a b c`.
    text: Vec<u8>,
    vertices: usize,
    faces: usize,
    corners: usize,
    /// Face, counted from 0, and vertex of the first corner before the first vertex, and of the last one of all.
    missing: Option<(usize, i64)>,
    farthest: (usize, i64),
    lines: u64,
    points: u64,
    /// Free-form curves and surfaces, and the line of the first.
    free_form: u64,
    /// Faces of fewer than three corners.
    small_faces: u64,
}

impl Geometry {
    fn of(text: &[u8]) -> Result<Geometry, Wrong> {
        let mut geometry = Geometry {
            text: Vec::with_capacity(text.len()),
            farthest: (0, -1),
            ..Geometry::default()
        };
        let mut joined = Vec::new();
        let mut lines = Lines::new(text);
        loop {
            let offset = lines.at;
            let Some(line) = lines.next() else { break };
            let wrong = |what| Wrong { offset, what };
            let keyword = words(line).next().unwrap_or(&[]);
            let mut line = without_comment(line);
            let takes = |letter: u8| keyword.eq_ignore_ascii_case(&[letter]);
            let is_face = takes(b'f') || keyword == b"fo";
            if is_face || takes(b'v') {
                if line.last() == Some(&b'\\') {
                    joined.clear();
                    line = join_continued(line, &mut lines, &mut joined);
                }
                let body = words(line).skip(1);
                let pushed = match is_face {
                    true => geometry.push_face(body),
                    false => geometry.push_vertex(body),
                };
                pushed.map_err(wrong)?;
            } else if keyword.starts_with(b"v") {
                // Normals and texture coordinates, which there are many of.
            } else if takes(b'l') {
                geometry.lines += 1;
            } else if takes(b'p') {
                geometry.points += 1;
            } else if ["curv", "curv2", "surf"]
                .iter()
                .any(|name| keyword.eq_ignore_ascii_case(name.as_bytes()))
            {
                geometry.free_form += 1;
            }
        }
        Ok(geometry)
    }

    /// What follows the three coordinates, a weight or a colour, is left out.
    fn push_vertex<'a>(
        &mut self,
        numbers: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<(), String> {
        let refuse = |why: String| {
            let line: Vec<&[u8]> = numbers.clone().take(3).collect();
            let line = shortened(&line.join(&b' '));
            Err(format!("a vertex needs three numbers{why}: `v {line}`"))
        };
        self.text.push(b'v');
        let mut count = 0;
        for number in numbers.clone().take(3) {
            self.text.push(b' ');
            count += 1;
            if is_decimal(number) {
                self.text.extend_from_slice(number);
                continue;
            }
            match float(number) {
                Some(value) if value.is_nan() => self.text.extend_from_slice(b"nan"),
                Some(_) => self.text.extend_from_slice(number),
                None => return refuse(format!(", and {}", no_number(number))),
            }
        }
        if count < 3 {
            return refuse(String::new());
        }
        self.text.push(b'\n');
        self.vertices += 1;
        Ok(())
    }

    /// Only the vertices stay, counted from 1 from the beginning of the file.
    fn push_face<'a>(
        &mut self,
        corners: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<(), String> {
        let start = self.text.len();
        self.text.push(b'f');
        let mut count = 0;
        for corner in corners {
            let word = corner.split(|&byte| byte == b'/').next().unwrap_or(&[]);
            let vertex = match whole(word) {
                Some(index) if index > 0 => index - 1,
                Some(index) if index < 0 => (self.vertices as i64).saturating_add(index),
                _ => {
                    return Err(format!(
                        "not a vertex number, which count from 1: `{}`",
                        shortened(corner)
                    ));
                }
            };
            if vertex < 0 {
                self.missing = self.missing.or(Some((self.faces, vertex)));
            }
            if vertex > self.farthest.1 {
                self.farthest = (self.faces, vertex);
            }
            self.text.push(b' ');
            match word.iter().all(u8::is_ascii_digit) {
                true => self.text.extend_from_slice(word),
                // Writing to a vector cannot fail.
                false => drop(write!(self.text, "{}", vertex + 1)),
            }
            count += 1;
        }
        self.text.push(b'\n');
        self.faces += 1;
        if count < 3 {
            self.text.truncate(start);
            self.small_faces += 1;
            return Ok(());
        }
        self.corners += count - 2;
        Ok(())
    }

    /// The vertices as points, with their normals if there is one for each.
    fn points(mut self, text: &[u8]) -> Result<Parsed, Wrong> {
        // They were read as vertices.
        self.points = 0;
        let mut notes = self.notes();
        // Words were checked when they were written; what is no number to Rust was written as `nan`.
        let row = |line: &[u8]| {
            let mut numbers = words(line).skip(1).map(float);
            std::array::from_fn(|_| numbers.next().flatten().unwrap_or(f64::NAN))
        };
        let positions: Vec<[f64; 3]> = Lines::new(&self.text).map(row).collect();
        let mut normals = Vec::new();
        let mut lines = Lines::new(text);
        loop {
            let offset = lines.at;
            let Some(line) = lines.next() else { break };
            if !words(line)
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case(b"vn"))
            {
                continue;
            }
            let line = without_comment(line);
            let numbers = words(line).skip(1).map_while(float);
            let numbers: Vec<f64> = numbers.take(3).collect();
            normals.push(<[f64; 3]>::try_from(numbers).map_err(|_| {
                let what = format!("a normal needs three numbers: `{}`", shortened(line));
                Wrong { offset, what }
            })?);
        }
        if normals.len() != positions.len() {
            let (count, points) = (normals.len(), positions.len());
            if count > 0 {
                notes.push(format!(
                    "The normals were left out: there are {count} for {points} points."
                ));
            }
            normals.clear();
        }
        Ok(Parsed {
            mesh: Mesh {
                positions,
                triangles: Vec::new(),
            },
            normals,
            notes,
            ..Parsed::default()
        })
    }

    /// Refuses wireframes and curves, faces without vertices, and what is too large.
    fn check(&self, limit: &SizeLimit) -> Result<(), Failure> {
        let vertices = self.vertices;
        limit.check(vertices as u64, self.corners as u64)?;
        let beyond = Some(self.farthest).filter(|(_, vertex)| *vertex >= vertices as i64);
        if let Some((face, vertex)) = self.missing.or(beyond) {
            return Err(MeshError::MissingVertex {
                face,
                vertex,
                vertices,
            }
            .into());
        }
        if self.corners > 0 || vertices == 0 || self.free_form + self.lines == 0 {
            return Ok(());
        }
        Err(match (self.free_form, self.lines) {
            (0, lines) => Failure::Unsupported(format!(
                "it holds {lines} lines (`l`) and no faces: a wireframe has no surface; give it faces first"
            )),
            (free_form, _) => Failure::Unsupported(format!(
                "it holds {free_form} free-form curves or surfaces (`curv`, `surf`) and no faces: convert them to polygons before \
                 the export"
            )),
        })
    }

    /// What was left out, in words.
    fn notes(&self) -> Vec<String> {
        let said = [
            left_out(self.lines, "line (`l`)", "lines (`l`)"),
            left_out(self.points, "point (`p`)", "points (`p`)"),
            left_out(
                self.free_form,
                "free-form curve or surface (`curv`, `surf`)",
                "free-form curves or surfaces (`curv`, `surf`)",
            ),
            left_out(self.small_faces, SMALL_FACE, SMALL_FACES),
        ];
        said.into_iter().flatten().collect()
    }
}

fn without_comment(line: &[u8]) -> &[u8] {
    if !line.contains(&b'#') {
        return line.trim_ascii_end();
    }
    let end = line.iter().position(|&byte| byte == b'#');
    line[..end.unwrap_or(line.len())].trim_ascii_end()
}

/// The line with those that it goes on in, put together in `joined`.
fn join_continued<'a>(first: &[u8], lines: &mut Lines, joined: &'a mut Vec<u8>) -> &'a [u8] {
    joined.extend_from_slice(first);
    while joined.last() == Some(&b'\\') {
        joined.pop();
        joined.push(b' ');
        joined.extend_from_slice(without_comment(lines.next().unwrap_or(&[])));
    }
    joined
}

/// Whether this is a decimal number that any parser reads. Almost all are: they are not parsed twice.
fn is_decimal(word: &[u8]) -> bool {
    let skip_digits = |rest: &mut &[u8]| {
        let end = rest.iter().position(|byte| !byte.is_ascii_digit());
        let count = end.unwrap_or(rest.len());
        *rest = &rest[count..];
        count
    };
    let skip_sign = |rest: &mut &[u8]| {
        if let [b'+' | b'-', behind @ ..] = *rest {
            *rest = behind;
        }
    };
    let mut rest = word;
    skip_sign(&mut rest);
    let mut digits = skip_digits(&mut rest);
    if let [b'.', behind @ ..] = rest {
        rest = behind;
        digits += skip_digits(&mut rest);
    }
    if let [b'e' | b'E', behind @ ..] = rest {
        rest = behind;
        skip_sign(&mut rest);
        if skip_digits(&mut rest) == 0 {
            return false;
        }
    }
    digits > 0 && rest.is_empty()
}

/// Index of the first vertex that a face uses and that has a coordinate that is no finite number.
fn find_infinite_vertex(geometry: &[u8]) -> usize {
    let lines = |letter: u8| Lines::new(geometry).filter(move |line| line.first() == Some(&letter));
    let infinite: Vec<bool> = lines(b'v')
        .map(|line| {
            let mut numbers = words(line).skip(1).filter_map(float);
            !numbers.all(f64::is_finite)
        })
        .collect();
    let corners = lines(b'f').flat_map(|line| words(line).skip(1).filter_map(whole));
    let mut vertices = corners.map(|corner| corner as usize - 1);
    vertices.find(|&vertex| infinite[vertex]).unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests;
