//! Stereolithography files in text and in binary.

use rayon::prelude::*;

use super::SizeLimit;
use super::format::{STL_HEADER, STL_TRIANGLE, stl_claimed_triangles};
use super::read::{Failure, Parsed};
use super::text::{Lines, Piece, Words, Wrong, float, no_number, pieces, starts_with_word, words};
use super::triangulate::PolygonMesh;

/// Parses an STL file. Each triangle brings its own corners; those at exactly the same place become one vertex.
pub(super) fn parse(bytes: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let mut solids = Solids::default();
    if is_text(bytes) {
        solids.push_text(bytes)?;
    } else {
        solids.push_binary(bytes, limit)?;
    }
    Ok(Parsed::from_polygons(solids.mesh, limit, solids.notes)?.welded())
}

/// Whether these are words: a binary file has zeros in its header or in its numbers.
fn is_text(bytes: &[u8]) -> bool {
    const LOOK: usize = 1024;
    let claimed = stl_claimed_triangles(bytes).map(|count| STL_HEADER + count * STL_TRIANGLE);
    if claimed == Some(bytes.len()) || bytes[..bytes.len().min(LOOK)].contains(&0) {
        return false;
    }
    // Some programs write a line or two before the solid.
    let is_keyword = |line: &[u8]| {
        let word = words(line).next().unwrap_or(&[]);
        ["solid", "facet"]
            .iter()
            .any(|keyword| word.eq_ignore_ascii_case(keyword.as_bytes()))
    };
    Lines::new(bytes).take(LOOK).any(is_keyword)
}

/// All solids of a file.
#[derive(Default)]
struct Solids {
    mesh: PolygonMesh,
    notes: Vec<String>,
}

impl Solids {
    /// Solids in binary, one behind the other. Where the count of a header is wrong the length of the file decides.
    fn push_binary(&mut self, bytes: &[u8], limit: &SizeLimit) -> Result<(), Failure> {
        if !bytes
            .iter()
            .take(STL_HEADER)
            .any(|byte| matches!(byte, 0..8 | 127..))
        {
            return Err(Failure::Malformed(
                "no line begins with `solid` or `facet`, as a text would, and it is no binary data"
                    .into(),
            ));
        }
        let Some(claimed) = stl_claimed_triangles(bytes) else {
            return Err(Failure::Truncated(format!(
                "a binary STL has at least {STL_HEADER} bytes, this one has {}, and a text begins with `solid`",
                bytes.len()
            )));
        };
        let body = &bytes[STL_HEADER..];
        let whole = body.len() / STL_TRIANGLE;
        limit.check(3 * whole as u64, whole as u64)?;
        if claimed <= whole {
            let (counted, behind) = body.split_at(claimed * STL_TRIANGLE);
            let other = behind.len() < STL_TRIANGLE || is_text(behind) || are_solids(behind);
            if other || !are_triangles(counted, behind) {
                self.push_triangles(counted);
                return self.end_binary(behind);
            }
        }
        let rest = body.len() % STL_TRIANGLE;
        // Counts that programs leave behind when they do not know better say nothing about what is missing.
        let unknown = u32::MAX as usize;
        if claimed > whole && (whole == 0 || rest > 0 && claimed < unknown) {
            return Err(Failure::Truncated(format!(
                "{claimed} triangles take {} bytes, but the file has {}",
                STL_HEADER + claimed * STL_TRIANGLE,
                bytes.len()
            )));
        }
        self.push_triangles(&body[..whole * STL_TRIANGLE]);
        let behind = match rest {
            0 => String::new(),
            _ => format!(", and {rest} bytes behind them"),
        };
        self.notes.push(format!(
            "The header of the STL file counts {claimed} triangles, but its length makes {whole}{behind}: {whole} were read."
        ));
        Ok(())
    }

    /// What stands behind a binary solid: nothing, more solids, or bytes that say nothing.
    fn end_binary(&mut self, mut behind: &[u8]) -> Result<(), Failure> {
        if is_text(behind) {
            return self.push_text(behind);
        }
        if are_solids(behind) {
            while let Some(count) = stl_claimed_triangles(behind) {
                let (solid, rest) = behind[STL_HEADER..].split_at(count * STL_TRIANGLE);
                self.push_triangles(solid);
                behind = rest;
            }
        }
        if !behind.is_empty() {
            self.notes.push(format!(
                "{} bytes behind the last triangle of the STL file were left out.",
                behind.len()
            ));
        }
        Ok(())
    }

    fn push_triangles(&mut self, bytes: &[u8]) {
        self.mesh.positions.reserve(bytes.len() / STL_TRIANGLE * 3);
        for triangle in bytes.chunks_exact(STL_TRIANGLE) {
            let first = self.mesh.positions.len() as i64;
            self.mesh.positions.extend(corners(triangle));
            self.mesh
                .push_face([first, first + 1, first + 2].into_iter());
        }
    }

    /// Solids in words. Normals follow from the corners; programs write `nan` for those of thin faces.
    fn push_text(&mut self, text: &[u8]) -> Result<(), Failure> {
        let ends_facet = |line: &[u8]| {
            let word = words(line).next().unwrap_or(&[]);
            word.eq_ignore_ascii_case(b"endfacet")
        };
        let pieces = pieces(text, ends_facet);
        let parts: Vec<Result<Facets, Wrong>> = pieces.par_iter().map(Facets::read).collect();
        let mut ended = false;
        for part in parts {
            let part = part.map_err(|wrong| wrong.in_text(text))?;
            if !part.corners.is_empty() {
                return Err(Failure::Truncated(
                    "it ends within a facet, which needs three corners and `endloop`".into(),
                ));
            }
            ended = part.ended;
            let first_vertex = self.mesh.positions.len();
            self.mesh.append(part.mesh, first_vertex as u32);
        }
        if !ended {
            self.notes.push(
                "The STL file has no `endsolid`: it may be cut off, its facets up to there were read."
                    .into(),
            );
        }
        Ok(())
    }
}

/// The corners of a triangle in binary.
fn corners(triangle: &[u8]) -> impl Iterator<Item = [f64; 3]> + '_ {
    // Behind the normal, and before two bytes for anything.
    let corners = triangle[12..48].as_chunks::<12>().0;
    corners.iter().map(|corner| {
        let numbers = corner.as_chunks::<4>().0;
        std::array::from_fn(|axis| f64::from(f32::from_le_bytes(numbers[axis])))
    })
}

/// Whether these bytes are nothing but binary solids, each with a header and the right count.
fn are_solids(mut bytes: &[u8]) -> bool {
    let mut triangles = 0;
    while !bytes.is_empty() {
        let Some(count) = stl_claimed_triangles(bytes) else {
            return false;
        };
        let Some(rest) = bytes.get(STL_HEADER + count * STL_TRIANGLE..) else {
            return false;
        };
        triangles += count;
        bytes = rest;
    }
    triangles > 0
}

/// Whether what stands behind the counted triangles can be more of the same: numbers of about their size.
fn are_triangles(counted: &[u8], behind: &[u8]) -> bool {
    const LARGER: f64 = 1e3;
    let farthest = |bytes: &[u8]| {
        let corners = bytes.chunks_exact(STL_TRIANGLE).flat_map(corners);
        let numbers = corners.flatten().map(f64::abs);
        let or_infinity = |x: f64| if x.is_nan() { f64::INFINITY } else { x };
        numbers.map(or_infinity).fold(0.0, f64::max)
    };
    counted.is_empty() || farthest(behind) <= LARGER * farthest(counted)
}

/// The facets in a piece of text.
#[derive(Default)]
struct Facets {
    mesh: PolygonMesh,
    /// Corners of the facet that is read now.
    corners: Vec<[f64; 3]>,
    /// Whether the last word of all was `endsolid`.
    ended: bool,
}

impl Facets {
    fn read(piece: &Piece) -> Result<Facets, Wrong> {
        let mut facets = Facets::default();
        let mut words = Words {
            text: piece.text,
            at: 0,
            comment: None,
        };
        let mut in_title = false;
        loop {
            // Titles and comments may hold any word, up to the end of their line.
            let new_line = words.at == 0;
            let new_line = words.ends_line() || new_line;
            let start = words.at;
            in_title &= !new_line;
            let Some(word) = words.next() else { break };
            let is = |keyword: &[u8]| word.eq_ignore_ascii_case(keyword);
            if in_title {
                // A whole file in one line: the facets begin where these two words stand side by side.
                let mut ahead = Words {
                    text: piece.text,
                    ..words
                };
                let begins = is(b"facet")
                    && ahead
                        .next()
                        .is_some_and(|next| next.eq_ignore_ascii_case(b"normal"));
                if !begins {
                    continue;
                }
                in_title = false;
            }
            let wrong = |what| Wrong {
                offset: piece.offset + start,
                what,
            };
            if is(b"vertex") {
                let mut corner = [0.0; 3];
                for coordinate in &mut corner {
                    let number = words.next().unwrap_or(&[]);
                    if number.is_empty() {
                        facets.corners.push(corner);
                        return Ok(facets);
                    }
                    *coordinate = float(number).ok_or_else(|| {
                        wrong(format!(
                            "a vertex needs three numbers, and {}",
                            no_number(number)
                        ))
                    })?;
                }
                facets.corners.push(corner);
            } else if is(b"facet") {
                if matches!(facets.corners.len(), 1..3) {
                    return Err(wrong(
                        "a facet begins before the last one has three corners".into(),
                    ));
                }
                facets.end_facet();
            } else if is(b"endloop") || is(b"endfacet") {
                facets.end_facet();
            } else if is(b"solid") || is(b"endsolid") {
                in_title = true;
                facets.ended = is(b"endsolid");
                facets.end_facet();
            } else if is(b"end") {
                // `end solid`, as some write it.
                let mut ahead = Words {
                    text: piece.text,
                    ..words
                };
                if ahead
                    .next()
                    .is_some_and(|next| starts_with_word(next, b"solid"))
                {
                    facets.ended = true;
                    in_title = true;
                }
            } else if new_line
                && (word.starts_with(b"#") || word.starts_with(b";") || word.starts_with(b"//"))
            {
                in_title = true;
            }
        }
        Ok(facets)
    }

    /// A facet of more than three corners is a polygon; one without any is nothing.
    fn end_facet(&mut self) {
        if self.corners.is_empty() {
            return;
        }
        let first = self.mesh.positions.len() as i64;
        let count = self.corners.len();
        self.mesh.positions.append(&mut self.corners);
        let corners = (0..count).map(|corner| first + corner as i64);
        self.mesh.push_face(corners);
    }
}

#[cfg(test)]
pub(super) mod tests;
