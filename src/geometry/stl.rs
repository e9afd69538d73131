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

    /// A tetrahedron, in many hands.
    pub fn oddities() -> Vec<Vec<u8>> {
        let facets = |vertex: &str, begin: &str, end: &str| -> String {
            let corners = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
            let places = ["0 0 0", "1 0 0", "0 1 0", "0 0 1"];
            let facet = |triangle: [usize; 3]| {
                let corners = triangle.map(|corner| format!("{vertex} {}\n", places[corner]));
                format!("{begin}{}{end}", corners.concat())
            };
            corners.map(facet).concat()
        };
        let plain = facets(
            "vertex",
            "facet normal 0 0 1\nouter loop\n",
            "endloop\nendfacet\n",
        );
        let texts = [
            format!("solid x\n{plain}endsolid x\n"),
            format!("solid x\n{plain}endsolid x\n").to_uppercase(),
            format!("Solid facet vertex 7\n{plain}endsolid"),
            format!("solid\n{plain}end solid\n"),
            format!("solid x\n{plain}"),
            format!("solid a\nendsolid a\nsolid b\n{plain}endsolid b\n"),
            format!("# vertex of a program\n; another\nsolid x\ncolor 1 0 0\n{plain}endsolid x\n"),
            format!("solid x\n{plain}endsolid x\n").replace('\n', "\r"),
            format!("solid x\n{plain}endsolid x\n").replace('\n', "\r\n\r\n"),
            format!("solid x\n{plain}endsolid x\n").replace('\n', " "),
            format!("solid x\n{plain}endsolid x\n")
                .replace("0 0 1\nouter", "nan -nan(ind) 1.#QNAN\ncolor 1\nouter"),
            format!("\u{feff}solid x\n{plain}endsolid x\n"),
            plain,
        ];
        let utf_16 = texts[0].encode_utf16().flat_map(u16::to_be_bytes);
        let utf_16 = [0xfe, 0xff].into_iter().chain(utf_16).collect();
        texts
            .into_iter()
            .map(String::into_bytes)
            .chain([utf_16])
            .collect()
    }

    /// A binary solid of `count` triangles in its header, of the others beside each other.
    fn solid(header: &[u8], count: u32, triangles: std::ops::Range<usize>) -> Vec<u8> {
        let mut bytes = header.to_vec();
        bytes.resize(80, b' ');
        bytes.extend(count.to_le_bytes());
        for triangle in triangles {
            let x = triangle as f32;
            let corners = [[x, 0.0, 0.0], [x + 1.0, 0.0, 0.0], [x, 1.0, 0.0]];
            bytes.extend([0; 12]);
            bytes.extend(corners.as_flattened().iter().flat_map(|x| x.to_le_bytes()));
            bytes.extend([0; 2]);
        }
        bytes
    }

    /// Binary files whose count, or what stands behind them, is odd, with the number of their triangles.
    pub fn odd_binaries() -> Vec<(Vec<u8>, usize)> {
        let text = oddities().swap_remove(0);
        vec![
            (solid(b"x", 0, 0..5), 5),
            (solid(b"solid x", 0, 0..5), 5),
            (solid(b"x", u32::MAX, 0..5), 5),
            (solid(b"x", 2, 0..5), 5),
            (solid(b"x", 9, 0..5), 5),
            ([solid(b"x", 0, 0..5), vec![0; 7]].concat(), 5),
            ([solid(b"x", 5, 0..5), b"\r\n".to_vec()].concat(), 5),
            ([solid(b"x", 5, 0..5), vec![0x7f; 120]].concat(), 5),
            ([solid(b"x", 2, 0..2), solid(b"y", 3, 2..5)].concat(), 5),
            (
                [
                    solid(b"solid", 2, 0..2),
                    solid(b"solid", 3, 2..5),
                    solid(b"", 1, 5..6),
                ]
                .concat(),
                6,
            ),
            ([solid(b"x", 5, 0..5), text].concat(), 9),
            (solid(b"\xff\xfex", 5, 0..5), 5),
        ]
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
        let header = &whole[..84];
        assert!(matches!(read(header), Err(ReadError::Truncated { .. })));
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

    #[test]
    fn texts_in_many_hands_are_the_same_mesh() {
        let expected = read(&oddities()[0]).unwrap();
        assert_eq!(
            (expected.mesh.positions.len(), expected.mesh.triangles.len()),
            (4, 4)
        );
        assert!(Topology::of(&expected.mesh).watertight());
        for bytes in oddities() {
            let words = String::from_utf8_lossy(&bytes);
            let loaded = read(&bytes).unwrap_or_else(|error| panic!("{error}: {words}"));
            assert_eq!(loaded.mesh, expected.mesh, "{words}");
            let ended = words.to_lowercase().contains("end")
                && words.to_lowercase().contains("d solid")
                || words.to_lowercase().contains("endsolid")
                || bytes.starts_with(b"\xfe\xff");
            assert_eq!(
                loaded.cleanup.notes.is_empty(),
                ended,
                "{:?}: {words}",
                loaded.cleanup.notes
            );
        }
    }

    #[test]
    fn the_length_of_a_binary_file_decides_and_it_is_said() {
        for (number, (bytes, triangles)) in odd_binaries().into_iter().enumerate() {
            let loaded = read(&bytes).unwrap_or_else(|error| panic!("{number}: {error}"));
            assert_eq!(loaded.mesh.triangles.len(), triangles, "{number}");
            let silent = [8, 9, 10, 11].contains(&number);
            assert_eq!(
                loaded.cleanup.notes.is_empty(),
                silent,
                "{number}: {:?}",
                loaded.cleanup.notes
            );
        }
        let notes = read(&solid(b"x", 2, 0..5)).unwrap().cleanup.notes;
        assert_eq!(
            notes,
            ["The header of the STL file counts 2 triangles, but its length makes 5: 5 were read."]
        );
    }

    #[test]
    fn facets_of_more_corners_are_polygons() {
        let square = "solid\nfacet\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 1 1 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid\n";
        let loaded = read(square.as_bytes()).unwrap();
        assert_eq!(loaded.mesh.triangles.len(), 2);
        assert_eq!(loaded.cleanup.polygons_triangulated, 1);
    }

    #[test]
    fn errors_name_the_line() {
        let cases = [
            (
                "solid\nfacet\nouter loop\nvertex 0 zero 0\n",
                "line 4: a vertex needs three numbers, and `zero`",
            ),
            (
                "solid\nfacet\nvertex 0 0 0\nvertex 1,5 0 0\n",
                "line 4: a vertex needs three numbers, and `1,5` has a comma",
            ),
            (
                "solid\nfacet\nvertex 0 0 0\nfacet\n",
                "line 4: a facet begins before",
            ),
            ("nothing of the kind", "no line begins with `solid`"),
        ];
        for (text, words) in cases {
            let message = read(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn large_texts_are_read_in_pieces() {
        let sphere = shapes::icosphere(5, 1.0);
        let mut text = String::from("solid sphere\n");
        for index in 0..sphere.triangles.len() {
            text += "facet normal 0 0 0\n outer loop\n";
            for [x, y, z] in sphere.corners(index) {
                text += &format!("  vertex {x} {y} {z}\n");
            }
            text += " endloop\nendfacet\n";
        }
        assert!(text.len() > 3 << 20);
        let loaded = read(text.as_bytes()).unwrap();
        assert_eq!(loaded.mesh.positions.len(), sphere.positions.len());
        for index in 0..sphere.triangles.len() {
            assert_eq!(loaded.mesh.corners(index), sphere.corners(index));
        }
    }
}
