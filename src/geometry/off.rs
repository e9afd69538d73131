//! Geomview's OFF in text, with its variants for colours, normals and texture coordinates.

use super::SizeLimit;
use super::read::{Failure, Parsed};
use super::text::{
    Records, Words, Wrong, float, no_number, shortened, starts_with_word, whole, words,
};
use super::triangulate::PolygonMesh;

/// Parses an OFF file: the counts, the vertices, the faces. What follows the three coordinates of a vertex or the corners
/// of a face (colours, normals) is ignored, and so is everything behind a `#`.
///
/// Almost all files have a line for each vertex and each face. Where they do not, numbers are taken as they come.
pub(super) fn parse(text: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let head = Head::read(text)?;
    let Head {
        vertices, faces, ..
    } = head;
    limit.check(vertices as u64, faces as u64)?;
    // A vertex takes at least six bytes and a face two: counts beyond that are wrong, and would only cost memory.
    let needed = vertices
        .saturating_mul(6)
        .saturating_add(faces.saturating_mul(2));
    if needed > text.len() + 1 {
        return Err(Failure::Truncated(format!(
            "the counts promise {vertices} vertices and {faces} faces, but the file has only {} bytes",
            text.len()
        )));
    }
    let mut refused = None;
    for &start in &head.starts {
        let mesh = read_lines(text, start, &head);
        let parsed = mesh.and_then(|(mesh, normals)| {
            let parsed = Parsed::from_polygons(mesh, limit, Vec::new())?;
            Ok(Parsed { normals, ..parsed })
        });
        match parsed {
            Ok(parsed) => return Ok(parsed),
            Err(failure) => refused = refused.or(Some(failure)),
        }
    }
    for &start in &head.starts {
        for &width in &head.widths {
            for faces_begin_lines in [false, true] {
                let mesh = read_words(text, start, &head, width, faces_begin_lines);
                let parsed = mesh.map(|mesh| Parsed::from_polygons(mesh, limit, Vec::new()));
                if let Some(Ok(parsed)) = parsed {
                    return Ok(parsed);
                }
            }
        }
    }
    // What is wrong is told of the usual layout.
    Err(refused.unwrap_or(Failure::Empty))
}

/// The variant that a file's first word names, and what stands behind the name without a space: `OFF8 12 0`.
pub(super) fn keyword(word: &[u8]) -> Option<(&[u8], &[u8])> {
    const LONGEST: usize = b"STCN4n".len();
    let at = (0..=LONGEST).find(|&at| {
        word.get(at..)
            .is_some_and(|rest| starts_with_word(rest, b"off"))
    })?;
    let (variant, glued) = (&word[..at], &word[at + 3..]);
    let known = variant
        .iter()
        .all(|letter| b"STCN4".contains(&letter.to_ascii_uppercase()));
    (known && glued.iter().all(u8::is_ascii_digit)).then_some((variant, glued))
}

/// What stands before the first vertex.
struct Head {
    vertices: usize,
    faces: usize,
    /// Where the vertices may begin: the number of edges is often left out.
    starts: Vec<usize>,
    /// How many numbers a vertex may have where lines do not tell.
    widths: Vec<usize>,
    /// Whether normals stand behind the coordinates.
    normals: bool,
}

impl Head {
    fn read(text: &[u8]) -> Result<Head, Failure> {
        let mut words = Words {
            text,
            at: 0,
            comment: Some(b'#'),
        };
        let first = words.next().unwrap_or(&[]);
        let mut widths = vec![3];
        let mut normals = false;
        match keyword(first) {
            None => words.at = 0,
            Some((variant, glued)) => {
                words.at -= glued.len();
                let name = shortened(&first[..first.len() - glued.len()]);
                let has = |letter: u8| variant.iter().any(|x| x.eq_ignore_ascii_case(&letter));
                let mut dimensions = if has(b'4') { 4 } else { 3 };
                // Upper case is for normals: `nOFF` says the number of its dimensions, `noff` is anybody's.
                if variant.last() == Some(&b'n') && name.ends_with("OFF") {
                    let said = words.next().and_then(whole).unwrap_or(0);
                    dimensions = said.saturating_add(dimensions - 3);
                } else if has(b'n') {
                    widths[0] += 3;
                    normals = true;
                }
                if dimensions != 3 {
                    return Err(Failure::Unsupported(format!(
                        "`{name}` has {dimensions} dimensions, not three: export the file as plain OFF"
                    )));
                }
                if has(b't') {
                    widths[0] += 2;
                }
                if has(b'c') {
                    widths = vec![widths[0] + 4, widths[0] + 3];
                }
                let behind = words.at;
                if words
                    .next()
                    .is_some_and(|next| next.eq_ignore_ascii_case(b"binary"))
                {
                    return Err(Failure::Unsupported(
                        "binary OFF is not read: export the file as text".into(),
                    ));
                }
                words.at = behind;
            }
        }
        let mut counts = [0; 2];
        for count in &mut counts {
            words.ends_line();
            let offset = words.at;
            let Some(word) = words.next() else {
                return Err(Failure::Truncated(
                    "it ends where the counts should be".into(),
                ));
            };
            let number = whole(word).and_then(|number| usize::try_from(number).ok());
            *count = number.ok_or_else(|| {
                let what = format!(
                    "the numbers of vertices, faces and edges should stand here, not `{}`",
                    shortened(word)
                );
                Wrong { offset, what }.in_text(text)
            })?;
        }
        let behind_faces = words.at;
        let ends = words.ends_line();
        words.next();
        let mut starts = vec![words.at];
        if ends {
            starts.insert(0, behind_faces);
        }
        Ok(Head {
            vertices: counts[0],
            faces: counts[1],
            starts,
            widths,
            normals,
        })
    }
}

/// What a line says before a comment.
fn content(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|&byte| byte == b'#');
    line[..end.unwrap_or(line.len())].trim_ascii()
}

/// The mesh, if it has a line for each vertex and each face, and normals if it has no faces.
fn read_lines(
    text: &[u8],
    start: usize,
    head: &Head,
) -> Result<(PolygonMesh, Vec<[f64; 3]>), Failure> {
    #[derive(Default)]
    struct Part {
        mesh: PolygonMesh,
        normals: Vec<[f64; 3]>,
        /// The fewest and most words in the line of a vertex.
        widths: Option<(usize, usize)>,
        corners: Vec<i64>,
    }

    let &Head {
        vertices, faces, ..
    } = head;
    let body = &text[start..];
    // Looking for comments in every line takes its time.
    let content = match body.contains(&b'#') {
        true => content,
        false => <[u8]>::trim_ascii,
    };
    let records = Records::new(body, content);
    let expected = vertices + faces;
    if records.count < expected {
        let missing = match records.count.checked_sub(vertices) {
            Some(face) => format!("face {face} of {faces}"),
            None => format!("vertex {} of {vertices}", records.count),
        };
        return Err(Failure::Truncated(format!(
            "it ends where {missing} should be"
        )));
    }
    let even = records.count > expected;
    let parts = records.read(expected, |number, line, part: &mut Part| {
        let mut words = words(line);
        if number < vertices {
            let mut position = [0.0; 3];
            for coordinate in &mut position {
                let word = words.next().ok_or("a vertex needs three numbers")?;
                *coordinate = float(word).ok_or_else(|| {
                    format!("a vertex needs three numbers, and {}", no_number(word))
                })?;
            }
            part.mesh.positions.push(position);
            if head.normals && faces == 0 {
                let number = |word| float(word).ok_or_else(|| no_number(word));
                let numbers: Vec<f64> = words
                    .by_ref()
                    .take(3)
                    .map(number)
                    .collect::<Result<_, _>>()?;
                let normal = numbers.try_into();
                part.normals
                    .push(normal.map_err(|_| "a normal needs three numbers")?);
            }
            if even {
                let width = 3 + words.count();
                let (least, most) = part.widths.unwrap_or((width, width));
                part.widths = Some((least.min(width), most.max(width)));
            }
            return Ok(());
        }
        push_face(&mut part.mesh, &mut words, &mut part.corners)
    });
    let parts = parts.map_err(|Wrong { offset, what }| {
        let offset = start + offset;
        Wrong { offset, what }.in_text(text)
    })?;
    let widths = parts.iter().filter_map(|part| part.widths);
    let (least, most) = widths.fold((usize::MAX, 0), |all, (least, most)| {
        (all.0.min(least), all.1.max(most))
    });
    if least < most {
        return Err(Failure::Malformed(format!(
            "its vertices have from {least} to {most} numbers, and there are {} lines for {vertices} vertices and {faces} faces",
            records.count
        )));
    }
    let mut parts = parts;
    let normals = parts
        .iter_mut()
        .map(|part| std::mem::take(&mut part.normals));
    let normals = normals.collect::<Vec<_>>().concat();
    let mesh = PolygonMesh::joined(parts.into_iter().map(|part| part.mesh));
    Ok((mesh, normals))
}

/// Reads one face: how many corners it has, and which. `corners` is room that is used again.
fn push_face<'a>(
    mesh: &mut PolygonMesh,
    words: &mut impl Iterator<Item = &'a [u8]>,
    corners: &mut Vec<i64>,
) -> Result<(), String> {
    let count = words.next().and_then(whole);
    let count = count.and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or("a face begins with the number of its corners")?;
    corners.clear();
    for _ in 0..count {
        let word = words
            .next()
            .ok_or("the face has fewer corners than it says")?;
        let vertex = whole(word).ok_or_else(|| {
            let word = shortened(word);
            format!("the number of a vertex should stand here, not `{word}`")
        })?;
        corners.push(vertex);
    }
    mesh.push_face(corners.iter().copied());
    Ok(())
}

/// The mesh, if its numbers make one that are spread over lines anyhow: `width` of them for each vertex. Either nothing
/// stands behind the last face, or each face begins a line and what follows its corners in the last one is a colour.
fn read_words(
    text: &[u8],
    start: usize,
    head: &Head,
    width: usize,
    faces_begin_lines: bool,
) -> Option<PolygonMesh> {
    let mut words = Words {
        text,
        at: start,
        comment: Some(b'#'),
    };
    let mut mesh = PolygonMesh::default();
    for _ in 0..head.vertices {
        let mut position = [0.0; 3];
        for coordinate in &mut position {
            *coordinate = float(words.next()?)?;
        }
        mesh.positions.push(position);
        for _ in 3..width {
            float(words.next()?)?;
        }
    }
    let mut corners = Vec::new();
    for _ in 0..head.faces {
        if faces_begin_lines && !words.ends_line() {
            return None;
        }
        push_face(&mut mesh, &mut words, &mut corners).ok()?;
        if faces_begin_lines {
            words.skip_line();
        }
    }
    (mesh.lines_and_points == 0 && (faces_begin_lines || words.next().is_none())).then_some(mesh)
}

#[cfg(test)]
pub(super) mod tests;
