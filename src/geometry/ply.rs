//! Stanford PLY in text and in binary of either byte order, by the ply-rs-bw crate.

use std::io::{BufRead, ErrorKind};

use ply_rs_bw::parser::{ParseError, Parser, Reader};
use ply_rs_bw::ply::{
    DefaultElement, ElementDef, Encoding, Header, Property, PropertyAccess, PropertyAccessResult,
    PropertyType, ScalarType,
};

use super::SizeLimit;
use super::read::{Failure, Parsed};
use super::triangulate::PolygonMesh;

/// Parses the elements `vertex` and `face` of a PLY file; all others are skipped.
pub(super) fn parse(bytes: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let mut reader = Reader::new(bytes);
    let header = Parser::<DefaultElement>::new()
        .read_header(&mut reader)
        .map_err(explain)?;
    check_counts(&header, reader.get_ref().len())?;
    limit.check(count_of(&header, "vertex"), count_of(&header, "face"))?;

    let mut mesh = PolygonMesh::default();
    for (name, element) in &header.elements {
        match name.as_str() {
            "vertex" => {
                for axis in ["x", "y", "z"] {
                    if !element.properties.contains_key(axis) {
                        return Err(Failure::Malformed(format!(
                            "the vertices have no property `{axis}`"
                        )));
                    }
                }
                let vertices = read_elements::<Vertex>(&mut reader, element, &header)?;
                mesh.positions = vertices.into_iter().map(|vertex| vertex.position).collect();
            }
            "face" => {
                if !element.properties.keys().any(|name| is_corner_list(name)) {
                    return Err(Failure::Malformed(
                        "the faces have no property `vertex_indices`".into(),
                    ));
                }
                for face in read_elements::<Face>(&mut reader, element, &header)? {
                    mesh.push_face(face.corners.into_iter());
                }
            }
            _ => drop(read_elements::<Skipped>(&mut reader, element, &header)?),
        }
    }
    let strips = header.elements.contains_key("tristrips") && !header.elements.contains_key("face");
    if strips {
        return Err(Failure::Unsupported(
            "the faces are triangle strips, which are not read: export the file with plain faces"
                .into(),
        ));
    }
    let (mesh, polygons) = mesh.into_triangles()?;
    Ok(Parsed {
        mesh,
        polygons,
        ..Parsed::default()
    })
}

/// How many elements of a kind the header promises.
fn count_of(header: &Header, element: &str) -> u64 {
    header
        .elements
        .get(element)
        .map_or(0, |element| element.count as u64)
}

fn read_elements<E: PropertyAccess>(
    reader: &mut Reader<impl BufRead>,
    element: &ElementDef,
    header: &Header,
) -> Result<Vec<E>, Failure> {
    Parser::<E>::new()
        .read_payload_for_element(reader, element, header)
        .map_err(explain)
}

fn explain(error: ParseError) -> Failure {
    // The crate's texts have several lines: what failed, the line of the file, then how its grammar sees it.
    let text = error.to_string();
    let words: Vec<&str> = text.lines().take(2).map(str::trim).collect();
    let detail = words.join(" ");
    match error.kind() {
        ErrorKind::UnexpectedEof => Failure::Truncated(detail),
        _ => Failure::Malformed(detail),
    }
}

/// Refuses a header that promises more than the rest of the file can hold: elements would be made without end.
fn check_counts(header: &Header, available: usize) -> Result<(), Failure> {
    let text = header.encoding == Encoding::Ascii;
    let mut needed = 0_usize;
    for (name, element) in &header.elements {
        let size = |scalar: &ScalarType| match scalar {
            // One digit and one separator.
            _ if text => 2,
            ScalarType::Char | ScalarType::UChar => 1,
            ScalarType::Short | ScalarType::UShort => 2,
            ScalarType::Int | ScalarType::UInt | ScalarType::Float => 4,
            ScalarType::Double => 8,
        };
        let least: usize = element
            .properties
            .values()
            .map(|property| match &property.data_type {
                PropertyType::Scalar(scalar) => size(scalar),
                PropertyType::List(length, _) => size(length),
            })
            .sum();
        if least == 0 && element.count > 0 {
            return Err(Failure::Malformed(format!(
                "the element `{name}` has no properties"
            )));
        }
        needed = needed.saturating_add(element.count.saturating_mul(least));
    }
    // The last line of a text may lack its separator.
    if needed > available.saturating_add(usize::from(text)) {
        return Err(Failure::Truncated(format!(
            "the header promises at least {needed} bytes of data, but only {available} follow"
        )));
    }
    Ok(())
}

fn is_corner_list(name: &str) -> bool {
    matches!(name, "vertex_indices" | "vertex_index")
}

struct Vertex {
    position: [f64; 3],
}

impl PropertyAccess for Vertex {
    fn new() -> Self {
        Vertex { position: [0.0; 3] }
    }

    fn set_property(&mut self, name: &str, property: Property) -> PropertyAccessResult {
        let axis = match name {
            "x" => 0,
            "y" => 1,
            "z" => 2,
            _ => return PropertyAccessResult::Ignored,
        };
        self.position[axis] = match property {
            Property::Float(x) => x.into(),
            Property::Double(x) => x,
            Property::Char(x) => x.into(),
            Property::UChar(x) => x.into(),
            Property::Short(x) => x.into(),
            Property::UShort(x) => x.into(),
            Property::Int(x) => x.into(),
            Property::UInt(x) => x.into(),
            _ => return PropertyAccessResult::UnsupportedType,
        };
        PropertyAccessResult::Set
    }
}

struct Face {
    corners: Vec<i64>,
}

impl PropertyAccess for Face {
    fn new() -> Self {
        Face {
            corners: Vec::new(),
        }
    }

    fn set_property(&mut self, name: &str, property: Property) -> PropertyAccessResult {
        if !is_corner_list(name) {
            return PropertyAccessResult::Ignored;
        }
        self.corners = match property {
            Property::ListInt(list) => list.into_iter().map(i64::from).collect(),
            Property::ListUInt(list) => list.into_iter().map(i64::from).collect(),
            Property::ListShort(list) => list.into_iter().map(i64::from).collect(),
            Property::ListUShort(list) => list.into_iter().map(i64::from).collect(),
            Property::ListChar(list) => list.into_iter().map(i64::from).collect(),
            Property::ListUChar(list) => list.into_iter().map(i64::from).collect(),
            _ => return PropertyAccessResult::UnsupportedType,
        };
        PropertyAccessResult::Set
    }
}

/// An element of which nothing is kept.
struct Skipped;

impl PropertyAccess for Skipped {
    fn new() -> Self {
        Skipped
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::geometry::{LoadedMesh, MeshFormat, ReadError, parse_mesh};

    pub const ASCII: &str = "ply\nformat ascii 1.0\ncomment by hand\nelement vertex 4\nproperty double x\nproperty double y\n\
        property double z\nproperty uchar red\nelement face 2\nproperty list uchar int vertex_index\nend_header\n\
        0 0 0 255\n1 0 0 255\n1 1 0 0\n0 1e0 0.5 7\n4 0 1 2 3\n3 0 2 3\n";

    /// The same shape in `f32`, with another element before the faces and a property after their list.
    pub fn binary(big_endian: bool) -> Vec<u8> {
        let order = if big_endian { "big" } else { "little" };
        let mut bytes = format!(
            "ply\nformat binary_{order}_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
            element edge 1\nproperty int vertex1\nproperty int vertex2\n\
            element face 2\nproperty list uchar uint vertex_indices\nproperty short group\nend_header\n"
        )
        .into_bytes();
        let mut put = |number: [u8; 4]| {
            let swapped = number.into_iter().rev();
            bytes.extend(if big_endian {
                swapped.collect::<Vec<_>>()
            } else {
                number.to_vec()
            });
        };
        for x in [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.5] {
            put(f32::to_le_bytes(x));
        }
        put(0_u32.to_le_bytes());
        put(1_u32.to_le_bytes());
        for face in [&[0_u32, 1, 2, 3][..], &[0, 2, 3]] {
            bytes.push(face.len() as u8);
            for corner in face {
                let corner = corner.to_le_bytes();
                bytes.extend(if big_endian {
                    corner.into_iter().rev().collect::<Vec<_>>()
                } else {
                    corner.to_vec()
                });
            }
            bytes.extend([0, 0]);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Result<LoadedMesh, ReadError> {
        parse_mesh(bytes, MeshFormat::Ply, "a.ply")
    }

    #[test]
    fn text_and_both_byte_orders_give_the_same_mesh() {
        let text = read(ASCII.as_bytes()).unwrap();
        assert_eq!(text.mesh.positions[3], [0.0, 1.0, 0.5]);
        assert_eq!(text.mesh.triangles, [[0, 1, 2], [0, 2, 3]]);
        assert_eq!(
            (
                text.cleanup.polygons_triangulated,
                text.cleanup.duplicate_triangles
            ),
            (1, 1)
        );
        assert_eq!(read(&binary(false)).unwrap(), text);
        assert_eq!(read(&binary(true)).unwrap(), text);
    }

    #[test]
    fn a_cut_file_is_called_cut() {
        let whole = binary(false);
        let cut = read(&whole[..whole.len() - 9]).unwrap_err();
        assert!(matches!(cut, ReadError::Truncated { .. }), "{cut}");
        let text = ASCII.trim_end().rsplit_once('\n').unwrap().0;
        assert!(matches!(
            read(text.as_bytes()),
            Err(ReadError::Truncated { .. })
        ));
    }

    #[test]
    fn counts_beyond_the_file_are_refused_before_anything_is_made() {
        let many = ASCII.replace("vertex 4", "vertex 9999999999999");
        assert!(matches!(
            read(many.as_bytes()),
            Err(ReadError::Truncated { .. })
        ));
        let nothing = ASCII.replace(
            "element face",
            "element nothing 9999999999999\nelement face",
        );
        let message = read(nothing.as_bytes()).unwrap_err().to_string();
        assert!(message.contains("`nothing` has no properties"), "{message}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                ASCII.replace("double z", "double height"),
                "no property `z`",
            ),
            (
                ASCII.replace("vertex_index", "corners"),
                "no property `vertex_indices`",
            ),
            (
                ASCII.replace("4 0 1 2 3", "4 0 1 2 -3"),
                "face 0 names vertex -3",
            ),
            (ASCII.replace("3 0 2 3", "3 0 2 4"), "face 1 names vertex 4"),
            (
                ASCII.replace("0 1e0 0.5", "0 nan 0.5"),
                "Line 15: Couldn't read element line. String: '0 nan 0.5 7",
            ),
        ];
        for (text, words) in cases {
            let message = read(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        let cloud = ASCII.split("element face").next().unwrap().to_owned()
            + "end_header\n0 0 0 1\n1 0 0 1\n1 1 0 1\n0 1 0 1\n";
        let message = read(cloud.as_bytes()).unwrap_err().to_string();
        assert!(message.contains("point cloud"), "{message}");
    }
}
